/*-------------------------------------------------------------------------
 *
 * increment.c
 *		SQL function cache.increment(): add to a column of a row, with or
 *		without inserting the row first.
 *
 * A row to be inserted is an initial state: what is added to existing rows is
 * added to it as well.  It is inserted by INSERT ... ON CONFLICT DO UPDATE,
 * also on a table with deferred writes, which is correct whatever other
 * sessions insert and happens once for each row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "relation/loader.h"
#include "rowcache/call.h"
#include "shmem.h"
#include "store/clock.h"
#include "store/latency.h"
#include "writeback/write_back.h"
#include "writeback/write_deferred.h"
#include "writeback/write.h"
#include "writeback/xactdelta.h"

PG_FUNCTION_INFO_V1(cs_increment);
PG_FUNCTION_INFO_V1(cs_increment_or_insert);

/* ----- the column ----- */

static const char *
numeric_type_name(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return "int2";
		case INT4OID:
			return "int4";
		case INT8OID:
			return "int8";
		case NUMERICOID:
			return "numeric";
		case FLOAT4OID:
			return "float4";
		case FLOAT8OID:
			return "float8";
		default:
			return NULL;
	}
}

static Form_pg_attribute
find_column(const CsBinding *binding, const char *name)
{
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of table \"%s\" does not exist",
					name, binding->name)));
}

static bool
is_whole(Numeric delta)
{
	Datum		whole;

	if (numeric_is_nan(delta) || numeric_is_inf(delta))
		return false;
	whole = DirectFunctionCall2(numeric_trunc, NumericGetDatum(delta), Int32GetDatum(0));
	return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(delta), whole));
}

/* Throw an error unless this column can be incremented by this amount. */
static void
check_increment(const CsBinding *binding, Form_pg_attribute att, Numeric delta)
{
	const char *name = NameStr(att->attname);
	Oid			type = getBaseType(att->atttypid);

	if (cs_binding_is_key(binding, att->attnum))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("column \"%s\" is part of the primary key of table \"%s\" and cannot be incremented",
						name, binding->name)));
	if (att->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" of table \"%s\" is a generated column and cannot be incremented",
						name, binding->name)));
	if (numeric_type_name(type) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is of type %s and cannot be incremented",
						name, binding->name, format_type_be(att->atttypid)),
				 errdetail("Only columns of a numeric type can.")));
	if ((type == INT2OID || type == INT4OID || type == INT8OID) && !is_whole(delta))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of table \"%s\" is of type %s and cannot be incremented by %s",
						name, binding->name, format_type_be(att->atttypid),
						numeric_normalize(delta)),
				 errdetail("The increment must be a whole number.")));
}

/* Column to increment.  Throws if that is not possible. */
static Form_pg_attribute
incremented_column(const CsBinding *binding, FunctionCallInfo fcinfo)
{
	Form_pg_attribute att;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column_name and delta must not be NULL")));
	att = find_column(binding, NameStr(*PG_GETARG_NAME(1)));
	check_increment(binding, att, PG_GETARG_NUMERIC(2));
	return att;
}

/* ----- existing rows ----- */

/*
 * Plan of the UPDATE, kept with the binding.
 */
static SPIPlanPtr
increment_plan(CsBinding *binding, Form_pg_attribute att)
{
	Bitmapset  *columns = bms_make_singleton(att->attnum);
	SPIPlanPtr	plan = cs_write_find_plan(binding, CS_PLAN_INCREMENT, columns);
	Oid			types[INDEX_MAX_KEYS + 1];
	const char *name = cs_write_column_name(binding, att->attnum);
	StringInfoData buf;
	char	   *alias;

	if (plan != NULL)
		return plan;
	(void) cs_loader_from(binding, &alias);
	initStringInfo(&buf);
	appendStringInfo(&buf, "UPDATE %s AS %s SET %s = %s.%s OPERATOR(pg_catalog.+) "
					 "CAST($%d AS pg_catalog.%s)",
					 cs_binding_qualified_name(binding), alias, name, alias, name,
					 binding->nkeys + 1, numeric_type_name(getBaseType(att->atttypid)));
	appendStringInfoString(&buf, " WHERE ");
	cs_loader_append_match(&buf, binding, alias, "$");
	appendStringInfo(&buf, " RETURNING CAST(%s.%s AS pg_catalog.numeric)", alias, name);
	for (int i = 0; i < binding->nkeys; i++)
		types[i] = binding->keys[i].type;
	types[binding->nkeys] = NUMERICOID;
	return cs_write_keep_plan(binding, CS_PLAN_INCREMENT, columns, buf.data,
							  binding->nkeys + 1, types);
}

