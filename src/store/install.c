/*-------------------------------------------------------------------------
 *
 * install.c
 *		Changing entries: install and unlink.
 *
 * Each change takes the key's partition lock and runs in a critical section:
 * it allocates nothing and throws nothing, so it may be made while a
 * transaction commits.  All that can fail comes before the entry is linked,
 * and the caller's check before anything is changed.
 *
 * An owner's bytes are counted over all partitions.  When it is at its quota
 * and the key's own partition does not yield enough, a few other partitions
 * are asked, each under its own lock, one after the other.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "miscadmin.h"
#include "store/partition.h"

/* Dirty records may take 3/4 of a partition's logs. */
#define CS_DIRTY_LIMIT	(cs_store.area_size / 4 * 3)

/* Other partitions that are asked for room under a quota. */
#define CS_QUOTA_PARTITIONS		4

/* What is to be installed. */
typedef struct CsNew
{
	const CsKey *key;
	const CsMeta *meta;
	const char *value;
	Size		len;
	Size		size;			/* of the record */
	Size		quota;			/* 0: none */
	CsPlace		place;
} CsNew;

/* An entry that is going to be replaced. */
typedef struct CsOld
{
	CsSlot		slot;
	bool		present;
	bool		dirty;
	Size		size;			/* 0 unless present */
	Size		pos;
} CsOld;

static void
find_old(const CsNew *new, CsOld *old)
{
	old->size = 0;
	old->dirty = false;
	old->present = cs_index_find(&new->place, new->key, &old->slot);
	if (old->present)
	{
		CsRecord   *rec = cs_slot_record(new->place.part, &old->slot);

		old->size = cs_record_size(rec);
		old->dirty = (rec->flags & CS_ENTRY_DIRTY) != 0;
		old->pos = (Size) old->slot.bucket->ref[old->slot.n] * 8;
	}
}

static void
write_record(const CsNew *new, Size pos)
{
	CsRecord   *rec = cs_record(new->place.part, pos);
	char	   *data = (char *) rec + sizeof(CsRecord);

	rec->len = (uint32) new->len;
	rec->keylen = (uint16) new->key->len;
	rec->flags = new->meta->flags;
	rec->filler = false;
	rec->hash = new->key->hash;
	rec->stamp = cs_stamp(new->key->owner, new->meta->epoch);
	rec->wxid = new->meta->wxid;
	rec->expires = new->meta->expires;
	if (new->key->len > 0)
		memcpy(data, new->key->data, new->key->len);
	if (new->len > 0)
		memcpy(data + new->key->len, new->value, new->len);
}

/* How many bytes the owner would be above its quota. */
static Size
quota_excess(const CsNew *new, Size oldsize)
{
	CsSharedOwner *owner = &cs_store.owners[new->key->owner];
	uint64		bytes = pg_atomic_read_u64(&owner->bytes) + new->size;

	if (new->quota == 0 || bytes <= oldsize + new->quota)
		return 0;
	return bytes - oldsize - new->quota;
}

/*
 * Count the new record in place of the old.  Other partitions charge the same
 * owner, so within a quota only if the count did not move.
 */
static bool
charge_owner(const CsNew *new, Size oldsize)
{
	pg_atomic_uint64 *bytes = &cs_store.owners[new->key->owner].bytes;
	uint64		now = pg_atomic_read_u64(bytes);
	uint64		then;

	do
	{
		then = now + new->size - oldsize;
		if (new->quota != 0 && then > new->quota && then > now)
			return false;
	} while (!pg_atomic_compare_exchange_u64(bytes, &now, then));
	return true;
}

/* The same size: overwrite in place, which costs no log space. */
static void
overwrite(const CsNew *new, CsOld *old)
{
	cs_bucket_begin(old->slot.bucket);
	write_record(new, old->pos);
	cs_index_relink(new->place.part, &old->slot, old->pos, old->size, old->dirty);
	cs_bucket_end(old->slot.bucket);
}

/* There is room, and the owner has been charged. */
static void
append_and_link(const CsNew *new, CsOld *old, CsLogId logid)
{
	Size		pos = cs_log_append(new->place.part, logid, new->size);

	write_record(new, pos);
	if (old->present)
	{
		cs_bucket_begin(old->slot.bucket);
		cs_index_relink(new->place.part, &old->slot, pos, old->size, old->dirty);
		cs_bucket_end(old->slot.bucket);
	}
	else
		cs_index_link(&new->place, &old->slot, pos);
}

