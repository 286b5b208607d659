/*-------------------------------------------------------------------------
 *
 * keyarg.c
 *		Conversion of function arguments to the key of a row.
 *
 * A key given as arguments identifies the rows that "column = value" finds in
 * a SELECT.  The parser determines the operator.  If it is the primary key's
 * own, or compares in the same way, the value is cast as the parser would cast
 * it.  An operator that compares something else, such as the column's value
 * cast to another type, may hold for no key, for a value that must be
 * computed, or for several.  If it can hold for one value only, and that can
 * be computed independently of the session's settings, it is computed.
 * Otherwise the table is searched for the key for which the operator holds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_oper.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "relation/binding.h"
#include "relation/cast.h"
#include "relation/keyarg.h"
#include "relation/loader.h"

/*
 * Throw 22023: wrong number of key values.
 */
void
cs_keyarg_count_error(const CsBinding *binding, int given)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("wrong number of key values for table \"%s\"", binding->name),
			 errdetail_plural("The primary key (%s) needs %d value, but %d were given.",
							  "The primary key (%s) needs %d values, but %d were given.",
							  binding->nkeys, cs_key_names(binding),
							  binding->nkeys, given)));
}

/* ----- choice of the comparison ----- */

static bool
is_builtin(Oid object)
{
	return object < FirstGenbkiObjectId;
}

static int
integer_width(Oid type)
{
	return type == INT2OID ? 2 : type == INT4OID ? 4 : type == INT8OID ? 8 : 0;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/* Operator of "column = value"; InvalidOid if there is none. */
static Oid
find_equality(Oid column, Oid given, Oid *left, Oid *right)
{
	Operator	tuple = oper(NULL, list_make1(makeString("=")), column, given, true, -1);
	Form_pg_operator form;
	Oid			operator;

	if (tuple == NULL)
		return InvalidOid;
	form = (Form_pg_operator) GETSTRUCT(tuple);
	operator = form->oid;
	*left = form->oprleft;
	*right = form->oprright;
	ReleaseSysCache(tuple);
	return operator;
}

/*
 * Whether distinct values of the column's type are distinct in the type of the
 * comparison, so that at most one is equal.  For example, bigint is not in
 * double precision.
 */
static bool
has_one_equal(Oid column, Oid given)
{
	if (column == DATEOID)
		return given == TIMESTAMPOID;
	if (integer_width(given) > 0)
		return integer_width(given) > integer_width(column) && integer_width(column) > 0;
	if (given == NUMERICOID)
		return integer_width(column) > 0;
	if (given == FLOAT4OID || given == FLOAT8OID)
		return column == INT2OID || column == INT4OID;
	return false;
}

/*
 * Whether a built-in operator compares both as text.
 */
static bool
compares_as_text(const CsKeyColumn *column, Oid given)
{
	return column->type == BPCHAROID ? given == TEXTOID :
		column->type == NAMEOID && is_text(given);
}

/*
 * Whether the comparison is the primary key's own after casting the value.  An
 * operator of the key's family between two types holds for what is equal after
 * a cast between them, if there is an implicit one.
 */
static bool
is_own_comparison(const CsKeyColumn *column, Oid given, Oid operator, Oid left, Oid right)
{
	if (operator == column->equality)
		return true;
	return is_builtin(operator) && left == column->operand && right == given &&
		get_op_opfamily_strategy(operator, column->opfamily) == BTEqualStrategyNumber;
}

/*
 * Find the implicit cast to a type; returns false if there is none.
 */
static bool
find_cast(Oid target, Oid given, CsKeyArg *arg, Oid *function)
{
	CoercionPathType path = find_coercion_pathway(target, given, COERCION_IMPLICIT,
												  function);

	arg->coercion = path == COERCION_PATH_FUNC ? CS_COERCE_FUNCTION : CS_COERCE_NONE;
	return path == COERCION_PATH_FUNC || path == COERCION_PATH_RELABELTYPE ||
		IsBinaryCoercible(given, target);
}

/*
 * Choose how an argument becomes a key value; returns false if it cannot.
 */
static bool
choose_coercion(const CsKeyColumn *column, CsKeyArg *arg, Oid *function)
{
	Oid			given = arg->type;
	Oid			left;
	Oid			right;

	if (given == UNKNOWNOID)
	{
		arg->coercion = CS_COERCE_INPUT;
		return true;
	}
	if (given == column->type)
		return true;
	arg->operator = find_equality(column->type, given, &left, &right);
	if (!OidIsValid(arg->operator))
	{
		arg->coercion = CS_COERCE_TEXT_INPUT;
		return is_text(given);
	}
	if (is_builtin(arg->operator) && has_one_equal(column->type, given))
		arg->coercion = CS_COERCE_EXACT;
	else if (is_builtin(arg->operator) && compares_as_text(column, given))
	{
		(void) find_cast(column->type, given, arg, function);
		arg->coercion = CS_COERCE_TEXT;
	}
	else if (!is_own_comparison(column, given, arg->operator, left, right) ||
			 !find_cast(column->operand, given, arg, function))
		arg->coercion = CS_COERCE_COMPARE;
	return true;
}

/*
 * Throw 42804: the argument's type does not fit.
 */
cs_noreturn static void
type_error(const CsBinding *binding, const CsKeyColumn *column, Oid given, bool element)
{
	const char *type = format_type_be(column->type);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("key column \"%s\" of table \"%s\" is of type %s but the value given is of type %s",
					NameStr(column->name), binding->name, type, format_type_be(given)),
			 element ? errhint("Cast the array to %s[].", type) :
			 OidIsValid(get_base_element_type(given)) ?
			 errhint("For several keys use cache.read_many().") :
			 errhint("Cast the value to %s.", type)));
}

