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
	Size		len;			/* of the value */
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

extern char *cs_xact_publish(int slot, uint64 hash, const CsPublish *publish);

extern void cs_xact_touch(int slot, uint64 hash);

extern void cs_xact_touch_only(int slot, uint64 hash);

extern void cs_xact_touch_table(int slot, bool ddl);

extern void cs_xact_note_table(int slot);

extern void cs_xact_note_word(int slot, uint32 word);
extern bool cs_xact_has_all_values(int slot);

extern void cs_xact_drop_table(int slot, Oid database, Oid relation);

extern void cs_xact_create_table(int slot, Oid database, Oid relation);

extern void cs_xact_ddl(Oid relation);

extern bool cs_xact_has_table(int slot);
extern bool cs_xact_is_whole(int slot);
extern bool cs_xact_has_key(int slot, uint64 hash);

extern bool cs_xact_is_late(void);

extern void cs_xact_note_use(void);

#endif							/* CS_XACT_H */
