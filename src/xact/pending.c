/*-------------------------------------------------------------------------
 *
 * pending.c
 *		The pending list: what the current transaction has changed.
 *
 * Private to the backend and to the transaction; no locking.  It has three
 * parts:
 *
 *	tables	each table changed, with a flag for "all of it"
 *	keys	each key changed, as its hash and its table: enough to mark and to
 *			unlink.  They lie in chunks, so that a key stays where it is.  Few
 *			keys are searched one by one, more of them by an index
 *	values	new value of a key, for write_through: a stack for each key, with
 *			one element for each subtransaction that changed it
 *
 * A key without a value is only invalidated.  Keys are never removed from the
 * list, not even by ROLLBACK TO SAVEPOINT; values are.
 *
 * More than cache_strategies.bulk_threshold keys of a table become "all of
 * it", and some hundreds if hardly a row of the table is cached.  The memory
 * for values is limited too; beyond the limit keys lose their values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "guc.h"
#include "store/slot.h"
#include "store/store.h"
#include "xact/pending.h"

/*
 * Keys of the first chunk, which is searched one by one; and of the largest.
 */
#define FIRST_KEYS		8
#define MOST_KEYS		1024

/*
 * Each time that so many more keys of a table are noted, it is asked whether
 * the table as a whole is cheaper.
 */
#define BULK_STEP		256

/*
 * To note, to mark and to unlink a key takes half a microsecond; an entry
 * that was dropped with its table takes 15 when it is read again.
 */
#define KEYS_PER_ENTRY	32

typedef struct KeyName
{
	uint64		hash;
	CsPendingTable *table;
} KeyName;

typedef struct KeyIndexed
{
	KeyName		name;
	CsPendingKey *key;
	char		status;			/* of simplehash */
} KeyIndexed;

#define CS_HASHTABLE	cs_keyset
#define SH_ELEMENT_TYPE KeyIndexed
#define SH_KEY_TYPE		KeyName
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) ((uint32) ((key).hash ^ ((key).hash >> 32)))
#define SH_EQUAL(tb, a, b) ((a).hash == (b).hash && (a).table == (b).table)
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "hashtable.h"

CsPending	cs_pending;

/*
 * Memory context of the list, created if necessary; it is deleted with the
 * transaction.
 */
MemoryContext
cs_pending_context(void)
{
	if (cs_pending.context == NULL)
		cs_pending.context = AllocSetContextCreate(TopTransactionContext,
												   "cache_strategies pending",
												   ALLOCSET_DEFAULT_SIZES);
	return cs_pending.context;
}

/*
 * Forget the list at the transaction's end.  The memory is freed with the
 * transaction.
 */
void
cs_pending_forget(void)
{
	memset(&cs_pending, 0, sizeof(cs_pending));
}

/* ----- tables ----- */

/*
 * The table's element.  If there is none it is created, or NULL is returned.
 */
CsPendingTable *
cs_pending_search_table(int slot, bool create)
{
	CsPendingTable *table = cs_pending.tables;

	while (table != NULL && table->slot != slot)
		table = table->next;
	if (table == NULL && create)
	{
		table = MemoryContextAllocZero(cs_pending_context(), sizeof(CsPendingTable));
		table->slot = slot;
		table->next = cs_pending.tables;
		cs_pending.tables = table;
	}
	if (table != NULL)
		cs_pending.recent = table;
	return table;
}

/*
 * The table has been changed as a whole.
 */
void
cs_pending_whole(int slot, bool ddl)
{
	CsPendingTable *table = cs_pending_table(slot, true);

	table->whole = true;
	table->ddl |= ddl;
}

/*
 * Note a relation changed by DDL, to be resolved to cached tables at
 * PRE_COMMIT.
 */
