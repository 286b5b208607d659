/*-------------------------------------------------------------------------
 *
 * keys.c
 *		The keys of a space, either ordered by their bytes or page by page
 *		without order.
 *
 * For the order the whole store is scanned.  At most twice as many keys as the
 * caller wants are collected at a time; then only the smallest are kept.
 *
 * Without order, each part of the store is visited once.  If the store is full
 * of other entries, a page has few keys or none, so that the time of a call
 * depends on its count only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "kv/commitflag.h"
#include "kv/keys.h"
#include "kv/xactkeys.h"
#include "store/staged.h"

#define MIN_KEPT	1024

typedef struct KeyName
{
	const char *data;
	Size		len;
} KeyName;

typedef struct KeyNames
{
	KeyName    *name;
	int64		n;
	int64		max;			/* allocated elements */
	int64		want;			/* 0 for all */
	KeyName		after;			/* data is NULL to start with the first key */
	KeyName		prefix;
	MemoryContext scratch;		/* for reading values with tags */
} KeyNames;

static int
compare(const KeyName *a, const KeyName *b)
{
	int			c = memcmp(a->data, b->data, Min(a->len, b->len));

	if (c != 0)
		return c;
	return a->len < b->len ? -1 : a->len > b->len ? 1 : 0;
}

static int
compare_names(const void *a, const void *b)
{
	return compare(a, b);
}

/* Sort, remove duplicates, and keep no more than are wanted. */
static void
tidy(KeyNames *names)
{
	int64		unique = 0;

	qsort(names->name, names->n, sizeof(KeyName), compare_names);
	for (int64 i = 0; i < names->n; i++)
	{
		if ((unique > 0 && compare(&names->name[i], &names->name[unique - 1]) == 0) ||
			(names->want > 0 && unique == names->want))
			pfree(unconstify(char *, names->name[i].data - 1));
		else
			names->name[unique++] = names->name[i];
	}
	names->n = unique;
}

/* Whether the name has the prefix and follows 'after'. */
static bool
is_wanted(const KeyNames *names, const KeyName *name)
{
	if (name->len < names->prefix.len ||
		memcmp(name->data, names->prefix.data, names->prefix.len) != 0)
		return false;
	return names->after.data == NULL || compare(name, &names->after) > 0;
}

/*
 * Whether the key has a value for this transaction.
 */
static bool
is_there(const KeyNames *names, const CsKvKey *key)
{
	MemoryContext caller = MemoryContextSwitchTo(names->scratch);
	bool		result = cs_kv_exists(key);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(names->scratch);
	return result;
}

/*
 * Append a name.  The byte in front of it, its kind, is in the same chunk of
 * memory.
 */
static void
add(KeyNames *names, const KeyName *name)
{
	if (names->n == names->max)
	{
		if (names->want > 0)
			tidy(names);
		if (names->n > names->max / 2)
			names->max *= 2;
		names->name = repalloc_huge(names->name, names->max * sizeof(KeyName));
	}
	names->name[names->n++] = *name;
}

#define ALL_PLACES	PG_UINT64_MAX

/*
 * Start a scan of the store, of one place or of all.
 */
static void
begin_scan(const KeyNames *names, const CsSpace *space, uint64 place, CsKeyScan *scan)
{
	Size		len = names->prefix.len + 1;
	char	   *prefix = palloc(len);

	prefix[0] = CS_KV_KEY;
	memcpy(prefix + 1, names->prefix.data, names->prefix.len);
	if (place == ALL_PLACES)
		cs_store_keys_begin(scan, (uint32) space->slot, prefix, len);
	else
		cs_store_keys_begin_at(scan, (uint32) space->slot, prefix, len, place);
	pfree(prefix);
}

/*
 * Append the keys that the store has.
 */
static void
add_stored(KeyNames *names, const CsSpace *space, uint64 place)
{
	CsKvKey		key = {.space = space};
	CsKeyScan	scan;

	if (space->slot < 0)
		return;
	begin_scan(names, space, place, &scan);
	while (cs_store_keys_next(&scan, &key.key))
	{
		KeyName		name = {key.key.data + 1, key.key.len - 1};

		CHECK_FOR_INTERRUPTS();
		if (is_wanted(names, &name) && is_there(names, &key))
			add(names, &name);
		else
			pfree(unconstify(char *, key.key.data));
	}
}

