/*-------------------------------------------------------------------------
 *
 * write.c
 *		SQL functions cache.write() and cache.remove(): DML by key, executed as
 *		the caller; and common parts of cache.increment().
 *
 * The table's own triggers keep the cache exact, so this file does not deal
 * with that.  Plans are kept with the binding, one for each set of columns
 * that were written, which for most tables is one.
 *
 * A row is written as a whole, including its NULLs.  Omitted are columns that
 * only the table can fill: generated ones, and identity and key columns that
 * are NULL in the given row and have a default.  GENERATED ALWAYS AS IDENTITY
 * is set in new rows and kept in existing ones, and so is the spelling of a
 * key that is equal but not identical.  A row without its key is inserted and
 * never updates another row, whatever key the default gives it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "relation/loader.h"
#include "rowcache/call.h"
#include "shmem.h"
#include "store/clock.h"
#include "store/latency.h"
#include "writeback/deferred.h"
#include "writeback/delta.h"
#include "writeback/merge.h"
#include "writeback/write_deferred.h"
#include "writeback/write.h"
#include "writeback/xactdelta.h"

PG_FUNCTION_INFO_V1(cs_write);
PG_FUNCTION_INFO_V1(cs_write_key);
PG_FUNCTION_INFO_V1(cs_remove);

/* ----- plans ----- */

/*
 * Find a kept plan; NULL if there is none for these columns.
 */
SPIPlanPtr
cs_write_find_plan(const CsBinding *binding, int kind, const Bitmapset *columns)
{
	for (CsPlan *kept = binding->plans; kept != NULL; kept = kept->next)
		if (kept->kind == kind && bms_equal(kept->columns, columns))
			return kept->plan;
	return NULL;
}

/*
 * Prepare a plan and keep it with the binding.  The caller is connected to
 * SPI.
 */
SPIPlanPtr
cs_write_keep_plan(CsBinding *binding, int kind, const Bitmapset *columns,
				   const char *query, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(query, nargs, types);
	MemoryContext old;
	CsPlan	   *kept;

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	old = MemoryContextSwitchTo(binding->context);
	kept = palloc(sizeof(CsPlan));
	kept->kind = kind;
	kept->columns = bms_copy(columns);
	kept->plan = plan;
	MemoryContextSwitchTo(old);
	SPI_keepplan(plan);
	kept->next = binding->plans;
	binding->plans = kept;
	return plan;
}

/*
 * Execute a plan, between cs_write_connect() and SPI_finish().  Triggers must
 * not defer it.
 *
 * 'added_to' is the column that the statement adds to.  If that has no rule
 * (any more), nothing of the statement can be deferred, and the trigger must
 * apply the deferred changes.
 */
void
cs_write_run(CsBinding *binding, SPIPlanPtr plan, Datum *values, const char *nulls,
			 AttrNumber added_to, CsReturned *returned)
{
	int			own = added_to == InvalidAttrNumber || !cs_binding_defers(binding) ||
	cs_merge_column(cs_merge_get(binding), added_to) != NULL ? 1 : 0;

	cs_xactdelta_direct += own;
	PG_TRY();
	{
		int			rc = SPI_execute_plan(plan, values, nulls, false, 0);

		if (rc < 0)
			elog(ERROR, "could not write a row: %s", SPI_result_code_string(rc));
	}
	PG_FINALLY();
	{
		cs_xactdelta_direct -= own;
	}
	PG_END_TRY();
	/* the error undoes what was written to another table */
	if (!cs_loader_reads_table(plan, binding))
		cs_binding_renamed_error(binding);
	memset(returned, 0, sizeof(*returned));
	returned->found = SPI_processed > 0;
	if (!returned->found || SPI_tuptable == NULL)
		return;
	returned->value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									1, &returned->isnull);
	if (!returned->isnull)
		returned->value = SPI_datumTransfer(returned->value, false, -1);
}

