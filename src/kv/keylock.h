/*-------------------------------------------------------------------------
 *
 * keylock.h
 *		Locks on keys, and how immediate changes avoid them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYLOCK_H
#define CS_KEYLOCK_H

#include "kv/xactkeys.h"
#include "storage/lock.h"

extern Size cs_keylock_shmem_size(void);
extern void cs_keylock_shmem_init(void);
extern void cs_keylock_take(CsXactKeyKey *own);
extern void cs_keylock_announce(CsXactKeySpace *space, int64 nkeys);

/* Locks of one immediate change. */
typedef struct CsKeyLock
{
	LOCKTAG		space;
	LOCKTAG		key;
} CsKeyLock;

extern void cs_keylock_begin(const CsKvKey *key, CsKeyLock *lock);
extern void cs_keylock_end(const CsKeyLock *lock);
extern bool cs_keylock_is_free(const CsKvKey *key);

#ifdef CS_TEST_POINTS
extern uint64 cs_keylock_count(void);
#endif

#endif							/* CS_KEYLOCK_H */
