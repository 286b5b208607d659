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
extern void cs_write_back_wait_replayed(CsBinding *binding);
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

extern void cs_write_back_stop(const CsBinding *binding);
extern bool cs_write_back_latest(CsBinding *binding, const CsRowKey *rowkey,
								 CsMergedRow *over);
extern void cs_write_back_merge(CsBinding *binding, const CsRowKey *rowkey,
							   HeapTupleHeader base, CsMergedRow *over);
extern bool cs_write_back_in_table(CsBinding *binding, const CsRowKey *rowkey);
extern HeapTupleHeader cs_write_back_defer(CsBinding *binding, const CsRowKey *rowkey,
										   HeapTupleHeader row, const CsDelta *delta);
extern bool cs_write_back_lock(CsBinding *binding, const CsRowKey *rowkey,
							   HeapTupleHeader row);

#endif							/* CS_WRITE_BACK_H */
