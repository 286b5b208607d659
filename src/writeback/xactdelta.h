/*-------------------------------------------------------------------------
 *
 * xactdelta.h
 *		What the current transaction has deferred, cancelled and flushed, and
 *		what becomes of that when it ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACTDELTA_H
#define CS_XACTDELTA_H

#include "relation/key.h"
#include "writeback/delta.h"

/*
 * Positive: this backend is writing to tables by itself; no change is deferred,
 * and no statement refused because it could be.
 */
extern int	cs_xactdelta_direct;

/*
 * In between, a row that is inserted into the table may have been deferred as a
 * whole meanwhile: it is left out then, and that has been met.  Not so what
 * triggers insert.
 */
extern void cs_xactdelta_begin_upsert(Oid relid);
extern void cs_xactdelta_end_upsert(void);
extern bool cs_xactdelta_is_upserting(Oid relid);
extern void cs_xactdelta_meet_deferred(void);

/* Has it, in the last upsert? */
extern bool cs_xactdelta_met_deferred(void);

extern void cs_xactdelta_init(void);

/*
 * Defer a delta, on top of what this transaction has deferred for the key.  The
 * caller holds RowExclusiveLock on the table.
 */
extern void cs_xactdelta_defer(CsBinding *binding, const CsRowKey *rowkey,
							   const CsDelta *delta);

/* So much of it that it had better go to the table at once? */
extern bool cs_xactdelta_is_large(const CsDelta *delta);

/*
 * This transaction has changed the row directly: what others have deferred for
 * these columns (NULL: for the row) is void.  flags: CS_RESERVE_...
 */
extern void cs_xactdelta_cancel(CsBinding *binding, const CsRowKey *rowkey,
								Bitmapset *columns, int flags);

/*
 * An UPDATE that meets a row for the second time leaves it alone.  It would not
 * know it, as nothing has happened to a row whose UPDATE is deferred.
 */
extern bool cs_xactdelta_is_updated(const CsKey *key);
extern void cs_xactdelta_set_updated(const CsKey *key);

/*
 * What was deferred last are differences to the row with all that is deferred
 * for it: a whole row that comes in between makes them wrong.
 */
extern void cs_xactdelta_set_sets(const CsKey *key);

/*
 * What is deferred for the row has gone into it, up to this arrival: nothing
 * may have come since when the transaction ends.  The trigger that fires after
 * the row has been changed cancels it.  'moves': the row gets another key.
 */
extern void cs_xactdelta_expect(CsBinding *binding, const CsRowKey *rowkey, uint64 arrival,
								bool moves);

/* Has that been called for the row's last change?  Once for each time. */
extern bool cs_xactdelta_took_along(const CsKey *key);

/* It has truncated the table. */
extern void cs_xactdelta_truncate(CsBinding *binding);

/* What it has deferred for the key so far; false: nothing. */
extern bool cs_xactdelta_delta(CsBinding *binding, const CsKey *key, CsDelta *delta);

/* Has it deferred anything for the table? */
extern bool cs_xactdelta_has(int slot);
extern bool cs_xactdelta_has_cancels(int slot);

/* Has it truncated the table?  Then what others have deferred is void for it. */
extern bool cs_xactdelta_has_truncated(int slot);

/* Every key for which it has, one after the other; start with *at = NULL. */
extern const CsKey *cs_xactdelta_next(int slot, void **at);

/* It has written the record to the table. */
extern void cs_xactdelta_wrote(CsBinding *binding, const CsKey *key, uint64 id);

/* Wait, cancellably, while the table has all the dirty entries it may have. */
extern void cs_xactdelta_wait_for_room(CsBinding *binding);

#endif							/* CS_XACTDELTA_H */
