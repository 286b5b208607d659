/*-------------------------------------------------------------------------
 *
 * xactkeys.c
 *		The keys that the current transaction has changed or locked.
 *
 * Private to the backend and to the transaction; no locking.
 *
 *	keys	each key that was locked, with a stack of states, one for each
 *			subtransaction that changed it
 *	holds	the locks that were taken
 *
 * A key whose states were all rolled back stays, without a state.
 *
 * Locks are released with the subtransaction that took them (keylock.c makes
 * PostgreSQL's lock manager do the same), and so are the counters that
 * announce them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "kv/commitflag.h"
#include "kv/entry.h"
#include "kv/xactkeys.h"

#define CS_HASHTABLE	cs_overlayset
#define SH_ELEMENT_TYPE CsXactKeyEntry
#define SH_KEY_TYPE		CsXactKeyName
#define SH_KEY			name
#define SH_HASH_KEY(tb, name) ((uint32) ((name).key.hash ^ (name).space))
#define SH_EQUAL(tb, a, b) \
	((a).key.hash == (b).key.hash && (a).space == (b).space && (a).own == (b).own && \
	 (a).key.len == (b).key.len && memcmp((a).key.data, (b).key.data, (a).key.len) == 0)
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "hashtable.h"

CsXactKeys	cs_xactkeys;

/*
 * Create the memory context and the hash table, unless they exist.
 */
static void
begin(void)
{
	if (cs_xactkeys.context == NULL)
		cs_xactkeys.context = AllocSetContextCreate(TopTransactionContext,
													"cache_strategies keys",
													ALLOCSET_DEFAULT_SIZES);
	if (cs_xactkeys.keys == NULL)
		cs_xactkeys.keys = cs_overlayset_create(cs_xactkeys.context, 8, NULL);
}

/*
 * Forget everything at the transaction's end.  The memory is freed with the
 * transaction.
 */
void
cs_xactkeys_forget(void)
{
	memset(&cs_xactkeys, 0, sizeof(cs_xactkeys));
}

/* ----- keys ----- */

/*
 * Name of a key in the hash table.
 */
static CsXactKeyName
name_of(const CsKvKey *key)
{
	CsXactKeyName name = {key->space->id, key->space->own, key->key};

	return name;
}

/*
 * The key if this transaction has changed it, otherwise NULL.
 */
CsXactKeyKey *
cs_xactkeys_find(const CsKvKey *key)
{
	CsXactKeyEntry *entry;

	if (cs_xactkeys.keys == NULL)
		return NULL;
	entry = cs_overlayset_lookup(cs_xactkeys.keys, name_of(key));
	return entry != NULL && entry->key->top != NULL ? entry->key : NULL;
}

/*
 * The transaction's entry for a space, created if necessary, with the slot
 * that the caller has now.  A space keeps its slot as long as this transaction
 * holds a lock on it; before that the caller's slot is newer than the one in
 * the entry.
 */
CsXactKeySpace *
cs_xactkeys_space(const CsSpace *space)
{
	CsXactKeySpace *own;

	begin();
	for (own = cs_xactkeys.spaces; own != NULL; own = own->next)
		if (own->space.id == space->id && own->space.own == space->own)
			break;
	if (own == NULL)
	{
		own = MemoryContextAllocZero(cs_xactkeys.context, sizeof(CsXactKeySpace));
		own->next = cs_xactkeys.spaces;
		cs_xactkeys.spaces = own;
	}
	own->space = *space;
	return own;
}

/*
 * The transaction's entry for a key, created if necessary.
 */
CsXactKeyKey *
cs_xactkeys_enter(const CsKvKey *key)
{
	CsXactKeySpace *space = cs_xactkeys_space(key->space);
	CsXactKeyName name = name_of(key);
	CsXactKeyEntry *entry = cs_overlayset_lookup(cs_xactkeys.keys, name);
	CsXactKeyKey *own;
	char	   *data;
	bool		found;

	if (entry != NULL)
	{
		entry->key->key.owner = key->key.owner;
		return entry->key;
	}
	own = MemoryContextAllocZero(cs_xactkeys.context, sizeof(CsXactKeyKey) + key->key.len);
	data = (char *) (own + 1);
	memcpy(data, key->key.data, key->key.len);
	own->space = space;
	own->key = key->key;
	own->key.data = data;
	name.key.data = data;
	entry = cs_overlayset_insert(cs_xactkeys.keys, name, &found);
	entry->key = own;
	own->next = cs_xactkeys.list;
	cs_xactkeys.list = own;
	return own;
}

