/*-------------------------------------------------------------------------
 *
 * pending.c
 *		The pending list: what the current transaction has changed.
 *
 * Private to the backend and to the transaction.  Three parts:
 *
 *		tables	each table touched, with a flag for "all of it"
 *		keys	each key touched, as a hash: enough to mark and to unlink
 *		values	what a key will hold, for write_through: a stack per key, one
 *				element for each subtransaction that changed it, and a list
 *				per subtransaction, so that a subtransaction's end costs what
 *				it changed and no more
 *
 * A key without a value is only invalidated.  Keys are never taken back, not
 * even by ROLLBACK TO SAVEPOINT; values are.
 *
 * More than cache_strategies.bulk_threshold keys of a table become "all of
 * it".  Kept values are bounded too; beyond the bound keys lose their values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

#include "guc.h"
#include "xact/pending.h"

/* The values of one subtransaction. */
typedef struct CsPendingLevel
{
	struct CsPendingLevel *outer;
	SubTransactionId subid;
	dlist_head	values;
} CsPendingLevel;

/* Most transactions change a few keys, and each of them fills this with zeroes. */
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

MemoryContext
cs_pending_context(void)
{
	if (cs_pending.context == NULL)
		cs_pending.context = AllocSetContextCreate(TopTransactionContext,
												   "cache_strategies pending",
												   ALLOCSET_DEFAULT_SIZES);
	return cs_pending.context;
}

/* The memory goes with the transaction. */
void
cs_pending_forget(void)
{
	memset(&cs_pending, 0, sizeof(cs_pending));
}

/* ----- tables ----- */

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

void
cs_pending_whole(int slot, bool ddl)
{
	CsPendingTable *table = cs_pending_table(slot, true);

	table->whole = true;
	table->ddl |= ddl;
}

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

static CsPendingKey *
find_key(int slot, uint64 hash)
{
	CsPendingName name = {hash, slot, 0};

	return cs_pending.keys == NULL ? NULL : cs_keyset_lookup(cs_pending.keys, name);
}

/* The key's element, or NULL if its table is pending as a whole. */
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
	/* a table without a slot can only be marked key by key */
	if (++table->nkeys > cs_bulk_threshold && slot >= 0)
	{
		table->whole = true;
		return NULL;
	}
	return key;
}

void
cs_pending_key(int slot, uint64 hash)
{
	(void) enter_key(slot, hash);
}

bool
cs_xact_has_key(int slot, uint64 hash)
{
	CsPendingTable *table = cs_pending_table(slot, false);

	return table != NULL && (table->whole || find_key(slot, hash) != NULL);
}

/* ----- values ----- */

/* Kept values may take this much of the backend's memory. */
static Size
kept_limit(void)
{
	return Max((Size) cs_memory_mb * 1024 * 1024 / 8, 256 * 1024);
}

static CsPendingLevel *
current_level(void)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	CsPendingLevel *level = cs_pending.levels;

	if (level != NULL && level->subid == subid)
		return level;
	level = MemoryContextAllocZero(cs_pending_context(), sizeof(CsPendingLevel));
	level->subid = subid;
	level->outer = cs_pending.levels;
	dlist_init(&level->values);
	cs_pending.levels = level;
	return level;
}

static void
clear_value(CsPendingValue *value)
{
	if (value->data != NULL)
		pfree(value->data);
	cs_pending.kept -= value->size;
	value->data = NULL;
	value->size = 0;
}

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

/* Values of two keys that share a hash cannot be told apart at commit. */
static bool
is_same_key(const CsPendingValue *value, const CsPublish *publish)
{
	return value->data == NULL ||
		(value->publish.keylen == publish->keylen &&
		 memcmp(value->publish.key, publish->key, publish->keylen) == 0);
}

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
	if (value == NULL || value->subid != GetCurrentSubTransactionId())
	{
		CsPendingLevel *level = current_level();

		value = MemoryContextAllocZero(cs_pending_context(),
									   sizeof(CsPendingValue));
		value->name = key->name;
		value->subid = level->subid;
		value->below = key->top;
		dlist_push_head(&level->values, &value->node);
		key->top = value;
	}
	clear_value(value);
	if (publish != NULL)
		set_value(value, publish);
}

/* ----- subtransactions ----- */

/* The inner value is the outer subtransaction's now, and replaces its own. */
static void
hand_up(CsPendingValue *value, SubTransactionId parent)
{
	CsPendingValue *below = value->below;

	value->subid = parent;
	if (below == NULL || below->subid != parent)
		return;
	value->below = below->below;
	dlist_delete(&below->node);
	clear_value(below);
	pfree(below);
}

void
cs_pending_subcommit(SubTransactionId sub, SubTransactionId parent)
{
	CsPendingLevel *level = cs_pending.levels;
	CsPendingLevel *outer;
	dlist_iter	each;
	dlist_mutable_iter moving;

	if (level == NULL || level->subid != sub)
		return;
	outer = level->outer;
	dlist_foreach(each, &level->values)
		hand_up(dlist_container(CsPendingValue, node, each.cur), parent);
	level->subid = parent;
	if (outer == NULL || outer->subid != parent)
		return;
	dlist_foreach_modify(moving, &level->values)
	{
		dlist_delete(moving.cur);
		dlist_push_head(&outer->values, moving.cur);
	}
	cs_pending.levels = outer;
}

void
cs_pending_subabort(SubTransactionId sub)
{
	CsPendingLevel *level = cs_pending.levels;
	dlist_mutable_iter iter;

	if (level == NULL || level->subid != sub)
		return;
	dlist_foreach_modify(iter, &level->values)
	{
		CsPendingValue *value = dlist_container(CsPendingValue, node, iter.cur);
		CsPendingKey *key = find_key(value->name.slot, value->name.hash);

		if (key != NULL && key->top == value)
			key->top = value->below;
		clear_value(value);
		pfree(value);
	}
	cs_pending.levels = level->outer;
}
