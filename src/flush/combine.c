/*-------------------------------------------------------------------------
 *
 * combine.c
 *		How two values of a column become one, and values of one type those of
 *		another.
 *
 * What is deferred must not get stuck: a sum that does not fit its type is
 * refused where it meets its row, not where two deltas meet each other, as then
 * nobody could read or flush the key any more.  So integers are added in 64
 * bits, and beyond that as numeric.
 *
 * Text is for values that outlive the session, or whose column has got another
 * type.  Settings that text depends on are pinned meanwhile, unless the type is
 * known not to look at them or they are as they should be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "flush/combine.h"

/* ----- text ----- */

static const struct
{
	const char *name;
	const char *value;
}			pinned[] = {
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "3"},
	{"lc_monetary", "C"},
	{"xmloption", "content"},
	{"search_path", "pg_catalog"},
};

/* Is the type's text what it would be with settings pinned? */
static bool
is_plain(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case OIDOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
		case BYTEAOID:
		case TIMEOID:
		case TIMETZOID:
			return true;
		case FLOAT4OID:
		case FLOAT8OID:
			return extra_float_digits > 0;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return DateStyle == USE_ISO_DATES;
		case INTERVALOID:
			return IntervalStyle == INTSTYLE_POSTGRES;
		default:
			return false;
	}
}

static int
pin_settings(Oid type)
{
	int			nestlevel;

	if (is_plain(type))
		return 0;
	nestlevel = NewGUCNestLevel();
	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i].name, pinned[i].value, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}

static void
unpin_settings(int nestlevel)
{
	if (nestlevel > 0)
		AtEOXact_GUC(false, nestlevel);
}

char *
cs_combine_to_text(Oid type, Datum value)
{
	int			nestlevel = pin_settings(type);
	Oid			function;
	bool		varlena;
	char	   *text;

	getTypeOutputInfo(type, &function, &varlena);
	text = OidOutputFunctionCall(function, value);

	unpin_settings(nestlevel);
	return text;
}

Datum
cs_combine_from_text(Oid type, int32 typmod, char *text)
{
	int			nestlevel = pin_settings(type);
	Oid			function;
	Oid			ioparam;
	Datum		value;

	getTypeInputInfo(type, &function, &ioparam);
	value = OidInputFunctionCall(function, text, ioparam, typmod);
	unpin_settings(nestlevel);
	return value;
}

Datum
cs_combine_through_text(Datum value, Oid from, Oid to, int32 typmod)
{
	return cs_combine_from_text(to, typmod, cs_combine_to_text(from, value));
}

/* ----- from one type to another ----- */

static bool
get_integer(Datum value, Oid type, int64 *integer)
{
	switch (type)
	{
		case INT2OID:
			*integer = DatumGetInt16(value);
			return true;
		case INT4OID:
			*integer = DatumGetInt32(value);
			return true;
		case INT8OID:
			*integer = DatumGetInt64(value);
			return true;
		default:
			return false;
	}
}

/* False if it is no type that an integer can be made. */
static bool
convert_integer(int64 integer, Oid to, Datum *result)
{
	switch (to)
	{
		case INT2OID:
			*result = DirectFunctionCall1(int82, Int64GetDatum(integer));
			return true;
		case INT4OID:
			*result = DirectFunctionCall1(int84, Int64GetDatum(integer));
			return true;
		case INT8OID:
			*result = Int64GetDatum(integer);
			return true;
		case NUMERICOID:
			*result = NumericGetDatum(int64_to_numeric(integer));
			return true;
		default:
			return false;
	}
}

static bool
convert_numeric(Datum value, Oid to, Datum *result)
{
	switch (to)
	{
		case INT2OID:
			*result = DirectFunctionCall1(numeric_int2, value);
			return true;
		case INT4OID:
			*result = DirectFunctionCall1(numeric_int4, value);
			return true;
		case INT8OID:
			*result = DirectFunctionCall1(numeric_int8, value);
			return true;
		default:
			return false;
	}
}

/* Between numbers as by SQL's assignment, with the same errors. */
Datum
cs_combine_convert(Datum value, Oid from, Oid to)
{
	int64		integer;
	Datum		result;

	if (from == to)
		return value;
	if (get_integer(value, from, &integer) && convert_integer(integer, to, &result))
		return result;
	if (from == NUMERICOID && convert_numeric(value, to, &result))
		return result;
	return cs_combine_through_text(value, from, to, -1);
}

/* ----- two values ----- */

static Datum
add_integers(Datum a, Oid atype, Datum b, Oid btype, Oid *type)
{
	int64		x;
	int64		y;
	int64		sum;

	if (get_integer(a, atype, &x) && get_integer(b, btype, &y) &&
		!pg_add_s64_overflow(x, y, &sum))
	{
		*type = INT8OID;
		return Int64GetDatum(sum);
	}
	*type = NUMERICOID;
	return DirectFunctionCall2(numeric_add, cs_combine_convert(a, atype, NUMERICOID),
							   cs_combine_convert(b, btype, NUMERICOID));
}

static void
add(const CsMergeColumn *column, CsColumnDelta *value, const CsColumnDelta *change)
{
	Datum		a;
	Datum		b;

	if (value->isnull)
		return;
	if (change->isnull)
	{
		value->isnull = true;
		value->value = (Datum) 0;
		return;
	}
	if (column->delta_type == INT8OID)
	{
		value->value = add_integers(value->value, value->type, change->value,
									change->type, &value->type);
		return;
	}
	a = cs_combine_convert(value->value, value->type, column->delta_type);
	b = cs_combine_convert(change->value, change->type, column->delta_type);
	value->value = FunctionCall2(unconstify(FmgrInfo *, &column->add), a, b);
	value->type = column->delta_type;
}

static void
set(CsColumnDelta *value, const CsColumnDelta *change)
{
	value->type = change->type;
	value->isnull = change->isnull;
	value->value = change->value;
}

/* Like GREATEST and LEAST: of equal ones the first stays, NULL is nothing. */
static void
choose(const CsMergeColumn *column, CsColumnDelta *value, const CsColumnDelta *change)
{
	Datum		a;
	Datum		b;
	int32		order;

	if (change->isnull)
		return;
	if (value->isnull)
	{
		set(value, change);
		return;
	}
	a = cs_combine_convert(value->value, value->type, column->type);
	b = cs_combine_convert(change->value, change->type, column->type);
	order = DatumGetInt32(FunctionCall2Coll(unconstify(FmgrInfo *, &column->cmp),
											column->collation, a, b));
	if (column->rule == CS_RULE_MAX ? order < 0 : order > 0)
		value->value = b;
	else
		value->value = a;
	value->type = column->type;
}

void
cs_combine(const CsMergeColumn *column, CsColumnDelta *value,
		   const CsColumnDelta *change)
{
	switch (change->rule)
	{
		case CS_RULE_ADD:
			add(column, value, change);
			break;
		case CS_RULE_MAX:
		case CS_RULE_MIN:
			choose(column, value, change);
			break;
		case CS_RULE_REPLACE:
			set(value, change);
			break;
	}
}

Datum
cs_merge_difference(const CsMergeColumn *column, Datum new, Datum old)
{
	Datum		a = cs_combine_convert(new, column->type, column->delta_type);
	Datum		b = cs_combine_convert(old, column->type, column->delta_type);

	return FunctionCall2(unconstify(FmgrInfo *, &column->subtract), a, b);
}
