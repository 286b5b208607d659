/*-------------------------------------------------------------------------
 *
 * warm.c
 *		SQL function cache.warm(): load a table into the cache in advance.
 *
 * A fill needs a token taken before the snapshot under which its row was
 * loaded. The keys are not known before the scan.  So all stripe words are
 * copied first, then a fresh snapshot is taken, and the table is scanned under
 * it; a row's token is made from its word in the copy.  A key that was changed
 * meanwhile is loaded individually, with a token and a snapshot of its own.
 * So is every key of a table with a loader function, since the cache contains
 * what the loader returns.
 *
 * It ends at the end of the table, when as many rows are filled as requested,
 * or when further rows would only displace those filled before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "guc.h"
#include "relation/loader.h"
#include "rowcache/call.h"
#include "rowcache/progress.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"
#include "testpoint.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_warm);

#define FETCH_ROWS	100

/*
 * Number of evictions that do not indicate a full store, as partitions differ
 * in use.
 */
#define FEW_EVICTIONS(filled)	((filled) / 16 + 8)

typedef struct Warm
{
	CsAccess	access;
	int64		max_rows;
	int64		filled;
	uint64	   *words;			/* of all stripes, copied before 'fresh' was
								 * taken */
	uint64		slot_word;		/* read before 'fresh' was taken */
	Snapshot	fresh;
	uint64		evictions;		/* of the table's entries, at the start */
	MemoryContext row_context;	/* reset after each row */
} Warm;

/* ----- one row ----- */

/*
 * Make a token from the copied words; returns false if it has writers.
 */
static bool
copied_token(const Warm *warm, uint64 hash, CsToken *token)
{
	token->slot = warm->access.binding->slot;
	token->slot_word = warm->slot_word;
	token->stripe = cs_stripe_of(hash);
	token->stripe_word = warm->words[token->stripe];
	return cs_stripe_writers(token->stripe_word) == 0;
}

/* Load and fill a key with a token and a snapshot of its own. */
static bool
fill_by_key(Warm *warm, const CsRowKey *rowkey)
{
	CsAnswer	answer;

	memset(&answer, 0, sizeof(answer));
	cs_access_load(&warm->access, rowkey, true, &answer);
	warm->access.bypass = CS_HIT;	/* a writer of this key's stripe does not
									 * concern the next key */
	return answer.fill == CS_FILL_DONE;
}

/*
 * Fill a row of the scan; returns whether it was filled.
 */
static bool
fill_row(Warm *warm, HeapTupleHeader row, const TransactionId *xmin)
{
	CsRowKey	rowkey;
	CsToken		token;
	CsFill		fill;

	if (!cs_call_row_key(warm->access.binding, row, &rowkey) ||
		rowkey.key.len > CS_MAX_KEY_LEN)
		return false;
	if (warm->access.binding->options.loader != NULL ||
		!copied_token(warm, rowkey.key.hash, &token) ||
		cs_stripe_read(token.stripe) != token.stripe_word)
		return fill_by_key(warm, &rowkey);
	fill = cs_access_fill(&warm->access, &rowkey, &token, warm->fresh, &row, xmin);
	cs_access_count_fill(warm->access.binding, fill);
	return fill == CS_FILL_DONE;
}

/* ----- the scan ----- */

/*
 * Whether to stop.
 */
static bool
is_finished(const Warm *warm)
{
	CsUsage		usage;

	if (warm->filled >= warm->max_rows)
		return true;

	/*
	 * the whole table was invalidated: nothing can be filled with these
	 * tokens
	 */
	if (!cs_slot_same(cs_slot_read(warm->access.binding->slot), warm->slot_word))
		return true;
	cs_store_usage(warm->access.binding->slot, &usage);
	/* the counter may have been reset */
	return usage.evictions > warm->evictions &&
		usage.evictions - warm->evictions > FEW_EVICTIONS(warm->filled);
}

/*
 * A copy of the row with its tid, if that is known.
 */
static HeapTupleHeader
with_tid(Datum row, ItemPointer tid)
{
	HeapTupleHeader copy = (HeapTupleHeader)
	pg_detoast_datum_copy((struct varlena *) DatumGetPointer(row));

	if (tid != NULL)
		copy->t_ctid = *tid;
	else
		ItemPointerSetInvalid(&copy->t_ctid);
	return copy;
}

/* Fill the fetched rows; returns false if it is time to stop. */
static bool
fill_fetched(Warm *warm, SPITupleTable *table, uint64 n)
{
	int64		filled_before = warm->filled;
	uint64		i;
	bool		go_on = true;

	for (i = 0; i < n && go_on; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(warm->row_context);
		bool		isnull;
		Datum		row = SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull);
		Datum		tid = SPI_getbinval(table->vals[i], table->tupdesc, 3, &isnull);
		TransactionId xmin = DatumGetTransactionId(SPI_getbinval(table->vals[i],
																 table->tupdesc, 2,
																 &isnull));

		CHECK_FOR_INTERRUPTS();
		if (fill_row(warm, with_tid(row, isnull ? NULL : (ItemPointer) DatumGetPointer(tid)),
					 isnull ? NULL : &xmin))
			warm->filled++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(warm->row_context);
		go_on = !is_finished(warm);
	}
	cs_progress_advance(i, warm->filled - filled_before);
	return go_on;
}

