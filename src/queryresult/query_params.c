/*-------------------------------------------------------------------------
 *
 * query_params.c
 *		Values of a query's parameters: conversion from text, for the executor,
 *		and as a part of the result's key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "queryresult/query.h"
#include "sha256.h"
#include "store/keyhash.h"

#define LONGEST_VALUE	(64 * 1024)

static void
count_error(const CsQuery *query, int n)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the query to remember has %d parameters, but \"params\" has %d elements",
					query->nparams, n)));
}

/*
 * Read the parameters' values from an array of text; NULL if none were given.
 * Throws if their number is wrong.
 */
void
cs_query_bind(CsQuery *query, ArrayType *texts, Datum *values, bool *nulls)
{
	Datum	   *given;
	bool	   *isnull;
	int			n = 0;

	if (texts != NULL)
	{
		if (ARR_NDIM(texts) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("\"params\" must be a one-dimensional array")));
		deconstruct_array(texts, TEXTOID, -1, false, TYPALIGN_INT, &given, &isnull, &n);
	}
	if (n != query->nparams)
		count_error(query, n);
	for (int i = 0; i < n; i++)
	{
		CsParam    *param = &query->params[i];
		char	   *string = isnull[i] ? NULL : TextDatumGetCString(given[i]);

		values[i] = InputFunctionCall(&param->input, string, param->ioparam, -1);
		nulls[i] = isnull[i];
	}
}

/*
 * SHA-256 of some bytes.  If it fails, hashes under this server's secret take
 * its place: what the process keeps is found by itself and by others like it.
 */
static void
digest_bytes(const char *bytes, Size len, uint8 *digest)
{
	if (cs_sha256(bytes, len, digest))
		return;
	for (int i = 0; i < PG_SHA256_DIGEST_LENGTH / sizeof(uint64); i++)
	{
		uint64		hash = cs_keyhash(bytes, len, i);

		memcpy(digest + i * sizeof(hash), &hash, sizeof(hash));
	}
}

/*
 * Append bytes that tell how many they are.  Of many of them a hash stands for
 * the rest, as the values of a few parameters can be longer than a buffer.
 */
static void
append_bytes(StringInfo fingerprint, const char *bytes, Size len)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	appendStringInfoChar(fingerprint, len > LONGEST_VALUE);
	if (len <= LONGEST_VALUE)
	{
		appendBinaryStringInfo(fingerprint, bytes, len);
		return;
	}
	digest_bytes(bytes, len, digest);
	appendBinaryStringInfo(fingerprint, (const char *) &len, sizeof(len));
	appendBinaryStringInfo(fingerprint, (const char *) digest, sizeof(digest));
}

/*
 * Append a value's bytes.
 */
void
cs_query_fingerprint_value(int16 typlen, bool typbyval, Datum value, StringInfo fingerprint)
{
	if (typbyval)
		appendBinaryStringInfo(fingerprint, (const char *) &value, sizeof(value));
	else if (typlen == -1)
	{
		struct varlena *flat = PG_DETOAST_DATUM(value);

		append_bytes(fingerprint, (const char *) flat, VARSIZE(flat));
	}
	else if (typlen == -2)
		append_bytes(fingerprint, DatumGetCString(value), strlen(DatumGetCString(value)) + 1);
	else
		appendBinaryStringInfo(fingerprint, DatumGetPointer(value), typlen);
}

/* Append bytes that are equal only for the same query and values. */
void
cs_query_fingerprint(const CsQuery *query, const Datum *values, const bool *nulls,
					 StringInfo fingerprint)
{
	appendBinaryStringInfo(fingerprint, (const char *) query->digest, sizeof(query->digest));
	for (int i = 0; i < query->nparams; i++)
	{
		appendStringInfoChar(fingerprint, nulls[i]);
		if (!nulls[i])
			cs_query_fingerprint_value(query->params[i].typlen, query->params[i].typbyval,
									   values[i], fingerprint);
	}
}

/*
 * The values for the executor.
 */
ParamListInfo
cs_query_params(const CsQuery *query, const Datum *values, const bool *nulls)
{
	ParamListInfo params = makeParamList(query->nparams);

	for (int i = 0; i < query->nparams; i++)
	{
		ParamExternData *param = &params->params[i];

		param->value = values[i];
		param->isnull = nulls[i];
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = query->params[i].type;
	}
	return params;
}

/*
 * A parameter of the executor's list; NULL if the list lacks it.  'guess': it
 * is not an error if the value cannot be had yet.  May point to 'space'.
 */
const ParamExternData *
cs_query_param(ParamListInfo params, int id, bool guess, ParamExternData *space)
{
	if (params == NULL || id <= 0 || id > params->numParams)
		return NULL;
	return params->paramFetch != NULL ? params->paramFetch(params, id, guess, space) :
		&params->params[id - 1];
}

/* ----- fingerprints ----- */

/*
 * SHA-256 of a fingerprint.
 */
void
cs_query_digest(const StringInfo fingerprint, uint8 *digest)
{
	digest_bytes(fingerprint->data, fingerprint->len, digest);
}

/*
 * Replace a long fingerprint by its hash.  No other fingerprint is as short.
 */
void
cs_query_shorten(StringInfo fingerprint)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	cs_query_digest(fingerprint, digest);
	resetStringInfo(fingerprint);
	appendBinaryStringInfo(fingerprint, (const char *) digest, sizeof(digest));
}
