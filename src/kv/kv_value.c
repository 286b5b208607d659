/*-------------------------------------------------------------------------
 *
 * kv_value.c
 *		Conversion between SQL values and values of keys.
 *
 * text, jsonb and bytea are kept unchanged, integers and numeric as numbers
 * that can be incremented, and everything else as the text that a cast to text
 * yields. A value can be read as text, jsonb or bytea where that makes sense.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "kv/kv_value.h"
#include "relation/cast.h"

/* ----- taking values ----- */

/* Prepare what "value::text" would call. */
static void
prepare_text(CsTaker *taker, Oid type, MemoryContext context)
{
	Oid			function = InvalidOid;
	bool		varlena;
	CoercionPathType path = find_coercion_pathway(TEXTOID, type, COERCION_EXPLICIT,
												  &function);

	taker->kept = CS_KV_TEXT;
	if (path == COERCION_PATH_RELABELTYPE)
		return;
	taker->casts = path == COERCION_PATH_FUNC;
	if (taker->casts)
	{
		cs_cast_prepare(function, &taker->function, context);
		return;
	}
	getTypeOutputInfo(type, &function, &varlena);
	fmgr_info_cxt(function, &taker->function, context);
}

static CsTaker *
make_taker(Oid type, MemoryContext context)
{
	CsTaker    *taker = MemoryContextAllocZero(context, sizeof(CsTaker));

	taker->type = type;
	switch (getBaseType(type))
	{
		case TEXTOID:
		case VARCHAROID:
			taker->kept = CS_KV_TEXT;
			break;
		case JSONBOID:
			taker->kept = CS_KV_JSONB;
			break;
		case BYTEAOID:
			taker->kept = CS_KV_BYTEA;
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			taker->kept = CS_KV_BIGINT;
			break;
		case NUMERICOID:
			taker->kept = CS_KV_NUMERIC;
			break;
		default:
			prepare_text(taker, getBaseType(type), context);
	}
	return taker;
}

/* Converter for values of this type, kept in fn_extra. */
const CsTaker *
cs_kv_value_taker(FunctionCallInfo fcinfo, Oid type)
{
	CsTaker    *taker = fcinfo->flinfo->fn_extra;

	if (taker == NULL || taker->type != type)
		fcinfo->flinfo->fn_extra = taker = make_taker(type, fcinfo->flinfo->fn_mcxt);
	return taker;
}

static void
take_varlena(Datum datum, CsKvValue *value)
{
	struct varlena *whole = PG_DETOAST_DATUM_PACKED(datum);

	value->data = VARDATA_ANY(whole);
	value->len = VARSIZE_ANY_EXHDR(whole);
}

static void
take_integer(Oid type, Datum datum, CsKvValue *value)
{
	int64	   *number = palloc(sizeof(int64));

	*number = type == INT2OID ? DatumGetInt16(datum) :
		type == INT4OID ? DatumGetInt32(datum) : DatumGetInt64(datum);
	value->data = (const char *) number;
	value->len = sizeof(int64);
}

/*
 * Convert to text, by cast or output function.
 */
static void
take_text(const CsTaker *taker, Datum datum, CsKvValue *value)
{
	char	   *string;

	if (!OidIsValid(taker->function.fn_oid))
		take_varlena(datum, value);
	else if (taker->casts)
		take_varlena(cs_cast_call((FmgrInfo *) &taker->function, InvalidOid, datum, true),
					 value);
	else
	{
		string = OutputFunctionCall((FmgrInfo *) &taker->function, datum);
		value->data = string;
		value->len = strlen(string);
	}
}

/*
 * Convert a datum.  The result points into the datum or a palloc'd copy.
 */
void
cs_kv_value_take(const CsTaker *taker, Datum datum, CsKvValue *value)
{
	memset(value, 0, sizeof(*value));
	value->type = taker->kept;
	switch (taker->kept)
	{
		case CS_KV_BIGINT:
			take_integer(getBaseType(taker->type), datum, value);
			break;
		case CS_KV_TEXT:
			take_text(taker, datum, value);
			break;
		default:
			take_varlena(datum, value);
	}
}

/*
 * Type in which compare_and_set() compares values.
 */
CsKvType
cs_kv_value_compared(const CsTaker *taker)
{
	return taker->kept == CS_KV_JSONB || taker->kept == CS_KV_BYTEA ? taker->kept : CS_KV_TEXT;
}

/* ----- types ----- */

/*
 * Which of text, jsonb and bytea an SQL type is.
 */
CsKvType
cs_kv_value_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
			return CS_KV_TEXT;
		case JSONBOID:
			return CS_KV_JSONB;
		case BYTEAOID:
			return CS_KV_BYTEA;
		default:
			elog(ERROR, "unexpected type %u of a cached value", type);
	}
}

/*
 * Which of text, jsonb and bytea the calling function returns.
 */
CsKvType
cs_kv_value_rettype(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);

	return cs_kv_value_type(OidIsValid(type) ? type :
							get_func_rettype(fcinfo->flinfo->fn_oid));
}

