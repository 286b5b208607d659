/*-------------------------------------------------------------------------
 *
 * combine.c
 *		Combining two values of a column, and converting values between types.
 *
 * Deferred writes must never get stuck.  So a sum that does not fit its type
 * is refused where it is applied to its row, not where two deltas are
 * combined; otherwise the key could not be read or flushed any more (sum.c).
 *
 * Text is used for values that outlive the session, or whose column has
 * changed its type.  Settings that the text depends on are pinned meanwhile,
 * unless the type is known to ignore them or they have the right values.
 *
 * A type that is not built in may run code of its owner, such as the CHECK of
 * a domain that an array or range contains.  The present session is unrelated
 * to that owner, so the code is run as the owner of the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "guc.h"
#include "relation/owner.h"
#include "relation/pinned.h"
#include "writeback/combine.h"
#include "writeback/merge.h"
#include "writeback/sum.h"

/* ----- running code as the owner ----- */

/* Whether a function or type was not created by initdb. */
static bool
is_foreign(Oid object)
{
	return object >= FirstNormalObjectId;
}

typedef struct Foreign
{
	bool		is;
	bool		snapshot;		/* whether a snapshot was pushed, since there
								 * is none at commit */
	CsAsOwner	saved;
} Foreign;

/*
 * If the object is foreign, become the table's owner.
 */
static void
begin_foreign(const CsBinding *binding, Oid object, Foreign *foreign)
{
	foreign->is = is_foreign(object);
	if (!foreign->is)
		return;
	foreign->snapshot = !ActiveSnapshotSet();
	if (foreign->snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	cs_owner_begin(&foreign->saved, binding->owner);
}

/*
 * Undo begin_foreign().
 */
static void
end_foreign(const Foreign *foreign)
{
	if (!foreign->is)
		return;
	cs_owner_end(&foreign->saved);
	if (foreign->snapshot)
		PopActiveSnapshot();
}

/* ----- types ----- */

/* Whether the type still exists, so that its values have a text. */
bool
cs_combine_type_exists(Oid type)
{
	return SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type));
}

/*
 * Whether values of the type contain rows.  A row type can be altered, which
 * changes the meaning of the bytes and the text of values outside of tables.
 */
bool
cs_combine_holds_rows(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	if (OidIsValid(element))
		return cs_combine_holds_rows(element);
	switch (get_typtype(base))
	{
		case TYPTYPE_COMPOSITE:
			return true;
		case TYPTYPE_RANGE:
			return cs_combine_holds_rows(get_range_subtype(base));
		case TYPTYPE_MULTIRANGE:
			return cs_combine_holds_rows(get_multirange_range(base));
		default:
			return false;
	}
}

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
	{"search_path", "pg_catalog, pg_temp"},
};

/*
 * Whether the type's text does not depend on the pinned settings, or they have
 * the right values.
 */
static bool
is_plain(Oid type, bool input)
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
			return true;
		case TIMETZOID:
			return !input;
		case FLOAT4OID:
		case FLOAT8OID:
			return extra_float_digits > 0;
		case DATEOID:
		case TIMESTAMPOID:
			return DateStyle == USE_ISO_DATES;
		case TIMESTAMPTZOID:
			/* values that were text before may lack a time zone */
			return DateStyle == USE_ISO_DATES && !input;
		case INTERVALOID:
			return IntervalStyle == INTSTYLE_POSTGRES;
		default:
			return false;
	}
}

/*
 * Apply the table's pinned settings, then those for text.  Returns the GUC
 * nest level, 0 if nothing was changed.
 */
static int
pin_settings(const CsBinding *binding, Oid type, bool input)
{
	int			nestlevel;

	if (is_plain(type, input))
		return 0;
	nestlevel = NewGUCNestLevel();
	if (binding != NULL)
		cs_pinned_apply(binding->pinned, binding->name);
	for (int i = 0; i < lengthof(pinned); i++)
		cs_guc_set_constant(pinned[i].name, pinned[i].value);
	return nestlevel;
}

