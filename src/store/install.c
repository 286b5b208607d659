/*-------------------------------------------------------------------------
 *
 * install.c
 *		Putting entries in and taking them out: install, swap and unlink.
 *
 * Each change takes the key's partition lock and runs in a critical section:
 * it allocates nothing and throws nothing, so it may be made while a
 * transaction commits.  The caller's check comes before anything is changed.
 *
 * Dirty entries have no quota but a share of each partition.  Where one replaces
 * another that was not smaller it does so in place, so that deferred changes can
 * be combined and taken away however full the store is.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "miscadmin.h"
#include "store/put.h"

/*
 * Is a transaction about to put, replace or remove an entry of this key?  Owners
 * that do not know of such things need not look for a pending one.
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

static CsInstall
install_once(CsNew *new, CsCheck check, void *arg)
{
	LWLock	   *lock = cs_partition_lock(new->place.part);
	CsInstall	result = CS_INSTALL_REFUSED;
	CsOld		old;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	if (check == NULL || check(arg))
	{
		cs_put_find(new, &old);
		if (!old.dirty && !is_staged(new, &old))
			result = cs_put(new, &old) == CS_PUT_DONE ? CS_INSTALL_DONE : CS_INSTALL_FULL;
	}
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return result;
}

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
	return result;
}

CsInstall
cs_store_install(const CsKey *key, const CsMeta *meta, const char *value,
				 Size len, Size quota, CsCheck check, void *arg)
{
	return cs_store_reinstall(key, meta, value, len, quota, NULL, check, arg);
}

/* Would the partition's dirty entries grow beyond their share? */
static bool
exceeds_share(const CsNew *new, const CsOld *old)
{
	Size		oldsize = old->dirty ? old->size : 0;

	return new->size > oldsize &&
		cs_store.partitions[new->place.part].dirty_bytes + new->size - oldsize >
		CS_DIRTY_LIMIT;
}

/* The version of the dirty entry, 0 if there is none. */
static uint64
dirty_version(const CsNew *new, const CsOld *old)
{
	uint64		version = 0;

	if (old->dirty)
		memcpy(&version, cs_record_value(cs_slot_record(new->place.part, &old->slot)),
			   sizeof(version));
	return version;
}

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
 * One try passes a bounded number of records that must stay, to keep the lock
 * short; the next one goes on where it stopped, and keeps less.  When each record
 * has been passed so, there is no room.
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

/* Unlink the owner's clean entries with this hash in one of its two buckets. */
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

bool
cs_store_vacate(uint32 owner, uint64 hash, CsVacated *vacated)
{
	bool		found = false;
	CsPlace		place;
	int			i;

	Assert(owner < cs_max_tables);
	memset(vacated, 0, sizeof(CsVacated));
	cs_place(hash, owner, &place);
	cs_lock_acquire(cs_partition_lock(place.part), CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	for (i = 0; i < 2; i++)
		found |= unlink_in_bucket(&place, cs_bucket(place.part, place.bucket[i]),
								  owner, hash, vacated);
	END_CRIT_SECTION();
	cs_lock_release(cs_partition_lock(place.part), CS_RANK_PARTITION);
	return found;
}

bool
cs_store_unlink(uint32 owner, uint64 hash)
{
	CsVacated	vacated;

	return cs_store_vacate(owner, hash, &vacated);
}
