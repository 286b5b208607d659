/*-------------------------------------------------------------------------
 *
 * install.c
 *		Putting entries in and taking them out: install, swap and unlink.
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
#include "store/partition.h"

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
	bool		urgent;			/* no clean entry is worth keeping */
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
	uint64		version;		/* 0 unless dirty */
} CsOld;

/* False: it is too large. */
static bool
prepare(CsNew *new, const CsKey *key, const CsMeta *meta, const char *value,
		Size len, Size quota)
{
	Assert(key->owner < cs_max_tables);
	if (key->len > CS_MAX_KEY_LEN || len > cs_store_max_value())
		return false;
	new->key = key;
	new->meta = meta;
	new->value = value;
	new->len = len;
	new->size = MAXALIGN(cs_value_offset(key->len, meta->flags) + len);
	new->quota = quota;
	new->urgent = false;
	cs_place(key->hash, key->owner, &new->place);
	return new->size <= cs_store.max_record;
}

static void
find_old(const CsNew *new, CsOld *old)
{
	old->size = 0;
	old->dirty = false;
	old->version = 0;
	old->present = cs_index_find(&new->place, new->key, &old->slot);
	if (old->present)
	{
		CsRecord   *rec = cs_slot_record(new->place.part, &old->slot);

		old->size = cs_record_size(rec);
		old->dirty = cs_slot_is_dirty(&old->slot);
		old->pos = (Size) old->slot.bucket->ref[old->slot.n] * 8;
		if (old->dirty)
			memcpy(&old->version, cs_record_value(rec), sizeof(old->version));
	}
}

static void
write_record(const CsNew *new, Size pos)
{
	CsRecord   *rec = cs_record(new->place.part, pos);

	rec->len = (uint32) new->len;
	rec->keylen = (uint16) new->key->len;
	rec->flags = new->meta->flags;
	rec->filler = false;
	rec->hash = new->key->hash;
	rec->stamp = cs_stamp(new->key->owner, new->meta->epoch);
	rec->wxid = new->meta->wxid;
	rec->expires = new->meta->expires;
	if (new->key->len > 0)
		memcpy(rec + 1, new->key->data, new->key->len);
	if (new->len > 0)
		memcpy(cs_record_value(rec), new->value, new->len);
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

/*
 * In place, which costs no log space: the same size, or a dirty entry that
 * shrinks.  Clean ones are better off with a new place, for what they leave here
 * is of no use before the tail gets there.
 */
static bool
fits_in_place(const CsNew *new, const CsOld *old)
{
	return old->size == new->size || (old->dirty && old->size > new->size);
}

static void
overwrite(const CsNew *new, CsOld *old)
{
	Size		rest = old->size - new->size;

	cs_bucket_begin(old->slot.bucket);
	write_record(new, old->pos);
	if (rest > 0)
	{
		cs_log_fill(new->place.part, old->pos + new->size, rest);
		pg_atomic_fetch_sub_u64(&cs_store.owners[new->key->owner].bytes, rest);
	}
	cs_index_relink(new->place.part, &old->slot, old->pos, old->size);
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
		cs_index_relink(new->place.part, &old->slot, pos, old->size);
		cs_bucket_end(old->slot.bucket);
	}
	else
		cs_index_link(&new->place, &old->slot, pos);
}

/*
 * Room in the log where the entry belongs; for a dirty one, in the other log if
 * need be.
 */
static bool
make_room(const CsNew *new, const CsOld *old, CsLogId *logid)
{
	int			part = new->place.part;

	*logid = cs_policy_admit(&new->place, new->size);
	if (old->present && cs_log_of(old->pos) == CS_LOG_MAIN)
		*logid = CS_LOG_MAIN;
	if (cs_log_make_room(part, *logid, new->size, new->urgent))
		return true;
	if ((new->meta->flags & CS_ENTRY_DIRTY) == 0)
		return false;
	*logid = *logid == CS_LOG_MAIN ? CS_LOG_SMALL : CS_LOG_MAIN;
	return cs_log_fits(*logid, new->size) &&
		cs_log_make_room(part, *logid, new->size, new->urgent);
}

