/*-------------------------------------------------------------------------
 *
 * change.c
 *		Changing keys, with the transaction or immediately.
 *
 * A change with the transaction is entered into the list of changed keys,
 * under the key's lock, and into the store at the end (commit.c).  An
 * immediate change is a compare-and-swap of the whole entry in the store, and
 * takes locks only if a transaction holds some (keylock.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"

#include "guc.h"
#include "kv/change.h"
#include "kv/commit.h"
#include "kv/commitflag.h"
#include "kv/entry.h"
#include "kv/keylock.h"
#include "kv/tag.h"
#include "kv/xactkeys.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/latency.h"
#include "store/staged.h"
#include "testpoint.h"
#include "xact/xact.h"

/* ----- checks ----- */

static void
check_may_change(void)
{
	PreventCommandIfReadOnly("cache.set()");
	PreventCommandIfParallelMode("cache.set()");
}

static void
too_large_error(Size size)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the value is too large for the cache"),
			 errdetail("Key and value take %zu bytes, and %zu are allowed.", size,
					   cs_store_max_value()),
			 errhint("The limit follows from cache_strategies.memory and cache_strategies.partitions.")));
}

/*
 * Whether the value can be stored at all.  If not, throws 54000 unless
 * 'best_effort'.
 */
static bool
check_size(const CsKvKey *key, const CsKvValue *value, bool best_effort)
{
	Size		size;

	if (value->ntags > PG_UINT16_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a key cannot have more than %d tags", PG_UINT16_MAX)));
	size = cs_entry_size(value) + key->key.len;
	if (size <= cs_store_max_value())
		return true;
	if (!best_effort)
		too_large_error(size);
	return false;
}

/*
 * Read what the store holds, under the key's lock.  The lookup passes through
 * the partition lock even if the value is not needed: an immediate change that
 * began before the lock was taken is then finished.
 */
static bool
read_locked(const CsKvKey *key, bool blind, CsKvValue *value)
{
	CsLook		look = {.epoch = key->space->epoch};
	CsFound		found;

	if (!blind)
		return cs_kv_read_store(key, true, value);
	(void) cs_commitflag_lookup(&key->key, &look, true, &found);
	return false;
}

/*
 * cs_change_key() with the transaction.
 */
static bool
change_later(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg)
{
	bool		done = true;
	CsXactKeyKey *own;
	CsKvValue	old;
	CsKvValue	new = {0};
	bool		found;

	cs_commit_check_open();
	own = cs_xactkeys_enter(key);
	cs_keylock_take(own);
	if (own->top != NULL)
		found = !how.blind && cs_kv_peek_own(key, own->top, &old);
	else
		found = read_locked(key, how.blind, &old);
	switch (change(found ? &old : NULL, &new, arg))
	{
		case CS_KV_KEEP:
			break;
		case CS_KV_PUT:
			done = check_size(key, &new, how.best_effort);
			if (done)
				cs_xactkeys_put(own, &new, how.best_effort);
			else
				cs_xactkeys_remove(own);
			break;
		case CS_KV_REMOVE:
			cs_xactkeys_remove(own);
			break;
	}
	cs_xact_note_use();
	return done;
}

/* ----- immediate changes ----- */

typedef enum Outcome
{
	OUTCOME_DONE,
	OUTCOME_NO_ROOM,			/* the key was removed instead */
	OUTCOME_AGAIN
} Outcome;

/*
 * Check of cs_store_replace(), called under the partition lock.
 */
static bool
is_unlocked(void *arg)
{
	bool		result = cs_keylock_is_free((const CsKvKey *) arg);

	CS_TEST_DAWDLE("kv_immediate_checked");
	return result;
}

/*
 * Refuse tags that this transaction has invalidated: the value would be lost
 * if the transaction were rolled back.
 */
static void
check_tags(const CsKvKey *key, const CsKvValue *value)
{
	if (cs_tag_any_changed(key->space, value->tags, value->ntags))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot change a key immediately with a tag that this transaction has invalidated"),
				 errhint("Change it without \"immediate\", or in a transaction of its own.")));
}

/*
 * Replace the entry of the version 'expected'; remove it if 'value' is NULL.
 * Unless 'locked', the change is refused if a transaction holds a lock on the
 * key.
 */
static CsStage
replace_entry(const CsKvKey *key, const CsKvValue *value, uint64 expected, bool locked)
{
	CsMeta		meta = {.epoch = key->space->epoch};
	char	   *bytes = NULL;
	Size		size = 0;
	CsStage		result;

	if (value != NULL)
	{
		check_tags(key, value);
		size = cs_entry_size(value);
		bytes = MemoryContextAllocHuge(CurrentMemoryContext, size);
		cs_entry_encode(value, cs_commitflag_version(), bytes);
		meta.expires = value->expires;
		meta.flags = cs_entry_flags(value);
	}
	CS_TEST_POINT("kv_immediate_looked");
	result = cs_store_replace(&key->key, &meta, bytes, size, key->space->max_memory,
							  expected, locked ? NULL : is_unlocked, (void *) key);
	if (bytes != NULL)
		pfree(bytes);
	return result;
}

static Outcome
remove_entry(const CsKvKey *key, uint64 expected, bool locked)
{
	return replace_entry(key, NULL, expected, locked) == CS_STAGE_CONFLICT ?
		OUTCOME_AGAIN : OUTCOME_DONE;
}

/*
 * Put a value.  A best-effort value that cannot be stored removes the entry,
 * so that no older value stays.
 */
