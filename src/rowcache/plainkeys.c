/*-------------------------------------------------------------------------
 *
 * plainkeys.c
 *		The keys that a plain SELECT asks for.
 *
 * They are made when a scan begins, or begins again with other values.  Keys
 * with a NULL, or with an integer that the column's type does not have, are
 * left out, as no row can have them.  Where there may be several they are
 * sorted as in the index, and each is there once.
 *
 * Keys are either given one by one, or as the combinations of what is given
 * for each column.  Combinations are not stored: a key's values follow from
 * its number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "rowcache/plainkeys.h"

/* ----- starting ----- */

/*
 * Describe a column of the key.
 */
static void
begin_column(CsPlainKeys *keys, int i, const CsPlainKey *key, Oid relid, PlanState *parent)
{
	CsPlainColumn *column = &keys->column[i];

	column->type = getBaseType(get_atttype(relid, column->attnum));
	get_typlenbyval(column->type, &column->typlen, &column->typbyval);
	column->list = !keys->rows && list_nth_int(key->lists, i) != 0;
	column->given = palloc(keys->nrows * sizeof(ExprState *));
	column->convert = palloc(keys->nrows * sizeof(Oid));
	for (int row = 0; row < keys->nrows; row++)
	{
		int			n = row * keys->nkeys + i;

		column->given[row] = ExecInitExpr(list_nth(key->values, n), parent);
		column->convert[row] = list_nth_oid(key->given, n);
	}
	if (!column->list)
		column->values = palloc(keys->nrows * sizeof(Datum));
}

/*
 * Start.  The index is not opened: if all keys are found in the cache, it is
 * not needed.
 */
void
cs_plainkeys_begin(CsPlainKeys *keys, const CsPlainKey *key, Oid index, PlanState *parent)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	oidvector  *collations;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index);
	form = (Form_pg_index) GETSTRUCT(tuple);
	collations = (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple,
															   Anum_pg_index_indcollation,
															   &isnull));
	keys->parent = CurrentMemoryContext;
	keys->rows = key->rows;
	keys->nkeys = form->indnkeyatts;
	keys->nrows = key->rows ? list_length(key->given) / keys->nkeys : 1;
	for (int i = 0; i < keys->nkeys; i++)
	{
		keys->column[i].attnum = form->indkey.values[i];
		keys->column[i].collation = collations->values[i];
		begin_column(keys, i, key, form->indrelid, parent);
	}
	ReleaseSysCache(tuple);
}

/*
 * End.
 */
void
cs_plainkeys_end(CsPlainKeys *keys)
{
	if (keys->context != NULL)
		MemoryContextDelete(keys->context);
}

/* ----- values ----- */

/*
 * Convert a value to the column's integer type; false if no row can have it.
 */
static bool
convert(const CsPlainColumn *column, Oid given, Datum *value)
{
	int64		whole;

	if (!OidIsValid(given))
		return true;
	whole = given == INT2OID ? DatumGetInt16(*value) :
		given == INT4OID ? DatumGetInt32(*value) : DatumGetInt64(*value);
	switch (column->type)
	{
		case INT2OID:
			*value = Int16GetDatum((int16) whole);
			return whole >= PG_INT16_MIN && whole <= PG_INT16_MAX;
		case INT4OID:
			*value = Int32GetDatum((int32) whole);
			return whole >= PG_INT32_MIN && whole <= PG_INT32_MAX;
		default:
			*value = Int64GetDatum(whole);
			return true;
	}
}

/*
 * Memory for values that have to be kept.
 */
static MemoryContext
values_context(CsPlainKeys *keys)
{
	if (keys->context == NULL)
		keys->context = AllocSetContextCreate(keys->parent, "cache_strategies keys",
											  ALLOCSET_SMALL_SIZES);
	return keys->context;
}

/*
 * Evaluate a column of a key; returns false if no row can have it.
 */
static bool
make_value(CsPlainKeys *keys, CsPlainColumn *column, int row, ExprContext *econtext,
		   Datum *value)
{
	bool		isnull;
	MemoryContext old;

	*value = ExecEvalExprSwitchContext(column->given[row], econtext, &isnull);
	if (isnull || !convert(column, column->convert[row], value))
		return false;
	if (column->typbyval)
		return true;
	old = MemoryContextSwitchTo(values_context(keys));
	*value = column->typlen == -1 ?
		PointerGetDatum(PG_DETOAST_DATUM_COPY(*value)) :
		datumCopy(*value, false, column->typlen);
	MemoryContextSwitchTo(old);
	return true;
}

