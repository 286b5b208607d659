/*-------------------------------------------------------------------------
 *
 * index.c
 *		The index of a partition: where each entry is.
 *
 * Buckets are one cache line with eight slots each.  A key may be in either of
 * two buckets of one page, and goes to the emptier one.  There are no overflow
 * chains, so a lookup reads at most two cache lines of one page.  If both
 * buckets are full, one of the sixteen entries must go, if it is clean.  A
 * mask in the bucket says which entries are dirty, so that they are found
 * without reading the logs.
 *
 * Except for cs_index_match(), the functions here need the partition lock
 * exclusively; the find functions need it in either mode.  They also maintain
 * the counters of partition and owner.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"

/*
 * Find the slot with this key in a bucket; returns -1 if there is none.
 * Copies the record's header, which says whether the entry is pending.
 *
 * May run without the lock, on memory that is changing.  Each shared word is
 * read once and validated against the value area before use.  The caller then
 * uses the result only if the bucket's seq did not move.
 */
int
cs_index_match(int part, CsSharedBucket *bucket, uint16 tag, const CsKey *key,
			   CsWhich which, CsRecord *head, Size *pos)
{
	volatile CsSharedBucket *b = bucket;
	const char *area = cs_area(part);
	CsRecord	pending;
	Size		pending_pos = 0;
	int			pending_n = -1;
	int			i;

	for (i = 0; i < CS_BUCKET_SLOTS; i++)
	{
		if (b->tag[i] != tag)
			continue;
		*pos = (Size) b->ref[i] * 8;
		if (*pos == 0 || *pos + sizeof(CsRecord) > cs_store.area_size)
			continue;
		memcpy(head, area + *pos, sizeof(CsRecord));
		/* from here on use the copy, since the original may change */
		pg_compiler_barrier();

		if (head->hash != key->hash || cs_stamp_owner(head->stamp) != key->owner ||
			head->keylen != key->len)
			continue;
		if (cs_value_offset(head->keylen, head->flags) + head->len >
			cs_store.area_size - *pos)
			continue;
		if (memcmp(area + *pos + sizeof(CsRecord), key->data, key->len) != 0)
			continue;
		if (likely((head->flags & CS_ENTRY_PENDING) == 0))
		{
			if (which != CS_WHICH_PENDING)
				return i;
		}
		else if (which != CS_WHICH_VALID)
		{
			pending = *head;
			pending_pos = *pos;
			pending_n = i;
		}
	}
	if (pending_n >= 0)
	{
		*head = pending;
		*pos = pending_pos;
	}
	return pending_n;
}

/*
 * Find the slot with this key in either bucket.  The caller holds the
 * partition lock, in either mode.
 */
bool
cs_index_find(const CsPlace *place, const CsKey *key, CsWhich which, CsSlot *slot)
{
	CsRecord	head;
	Size		pos;
	int			i;

	Assert(which != CS_WHICH_EITHER);
	for (i = 0; i < 2; i++)
	{
		slot->bucket = cs_bucket(place->part, place->bucket[i]);
		slot->n = cs_index_match(place->part, slot->bucket, place->tag, key,
								 which, &head, &pos);
		if (slot->n >= 0)
			return true;
	}
	return false;
}

/* Find the slot that points at this position; false if there is none. */
bool
cs_index_linked(const CsPlace *place, Size pos, CsSlot *slot)
{
	uint32		ref = (uint32) (pos / 8);
	int			i;

	for (i = 0; i < 2; i++)
	{
		slot->bucket = cs_bucket(place->part, place->bucket[i]);
		for (slot->n = 0; slot->n < CS_BUCKET_SLOTS; slot->n++)
		{
			if (slot->bucket->ref[slot->n] == ref)
				return true;
		}
	}
	return false;
}

/* Find a free slot in the bucket; returns how many there are. */
static int
bucket_free(CsSharedBucket *bucket, CsSlot *slot)
{
	int			nfree = 0;
	int			i;

	for (i = 0; i < CS_BUCKET_SLOTS; i++)
	{
		if (bucket->ref[i] != 0)
			continue;
		nfree++;
		slot->bucket = bucket;
		slot->n = i;
	}
	return nfree;
}

