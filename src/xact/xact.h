/*-------------------------------------------------------------------------
 *
 * xact.h
 *		The transaction protocol: what a transaction changed, told to the store
 *		at exactly the right moments of its end.
 *
 * Tables are known here by their slot number and keys by their hash.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACT_H
#define CS_XACT_H

#include "datatype/timestamp.h"

/* What a key will hold once the transaction has committed. */
typedef struct CsPublish
{
	const char *key;
	uint32		keylen;
	uint8		flags;			/* CS_ENTRY_... */
	TimestampTz expires;
	Size		quota;
	const char *value;
	Size		len;
} CsPublish;

/*
 * The table layer's part, called where it may still fail: turn a relation with
 * DDL into cs_xact_touch_table() calls.
 */
typedef void (*CsResolveHook) (Oid relation);
extern CsResolveHook cs_xact_resolve_hook;

/*
 * Moves when locks may have been given back: at the end of a transaction, and
 * when a subtransaction is rolled back.  Never 0.
 */
extern uint64 cs_xact_lock_generation;

extern void cs_xact_init(void);

/* At the end of every transaction that used the extension; must not throw. */
typedef void (*CsEndHook) (bool committed);
extern void cs_xact_at_end(CsEndHook hook);

/*
 * A key changed, and this is what it holds now.  What it holds is undone by
 * ROLLBACK TO SAVEPOINT; that it changed, by nothing: to forget too much is
 * safe.
 */
extern void cs_xact_publish(int slot, uint64 hash, const CsPublish *publish);

/* A key changed, and what it holds now is not known. */
extern void cs_xact_touch(int slot, uint64 hash);

/* A key changed, but what was said of it before, if anything, still holds. */
extern void cs_xact_touch_only(int slot, uint64 hash);

/* Any key may have changed; 'ddl': the triggers have to be looked at again */
extern void cs_xact_touch_table(int slot, bool ddl);

/* It was changed, and that is all there is to know; keys are told otherwise. */
extern void cs_xact_note_table(int slot);

/* The table is no longer cached when this transaction commits */
extern void cs_xact_drop_table(int slot, Oid database, Oid relation);

/* The table is gone unless this transaction commits */
extern void cs_xact_create_table(int slot, Oid database, Oid relation);

/* DDL on a relation, bound or not; called from invalidation callbacks */
extern void cs_xact_ddl(Oid relation);

extern bool cs_xact_has_table(int slot);
extern bool cs_xact_is_whole(int slot);
extern bool cs_xact_has_key(int slot, uint64 hash);

/* PRE_COMMIT is over: what is changed now is marked at once */
extern bool cs_xact_is_late(void);

/* Have the end hooks called even if nothing was changed */
extern void cs_xact_note_use(void);

#endif							/* CS_XACT_H */
