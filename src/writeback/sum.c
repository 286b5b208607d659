/*-------------------------------------------------------------------------
 *
 * sum.c
 *		Sums under merge rule "add": combining deltas, which must not fail, and
 *		computing the delta of an UPDATE, which must be exact.
 *
 * Deltas are combined where an error would not help: at a commit, in a read of
 * another session, in a flush.  So a sum that does not fit its type is kept
 * nevertheless, integers as numeric and other types as the text of the
 * addends, and is refused when it is applied to its row.  A writer checks
 * before it defers, so this only concerns changes that did not see each other.
 *
 * Infinity and NaN are not possible as deltas: adding to them never leads to
 * another value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "writeback/combine.h"
#include "writeback/merge.h"
#include "writeback/sum.h"

/*
 * A value this close to the limits of its type is watched
 * (cs_sum_is_near_end).
 */
#define MARGIN	1024

/* ----- types ----- */

static const struct
{
	Oid			type;
	Oid			delta_type;
}			addables[] = {
	{INT2OID, INT8OID},
	{INT4OID, INT8OID},
	{INT8OID, INT8OID},
	{NUMERICOID, NUMERICOID},
	{FLOAT4OID, FLOAT4OID},
	{FLOAT8OID, FLOAT8OID},
	{CASHOID, CASHOID},
	{INTERVALOID, INTERVALOID},
};

/*
 * Type of the deltas for a column of this type; InvalidOid if it cannot be
 * added to.
 */
Oid
cs_sum_delta_type(Oid type)
{
	for (int i = 0; i < lengthof(addables); i++)
		if (addables[i].type == type)
			return addables[i].delta_type;
	return InvalidOid;
}

/* Whether the value is neither infinite nor NaN. */
bool
cs_sum_is_finite(Oid type, Datum value)
{
	switch (type)
	{
		case FLOAT4OID:
			return isfinite(DatumGetFloat4(value));
		case FLOAT8OID:
			return isfinite(DatumGetFloat8(value));
		case NUMERICOID:
			return !numeric_is_nan(DatumGetNumeric(value)) &&
				!numeric_is_inf(DatumGetNumeric(value));
		case INTERVALOID:
			return cs_interval_is_finite(DatumGetIntervalP(value));
		default:
			return true;
	}
}

static bool
is_beyond(float8 value, float8 end)
{
	return value > end / MARGIN || value < -end / MARGIN;
}

/*
 * Whether the value is so close to the limits of its type that several changes
 * together may exceed them.
 */
bool
cs_sum_is_near_end(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value) > PG_INT16_MAX / 2 ||
				DatumGetInt16(value) < PG_INT16_MIN / 2;
		case INT4OID:
			return DatumGetInt32(value) > PG_INT32_MAX / 2 ||
				DatumGetInt32(value) < PG_INT32_MIN / 2;
		case INT8OID:
		case CASHOID:
			return DatumGetInt64(value) > PG_INT64_MAX / 2 ||
				DatumGetInt64(value) < PG_INT64_MIN / 2;
		case FLOAT4OID:
			return is_beyond(DatumGetFloat4(value), FLT_MAX);
		case FLOAT8OID:
			return is_beyond(DatumGetFloat8(value), DBL_MAX);
		case INTERVALOID:
			{
				const Interval *interval = DatumGetIntervalP(value);

				return is_beyond(interval->month, PG_INT32_MAX) ||
					is_beyond(interval->day, PG_INT32_MAX) ||
					is_beyond((float8) interval->time, (float8) PG_INT64_MAX);
			}
		default:
			return false;
	}
}

/* ----- adding without errors ----- */

static bool
add_intervals(const Interval *a, const Interval *b, bool subtract, Datum *sum)
{
	Interval   *result = palloc(sizeof(Interval));
	bool		overflow;

	if (!cs_interval_is_finite(a) || !cs_interval_is_finite(b))
		return false;
	if (subtract)
		overflow = pg_sub_s32_overflow(a->month, b->month, &result->month) ||
			pg_sub_s32_overflow(a->day, b->day, &result->day) ||
			pg_sub_s64_overflow(a->time, b->time, &result->time);
	else
		overflow = pg_add_s32_overflow(a->month, b->month, &result->month) ||
			pg_add_s32_overflow(a->day, b->day, &result->day) ||
			pg_add_s64_overflow(a->time, b->time, &result->time);
	*sum = IntervalPGetDatum(result);
	return !overflow && cs_interval_is_finite(result);
}

static bool
add_numerics(Numeric a, Numeric b, bool subtract, Datum *sum)
{
	bool		error = false;
	Numeric		result = subtract ? numeric_sub_opt_error(a, b, &error)
	: numeric_add_opt_error(a, b, &error);

	*sum = NumericGetDatum(result);
	return !error;
}

static bool
add_money(int64 a, int64 b, bool subtract, Datum *sum)
{
	int64		result;

	if (subtract ? pg_sub_s64_overflow(a, b, &result) : pg_add_s64_overflow(a, b, &result))
		return false;
	*sum = Int64GetDatum(result);
	return true;
}

/*
 * Add or subtract two values of the delta type; returns false if the result
 * cannot be added to.
 */