/*
 * Whether converting may run code of any role: casts can belong to any role,
 * and types can contain domains.
 */
static bool
runs_foreign_code(const CsKeyColumn *column, const CsKeyArg *arg)
{
	switch (arg->coercion)
	{
		case CS_COERCE_INPUT:
		case CS_COERCE_TEXT_INPUT:
		case CS_COERCE_FUNCTION:
			return column->type >= FirstNormalObjectId ||
				arg->function.fn_oid >= FirstNormalObjectId;
		case CS_COERCE_COMPARE:
			return true;
		default:
			return false;
	}
}

/*
 * Prepare the conversion of arguments of that type to a column.  Throws if
 * there is none.  'element': the argument is an array of keys.
 */
void
cs_keyarg_prepare(const CsBinding *binding, int i, Oid argtype, bool element,
				  CsKeyArg *arg, MemoryContext context)
{
	const CsKeyColumn *column = &binding->keys[i];
	Oid			function = InvalidOid;

	arg->type = argtype;
	arg->coercion = CS_COERCE_NONE;
	arg->foreign = false;
	if (argtype == column->type)
		return;					/* the usual case, without catalogue lookups */
	arg->type = getBaseType(argtype);
	if (!choose_coercion(column, arg, &function))
		type_error(binding, column, argtype, element);

	/*
	 * keys that only a loader function or deferred writes know are not in the
	 * table
	 */
	if (arg->coercion == CS_COERCE_COMPARE &&
		(binding->options.loader != NULL || cs_binding_defers(binding)))
		type_error(binding, column, argtype, element);
	if (arg->coercion == CS_COERCE_INPUT || arg->coercion == CS_COERCE_TEXT_INPUT)
		fmgr_info_cxt(column->typinput, &arg->function, context);
	else if (OidIsValid(function))
		cs_cast_prepare(function, &arg->function, context);
	arg->foreign = runs_foreign_code(column, arg);
}

/* ----- values ----- */

static bool
is_between(Numeric value, int64 low, int64 high)
{
	Datum		datum = NumericGetDatum(value);

	return DatumGetBool(DirectFunctionCall2(numeric_ge, datum,
											NumericGetDatum(int64_to_numeric(low)))) &&
		DatumGetBool(DirectFunctionCall2(numeric_le, datum,
										 NumericGetDatum(int64_to_numeric(high))));
}

/*
 * Convert a numeric to an integer; false if it is not one.
 */
