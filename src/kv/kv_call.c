/*-------------------------------------------------------------------------
 *
 * kv_call.c
 *		Arguments of the SQL functions on keys and values.
 *
 * A call with a key reads no catalogue: the types that a function takes and
 * returns are in its expression.
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
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "kv/change.h"
#include "kv/kv_call.h"
#include "kv/tag.h"
#include "relation/span.h"
#include "shmem.h"
#include "store/clock.h"

/* ----- arguments ----- */

static const CsSpace *
space_arg(FunctionCallInfo fcinfo, int arg, CsSpaceRight right)
{
	return cs_space_get(PG_ARGISNULL(arg) ? NULL : PG_GETARG_TEXT_PP(arg), right);
}

/*
 * Refuse to run in a parallel worker, where the list of changed keys is not
 * available.  A worker gets here through a function that is wrongly declared
 * parallel safe.
 */
static void
prevent_in_worker(void)
{
	if (IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot read keys of the cache in a parallel worker"),
				 errdetail("What the transaction has changed is not known there.")));
}

/*
 * Space to read from, the last argument.  Throws if the library is not
 * preloaded or the role lacks the right.
 */
const CsSpace *
cs_kv_call_reader(FunctionCallInfo fcinfo)
{
	cs_shmem_require();
	prevent_in_worker();
	return space_arg(fcinfo, PG_NARGS() - 1, CS_SPACE_READ);
}

static bool
flag_arg(FunctionCallInfo fcinfo, int arg)
{
	return !PG_ARGISNULL(arg) && PG_GETARG_BOOL(arg);
}

static void
begin_writer(FunctionCallInfo fcinfo, int space, const char *function, bool reads,
			 CsVerb *verb)
{
	cs_shmem_require();
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	if (reads)
		(void) space_arg(fcinfo, space, CS_SPACE_READ);
	verb->space = space_arg(fcinfo, space, CS_SPACE_WRITE);
	verb->how = (CsKvHow)
	{
		.immediate = flag_arg(fcinfo, space + 1)
	};
}

/*
 * Space to change, and how, from the last two arguments.  If 'reads', the
 * function's result reveals what keys hold, so it requires the right to read
 * as well.
 */
void
cs_kv_call_writer(FunctionCallInfo fcinfo, const char *function, bool reads, CsVerb *verb)
{
	begin_writer(fcinfo, PG_NARGS() - 2, function, reads, verb);
}

/*
 * As cs_kv_call_writer(), for a function that puts values and has a last
 * argument 'best_effort'.
 */
void
cs_kv_call_putter(FunctionCallInfo fcinfo, const char *function, CsVerb *verb)
{
	begin_writer(fcinfo, PG_NARGS() - 3, function, false, verb);
	verb->how.best_effort = flag_arg(fcinfo, PG_NARGS() - 1);
}

cs_noreturn static void
null_error(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be NULL", what)));
}

/* Text argument that must not be NULL; 'what' names it in the message. */
text *
cs_kv_call_text(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		null_error(what);
	return PG_GETARG_TEXT_PP(arg);
}

/*
 * Array argument.  If 'nulls', NULL is an empty array and NULL elements are
 * kept; otherwise both are errors.
 */
void
cs_kv_call_array(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls,
				 CsArray *result)
{
	ArrayType  *array;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	memset(result, 0, sizeof(*result));
	if (PG_ARGISNULL(arg))
	{
		if (!nulls)
			null_error(what);
		return;
	}
	array = PG_GETARG_ARRAYTYPE_P(arg);
	result->type = ARR_ELEMTYPE(array);
	get_typlenbyvalalign(result->type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, result->type, typlen, typbyval, typalign,
					  &result->items, &result->isnull, &result->n);
	for (int i = 0; i < result->n && !nulls; i++)
		if (result->isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain NULL", what)));
}

/*
 * As cs_kv_call_array(), for an array of text.
 */
void
cs_kv_call_texts(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls, CsTexts *texts)
{
	CsArray		array;

	cs_kv_call_array(fcinfo, arg, what, nulls, &array);
	texts->n = array.n;
	texts->items = palloc(array.n * sizeof(text *));
	for (int i = 0; i < array.n; i++)
		texts->items[i] = array.isnull[i] ? NULL : DatumGetTextPP(array.items[i]);
}

/* Key, as set by users, in a space. */
void
cs_kv_call_key(CsKvKey *result, const CsSpace *space, const text *key)
{
	cs_kv_key(result, space, CS_KV_KEY, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

/*
 * Give a hint to a caller that found no key and passed a pattern, where a
 * prefix is expected.
 */
void
cs_kv_call_no_key(const text *prefix)
{
	Size		len = VARSIZE_ANY_EXHDR(prefix);
	char		last = len > 0 ? VARDATA_ANY(prefix)[len - 1] : '\0';

	if (last == '*' || last == '%')
		ereport(NOTICE,
				(errmsg("no key begins with \"%s\"", text_to_cstring(prefix)),
				 errhint("A prefix is not a pattern: leave the \"%c\" out.", last)));
}

/*
 * cs_change_key() for a key given as text.
 */
bool
cs_kv_call_change(const CsVerb *verb, const text *key, CsKvChangeFn change, void *arg)
{
	CsKvKey		kvkey;

	cs_kv_call_key(&kvkey, verb->space, key);
	return cs_change_key(&kvkey, verb->how, change, arg);
}

/* ----- time to live and tags ----- */

/*
 * Time to live in microseconds, 0 for ever.  NULL means the space's default,
 * or for ever if 'space' is NULL.  Throws if it is not positive.
 */
int64
cs_kv_call_ttl(FunctionCallInfo fcinfo, int arg, const CsSpace *space)
{
	if (PG_ARGISNULL(arg))
		return space != NULL ? space->ttl : 0;
	return cs_span_positive(fcinfo, arg, "ttl", space != NULL ?
							"To remove a key use cache.delete(), to keep it for ever cache.persist()." :
							"Leave it out for keys that stay until they are removed.");
}

/*
 * Set the value's time to live, starting now.
 */
void
cs_kv_call_set_ttl(CsKvValue *value, int64 ttl)
{
	value->ttl = ttl;
	value->expires = cs_clock_after(ttl);
}

/*
 * Get a tag; returns false if it cannot be had and the change is best effort.
 */
static bool
get_tag(const CsVerb *verb, const text *name, CsKvTag *tag)
{
	/* a name that is too long is an error in any case */
	if (verb->how.best_effort && VARSIZE_ANY_EXHDR(name) < CS_MAX_KEY_LEN)
		return cs_tag_try(verb->space, CS_KV_TAG, VARDATA_ANY(name),
						  VARSIZE_ANY_EXHDR(name), tag);
	cs_tag_get(verb->space, CS_KV_TAG, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), tag);
	return true;
}

/*
 * Set the value's tags to those named in the argument.  Returns false if one
 * of them cannot be had and the change is best effort.
 */
bool
cs_kv_call_tags(FunctionCallInfo fcinfo, int arg, const CsVerb *verb, CsKvValue *value)
{
	CsTexts		names;

	value->ntags = 0;
	value->tags = NULL;
	if (PG_ARGISNULL(arg))
		return true;
	cs_kv_call_texts(fcinfo, arg, "tags", false, &names);
	value->tags = palloc(names.n * sizeof(CsKvTag));
	for (int i = 0; i < names.n; i++)
		if (!get_tag(verb, names.items[i], &value->tags[i]))
			return false;
	value->ntags = names.n;
	return true;
}