/*
 * Open the scan.  A role that may not see xmin gets the rows without it (see
 * loader.c).
 */
static Portal
open_scan(const Warm *warm)
{
	CsBinding  *binding = warm->access.binding;
	bool		with_xmin = cs_binding_may_select(binding) && binding->acl_xmin;
	char	   *alias;
	char	   *from = cs_loader_from(binding, &alias);
	char	   *query = psprintf("SELECT %s, %s %s", alias,
								 with_xmin ? psprintf("%s.xmin, %s.ctid", alias, alias) :
								 "CAST(NULL AS pg_catalog.xid), CAST(NULL AS pg_catalog.tid)",
								 from);
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	Portal		portal;

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	PushActiveSnapshot(warm->fresh);
	portal = cs_loader_open(plan);
	PopActiveSnapshot();
	if (!cs_loader_reads_table(plan, binding))
		cs_binding_renamed_error(binding);
	return portal;
}

/*
 * Scan the table.
 */
static void
scan(Warm *warm)
{
	Portal		portal;
	bool		go_on = true;

	SPI_connect();
	portal = open_scan(warm);
	cs_progress_phase("loading rows");
	while (go_on)
	{
		SPITupleTable *table;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		table = SPI_tuptable;
		go_on = SPI_processed > 0 && fill_fetched(warm, table, SPI_processed);
		SPI_freetuptable(table);
	}
	SPI_cursor_close(portal);
	SPI_finish();
}

/* ----- entry point ----- */

/* Rows according to the last ANALYZE, for the progress view. */
static double
relation_rows(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double		rows = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	if (((Form_pg_class) GETSTRUCT(tuple))->relkind == RELKIND_RELATION)
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return Max(rows, 0);
}

/*
 * Estimated rows of the table with its partitions.
 */
static int64
estimated_rows(const CsBinding *binding)
{
	double		rows = relation_rows(binding->relid);

	for (int i = 0; i < binding->tree.nparts; i++)
		rows += relation_rows(binding->tree.parts[i]);
	return (int64) rint(rows);
}

static void
refuse(const CsBinding *binding, CsReason reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot load table \"%s\" into the cache now", binding->name),
			 errdetail("The cache is left out: %s.", cs_access_reason_text(reason))));
}

/* Begin the access, take the tokens of all keys, then the snapshot. */
static void
begin_warm(Warm *warm, Oid relid)
{
	CsAccess   *access = &warm->access;
	CsUsage		usage;

	do
	{
		CsBinding  *binding = cs_strategy_require(relid);

		cs_access_begin(access, binding, cs_call_snapshot());
		if (access->bypass != CS_HIT)
			refuse(access->binding, access->bypass);
	} while (!cs_access_lock(access));
	cs_store_usage(access->binding->slot, &usage);
	warm->evictions = usage.evictions;
	warm->words = MemoryContextAllocHuge(CurrentMemoryContext,
										 cs_stripes * sizeof(uint64));
	warm->slot_word = cs_slot_read(access->binding->slot);
	cs_stripe_copy(warm->words);
	if (!cs_slot_is(warm->slot_word, CS_SLOT_ACTIVE) ||
		cs_slot_epoch(warm->slot_word) != access->binding->epoch ||
		cs_slot_writers(warm->slot_word) != 0)
		refuse(access->binding, CS_BYPASS_WRITERS);
	CS_TEST_POINT("after_token");
	warm->fresh = cs_access_fresh_snapshot(access);
	CS_TEST_POINT("after_snapshot");
}

static void
end_progress(int code, Datum arg)
{
	cs_progress_end();
}

/*
 * Load the table; returns how many rows were filled.
 */
static int64
warm_table(Oid relid, int64 max_rows)
{
	Warm		warm;

	memset(&warm, 0, sizeof(warm));
	warm.max_rows = max_rows;
	warm.row_context = AllocSetContextCreate(CurrentMemoryContext,
											 "cache_strategies warm",
											 ALLOCSET_DEFAULT_SIZES);
	begin_warm(&warm, relid);
	cs_xact_note_use();
	PG_ENSURE_ERROR_CLEANUP(end_progress, (Datum) 0);
	{
		cs_progress_start(relid, "initializing",
						  Min(max_rows, estimated_rows(warm.access.binding)));
		if (max_rows > 0)
			scan(&warm);
	}
	PG_END_ENSURE_ERROR_CLEANUP(end_progress, (Datum) 0);
	cs_progress_end();
	UnregisterSnapshot(warm.fresh);
	MemoryContextDelete(warm.row_context);
	pfree(warm.words);
	return warm.filled;
}

/*
 * cache.warm(relation, max_rows)
 */
Datum
cs_warm(PG_FUNCTION_ARGS)
{
	int64		max_rows = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT64(1);

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.warm()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the table to load must not be NULL")));
	if (max_rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of rows to load must not be negative")));
	PG_RETURN_INT64(warm_table(PG_GETARG_OID(0), max_rows));
}
