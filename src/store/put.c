/*-------------------------------------------------------------------------
 *
 * put.c
 *		Putting a record into the store: in place of its predecessor if that is
 *		as large, in the place of an unlinked record of the same size, or at
 *		the head of a log where room has been made.
 *
 * Everything that can fail is done before the entry is linked.  Nothing here
 * allocates or throws.
 *
 * An owner's bytes are counted over all partitions.  If an owner is at its
 * quota and the key's own partition does not free enough, other partitions are
 * searched, each under its own lock, one after the other.  Staged entries do
 * not count against the quota, because they are about to be removed; so
 * replacing an owner's entries in a transaction does not evict others.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "miscadmin.h"
#include "store/clock.h"
#include "store/put.h"
#include "store/touch.h"

/* Other partitions that cs_put_ask_some() searches. */
#define CS_QUOTA_PARTITIONS		4

/*
 * Entries that cs_put_ask_all() spares because they were read.  Finding the
 * entries of a small owner takes long in a large store, so this must be small.
 */
#define CS_QUOTA_CHANCES		16

/*
 * Prepare a put.  Returns false if the record is too large for the store.
 */
bool
cs_put_prepare(CsNew *new, const CsKey *key, const CsMeta *meta,
			   const char *value, Size len, Size quota)
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
	new->vacated = NULL;
	new->claim.owner = key->owner;
	new->claim.protection = CS_PROTECT_POLICY;
	new->claim.now = cs_clock_now();
	new->over_quota = false;
	new->replaces = 0;
	new->round = 0;
	cs_place(key->hash, key->owner, &new->place);
	return new->size <= cs_store.max_record;
}

/*
 * Find the entry that the new one would replace.  The caller holds the key's
 * partition lock exclusively, in a critical section.
 */
void
cs_put_find(const CsNew *new, CsOld *old)
{
	CsWhich		which = (new->meta->flags & CS_ENTRY_PENDING) ? CS_WHICH_PENDING :
	CS_WHICH_VALID;

	old->size = 0;
	old->dirty = false;
	old->present = cs_index_find(&new->place, new->key, which, &old->slot);
	if (old->present)
	{
		old->size = cs_record_size(cs_slot_record(new->place.part, &old->slot));
		old->dirty = cs_slot_is_dirty(&old->slot);
		old->pos = (Size) old->slot.bucket->ref[old->slot.n] * 8;
	}
}

/*
 * Write the record to a position of the value area.
 */
