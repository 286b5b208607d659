/*-------------------------------------------------------------------------
 *
 * flush_sql.c
 *		cache.flush() and cache.scan().
 *
 * A scan combines the table and deferred writes in the same way as a read of
 * one row: the deferred entries are read, then a fresh snapshot is taken, then
 * the entries are read again.  If a record has been removed from one of them
 * in between, the scan begins again.  Entries that were not there the first
 * time are ignored: the scan shows the state as of its beginning, or a later
 * one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "guc.h"
#include "relation/attached.h"
#include "relation/loader.h"
#include "relation/owned.h"
#include "rowcache/call.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/store.h"
#include "writeback/deferred.h"
#include "writeback/deltarow.h"
#include "writeback/flush.h"
#include "writeback/state.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"

PG_FUNCTION_INFO_V1(cs_flush);
PG_FUNCTION_INFO_V1(cs_scan);

#define FETCH_ROWS	1000
#define SHORT_MS	1000		/* time to wait for one of many tables */

/* ----- flush ----- */

/*
 * Flush one table, after waiting for its gate.
 */
static uint64
flush_one(CsBinding *binding, int patience)
{
	cs_flush_require_idle(binding->relid);
	if (!cs_state_is_open(binding->slot))
	{
		cs_state_note_table(binding->slot, MyDatabaseId);
		cs_state_wait_open(binding->slot, patience);
	}
	return cs_flush_table(binding->relid, false);
}

typedef struct OneOfMany
{
	CsBinding  *binding;
	uint64		rows;
} OneOfMany;

static void
flush_one_of_many(void *arg)
{
	OneOfMany  *one = arg;

	one->rows = flush_one(one->binding, SHORT_MS);
}

/*
 * Flush one of many tables.  An error is reported as a WARNING, so that the
 * others are flushed.  A table whose replay fails is not waited for.
 */
static uint64
flush_or_warn(CsBinding *binding)
{
	OneOfMany	one = {binding, 0};

	return cs_flush_or_warn(binding->relid, flush_one_of_many, &one) ? one.rows : 0;
}

/*
 * Whether the table can have deferred writes.
 */
static bool
is_deferring(const CsBinding *binding)
{
	return binding != NULL && binding->nkeys > 0 && cs_binding_defers(binding) &&
		binding->slot >= 0;
}

/*
 * Flush all tables of the current role.
 */
static uint64
flush_owned(void)
{
	uint64		rows = 0;
	ListCell   *lc;

	cs_flush_require_level();
	foreach(lc, cs_attached_deferring())
	{
		CsBinding  *binding;

		/* a table that is dropped meanwhile has nothing to flush */
		if (!cs_owned_is(lfirst_oid(lc)))
			continue;
		binding = cs_binding_get(lfirst_oid(lc));
		if (is_deferring(binding))
			rows += flush_or_warn(binding);
	}
	return rows;
}

/*
 * cache.flush(relation).
 */
Datum
cs_flush(PG_FUNCTION_ARGS)
{
	Oid			relid;
	CsBinding  *binding;
	uint64		rows = 0;

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.flush()");
	PreventCommandIfReadOnly("cache.flush()");
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(flush_owned());
	relid = PG_GETARG_OID(0);
	(void) cs_owned_check(relid);
	binding = cs_strategy_require(relid);
	if (is_deferring(binding))
		rows = flush_one(binding, cs_worker_timeout);
	/* dropped while waiting for its lock */
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		cs_owned_missing_error(relid);
	PG_RETURN_INT64(rows);
}

/* ----- scan: deferred entries ----- */

typedef struct Pending
{
	CsKey		name;
	uint64		gen;
	bool		present;		/* also the second time, with the same gen */
	bool		shown;			/* combined with the table's row */
	bool		own;			/* this transaction has deferred a change */
	CsDeferred	copy;
	char		status;			/* for simplehash */
} Pending;

#define SH_PREFIX		cs_pendings
#define SH_ELEMENT_TYPE Pending
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "store/keytable.h"

typedef struct TableScan
{
	CsBinding  *binding;
	cs_pendings_hash *pending;
	Snapshot	fresh;
	Tuplestorestate *rows;
	MemoryContext context;		/* of one attempt */
	MemoryContext row_context;
} TableScan;

/*
 * The row's key of the next deferred entry.  It is made from the values,
 * because the entry has another hash.
 */
static bool
next_entry(TableScan *scan, CsDirtyScan *entries, CsRowKey *rowkey)
{
	CsKey		key;
	CsFound		found;

	if (!cs_store_scan_next(entries, &key, &found))
		return false;
	if (!cs_key_decode(scan->binding, key.data, key.len, rowkey))
		elog(ERROR, "could not decode a key of table \"%s\"", scan->binding->name);
	return true;
}

/*
 * The key's element, created if necessary.
 */
static Pending *
enter(TableScan *scan, const CsKey *key, bool *found)
{
	Pending    *pending = cs_pendings_lookup(scan->pending, *key);
	CsKey		copy = *key;

	*found = pending != NULL;
	if (pending != NULL)
		return pending;
	copy.data = memcpy(palloc(Max(key->len, 1)), key->data, key->len);
	pending = cs_pendings_insert(scan->pending, copy, found);
	pending->gen = 0;
	pending->present = pending->shown = pending->own = false;
	*found = false;
	return pending;
}

/*
 * Read the entries for the first time.
 */
