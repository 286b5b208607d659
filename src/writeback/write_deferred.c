/*-------------------------------------------------------------------------
 *
 * write_deferred.c
 *		Deferring writes by key, without executing a statement.
 *
 * What the executor would check is checked here: privileges, and constraints
 * of the row.  Special cases (missing privileges, row-level security, columns
 * that only the table can fill) are left to the statement, which executes them
 * or reports the usual error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "writeback/combine.h"
#include "writeback/deferred.h"
#include "writeback/deltarow.h"
#include "writeback/flush.h"
#include "writeback/merge.h"
#include "writeback/sum.h"
#include "writeback/write_back.h"
#include "writeback/write_deferred.h"
#include "writeback/xactdelta.h"

/*
 * Whether the role may read the table and update the column.
 */
static bool
may_update(CsBinding *binding, AttrNumber attnum)
{
	return cs_binding_may_select(binding) &&
		(pg_class_aclcheck(binding->relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK ||
		 pg_attribute_aclcheck(binding->relid, attnum, GetUserId(), ACL_UPDATE) == ACLCHECK_OK);
}

/* ----- cache.increment() ----- */

static Datum
numeric_as(Numeric value, Oid type)
{
	Datum		datum = NumericGetDatum(value);

	switch (type)
	{
		case INT8OID:
			return DirectFunctionCall1(numeric_int8, datum);
		case FLOAT4OID:
			return DirectFunctionCall1(numeric_float4, datum);
		case FLOAT8OID:
			return DirectFunctionCall1(numeric_float8, datum);
		default:
			return datum;
	}
}

/*
 * Value of a column that can be incremented, as a numeric.
 */
Numeric
cs_write_deferred_as_numeric(Datum value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return int64_to_numeric(DatumGetInt16(value));
		case INT4OID:
			return int64_to_numeric(DatumGetInt32(value));
		case INT8OID:
			return int64_to_numeric(DatumGetInt64(value));
		case FLOAT4OID:
			return DatumGetNumeric(DirectFunctionCall1(float4_numeric, value));
		case FLOAT8OID:
			return DatumGetNumeric(DirectFunctionCall1(float8_numeric, value));
		default:
			return DatumGetNumeric(value);
	}
}

/*
 * Merge rule of the column; NULL if it has none.  Throws if the rule is not
 * "add".
 */
static const CsMergeColumn *
incrementable(CsBinding *binding, Form_pg_attribute att)
{
	const CsMergeColumn *column = cs_merge_column(cs_merge_get(binding), att->attnum);

	if (column != NULL && column->rule != CS_RULE_ADD)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of table \"%s\" cannot be incremented",
						NameStr(att->attname), binding->name),
				 errdetail("Concurrent changes of the column do not add up by its merge rule."),
				 errhint("Attach the table with the merge rule \"add\" for this column.")));
	return column;
}

/*
 * Set the delta to the row's actual change, after rounding.  Returns false if
 * the sum with the deferred changes is not possible.
 */
static bool
make_increment(CsBinding *binding, const CsMergeColumn *column, const CsMergedRow *over,
			   CsDelta *delta)
{
	CsColumnDelta *change = &delta->columns[0];
	CsDelta		all = over->deferred;

	if (column->typmod >= 0)
	{
		HeapTupleHeader row = cs_deltarow_apply(binding, over->row, delta);
		HeapTupleData before = cs_row_tuple(over->row);
		HeapTupleData after = cs_row_tuple(row);
		bool		isnull;
		Datum		old = heap_getattr(&before, column->attnum, binding->tupdesc, &isnull);
		Datum		new = heap_getattr(&after, column->attnum, binding->tupdesc, &isnull);

		if (!isnull && !cs_sum_is_exact(column, old, change, new) &&
			!cs_sum_difference(column, new, old, change))
			return false;
	}
	cs_delta_fold(binding, &all, delta);
	for (int i = 0; i < all.n; i++)
		if (cs_sum_is_unwieldy(&all.columns[i]))
			return false;
	return true;
}

/*
 * Defer an increment.  *found says whether the row exists; *result is the new
 * value.
 */
CsDefer
cs_write_deferred_increment(CsBinding *binding, Form_pg_attribute att, Numeric delta,
							const CsRowKey *rowkey, Numeric *result, bool *found)
{
	const CsMergeColumn *column = incrementable(binding, att);
	HeapTupleHeader row = NULL;
	HeapTupleData tuple;
	CsMergedRow over;
	bool		isnull;
	Datum		value;

	if (column == NULL || rowkey->key.len > CS_MAX_KEY_LEN ||
		!cs_sum_is_finite(NUMERICOID, NumericGetDatum(delta)) ||
		!may_update(binding, att->attnum) || !cs_write_back_begin(binding))
		return CS_DEFER_NOT;
	if (binding->retired)
		return CS_DEFER_AGAIN;
	while (row == NULL)
	{
		CsColumnDelta change = {.attnum = att->attnum,.rule = CS_RULE_ADD};
		CsDelta		all = {.n = 1,.columns = &change};

		if (!cs_write_back_latest(binding, rowkey, &over))
			return CS_DEFER_AGAIN;
		*result = NULL;
		*found = over.row != NULL;
		if (!*found)
			return CS_DEFER_DONE;
		change.type = column->delta_type;
		change.value = numeric_as(delta, column->delta_type);
		if (!make_increment(binding, column, &over, &all))
			return CS_DEFER_NOT;
		row = cs_write_back_defer(binding, rowkey, over.row, &all);
	}
	tuple = cs_row_tuple(row);
	value = heap_getattr(&tuple, att->attnum, binding->tupdesc, &isnull);
	if (!isnull)
		*result = cs_write_deferred_as_numeric(value, column->type);
	return CS_DEFER_DONE;
}

