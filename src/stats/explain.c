/*-------------------------------------------------------------------------
 *
 * explain.c
 *		SQL function cache.explain(): how cache.read() would answer now, and
 *		why.
 *
 * It searches where cache.read() does, and stops before anything is kept or
 * counted.  A missing row is read from the table, but not by a loader
 * function, to determine whether it could be kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "relation/loader.h"
#include "relation/triggers.h"
#include "rowcache/access.h"
#include "rowcache/call.h"
#include "shmem.h"
#include "store/clock.h"

PG_FUNCTION_INFO_V1(cs_explain);

/* Columns of the result. */
enum
{
	EXPLAIN_OUTCOME,
	EXPLAIN_REASON,
	EXPLAIN_STRATEGY,
	EXPLAIN_BYTES,
	EXPLAIN_EXPIRES,
	N_EXPLAIN
};

static const char *
outcome_of(CsReason reason)
{
	if (reason == CS_HIT)
		return "hit";
	if (reason == CS_HIT_ABSENT)
		return "absent";
	return cs_is_bypass(reason) ? "bypass" : "miss";
}

/*
 * A miss that could not be kept is reported as a bypass, as loading would
 * find.
 */
static CsReason
reason_of_miss(const CsAccess *access, const CsRowKey *rowkey, CsReason reason)
{
	CsToken		token;

	if (cs_is_hit(reason) || cs_is_bypass(reason))
		return reason;
	if (IsInParallelMode())
		return CS_BYPASS_PARALLEL;
	if (!cs_access_token(access, rowkey->key.hash, &token))
		return CS_BYPASS_WRITERS;
	return reason;
}

static const char *
why_waiting(CsFillWait wait)
{
	switch (wait)
	{
		case CS_WAIT_BOOT:
			return "as it was prepared before the server's start";
		case CS_WAIT_YOUNG:
			return "as what is so old may have changed the table before it had its place in the cache";
		case CS_WAIT_PREPARED:
			return "as it, or a later one, has been prepared and has changed the key or the table";
		case CS_WAIT_NONE:
			break;
	}
	return "";
}

/*
 * Explain a miss whose row will not be kept: which transaction must end first.
 */
static const char *
text_of_miss(const CsAccess *access, const CsRowKey *rowkey, CsReason reason)
{
	const char *text = cs_access_reason_text(reason);
	Snapshot	fresh = RegisterSnapshot(GetLatestSnapshot());
	TransactionId xid;
	CsFillWait	wait = cs_access_wait(access, rowkey, fresh, &xid);
	int			pid = BackendXidGetPid(xid);

	if (wait != CS_WAIT_NONE)
		text = psprintf("%s; nothing is kept before transaction %u (%s) has ended, %s",
						text, xid, pid != 0 ? psprintf("process %d", pid) : "prepared",
						why_waiting(wait));

	UnregisterSnapshot(fresh);
	return text;
}

/* Explain a reason in more detail than cache.read() needs. */
static const char *
text_of(const CsAccess *access, const CsRowKey *rowkey, CsReason reason)
{
	char	   *problem = NULL;
	bool		mend;

	if (reason == CS_BYPASS_TRIGGERS)
		problem = cs_triggers_problem(access->binding->relid, true, &mend);
	if (problem != NULL)
		return problem;
	if (cs_is_hit(reason) || cs_is_bypass(reason))
		return cs_access_reason_text(reason);
	return text_of_miss(access, rowkey, reason);
}

/* A row that is too large will always be read from the table. */
static CsReason
reason_by_size(CsAccess *access, const CsRowKey *rowkey, CsReason reason, CsAnswer *answer)
{
	CsLoaded	loaded;

	if (cs_is_hit(reason) || cs_is_bypass(reason) || access->binding->options.loader != NULL ||
		!cs_access_lock(access))
		return reason;
	cs_loader_load(access->binding, rowkey, access->snapshot, true, &loaded);
	if (loaded.row == NULL ||
		cs_access_fits(access->binding, rowkey, loaded.row, &answer->bytes))
		return reason;
	return CS_BYPASS_SIZE;
}

/*
 * Set the columns of the result.
 */
static void
describe(CsAccess *access, const CsRowKey *rowkey, Datum *values, bool *nulls)
{
	CsAnswer	answer;
	CsReason	reason;

	cs_access_lookup(access, rowkey, &answer);
	reason = reason_of_miss(access, rowkey, answer.reason);
	reason = reason_by_size(access, rowkey, reason, &answer);
	values[EXPLAIN_OUTCOME] = CStringGetTextDatum(outcome_of(reason));
	values[EXPLAIN_REASON] = CStringGetTextDatum(text_of(access, rowkey, reason));
	values[EXPLAIN_BYTES] = Int64GetDatum((int64) answer.bytes);
	nulls[EXPLAIN_BYTES] = !cs_is_hit(reason) && reason != CS_BYPASS_SIZE;
	if (answer.expires != 0)
		values[EXPLAIN_EXPIRES] = TimestampTzGetDatum(cs_clock_time_of_day(answer.expires));
	nulls[EXPLAIN_EXPIRES] = answer.expires == 0;
}

/*
 * cache.explain()
 */
Datum
cs_explain(PG_FUNCTION_ARGS)
{
	Datum		values[N_EXPLAIN] = {0};
	bool		nulls[N_EXPLAIN] = {0};
	TupleDesc	tupdesc;
	CsCall	   *call;
	CsAccess	access;
	CsRowKey	rowkey;

	cs_shmem_require();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	call = cs_call_begin(fcinfo, 1);
	cs_call_access(call, fcinfo, 1, &access);
	values[EXPLAIN_STRATEGY] = CStringGetTextDatum(access.binding->options.strategy);
	if (cs_call_key(call, fcinfo, 1, &rowkey))
		describe(&access, &rowkey, values, nulls);
	else
	{
		values[EXPLAIN_OUTCOME] = CStringGetTextDatum("none");
		values[EXPLAIN_REASON] = CStringGetTextDatum("no row can have this key");
		nulls[EXPLAIN_BYTES] = nulls[EXPLAIN_EXPIRES] = true;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}
