/*-------------------------------------------------------------------------
 *
 * xactkeys.h
 *		What this transaction has changed, and which keys it has locked.
 *		Private to the files of this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACTKEYS_H
#define CS_XACTKEYS_H

#include "port/atomics.h"

#include "kv/kv.h"
#include "xact/subxact_stack.h"

/* A lock, and the counter that tells others of it. */
typedef struct CsHold
{
	CsSubxactItem item;
	struct CsHold **place;		/* who has it; set to NULL when it goes */
	pg_atomic_uint32 *counter;	/* of such locks, shared; NULL: none */
	int64	   *nlocks;			/* and our own; NULL: none */
} CsHold;

/* A space with keys that were changed or locked. */
typedef struct CsXactKeySpace
{
	struct CsXactKeySpace *next;
	CsSpace		space;
	CsHold	   *shared;			/* RowExclusiveLock on the space */
	CsHold	   *whole;			/* ExclusiveLock: no locks on its keys needed */
	int64		nlocks;			/* on its keys */
} CsXactKeySpace;

/* What a subtransaction has made of a key. */
typedef struct CsXactKeyState
{
	CsSubxactItem item;
	struct CsXactKeyKey *key;
	char	   *bytes;			/* see entry.c; NULL: removed */
	Size		len;
	TimestampTz expires;
	uint8		flags;			/* CS_ENTRY_TAGGED */
	bool		best_effort;	/* without room, it is removed */
} CsXactKeyState;

typedef struct CsXactKeyKey
{
	CsXactKeySpace *space;
	CsKey		key;			/* data are ours */
	CsXactKeyState *top;		/* NULL: not changed, or all was rolled back */
	CsHold	   *hold;			/* NULL: its lock is not held, or the space's
								 * is */
	bool		staged;
	bool		dropped;		/* for lack of room its removal is staged */
	struct CsXactKeyKey *next;
} CsXactKeyKey;

/* By the space's own name, as its slot may change hands. */
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
	char		status;			/* of simplehash */
} CsXactKeyEntry;

/* Of this backend; the memory goes with the transaction. */
typedef struct CsXactKeys
{
	MemoryContext context;		/* NULL: nothing was changed or locked */
	struct cs_overlayset_hash *keys;
	CsXactKeyKey *list;			/* all of them */
	CsXactKeySpace *spaces;
	CsSubxactStack states;
	CsSubxactStack holds;
} CsXactKeys;

extern CsXactKeys cs_xactkeys;

/* The key if this transaction has changed it; else NULL. */
extern CsXactKeyKey *cs_xactkeys_find(const CsKvKey *key);

/* The space, as it is now; entered if it is not there. */
extern CsXactKeySpace *cs_xactkeys_space(const CsSpace *space);

/* The key, likewise. */
extern CsXactKeyKey *cs_xactkeys_enter(const CsKvKey *key);

extern void cs_xactkeys_put(CsXactKeyKey *own, const CsKvValue *value, bool best_effort);
extern void cs_xactkeys_remove(CsXactKeyKey *own);

/* Has it changed anything? */
extern bool cs_xactkeys_is_changed(void);

/*
 * The memory for a hold first, as the second step, when there is the lock, must
 * not fail.
 */
extern CsHold *cs_xactkeys_new_hold(CsHold **place, pg_atomic_uint32 *counter,
									int64 *nlocks);
extern void cs_xactkeys_add_hold(CsHold *hold);

extern void cs_xactkeys_release(void);
extern void cs_xactkeys_forget(void);
extern void cs_xactkeys_init(void);

#endif							/* CS_XACTKEYS_H */
