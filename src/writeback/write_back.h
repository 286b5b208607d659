/*-------------------------------------------------------------------------
 *
 * write_back.h
 *		Write back: what the functions that write, and the trigger that
 *		defers, ask of the strategy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WRITE_BACK_H
#define CS_WRITE_BACK_H

#include "rowcache/access.h"
#include "rowcache/strategy.h"
#include "writeback/delta.h"

extern const CsStrategy cs_write_back;

/* After a crash: what was deferred before comes first. */
extern void cs_write_back_wait_replayed(CsBinding *binding);

/*
 * Can writes of this table be deferred here and now?  Takes RowExclusiveLock on
 * the table, and waits for the end of a recovery; if that brings in that the
 * table has changed, the binding is retired: begin again.
 */
extern bool cs_write_back_begin(CsBinding *binding);

/* A row, and what is deferred for it. */
typedef struct CsMergedRow
{
	HeapTupleHeader base;		/* as the table has it; NULL: it has not */
	HeapTupleHeader row;		/* with all that is deferred, ours included;
								 * NULL: there is none */
	CsDelta		deferred;		/* all that */
	uint64		arrival;		/* of the deferred entry */
	bool		awaited;		/* a transaction is about to add to it */
	uint64		behind;			/* xid of one that has committed, but does
								 * not count yet: it had the row before us */
} CsMergedRow;

/*
 * Nothing is deferred for the table in the rest of the transaction: a policy is
 * to check what its statement writes, and policies see what reaches the table.
 */
extern void cs_write_back_stop(const CsBinding *binding);

/*
 * The row as it is now; false: the table has changed since the key was made,
 * begin again.
 */
extern bool cs_write_back_latest(CsBinding *binding, const CsRowKey *rowkey,
								 CsMergedRow *over);

/*
 * The same for a row that we have locked and that the table has as 'base'.
 */
extern void cs_write_back_merge(CsBinding *binding, const CsRowKey *rowkey,
							   HeapTupleHeader base, CsMergedRow *over);

/* Has the table itself a row of this key, as of now? */
extern bool cs_write_back_in_table(CsBinding *binding, const CsRowKey *rowkey);

/*
 * Defer the delta.  'row' is the row as it is now (cs_write_back_latest); the
 * result is the row as it will be, checked.  NULL: others may be changing it too
 * and the checks need it to hold still; it does now: get the row anew.
 */
extern HeapTupleHeader cs_write_back_defer(CsBinding *binding, const CsRowKey *rowkey,
										   HeapTupleHeader row, const CsDelta *delta);

/* Lock the key against others who defer, if checks of this row need it. */
extern bool cs_write_back_lock(CsBinding *binding, const CsRowKey *rowkey,
							   HeapTupleHeader row);

#endif							/* CS_WRITE_BACK_H */
