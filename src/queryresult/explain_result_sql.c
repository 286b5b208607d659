/*-------------------------------------------------------------------------
 *
 * explain_result_sql.c
 *		cache.explain_result(): is the result of a statement kept, and if not,
 *		why?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "queryresult/verdict.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_explain_result);

/* Columns of cache.explain_result() */
enum
{
	Column_eligible,
	Column_kept,
	Column_reason,
	Column_hint,
	Column_watches,
	Column_values,
	Column_settings,
	Column_ttl,
	Column_max_age,
	N_columns
};

static Datum
span_datum(int64 usecs)
{
	Interval   *span = palloc0(sizeof(Interval));

	span->time = usecs;
	return IntervalPGetDatum(span);
}

static Datum
watches_datum(const CsShape *shape)
{
	Datum	   *relids = palloc(shape->ntables * sizeof(Datum) + 1);

	for (int i = 0; i < shape->ntables; i++)
		relids[i] = ObjectIdGetDatum(shape->tables[i]);
	return PointerGetDatum(construct_array(relids, shape->ntables, REGCLASSOID, sizeof(Oid),
										   true, TYPALIGN_INT));
}

static Datum
texts_datum(List *texts)
{
	Datum	   *values = palloc(list_length(texts) * sizeof(Datum) + 1);
	int			n = 0;
	ListCell   *lc;

	foreach(lc, texts)
		values[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
fill_columns(const CsVerdict *verdict, Datum *values, bool *nulls)
{
	memset(nulls, true, N_columns * sizeof(bool));
	nulls[Column_eligible] = nulls[Column_kept] = false;
	values[Column_eligible] = BoolGetDatum(verdict->eligible);
	values[Column_kept] = BoolGetDatum(verdict->reason == NULL);
	if (verdict->reason != NULL)
		values[Column_reason] = CStringGetTextDatum(verdict->reason);
	nulls[Column_reason] = verdict->reason == NULL;
	if (verdict->hint != NULL)
		values[Column_hint] = CStringGetTextDatum(verdict->hint);
	nulls[Column_hint] = verdict->hint == NULL;
	if (verdict->shape != NULL)
	{
		values[Column_watches] = watches_datum(verdict->shape);
		values[Column_settings] = texts_datum(verdict->shape->options);
		values[Column_values] = texts_datum(verdict->conditions);
		nulls[Column_watches] = false;
		nulls[Column_values] = verdict->conditions == NIL;
		nulls[Column_settings] = verdict->shape->options == NIL;
	}
	values[Column_ttl] = span_datum(verdict->terms.ttl);
	nulls[Column_ttl] = verdict->terms.ttl <= 0;
	values[Column_max_age] = span_datum(verdict->terms.max_age);
	nulls[Column_max_age] = verdict->terms.max_age <= 0;
}

Datum
cs_explain_result(PG_FUNCTION_ARGS)
{
	char	   *string = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CsVerdict	verdict = {0};
	TupleDesc	tupdesc;
	Datum		values[N_columns];
	bool		nulls[N_columns];

	cs_shmem_require();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cs_verdict_find(string, &verdict);
	fill_columns(&verdict, values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}
