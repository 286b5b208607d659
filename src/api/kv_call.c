/*-------------------------------------------------------------------------
 *
 * kv_call.c
 *		What the functions on keys and values have in common: their arguments,
 *		and how values become datums.
 *
 * Nothing here is kept between calls, and a call by key looks at no catalogue:
 * which type a function takes or returns is in its expression.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "api/kv_call.h"
#include "compat.h"
#include "shmem.h"
#include "store/clock.h"

/* ----- arguments ----- */

static const CsSpace *
space_arg(FunctionCallInfo fcinfo, int arg, CsSpaceRight right)
{
	return cs_space_get(PG_ARGISNULL(arg) ? NULL : PG_GETARG_TEXT_PP(arg), right);
}

/* Who is called by a function that is wrongly declared to be parallel safe? */
static void
prevent_in_worker(void)
{
	if (IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot read keys of the cache in a parallel worker"),
				 errdetail("What the transaction has changed is not known there.")));
}

const CsSpace *
cs_verb_reader(FunctionCallInfo fcinfo)
{
	cs_shmem_require();
	prevent_in_worker();
	return space_arg(fcinfo, PG_NARGS() - 1, CS_SPACE_READ);
}

void
cs_verb_writer(FunctionCallInfo fcinfo, const char *function, bool reads, CsVerb *verb)
{
	int			space = PG_NARGS() - 2;
	int			immediate = PG_NARGS() - 1;

	cs_shmem_require();
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	if (reads)
		(void) space_arg(fcinfo, space, CS_SPACE_READ);
	verb->space = space_arg(fcinfo, space, CS_SPACE_WRITE);
	verb->how.immediate = !PG_ARGISNULL(immediate) && PG_GETARG_BOOL(immediate);
	verb->how.blind = false;
}

cs_noreturn static void
null_error(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be NULL", what)));
}

text *
cs_verb_text(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		null_error(what);
	return PG_GETARG_TEXT_PP(arg);
}

void
cs_verb_texts(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls, CsTexts *texts)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *isnull;

	texts->n = 0;
	texts->items = NULL;
	if (PG_ARGISNULL(arg))
	{
		if (!nulls)
			null_error(what);
		return;
	}
	array = PG_GETARG_ARRAYTYPE_P(arg);
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &values, &isnull, &texts->n);
	texts->items = palloc(texts->n * sizeof(text *));
	for (int i = 0; i < texts->n; i++)
	{
		if (isnull[i] && !nulls)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain NULL", what)));
		texts->items[i] = isnull[i] ? NULL : DatumGetTextPP(values[i]);
	}
}

void
cs_verb_key(CsKvKey *result, const CsSpace *space, const text *key)
{
	cs_kv_key(result, space, CS_KV_KEY, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

void
cs_verb_change(const CsVerb *verb, const text *key, CsKvChangeFn change, void *arg)
{
	CsKvKey		kvkey;

	cs_verb_key(&kvkey, verb->space, key);
	cs_kv_change(&kvkey, verb->how, change, arg);
}

/* ----- how long, and with which tags ----- */

int64
cs_verb_ttl(FunctionCallInfo fcinfo, int arg, const CsSpace *space)
{
	int64		usecs;

	if (PG_ARGISNULL(arg))
		return space != NULL ? space->ttl : 0;
	usecs = cs_space_usecs(PG_GETARG_INTERVAL_P(arg));
	if (usecs <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ttl must be longer than zero"),
				 space != NULL ?
				 errhint("To remove a key use cache.delete(), to keep it for ever cache.persist().") :
				 errhint("Leave it out for keys that stay until they are removed.")));
	return cs_clock_after(usecs) == 0 ? 0 : usecs;
}

void
cs_verb_set_ttl(CsKvValue *value, int64 ttl)
{
	value->ttl = ttl;
	value->expires = cs_clock_after(ttl);
}

void
cs_verb_tags(FunctionCallInfo fcinfo, int arg, const CsSpace *space, CsKvValue *value)
{
	CsTexts		names;

	value->ntags = 0;
	value->tags = NULL;
	if (PG_ARGISNULL(arg))
		return;
	cs_verb_texts(fcinfo, arg, "tags", false, &names);
	value->tags = palloc(names.n * sizeof(CsKvTag));
	for (int i = 0; i < names.n; i++)
		cs_kv_tag(space, CS_KV_TAG, VARDATA_ANY(names.items[i]),
				  VARSIZE_ANY_EXHDR(names.items[i]), &value->tags[i]);
	value->ntags = names.n;
}

/* ----- types ----- */

CsKvType
cs_verb_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case TEXTARRAYOID:
			return CS_KV_TEXT;
		case JSONBOID:
		case JSONBARRAYOID:
			return CS_KV_JSONB;
		case BYTEAOID:
		case BYTEAARRAYOID:
			return CS_KV_BYTEA;
		default:
			elog(ERROR, "unexpected type %u of a cached value", type);
	}
}

