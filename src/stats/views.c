/*-------------------------------------------------------------------------
 *
 * views.c
 *		The functions behind cache.stats and cache.table_stats. They return
 *		sizes and counts but no contents, so every role may call them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "guc.h"
#include "queryresult/tally.h"
#include "shmem.h"
#include "stats/statscolumns.h"
#include "store/counters.h"
#include "store/latency.h"
#include "store/miniature.h"
#include "store/slot.h"
#include "store/store.h"
#include "writeback/state.h"
#include "xact/snapshot.h"

PG_FUNCTION_INFO_V1(cs_store_info_row);
PG_FUNCTION_INFO_V1(cs_table_counters);
PG_FUNCTION_INFO_V1(cs_stats_reset);
PG_FUNCTION_INFO_V1(cs_stats_reset_shared);

/* Columns of cache.store_info() */
enum
{
	INFO_MEMORY,
	INFO_VALUE_MEMORY,
	INFO_PARTITIONS,
	INFO_MAX_VALUE,
	INFO_ENTRIES,
	INFO_BYTES,
	INFO_EVICTIONS,
	INFO_UNREAD,
	INFO_EXPIRATIONS,
	INFO_DEAD,
	INFO_DIRTY_ENTRIES,
	INFO_DIRTY_BYTES,
	INFO_TABLES,
	INFO_SLOTS_USED,
	INFO_SLOTS_TOTAL,
	INFO_FILLS_WAIT_FOR,
	INFO_TOTALS,
	INFO_RESET = INFO_TOTALS + CS_N_STATS_COLUMNS,
	N_INFO
};

/* Columns of cache.table_counters(). */
enum
{
	TABLE_RELATION,
	TABLE_STATE,
	TABLE_ENTRIES,
	TABLE_BYTES,
	TABLE_EVICTIONS,
	TABLE_UNREAD,
	TABLE_EXPIRATIONS,
	TABLE_COUNTS,
	TABLE_FILLS_WAIT_FOR = TABLE_COUNTS + CS_N_STATS_COLUMNS,
	TABLE_RESET,
	N_TABLE
};

/* Slots of the tables of one database, or of all. */
static int *
list_slots(Oid database, int *n)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));

	*n = cs_slot_list(database, slots);
	return slots;
}

static Snapshot
snapshot_of_now(void)
{
	cs_snapshot_boot();
	return IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
}

/*
 * Whether fills wait for a transaction of this database that was prepared
 * before the server start.
 */
static bool
fills_wait(uint64 *xid)
{
	*xid = cs_snapshot_waits_for(snapshot_of_now());
	return *xid != 0;
}

/*
 * cache.store_info()
 */
Datum
cs_store_info_row(PG_FUNCTION_ARGS)
{
	Datum		values[N_INFO];
	bool		nulls[N_INFO] = {0};
	TupleDesc	tupdesc;
	CsStoreInfo info;
	uint64		counts[CS_N_COUNTS];
	uint64		waits_for;
	int			ntables;

	cs_shmem_require();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cs_store_info(&info);
	pfree(list_slots(InvalidOid, &ntables));
	values[INFO_MEMORY] = Int64GetDatum((int64) info.memory);
	values[INFO_VALUE_MEMORY] = Int64GetDatum((int64) info.value_memory);
	values[INFO_PARTITIONS] = Int32GetDatum(info.partitions);
	values[INFO_MAX_VALUE] = Int64GetDatum((int64) cs_store_max_value());
	values[INFO_ENTRIES] = Int64GetDatum((int64) info.usage.entries);
	values[INFO_BYTES] = Int64GetDatum((int64) info.usage.bytes);
	values[INFO_EVICTIONS] = Int64GetDatum((int64) info.usage.evictions);
	values[INFO_UNREAD] = Int64GetDatum((int64) info.usage.unread);
	values[INFO_EXPIRATIONS] = Int64GetDatum((int64) info.usage.expirations);
	values[INFO_DEAD] = Int64GetDatum((int64) info.dead);
	values[INFO_DIRTY_ENTRIES] = Int64GetDatum((int64) info.usage.dirty_entries);
	values[INFO_DIRTY_BYTES] = Int64GetDatum((int64) info.usage.dirty_bytes);
	values[INFO_TABLES] = Int32GetDatum(ntables);
	values[INFO_SLOTS_USED] = Int32GetDatum(cs_slot_used());
	values[INFO_SLOTS_TOTAL] = Int32GetDatum(cs_max_tables);
	nulls[INFO_FILLS_WAIT_FOR] = !fills_wait(&waits_for);
	values[INFO_FILLS_WAIT_FOR] =
		FullTransactionIdGetDatum(FullTransactionIdFromU64(waits_for));
	cs_counters_flush();
	cs_counters_total(counts);
	cs_statscolumns_put(counts, &values[INFO_TOTALS]);
	values[INFO_RESET] = TimestampTzGetDatum(cs_counters_total_since());
	nulls[INFO_RESET] = cs_counters_total_since() == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}

