/*-------------------------------------------------------------------------
 *
 * kv_write.c
 *		SQL functions that put and remove values: cache.set(), add(),
 *		replace(), set_many(), delete(), delete_many(), delete_prefix(),
 *		get_and_delete(), invalidate_tag().
 *
 * Each is a decision about one key (a CsKvChangeFn) that cs_change_key()
 * carries out.  Functions that change many keys do so in the order of the
 * keys' bytes, so that two of them wait for each other rather than deadlock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "kv/change.h"
#include "kv/keys.h"
#include "kv/kv_call.h"
#include "kv/kv_value.h"
#include "kv/tag.h"

PG_FUNCTION_INFO_V1(cs_set);
PG_FUNCTION_INFO_V1(cs_add);
PG_FUNCTION_INFO_V1(cs_replace);
PG_FUNCTION_INFO_V1(cs_set_many);
PG_FUNCTION_INFO_V1(cs_delete);
PG_FUNCTION_INFO_V1(cs_delete_many);
PG_FUNCTION_INFO_V1(cs_delete_prefix);
PG_FUNCTION_INFO_V1(cs_get_and_delete);
PG_FUNCTION_INFO_V1(cs_invalidate_tag);

/* ----- setting ----- */

typedef struct Set
{
	CsKvValue	value;
	bool		if_absent;
	bool		if_present;
	bool		keep_ttl;
	bool		no_room;		/* no room for a tag: put nothing */
	bool		done;
} Set;

static CsKvVerdict
decide_set(const CsKvValue *old, CsKvValue *new, void *arg)
{
	Set		   *set = arg;

	set->done = !(old != NULL ? set->if_absent : set->if_present);
	if (!set->done)
		return CS_KV_KEEP;
	if (set->no_room)
	{
		set->done = false;
		return CS_KV_REMOVE;
	}
	*new = set->value;
	if (set->keep_ttl && old != NULL)
	{
		new->ttl = old->ttl;
		new->expires = old->expires;
	}
	return CS_KV_PUT;
}

/* Convert the value argument. */
static void
take_value(FunctionCallInfo fcinfo, int arg, Set *set)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("value must not be NULL"),
				 errhint("To remove a key, use cache.delete().")));
	cs_kv_value_take(cs_kv_value_taker(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, arg)),
					 PG_GETARG_DATUM(arg), &set->value);
}

/*
 * Common part of cache.set(), add() and replace().
 */
static Datum
set_key(FunctionCallInfo fcinfo, CsVerb *verb, Set *set, int ttl_arg, int tags_arg)
{
	text	   *key = cs_kv_call_text(fcinfo, 0, "key");

	take_value(fcinfo, 1, set);
	cs_kv_call_set_ttl(&set->value, cs_kv_call_ttl(fcinfo, ttl_arg, verb->space));
	set->no_room = !cs_kv_call_tags(fcinfo, tags_arg, verb, &set->value);
	verb->how.blind = !set->if_absent && !set->if_present && !set->keep_ttl;
	PG_RETURN_BOOL(cs_kv_call_change(verb, key, decide_set, set) && set->done);
}

static bool
flag_arg(FunctionCallInfo fcinfo, int arg)
{
	return !PG_ARGISNULL(arg) && PG_GETARG_BOOL(arg);
}

static void
exclude(bool both, const char *one, const char *other)
{
	if (both)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s and %s exclude each other", one, other)));
}

/*
 * cache.set(key, value, ttl, if_absent, if_present, keep_ttl, tags, space,
 * immediate, best_effort)
 */
Datum
cs_set(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Set			set = {0};

	cs_kv_call_putter(fcinfo, "cache.set()", &verb);
	set.if_absent = flag_arg(fcinfo, 3);
	set.if_present = flag_arg(fcinfo, 4);
	set.keep_ttl = flag_arg(fcinfo, 5);
	exclude(set.if_absent && set.if_present, "if_absent", "if_present");
	exclude(set.keep_ttl && !PG_ARGISNULL(2), "keep_ttl", "ttl");
	return set_key(fcinfo, &verb, &set, 2, 6);
}

/*
 * cache.add(key, value, ttl, tags, space, immediate, best_effort)
 */
