/*-------------------------------------------------------------------------
 *
 * overlay.c
 *		What this transaction has changed, and which keys it has locked.
 *
 * Private to the backend and to the transaction:
 *
 *		keys	each key that was locked; a stack of states, one for each
 *				subtransaction that changed it
 *		levels	per subtransaction, the states that it made and the locks that
 *				it took, so that its end costs what it did and no more
 *
 * A key whose states were all rolled back stays, without a state.
 *
 * Locks go with the subtransaction that took them (keylock.c sees to it that
 * PostgreSQL thinks so too), and so do the counters that tell of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "kv/cell.h"
#include "kv/entry.h"
#include "kv/overlay.h"

#define SH_PREFIX		cs_overlayset
#define SH_ELEMENT_TYPE CsOverlayEntry
#define SH_KEY_TYPE		CsOverlayName
#define SH_KEY			name
#define SH_HASH_KEY(tb, name) ((uint32) ((name).key.hash ^ (name).space))
#define SH_EQUAL(tb, a, b) \
	((a).key.hash == (b).key.hash && (a).space == (b).space && (a).own == (b).own && \
	 (a).key.len == (b).key.len && memcmp((a).key.data, (b).key.data, (a).key.len) == 0)
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

CsOverlay	cs_overlay;

static void
begin(void)
{
	if (cs_overlay.context == NULL)
		cs_overlay.context = AllocSetContextCreate(TopTransactionContext,
												   "cache_strategies keys",
												   ALLOCSET_DEFAULT_SIZES);
	if (cs_overlay.keys == NULL)
		cs_overlay.keys = cs_overlayset_create(cs_overlay.context, 8, NULL);
}

void
cs_overlay_forget(void)
{
	memset(&cs_overlay, 0, sizeof(cs_overlay));
}

/* ----- keys ----- */

static CsOverlayName
name_of(const CsKvKey *key)
{
	CsOverlayName name = {key->space->id, key->space->own, key->key};

	return name;
}

CsOverlayKey *
cs_overlay_find(const CsKvKey *key)
{
	CsOverlayEntry *entry;

	if (cs_overlay.keys == NULL)
		return NULL;
	entry = cs_overlayset_lookup(cs_overlay.keys, name_of(key));
	return entry != NULL && entry->key->top != NULL ? entry->key : NULL;
}

/*
 * Space and slot belong together for as long as we hold a lock.  Before that,
 * what the caller has is newer than what we have.
 */
CsOverlaySpace *
cs_overlay_space(const CsSpace *space)
{
	CsOverlaySpace *own;

	begin();
	for (own = cs_overlay.spaces; own != NULL; own = own->next)
		if (own->space.id == space->id && own->space.own == space->own)
			break;
	if (own == NULL)
	{
		own = MemoryContextAllocZero(cs_overlay.context, sizeof(CsOverlaySpace));
		own->next = cs_overlay.spaces;
		cs_overlay.spaces = own;
	}
	own->space = *space;
	return own;
}

CsOverlayKey *
cs_overlay_enter(const CsKvKey *key)
{
	CsOverlaySpace *space = cs_overlay_space(key->space);
	CsOverlayName name = name_of(key);
	CsOverlayEntry *entry = cs_overlayset_lookup(cs_overlay.keys, name);
	CsOverlayKey *own;
	char	   *data;
	bool		found;

	if (entry != NULL)
	{
		entry->key->key.owner = key->key.owner;
		return entry->key;
	}
	own = MemoryContextAllocZero(cs_overlay.context, sizeof(CsOverlayKey) + key->key.len);
	data = (char *) (own + 1);
	memcpy(data, key->key.data, key->key.len);
	own->space = space;
	own->key = key->key;
	own->key.data = data;
	name.key.data = data;
	entry = cs_overlayset_insert(cs_overlay.keys, name, &found);
	entry->key = own;
	own->next = cs_overlay.list;
	cs_overlay.list = own;
	return own;
}

bool
cs_overlay_is_changed(void)
{
	for (CsOverlayKey *own = cs_overlay.list; own != NULL; own = own->next)
		if (own->top != NULL)
			return true;
	return false;
}

/* ----- states ----- */

static CsOverlayLevel *
current_level(void)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	CsOverlayLevel *level = cs_overlay.levels;

	if (level != NULL && level->subid == subid)
		return level;
	level = MemoryContextAllocZero(cs_overlay.context, sizeof(CsOverlayLevel));
	level->subid = subid;
	level->outer = cs_overlay.levels;
	dlist_init(&level->states);
	dlist_init(&level->holds);
	cs_overlay.levels = level;
	return level;
}