/* A useless entry in two full buckets. */
static bool
useless_victim(const CsPlace *place, const CsClaim *claim, CsSlot *slot)
{
	int			i;

	for (i = 0; i < 2 * CS_BUCKET_SLOTS; i++)
	{
		const CsRecord *rec;

		slot->bucket = cs_bucket(place->part, place->bucket[i % 2]);
		slot->n = i / 2;
		rec = cs_slot_record(place->part, slot);
		if (cs_record_useless(rec, claim->now) && cs_policy_may_evict(slot, rec, claim))
			return true;
	}
	return false;
}

/*
 * The least read entry in two full buckets that may be evicted.  The
 * frequencies of the others are decremented, since otherwise once popular
 * entries would stay forever.  The starting point differs from call to call,
 * so that no slot is favoured.
 */
static bool
bucket_victim(const CsPlace *place, const CsClaim *claim, CsSlot *slot)
{
	bool		found = false;
	uint8		least = 0;
	int			i;

	for (i = 0; i < 2 * CS_BUCKET_SLOTS; i++)
	{
		CsSlot		s;
		uint8		freq;

		s.bucket = cs_bucket(place->part, place->bucket[i % 2]);
		s.n = (i / 2 + (pg_atomic_read_u32(&s.bucket->seq) >> 1)) % CS_BUCKET_SLOTS;
		freq = s.bucket->freq[s.n];
		if (freq > 0)
		{
			cs_slot_record(place->part, &s)->flags |= CS_ENTRY_READ;
			s.bucket->freq[s.n] = freq - 1;
		}
		if ((found && freq >= least) ||
			!cs_policy_may_evict(&s, cs_slot_record(place->part, &s), claim))
			continue;
		*slot = s;
		least = freq;
		found = true;
		if (freq == 0)
			break;
	}
	return found;
}

/*
 * Any entry that is not dirty.  Shares are shares of memory and promise no
 * slot in two given buckets; a role that has filled both must not make another
 * role's change fail.
 */
static bool
any_victim(const CsPlace *place, CsSlot *slot)
{
	CsSlot		pending = {NULL, 0};
	int			i;

	for (i = 0; i < 2 * CS_BUCKET_SLOTS; i++)
	{
		slot->bucket = cs_bucket(place->part, place->bucket[i % 2]);
		slot->n = i / 2;
		if (cs_slot_is_dirty(slot))
			continue;
		if ((cs_slot_record(place->part, slot)->flags & CS_ENTRY_PENDING) == 0)
			return true;
		pending = *slot;
	}
	*slot = pending;
	return pending.bucket != NULL;
}

/*
 * Entry of two full buckets to be evicted for this claim.
 */
static bool
find_victim(const CsPlace *place, const CsClaim *claim, CsSlot *slot)
{
	if (useless_victim(place, claim, slot) || bucket_victim(place, claim, slot))
		return true;
	return claim->protection != CS_PROTECT_POLICY && any_victim(place, slot);
}

/*
 * Find a slot for a new entry, evicting another entry if necessary.  Returns
 * false if no entry may be evicted for a claim that is not urgent, or if all
 * of them are dirty.
 */
bool
cs_index_make_slot(const CsPlace *place, const CsClaim *claim, CsSlot *slot)
{
	CsSlot		other;
	CsPlace		victim;
	int			nfree = bucket_free(cs_bucket(place->part, place->bucket[0]), slot);

	if (bucket_free(cs_bucket(place->part, place->bucket[1]), &other) > nfree)
	{
		*slot = other;
		return true;
	}
	if (nfree > 0)
		return true;

	if (!find_victim(place, claim, slot))
		return false;
	cs_place_record(cs_slot_record(place->part, slot), &victim);
	cs_index_evict(&victim, claim, slot);
	return true;
}

/*
 * Note whether a slot's entry is dirty, and whether it is marked, and count
 * the owner's marked ones.  The caller is changing the bucket.
 */
static void
mark_slot(CsSlot *slot, uint32 owner, uint8 flags)
{
	uint16		bit = (uint16) (1 << slot->n);
	bool		wasmarked = cs_slot_is_marked(slot);
	bool		marked = (flags & CS_ENTRY_DIRTY) != 0 && (flags & CS_ENTRY_MARKED) != 0;

	slot->bucket->dirty &= ~bit;
	slot->bucket->marked &= ~bit;
	if (flags & CS_ENTRY_DIRTY)
		slot->bucket->dirty |= bit;
	if (marked)
		slot->bucket->marked |= bit;
	if (marked != wasmarked)
		pg_atomic_fetch_add_u64(&cs_store.owners[owner].marked_entries, marked ? 1 : -1);
}