static Outcome
put_entry(const CsKvKey *key, const CsKvValue *value, uint64 expected, bool locked,
		  bool best_effort)
{
	CsStage		result = CS_STAGE_TOO_LARGE;

	if (check_size(key, value, best_effort))
		result = replace_entry(key, value, expected, locked);
	switch (result)
	{
		case CS_STAGE_DONE:
			if (key->key.data[0] == CS_KV_KEY)
				cs_counters_add(key->space->slot, CS_COUNT_PUBLISH, 1);
			return OUTCOME_DONE;
		case CS_STAGE_CONFLICT:
			return OUTCOME_AGAIN;
		case CS_STAGE_TOO_LARGE:
			if (!best_effort)
				too_large_error(cs_entry_size(value) + key->key.len);
			break;
		case CS_STAGE_FULL:
			if (!best_effort)
				cs_commit_no_room_error(key->space, "no room in the cache for the key");
			break;
	}
	return remove_entry(key, expected, locked) == OUTCOME_AGAIN ? OUTCOME_AGAIN :
		OUTCOME_NO_ROOM;
}

/*
 * Whether the key has another version meanwhile.  A transaction that has
 * invalidated a tag of the key and set the key again may have committed
 * between our reading the key and our reading the tag.
 */
static bool
is_replaced(const CsKvKey *key, uint64 version)
{
	CsLook		look = {.epoch = key->space->epoch,.value = true};
	bool		same;
	CsFound		found;

	if (cs_commitflag_peek(&key->key, &look, &found) != CS_LOOKUP_HIT)
		return look.tag != 0;
	same = cs_entry_version(found.value) == version;
	pfree(found.value);
	return !same;
}

/*
 * One try of an immediate change: read, decide, and replace the entry unless
 * it has changed.  A dead entry counts as none.  An entry that has lost a tag
 * does not, since it will be replaced.
 */
static Outcome
try_now(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg, bool locked)
{
	CsLook		look = {.epoch = key->space->epoch,.value = true};
	CsKvValue	old;
	CsKvValue	new = {0};
	CsKvVerdict verdict;
	Outcome		outcome = OUTCOME_DONE;
	uint64		expected = 0;
	bool		holds = false;
	CsFound		found;

	found.value = NULL;
	if (how.blind)
		expected = CS_ANY_VERSION;
	else if (cs_commitflag_peek(&key->key, &look, &found) == CS_LOOKUP_HIT)
	{
		expected = cs_entry_version(found.value);
		cs_entry_decode(found.value, found.len, found.meta.expires, &old);
		CS_TEST_POINT("kv_immediate_found");
		holds = cs_kv_holds(key, &old);
	}
	else if (look.tag != 0)
		return OUTCOME_AGAIN;
	verdict = change(holds ? &old : NULL, &new, arg);
	if (verdict == CS_KV_PUT)
		outcome = put_entry(key, &new, expected, locked, how.best_effort);
	else if (verdict == CS_KV_REMOVE)
		outcome = remove_entry(key, expected, locked);
	else if (found.value != NULL && !holds && is_replaced(key, expected))
		outcome = OUTCOME_AGAIN;
	if (found.value != NULL)
		pfree(found.value);
	return outcome;
}

/*
 * Immediate change under the key's lock.
 */
static Outcome
change_locked(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg)
{
	CsKeyLock	lock;
	Outcome		outcome;

	cs_keylock_begin(key, &lock);
	while ((outcome = try_now(key, how, change, arg, true)) == OUTCOME_AGAIN)
		CHECK_FOR_INTERRUPTS();
	cs_keylock_end(&lock);
	return outcome;
}

/*
 * cs_change_key() for an immediate change.
 */
static bool
change_now(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg)
{
	Outcome		outcome;

	if (cs_xactkeys_find(key) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot change a key immediately that this transaction has changed"),
				 errhint("Change it without \"immediate\", or in a transaction of its own.")));
	while ((outcome = try_now(key, how, change, arg, false)) == OUTCOME_AGAIN)
	{
		CHECK_FOR_INTERRUPTS();
		if (!cs_keylock_is_free(key))
		{
			outcome = change_locked(key, how, change, arg);
			break;
		}
	}
	cs_xact_note_use();
	return outcome == OUTCOME_DONE;
}

/* ----- entry points ----- */

/* As cs_change_key(), without checking whether the transaction may write. */
bool
cs_change_any(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg)
{
	int64		began = cs_latency_begin();
	bool		done;

	if (how.immediate)
		done = change_now(key, how, change, arg);
	else
		done = change_later(key, how, change, arg);
	if (unlikely(began != 0) && key->key.data[0] == CS_KV_KEY)
	{
		int64		nanos = cs_clock_nanos() - began;

		cs_latency_add(CS_LATENCY_KEY_WRITE, nanos);
		cs_kv_trace(key, "change", done ? "done" : "no room", NULL, nanos);
	}
	return done;
}

/*
 * Change a key.
 *
 * Unless 'immediate', the change is made under the key's lock, which is held
 * until the end of the (sub)transaction.  This transaction sees it at once,
 * others after commit.
 *
 * Throws 54000 if the value is too large, 53200 if there is no room (only if
 * immediate, otherwise at commit), 55006 if it is immediate and this
 * transaction has changed the key.  Returns false if a best-effort value was
 * not stored for lack of room; the key is then removed, so that no older value
 * stays.  A space without a slot has no keys, so there is none to be removed.
 */
bool
cs_change_key(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg)
{
	check_may_change();
	if (how.best_effort && key->space->slot < 0)
		return false;
	cs_space_check_slot(key->space);
	return cs_change_any(key, how, change, arg);
}

/*
 * Announce that so many keys of the space will be changed, not immediately.
 * If there are too many for individual locks, the whole space is locked.
 */
void
cs_change_announce(const CsSpace *space, int64 nkeys)
{
	check_may_change();
	cs_space_check_slot(space);
	cs_commit_check_open();
	cs_keylock_announce(cs_xactkeys_space(space), nkeys);
}