/* ----- sorting ----- */

static int
compare(CsPlainColumn *column, Datum a, Datum b)
{
	if (column->compare == NULL)
		column->compare = &lookup_type_cache(column->type, TYPECACHE_CMP_PROC_FINFO)->cmp_proc_finfo;
	return DatumGetInt32(FunctionCall2Coll(column->compare, column->collation, a, b));
}

static int
compare_values(const void *a, const void *b, void *arg)
{
	return compare(arg, *(const Datum *) a, *(const Datum *) b);
}

/*
 * Sort the values of a list, and drop duplicates.
 */
static int
sort_values(CsPlainColumn *column, int n)
{
	int			distinct = 0;

	if (n > 1)
		qsort_arg(column->values, n, sizeof(Datum), compare_values, column);
	for (int i = 0; i < n; i++)
		if (distinct == 0 ||
			compare(column, column->values[distinct - 1], column->values[i]) != 0)
			column->values[distinct++] = column->values[i];
	return distinct;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	CsPlainKeys *keys = arg;
	int			result = 0;

	for (int i = 0; i < keys->nkeys && result == 0; i++)
		result = compare(&keys->column[i], ((const Datum *) a)[i], ((const Datum *) b)[i]);
	return result;
}

/* ----- keys ----- */

/*
 * Make the values of a list; returns how many there are.
 */
static int
make_list(CsPlainKeys *keys, CsPlainColumn *column, ExprContext *econtext)
{
	MemoryContext old;
	ArrayType  *array;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	bool	   *nulls;
	int			n;
	int			valid = 0;
	bool		isnull;
	Datum		given = ExecEvalExprSwitchContext(column->given[0], econtext, &isnull);

	if (isnull)
		return 0;
	old = MemoryContextSwitchTo(values_context(keys));
	array = DatumGetArrayTypePCopy(given);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &column->values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && convert(column, column->convert[0], &column->values[i]))
			column->values[valid++] = column->values[i];
	valid = sort_values(column, valid);
	MemoryContextSwitchTo(old);
	return valid;
}

/*
 * Make keys that are combinations.
 */
static void
make_combinations(CsPlainKeys *keys, ExprContext *econtext)
{
	keys->n = 1;
	for (int i = 0; i < keys->nkeys && keys->n > 0; i++)
	{
		CsPlainColumn *column = &keys->column[i];

		column->n = column->list ? make_list(keys, column, econtext) :
			make_value(keys, column, 0, econtext, &column->values[0]) ? 1 : 0;
		if (pg_mul_s64_overflow(keys->n, column->n, &keys->n))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many combinations of key values")));
	}
}

/*
 * Make the keys that are given one by one.
 */
static void
make_rows(CsPlainKeys *keys, ExprContext *econtext)
{
	int			nkeys = keys->nkeys;
	Datum	   *all = MemoryContextAlloc(values_context(keys),
										 keys->nrows * nkeys * sizeof(Datum));
	int			n = 0;

	for (int row = 0; row < keys->nrows; row++)
	{
		bool		valid = true;

		for (int i = 0; i < nkeys && valid; i++)
			valid = make_value(keys, &keys->column[i], row, econtext, &all[n * nkeys + i]);
		if (valid)
			n++;
	}
	if (n > 1)
		qsort_arg(all, n, nkeys * sizeof(Datum), compare_rows, keys);
	keys->n = 0;
	for (int row = 0; row < n; row++)
	{
		if (row > 0 && compare_rows(&all[(row - 1) * nkeys], &all[row * nkeys], keys) == 0)
			continue;
		for (int i = 0; i < nkeys; i++)
			keys->column[i].values[keys->n] = all[row * nkeys + i];
		keys->n++;
	}
}

/*
 * Make the keys with present values.
 */
void
cs_plainkeys_make(CsPlainKeys *keys, ExprContext *econtext)
{
	if (keys->context != NULL)
		MemoryContextReset(keys->context);
	if (keys->rows)
		make_rows(keys, econtext);
	else
		make_combinations(keys, econtext);
}

/*
 * Values of the key with this number, from 0.  The last column changes
 * fastest.
 */
void
cs_plainkeys_get(const CsPlainKeys *keys, int64 pos, Datum *values)
{
	for (int i = keys->nkeys - 1; i >= 0; i--)
	{
		const CsPlainColumn *column = &keys->column[i];

		if (keys->rows)
			values[i] = column->values[pos];
		else if (column->n == 1)
			values[i] = column->values[0];
		else
		{
			values[i] = column->values[pos % column->n];
			pos /= column->n;
		}
	}
}