static Datum
increment(FunctionCallInfo fcinfo)
{
	CsCall	   *call;
	CsRowKey	rowkey;
	Form_pg_attribute att;
	Datum		params[INDEX_MAX_KEYS + 1];
	CsReturned	returned;

	cs_shmem_require();
	for (;;)
	{
		CsDefer		deferred = CS_DEFER_NOT;
		Numeric		sum;
		bool		found;

		call = cs_call_begin(fcinfo, 3);
		att = incremented_column(call->binding, fcinfo);
		if (!cs_call_key(call, fcinfo, 3, &rowkey))
			PG_RETURN_NULL();
		if (cs_binding_defers(call->binding))
			deferred = cs_write_deferred_increment(call->binding, att, PG_GETARG_NUMERIC(2),
												   &rowkey, &sum, &found);
		if (deferred == CS_DEFER_DONE && sum == NULL)
			PG_RETURN_NULL();
		if (deferred == CS_DEFER_DONE)
			PG_RETURN_NUMERIC(sum);
		if (deferred == CS_DEFER_NOT)
			break;
		call->generation = 0;
	}
	memcpy(params, rowkey.value, call->binding->nkeys * sizeof(Datum));
	params[call->binding->nkeys] = PG_GETARG_DATUM(2);
	cs_write_connect(call->binding);
	cs_write_run(call->binding, increment_plan(call->binding, att), params, NULL,
				 att->attnum, &returned);
	SPI_finish();
	if (!returned.found || returned.isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(returned.value);
}

/*
 * cache.increment(row type, column, delta, key)
 */
Datum
cs_increment(PG_FUNCTION_ARGS)
{
	int64		began = cs_clock_nanos();
	Datum		result = increment(fcinfo);

	cs_latency_add(CS_LATENCY_ROW_WRITE, cs_clock_nanos() - began);
	return result;
}

/* ----- rows that are inserted if missing ----- */

/*
 * Plan of the upsert, kept with the binding; its parameters are the row's
 * columns and the delta.
 */
static SPIPlanPtr
upsert_plan(CsBinding *binding, Form_pg_attribute att, const Bitmapset *columns)
{
	Bitmapset  *kept = bms_add_member(bms_copy(columns), binding->tupdesc->natts + att->attnum);
	SPIPlanPtr	plan = cs_write_find_plan(binding, CS_PLAN_UPSERT, kept);
	const char *type = numeric_type_name(getBaseType(att->atttypid));
	const char *column = cs_write_column_name(binding, att->attnum);
	int			ncolumns = bms_num_members(columns);
	Oid		   *types;
	StringInfoData names;
	StringInfoData values;
	StringInfoData buf;
	char	   *alias;
	int			attnum = -1;
	int			n = 0;

	if (plan != NULL)
		return plan;
	types = palloc((ncolumns + 1) * sizeof(Oid));
	initStringInfo(&names);
	initStringInfo(&values);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		const char *separator = n > 0 ? ", " : "";

		/* of the base type, so that domains are checked */
		types[n++] = getBaseType(TupleDescAttr(binding->tupdesc, attnum - 1)->atttypid);
		appendStringInfo(&names, "%s%s", separator, cs_write_column_name(binding, attnum));
		if (attnum == att->attnum)
			appendStringInfo(&values, "%sCOALESCE($%d, CAST(0 AS pg_catalog.%s)) "
							 "OPERATOR(pg_catalog.+) CAST($%d AS pg_catalog.%s)",
							 separator, n, type, ncolumns + 1, type);
		else
			appendStringInfo(&values, "%s$%d", separator, n);
	}
	types[n++] = NUMERICOID;
	(void) cs_loader_from(binding, &alias);
	initStringInfo(&buf);
	appendStringInfo(&buf, "INSERT INTO %s AS %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s) ON CONFLICT (",
					 cs_binding_qualified_name(binding), alias, names.data, values.data);
	cs_write_append_arbiter(&buf, binding);
	appendStringInfo(&buf, ") DO UPDATE SET %s = %s.%s OPERATOR(pg_catalog.+) CAST($%d AS pg_catalog.%s) "
					 "RETURNING CAST(%s.%s AS pg_catalog.numeric)",
					 column, alias, column, n, type, alias, column);
	return cs_write_keep_plan(binding, CS_PLAN_UPSERT, kept, buf.data, n, types);
}

/*
 * Execute the upsert.  Returns true if a write of the row has been deferred
 * meanwhile, unless deferred writes must not be seen.
 */