/* The bytes are ours now; the state is this subtransaction's. */
static CsOverlayState *
set_state(CsOverlayKey *own, char *bytes)
{
	CsOverlayLevel *level = current_level();
	CsOverlayState *state = own->top;

	if (state == NULL || state->subid != level->subid)
	{
		state = MemoryContextAllocZero(cs_overlay.context, sizeof(CsOverlayState));
		state->key = own;
		state->subid = level->subid;
		state->below = own->top;
		dlist_push_head(&level->states, &state->node);
		own->top = state;
	}
	if (state->bytes != NULL)
		pfree(state->bytes);
	state->bytes = bytes;
	return state;
}

/* The new value may be made of parts of the old one. */
void
cs_overlay_put(CsOverlayKey *own, const CsKvValue *value, bool best_effort)
{
	Size		len = cs_entry_size(value);
	char	   *bytes = MemoryContextAllocHuge(cs_overlay.context, len);
	CsOverlayState *state;

	cs_entry_encode(value, cs_cell_version(), bytes);
	state = set_state(own, bytes);
	state->len = len;
	state->expires = value->expires;
	state->flags = cs_entry_flags(value);
	state->best_effort = best_effort;
}

void
cs_overlay_remove(CsOverlayKey *own)
{
	(void) set_state(own, NULL);
}

/* ----- locks ----- */

CsHold *
cs_overlay_new_hold(CsHold **place, pg_atomic_uint32 *counter, int64 *nlocks)
{
	CsHold	   *hold = MemoryContextAlloc(cs_overlay.context, sizeof(CsHold));

	(void) current_level();
	hold->place = place;
	hold->counter = counter;
	hold->nlocks = nlocks;
	return hold;
}

/* A full barrier, if it has a counter. */
void
cs_overlay_add_hold(CsHold *hold)
{
	dlist_push_head(&current_level()->holds, &hold->node);
	*hold->place = hold;
	if (hold->counter != NULL)
		pg_atomic_fetch_add_u32(hold->counter, 1);
	if (hold->nlocks != NULL)
		(*hold->nlocks)++;
}

static void
release_holds(CsOverlayLevel *level)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &level->holds)
	{
		CsHold	   *hold = dlist_container(CsHold, node, iter.cur);

		dlist_delete(iter.cur);
		*hold->place = NULL;
		if (hold->counter != NULL)
			pg_atomic_fetch_sub_u32(hold->counter, 1);
		if (hold->nlocks != NULL)
			(*hold->nlocks)--;
	}
}

void
cs_overlay_release(void)
{
	for (CsOverlayLevel *level = cs_overlay.levels; level != NULL; level = level->outer)
		release_holds(level);
}

/* ----- subtransactions ----- */

static void
drop_state(CsOverlayState *state)
{
	dlist_delete(&state->node);
	if (state->bytes != NULL)
		pfree(state->bytes);
	pfree(state);
}

/* The inner state is the outer subtransaction's now, and replaces its own. */
static void
hand_up(CsOverlayState *state, SubTransactionId parent)
{
	CsOverlayState *below = state->below;

	state->subid = parent;
	if (below == NULL || below->subid != parent)
		return;
	state->below = below->below;
	drop_state(below);
}

static void
move_list(dlist_head *from, dlist_head *to)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, from)
	{
		dlist_delete(iter.cur);
		dlist_push_head(to, iter.cur);
	}
}

void
cs_overlay_subcommitted(SubTransactionId sub, SubTransactionId parent)
{
	CsOverlayLevel *level = cs_overlay.levels;
	CsOverlayLevel *outer;
	dlist_iter	iter;

	if (level == NULL || level->subid != sub)
		return;
	outer = level->outer;
	dlist_foreach(iter, &level->states)
		hand_up(dlist_container(CsOverlayState, node, iter.cur), parent);
	level->subid = parent;
	if (outer == NULL || outer->subid != parent)
		return;
	move_list(&level->states, &outer->states);
	move_list(&level->holds, &outer->holds);
	cs_overlay.levels = outer;
}

void
cs_overlay_subaborted(SubTransactionId sub)
{
	CsOverlayLevel *level = cs_overlay.levels;
	dlist_mutable_iter iter;

#ifdef CS_MUTANT_KV_SUBABORT_KEEPS
	cs_overlay_subcommitted(sub, level != NULL && level->outer != NULL ?
							level->outer->subid : TopSubTransactionId);
	return;
#endif
	if (level == NULL || level->subid != sub)
		return;
	dlist_foreach_modify(iter, &level->states)
	{
		CsOverlayState *state = dlist_container(CsOverlayState, node, iter.cur);

		state->key->top = state->below;
		drop_state(state);
	}
	release_holds(level);
	cs_overlay.levels = level->outer;
}