/* Count dirty entries and bytes; negative numbers for those that go. */
static void
count_dirty(int part, uint32 owner, int64 entries, int64 bytes)
{
	CsSharedPartition *p = &cs_store.partitions[part];

	p->dirty_entries += entries;
	p->dirty_bytes += bytes;
	if (entries != 0)
		pg_atomic_fetch_add_u64(&cs_store.owners[owner].dirty_entries, entries);
	if (bytes != 0)
		pg_atomic_fetch_add_u64(&cs_store.owners[owner].dirty_bytes, bytes);
}

/*
 * Let a free slot point at a complete record.  The caller has charged the
 * owner's bytes.
 */
void
cs_index_link(const CsPlace *place, CsSlot *slot, Size pos)
{
	CsSharedPartition *p = &cs_store.partitions[place->part];
	CsRecord   *rec = cs_record(place->part, pos);
	Size		size = cs_record_size(rec);
	uint32		owner = cs_stamp_owner(rec->stamp);
	bool		dirty = (rec->flags & CS_ENTRY_DIRTY) != 0;

	cs_bucket_begin(slot->bucket);
	slot->bucket->ref[slot->n] = (uint32) (pos / 8);
	slot->bucket->tag[slot->n] = place->tag;
	slot->bucket->freq[slot->n] = 0;
	mark_slot(slot, owner, rec->flags);
	cs_bucket_end(slot->bucket);

	p->entries++;
	p->log[cs_log_of(pos)].live += size;
	if (pg_atomic_fetch_add_u64(&cs_store.owners[owner].entries, 1) == CS_GUARDED)
		pg_atomic_fetch_add_u32(&cs_store.common->guarded, 1);
	if (rec->flags & CS_ENTRY_PENDING)
		pg_atomic_fetch_add_u64(&cs_store.owners[owner].pending, 1);
	if (dirty)
		count_dirty(place->part, owner, 1, size);
}

/*
 * Let the slot point at another record of the same owner and hash, which is
 * pending or staged if the old one is.  The caller is changing the bucket, and
 * also charges the owner's bytes if they differ.  The old record need not
 * exist any more.
 */
void
cs_index_relink(int part, CsSlot *slot, Size pos, Size oldsize)
{
	CsSharedPartition *p = &cs_store.partitions[part];
	CsRecord   *rec = cs_record(part, pos);
	Size		oldpos = (Size) slot->bucket->ref[slot->n] * 8;
	Size		size = cs_record_size(rec);
	bool		wasdirty = cs_slot_is_dirty(slot);
	bool		dirty = (rec->flags & CS_ENTRY_DIRTY) != 0;

	slot->bucket->ref[slot->n] = (uint32) (pos / 8);
	mark_slot(slot, cs_stamp_owner(rec->stamp), rec->flags);

	p->log[cs_log_of(oldpos)].live -= oldsize;
	p->log[cs_log_of(pos)].live += size;
	count_dirty(part, cs_stamp_owner(rec->stamp), dirty - wasdirty,
				(int64) (dirty ? size : 0) - (int64) (wasdirty ? oldsize : 0));
}

/*
 * Unlink an entry.  The caller is changing the bucket.  The record stays in
 * its log as dead space until the tail reaches it.
 */
void
cs_index_clear(int part, CsSlot *slot)
{
	CsSharedPartition *p = &cs_store.partitions[part];
	Size		pos = (Size) slot->bucket->ref[slot->n] * 8;
	CsRecord   *rec = cs_record(part, pos);
	CsSharedOwner *owner = &cs_store.owners[cs_stamp_owner(rec->stamp)];
	Size		size = cs_record_size(rec);

	if (cs_slot_is_dirty(slot))
		count_dirty(part, cs_stamp_owner(rec->stamp), -1, -(int64) size);
	if (rec->flags & CS_ENTRY_PENDING)
		pg_atomic_fetch_sub_u64(&owner->pending, 1);
	if (rec->flags & CS_ENTRY_STAGED)
		pg_atomic_fetch_sub_u64(&owner->staged_bytes, size);
	slot->bucket->ref[slot->n] = 0;
	slot->bucket->tag[slot->n] = 0;
	slot->bucket->freq[slot->n] = 0;
	mark_slot(slot, cs_stamp_owner(rec->stamp), 0);

	p->entries--;
	p->log[cs_log_of(pos)].live -= size;
	if (pg_atomic_sub_fetch_u64(&owner->entries, 1) == CS_GUARDED)
		pg_atomic_fetch_sub_u32(&cs_store.common->guarded, 1);
	pg_atomic_fetch_sub_u64(&owner->bytes, size);
}

