/*-------------------------------------------------------------------------
 *
 * write_back.h
 *		Strategy write_back: functions for the SQL functions that write, and
 *		for the trigger that defers.
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

/* A row with its deferred changes. */
typedef struct CsMergedRow
{
	HeapTupleHeader base;		/* the table's row; NULL if it has none */
	HeapTupleHeader row;		/* with all deferred changes, including our
								 * own; NULL if there is no row */
	CsDelta		deferred;		/* all deferred changes */
	uint64		arrival;		/* of the deferred entry */
	bool		awaited;		/* a transaction is about to add to it */
	uint64		behind;			/* xid of a transaction that has committed but
								 * does not count yet: it had the row before
								 * us */
} CsMergedRow;

extern void cs_write_back_stop(const CsBinding *binding);
extern bool cs_write_back_latest(CsBinding *binding, const CsRowKey *rowkey,
								 CsMergedRow *over);
extern void cs_write_back_merge(CsBinding *binding, const CsRowKey *rowkey,
								HeapTupleHeader base, CsMergedRow *over);
extern void cs_write_back_wait(const CsBinding *binding, const CsRowKey *rowkey,
							   const CsMergedRow *over, TimestampTz *end);
extern bool cs_write_back_in_table(CsBinding *binding, const CsRowKey *rowkey);
extern HeapTupleHeader cs_write_back_defer(CsBinding *binding, const CsRowKey *rowkey,
										   HeapTupleHeader row, const CsDelta *delta);
extern bool cs_write_back_lock_key(const CsBinding *binding, const CsKey *key);
extern bool cs_write_back_lock(CsBinding *binding, const CsRowKey *rowkey,
							   HeapTupleHeader row);

#endif							/* CS_WRITE_BACK_H */
