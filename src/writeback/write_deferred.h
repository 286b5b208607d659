/*-------------------------------------------------------------------------
 *
 * write_deferred.h
 *		Deferring writes by key. cache.write() and the others try this first if
 *		the table is attached with write_back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WRITE_DEFERRED_H
#define CS_WRITE_DEFERRED_H

#include "utils/numeric.h"

#include "rowcache/call.h"

typedef enum CsDefer
{
	CS_DEFER_DONE,
	CS_DEFER_NOT,				/* it must be written to the table */
	CS_DEFER_AGAIN				/* the table has changed: begin again */
} CsDefer;

extern CsDefer cs_write_deferred_write(CsBinding *binding, HeapTupleHeader row,
									   HeapTupleHeader *result);
extern CsDefer cs_write_deferred_increment(CsBinding *binding, Form_pg_attribute att,
										   Numeric delta, const CsRowKey *rowkey,
										   Numeric *result, bool *found);
extern Numeric cs_write_deferred_as_numeric(Datum value, Oid type);
extern CsDefer cs_write_deferred_remove(CsBinding *binding, const CsRowKey *rowkey, bool *found);

#endif							/* CS_WRITE_DEFERRED_H */