/*
 * Under the lock, after the check.  When there is no room, an entry that was
 * to be replaced stays; it was valid and remains so.
 */
static CsInstall
install_locked(const CsNew *new)
{
	int			part = new->place.part;
	CsSharedPartition *p = &cs_store.partitions[part];
	CsLogId		logid;
	CsOld		old;
	Size		excess;

	find_old(new, &old);
	if ((new->meta->flags & CS_ENTRY_DIRTY) &&
		p->dirty + new->size > CS_DIRTY_LIMIT + (old.dirty ? old.size : 0))
		return CS_INSTALL_FULL;
	if (old.size == new->size)
	{
		overwrite(new, &old);
		return CS_INSTALL_DONE;
	}

	excess = quota_excess(new, old.size);
	if (excess > 0)
		cs_log_evict_owner(part, new->key->owner, excess);
	logid = cs_policy_admit(&new->place, new->size);
	if (old.present && cs_log_of(old.pos) == CS_LOG_MAIN)
		logid = CS_LOG_MAIN;
	if (!cs_log_make_room(part, logid, new->size))
		return CS_INSTALL_FULL;

	/* the old entry may have moved or gone meanwhile */
	find_old(new, &old);
	if (!old.present && !cs_index_make_slot(&new->place, &old.slot))
		return CS_INSTALL_FULL;
	if (!charge_owner(new, old.size))
		return CS_INSTALL_FULL;
	append_and_link(new, &old, logid);
	return CS_INSTALL_DONE;
}

/* Make the owner smaller in other partitions than the key's. */
static void
evict_elsewhere(const CsNew *new)
{
	CsSharedOwner *owner = &cs_store.owners[new->key->owner];
	int			tries;

	for (tries = 0; tries < CS_QUOTA_PARTITIONS; tries++)
	{
		int			part = (int) (pg_atomic_fetch_add_u32(&owner->hand, 1) &
								  (cs_store.npartitions - 1));
		Size		excess = quota_excess(new, 0);

		if (excess == 0)
			break;
		if (part == new->place.part)
			continue;
		cs_lock_acquire(cs_partition_lock(part), CS_RANK_PARTITION, LW_EXCLUSIVE);
		START_CRIT_SECTION();
		cs_log_evict_owner(part, new->key->owner, excess);
		END_CRIT_SECTION();
		cs_lock_release(cs_partition_lock(part), CS_RANK_PARTITION);
	}
}

static CsInstall
install_once(const CsNew *new, CsCheck check, void *arg)
{
	LWLock	   *lock = cs_partition_lock(new->place.part);
	CsInstall	result = CS_INSTALL_REFUSED;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	if (check == NULL || check(arg))
		result = install_locked(new);
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return result;
}

CsInstall
cs_store_install(const CsKey *key, const CsMeta *meta, const char *value,
				 Size len, Size quota, CsCheck check, void *arg)
{
	CsNew		new;
	CsInstall	result;

	Assert(key->owner < cs_max_tables);
	if (key->len > CS_MAX_KEY_LEN || len > cs_store_max_value() - key->len)
		return CS_INSTALL_TOO_LARGE;

	new.key = key;
	new.meta = meta;
	new.value = value;
	new.len = len;
	new.size = MAXALIGN(sizeof(CsRecord) + key->len + len);
	new.quota = quota;
	cs_place(key->hash, key->owner, &new.place);
	if (quota != 0 && new.size > quota)
		return CS_INSTALL_FULL;

	result = install_once(&new, check, arg);
	if (result == CS_INSTALL_FULL && quota_excess(&new, 0) > 0)
	{
		evict_elsewhere(&new);
		result = install_once(&new, check, arg);
	}
	return result;
}

bool
cs_store_unlink(uint32 owner, uint64 hash)
{
	bool		found = false;
	CsPlace		place;
	int			i;

	Assert(owner < cs_max_tables);
	cs_place(hash, owner, &place);
	cs_lock_acquire(cs_partition_lock(place.part), CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	for (i = 0; i < 2; i++)
	{
		CsSlot		slot;
		CsRecord	head;
		Size		pos;

		slot.bucket = cs_bucket(place.part, place.bucket[i]);
		while ((slot.n = cs_bucket_match(place.part, slot.bucket, place.tag,
										 hash, owner, NULL, &head, &pos)) >= 0)
		{
			cs_index_unlink(place.part, &slot);
			found = true;
		}
	}
	END_CRIT_SECTION();
	cs_lock_release(cs_partition_lock(place.part), CS_RANK_PARTITION);
	return found;
}
