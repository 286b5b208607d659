/*-------------------------------------------------------------------------
 *
 * spaces.c
 *		The function behind cache.space_stats.
 *
 * A role sees the names and sizes of the spaces that it may read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "kv/space.h"
#include "shmem.h"
#include "store/counters.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(cs_space_counters);

/* Columns of cache.space_counters() */
enum
{
	SPACE_NAME,
	SPACE_OWNER,
	SPACE_ENTRIES,
	SPACE_BYTES,
	SPACE_MAX_MEMORY,
	SPACE_TTL,
	SPACE_HITS,
	SPACE_MISSES,
	SPACE_SETS,
	SPACE_EVICTIONS,
	SPACE_UNREAD,
	SPACE_EXPIRATIONS,
	SPACE_BYPASSES,
	SPACE_REFUSED,
	SPACE_NO_ROOM,
	SPACE_WAITS,
	SPACE_RESET,
	N_SPACE
};

static Datum
span(int64 usecs)
{
	Interval   *result = palloc0(sizeof(Interval));

	result->day = (int32) Min(usecs / USECS_PER_DAY, PG_INT32_MAX);
	result->time = usecs % USECS_PER_DAY;
	return IntervalPGetDatum(result);
}

/*
 * Add a row for one space.
 */
static void
put_space(ReturnSetInfo *result, const CsSpace *space)
{
	Datum		values[N_SPACE];
	bool		nulls[N_SPACE] = {0};
	uint64		counts[CS_N_COUNTS] = {0};
	CsUsage		usage = {0};
	TimestampTz since = 0;

	if (space->slot >= 0)
	{
		cs_store_usage((uint32) space->slot, &usage);
		cs_counters_read(space->slot, counts);
		since = cs_counters_since(space->slot);
	}
	values[SPACE_NAME] = CStringGetTextDatum(space->own ? "(private)" : space->name);
	values[SPACE_OWNER] = ObjectIdGetDatum(space->owner);
	values[SPACE_ENTRIES] = Int64GetDatum((int64) usage.entries);
	values[SPACE_BYTES] = Int64GetDatum((int64) usage.bytes);
	values[SPACE_MAX_MEMORY] = Int64GetDatum(space->max_memory);
	nulls[SPACE_MAX_MEMORY] = space->max_memory == 0;
	values[SPACE_TTL] = span(space->ttl);
	nulls[SPACE_TTL] = space->ttl == 0;
	values[SPACE_HITS] = Int64GetDatum((int64) counts[CS_COUNT_HIT]);
	values[SPACE_MISSES] = Int64GetDatum((int64) cs_counters_sum(counts, CS_EVENT_MISS));
	values[SPACE_SETS] = Int64GetDatum((int64) counts[CS_COUNT_PUBLISH]);
	values[SPACE_EVICTIONS] = Int64GetDatum((int64) usage.evictions);
	values[SPACE_UNREAD] = Int64GetDatum((int64) usage.unread);
	values[SPACE_EXPIRATIONS] = Int64GetDatum((int64) usage.expirations);
	values[SPACE_BYPASSES] = Int64GetDatum((int64) cs_counters_sum(counts, CS_EVENT_BYPASS));
	values[SPACE_REFUSED] = Int64GetDatum((int64) cs_counters_sum(counts, CS_EVENT_REFUSED));
	values[SPACE_NO_ROOM] = Int64GetDatum((int64) cs_counters_sum(counts, CS_EVENT_NO_ROOM));
	values[SPACE_WAITS] = Int64GetDatum((int64) counts[CS_COUNT_WAIT]);
	values[SPACE_RESET] = TimestampTzGetDatum(since);
	nulls[SPACE_RESET] = since == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.space_counters()
 */
Datum
cs_space_counters(PG_FUNCTION_ARGS)
{
	ListCell   *lc;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	foreach(lc, cs_space_list(has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)))
		put_space((ReturnSetInfo *) fcinfo->resultinfo, lfirst(lc));
	PG_RETURN_NULL();
}