/*
 * Name of a type in messages.
 */
static const char *
type_name(CsKvType type)
{
	switch (type)
	{
		case CS_KV_TEXT:
			return "text";
		case CS_KV_JSONB:
			return "jsonb";
		case CS_KV_BYTEA:
			return "bytea";
		case CS_KV_BIGINT:
			return "bigint";
		case CS_KV_NUMERIC:
			return "numeric";
		case CS_KV_NONE:
			break;
	}
	return "none";
}

/*
 * Throw 42804: the operation is not defined for the type of the key's value.
 */
void
cs_kv_value_type_error(const text *key, const CsKvValue *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the value of key \"%s\" is of type %s",
					text_to_cstring(key), type_name(value->type)),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* ----- conversion to SQL values ----- */

/*
 * Copy a value that was passed to a CsKvChangeFn, so that it can be converted.
 */
void
cs_kv_value_copy(const CsKvValue *value, CsKvValue *copy)
{
	char	   *whole = palloc(VARHDRSZ + value->len);

	*copy = *value;
	copy->data = memcpy(whole + VARHDRSZ, value->data, value->len);
}

int64
cs_kv_value_bigint(const CsKvValue *value)
{
	int64		result;

	Assert(value->type == CS_KV_BIGINT && value->len == sizeof(result));
	memcpy(&result, value->data, sizeof(result));
	return result;
}

/*
 * A number as a numeric datum.  Uses up the value, which is converted in
 * place.
 */
Datum
cs_kv_value_numeric(const CsKvValue *value)
{
	if (value->type == CS_KV_BIGINT)
		return NumericGetDatum(int64_to_numeric(cs_kv_value_bigint(value)));
	return PointerGetDatum(cs_kv_varlena(value));
}

static Datum
text_datum(const CsKvValue *value, const text *key)
{
	char	   *result;

	switch (value->type)
	{
		case CS_KV_TEXT:
			return PointerGetDatum(cs_kv_varlena(value));
		case CS_KV_JSONB:
			result = JsonbToCString(NULL, &((Jsonb *) cs_kv_varlena(value))->root,
									value->len);
			break;
		case CS_KV_BIGINT:
			result = DatumGetCString(DirectFunctionCall1(int8out,
														 Int64GetDatum(cs_kv_value_bigint(value))));
			break;
		case CS_KV_NUMERIC:
			result = DatumGetCString(DirectFunctionCall1(numeric_out,
														 cs_kv_value_numeric(value)));
			break;
		default:
			cs_kv_value_type_error(key, value, "Read it as bytea, with cache.get_bytea() for example.");
	}
	return CStringGetTextDatum(result);
}

/* As to_jsonb(): NaN and infinity are strings in JSON. */
static Datum
jsonb_number(Datum number)
{
	JsonbValue	value;
	Numeric		numeric = DatumGetNumeric(number);

	if (numeric_is_nan(numeric) || numeric_is_inf(numeric))
	{
		value.type = jbvString;
		value.val.string.val = DatumGetCString(DirectFunctionCall1(numeric_out, number));
		value.val.string.len = strlen(value.val.string.val);
	}
	else
	{
		value.type = jbvNumeric;
		value.val.numeric = numeric;
	}
	return JsonbPGetDatum(JsonbValueToJsonb(&value));
}

static Datum
jsonb_datum(const CsKvValue *value, const text *key)
{
	switch (value->type)
	{
		case CS_KV_JSONB:
			return PointerGetDatum(cs_kv_varlena(value));
		case CS_KV_TEXT:
			return DirectFunctionCall1(jsonb_in,
									   CStringGetDatum(pnstrdup(value->data, value->len)));
		case CS_KV_BIGINT:
		case CS_KV_NUMERIC:
			return jsonb_number(cs_kv_value_numeric(value));
		default:
			cs_kv_value_type_error(key, value, "Read it as bytea, with cache.get_bytea() for example.");
	}
}

static Datum
bytea_datum(const CsKvValue *value, const text *key)
{
	switch (value->type)
	{
		case CS_KV_BYTEA:
		case CS_KV_TEXT:
			return PointerGetDatum(cs_kv_varlena(value));
		case CS_KV_JSONB:
			cs_kv_value_type_error(key, value, "Read it as jsonb, with cache.get_jsonb() for example.");
		default:
			cs_kv_value_type_error(key, value, "Read it as text, with cache.get() for example.");
	}
}

/*
 * Convert a value for a function that returns this type.
 *
 * The value must have been read, or be a copy: it is used up.  Throws 42804 if
 * the conversion is not defined, 22P02 if text is not valid JSON.
 */
Datum
cs_kv_value_datum(const CsKvValue *value, CsKvType type, const text *key)
{
	switch (type)
	{
		case CS_KV_JSONB:
			return jsonb_datum(value, key);
		case CS_KV_BYTEA:
			return bytea_datum(value, key);
		default:
			return text_datum(value, key);
	}
}