static void
unpin_settings(int nestlevel)
{
	if (nestlevel > 0)
		AtEOXact_GUC(false, nestlevel);
}

/*
 * Text of a value, which means the same in every session.  An error needs no
 * cleanup.
 */
char *
cs_combine_to_text(const CsBinding *binding, Oid type, Datum value)
{
	Foreign		foreign;
	int			nestlevel;
	Oid			function;
	bool		varlena;
	char	   *text;

	begin_foreign(binding, type, &foreign);
	nestlevel = pin_settings(binding, type, false);
	getTypeOutputInfo(type, &function, &varlena);
	text = OidOutputFunctionCall(function, value);

	unpin_settings(nestlevel);
	end_foreign(&foreign);
	return text;
}

/*
 * Value of such a text.  An error needs no cleanup.
 */
Datum
cs_combine_from_text(const CsBinding *binding, Oid type, int32 typmod, char *text)
{
	Foreign		foreign;
	int			nestlevel;
	Oid			function;
	Oid			ioparam;
	Datum		value;

	begin_foreign(binding, type, &foreign);
	nestlevel = pin_settings(binding, type, true);
	getTypeInputInfo(type, &function, &ioparam);
	value = OidInputFunctionCall(function, text, ioparam, typmod);
	unpin_settings(nestlevel);
	end_foreign(&foreign);
	return value;
}

/*
 * Convert through text, which applies a typmod.  Throws if the type does not
 * exist any more.
 */
Datum
cs_combine_through_text(const CsBinding *binding, Datum value, Oid from, Oid to,
						int32 typmod)
{
	if (!cs_combine_type_exists(from))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the type of a deferred value of table \"%s\" no longer exists",
						binding->name)));
	return cs_combine_from_text(binding, to, typmod,
								cs_combine_to_text(binding, from, value));
}

/*
 * Apply a length function, which has two or three arguments: value, typmod
 * and, optionally, whether the cast is explicit.
 */
Datum
cs_combine_length(const CsBinding *binding, FmgrInfo *function, Datum value, int32 typmod)
{
	Foreign		foreign;
	Datum		result;

	begin_foreign(binding, function->fn_oid, &foreign);
	if (function->fn_nargs == 2)
		result = FunctionCall2(function, value, Int32GetDatum(typmod));
	else
		result = FunctionCall3(function, value, Int32GetDatum(typmod), BoolGetDatum(false));
	end_foreign(&foreign);
	return result;
}

/* ----- converting ----- */

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

/* Convert an integer; returns false if the type is not numeric. */
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

/*
 * Convert a value.  Between numbers as by assignment in SQL, with the same
 * errors; otherwise through text.
 */
Datum
cs_combine_convert(const CsBinding *binding, Datum value, Oid from, Oid to)
{
	int64		integer;
	Datum		result;

	if (from == to)
		return value;
	if (get_integer(value, from, &integer) && convert_integer(integer, to, &result))
		return result;
	if (from == NUMERICOID && convert_numeric(value, to, &result))
		return result;
	return cs_combine_through_text(binding, value, from, to, -1);
}

/* ----- combining ----- */

/* Add a change to a value by the type's operator. */
static Datum
add_to_value(const CsMergeColumn *column, Datum value, Datum change)
{
	switch (column->delta_type)
	{
		case NUMERICOID:
			return DirectFunctionCall2(numeric_add, value, change);
		case FLOAT4OID:
			return DirectFunctionCall2(float4pl, value, change);
		case FLOAT8OID:
			return DirectFunctionCall2(float8pl, value, change);
		case CASHOID:
			return DirectFunctionCall2(cash_pl, value, change);
		case INTERVALOID:
			return DirectFunctionCall2(interval_pl, value, change);
		default:
			elog(ERROR, "values of type %u cannot be added", column->delta_type);
	}
}