/*
 * Add a row for one table.
 */
static void
put_slot(ReturnSetInfo *result, int slot, Snapshot now)
{
	Datum		values[N_TABLE];
	bool		nulls[N_TABLE] = {0};
	uint64		counts[CS_N_COUNTS];
	CsUsage		usage;
	uint64		waits_for;
	Oid			database;
	Oid			relation = cs_slot_relation(slot, &database);
	bool		active = cs_slot_is(cs_slot_peek(slot), CS_SLOT_ACTIVE);

	if (!OidIsValid(relation) || database != MyDatabaseId)
		return;					/* freed meanwhile */
	cs_store_usage((uint32) slot, &usage);
	cs_counters_read(slot, counts);
	values[TABLE_RELATION] = ObjectIdGetDatum(relation);
	values[TABLE_STATE] = CStringGetTextDatum(active ? "active" : "unknown");
	values[TABLE_ENTRIES] = Int64GetDatum((int64) usage.entries);
	values[TABLE_BYTES] = Int64GetDatum((int64) usage.bytes);
	values[TABLE_EVICTIONS] = Int64GetDatum((int64) usage.evictions);
	values[TABLE_UNREAD] = Int64GetDatum((int64) usage.unread);
	values[TABLE_EXPIRATIONS] = Int64GetDatum((int64) usage.expirations);
	cs_statscolumns_put(counts, &values[TABLE_COUNTS]);
	waits_for = cs_snapshot_waits_for(now);
	if (waits_for == 0 && cs_snapshot_widen(now->xmin) <= cs_slot_prepared_xid(slot))
		waits_for = cs_snapshot_widen(now->xmin);
	values[TABLE_FILLS_WAIT_FOR] =
		FullTransactionIdGetDatum(FullTransactionIdFromU64(waits_for));
	nulls[TABLE_FILLS_WAIT_FOR] = waits_for == 0 || RecoveryInProgress();
	values[TABLE_RESET] = TimestampTzGetDatum(cs_counters_since(slot));
	nulls[TABLE_RESET] = cs_counters_since(slot) == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.table_counters()
 */
Datum
cs_table_counters(PG_FUNCTION_ARGS)
{
	int		   *slots;
	int			n;
	Snapshot	now;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	now = snapshot_of_now();
	slots = list_slots(MyDatabaseId, &n);
	for (int i = 0; i < n; i++)
		put_slot((ReturnSetInfo *) fcinfo->resultinfo, slots[i], now);
	PG_RETURN_NULL();
}

/*
 * cache.stats_reset_shared()
 */
Datum
cs_stats_reset_shared(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	cs_counters_flush();
	cs_counters_reset_total();
	cs_latency_reset();
	PG_RETURN_VOID();
}

/*
 * cache.stats_reset().  Counts that other sessions have not yet added to
 * shared memory are not reset.
 */
Datum
cs_stats_reset(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	cs_counters_flush();
	cs_tally_reset();
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		CsSlotKind	kind;
		Oid			database;

		if (OidIsValid(cs_slot_name(slot, &database, &kind)) && database == MyDatabaseId)
		{
			cs_counters_reset(slot);
			cs_state_reset_counts(slot);
			cs_store_reset_evictions((uint32) slot);
			cs_miniature_reset((uint32) slot);
		}
	}
	PG_RETURN_VOID();
}