/*
 * Connect to SPI.  Refuses tables with rules.
 */
void
cs_write_connect(const CsBinding *binding)
{
	if (binding->rules)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" has rules, which may write elsewhere",
						binding->name),
				 errhint("Write to it with plain SQL.")));
	SPI_connect();
}

/*
 * Quoted name of a column.
 */
const char *
cs_write_column_name(const CsBinding *binding, AttrNumber attnum)
{
	return quote_identifier(NameStr(TupleDescAttr(binding->tupdesc, attnum - 1)->attname));
}

/* Plan of "SELECT/DELETE FROM table AS alias WHERE key = ..." */
static SPIPlanPtr
key_plan(CsBinding *binding, int kind)
{
	SPIPlanPtr	plan = cs_write_find_plan(binding, kind, NULL);
	Oid			types[INDEX_MAX_KEYS];
	StringInfoData buf;
	char	   *alias;
	char	   *from;

	if (plan != NULL)
		return plan;
	from = cs_loader_from(binding, &alias);
	initStringInfo(&buf);
	if (kind == CS_PLAN_REMOVE)
		appendStringInfo(&buf, "DELETE %s", from);
	else
		appendStringInfo(&buf, "SELECT %s %s", alias, from);
	appendStringInfoString(&buf, " WHERE ");
	cs_loader_append_match(&buf, binding, alias, "$");
	for (int i = 0; i < binding->nkeys; i++)
		types[i] = binding->keys[i].type;
	return cs_write_keep_plan(binding, kind, NULL, buf.data, binding->nkeys, types);
}

/* ----- cache.write() ----- */

/* Columns of a row that a statement sets, as attribute numbers. */
Bitmapset *
cs_write_given_columns(const CsBinding *binding, const bool *nulls)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (att->attisdropped || att->attgenerated != '\0')
			continue;
		if (nulls[i] && att->attidentity != '\0')
			continue;
		if (nulls[i] && cs_binding_is_key(binding, att->attnum) &&
			(att->atthasdef || get_typdefault(att->atttypid) != NULL))
			continue;
		columns = bms_add_member(columns, att->attnum);
	}
	return columns;
}

/*
 * Whether the columns include the primary key.
 */
static bool
key_is_given(const CsBinding *binding, const Bitmapset *columns)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		AttrNumber	attnum = binding->keys[i].attnum;

		if (!bms_is_member(attnum, columns) &&
			TupleDescAttr(binding->tupdesc, attnum - 1)->attgenerated == '\0')
			return false;
	}
	return true;
}

/*
 * Whether nothing in the table can be set, because its key is GENERATED ALWAYS
 * AS IDENTITY.
 */
static bool
is_only_identity(const CsBinding *binding)
{
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (!att->attisdropped && att->attidentity != ATTRIBUTE_IDENTITY_ALWAYS)
			return false;
	}
	return true;
}

/*
 * Set a column to itself, if there is nothing else to set: only a row that is
 * updated is returned.
 */
static void
append_idle_set(StringInfo buf, const CsBinding *binding, const char *alias)
{
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);
		const char *name = quote_identifier(NameStr(att->attname));

		if (att->attisdropped || att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			continue;
		if (att->attgenerated != '\0')
			appendStringInfo(buf, "%s = DEFAULT", name);
		else
			appendStringInfo(buf, "%s = %s.%s", name, alias, name);
		break;
	}
}

/*
 * Append the primary key's columns, for ON CONFLICT.  With their collations,
 * so that it is not a unique index of another collation.
 */
void
cs_write_append_arbiter(StringInfo buf, const CsBinding *binding)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *column = &binding->keys[i];

		appendStringInfo(buf, "%s%s", i > 0 ? ", " : "",
						 cs_write_column_name(binding, column->attnum));
		if (OidIsValid(column->collation))
			appendStringInfo(buf, " COLLATE %s", generate_collation_name(column->collation));
	}
}

/*
 * Append the ON CONFLICT clause.
 */