static void
note_entries(TableScan *scan)
{
	CsDirtyScan entries;
	CsRowKey   *rowkey = palloc(sizeof(CsRowKey));
	void	   *at = NULL;
	const CsKey *own;

	cs_store_scan_begin(&entries, scan->binding->slot);
	while (next_entry(scan, &entries, rowkey))
	{
		CsDeferred	copy;
		bool		found;

		if (cs_deferred_copy(scan->binding, &rowkey->key, &copy))
			enter(scan, &rowkey->key, &found)->gen = copy.head.gen;
	}
	while ((own = cs_xactdelta_next(scan->binding->slot, &at)) != NULL)
	{
		bool		found;

		enter(scan, own, &found)->own = true;
	}
}

/*
 * Read the entries again.  Returns false if a record has been removed from one
 * of them.
 */
static bool
note_again(TableScan *scan)
{
	cs_pendings_iterator iter;
	Pending    *pending;

	cs_pendings_start_iterate(scan->pending, &iter);
	while ((pending = cs_pendings_iterate(scan->pending, &iter)) != NULL)
	{
		if (pending->gen == 0)
			continue;
		if (!cs_deferred_copy(scan->binding, &pending->name, &pending->copy) ||
			pending->copy.head.gen != pending->gen)
			return false;
		pending->present = true;
	}
	return true;
}

/* ----- scan: rows ----- */

/*
 * A row with its deferred changes; NULL if there is none.
 */
static HeapTupleHeader
with_deferred(TableScan *scan, const Pending *pending, HeapTupleHeader row)
{
	CsDelta		sum;
	CsDelta		own;

	memset(&sum, 0, sizeof(sum));
	if (pending->present && !cs_xactdelta_has_truncated(scan->binding->slot))
		(void) cs_deferred_merge(scan->binding, &pending->copy, scan->fresh, &sum);
	if (pending->own && cs_xactdelta_delta(scan->binding, &pending->name, &own))
		cs_delta_fold(scan->binding, &sum, &own);
	return cs_delta_is_empty(&sum) ? row : cs_deltarow_apply(scan->binding, row, &sum);
}

static void
put_row(TableScan *scan, HeapTupleHeader row)
{
	HeapTupleData tuple;

	if (row == NULL)
		return;
	tuple = cs_row_tuple(row);
	tuplestore_puttuple(scan->rows, &tuple);
}

/*
 * Return a row of the table with its deferred changes.
 */
static void
show_row(TableScan *scan, HeapTupleHeader row)
{
	CsRowKey	rowkey;
	Pending    *pending = NULL;

	if (scan->pending != NULL && cs_call_row_key(scan->binding, row, &rowkey))
		pending = cs_pendings_lookup(scan->pending, rowkey.key);
	if (pending != NULL)
	{
		pending->shown = true;
		row = with_deferred(scan, pending, row);
	}
	put_row(scan, row);
}

/*
 * Return all rows of the table.
 */
static void
show_table(TableScan *scan)
{
	char	   *alias;
	char	   *from = cs_loader_from(scan->binding, &alias);
	SPIPlanPtr	plan;
	Portal		portal;
	MemoryContext old;

	SPI_connect();
	plan = SPI_prepare(psprintf("SELECT %s %s", alias, from), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare a scan: %s", SPI_result_code_string(SPI_result));
	portal = cs_loader_open(plan);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(scan->row_context);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			Datum		row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
											1, &isnull);

			show_row(scan, DatumGetHeapTupleHeader(row));
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(scan->row_context);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	if (!cs_loader_reads_table(plan, scan->binding))
		cs_binding_renamed_error(scan->binding);
	SPI_finish();
}

/* Return rows that are not in the table yet. */
static void
show_rest(TableScan *scan)
{
	cs_pendings_iterator iter;
	Pending    *pending;

	cs_pendings_start_iterate(scan->pending, &iter);
	while ((pending = cs_pendings_iterate(scan->pending, &iter)) != NULL)
		if (!pending->shown)
			put_row(scan, with_deferred(scan, pending, NULL));
}

/* One attempt of the scan.  Returns false if it has to begin again. */
static bool
scan_once(TableScan *scan)
{
	bool		done = true;

	scan->pending = cs_pendings_create(scan->context, 256, NULL);
	note_entries(scan);
	scan->fresh = RegisterSnapshot(GetLatestSnapshot());
	if (note_again(scan))
	{
		PushActiveSnapshot(scan->fresh);
		show_table(scan);
		PopActiveSnapshot();
		show_rest(scan);
	}
	else
		done = false;
	UnregisterSnapshot(scan->fresh);
	return done;
}

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
	return is_deferring(binding);
}

/*
 * cache.scan(rowtype).
 */
Datum
cs_scan(PG_FUNCTION_ARGS)
{
	CsCall	   *call;
	TableScan	scan = {0};
	Relation	rel;
	MemoryContext old;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	call = cs_call_begin(fcinfo, -1);
	scan.binding = call->binding;
	scan.rows = ((ReturnSetInfo *) fcinfo->resultinfo)->setResult;
	cs_binding_check_select(scan.binding);
	/* code run by deferred values must not alter the table meanwhile */
	rel = table_open(scan.binding->relid, NoLock);
	scan.context = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies scan",
										 ALLOCSET_DEFAULT_SIZES);
	scan.row_context = AllocSetContextCreate(scan.context, "cache_strategies scan rows",
											 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scan.context);
	if (!shows_deferred(scan.binding))
		show_table(&scan);
	else
		while (!scan_once(&scan))
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(scan.context);
			scan.row_context = AllocSetContextCreate(scan.context, "cache_strategies scan rows",
													 ALLOCSET_DEFAULT_SIZES);
		}
	MemoryContextSwitchTo(old);
	cs_call_set_shape(fcinfo, scan.binding->tupdesc);
	table_close(rel, NoLock);
	return (Datum) 0;
}