/*
 * Place of a key that this transaction has changed and that the store may not
 * have.
 */
static uint64
place_of(const CsXactKeyKey *own)
{
	return own->space->space.slot < 0 ? 0 : cs_store_place_of(&own->key);
}

/*
 * Append the keys changed by this transaction whose place is in [first, end).
 */
static void
add_own(KeyNames *names, const CsSpace *space, uint64 first, uint64 end)
{
	for (CsXactKeyKey *own = cs_xactkeys.list; own != NULL; own = own->next)
	{
		CsKvKey		key = {.space = space,.key = own->key};
		KeyName		name = {own->key.data + 1, own->key.len - 1};
		char	   *copy;

		if (own->top == NULL || own->key.data[0] != CS_KV_KEY ||
			own->space->space.id != space->id || own->space->space.own != space->own ||
			!is_wanted(names, &name) || place_of(own) < first || place_of(own) >= end ||
			!is_there(names, &key))
			continue;
		copy = palloc(own->key.len);
		memcpy(copy, own->key.data, own->key.len);
		name.data = copy + 1;
		add(names, &name);
	}
}

static void
begin_names(KeyNames *names, const char *prefix, Size prefix_len)
{
	memset(names, 0, sizeof(*names));
	names->prefix.data = prefix;
	names->prefix.len = prefix_len;
	names->max = MIN_KEPT;
	names->name = palloc(names->max * sizeof(KeyName));
	names->scratch = AllocSetContextCreate(CurrentMemoryContext, "values of keys",
										   ALLOCSET_DEFAULT_SIZES);
}

/*
 * Convert to a list of text *, and free the rest.
 */
static List *
end_names(KeyNames *names)
{
	List	   *result = NIL;

	tidy(names);
	for (int64 i = 0; i < names->n; i++)
	{
		result = lappend(result, cstring_to_text_with_len(names->name[i].data,
														  (int) names->name[i].len));
		pfree(unconstify(char *, names->name[i].data - 1));
	}
	pfree(names->name);
	MemoryContextDelete(names->scratch);
	return result;
}

/*
 * Keys of kind CS_KV_KEY that begin with these bytes and follow 'after' (NULL:
 * from the first), as this transaction sees them.
 *
 * They are ordered by their bytes, at most 'max' (0: all).  Returns a list of
 * text *, palloc'd in the current context.
 */
List *
cs_keys_list(const CsSpace *space, const char *prefix, Size prefix_len,
			 const text *after, int64 max)
{
	KeyNames	names;

	begin_names(&names, prefix, prefix_len);
	names.want = max;
	if (after != NULL)
	{
		names.after.data = VARDATA_ANY(after);
		names.after.len = VARSIZE_ANY_EXHDR(after);
	}
	add_stored(&names, space, ALL_PLACES);
	add_own(&names, space, 0, ALL_PLACES);
	return end_names(&names);
}

/*
 * Whether the store has entries of the space.
 */
static bool
has_entries(const CsSpace *space)
{
	CsUsage		usage = {0};

	if (space->slot >= 0)
		cs_store_usage((uint32) space->slot, &usage);
	return usage.entries > 0;
}

/* Number of other entries that are visited per key wanted. */
#define OTHERS_PER_KEY	64

/*
 * Next page of keys, about 'count' of them.
 *
 * *place is 0 for the first page and is advanced to where the next one starts.
 * Returns false at the end.  A key that is present from the first call to the
 * last is in at least one of the pages.
 */
bool
cs_keys_scan(const CsSpace *space, const char *prefix, Size prefix_len,
			 int64 count, uint64 *place, List **keys)
{
	uint64		end = cs_store_places();
	uint64		first = Min(*place, end);
	uint64		most = count / (cs_store_place_size() / OTHERS_PER_KEY) + 1;
	KeyNames	names;

	begin_names(&names, prefix, prefix_len);
	if (end - first > most && has_entries(space))
		end = first + most;
	for (*place = first; *place < end && names.n < count; (*place)++)
		add_stored(&names, space, *place);
	add_own(&names, space, first, *place);
	*keys = end_names(&names);
	return *place < cs_store_places();
}