static bool
whole_numeric(Numeric value, int64 *whole)
{
	Datum		datum = NumericGetDatum(value);
	Datum		truncated;

	if (numeric_is_nan(value) || numeric_is_inf(value) ||
		!is_between(value, PG_INT64_MIN, PG_INT64_MAX))
		return false;
	truncated = DirectFunctionCall2(numeric_trunc, datum, Int32GetDatum(0));
	*whole = DatumGetInt64(DirectFunctionCall1(numeric_int8, truncated));
	return DatumGetBool(DirectFunctionCall2(numeric_eq, datum, truncated));
}

static bool
whole_float(float8 value, int64 *whole)
{
	/* false for NaN too */
	if (!(value >= PG_INT32_MIN && value <= PG_INT32_MAX) || value != rint(value))
		return false;
	*whole = (int64) value;
	return true;
}

/*
 * Convert a number to an integer; false if it is not one.
 */
static bool
whole_number(Oid type, Datum given, int64 *whole)
{
	switch (type)
	{
		case INT4OID:
			*whole = DatumGetInt32(given);
			return true;
		case INT8OID:
			*whole = DatumGetInt64(given);
			return true;
		case NUMERICOID:
			return whole_numeric(DatumGetNumeric(given), whole);
		case FLOAT4OID:
			return whole_float(DatumGetFloat4(given), whole);
		default:
			Assert(type == FLOAT8OID);
			return whole_float(DatumGetFloat8(given), whole);
	}
}

static bool
exact_date(Datum given, Datum *value)
{
	*value = DirectFunctionCall1(timestamp_date, given);
	return DatumGetBool(DirectFunctionCall2(timestamp_eq, given,
											DirectFunctionCall1(date_timestamp, *value)));
}

/* The value of the column's type that is equal; false if there is none. */
static bool
exact_value(const CsKeyColumn *column, const CsKeyArg *arg, Datum given, Datum *value)
{
	int64		whole;

	if (column->type == DATEOID)
		return exact_date(given, value);
	if (!whole_number(arg->type, given, &whole))
		return false;
	switch (column->type)
	{
		case INT2OID:
			*value = Int16GetDatum((int16) whole);
			return whole >= PG_INT16_MIN && whole <= PG_INT16_MAX;
		case INT4OID:
			*value = Int32GetDatum((int32) whole);
			return whole >= PG_INT32_MIN && whole <= PG_INT32_MAX;
		default:
			Assert(column->type == INT8OID);
			*value = Int64GetDatum(whole);
			return true;
	}
}

/*
 * Convert text.  character(n) equals a text only without trailing blanks, and
 * name has limited length; otherwise returns false.
 */
static bool
text_value(const CsKeyColumn *column, CsKeyArg *arg, Datum given, Datum *value)
{
	text	   *string = DatumGetTextPP(given);
	int			len = VARSIZE_ANY_EXHDR(string);

	if (column->type == NAMEOID)
	{
		*value = cs_cast_call(&arg->function, InvalidOid, PointerGetDatum(string), false);
		return len < NAMEDATALEN;
	}
	*value = PointerGetDatum(string);
	return len == 0 || VARDATA_ANY(string)[len - 1] != ' ';
}

/* Convert an argument to the column's value; false if no row can have it. */
static bool
coerce(const CsKeyColumn *column, CsKeyArg *arg, Datum given, Datum *value)
{
	switch (arg->coercion)
	{
		case CS_COERCE_NONE:
		case CS_COERCE_COMPARE:
			*value = given;
			return true;
		case CS_COERCE_INPUT:
			*value = InputFunctionCall(&arg->function, DatumGetCString(given),
									   column->typioparam, -1);
			return true;
		case CS_COERCE_TEXT_INPUT:
			*value = InputFunctionCall(&arg->function, TextDatumGetCString(given),
									   column->typioparam, -1);
			return true;
		case CS_COERCE_FUNCTION:
			*value = cs_cast_call(&arg->function, column->collation, given, false);
			return true;
		case CS_COERCE_EXACT:
			return exact_value(column, arg, given, value);
		case CS_COERCE_TEXT:
			return text_value(column, arg, given, value);
	}
	return false;
}

