/*-------------------------------------------------------------------------
 *
 * xactkeys.h
 *		The keys that the current transaction has changed or locked. Private to
 *		the files of this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACTKEYS_H
#define CS_XACTKEYS_H

#include "port/atomics.h"

#include "kv/kv.h"
#include "xact/subxact_stack.h"

/* A lock, and the shared counter that announces it. */
typedef struct CsHold
{
	CsSubxactItem item;
	struct CsHold **place;		/* where the holder keeps it; set to NULL when
								 * released */
	pg_atomic_uint32 *counter;	/* such locks of all backends; NULL: none */
	int64	   *nlocks;			/* such locks of this transaction; NULL: none */
} CsHold;

/* A space with keys that were changed or locked. */
typedef struct CsXactKeySpace
{
	struct CsXactKeySpace *next;
	CsSpace		space;
	CsHold	   *shared;			/* RowExclusiveLock on the space */
	CsHold	   *whole;			/* ExclusiveLock: key locks are not needed */
	int64		nlocks;			/* locks on its keys */
} CsXactKeySpace;

/* State of a key in a subtransaction. */
typedef struct CsXactKeyState
{
	CsSubxactItem item;
	struct CsXactKeyKey *key;
	char	   *bytes;			/* see entry.c; NULL: removed */
	Size		len;
	TimestampTz expires;
	uint8		flags;			/* CS_ENTRY_TAGGED */
	bool		best_effort;	/* removed if there is no room */
} CsXactKeyState;

typedef struct CsXactKeyKey
{
	CsXactKeySpace *space;
	CsKey		key;			/* data is a copy */
	CsXactKeyState *top;		/* NULL: not changed, or rolled back */
	CsHold	   *hold;			/* NULL: not locked, or the space is locked */
	bool		staged;
	bool		dropped;		/* its removal is staged because there was no
								 * room */
	struct CsXactKeyKey *next;
} CsXactKeyKey;

/* Identified by the space's own name, because the slot can be reassigned. */
typedef struct CsXactKeyName
{
	Oid			space;
	bool		own;
	CsKey		key;
} CsXactKeyName;

typedef struct CsXactKeyEntry
{
	CsXactKeyName name;
	CsXactKeyKey *key;
	char		status;			/* for simplehash */
} CsXactKeyEntry;

/* State of this backend; the memory is freed with the transaction. */
typedef struct CsXactKeys
{
	MemoryContext context;		/* NULL: nothing was changed or locked */
	struct cs_overlayset_hash *keys;
	CsXactKeyKey *list;			/* all keys */
	CsXactKeySpace *spaces;
	CsSubxactStack states;
	CsSubxactStack holds;
} CsXactKeys;

extern CsXactKeys cs_xactkeys;

extern CsXactKeyKey *cs_xactkeys_find(const CsKvKey *key);

extern CsXactKeySpace *cs_xactkeys_space(const CsSpace *space);

extern CsXactKeyKey *cs_xactkeys_enter(const CsKvKey *key);

extern void cs_xactkeys_put(CsXactKeyKey *own, const CsKvValue *value, bool best_effort);
extern void cs_xactkeys_remove(CsXactKeyKey *own);

extern bool cs_xactkeys_is_changed(void);

extern CsHold *cs_xactkeys_new_hold(CsHold **place, pg_atomic_uint32 *counter,
									int64 *nlocks);
extern void cs_xactkeys_add_hold(CsHold *hold);

extern void cs_xactkeys_release(void);
extern void cs_xactkeys_forget(void);
extern void cs_xactkeys_init(void);

#endif							/* CS_XACTKEYS_H */
