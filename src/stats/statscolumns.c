/*-------------------------------------------------------------------------
 *
 * statscolumns.c
 *		The columns that cache.stats and cache.table_stats have in common, and
 *		cache.reason_counters(): misses, bypasses and refused fills by reason.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "guc.h"
#include "kv/space.h"
#include "shmem.h"
#include "stats/statscolumns.h"
#include "store/counters.h"
#include "store/slot.h"

PG_FUNCTION_INFO_V1(cs_reason_counters);

/* ----- columns ----- */

static Datum
number(uint64 n)
{
	return Int64GetDatum((int64) n);
}

static Datum
milliseconds(uint64 nanos)
{
	return Float8GetDatum((double) nanos / 1000000);
}

/*
 * Put the columns, none of which is NULL.
 */
void
cs_statscolumns_put(const uint64 *counts, Datum *values)
{
	int			n = 0;

	values[n++] = number(counts[CS_COUNT_HIT]);
	values[n++] = number(counts[CS_COUNT_HIT_ABSENT]);
	values[n++] = number(cs_counters_sum(counts, CS_EVENT_MISS));
	values[n++] = number(cs_counters_sum(counts, CS_EVENT_BYPASS));
	values[n++] = number(counts[CS_COUNT_FILL]);
	values[n++] = number(cs_counters_sum(counts, CS_EVENT_REFUSED));
	values[n++] = number(cs_counters_sum(counts, CS_EVENT_NO_ROOM));
	values[n++] = number(counts[CS_COUNT_LOAD]);
	values[n++] = milliseconds(counts[CS_COUNT_LOAD_TIME]);
	values[n++] = number(counts[CS_COUNT_WAIT]);
	values[n++] = milliseconds(counts[CS_COUNT_WAIT_TIME]);
	values[n++] = number(counts[CS_COUNT_WAIT_IN_VAIN]);
	values[n++] = number(counts[CS_COUNT_PUBLISH]);
	values[n++] = number(counts[CS_COUNT_INVALIDATION]);
	values[n++] = number(counts[CS_COUNT_TABLE_INVALIDATION]);
	values[n++] = number(counts[CS_COUNT_REFRESH]);
	Assert(n == CS_N_STATS_COLUMNS);
}

/* ----- reasons ----- */

/* Columns of cache.reason_counters(). */
enum
{
	REASON_RELATION,
	REASON_SPACE,
	REASON_OWNER,
	REASON_EVENT,
	REASON_REASON,
	REASON_COUNT,
	N_REASON
};

static const char *const events[CS_N_EVENTS] = {
	[CS_EVENT_MISS] = "miss",
	[CS_EVENT_BYPASS] = "bypass",
	[CS_EVENT_REFUSED] = "refused",
	[CS_EVENT_NO_ROOM] = "no_room"
};

/*
 * Add a row for each reason that a table or space has had; it is named by the
 * first columns.
 */
static void
put_reasons(ReturnSetInfo *result, int slot, Datum *values, bool *nulls)
{
	uint64		counts[CS_N_COUNTS];

	cs_counters_read(slot, counts);
	for (int i = 0; i < lengthof(cs_counters_reasons); i++)
	{
		const CsCountReason *reason = &cs_counters_reasons[i];

		if (counts[reason->count] == 0)
			continue;
		values[REASON_EVENT] = CStringGetTextDatum(events[reason->event]);
		values[REASON_REASON] = CStringGetTextDatum(reason->name);
		values[REASON_COUNT] = number(counts[reason->count]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
put_tables(ReturnSetInfo *result)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(MyDatabaseId, slots);

	for (int i = 0; i < n; i++)
	{
		Datum		values[N_REASON] = {0};
		bool		nulls[N_REASON] = {0};
		Oid			database;
		Oid			relation = cs_slot_relation(slots[i], &database);

		if (!OidIsValid(relation) || database != MyDatabaseId)
			continue;			/* freed meanwhile */
		values[REASON_RELATION] = ObjectIdGetDatum(relation);
		nulls[REASON_SPACE] = nulls[REASON_OWNER] = true;
		put_reasons(result, slots[i], values, nulls);
	}
}

static void
put_spaces(ReturnSetInfo *result)
{
	ListCell   *lc;

	foreach(lc, cs_space_list(has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)))
	{
		const CsSpace *space = lfirst(lc);
		Datum		values[N_REASON] = {0};
		bool		nulls[N_REASON] = {0};

		if (space->slot < 0)
			continue;
		nulls[REASON_RELATION] = true;
		values[REASON_SPACE] = CStringGetTextDatum(space->own ? "(private)" : space->name);
		values[REASON_OWNER] = ObjectIdGetDatum(space->owner);
		put_reasons(result, space->slot, values, nulls);
	}
}

/* Tables and spaces without a slot share one row, over all databases. */
static void
put_without_slot(ReturnSetInfo *result)
{
	Datum		values[N_REASON] = {0};
	bool		nulls[N_REASON] = {0};

	nulls[REASON_RELATION] = nulls[REASON_SPACE] = nulls[REASON_OWNER] = true;
	put_reasons(result, -1, values, nulls);
}

/*
 * cache.reason_counters()
 */
Datum
cs_reason_counters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	put_tables(result);
	put_spaces(result);
	put_without_slot(result);
	PG_RETURN_NULL();
}