/*
 * Apply a CS_RULE_ADD change to a row's value.  A sum beyond 64 bits may also
 * be beyond the column's type, and is then an error.
 */
static void
add(const CsBinding *binding, const CsMergeColumn *column, CsColumnDelta *value,
	const CsColumnDelta *change)
{
	if (value->isnull)
		return;
	if (change->isnull)
	{
		value->isnull = true;
		value->value = (Datum) 0;
		return;
	}
	if (cs_sum_is_unwieldy(change))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the sum of what is deferred for a column of table \"%s\" is out of range",
						binding->name),
				 errdetail("It is %s.", TextDatumGetCString(change->value))));
	if (column->delta_type == INT8OID)
	{
		cs_sum_fold(value, change);
		return;
	}
	value->value = add_to_value(column,
								cs_combine_convert(binding, value->value, value->type,
												   column->delta_type),
								cs_combine_convert(binding, change->value, change->type,
												   column->delta_type));
	value->type = column->delta_type;
}

/*
 * Combine two CS_RULE_ADD changes.
 */
static void
fold_added(CsColumnDelta *value, const CsColumnDelta *change)
{
	if (value->isnull)
		return;
	if (change->isnull)
	{
		value->isnull = true;
		value->value = (Datum) 0;
		return;
	}
	cs_sum_fold(value, change);
}

/*
 * Set the value to that of the change.
 */
static void
set(CsColumnDelta *value, const CsColumnDelta *change)
{
	value->type = change->type;
	value->isnull = change->isnull;
	value->value = change->value;
}

/*
 * Compare by the column's comparison function.
 */
static int32
compare(const CsBinding *binding, const CsMergeColumn *column, Datum a, Datum b)
{
	Foreign		foreign;
	int32		order;

	begin_foreign(binding, column->cmp.fn_oid, &foreign);
	order = DatumGetInt32(FunctionCall2Coll(unconstify(FmgrInfo *, &column->cmp),
											column->collation, a, b));
	end_foreign(&foreign);
	return order;
}

/*
 * Keep the larger or smaller value, as GREATEST and LEAST: of equal ones the
 * first, and NULL is ignored.
 */
static void
choose(const CsBinding *binding, const CsMergeColumn *column, CsColumnDelta *value,
	   const CsColumnDelta *change)
{
	CsMergeColumn former;
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

	/*
	 * both may be of the column's former type and have no value of the new
	 * one
	 */
	if (value->type == change->type && value->type != column->type &&
		cs_combine_type_exists(value->type) &&
		cs_merge_resolve(&former, change->rule, value->type))
		column = &former;
	a = cs_combine_convert(binding, value->value, value->type, column->type);
	b = cs_combine_convert(binding, change->value, change->type, column->type);
	order = compare(binding, column, a, b);
	if (column->rule == CS_RULE_MAX ? order < 0 : order > 0)
		value->value = b;
	else
		value->value = a;
	value->type = column->type;
}

/*
 * Apply a change to the value of a row.  Rule and stamp of 'value' are not
 * changed.
 */
void
cs_combine(const CsBinding *binding, const CsMergeColumn *column, CsColumnDelta *value,
		   const CsColumnDelta *change)
{
	switch (change->rule)
	{
		case CS_RULE_ADD:
			add(binding, column, value, change);
			break;
		case CS_RULE_MAX:
		case CS_RULE_MIN:
			choose(binding, column, value, change);
			break;
		case CS_RULE_REPLACE:
			set(value, change);
			break;
	}
}

/*
 * As cs_combine(), if 'value' is an earlier change, or the value that a column
 * was set to.  CS_RULE_ADD changes are combined without errors, whatever the
 * sum.
 */
void
cs_combine_fold(const CsBinding *binding, const CsMergeColumn *column,
				CsColumnDelta *value, const CsColumnDelta *change)
{
	if (change->rule == CS_RULE_ADD)
		fold_added(value, change);
	else
		cs_combine(binding, column, value, change);
}