/*
 * Whether the transaction has changed any key.
 */
bool
cs_xactkeys_is_changed(void)
{
	for (CsXactKeyKey *own = cs_xactkeys.list; own != NULL; own = own->next)
		if (own->top != NULL)
			return true;
	return false;
}

/* ----- states ----- */

/* Set the key's state in this subtransaction.  Takes ownership of 'bytes'. */
static CsXactKeyState *
set_state(CsXactKeyKey *own, char *bytes)
{
	CsXactKeyState *state = own->top;

	if (state == NULL || !cs_subxact_is_current(&state->item))
	{
		state = MemoryContextAllocZero(cs_xactkeys.context, sizeof(CsXactKeyState));
		state->key = own;
		cs_subxact_add(&cs_xactkeys.states, &state->item, (CsSubxactItem *) own->top);
		own->top = state;
	}
	if (state->bytes != NULL)
		pfree(state->bytes);
	state->bytes = bytes;
	return state;
}

/*
 * Record a new value of the key.  The value may refer to parts of the old one,
 * which is freed only afterwards.
 */
void
cs_xactkeys_put(CsXactKeyKey *own, const CsKvValue *value, bool best_effort)
{
	Size		len = cs_entry_size(value);
	char	   *bytes = MemoryContextAllocHuge(cs_xactkeys.context, len);
	CsXactKeyState *state;

	cs_entry_encode(value, cs_commitflag_version(), bytes);
	state = set_state(own, bytes);
	state->len = len;
	state->expires = value->expires;
	state->flags = cs_entry_flags(value);
	state->best_effort = best_effort;
}

/*
 * Record the removal of the key.
 */
void
cs_xactkeys_remove(CsXactKeyKey *own)
{
	(void) set_state(own, NULL);
}

/* ----- locks ----- */

/*
 * Allocate the memory for a hold.  Separate from cs_xactkeys_add_hold(), which
 * is called when the lock is held and must not fail.
 */
CsHold *
cs_xactkeys_new_hold(CsHold **place, pg_atomic_uint32 *counter, int64 *nlocks)
{
	CsHold	   *hold = MemoryContextAlloc(cs_xactkeys.context, sizeof(CsHold));

	(void) cs_subxact_level(&cs_xactkeys.holds);
	hold->place = place;
	hold->counter = counter;
	hold->nlocks = nlocks;
	return hold;
}

/*
 * Register a lock that has been acquired.  Does not throw.  A full memory
 * barrier, if the hold has a counter.
 */
void
cs_xactkeys_add_hold(CsHold *hold)
{
	cs_subxact_add(&cs_xactkeys.holds, &hold->item, NULL);
	*hold->place = hold;
	if (hold->counter != NULL)
		pg_atomic_fetch_add_u32(hold->counter, 1);
	if (hold->nlocks != NULL)
		(*hold->nlocks)++;
}

/*
 * Unregister a lock.
 */
static void
release_hold(CsSubxactItem *item)
{
	CsHold	   *hold = (CsHold *) item;

	*hold->place = NULL;
	if (hold->counter != NULL)
		pg_atomic_fetch_sub_u32(hold->counter, 1);
	if (hold->nlocks != NULL)
		(*hold->nlocks)--;
}

/*
 * Unregister all locks at the transaction's end.
 */
void
cs_xactkeys_release(void)
{
	CsSubxactItem *item;

	while ((item = cs_subxact_pop(&cs_xactkeys.holds)) != NULL)
		release_hold(item);
}

/* ----- subtransactions ----- */

/*
 * Free a state.
 */
static void
free_state(CsXactKeyState *state)
{
	if (state->bytes != NULL)
		pfree(state->bytes);
	pfree(state);
}

static void
merge_state(CsSubxactItem *item, CsSubxactItem *older)
{
	free_state((CsXactKeyState *) older);
}

static void
discard_state(CsSubxactItem *item)
{
	CsXactKeyState *state = (CsXactKeyState *) item;

	state->key->top = (CsXactKeyState *) item->below;
	free_state(state);
}

static const CsSubxactOps state_ops = {merge_state, discard_state};
static const CsSubxactOps hold_ops = {NULL, release_hold};

void
cs_xactkeys_init(void)
{
	cs_subxact_join(&cs_xactkeys.states, &state_ops);
	cs_subxact_join(&cs_xactkeys.holds, &hold_ops);
}
