/*-------------------------------------------------------------------------
 *
 * tracelog.c
 *		The function behind cache.trace_log: operations of all sessions, with
 *		keys, so for superusers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shmem.h"
#include "store/trace.h"

PG_FUNCTION_INFO_V1(cs_trace_entries);

/* Columns of cache.trace_entries(). */
enum
{
	TRACE_NUMBER,
	TRACE_TIME,
	TRACE_PID,
	TRACE_DATABASE,
	TRACE_ROLE,
	TRACE_STRATEGY,
	TRACE_OBJECT,
	TRACE_KEY,
	TRACE_OPERATION,
	TRACE_OUTCOME,
	TRACE_REASON,
	TRACE_TOOK,
	N_TRACE
};

static void
put_text(const char *text, int column, Datum *values, bool *nulls)
{
	values[column] = CStringGetTextDatum(text);
	nulls[column] = text[0] == '\0';
}

static void
put_traced(ReturnSetInfo *result, const CsTraceEntry *entry)
{
	Datum		values[N_TRACE];
	bool		nulls[N_TRACE] = {0};

	values[TRACE_NUMBER] = Int64GetDatum((int64) entry->number);
	values[TRACE_TIME] = TimestampTzGetDatum(entry->time);
	values[TRACE_PID] = Int32GetDatum(entry->pid);
	values[TRACE_DATABASE] = ObjectIdGetDatum(entry->database);
	values[TRACE_ROLE] = ObjectIdGetDatum(entry->role);
	put_text(entry->strategy, TRACE_STRATEGY, values, nulls);
	put_text(entry->object, TRACE_OBJECT, values, nulls);
	put_text(entry->key, TRACE_KEY, values, nulls);
	put_text(entry->operation, TRACE_OPERATION, values, nulls);
	put_text(entry->outcome, TRACE_OUTCOME, values, nulls);
	put_text(entry->reason, TRACE_REASON, values, nulls);
	values[TRACE_TOOK] = Float8GetDatum((double) entry->nanos / 1000000);
	nulls[TRACE_TOOK] = entry->nanos < 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.trace_entries()
 */
Datum
cs_trace_entries(PG_FUNCTION_ARGS)
{
	CsTraceEntry entry;

	cs_shmem_require();
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to read cache.trace_log")));
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < cs_trace_log_size; i++)
		if (cs_trace_read(i, &entry))
			put_traced((ReturnSetInfo *) fcinfo->resultinfo, &entry);
	PG_RETURN_NULL();
}