static bool
upsert(CsBinding *binding, Form_pg_attribute att, HeapTupleHeader row, Datum delta,
	   bool seen, CsReturned *returned)
{
	int			natts = binding->tupdesc->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));
	Datum	   *params = palloc((natts + 1) * sizeof(Datum));
	char	   *param_nulls = palloc(natts + 1);
	HeapTupleData tuple = cs_row_tuple(row);
	Bitmapset  *columns;
	int			attnum = -1;
	int			n = 0;

	heap_deform_tuple(&tuple, binding->tupdesc, values, nulls);
	columns = bms_add_member(cs_write_given_columns(binding, nulls), att->attnum);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		params[n] = values[attnum - 1];
		param_nulls[n++] = nulls[attnum - 1] ? 'n' : ' ';
	}
	params[n] = delta;
	param_nulls[n] = ' ';
	cs_write_connect(binding);
	cs_xactdelta_begin_upsert(seen ? binding->relid : InvalidOid);
	PG_TRY();
	{
		cs_write_run(binding, upsert_plan(binding, att, columns), params, param_nulls,
					 InvalidAttrNumber, returned);
	}
	PG_FINALLY();
	{
		cs_xactdelta_end_upsert();
	}
	PG_END_TRY();
	SPI_finish();
	return cs_xactdelta_met_deferred();
}

/*
 * Read the sum, which may include deferred changes; returns false if the row
 * does not exist.
 */
static bool
read_sum(CsBinding *binding, Form_pg_attribute att, const CsRowKey *rowkey, Datum *sum,
		 bool *isnull)
{
	HeapTupleData tuple;
	CsMergedRow over;

	if (!cs_write_back_latest(binding, rowkey, &over) || over.row == NULL)
		return false;
	tuple = cs_row_tuple(over.row);
	*sum = heap_getattr(&tuple, att->attnum, binding->tupdesc, isnull);
	if (!*isnull)
		*sum = NumericGetDatum(cs_write_deferred_as_numeric(*sum, getBaseType(att->atttypid)));
	return true;
}

/*
 * Defer the increment if the row exists.  The INSERT privilege is required, as
 * for ON CONFLICT DO UPDATE, in any case.  *seen is set if the row was
 * searched for, with its deferred changes.
 */
static CsDefer
defer_upsert(CsBinding *binding, Form_pg_attribute att, Numeric delta, const CsRowKey *rowkey,
			 Numeric *sum, bool *seen)
{
	CsDefer		deferred;
	bool		found;

	*seen = false;
	if (!cs_binding_defers(binding) ||
		pg_class_aclcheck(binding->relid, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		return CS_DEFER_NOT;
	deferred = cs_write_deferred_increment(binding, att, delta, rowkey, sum, &found);
	if (deferred != CS_DEFER_DONE)
		return deferred;
	*seen = true;
	return found ? CS_DEFER_DONE : CS_DEFER_NOT;
}

/*
 * Throw 22004: the row to insert, or its key, is NULL.
 */
cs_noreturn static void
no_row_error(FunctionCallInfo fcinfo, const CsBinding *binding)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the row to insert must not be NULL"),
				 errhint("To add to a row that is there, give its key: cache.increment(NULL::%s, column, delta, key).",
						 binding->name)));
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("the row to insert into table \"%s\" must have its key", binding->name)));
}

static Datum
increment_or_insert(FunctionCallInfo fcinfo)
{
	CsCall	   *call;
	CsReturned	returned;
	CsRowKey	rowkey;
	Form_pg_attribute att;

	cs_shmem_require();
	for (;;)
	{
		CsDefer		deferred;
		Numeric		sum;
		bool		seen;

		CHECK_FOR_INTERRUPTS();
		call = cs_call_begin(fcinfo, -1);
		att = incremented_column(call->binding, fcinfo);
		if (PG_ARGISNULL(0) ||
			!cs_call_row_key(call->binding, PG_GETARG_HEAPTUPLEHEADER(0), &rowkey))
			no_row_error(fcinfo, call->binding);
		deferred = defer_upsert(call->binding, att, PG_GETARG_NUMERIC(2), &rowkey, &sum, &seen);
		if (deferred == CS_DEFER_DONE && sum == NULL)
			PG_RETURN_NULL();
		if (deferred == CS_DEFER_DONE)
			PG_RETURN_NUMERIC(sum);
		if (deferred == CS_DEFER_NOT &&
			!upsert(call->binding, att, PG_GETARG_HEAPTUPLEHEADER(0), PG_GETARG_DATUM(2), seen,
					&returned))
			break;
		call->generation = 0;
	}
	if (returned.found && cs_binding_defers(call->binding) && call->binding->slot >= 0)
		(void) read_sum(call->binding, att, &rowkey, &returned.value, &returned.isnull);
	if (!returned.found || returned.isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(returned.value);
}

/*
 * cache.increment(insert => row, column, delta)
 */
Datum
cs_increment_or_insert(PG_FUNCTION_ARGS)
{
	int64		began = cs_clock_nanos();
	Datum		result = increment_or_insert(fcinfo);

	cs_latency_add(CS_LATENCY_ROW_WRITE, cs_clock_nanos() - began);
	return result;
}