/* ----- searching the table ----- */

/* SELECT alias.a, alias.b FROM table AS alias WHERE alias.a = $1 AND ... */
static char *
matching_query(const CsBinding *binding, const CsKeyArg *args)
{
	StringInfoData select;
	StringInfoData where;
	char	   *alias;
	char	   *from = cs_loader_from(binding, &alias);

	initStringInfo(&select);
	initStringInfo(&where);
	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *column = &binding->keys[i];
		char	   *name = psprintf("%s.%s", alias, quote_identifier(NameStr(column->name)));

		appendStringInfo(&select, "%s%s", i > 0 ? ", " : "", name);
		appendStringInfo(&where, "%s%s %s $%d", i > 0 ? " AND " : "", name,
						 args[i].coercion == CS_COERCE_COMPARE ?
						 cs_key_operator_name(args[i].operator) : column->eqop,
						 i + 1);
	}
	return psprintf("SELECT %s %s WHERE %s", select.data, from, where.data);
}

static SPIPlanPtr
prepare_matching(const CsBinding *binding, const CsKeyArg *args)
{
	char	   *query = matching_query(binding, args);
	Oid			types[INDEX_MAX_KEYS];
	SPIPlanPtr	plan;

	for (int i = 0; i < binding->nkeys; i++)
		types[i] = args[i].coercion == CS_COERCE_COMPARE ? args[i].type :
			binding->keys[i].type;
	plan = SPI_prepare(query, binding->nkeys, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Replace the values by those of the row for which the operators hold; false
 * if there is none.  The caller's own SELECT would read the same.
 */
static bool
find_matching(const CsBinding *binding, const CsKeyArg *args, Snapshot snapshot, Datum *values)
{
	SPIPlanPtr	plan;
	uint64		found;
	int			rc;

	SPI_connect();
	plan = prepare_matching(binding, args);
	rc = SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot, true, false, 2);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not look for a key: %s", SPI_result_code_string(rc));
	if (!cs_loader_reads_table(plan, binding))
		cs_binding_renamed_error(binding);
	found = SPI_processed;
	if (found > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("more than one row of table \"%s\" is equal to the key given",
						binding->name),
				 errhint("Give the key with the types of the primary key's columns.")));
	for (int i = 0; found > 0 && i < binding->nkeys; i++)
	{
		const CsKeyColumn *column = &binding->keys[i];
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
										  i + 1, &isnull);

		values[i] = SPI_datumTransfer(value, column->typbyval, column->typlen);
	}
	SPI_finish();
	return found > 0;
}

/*
 * Convert the arguments, and make the key.
 */
static bool
make_key(const CsBinding *binding, CsKeyArg *args, const Datum *given, Snapshot snapshot,
		 CsRowKey *rowkey)
{
	bool		ask = false;

	for (int i = 0; i < binding->nkeys; i++)
	{
		if (!coerce(&binding->keys[i], &args[i], given[i], &rowkey->value[i]))
			return false;
		ask |= args[i].coercion == CS_COERCE_COMPARE;
	}
	if (ask && !find_matching(binding, args, snapshot, rowkey->value))
		return false;
	cs_key_make(binding, rowkey);
	return true;
}

/*
 * Make the key with these values, none of which is NULL; returns false if no
 * row has it.
 *
 * If only the table can tell, it is searched under the snapshot.  If code of
 * other roles may run, the table is kept open, as in a SELECT, so that the
 * code cannot alter it.
 */
bool
cs_keyarg_key(const CsBinding *binding, CsKeyArg *args, const Datum *given,
			  Snapshot snapshot, CsRowKey *rowkey)
{
	Relation	rel = NULL;
	bool		result;

	for (int i = 0; i < binding->nkeys && rel == NULL; i++)
		if (args[i].foreign)
			rel = table_open(binding->relid, NoLock);
	result = make_key(binding, args, given, snapshot, rowkey);
	if (rel != NULL)
		table_close(rel, NoLock);
	return result;
}
