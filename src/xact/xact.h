/*-------------------------------------------------------------------------
 *
 * xact.h
 *		The transaction protocol: it applies the changes of a transaction to
 *		the store at the right moments of the transaction's end.
 *
 * Tables are identified by slot number and keys by hash.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACT_H
#define CS_XACT_H

#include "datatype/timestamp.h"

/* What a key will contain after the transaction has committed. */
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
 * Called at a point where errors are still possible: maps a relation with DDL
 * to calls of cs_xact_touch_table().
 */
typedef void (*CsResolveHook) (Oid relation);
extern CsResolveHook cs_xact_resolve_hook;

/*
 * Moves when locks may have been released: at the end of a transaction, and
 * when a subtransaction is rolled back.  Never 0.
 */
extern uint64 cs_xact_lock_generation;

extern void cs_xact_init(void);

/*
 * Called at the end of every transaction that has used the extension.  Must
 * not throw.
 */
typedef void (*CsEndHook) (bool committed);
extern void cs_xact_at_end(CsEndHook hook);

/*
 * Note that a key has changed, and its new contents.  ROLLBACK TO SAVEPOINT
 * undoes the contents, but not the fact that the key changed: removing too
 * much is safe.
 */
extern void cs_xact_publish(int slot, uint64 hash, const CsPublish *publish);

/* Note that a key has changed, and that its contents are not known. */
extern void cs_xact_touch(int slot, uint64 hash);

/* Note that a key has changed; contents noted before remain valid. */
extern void cs_xact_touch_only(int slot, uint64 hash);

/*
 * Note that any key may have changed; 'ddl': the triggers must be examined
 * again
 */
extern void cs_xact_touch_table(int slot, bool ddl);

/* Note only that the table has changed; its keys are noted separately. */
extern void cs_xact_note_table(int slot);

/* The table is no longer cached when this transaction commits. */
extern void cs_xact_drop_table(int slot, Oid database, Oid relation);

/* The table does not exist unless this transaction commits. */
extern void cs_xact_create_table(int slot, Oid database, Oid relation);

/*
 * Note DDL on a relation, cached or not; called from invalidation callbacks.
 */
extern void cs_xact_ddl(Oid relation);

extern bool cs_xact_has_table(int slot);
extern bool cs_xact_is_whole(int slot);
extern bool cs_xact_has_key(int slot, uint64 hash);

/* PRE_COMMIT has finished: further changes are marked at once */
extern bool cs_xact_is_late(void);

/* Call the end hooks even if nothing was changed */
extern void cs_xact_note_use(void);

#endif							/* CS_XACT_H */