Datum
cs_add(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Set			set = {.if_absent = true};

	cs_kv_call_putter(fcinfo, "cache.add()", &verb);
	return set_key(fcinfo, &verb, &set, 2, 3);
}

/*
 * cache.replace(), with the arguments of cache.add()
 */
Datum
cs_replace(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Set			set = {.if_present = true};

	cs_kv_call_putter(fcinfo, "cache.replace()", &verb);
	return set_key(fcinfo, &verb, &set, 2, 3);
}

/* ----- many keys ----- */

typedef struct Item
{
	const text *key;
	int			place;			/* index in the array */
} Item;

static int
compare_keys(const text *a, const text *b)
{
	Size		alen = VARSIZE_ANY_EXHDR(a);
	Size		blen = VARSIZE_ANY_EXHDR(b);
	int			cmp = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(alen, blen));

	if (cmp != 0)
		return cmp;
	return alen < blen ? -1 : alen > blen ? 1 : 0;
}

static int
compare_items(const void *a, const void *b)
{
	const Item *x = a;
	const Item *y = b;
	int			cmp = compare_keys(x->key, y->key);

	return cmp != 0 ? cmp : x->place - y->place;
}

static void
announce(const CsVerb *verb, int64 nkeys)
{
	if (!verb->how.immediate && !(verb->how.best_effort && verb->space->slot < 0))
		cs_change_announce(verb->space, nkeys);
}

/* Sort the keys by their bytes; of equal ones the last is kept. */
static Item *
sort_keys(const CsTexts *keys, int *n)
{
	Item	   *items = palloc(Max(keys->n, 1) * sizeof(Item));

	for (int i = 0; i < keys->n; i++)
	{
		items[i].key = keys->items[i];
		items[i].place = i;
	}
	qsort(items, keys->n, sizeof(Item), compare_items);
	*n = 0;
	for (int i = 0; i < keys->n; i++)
	{
		if (i + 1 == keys->n || compare_keys(items[i].key, items[i + 1].key) != 0)
			items[(*n)++] = items[i];
	}
	return items;
}

/*
 * Set each key to its value.  'like' contains what is common to all.  Returns
 * how many were put.
 */
static int64
set_items(const CsVerb *verb, const Item *items, int n, const CsArray *values,
		  const CsTaker *taker, const Set *like)
{
	int64		done = 0;
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "values to be cached",
											   ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < n; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(each);
		Set			set = {.no_room = like->no_room};

		CHECK_FOR_INTERRUPTS();
		cs_kv_value_take(taker, values->items[items[i].place], &set.value);
		set.value.ttl = like->value.ttl;
		set.value.expires = like->value.expires;
		set.value.ntags = like->value.ntags;
		set.value.tags = like->value.tags;
		if (cs_kv_call_change(verb, items[i].key, decide_set, &set) && set.done)
			done++;
		MemoryContextSwitchTo(caller);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	return done;
}

/*
 * cache.set_many(keys, values, ttl, tags, space, immediate, best_effort)
 */
Datum
cs_set_many(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	CsTexts		keys;
	CsArray		values;
	Set			like = {0};
	Item	   *items;
	int			n;

	cs_kv_call_putter(fcinfo, "cache.set_many()", &verb);
	cs_kv_call_texts(fcinfo, 0, "keys", false, &keys);
	cs_kv_call_array(fcinfo, 1, "values", false, &values);
	if (keys.n != values.n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("there are %d keys but %d values", keys.n, values.n)));
	cs_kv_call_set_ttl(&like.value, cs_kv_call_ttl(fcinfo, 2, verb.space));
	if (keys.n > 0)
		like.no_room = !cs_kv_call_tags(fcinfo, 3, &verb, &like.value);
	verb.how.blind = true;
	items = sort_keys(&keys, &n);
	announce(&verb, n);
	PG_RETURN_INT64(set_items(&verb, items, n, &values,
							  cs_kv_value_taker(fcinfo, values.type), &like));
}

/* ----- deleting ----- */

/* The argument is a bool *, set to whether there was a value. */
static CsKvVerdict
decide_delete(const CsKvValue *old, CsKvValue *new, void *arg)
{
	*(bool *) arg = old != NULL;
	return old != NULL ? CS_KV_REMOVE : CS_KV_KEEP;
}