static void
append_conflict(StringInfo buf, const CsBinding *binding, const Bitmapset *columns,
				const char *alias)
{
	StringInfoData set;
	int			attnum = -1;

	initStringInfo(&set);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		const char *name = cs_write_column_name(binding, attnum);

		if (!cs_binding_is_key(binding, attnum) &&
			TupleDescAttr(binding->tupdesc, attnum - 1)->attidentity != ATTRIBUTE_IDENTITY_ALWAYS)
			appendStringInfo(&set, "%s%s = EXCLUDED.%s", set.len > 0 ? ", " : "",
							 name, name);
	}
	if (set.len == 0)
		append_idle_set(&set, binding, alias);
	appendStringInfoString(buf, " ON CONFLICT (");
	cs_write_append_arbiter(buf, binding);
	if (is_only_identity(binding))
		appendStringInfoString(buf, ") DO NOTHING");
	else
		appendStringInfo(buf, ") DO UPDATE SET %s", set.data);
}

/*
 * Plan of the INSERT.
 */
static SPIPlanPtr
write_plan(CsBinding *binding, const Bitmapset *columns)
{
	SPIPlanPtr	plan = cs_write_find_plan(binding, CS_PLAN_WRITE, columns);
	Oid			types[MaxTupleAttributeNumber];
	StringInfoData names;
	StringInfoData values;
	StringInfoData buf;
	char	   *alias;
	int			attnum = -1;
	int			n = 0;

	if (plan != NULL)
		return plan;
	initStringInfo(&names);
	initStringInfo(&values);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		/* of the base type, so that domains are checked */
		types[n] = getBaseType(TupleDescAttr(binding->tupdesc, attnum - 1)->atttypid);
		appendStringInfo(&names, "%s%s", n > 0 ? ", " : "",
						 cs_write_column_name(binding, attnum));
		appendStringInfo(&values, "%s$%d", n > 0 ? ", " : "", n + 1);
		n++;
	}
	(void) cs_loader_from(binding, &alias);
	initStringInfo(&buf);
	appendStringInfo(&buf, "INSERT INTO %s AS %s", cs_binding_qualified_name(binding),
					 alias);
	if (n > 0)
		appendStringInfo(&buf, " (%s) OVERRIDING SYSTEM VALUE VALUES (%s)",
						 names.data, values.data);
	else
		appendStringInfoString(&buf, " DEFAULT VALUES");
	if (key_is_given(binding, columns))
		append_conflict(&buf, binding, columns, alias);
	appendStringInfo(&buf, " RETURNING %s", alias);
	return cs_write_keep_plan(binding, CS_PLAN_WRITE, columns, buf.data, n, types);
}

/* Read an existing row of which nothing could be set. */
static void
read_back(CsBinding *binding, const Datum *values, CsReturned *returned)
{
	Datum		key[INDEX_MAX_KEYS];

	for (int i = 0; i < binding->nkeys; i++)
		key[i] = values[binding->keys[i].attnum - 1];
	cs_write_run(binding, key_plan(binding, CS_PLAN_READ_BACK), key, NULL,
				 InvalidAttrNumber, returned);
}

/* Cancel what was deferred for the row, since the whole row was written. */
static void
replace_deferred(CsBinding *binding, HeapTupleHeader row)
{
	CsRowKey	rowkey;

	if (cs_call_row_key(binding, row, &rowkey))
		cs_xactdelta_cancel(binding, &rowkey, NULL, 0);
}

/*
 * Write a row to the table.
 */
