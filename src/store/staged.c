/*-------------------------------------------------------------------------
 *
 * staged.c
 *		Entries that have no other copy: replaced at once, or staged by a
 *		transaction and settled at its end.
 *
 * Staging a change puts a pending entry beside the valid one and tags both.
 * That needs room and may fail.  Settling removes one of the two, which needs
 * no room.  The valid entry has CS_ENTRY_STAGED while a change of it, or its
 * removal, is staged; then it is changed only by a settlement, an eviction or
 * cs_store_unlink().  A pending entry is meaningful only to its transaction,
 * and to readers that ask whether the transaction has committed.
 *
 * Everything is done under the key's partition lock, in a critical section.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "miscadmin.h"
#include "store/clock.h"
#include "store/miniature.h"
#include "store/put.h"
#include "store/staged.h"

/* Flags that callers must not set. */
#define CS_ENTRY_INTERNAL \
	(CS_ENTRY_DIRTY | CS_ENTRY_PENDING | CS_ENTRY_STAGED | CS_ENTRY_READ)

/* Number of times that an owner is brought below its quota for one entry. */
#define QUOTA_TRIES		3

typedef struct Entry
{
	bool		present;
	CsSlot		slot;
	CsRecord   *rec;
} Entry;

typedef struct Pair
{
	CsPlace		place;
	Entry		valid;
	Entry		pending;
} Pair;

/*
 * Find the valid or the pending entry of the key.
 */
static void
find_entry(Pair *pair, const CsKey *key, CsWhich which, Entry *entry)
{
	entry->present = cs_index_find(&pair->place, key, which, &entry->slot);
	if (entry->present)
		entry->rec = cs_slot_record(pair->place.part, &entry->slot);
}

/*
 * Find both entries of the key.
 */
static void
find_pair(Pair *pair, const CsKey *key)
{
	find_entry(pair, key, CS_WHICH_VALID, &pair->valid);
	find_entry(pair, key, CS_WHICH_PENDING, &pair->pending);
	Assert(!pair->valid.present || !pair->pending.present ||
		   ((pair->valid.rec->flags & CS_ENTRY_STAGED) &&
			pair->valid.rec->wxid == pair->pending.rec->wxid));
}

/*
 * Take the key's partition lock, enter a critical section, and find both
 * entries.
 */