static bool
try_sum(Oid type, Datum a, Datum b, bool subtract, Datum *sum)
{
	switch (type)
	{
		case INT8OID:
		case CASHOID:
			return add_money(DatumGetInt64(a), DatumGetInt64(b), subtract, sum);
		case FLOAT4OID:
			*sum = Float4GetDatum(subtract ? DatumGetFloat4(a) - DatumGetFloat4(b)
								  : DatumGetFloat4(a) + DatumGetFloat4(b));
			break;
		case FLOAT8OID:
			*sum = Float8GetDatum(subtract ? DatumGetFloat8(a) - DatumGetFloat8(b)
								  : DatumGetFloat8(a) + DatumGetFloat8(b));
			break;
		case NUMERICOID:
			if (!add_numerics(DatumGetNumeric(a), DatumGetNumeric(b), subtract, sum))
				return false;
			break;
		case INTERVALOID:
			return add_intervals(DatumGetIntervalP(a), DatumGetIntervalP(b), subtract, sum);
		default:
			elog(ERROR, "values of type %u cannot be added", type);
	}
	return cs_sum_is_finite(type, *sum);
}

/*
 * Convert a numeric to an integer, without an error.
 */
int64
cs_sum_to_integer(Numeric number, bool *overflow)
{
	Datum		value = NumericGetDatum(number);
	Datum		least = NumericGetDatum(int64_to_numeric(PG_INT64_MIN));
	Datum		largest = NumericGetDatum(int64_to_numeric(PG_INT64_MAX));

	*overflow = !cs_sum_is_finite(NUMERICOID, value) ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, value, least)) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt, value, largest));
	return *overflow ? 0 : DatumGetInt64(DirectFunctionCall1(numeric_int8, value));
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* ----- combining deltas ----- */

/*
 * Whether values of the type can be added as numeric, whatever the other type.
 */
static bool
is_number(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
			return true;
		default:
			return false;
	}
}

/*
 * Convert between built-in types, which requires no binding, since no code of
 * an owner runs.
 */
static Datum
convert(const CsColumnDelta *from, Oid to)
{
	return cs_combine_convert(NULL, from->value, from->type, to);
}

static char *
as_text(const CsColumnDelta *delta)
{
	return cs_combine_to_text(NULL, delta->type, delta->value);
}

/*
 * Keep the text of the addends, for the owner of the dead letter that results.
 */
static void
write_down(CsColumnDelta *acc, const CsColumnDelta *change)
{
	acc->value = CStringGetTextDatum(psprintf("%s + %s", as_text(acc), as_text(change)));
	acc->type = TEXTOID;
}

/*
 * Whether the change is a sum that cannot be added to a row: the text of its
 * addends.
 */
bool
cs_sum_is_unwieldy(const CsColumnDelta *change)
{
	return change->rule == CS_RULE_ADD && !change->isnull && change->type == TEXTOID;
}

/*
 * Add as values of this type; returns false if that is not possible.
 */
static bool
fold_as(Oid type, CsColumnDelta *acc, const CsColumnDelta *change)
{
	Datum		sum;

	if (!try_sum(type, convert(acc, type), convert(change, type), false, &sum))
		return false;
	acc->type = type;
	acc->value = sum;
	return true;
}

/*
 * Add a CS_RULE_ADD change to acc, which may also be the value of a row, or
 * one that was set.  Does not throw.  The column's type may have changed in
 * between.
 */
void
cs_sum_fold(CsColumnDelta *acc, const CsColumnDelta *change)
{
	Oid			a = cs_sum_delta_type(acc->type);
	Oid			b = cs_sum_delta_type(change->type);

	if (OidIsValid(a) && !cs_sum_is_finite(acc->type, acc->value))
		return;
	if (OidIsValid(a) && a == b && fold_as(a, acc, change))
		return;
	if (is_number(a) && is_number(b) && (a != b || a == INT8OID) &&
		fold_as(NUMERICOID, acc, change))
		return;
	write_down(acc, change);
}

/* ----- exact differences ----- */

static bool
is_image(Oid type, Datum a, Datum b)
{
	switch (type)
	{
		case INT8OID:
		case CASHOID:
			return DatumGetInt64(a) == DatumGetInt64(b);
		case NUMERICOID:
			return datum_image_eq(a, b, false, -1);
		case INTERVALOID:
			return datum_image_eq(a, b, false, sizeof(Interval));
		case FLOAT4OID:
			return datum_image_eq(a, b, true, sizeof(float4));
		default:
			return datum_image_eq(a, b, FLOAT8PASSBYVAL, sizeof(float8));
	}
}

/* Convert to the delta type; smaller integers are added as int8. */
static Datum
widen(const CsMergeColumn *column, Datum value)
{
	return cs_combine_convert(NULL, value, column->type, column->delta_type);
}

/* Whether this change leads exactly from one value to the other. */
bool
cs_sum_is_exact(const CsMergeColumn *column, Datum from, const CsColumnDelta *change, Datum to)
{
	Oid			type = column->delta_type;
	Datum		sum;

	if (change->isnull || change->type != type)
		return false;
	return try_sum(type, widen(column, from), change->value, false, &sum) &&
		is_image(type, sum, widen(column, to));
}

/*
 * Compute the change that leads from one value of the column to the other.
 * Returns false if none does so exactly, to the last digit shown.
 */
bool
cs_sum_difference(const CsMergeColumn *column, Datum new, Datum old, CsColumnDelta *change)
{
	Oid			type = column->delta_type;

	change->type = type;
	change->isnull = false;
	/* an integer result without overflow is exact */
	if (is_integer(type))
		return try_sum(type, widen(column, new), widen(column, old), true, &change->value);
	return try_sum(type, widen(column, new), widen(column, old), true, &change->value) &&
		cs_sum_is_exact(column, old, change, new);
}
