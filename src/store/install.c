/*-------------------------------------------------------------------------
 *
 * install.c
 *		Adding and removing entries: install, swap and unlink.
 *
 * Each change takes the key's partition lock and runs in a critical section.
 * It allocates nothing and throws nothing, so it may be made while a
 * transaction commits.  The caller's check is evaluated before anything is
 * changed.
 *
 * Dirty entries have no quota but a share of each partition.  An entry that
 * replaces a dirty one of at least its size takes its place, so deferred
 * changes can be merged and removed however full the store is.
 *
 * A key that is not there is found not to be there without the lock.  A writer
 * has marked the key's stripe before it looks, with a full barrier in between.
 * A filler has set the partition's word "linking" before it compares the
 * version of the stripe, again with a full barrier in between, and clears it
 * after it has linked the entry or has decided not to.  So either the filler
 * finds another version and links nothing, or the writer finds the word set
 * and takes the lock, or the entry is already in the index that the writer
 * looks at.  test/model/unlink_model.py explores this.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "miscadmin.h"
#include "store/miniature.h"
#include "store/put.h"

/*
 * Whether a transaction has staged a change of this key.  For an owner without
 * pending entries the second search is skipped.
 */
static bool
is_staged(const CsNew *new, const CsOld *old)
{
	CsSlot		slot;

	if (old->present &&
		(cs_slot_record(new->place.part, &old->slot)->flags & CS_ENTRY_STAGED))
		return true;
	return pg_atomic_read_u64(&cs_store.owners[new->key->owner].pending) > 0 &&
		cs_index_find(&new->place, new->key, CS_WHICH_PENDING, &slot);
}

/*
 * The caller is about to compare a version and to link an entry.  It holds the
 * partition lock exclusively.
 */
static inline void
begin_linking(int part)
{
	pg_atomic_write_u32(&cs_store.partitions[part].linking, 1);
	pg_memory_barrier();
}

static inline void
end_linking(int part)
{
	pg_write_barrier();
	pg_atomic_write_u32(&cs_store.partitions[part].linking, 0);
}

/*
 * One try of cs_store_reinstall(), under the partition lock.
 */
static CsInstall
install_once(CsNew *new, CsCheck check, void *arg)
{
	LWLock	   *lock = cs_partition_lock(new->place.part);
	CsInstall	result = CS_INSTALL_REFUSED;
	CsOld		old;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	begin_linking(new->place.part);
	if (check == NULL || check(arg))
	{
		cs_put_find(new, &old);
		if (!old.dirty && !is_staged(new, &old))
			result = cs_put(new, &old) == CS_PUT_DONE ? CS_INSTALL_DONE : CS_INSTALL_FULL;
	}
	end_linking(new->place.part);
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return result;
}

/*
 * As cs_store_install(), and use the place that cs_store_vacate() has left, if
 * any.
 */
CsInstall
cs_store_reinstall(const CsKey *key, const CsMeta *meta, const char *value,
				   Size len, Size quota, const CsVacated *vacated,
				   CsCheck check, void *arg)
{
	CsNew		new;
	CsInstall	result;

	Assert((meta->flags & (CS_ENTRY_DIRTY | CS_ENTRY_PENDING | CS_ENTRY_STAGED)) == 0);
	if (!cs_put_prepare(&new, key, meta, value, len, quota))
		return CS_INSTALL_TOO_LARGE;
	new.vacated = vacated;
	if (quota != 0 && new.size > quota)
		return CS_INSTALL_FULL;

	result = install_once(&new, check, arg);
	if (result == CS_INSTALL_FULL && new.over_quota)
	{
		cs_put_ask_some(&new);
		result = install_once(&new, check, arg);
	}
	if (result == CS_INSTALL_DONE && cs_miniature_sampled(key->hash))
		cs_miniature_note_put(key, meta, len, vacated != NULL);
	return result;
}