void
cs_pending_add_ddl(Oid relation)
{
	for (int i = cs_pending.nddl - 1; i >= 0; i--)
		if (cs_pending.ddl[i] == relation)
			return;
	if (cs_pending.nddl == cs_pending.maxddl)
	{
		int			max = Max(16, cs_pending.maxddl * 2);

		if (cs_pending.ddl == NULL)
			cs_pending.ddl = MemoryContextAlloc(cs_pending_context(),
												max * sizeof(Oid));
		else
			cs_pending.ddl = repalloc(cs_pending.ddl, max * sizeof(Oid));
		cs_pending.maxddl = max;
	}
	cs_pending.ddl[cs_pending.nddl++] = relation;
}

/* ----- keys ----- */

/* Room for one more key, without adding it. */
static CsPendingKey *
make_room(void)
{
	CsPendingChunk *chunk = cs_pending.last;
	int			max;

	if (chunk != NULL && chunk->n < chunk->max)
		return &chunk->key[chunk->n];
	max = chunk == NULL ? FIRST_KEYS : Min(chunk->max * 4, MOST_KEYS);
	chunk = MemoryContextAlloc(cs_pending_context(),
							   offsetof(CsPendingChunk, key) + max * sizeof(CsPendingKey));
	chunk->next = NULL;
	chunk->n = 0;
	chunk->max = max;
	if (cs_pending.last != NULL)
		cs_pending.last->next = chunk;
	else
		cs_pending.first = chunk;
	cs_pending.last = chunk;
	return &chunk->key[0];
}

/* All keys are of the first chunk, which is full. */
static void
make_index(void)
{
	cs_keyset_hash *index = cs_keyset_create(cs_pending_context(), 8 * FIRST_KEYS, NULL);
	CsPendingWalk walk = {cs_pending.first, 0};
	CsPendingKey *key;

	while ((key = cs_pending_next(&walk)) != NULL)
	{
		KeyName		name = {key->hash, key->table};
		bool		found;

		cs_keyset_insert(index, name, &found)->key = key;
	}
	cs_pending.index = index;
}

static CsPendingKey *
find_key(CsPendingTable *table, uint64 hash)
{
	CsPendingChunk *chunk = cs_pending.first;

	if (cs_pending.index != NULL)
	{
		KeyName		name = {hash, table};
		KeyIndexed *indexed = cs_keyset_lookup(cs_pending.index, name);

		return indexed == NULL ? NULL : indexed->key;
	}
	for (int i = 0; chunk != NULL && i < chunk->n; i++)
		if (chunk->key[i].hash == hash && chunk->key[i].table == table)
			return &chunk->key[i];
	return NULL;
}

/* The key is not there yet.  If this fails, it still is not. */
static CsPendingKey *
add_key(CsPendingTable *table, uint64 hash)
{
	CsPendingKey *key;

	if (cs_pending.nkeys == FIRST_KEYS && cs_pending.index == NULL)
		make_index();
	key = make_room();
	if (cs_pending.index != NULL)
	{
		KeyName		name = {hash, table};
		bool		found;

		cs_keyset_insert(cs_pending.index, name, &found)->key = key;
	}
	memset(key, 0, sizeof(CsPendingKey));
	key->hash = hash;
	key->table = table;
	cs_pending.last->n++;
	cs_pending.nkeys++;
	return key;
}

/*
 * Whether so many keys were noted that the whole table is to be.  A table
 * without a slot can only be marked by its keys.
 *
 * Below the threshold this is a question of costs, and must not lose what a
 * writer has in mind: new values of write_through, or results that depend on
 * values of watched columns, which end with the whole table.
 */
static bool
is_bulk(const CsPendingTable *table)
{
	if (table->slot < 0)
		return false;
	if (table->nkeys > cs_bulk_threshold)
		return true;
	return table->nkeys % BULK_STEP == 0 && !table->publishes &&
		!cs_slot_is(cs_slot_peek(table->slot), CS_SLOT_KEYED) &&
		cs_store_entries(table->slot) <= table->nkeys / KEYS_PER_ENTRY;
}

