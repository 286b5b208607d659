/*-------------------------------------------------------------------------
 *
 * scan_sql.c
 *		cache.scan().
 *
 * It is a plain SELECT of the whole table that sees what is deferred, by the
 * custom scan that merges rows (mergescan.c): whatever the settings, and under
 * a snapshot of its own at any isolation level.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "mergescan/mergestart.h"
#include "relation/loader.h"
#include "rowcache/call.h"
#include "shmem.h"
#include "writeback/deltarow.h"
#include "writeback/write_back.h"

PG_FUNCTION_INFO_V1(cs_scan);

#define FETCH_ROWS	1000

/*
 * Whether deferred writes are shown.  Under row-level security only the table
 * is, as in a read.
 */
static bool
shows_deferred(CsBinding *binding)
{
	if (!cs_binding_defers(binding) || RecoveryInProgress() ||
		(binding->rls && check_enable_rls(binding->relid, InvalidOid, true) == RLS_ENABLED))
		return false;
	cs_write_back_wait_replayed(binding);
	return binding->nkeys > 0 && binding->slot >= 0;
}

/*
 * Open a cursor for all rows of the table.
 */
static Portal
open_scan(CsBinding *binding, SPIPlanPtr *plan)
{
	char	   *alias;
	char	   *from = cs_loader_from(binding, &alias);

	*plan = SPI_prepare(psprintf("SELECT %s %s", alias, from), 0, NULL);
	if (*plan == NULL)
		elog(ERROR, "could not prepare a scan: %s", SPI_result_code_string(SPI_result));
	return shows_deferred(binding) ? cs_mergestart_open(binding, *plan) : cs_loader_open(*plan);
}

/*
 * Put all rows of the table into the tuplestore.
 */
static void
show_table(CsBinding *binding, Tuplestorestate *rows)
{
	SPIPlanPtr	plan;
	Portal		portal;

	SPI_connect();
	portal = open_scan(binding, &plan);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			Datum		row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
											1, &isnull);
			HeapTupleData tuple = cs_row_tuple(DatumGetHeapTupleHeader(row));

			tuplestore_puttuple(rows, &tuple);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	if (!cs_loader_reads_table(plan, binding))
		cs_binding_renamed_error(binding);
	SPI_finish();
}

/*
 * cache.scan(rowtype).
 */
Datum
cs_scan(PG_FUNCTION_ARGS)
{
	CsCall	   *call;
	Relation	rel;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	call = cs_call_begin(fcinfo, -1);
	cs_binding_check_select(call->binding);
	/* code run by deferred values must not alter the table meanwhile */
	rel = table_open(call->binding->relid, NoLock);
	show_table(call->binding, ((ReturnSetInfo *) fcinfo->resultinfo)->setResult);
	cs_call_set_shape(fcinfo, call->binding->tupdesc);
	table_close(rel, NoLock);
	return (Datum) 0;
}
