/*-------------------------------------------------------------------------
 *
 * remember_sql.c
 *		SQL functions cache.remember() and cache.forget().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "queryresult/remember.h"
#include "relation/span.h"
#include "rowcache/call.h"
#include "shmem.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_remember_jsonb);
PG_FUNCTION_INFO_V1(cs_remember_rows);
PG_FUNCTION_INFO_V1(cs_forget_key);

/* Positions of the arguments, after the row type if there is one. */
enum
{
	Arg_key,
	Arg_ttl,
	Arg_query,
	Arg_params,
	Arg_grace,
	Arg_beta,
	Arg_tags,
	Arg_reads,
	Arg_space
};

static void
null_error(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be NULL", what)));
}

/*
 * Text argument that must not be NULL; 'what' names it in the message.
 */
static text *
required_text(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		null_error(what);
	return PG_GETARG_TEXT_PP(arg);
}

static text *
optional_text(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_TEXT_PP(arg);
}

/*
 * Convert an array to one of text.  The values of the query's parameters are
 * always read by input functions.
 */
static ArrayType *
texts_of(ArrayType *given)
{
	Oid			type = ARR_ELEMTYPE(given);
	Oid			output;
	bool		varlena;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	int			lbound = 1;
	int			n;

	if (type == TEXTOID)
		return given;
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	getTypeOutputInfo(type, &output, &varlena);
	deconstruct_array(given, type, typlen, typbyval, typalign, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			values[i] = CStringGetTextDatum(OidOutputFunctionCall(output, values[i]));
	return construct_md_array(values, nulls, 1, &n, &lbound, TEXTOID, -1, false,
							  TYPALIGN_INT);
}

static ArrayType *
array_from_text(char *literal)
{
	return DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, literal, TEXTOID, -1));
}

/* The params argument: an array of any type, or the text of an array. */
static ArrayType *
params_arg(FunctionCallInfo fcinfo, int arg)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, arg);

	if (PG_ARGISNULL(arg))
		return NULL;
	if (type == UNKNOWNOID)
		return array_from_text(DatumGetCString(PG_GETARG_DATUM(arg)));
	if (getBaseType(type) == TEXTOID)
		return array_from_text(TextDatumGetCString(PG_GETARG_DATUM(arg)));
	if (!OidIsValid(get_base_element_type(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("params must be an array, not %s", format_type_be(type)),
				 errhint("Write the values as ARRAY[...].")));
	return texts_of(PG_GETARG_ARRAYTYPE_P(arg));
}

static ArrayType *
optional_array(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_ARRAYTYPE_P(arg);
}

/*
 * Throw 54000 if a key or tag is too long.
 */
static void
check_length(const text *name, const char *what)
{
	if (VARSIZE_ANY_EXHDR(name) >= CS_MAX_KEY_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s is too long", what),
				 errdetail("It has %zu bytes, and %d are allowed.",
						   (Size) VARSIZE_ANY_EXHDR(name), CS_MAX_KEY_LEN - 1)));
}

static void
get_tags(FunctionCallInfo fcinfo, int arg, CsTerms *terms)
{
	Datum	   *values;
	bool	   *nulls;

	terms->ntags = 0;
	if (PG_ARGISNULL(arg))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &terms->ntags);
	terms->tags = palloc(terms->ntags * sizeof(text *) + 1);
	for (int i = 0; i < terms->ntags; i++)
	{
		if (nulls[i])
			null_error("a tag");
		terms->tags[i] = DatumGetTextPP(values[i]);
		check_length(terms->tags[i], "the tag");
	}
}

static double
get_beta(FunctionCallInfo fcinfo, int arg)
{
	double		beta = PG_ARGISNULL(arg) ? 1.0 : PG_GETARG_FLOAT8(arg);

	if (isnan(beta) || beta < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"beta\" must not be negative")));
	return beta;
}

/*
 * Read the arguments that say how the result is to be kept.
 */
