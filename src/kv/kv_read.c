/*-------------------------------------------------------------------------
 *
 * kv_read.c
 *		SQL functions that read keys: cache.get(), cache.get_many(),
 *		cache.exists(), cache.ttl(), cache.ttl_ms(), cache.keys(),
 *		cache.scan_keys().
 *
 * They see the last committed state and the changes of their own transaction,
 * independent of its snapshot.  A missing key is a miss, and so is NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "kv/keys.h"
#include "kv/kv_call.h"
#include "kv/kv_value.h"
#include "store/clock.h"

#define SCAN_COUNT	1000		/* default number of keys in a page */

PG_FUNCTION_INFO_V1(cs_get);
PG_FUNCTION_INFO_V1(cs_get_many);
PG_FUNCTION_INFO_V1(cs_exists);
PG_FUNCTION_INFO_V1(cs_ttl);
PG_FUNCTION_INFO_V1(cs_ttl_ms);
PG_FUNCTION_INFO_V1(cs_keys);
PG_FUNCTION_INFO_V1(cs_scan_keys);

/* Read the key named by the first argument. */
static bool
read_key(FunctionCallInfo fcinfo, CsKvValue *value)
{
	const CsSpace *space = cs_kv_call_reader(fcinfo);
	CsKvKey		key;

	if (PG_ARGISNULL(0))
		return false;
	cs_kv_call_key(&key, space, PG_GETARG_TEXT_PP(0));
	return cs_kv_read(&key, value);
}

/*
 * cache.get(), get_jsonb(), get_bytea()
 */
Datum
cs_get(PG_FUNCTION_ARGS)
{
	CsKvValue	value;

	if (!read_key(fcinfo, &value))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(cs_kv_value_datum(&value, cs_kv_value_rettype(fcinfo), PG_GETARG_TEXT_PP(0)));
}

/*
 * cache.exists()
 */
Datum
cs_exists(PG_FUNCTION_ARGS)
{
	const CsSpace *space = cs_kv_call_reader(fcinfo);
	CsKvKey		key;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	cs_kv_call_key(&key, space, PG_GETARG_TEXT_PP(0));
	PG_RETURN_BOOL(cs_kv_exists(&key));
}

/* Microseconds until the value expires, not negative. */
static int64
time_left(const CsKvValue *value)
{
	int64		left = value->expires - cs_clock_now();

	return Max(left, 0);
}

/*
 * cache.ttl()
 */
Datum
cs_ttl(PG_FUNCTION_ARGS)
{
	CsKvValue	value;
	Interval   *left;

	if (!read_key(fcinfo, &value) || value.expires == 0)
		PG_RETURN_NULL();
	left = palloc0(sizeof(Interval));
	left->time = time_left(&value);
	return DirectFunctionCall1(interval_justify_hours, IntervalPGetDatum(left));
}

/*
 * cache.ttl_ms(): as Redis's PTTL, -1 for never, -2 if there is no such key
 */
Datum
cs_ttl_ms(PG_FUNCTION_ARGS)
{
	CsKvValue	value;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!read_key(fcinfo, &value))
		PG_RETURN_INT64(-2);
	if (value.expires == 0)
		PG_RETURN_INT64(-1);
	PG_RETURN_INT64(time_left(&value) / 1000);
}

/* ----- many keys ----- */

/*
 * Add one key's row to the result.
 */
static void
put_value(ReturnSetInfo *result, const CsSpace *space, text *key, CsKvType type)
{
	Datum		values[2];
	bool		nulls[2] = {0};
	CsKvKey		kvkey;
	CsKvValue	value;

	cs_kv_call_key(&kvkey, space, key);
	if (!cs_kv_read(&kvkey, &value))
		return;
	values[0] = PointerGetDatum(key);
	values[1] = cs_kv_value_datum(&value, type, key);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.get_many(), get_many_jsonb(), get_many_bytea()
 */
Datum
cs_get_many(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const CsSpace *space = cs_kv_call_reader(fcinfo);
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "cached values",
											   ALLOCSET_DEFAULT_SIZES);
	CsTexts		keys;
	CsKvType	type;

	InitMaterializedSRF(fcinfo, 0);
	type = cs_kv_value_type(TupleDescAttr(result->setDesc, 1)->atttypid);
	cs_kv_call_texts(fcinfo, 0, "keys", true, &keys);
	for (int i = 0; i < keys.n; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		if (keys.items[i] != NULL)
			put_value(result, space, keys.items[i], type);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	PG_RETURN_NULL();
}

/*
 * cache.keys(prefix, after, count, space)
 */
Datum
cs_keys(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const CsSpace *space = cs_kv_call_reader(fcinfo);
	const text *after = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	const text *prefix;
	int64		count = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	List	   *keys;
	ListCell   *lc;

	if (count < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must not be negative")));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0) || (count == 0 && !PG_ARGISNULL(2)))
		PG_RETURN_NULL();
	prefix = PG_GETARG_TEXT_PP(0);
	keys = cs_keys_list(space, VARDATA_ANY(prefix), VARSIZE_ANY_EXHDR(prefix), after, count);
	if (keys == NIL)
		cs_kv_call_no_key(prefix);
	foreach(lc, keys)
	{
		Datum		values[1] = {PointerGetDatum(lfirst(lc))};
		bool		nulls[1] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

static Datum
array_of_texts(const List *texts)
{
	Datum	   *items = palloc(Max(list_length(texts), 1) * sizeof(Datum));
	ListCell   *lc;

	foreach(lc, texts)
		items[foreach_current_index(lc)] = PointerGetDatum(lfirst(lc));
	return PointerGetDatum(construct_array(items, list_length(texts), TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * cache.scan_keys(cursor, prefix, count, space)
 */
Datum
cs_scan_keys(PG_FUNCTION_ARGS)
{
	const CsSpace *space = cs_kv_call_reader(fcinfo);
	int64		cursor = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	int64		count = PG_ARGISNULL(2) ? SCAN_COUNT : PG_GETARG_INT64(2);
	uint64		place = (uint64) cursor;
	const text *prefix;
	List	   *keys = NIL;
	bool		more = false;
	Datum		values[2];
	bool		nulls[2] = {0};
	TupleDesc	tupdesc;

	if (cursor < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cursor must not be negative"),
				 errhint("Begin with 0, and go on with next_cursor of the result.")));
	if (count <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("count must be more than zero")));
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!PG_ARGISNULL(1))
	{
		prefix = PG_GETARG_TEXT_PP(1);
		more = cs_keys_scan(space, VARDATA_ANY(prefix), VARSIZE_ANY_EXHDR(prefix), count,
							&place, &keys);
		if (keys == NIL && cursor == 0 && !more)
			cs_kv_call_no_key(prefix);
	}
	values[0] = Int64GetDatum(more ? (int64) place : 0);
	values[1] = array_of_texts(keys);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}