static void
write_row(CsBinding *binding, HeapTupleHeader row, CsReturned *returned)
{
	int			natts = binding->tupdesc->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));
	Datum	   *params = palloc(natts * sizeof(Datum));
	char	   *param_nulls = palloc(natts);
	HeapTupleData tuple = cs_row_tuple(row);
	Bitmapset  *columns;
	int			attnum = -1;
	int			n = 0;

	heap_deform_tuple(&tuple, binding->tupdesc, values, nulls);
	columns = cs_write_given_columns(binding, nulls);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		params[n] = values[attnum - 1];
		param_nulls[n++] = nulls[attnum - 1] ? 'n' : ' ';
	}
	cs_write_connect(binding);
	cs_write_run(binding, write_plan(binding, columns), params, param_nulls,
				 InvalidAttrNumber, returned);
	if (!returned->found && is_only_identity(binding) && key_is_given(binding, columns))
		read_back(binding, values, returned);
	SPI_finish();
	if (cs_binding_defers(binding) && binding->slot >= 0 && returned->found)
		replace_deferred(binding, DatumGetHeapTupleHeader(returned->value));
}

/* Try to defer the write. */
static bool
write_deferred(CsCall **call, FunctionCallInfo fcinfo, HeapTupleHeader *result)
{
	for (;;)
	{
		if (!cs_binding_defers((*call)->binding))
			return false;
		switch (cs_write_deferred_write((*call)->binding, PG_GETARG_HEAPTUPLEHEADER(0), result))
		{
			case CS_DEFER_DONE:
				return true;
			case CS_DEFER_NOT:
				return false;
			case CS_DEFER_AGAIN:
				(*call)->generation = 0;
				*call = cs_call_begin(fcinfo, -1);
		}
	}
}

static Datum
write_any(FunctionCallInfo fcinfo)
{
	CsCall	   *call;
	CsReturned	returned;
	HeapTupleHeader deferred;

	cs_shmem_require();
	call = cs_call_begin(fcinfo, -1);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the row to write must not be NULL")));
	if (write_deferred(&call, fcinfo, &deferred))
		PG_RETURN_HEAPTUPLEHEADER(deferred);
	write_row(call->binding, PG_GETARG_HEAPTUPLEHEADER(0), &returned);
	if (!returned.found || returned.isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(returned.value);
}

/*
 * cache.write(row)
 */
Datum
cs_write(PG_FUNCTION_ARGS)
{
	int64		began = cs_clock_nanos();
	Datum		result = write_any(fcinfo);

	cs_latency_add(CS_LATENCY_ROW_WRITE, cs_clock_nanos() - began);
	return result;
}

/*
 * cache.write() with other arguments, which is always an error
 */
Datum
cs_write_key(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cache.write() takes one argument, the row to write"),
			 errhint("Write it as cache.write(ROW(...)::table_name). To put a value under a key use cache.set().")));
}

/* ----- cache.remove() ----- */

static Datum
remove_row(FunctionCallInfo fcinfo)
{
	CsCall	   *call;
	CsRowKey	rowkey;
	CsReturned	returned;

	cs_shmem_require();
	for (;;)
	{
		CsDefer		deferred = CS_DEFER_NOT;
		bool		found;

		call = cs_call_begin(fcinfo, 1);
		if (!cs_call_key(call, fcinfo, 1, &rowkey))
			PG_RETURN_BOOL(false);
		if (cs_binding_defers(call->binding))
			deferred = cs_write_deferred_remove(call->binding, &rowkey, &found);
		if (deferred == CS_DEFER_DONE)
			PG_RETURN_BOOL(found);
		if (deferred == CS_DEFER_NOT)
			break;
		call->generation = 0;
	}
	cs_write_connect(call->binding);
	cs_write_run(call->binding, key_plan(call->binding, CS_PLAN_REMOVE), rowkey.value, NULL,
				 InvalidAttrNumber, &returned);
	SPI_finish();
	PG_RETURN_BOOL(returned.found);
}

/*
 * cache.remove(row type, key)
 */
Datum
cs_remove(PG_FUNCTION_ARGS)
{
	int64		began = cs_clock_nanos();
	Datum		result = remove_row(fcinfo);

	cs_latency_add(CS_LATENCY_ROW_WRITE, cs_clock_nanos() - began);
	return result;
}