static void
get_terms(FunctionCallInfo fcinfo, int first, CsTerms *terms)
{
	memset(terms, 0, sizeof(*terms));
	terms->key = required_text(fcinfo, first + Arg_key, "the key");
	check_length(terms->key, "the key");
	terms->space = optional_text(fcinfo, first + Arg_space);
	terms->has_ttl = !PG_ARGISNULL(first + Arg_ttl);
	if (terms->has_ttl)
		terms->ttl = cs_span_positive(fcinfo, first + Arg_ttl, "the time to live", NULL);
	if (!PG_ARGISNULL(first + Arg_grace))
		terms->grace = cs_span_positive(fcinfo, first + Arg_grace, "the grace period", NULL);
	terms->beta = get_beta(fcinfo, first + Arg_beta);
	get_tags(fcinfo, first + Arg_tags, terms);
}

/*
 * Common part of both forms; 'first' is the position of the first argument
 * after the row type.
 */
static void
remember(FunctionCallInfo fcinfo, int first, CsOutput *output)
{
	text	   *query;
	CsAsked		asked;
	CsTerms		terms;

	get_terms(fcinfo, first, &terms);
	query = required_text(fcinfo, first + Arg_query, "the query");
	asked.text = VARDATA_ANY(query);
	asked.len = VARSIZE_ANY_EXHDR(query);
	asked.rowtype = first > 0 ? get_fn_expr_argtype(fcinfo->flinfo, 0) : InvalidOid;
	asked.reads = optional_array(fcinfo, first + Arg_reads);
	cs_xact_note_use();
	cs_remember(&asked, params_arg(fcinfo, first + Arg_params), &terms, output);
}

/*
 * cache.remember() that returns jsonb
 */
Datum
cs_remember_jsonb(PG_FUNCTION_ARGS)
{
	CsOutput	output;

	cs_shmem_require();
	cs_result_output_begin(&output, InvalidOid);
	remember(fcinfo, 0, &output);
	PG_RETURN_JSONB_P(output.json);
}

static void
check_row_type(Oid type)
{
	if (!OidIsValid(type) || type == RECORDOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the row type must be a type with a name, not %s",
						OidIsValid(type) ? format_type_be(type) : "unknown"),
				 errhint("Write it as NULL::type_name, or leave it out to get jsonb.")));
}

/*
 * cache.remember() that returns rows
 */
Datum
cs_remember_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	CsOutput	output;

	cs_shmem_require();
	check_row_type(type);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	cs_result_output_begin(&output, type);
	output.rows = rsinfo->setResult;
	remember(fcinfo, 1, &output);
	cs_result_output_check_shape(&output);
	cs_call_set_shape(fcinfo, output.tupdesc);
	return (Datum) 0;
}

/*
 * cache.forget()
 */
Datum
cs_forget_key(PG_FUNCTION_ARGS)
{
	text	   *key;

	cs_shmem_require();
	key = required_text(fcinfo, 0, "the key");
	check_length(key, "the key");
	PG_RETURN_BOOL(cs_remember_forget(key, optional_text(fcinfo, 1)));
}

PG_FUNCTION_INFO_V1(cs_remember_depends_rows);

Datum
cs_remember_depends_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *query;
	CsAsked		asked = {0};
	CsDependence *words;
	int			n;

	cs_shmem_require();
	query = required_text(fcinfo, 0, "the query");
	asked.text = VARDATA_ANY(query);
	asked.len = VARSIZE_ANY_EXHDR(query);
	asked.reads = optional_array(fcinfo, 2);
	cs_xact_note_use();
	InitMaterializedSRF(fcinfo, 0);
	n = cs_remember_depends(&asked, params_arg(fcinfo, 1), &words);
	for (int i = 0; i < n; i++)
	{
		Datum		values[3] = {ObjectIdGetDatum(words[i].relid)};
		bool		nulls[3] = {false, words[i].column == 0, words[i].value == NULL};
		NameData	name;

		if (words[i].column != 0)
		{
			namestrcpy(&name, get_attname(words[i].relid, words[i].column, false));
			values[1] = NameGetDatum(&name);
		}
		if (words[i].value != NULL)
			values[2] = CStringGetTextDatum(words[i].value);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