static void
write_record(const CsNew *new, Size pos)
{
	CsRecord   *rec = cs_record(new->place.part, pos);

	cs_touch(rec);
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

/*
 * The owner's bytes when its counter is 'bytes' and the old record has been
 * replaced.  The two counters are not read at the same moment.
 */
static int64
bytes_after(const CsNew *new, uint64 bytes, Size oldsize)
{
	CsSharedOwner *owner = &cs_store.owners[new->key->owner];

	return (int64) (bytes + new->size - oldsize) -
		(int64) pg_atomic_read_u64(&owner->staged_bytes);
}

/* Number of bytes by which the owner would exceed its quota. */
static Size
quota_excess(const CsNew *new, Size oldsize)
{
	int64		bytes;

	if (new->quota == 0)
		return 0;
	bytes = bytes_after(new, pg_atomic_read_u64(&cs_store.owners[new->key->owner].bytes),
						oldsize);
	return bytes > (int64) new->quota ? bytes - new->quota : 0;
}

/*
 * Count the new record in place of the old one.  Returns false if the owner
 * would exceed its quota.  Backends in other partitions charge the same owner,
 * so this is a compare-and-exchange loop.
 */
static bool
charge_owner(const CsNew *new, Size oldsize)
{
	pg_atomic_uint64 *bytes = &cs_store.owners[new->key->owner].bytes;
	uint64		now = pg_atomic_read_u64(bytes);

	do
	{
		if (new->quota != 0 && new->size > oldsize &&
			bytes_after(new, now, oldsize) > (int64) new->quota)
			return false;
	} while (!pg_atomic_compare_exchange_u64(bytes, &now, now + new->size - oldsize));
	return true;
}

/*
 * Whether to write in place, which needs no log space: the size is the same,
 * or a dirty entry shrinks.  A clean entry that shrinks is appended instead,
 * because the space that it would leave could not be used before the tail
 * reaches it.
 */
static bool
fits_in_place(const CsNew *new, const CsOld *old)
{
	return old->size == new->size || (old->dirty && old->size > new->size);
}

/*
 * Write the record in place of the old one, and turn the rest into a filler.
 */
static void
overwrite(const CsNew *new, CsOld *old)
{
	Size		rest = old->size - new->size;

	cs_bucket_begin(old->slot.bucket);
	write_record(new, old->pos);
	if (rest > 0)
	{
		cs_valuelog_fill(new->place.part, old->pos + new->size, rest);
		pg_atomic_fetch_sub_u64(&cs_store.owners[new->key->owner].bytes, rest);
	}
	cs_index_relink(new->place.part, &old->slot, old->pos, old->size);
	cs_bucket_end(old->slot.bucket);
}

/*
 * Append the record and link it.  Room has been made and the owner has been
 * charged.
 */
static void
append_and_link(const CsNew *new, CsOld *old, CsLogId logid)
{
	Size		pos = cs_valuelog_append(new->place.part, logid, new->size);

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
 * Use the place of an unlinked record.  It is dead space that is not reused
 * before the tail has passed it.  A reader that copied from it finds that the
 * bucket has changed.
 */
static bool
use_vacated(const CsNew *new, CsOld *old)
{
	const CsVacated *vacated = new->vacated;
	CsSharedLog *log;
	Size		pos;

	if (vacated == NULL || vacated->size != new->size || old->present)
		return false;
	log = &cs_store.partitions[new->place.part].log[vacated->logid];
	if (vacated->offset < log->tail)
		return false;
	if (quota_excess(new, 0) > 0 ||
		!cs_index_make_slot(&new->place, &new->claim, &old->slot) ||
		!charge_owner(new, 0))
		return false;
	pos = cs_valuelog_position((CsLogId) vacated->logid, vacated->offset);
	write_record(new, pos);
	cs_index_link(&new->place, &old->slot, pos);
	old->slot.bucket->freq[old->slot.n] = vacated->freq;
	return true;
}

/*
 * Make room in the log where the entry belongs; for a dirty entry, in the
 * other log if necessary.
 */
static bool
make_room(const CsNew *new, const CsOld *old, CsLogId *logid)
{
	int			part = new->place.part;

	*logid = cs_policy_admit(&new->place, new->size);
	if (old->present && cs_log_of(old->pos) == CS_LOG_MAIN)
		*logid = CS_LOG_MAIN;
	if (cs_valuelog_make_room(part, *logid, new->size, &new->claim))
		return true;
	if ((new->meta->flags & CS_ENTRY_DIRTY) == 0)
		return false;
	*logid = *logid == CS_LOG_MAIN ? CS_LOG_SMALL : CS_LOG_MAIN;
	return cs_valuelog_fits(*logid, new->size) &&
		cs_valuelog_make_room(part, *logid, new->size, &new->claim);
}

/*
 * Evict entries of the owner in a short walk through the key's own partition.
 */
static void
evict_here(const CsNew *new, Size excess)
{
	CsWalk		walk = {
		.claim = new->claim,
		.chances = INT_MAX,
		.want = excess
	};

	cs_valuelog_walk_begin(new->place.part, &walk);
	cs_valuelog_walk(new->place.part, &walk);
}

/*
 * Try to put the record.  See cs_put().
 */
static CsPut
put(CsNew *new, CsOld *old)
{
	CsLogId		logid;
	Size		excess;

	if (fits_in_place(new, old))
	{
		overwrite(new, old);
		return CS_PUT_DONE;
	}
	if (use_vacated(new, old))
		return CS_PUT_DONE;

	new->replaces = old->size;
	excess = quota_excess(new, old->size);
	if (excess > 0)
	{
		evict_here(new, excess);
		cs_put_find(new, old);
		if (new->size > old->size && quota_excess(new, old->size) > 0)
			return CS_PUT_OVER_QUOTA;
	}
	if (!make_room(new, old, &logid))
		return CS_PUT_NO_ROOM;

	/* the old entry may have moved or been evicted meanwhile */
	cs_put_find(new, old);
	if (!old->present && !cs_index_make_slot(&new->place, &new->claim, &old->slot))
		return CS_PUT_NO_ROOM;
	if (!charge_owner(new, old->size))
		return CS_PUT_OVER_QUOTA;
	append_and_link(new, old, logid);
	return CS_PUT_DONE;
}

/*
 * Put the record; all checks have been made.  If this fails, an entry that was
 * to be replaced stays, and remains valid.
 *
 * The caller holds the key's partition lock exclusively, in a critical
 * section.
 */
CsPut
cs_put(CsNew *new, CsOld *old)
{
	CsSharedLog *mainlog = &cs_store.partitions[new->place.part].log[CS_LOG_MAIN];
	uint64		tail = mainlog->tail;
	CsPut		result = put(new, old);

	if (new->round == 0)
		new->round = mainlog->head;
	if (mainlog->tail == tail || mainlog->tail >= new->round)
		new->round = 0;
	new->over_quota = result == CS_PUT_OVER_QUOTA;
	return result;
}

/* Make cs_put_again() return false: no other attempt can succeed. */
void
cs_put_give_up(CsNew *new)
{
	new->round = 0;
	new->claim.protection = CS_PROTECT_NONE;
}

/*
 * There was no room: whether to try again.  From one attempt to the next more
 * is evicted, up to entries with the protection 'last'.
 */
bool
cs_put_again(CsNew *new, CsProtection last)
{
	if (new->round == 0)
	{
		if (new->claim.protection == last)
			return false;
		new->claim.protection = last;
	}
	else if (new->claim.protection == CS_PROTECT_POLICY)
		new->claim.protection = CS_PROTECT_URGENT;
	return true;
}

/*
 * Evict the owner's entries in a partition until the quota is met or the walk
 * has gone through its part of the partition.  Returns true if the walk need
 * not be continued.
 */
static bool
evict_in(int part, const CsNew *new, CsWalk *walk, bool begin)
{
	LWLock	   *lock = cs_partition_lock(part);
	bool		done;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	if (begin)
		cs_valuelog_walk_begin(part, walk);
	walk->want = quota_excess(new, new->replaces);
	done = !cs_valuelog_walk(part, walk);
	END_CRIT_SECTION();
	cs_lock_release(lock, CS_RANK_PARTITION);
	return done;
}

/*
 * Evict entries of the owner from a few other partitions, because the quota
 * was exceeded.  The caller holds no lock.
 */
void
cs_put_ask_some(const CsNew *new)
{
	CsSharedOwner *owner = &cs_store.owners[new->key->owner];
	CsWalk		walk = {.claim = new->claim,.chances = INT_MAX};
	int			tries;

	for (tries = 0; tries < CS_QUOTA_PARTITIONS; tries++)
	{
		int			part = (int) (pg_atomic_fetch_add_u32(&owner->hand, 1) &
								  (cs_store.npartitions - 1));

		if (quota_excess(new, new->replaces) == 0)
			break;
		if (part != new->place.part)
			evict_in(part, new, &walk, true);
	}
}

/*
 * Evict entries of the owner from all partitions, until the new record fits or
 * there is nothing left to evict.  The caller holds no lock.  The owner's hand
 * stays at the partition where something was found.
 */
void
cs_put_ask_all(const CsNew *new)
{
	CsSharedOwner *owner = &cs_store.owners[new->key->owner];
	uint32		hand = pg_atomic_read_u32(&owner->hand);
	CsWalk		walk = {.claim = new->claim,.chances = CS_QUOTA_CHANCES};
	int			tries;

	for (tries = 0; tries < 2 * cs_store.npartitions; tries++, hand++)
	{
		int			part = (int) (hand & (cs_store.npartitions - 1));
		bool		begin = true;

		/* entries spared in the first round are not spared in the second */
		if (tries == cs_store.npartitions)
			walk.chances = 0;
		pg_atomic_write_u32(&owner->hand, hand);
		for (; !evict_in(part, new, &walk, begin); begin = false)
			;
		if (quota_excess(new, new->replaces) == 0)
			break;
	}
}