static bool
delete_key(const CsVerb *verb, const text *key)
{
	bool		found;

	cs_kv_call_change(verb, key, decide_delete, &found);
	return found;
}

/*
 * cache.delete(key, space, immediate)
 */
Datum
cs_delete(PG_FUNCTION_ARGS)
{
	CsVerb		verb;

	cs_kv_call_writer(fcinfo, "cache.delete()", false, &verb);
	PG_RETURN_BOOL(delete_key(&verb, cs_kv_call_text(fcinfo, 0, "key")));
}

/*
 * Delete each of the keys; returns how many there were.
 */
static int64
delete_items(const CsVerb *verb, const Item *items, int n)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "keys to be deleted",
											   ALLOCSET_DEFAULT_SIZES);
	int64		deleted = 0;

	announce(verb, n);
	for (int i = 0; i < n; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		if (delete_key(verb, items[i].key))
			deleted++;
		MemoryContextSwitchTo(caller);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	return deleted;
}

/*
 * cache.delete_many(keys, space, immediate)
 */
Datum
cs_delete_many(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	CsTexts		keys;
	Item	   *items;
	int			n;

	cs_kv_call_writer(fcinfo, "cache.delete_many()", false, &verb);
	cs_kv_call_texts(fcinfo, 0, "keys", false, &keys);
	items = sort_keys(&keys, &n);
	PG_RETURN_INT64(delete_items(&verb, items, n));
}

/*
 * cache.delete_prefix(prefix, space, immediate).  The result reveals how many
 * keys there are, so it requires the right to read.
 */
Datum
cs_delete_prefix(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	text	   *prefix;
	List	   *keys;
	Item	   *items;
	ListCell   *lc;

	cs_kv_call_writer(fcinfo, "cache.delete_prefix()", true, &verb);
	prefix = cs_kv_call_text(fcinfo, 0, "prefix");
	keys = cs_keys_list(verb.space, VARDATA_ANY(prefix), VARSIZE_ANY_EXHDR(prefix), NULL, 0);
	if (keys == NIL)
		cs_kv_call_no_key(prefix);
	items = palloc(Max(list_length(keys), 1) * sizeof(Item));
	foreach(lc, keys)
		items[foreach_current_index(lc)].key = lfirst(lc);
	PG_RETURN_INT64(delete_items(&verb, items, list_length(keys)));
}

typedef struct Taken
{
	const text *key;
	CsKvType	type;			/* returned by the function */
	bool		found;
	Datum		datum;
} Taken;

/*
 * Take the value.  If it cannot be converted to the type, that is an error and
 * the value stays.
 */
static CsKvVerdict
decide_take(const CsKvValue *old, CsKvValue *new, void *arg)
{
	Taken	   *taken = arg;
	CsKvValue	copy;

	taken->found = old != NULL;
	if (old == NULL)
		return CS_KV_KEEP;
	cs_kv_value_copy(old, &copy);
	taken->datum = cs_kv_value_datum(&copy, taken->type, taken->key);
	return CS_KV_REMOVE;
}

/*
 * cache.get_and_delete(), get_and_delete_jsonb(), get_and_delete_bytea()
 */
Datum
cs_get_and_delete(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Taken		taken;

	cs_kv_call_writer(fcinfo, "cache.get_and_delete()", true, &verb);
	taken.key = cs_kv_call_text(fcinfo, 0, "key");
	taken.type = cs_kv_value_rettype(fcinfo);
	cs_kv_call_change(&verb, taken.key, decide_take, &taken);
	if (!taken.found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(taken.datum);
}

/* ----- tags ----- */

/*
 * cache.invalidate_tag(tag, space, immediate)
 */
Datum
cs_invalidate_tag(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	text	   *tag;

	cs_kv_call_writer(fcinfo, "cache.invalidate_tag()", false, &verb);
	tag = cs_kv_call_text(fcinfo, 0, "tag");
	PG_RETURN_BOOL(cs_tag_invalidate(verb.space, CS_KV_TAG, VARDATA_ANY(tag),
									 VARSIZE_ANY_EXHDR(tag), verb.how.immediate));
}