static void
lock_pair(Pair *pair, const CsKey *key)
{
	Assert(key->owner < cs_max_tables);
	cs_place(key->hash, key->owner, &pair->place);
	cs_lock_acquire(cs_partition_lock(pair->place.part), CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	find_pair(pair, key);
}

static void
unlock_pair(const Pair *pair)
{
	END_CRIT_SECTION();
	cs_lock_release(cs_partition_lock(pair->place.part), CS_RANK_PARTITION);
}

/*
 * Whether a transaction has staged a change of the valid entry.
 */
static bool
is_staged(const Entry *entry)
{
	return entry->present && (entry->rec->flags & CS_ENTRY_STAGED) != 0;
}

static bool
is_dirty(const Entry *entry)
{
	return entry->present && cs_slot_is_dirty(&entry->slot);
}

/*
 * Put the prepared record: call 'once' until it succeeds, reports something
 * else than CS_STAGE_FULL, or no further attempt can help.
 */
static CsStage
put_persistently(CsNew *new, CsStage (*once) (CsNew *new, void *arg), void *arg)
{
	int			quota_tries = 0;
	CsStage		result;

	if (new->quota != 0 && new->size > new->quota)
		return CS_STAGE_FULL;
	while ((result = once(new, arg)) == CS_STAGE_FULL)
	{
		if (!new->over_quota)
		{
			if (!cs_put_again(new, CS_PROTECT_URGENT))
				break;
		}
		else if (quota_tries++ < QUOTA_TRIES)
			cs_put_ask_all(new);
		else
			break;
	}
	return result;
}

/* ----- replacing at once ----- */

typedef struct Replace
{
	const CsMeta *meta;
	const char *value;
	uint64		expected;
	CsCheck		check;
	void	   *arg;
} Replace;

/* Version of an entry; 0 if there is none that counts. */
static uint64
version_of(const Entry *entry, const CsMeta *meta)
{
	const CsRecord *rec = entry->rec;
	uint64		version;

	if (!entry->present || rec->len < sizeof(version) ||
		(meta != NULL && (rec->stamp & CS_EPOCH_MASK) != (meta->epoch & CS_EPOCH_MASK)) ||
		cs_record_expired(rec, cs_clock_now()))
		return 0;
	memcpy(&version, cs_record_value(rec), sizeof(version));
	return version;
}

/*
 * Whether the conditions of cs_store_replace() hold.
 */
static bool
may_replace(const Pair *pair, const Replace *replace)
{
	return
		!pair->pending.present && !is_staged(&pair->valid) &&
		!is_dirty(&pair->valid) &&
		(replace->expected == CS_ANY_VERSION ||
		 version_of(&pair->valid, replace->meta) == replace->expected) &&
		(replace->check == NULL || replace->check(replace->arg));
}

/*
 * One attempt of cs_store_replace().
 */
static CsStage
replace_once(CsNew *new, void *arg)
{
	CsStage		result = CS_STAGE_CONFLICT;
	Pair		pair;

	lock_pair(&pair, new->key);
	if (may_replace(&pair, arg))
	{
		CsOld		old;

		cs_put_find(new, &old);
		result = cs_put(new, &old) == CS_PUT_DONE ? CS_STAGE_DONE : CS_STAGE_FULL;
	}
	unlock_pair(&pair);
	if (result == CS_STAGE_DONE && cs_miniature_sampled(new->key->hash))
		cs_miniature_note_put(new->key, new->meta, new->len, true);
	return result;
}

/*
 * cs_store_replace() without a value.
 */
static CsStage
remove_now(const CsKey *key, const Replace *replace)
{
	CsStage		result = CS_STAGE_CONFLICT;
	Pair		pair;

	lock_pair(&pair, key);
	if (may_replace(&pair, replace))
	{
		if (pair.valid.present)
			cs_index_unlink(pair.place.part, &pair.valid.slot);
		result = CS_STAGE_DONE;
	}
	unlock_pair(&pair);
	if (result == CS_STAGE_DONE && cs_miniature_sampled(key->hash))
		cs_miniature_note_removal(key->owner, key->hash);
	return result;
}

/*
 * Put the value, or remove the entry (value NULL), at once.  The conditions
 * are: the entry's version is 'expected' (0: there is no entry;
 * CS_ANY_VERSION: any or none), no transaction has staged a change of the key,
 * and check() returns true.  check() may be called more than once, under the
 * partition lock in a critical section.
 *
 * An entry of another epoch than meta's, or an expired one, counts as none.
 * meta.wxid is ignored; meta may be NULL when an entry with a version is
 * removed.  Unless the result is CS_STAGE_DONE the entry is unchanged, or has
 * been evicted.
 */
CsStage
cs_store_replace(const CsKey *key, const CsMeta *meta, const char *value,
				 Size len, Size quota, uint64 expected, CsCheck check, void *arg)
{
	Replace		replace = {meta, value, expected, check, arg};
	CsMeta		valid;
	CsNew		new;

	if (value == NULL)
		return remove_now(key, &replace);
	Assert(len >= sizeof(uint64));
	valid = *meta;
	valid.flags &= ~CS_ENTRY_INTERNAL;
	valid.wxid = 0;
	if (!cs_put_prepare(&new, key, &valid, value, len, quota))
		return CS_STAGE_TOO_LARGE;
	return put_persistently(&new, replace_once, &replace);
}

/* ----- staging by a transaction ----- */

typedef struct Stage
{
	uint64		tag;
	bool		tagged;			/* this call has tagged the valid entry */
} Stage;

/*
 * Whether another transaction has staged a change of the key, or the entry is
 * dirty.
 */
static bool
is_taken(const Pair *pair, uint64 tag)
{
	return is_dirty(&pair->valid) ||
		(is_staged(&pair->valid) && pair->valid.rec->wxid != tag) ||
		(pair->pending.present && pair->pending.rec->wxid != tag);
}

/*
 * Tag the valid entry, if there is one.
 */
static void
tag_valid(const Pair *pair, Stage *stage)
{
	CsSlot		slot = pair->valid.slot;

	if (!pair->valid.present || is_staged(&pair->valid))
		return;
	cs_index_stage(pair->place.part, &slot, stage->tag);
	stage->tagged = true;
}

/*
 * One attempt of cs_store_stage().  The valid entry is tagged first, so that
 * its bytes are not counted when the owner's quota is checked.
 */
static CsStage
stage_once(CsNew *new, void *arg)
{
	Stage	   *stage = arg;
	CsStage		result = CS_STAGE_CONFLICT;
	Pair		pair;

	lock_pair(&pair, new->key);
	if (!is_taken(&pair, stage->tag))
	{
		CsOld		old;

		tag_valid(&pair, stage);
		cs_put_find(new, &old);
		result = cs_put(new, &old) == CS_PUT_DONE ? CS_STAGE_DONE : CS_STAGE_FULL;
	}
	unlock_pair(&pair);
	return result;
}

/*
 * cs_store_stage() without a value.
 */
static CsStage
stage_removal(const CsKey *key, uint64 tag)
{
	Stage		stage = {tag, false};
	CsStage		result = CS_STAGE_CONFLICT;
	Pair		pair;

	lock_pair(&pair, key);
	if (!is_taken(&pair, tag))
	{
		tag_valid(&pair, &stage);
		if (pair.pending.present)
			cs_index_unlink(pair.place.part, &pair.pending.slot);
		result = CS_STAGE_DONE;
	}
	unlock_pair(&pair);
	return result;
}

/*
 * Remove the tag from the valid entry, unless it has been evicted meanwhile.
 */
static void
untag_valid(const CsKey *key, uint64 tag)
{
	Pair		pair;

	lock_pair(&pair, key);
	if (is_staged(&pair.valid) && pair.valid.rec->wxid == tag)
		cs_index_unstage(pair.place.part, &pair.valid.slot);
	unlock_pair(&pair);
}

/*
 * Put the value beside the valid entry and tag both.  With value NULL, remove
 * a pending entry and tag the valid entry, if there is one; meta may be NULL
 * then.  May be called again with the same tag.
 *
 * The quota is checked as if the valid entry had been removed.  A pending
 * entry is not evicted to make room for clean entries of any owner.  Unless
 * the result is CS_STAGE_DONE nothing is changed, except that other entries
 * may have been evicted.
 */
CsStage
cs_store_stage(const CsKey *key, uint64 tag, const CsMeta *meta,
			   const char *value, Size len, Size quota)
{
	Stage		stage = {tag, false};
	CsMeta		pending;
	CsNew		new;
	CsStage		result;

	Assert(tag != 0);
	if (value == NULL)
		return stage_removal(key, tag);
	Assert(len >= sizeof(uint64));
	pending = *meta;
	pending.flags = (pending.flags & ~CS_ENTRY_INTERNAL) | CS_ENTRY_PENDING;
	pending.wxid = tag;
	if (!cs_put_prepare(&new, key, &pending, value, len, quota))
		return CS_STAGE_TOO_LARGE;
	result = put_persistently(&new, stage_once, &stage);
	if (result != CS_STAGE_DONE && stage.tagged)
		untag_valid(key, tag);
	return result;
}

/*
 * End what was staged with this tag, if anything was.  On commit the tagged
 * entry is removed, and the pending entry, if it is still there, becomes valid
 * with wxid 0.  Otherwise the pending entry is removed, and the tag is taken
 * off.
 *
 * Does not allocate or throw, so it can be called by COMMIT and ABORT
 * callbacks.
 */
void
cs_store_settle(const CsKey *key, uint64 tag, bool commit)
{
	Pair		pair;
	int			part;
	bool		valid;
	bool		pending;
	CsMeta		meta;
	Size		len = 0;

	lock_pair(&pair, key);
	part = pair.place.part;
	valid = is_staged(&pair.valid) && pair.valid.rec->wxid == tag;
	pending = pair.pending.present && pair.pending.rec->wxid == tag;
	if (pending)
	{
		cs_record_meta(pair.pending.rec, &meta);
		len = pair.pending.rec->len;
	}
	if (commit)
	{
		if (pending)
			cs_index_supersede(part, valid ? &pair.valid.slot : NULL, &pair.pending.slot);
		else if (valid)
			cs_index_unlink(part, &pair.valid.slot);
	}
	else
	{
		if (pending)
			cs_index_unlink(part, &pair.pending.slot);
		if (valid)
			cs_index_unstage(part, &pair.valid.slot);
	}
	unlock_pair(&pair);
	if (commit && cs_miniature_sampled(key->hash))
	{
		if (pending)
			cs_miniature_note_put(key, &meta, len, true);
		else if (valid)
			cs_miniature_note_removal(key->owner, key->hash);
	}
}
