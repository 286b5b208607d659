/*-------------------------------------------------------------------------
 *
 * keylock.h
 *		Who may change a key: locks, and how immediate changes do without.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYLOCK_H
#define CS_KEYLOCK_H

#include "kv/xactkeys.h"
#include "storage/lock.h"

extern Size cs_keylock_shmem_size(void);
extern void cs_keylock_shmem_init(void);

/*
 * Lock the key for this transaction, unless it is.  An error if its space has
 * been dropped meanwhile.
 */
extern void cs_keylock_take(CsXactKeyKey *own);

/* So many keys are about to be locked: the whole space, if that is better. */
extern void cs_keylock_announce(CsXactKeySpace *space, int64 nkeys);

/* Locked for one change that is made at once, and given back. */
typedef struct CsKeyLock
{
	LOCKTAG		space;
	LOCKTAG		key;
} CsKeyLock;

extern void cs_keylock_begin(const CsKvKey *key, CsKeyLock *lock);
extern void cs_keylock_end(const CsKeyLock *lock);

/*
 * Has no transaction a lock on the key, and is its space still there?  To be
 * asked under the partition lock.
 */
extern bool cs_keylock_is_free(const CsKvKey *key);

/* An error if the space was dropped after the caller got it. */
extern void cs_keylock_check_space(const CsSpace *space);

#ifdef CS_TEST_POINTS
/* Locks that the counters tell of */
extern uint64 cs_keylock_count(void);
#endif

#endif							/* CS_KEYLOCK_H */
