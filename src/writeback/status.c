/*-------------------------------------------------------------------------
 *
 * status.c
 *		The function behind cache.flush_status: the state of flushing of each
 *		write_back table of this database.
 *
 * Sizes, counts and times are public.  The message of an error may quote a
 * row, so it is shown to roles that could read the row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "relation/attached.h"
#include "relation/binding.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/slot.h"
#include "writeback/journal.h"
#include "writeback/quarantine.h"
#include "writeback/state.h"

PG_FUNCTION_INFO_V1(cs_flush_status);

/* Columns of the result. */
enum
{
	STATUS_RELATION,
	STATUS_DURABLE,
	STATUS_DIRTY_ENTRIES,
	STATUS_DIRTY_BYTES,
	STATUS_OLDEST,
	STATUS_DEFERRED,
	STATUS_ROWS_FLUSHED,
	STATUS_COALESCED,
	STATUS_FLUSHES,
	STATUS_FLUSHES_PER_SECOND,
	STATUS_LAST_FLUSH,
	STATUS_GONE,
	STATUS_DEAD,
	STATUS_RETRIES,
	STATUS_WAITS,
	STATUS_LAST_ERROR,
	STATUS_LAST_ERROR_TIME,
	STATUS_JOURNAL_BYTES,
	STATUS_OPEN,
	STATUS_TIMEOUTS,
	STATUS_QUARANTINED,
	STATUS_OWNER_BYTES,
	STATUS_OWNER_LIMIT,
	N_STATUS
};

/* Counters and their columns. */
static const struct
{
	int			column;
	CsFlushCount count;
}			counts[] =

{
	{STATUS_DEFERRED, CS_FLUSH_DEFERRED},
	{STATUS_ROWS_FLUSHED, CS_FLUSH_ROWS},
	{STATUS_COALESCED, CS_FLUSH_COALESCED},
	{STATUS_FLUSHES, CS_FLUSH_FLUSHES},
	{STATUS_GONE, CS_FLUSH_GONE},
	{STATUS_DEAD, CS_FLUSH_DEAD},
	{STATUS_RETRIES, CS_FLUSH_RETRIES},
	{STATUS_WAITS, CS_FLUSH_WAITS},
	{STATUS_TIMEOUTS, CS_FLUSH_TIMEOUTS},
};

static void
put_time(TimestampTz time, int column, Datum *values, bool *nulls)
{
	values[column] = TimestampTzGetDatum(time);
	nulls[column] = time == 0;
}

static void
put_age(TimestampTz since, TimestampTz now, int column, Datum *values, bool *nulls)
{
	nulls[column] = since == 0;
	if (since != 0)
		values[column] = DirectFunctionCall2(timestamp_mi,
											 TimestampTzGetDatum(Max(now, since)),
											 TimestampTzGetDatum(since));
}

static bool
may_see_errors(Oid relation)
{
	return cs_class_ownercheck(relation, GetUserId()) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA);
}

static void
put_error(Oid relation, const CsFlushInfo *info, Datum *values, bool *nulls)
{
	put_time(info->error_time, STATUS_LAST_ERROR_TIME, values, nulls);
	nulls[STATUS_LAST_ERROR] = info->error_time == 0 || !may_see_errors(relation);
	if (!nulls[STATUS_LAST_ERROR])
		values[STATUS_LAST_ERROR] = CStringGetTextDatum(info->error);
}

/*
 * Rate since the server start, or since the counters were reset; a counter may
 * have started later, with the table's slot.
 */
static double
per_second(uint64 count, int slot, TimestampTz now)
{
	TimestampTz since = Max(PgStartTime, cs_counters_since(slot));
	double		seconds = (double) (now - since) / USECS_PER_SEC;

	return seconds > 0 ? (double) count / seconds : 0;
}

/*
 * Add a row for one table.  'journal_bytes' is NULL if not known.
 */
static void
put_slot(ReturnSetInfo *result, int slot, const uint64 *journal_bytes)
{
	Datum		values[N_STATUS];
	bool		nulls[N_STATUS] = {0};
	TimestampTz now = GetCurrentTimestamp();
	CsFlushInfo info;
	CsOwnerShare share;
	CsOptions	options;
	Oid			database;
	Oid			relation = cs_slot_relation(slot, &database);

	if (!OidIsValid(relation) || database != MyDatabaseId ||
		!cs_attached_read(relation, &options) ||
		strcmp(options.strategy, "write_back") != 0)
		return;
	cs_state_info(slot, &info);
	values[STATUS_RELATION] = ObjectIdGetDatum(relation);
	values[STATUS_DURABLE] = BoolGetDatum(options.durable);
	values[STATUS_DIRTY_ENTRIES] = Int64GetDatum((int64) info.entries);
	values[STATUS_DIRTY_BYTES] = Int64GetDatum((int64) info.bytes);
	put_age(info.oldest, cs_clock_steady(), STATUS_OLDEST, values, nulls);
	for (int i = 0; i < lengthof(counts); i++)
		values[counts[i].column] = Int64GetDatum((int64) info.count[counts[i].count]);
	values[STATUS_FLUSHES_PER_SECOND] =
		Float8GetDatum(per_second(info.count[CS_FLUSH_FLUSHES], slot, now));
	put_time(info.last_flush, STATUS_LAST_FLUSH, values, nulls);
	put_error(relation, &info, values, nulls);
	nulls[STATUS_JOURNAL_BYTES] = journal_bytes == NULL;
	if (journal_bytes != NULL)
		values[STATUS_JOURNAL_BYTES] = Int64GetDatum((int64) *journal_bytes);
	values[STATUS_OPEN] = BoolGetDatum(info.open);
	cs_state_owner_share(slot, &share);
	values[STATUS_OWNER_BYTES] = Int64GetDatum((int64) share.bytes);
	values[STATUS_OWNER_LIMIT] = Int64GetDatum((int64) share.limit);
	values[STATUS_QUARANTINED] = BoolGetDatum(cs_quarantine_has(slot, relation));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.flush_status()
 */
Datum
cs_flush_status(PG_FUNCTION_ARGS)
{
	uint64		journal_bytes = 0;
	bool		measured;
	int		   *slots;
	int			n;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	measured = OidIsValid(cs_binding_catalog()) && cs_journal_bytes(&journal_bytes);
	slots = palloc(cs_max_tables * sizeof(int));
	n = cs_slot_list(MyDatabaseId, slots);
	for (int i = 0; i < n; i++)
		put_slot((ReturnSetInfo *) fcinfo->resultinfo, slots[i], measured ? &journal_bytes : NULL);
	PG_RETURN_NULL();
}