/* Who calls without an expression, by fmgr, has the catalogue asked. */
Oid
cs_verb_declared(FunctionCallInfo fcinfo, int arg)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, arg);
	Oid		   *types;
	int			n;

	if (OidIsValid(type))
		return type;
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
	return types[arg];
}

CsKvType
cs_verb_argtype(FunctionCallInfo fcinfo, int arg)
{
	return cs_verb_type(cs_verb_declared(fcinfo, arg));
}

CsKvType
cs_verb_rettype(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);

	return cs_verb_type(OidIsValid(type) ? type :
						get_func_rettype(fcinfo->flinfo->fn_oid));
}

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

void
cs_verb_type_error(const text *key, const CsKvValue *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the value of key \"%s\" is of type %s",
					text_to_cstring(key), type_name(value->type)),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* ----- values ----- */

void
cs_verb_value(CsKvType type, Datum datum, CsKvValue *value)
{
	struct varlena *whole = PG_DETOAST_DATUM_PACKED(datum);

	memset(value, 0, sizeof(*value));
	value->type = type;
	value->data = VARDATA_ANY(whole);
	value->len = VARSIZE_ANY_EXHDR(whole);
}

void
cs_verb_copy(const CsKvValue *value, CsKvValue *copy)
{
	char	   *whole = palloc(VARHDRSZ + value->len);

	*copy = *value;
	copy->data = memcpy(whole + VARHDRSZ, value->data, value->len);
}

int64
cs_verb_bigint(const CsKvValue *value)
{
	int64		result;

	Assert(value->type == CS_KV_BIGINT && value->len == sizeof(result));
	memcpy(&result, value->data, sizeof(result));
	return result;
}

Datum
cs_verb_numeric(const CsKvValue *value)
{
	if (value->type == CS_KV_BIGINT)
		return NumericGetDatum(int64_to_numeric(cs_verb_bigint(value)));
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
														 Int64GetDatum(cs_verb_bigint(value))));
			break;
		case CS_KV_NUMERIC:
			result = DatumGetCString(DirectFunctionCall1(numeric_out,
														 cs_verb_numeric(value)));
			break;
		default:
			cs_verb_type_error(key, value, "Read it as bytea, with cache.get_bytea() for example.");
	}
	return CStringGetTextDatum(result);
}

static Datum
jsonb_datum(const CsKvValue *value, const text *key)
{
	JsonbValue	number;

	switch (value->type)
	{
		case CS_KV_JSONB:
			return PointerGetDatum(cs_kv_varlena(value));
		case CS_KV_TEXT:
			return DirectFunctionCall1(jsonb_in,
									   CStringGetDatum(pnstrdup(value->data, value->len)));
		case CS_KV_BIGINT:
		case CS_KV_NUMERIC:
			number.type = jbvNumeric;
			number.val.numeric = DatumGetNumeric(cs_verb_numeric(value));
			return JsonbPGetDatum(JsonbValueToJsonb(&number));
		default:
			cs_verb_type_error(key, value, "Read it as bytea, with cache.get_bytea() for example.");
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
			cs_verb_type_error(key, value, "Read it as jsonb, with cache.get_jsonb() for example.");
		default:
			cs_verb_type_error(key, value, "Read it as text, with cache.get() for example.");
	}
}

Datum
cs_verb_datum(const CsKvValue *value, CsKvType type, const text *key)
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