/*
 * Link a clean entry, in place of a clean one with the same key if there is
 * one.
 *
 * Unless the result is CS_INSTALL_DONE, the old entry is not changed, although
 * it may have been evicted.  'quota' (in bytes, 0 for none) limits the owner:
 * above it, the owner's own clean entries make room.  check() may be called
 * more than once; if it returns false at first, nothing is changed.
 */
CsInstall
cs_store_install(const CsKey *key, const CsMeta *meta, const char *value,
				 Size len, Size quota, CsCheck check, void *arg)
{
	return cs_store_reinstall(key, meta, value, len, quota, NULL, check, arg);
}

/* Whether the partition's dirty entries would exceed their share. */
static bool
exceeds_share(const CsNew *new, const CsOld *old)
{
	Size		oldsize = old->dirty ? old->size : 0;

	return new->size > oldsize &&
		cs_store.partitions[new->place.part].dirty_bytes + new->size - oldsize >
		CS_DIRTY_LIMIT;
}

/* Version of the dirty entry, 0 if there is none. */
static uint64
dirty_version(const CsNew *new, const CsOld *old)
{
	uint64		version = 0;

	if (old->dirty)
		memcpy(&version, cs_record_value(cs_slot_record(new->place.part, &old->slot)),
			   sizeof(version));
	return version;
}

/*
 * One try of cs_store_swap(), under the partition lock.
 */
static CsSwap
swap_once(CsNew *new, uint64 expected, bool force)
{
	LWLock	   *lock = cs_partition_lock(new->place.part);
	CsSwap		result = CS_SWAP_FULL;
	CsOld		old;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	cs_put_find(new, &old);
	if (dirty_version(new, &old) != expected || is_staged(new, &old))
		result = CS_SWAP_CONFLICT;
	else if (!force && exceeds_share(new, &old))
		cs_put_give_up(new);
	else if (cs_put(new, &old) == CS_PUT_DONE)
		result = CS_SWAP_DONE;
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return result;
}

/*
 * Put a dirty entry in place of the one whose version is 'expected', or of
 * none if that is 0.  A clean entry counts as none.
 *
 * Unless the result is CS_SWAP_DONE, an existing dirty entry is not changed.
 * If 'force', all memory may be used, not just the share for dirty entries.
 * Replacing an entry by one that is not larger never fails for lack of room.
 *
 * To keep the lock short, one try passes a bounded number of records that must
 * stay.  The next try continues where it stopped, and keeps less.  When each
 * record has been passed in vain, there is no room.
 */
CsSwap
cs_store_swap(const CsKey *key, const CsMeta *meta, const char *value, Size len,
			  uint64 expected, bool force)
{
	CsMeta		dirty = *meta;
	CsNew		new;
	CsSwap		result;

	Assert(len >= sizeof(expected));
	dirty.flags |= CS_ENTRY_DIRTY;
	if (!cs_put_prepare(&new, key, &dirty, value, len, 0))
		return CS_SWAP_TOO_LARGE;
	do
		result = swap_once(&new, expected, force);
	while (result == CS_SWAP_FULL && cs_put_again(&new, CS_PROTECT_NONE));
	return result;
}

/*
 * Unlink the owner's clean entries with this hash in one of its two buckets.
 * The caller holds the partition lock.
 */
static bool
unlink_in_bucket(const CsPlace *place, CsSharedBucket *bucket, uint32 owner,
				 uint64 hash, CsVacated *vacated)
{
	bool		found = false;
	CsSlot		slot = {bucket, 0};

	for (; slot.n < CS_BUCKET_SLOTS; slot.n++)
	{
		CsRecord   *rec;

		if (bucket->ref[slot.n] == 0 || bucket->tag[slot.n] != place->tag ||
			cs_slot_is_dirty(&slot))
			continue;
		rec = cs_slot_record(place->part, &slot);
		if (rec->hash != hash || cs_stamp_owner(rec->stamp) != owner)
			continue;
		vacated->offset = cs_valuelog_offset(place->part, cs_slot_position(&slot));
		vacated->size = cs_record_size(rec);
		vacated->logid = cs_log_of(cs_slot_position(&slot));
		vacated->freq = bucket->freq[slot.n];
		cs_index_unlink(place->part, &slot);
		found = true;
	}
	return found;
}

