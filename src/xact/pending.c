/*-------------------------------------------------------------------------
 *
 * pending.c
 *		The pending list: what the current transaction has changed.
 *
 * Private to the backend and to the transaction; no locking.  It has three
 * parts:
 *
 *	tables	each table changed, with a flag for "all of it"
 *	keys	each key changed, as a hash: enough to mark and to unlink
 *	values	new value of a key, for write_through: a stack for each key, with
 *			one element for each subtransaction that changed it
 *
 * A key without a value is only invalidated.  Keys are never removed from the
 * list, not even by ROLLBACK TO SAVEPOINT; values are.
 *
 * More than cache_strategies.bulk_threshold keys of a table become "all of
 * it".  The memory for values is limited too; beyond the limit keys lose their
 * values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "guc.h"
#include "xact/pending.h"

/*
 * Initial size of the hash table, which is filled with zeroes.  Most
 * transactions change few keys.
 */
#define INITIAL_KEYS	8

#define SH_PREFIX		cs_keyset
#define SH_ELEMENT_TYPE CsPendingKey
#define SH_KEY_TYPE		CsPendingName
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) ((uint32) ((key).hash ^ ((key).hash >> 32)))
#define SH_EQUAL(tb, a, b) ((a).hash == (b).hash && (a).slot == (b).slot)
#define SH_SCOPE		extern
#define SH_DEFINE
#include "lib/simplehash.h"

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
cs_pending_table(int slot, bool create)
{
	CsPendingTable *table;

	for (table = cs_pending.tables; table != NULL; table = table->next)
		if (table->slot == slot)
			return table;
	if (!create)
		return NULL;
	table = MemoryContextAllocZero(cs_pending_context(), sizeof(CsPendingTable));
	table->slot = slot;
	table->next = cs_pending.tables;
	cs_pending.tables = table;
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

/*
 * The key's element, or NULL.
 */
static CsPendingKey *
find_key(int slot, uint64 hash)
{
	CsPendingName name = {hash, slot, 0};

	return cs_pending.keys == NULL ? NULL : cs_keyset_lookup(cs_pending.keys, name);
}

/*
 * The key's element, created if necessary; NULL if its table is pending as a
 * whole.
 */
static CsPendingKey *
enter_key(int slot, uint64 hash)
{
	CsPendingName name = {hash, slot, 0};
	CsPendingTable *table = cs_pending_table(slot, true);
	CsPendingKey *key;
	bool		found;

	if (table->whole)
		return NULL;
	if (cs_pending.keys == NULL)
		cs_pending.keys = cs_keyset_create(cs_pending_context(), INITIAL_KEYS, NULL);
	key = cs_keyset_insert(cs_pending.keys, name, &found);
	if (found)
		return key;
	key->top = NULL;
	key->version = 0;
	memset(&key->vacated, 0, sizeof(CsVacated));
	/* a table without a slot can only be marked by its keys */
	if (++table->nkeys > cs_bulk_threshold && slot >= 0)
	{
		table->whole = true;
		return NULL;
	}
	return key;
}

/*
 * The key has been changed.
 */
void
cs_pending_key(int slot, uint64 hash)
{
	(void) enter_key(slot, hash);
}

/*
 * Whether this transaction has changed the key, or the table as a whole.
 */
bool
cs_xact_has_key(int slot, uint64 hash)
{
	CsPendingTable *table = cs_pending_table(slot, false);

	return table != NULL && (table->whole || find_key(slot, hash) != NULL);
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
 * Copy a value into the list.
 */
static void
set_value(CsPendingValue *value, const CsPublish *publish)
{
	Size		size = publish->len + publish->keylen;

	value->data = MemoryContextAllocHuge(cs_pending_context(), Max(size, 1));
	value->size = size;
	cs_pending.kept += size;
	value->publish = *publish;
	value->publish.value = memcpy(value->data, publish->value, publish->len);
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
 * The key has been changed, and has this value; without a value (publish NULL)
 * it is only invalidated.
 */
void
cs_pending_push(int slot, uint64 hash, const CsPublish *publish)
{
	CsPendingKey *key = enter_key(slot, hash);
	CsPendingValue *value;

	if (key == NULL || (publish == NULL && key->top == NULL))
		return;
	value = key->top;
	if (publish != NULL &&
		(cs_pending.kept + publish->len > kept_limit() ||
		 (value != NULL && !is_same_key(value, publish))))
		publish = NULL;
	if (value == NULL || !cs_subxact_is_current(&value->item))
	{
		value = MemoryContextAllocZero(cs_pending_context(),
									   sizeof(CsPendingValue));
		value->name = key->name;
		cs_subxact_add(&cs_pending.values, &value->item, (CsSubxactItem *) key->top);
		key->top = value;
	}
	clear_value(value);
	if (publish != NULL)
		set_value(value, publish);
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
	CsPendingKey *key = find_key(value->name.slot, value->name.hash);

	if (key != NULL && key->top == value)
		key->top = (CsPendingValue *) item->below;
	clear_value(value);
	pfree(value);
}

static const CsSubxactOps value_ops = {merge_value, discard_value};

void
cs_pending_init(void)
{
	cs_subxact_join(&cs_pending.values, &value_ops);
}