/*
 * The key's element, added if it is not there; NULL if its table is pending as
 * a whole.
 */
CsPendingKey *
cs_pending_key(int slot, uint64 hash)
{
	CsPendingTable *table = cs_pending_table(slot, true);
	CsPendingKey *key;

	if (table->whole)
		return NULL;
	key = find_key(table, hash);
	if (key != NULL)
		return key;
	key = add_key(table, hash);
	table->nkeys++;
	if (is_bulk(table))
	{
		table->whole = true;
		return NULL;
	}
	return key;
}

/*
 * Whether this transaction has changed the key, or the table as a whole.
 */
bool
cs_xact_has_key(int slot, uint64 hash)
{
	CsPendingTable *table = cs_pending_table(slot, false);

	return table != NULL && (table->whole || find_key(table, hash) != NULL);
}

/* ----- values ----- */

/* Memory limit for values. */
static Size
kept_limit(void)
{
	return Max((Size) cs_memory_mb * 1024 * 1024 / 8, 256 * 1024);
}

/*
 * Free a value.
 */
static void
clear_value(CsPendingValue *value)
{
	if (value->data != NULL)
		pfree(value->data);
	cs_pending.kept -= value->size;
	value->data = NULL;
	value->size = 0;
}

/*
 * Make room for a value, with a copy of the key behind it.
 */
static void
set_value(CsPendingValue *value, const CsPublish *publish)
{
	Size		size = publish->len + publish->keylen;

	value->data = MemoryContextAllocHuge(cs_pending_context(), Max(size, 1));
	value->size = size;
	cs_pending.kept += size;
	value->key->table->publishes = true;
	value->publish = *publish;
	value->publish.key = memcpy(value->data + publish->len, publish->key,
								publish->keylen);
}

/*
 * Whether the value is of the same key.  Values of two keys with the same hash
 * cannot be told apart at commit.
 */
static bool
is_same_key(const CsPendingValue *value, const CsPublish *publish)
{
	return value->data == NULL ||
		(value->publish.keylen == publish->keylen &&
		 memcmp(value->publish.key, publish->key, publish->keylen) == 0);
}

/*
 * The key has this value from now on; without a value (publish NULL) it is
 * only invalidated.  Returns the place to which the caller has to write the
 * value, of publish->len bytes, or NULL if it will not be published.
 */
char *
cs_pending_push(CsPendingKey *key, const CsPublish *publish)
{
	CsPendingValue *value = key->top;

	if (publish == NULL && value == NULL)
		return NULL;
	if (publish != NULL &&
		(cs_pending.kept + publish->len > kept_limit() ||
		 (value != NULL && !is_same_key(value, publish))))
		publish = NULL;
	if (value == NULL || !cs_subxact_is_current(&value->item))
	{
		value = MemoryContextAllocZero(cs_pending_context(),
									   sizeof(CsPendingValue));
		value->key = key;
		cs_subxact_add(&cs_pending.values, &value->item, (CsSubxactItem *) key->top);
		key->top = value;
	}
	clear_value(value);
	if (publish != NULL)
		set_value(value, publish);
	return value->data;
}

/* ----- subtransactions ----- */

/*
 * A subtransaction commits: drop the parent's value of the key.
 */
static void
merge_value(CsSubxactItem *item, CsSubxactItem *older)
{
	clear_value((CsPendingValue *) older);
	pfree(older);
}

/*
 * A subtransaction aborts: its value is removed, and the older one becomes
 * current.
 */
static void
discard_value(CsSubxactItem *item)
{
	CsPendingValue *value = (CsPendingValue *) item;

	if (value->key->top == value)
		value->key->top = (CsPendingValue *) item->below;
	clear_value(value);
	pfree(value);
}

static const CsSubxactOps value_ops = {merge_value, discard_value};

void
cs_pending_init(void)
{
	cs_subxact_join(&cs_pending.values, &value_ops);
}