/*
 * Whether a slot of the bucket has an entry of the owner with this hash; may
 * run without the lock, on memory that is changing.
 */
static bool
may_be_in_bucket(const CsPlace *place, CsSharedBucket *bucket, uint32 owner, uint64 hash)
{
	volatile CsSharedBucket *b = bucket;

	for (int i = 0; i < CS_BUCKET_SLOTS; i++)
	{
		volatile CsRecord *rec;
		Size		pos;

		if (b->tag[i] != place->tag)
			continue;
		pos = (Size) b->ref[i] * 8;
		if (pos == 0 || pos + sizeof(CsRecord) > cs_store.area_size)
			continue;
		rec = cs_record(place->part, pos);
		if (rec->hash == hash && cs_stamp_owner(rec->stamp) == owner)
			return true;
	}
	return false;
}

/*
 * Whether no entry of the owner has this hash, and none is about to be linked
 * by a filler that does not know of the change.  The caller has marked the
 * key's stripe, with a full barrier.  Looks without the lock; false may only
 * mean that another backend was changing the buckets.
 *
 * Both buckets are confirmed after both were looked at, because an entry may
 * go from one to the other.
 */
static bool
is_absent(const CsPlace *place, uint32 owner, uint64 hash)
{
	CsSharedBucket *bucket[2];
	uint32		seq[2];

	if (pg_atomic_read_u32(&cs_store.partitions[place->part].linking) != 0)
		return false;
	pg_read_barrier();
	for (int i = 0; i < 2; i++)
	{
		bucket[i] = cs_bucket(place->part, place->bucket[i]);
		seq[i] = pg_atomic_read_u32(&bucket[i]->seq);
		if (seq[i] & 1)
			return false;
	}
	pg_read_barrier();
	if (may_be_in_bucket(place, bucket[0], owner, hash) ||
		may_be_in_bucket(place, bucket[1], owner, hash))
		return false;
	pg_read_barrier();
	return pg_atomic_read_u32(&bucket[0]->seq) == seq[0] &&
		pg_atomic_read_u32(&bucket[1]->seq) == seq[1];
}

/* Unlink the owner's clean entries with this hash, under the lock. */
static bool
unlink_locked(const CsPlace *place, uint32 owner, uint64 hash, CsVacated *vacated)
{
	LWLock	   *lock = cs_partition_lock(place->part);
	bool		found = false;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	for (int i = 0; i < 2; i++)
		found |= unlink_in_bucket(place, cs_bucket(place->part, place->bucket[i]),
								  owner, hash, vacated);
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return found;
}

/*
 * As cs_store_unlink(), for a caller that will soon install the key's new
 * value with cs_store_reinstall().
 *
 * The new value then takes the place of the old one, if it has the same size
 * and the place has not been reused.  That needs no room, and the frequency is
 * retained.  A place can be used once.
 */
bool
cs_store_vacate(uint32 owner, uint64 hash, CsVacated *vacated)
{
	bool		found;
	CsPlace		place;

	Assert(owner < cs_max_tables);
	memset(vacated, 0, sizeof(CsVacated));
	cs_place(hash, owner, &place);
	found = !is_absent(&place, owner, hash) && unlink_locked(&place, owner, hash, vacated);
	if (cs_miniature_sampled(hash))
		cs_miniature_note_removal(owner, hash);
	return found;
}

/*
 * Unlink every clean entry of the owner with this hash.  Returns whether there
 * was one.  Needs no key bytes, which the caller therefore need not keep: it
 * is safe to remove an entry of another key.
 */
bool
cs_store_unlink(uint32 owner, uint64 hash)
{
	CsVacated	vacated;

	return cs_store_vacate(owner, hash, &vacated);
}