/* ----- cache.write() ----- */

/*
 * Whether the row contains everything: no columns that only the table can
 * fill, or that cannot be kept.
 */
static bool
is_complete(const CsBinding *binding, const bool *nulls)
{
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (!att->attisdropped &&
			(att->attgenerated != '\0' || att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS ||
			 (nulls[i] && att->attidentity != '\0') ||
			 (!nulls[i] && cs_combine_holds_rows(att->atttypid))))
			return false;
	}
	for (int i = 0; i < binding->nkeys; i++)
		if (nulls[binding->keys[i].attnum - 1])
			return false;
	return true;
}

/*
 * Delta of a whole row.
 */
static void
whole_row(const CsBinding *binding, HeapTupleHeader row, CsDelta *delta, bool *complete)
{
	int			natts = binding->tupdesc->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));
	HeapTupleData tuple = cs_row_tuple(row);

	heap_deform_tuple(&tuple, binding->tupdesc, values, nulls);
	*complete = is_complete(binding, nulls);
	delta->whole = true;
	delta->columns = palloc(Max(natts, 1) * sizeof(CsColumnDelta));
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);
		CsColumnDelta *column = &delta->columns[delta->n];

		if (att->attisdropped)
			continue;
		memset(column, 0, sizeof(*column));
		column->attnum = att->attnum;
		column->rule = CS_RULE_REPLACE;
		column->type = getBaseType(att->atttypid);
		column->isnull = nulls[i];
		column->value = values[i];
		delta->n++;
	}
}

/*
 * Defer writing a whole row; *result is the row.
 */
CsDefer
cs_write_deferred_write(CsBinding *binding, HeapTupleHeader row, HeapTupleHeader *result)
{
	CsDelta		delta = {0};
	CsRowKey	rowkey;
	bool		complete;

	whole_row(binding, row, &delta, &complete);
	if (!complete || !cs_binding_may_select(binding) ||
		pg_class_aclcheck(binding->relid, GetUserId(), ACL_INSERT) != ACLCHECK_OK ||
		pg_class_aclcheck(binding->relid, GetUserId(), ACL_UPDATE) != ACLCHECK_OK ||
		!cs_write_back_begin(binding))
		return CS_DEFER_NOT;
	if (binding->retired)
		return CS_DEFER_AGAIN;
	if (!cs_call_row_key(binding, row, &rowkey) || rowkey.key.len > CS_MAX_KEY_LEN ||
		cs_xactdelta_is_large(&delta))
		return CS_DEFER_NOT;
	while ((*result = cs_write_back_defer(binding, &rowkey, row, &delta)) == NULL)
		;
	return CS_DEFER_DONE;
}

/* ----- cache.remove() ----- */

/*
 * Remove a row that only the cache has, before the table is searched for it.
 * It is then void, and no flush writes it to the table before the transaction
 * has ended.
 */
CsDefer
cs_write_deferred_remove(CsBinding *binding, const CsRowKey *rowkey, bool *found)
{
	CsMergedRow over;

	*found = false;
	if (rowkey->key.len > CS_MAX_KEY_LEN ||
		pg_class_aclcheck(binding->relid, GetUserId(), ACL_DELETE) != ACLCHECK_OK ||
		!cs_write_back_begin(binding))
		return CS_DEFER_NOT;
	if (binding->retired)
		return CS_DEFER_AGAIN;
	if (!cs_write_back_latest(binding, rowkey, &over))
		return CS_DEFER_AGAIN;
	if (over.row == NULL || cs_write_back_in_table(binding, rowkey))
		return CS_DEFER_NOT;
	/* a flusher may be about to write it to the table */
	cs_flush_hold(binding->relid);
	(void) cs_write_back_lock_key(binding, &rowkey->key);
	if (cs_write_back_in_table(binding, rowkey))
		return CS_DEFER_NOT;
	if (!cs_write_back_latest(binding, rowkey, &over))
		return CS_DEFER_AGAIN;
	*found = over.row != NULL;
	if (*found)
		cs_xactdelta_cancel(binding, rowkey, NULL, 0);
	return CS_DEFER_DONE;
}