/*
 * Unlink an entry.
 */
void
cs_index_unlink(int part, CsSlot *slot)
{
	cs_bucket_begin(slot->bucket);
	cs_index_clear(part, slot);
	cs_bucket_end(slot->bucket);
}

/*
 * Unlink an entry to make room.  'place' is the entry's own.  Losing a useless
 * entry is no eviction, and not noted by the policy.
 */
void
cs_index_evict(const CsPlace *place, const CsClaim *claim, CsSlot *slot)
{
	Size		pos = (Size) slot->bucket->ref[slot->n] * 8;
	CsRecord   *rec = cs_record(place->part, pos);
	CsSharedPartition *partition = &cs_store.partitions[place->part];
	CsSharedOwner *owner = &cs_store.owners[cs_stamp_owner(rec->stamp)];

	if (!cs_record_useless(rec, claim->now))
	{
		cs_policy_evicted(place, cs_log_of(pos));
		partition->evictions++;
		pg_atomic_fetch_add_u64(&owner->evictions, 1);
		if (!cs_record_was_read(rec, slot->bucket->freq[slot->n]))
		{
			partition->unread++;
			pg_atomic_fetch_add_u64(&owner->unread, 1);
		}
	}
	else if (cs_record_expired(rec, claim->now))
	{
		partition->expirations++;
		pg_atomic_fetch_add_u64(&owner->expirations, 1);
	}
	cs_index_unlink(place->part, slot);
}

/*
 * Tag the valid entry of a key, because a transaction will replace or remove
 * it.
 */
void
cs_index_stage(int part, CsSlot *slot, uint64 tag)
{
	CsRecord   *rec = cs_slot_record(part, slot);

	Assert((rec->flags & (CS_ENTRY_PENDING | CS_ENTRY_STAGED)) == 0);
	cs_bucket_begin(slot->bucket);
	rec->flags |= CS_ENTRY_STAGED;
	rec->wxid = tag;
	cs_bucket_end(slot->bucket);
	pg_atomic_fetch_add_u64(&cs_store.owners[cs_stamp_owner(rec->stamp)].staged_bytes,
							cs_record_size(rec));
}

/* Undo cs_index_stage(). */
void
cs_index_unstage(int part, CsSlot *slot)
{
	CsRecord   *rec = cs_slot_record(part, slot);

	cs_bucket_begin(slot->bucket);
	rec->flags &= ~CS_ENTRY_STAGED;
	rec->wxid = 0;
	cs_bucket_end(slot->bucket);
	pg_atomic_fetch_sub_u64(&cs_store.owners[cs_stamp_owner(rec->stamp)].staged_bytes,
							cs_record_size(rec));
}

/*
 * Make the pending entry valid, in the slot of the valid one if there is one,
 * which is removed.  That slot points at one or the other at any time, so no
 * reader finds neither; and the seqs of both buckets are odd meanwhile, so no
 * reader finds both.
 */
void
cs_index_supersede(int part, CsSlot *valid, CsSlot *pending)
{
	CsRecord   *rec = cs_slot_record(part, pending);
	bool		two = valid != NULL && valid->bucket != pending->bucket;

	cs_bucket_begin(pending->bucket);
	if (two)
		cs_bucket_begin(valid->bucket);
	rec->flags &= ~CS_ENTRY_PENDING;
	rec->wxid = 0;
	pg_atomic_fetch_sub_u64(&cs_store.owners[cs_stamp_owner(rec->stamp)].pending, 1);
	if (valid != NULL)
	{
		uint32		old = valid->bucket->ref[valid->n];

		valid->bucket->ref[valid->n] = pending->bucket->ref[pending->n];
		pending->bucket->ref[pending->n] = old;
		cs_index_clear(part, pending);
	}
	if (two)
		cs_bucket_end(valid->bucket);
	cs_bucket_end(pending->bucket);
}
