/*-------------------------------------------------------------------------
 *
 * overlay.h
 *		What this transaction has changed, and which keys it has locked.
 *		Private to the files of this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_OVERLAY_H
#define CS_OVERLAY_H

#include "lib/ilist.h"
#include "port/atomics.h"

#include "kv/kv.h"

/* A lock, and the counter that tells others of it. */
typedef struct CsHold
{
	dlist_node	node;			/* in its subtransaction's list */
	struct CsHold **place;		/* who has it; set to NULL when it goes */
	pg_atomic_uint32 *counter;	/* of such locks, shared; NULL: none */
	int64	   *nlocks;			/* and our own; NULL: none */
} CsHold;

/* A space with keys that were changed or locked. */
typedef struct CsOverlaySpace
{
	struct CsOverlaySpace *next;
	CsSpace		space;
	CsHold	   *shared;			/* RowExclusiveLock on the space */
	CsHold	   *whole;			/* ExclusiveLock: no locks on its keys needed */
	int64		nlocks;			/* on its keys */
} CsOverlaySpace;

/* What a subtransaction has made of a key. */
typedef struct CsOverlayState
{
	dlist_node	node;			/* in its subtransaction's list */
	struct CsOverlayState *below;	/* same key, an outer subtransaction */
	struct CsOverlayKey *key;
	SubTransactionId subid;
	char	   *bytes;			/* see entry.c; NULL: removed */
	Size		len;
	TimestampTz expires;
	uint8		flags;			/* CS_ENTRY_TAGGED */
	bool		best_effort;	/* without room, it is removed */
} CsOverlayState;

typedef struct CsOverlayKey
{
	CsOverlaySpace *space;
	CsKey		key;			/* data are ours */
	CsOverlayState *top;		/* NULL: not changed, or all was rolled back */
	CsHold	   *hold;			/* NULL: its lock is not held, or the space's
								 * is */
	bool		staged;
	bool		dropped;		/* for lack of room its removal is staged */
	struct CsOverlayKey *next;
} CsOverlayKey;

/* By the space's own name, as its slot may change hands. */
typedef struct CsOverlayName
{
	Oid			space;
	bool		own;
	CsKey		key;
} CsOverlayName;

typedef struct CsOverlayEntry
{
	CsOverlayName name;
	CsOverlayKey *key;
	char		status;			/* of simplehash */
} CsOverlayEntry;

typedef struct CsOverlayLevel
{
	struct CsOverlayLevel *outer;
	SubTransactionId subid;
	dlist_head	states;
	dlist_head	holds;
} CsOverlayLevel;

/* Of this backend; the memory goes with the transaction. */
typedef struct CsOverlay
{
	MemoryContext context;		/* NULL: nothing was changed or locked */
	struct cs_overlayset_hash *keys;
	CsOverlayKey *list;			/* all of them */
	CsOverlaySpace *spaces;
	CsOverlayLevel *levels;		/* innermost first */
} CsOverlay;

extern CsOverlay cs_overlay;

/* The key if this transaction has changed it; else NULL. */
extern CsOverlayKey *cs_overlay_find(const CsKvKey *key);

/* The space, as it is now; entered if it is not there. */
extern CsOverlaySpace *cs_overlay_space(const CsSpace *space);

/* The key, likewise. */
extern CsOverlayKey *cs_overlay_enter(const CsKvKey *key);

extern void cs_overlay_put(CsOverlayKey *own, const CsKvValue *value, bool best_effort);
extern void cs_overlay_remove(CsOverlayKey *own);

/* Has it changed anything? */
extern bool cs_overlay_is_changed(void);

/*
 * The memory for a hold first, as the second step, when there is the lock, must
 * not fail.
 */
extern CsHold *cs_overlay_new_hold(CsHold **place, pg_atomic_uint32 *counter,
								   int64 *nlocks);
extern void cs_overlay_add_hold(CsHold *hold);

extern void cs_overlay_release(void);
extern void cs_overlay_forget(void);
extern void cs_overlay_subcommitted(SubTransactionId sub, SubTransactionId parent);
extern void cs_overlay_subaborted(SubTransactionId sub);

#endif							/* CS_OVERLAY_H */