/*
 * Under the lock, after all checks.  When there is no room (false), an entry
 * that was to be replaced stays; it was valid and remains so.
 */
static bool
put(const CsNew *new, CsOld *old)
{
	int			part = new->place.part;
	CsLogId		logid;
	Size		excess;

	if (fits_in_place(new, old))
	{
		overwrite(new, old);
		return true;
	}

	excess = quota_excess(new, old->size);
	if (excess > 0)
		cs_log_evict_owner(part, new->key->owner, excess);
	if (!make_room(new, old, &logid))
		return false;

	/* the old entry may have moved or gone meanwhile */
	find_old(new, old);
	if (!old->present && !cs_index_make_slot(&new->place, &old->slot))
		return false;
	if (!charge_owner(new, old->size))
		return false;
	append_and_link(new, old, logid);
	return true;
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
	CsOld		old;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	if (check == NULL || check(arg))
	{
		find_old(new, &old);
		if (!old.dirty)
			result = put(new, &old) ? CS_INSTALL_DONE : CS_INSTALL_FULL;
	}
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

	Assert((meta->flags & CS_ENTRY_DIRTY) == 0);
	if (!prepare(&new, key, meta, value, len, quota))
		return CS_INSTALL_TOO_LARGE;
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

/* Would the partition's dirty entries grow beyond their share? */
static bool
exceeds_share(const CsNew *new, const CsOld *old)
{
	Size		oldsize = old->dirty ? old->size : 0;

	return new->size > oldsize &&
		cs_store.partitions[new->place.part].dirty_bytes + new->size - oldsize >
		CS_DIRTY_LIMIT;
}

/*
 * '*round': where the tail of the main log will have passed every record once,
 * 0 at the first try.  Set to 0 when another try would be of no use.
 */
static CsSwap
swap_once(const CsNew *new, uint64 expected, bool force, uint64 *round)
{
	int			part = new->place.part;
	LWLock	   *lock = cs_partition_lock(part);
	CsSharedLog *mainlog = &cs_store.partitions[part].log[CS_LOG_MAIN];
	CsSwap		result = CS_SWAP_FULL;
	uint64		tail;
	CsOld		old;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	tail = mainlog->tail;
	find_old(new, &old);
	if (old.version != expected)
		result = CS_SWAP_CONFLICT;
	else if ((force || !exceeds_share(new, &old)) && put(new, &old))
		result = CS_SWAP_DONE;
	if (*round == 0)
		*round = mainlog->head;
	if (mainlog->tail == tail || mainlog->tail >= *round)
		*round = 0;
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return result;
}

/*
 * One try passes a bounded number of dirty records, to keep the lock short; the
 * next one goes on where it stopped, and keeps no clean ones.  When each record
 * has been passed so, there is no room.
 */
CsSwap
cs_store_swap(const CsKey *key, const CsMeta *meta, const char *value, Size len,
			  uint64 expected, bool force)
{
	CsMeta		dirty = *meta;
	CsNew		new;
	CsSwap		result;
	uint64		round = 0;

	Assert(len >= sizeof(expected));
	dirty.flags |= CS_ENTRY_DIRTY;
	if (!prepare(&new, key, &dirty, value, len, 0))
		return CS_SWAP_TOO_LARGE;
	do
	{
		result = swap_once(&new, expected, force, &round);
		new.urgent = true;
	} while (result == CS_SWAP_FULL && round != 0);
	return result;
}

/* Unlink the owner's clean entries with this hash in one of its two buckets. */
static bool
unlink_in_bucket(const CsPlace *place, CsSharedBucket *bucket, uint32 owner,
				 uint64 hash)
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
		cs_index_unlink(place->part, &slot);
		found = true;
	}
	return found;
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
		found |= unlink_in_bucket(&place, cs_bucket(place.part, place.bucket[i]),
								  owner, hash);
	END_CRIT_SECTION();
	cs_lock_release(cs_partition_lock(place.part), CS_RANK_PARTITION);
	return found;
}
