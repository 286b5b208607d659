/*-------------------------------------------------------------------------
 *
 * index.c
 *		The index of a partition: which entry is where.
 *
 * Buckets of one cache line with eight slots.  A key may be in either of two
 * buckets and goes to the emptier one; there are no overflow chains, so a
 * lookup looks at two cache lines at most.  When both are full, one of the
 * sixteen entries has to go, if it is clean.  A mask in the bucket says which
 * are dirty, so that these can be found without a look at the logs.
 *
 * Except for cs_bucket_match(), the functions here need the partition lock
 * exclusively; they also keep the counters of partition and owner.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"

/*
 * The slot with this key; -1 if there is none.  Copies the record's header.
 *
 * May run without the lock, on memory that is changing: each shared word is
 * read once and checked against the value area before it is used.  The caller
 * then believes the result only if the bucket's seq did not move.
 */
int
cs_bucket_match(int part, CsSharedBucket *bucket, uint16 tag, const CsKey *key,
				CsRecord *head, Size *pos)
{
	volatile CsSharedBucket *b = bucket;
	const char *area = cs_area(part);
	int			i;

	for (i = 0; i < CS_BUCKET_SLOTS; i++)
	{
		if (b->tag[i] != tag)
			continue;
		*pos = (Size) b->ref[i] * 8;
		if (*pos == 0 || *pos + sizeof(CsRecord) > cs_store.area_size)
			continue;
		memcpy(head, area + *pos, sizeof(CsRecord));
		/* from here on the copy, whatever becomes of the original */
		pg_compiler_barrier();

		if (head->hash != key->hash || cs_stamp_owner(head->stamp) != key->owner ||
			head->keylen != key->len)
			continue;
		if (cs_value_offset(head->keylen, head->flags) + head->len >
			cs_store.area_size - *pos)
			continue;
		if (memcmp(area + *pos + sizeof(CsRecord), key->data, key->len) == 0)
			return i;
	}
	return -1;
}

bool
cs_index_find(const CsPlace *place, const CsKey *key, CsSlot *slot)
{
	CsRecord	head;
	Size		pos;
	int			i;

	for (i = 0; i < 2; i++)
	{
		slot->bucket = cs_bucket(place->part, place->bucket[i]);
		slot->n = cs_bucket_match(place->part, slot->bucket, place->tag, key,
								  &head, &pos);
		if (slot->n >= 0)
			return true;
	}
	return false;
}

/* The slot that points at this position, if any does. */
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

/* A free slot in the bucket; returns how many there are. */
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

/*
 * The least read clean entry of two full buckets.  The others grow older by
 * one read, or a crowd of once popular entries would stay for good.  Where to
 * start looking differs from call to call, so that no slot is favoured.
 */
static bool
bucket_victim(const CsPlace *place, CsSlot *slot)
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
			s.bucket->freq[s.n] = freq - 1;
		if ((found && freq >= least) || !cs_policy_may_evict(&s))
			continue;
		*slot = s;
		least = freq;
		found = true;
		if (freq == 0)
			break;
	}
	return found;
}

/* A slot for a new entry, at the cost of another one if need be. */
bool
cs_index_make_slot(const CsPlace *place, CsSlot *slot)
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

	if (!bucket_victim(place, slot))
		return false;
	cs_place_record(cs_slot_record(place->part, slot), &victim);
	cs_index_evict(&victim, slot);
	return true;
}

/* Note whether a slot's entry is dirty; the bucket is being changed. */
static void
mark_slot(CsSlot *slot, bool dirty)
{
	uint32		bit = (uint32) 1 << slot->n;

	if (dirty)
		slot->bucket->dirty |= bit;
	else
		slot->bucket->dirty &= ~bit;
}

/* Dirty entries and bytes that come; those that go, as negative numbers. */
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

/* Let a free slot point at a complete record.  The owner's bytes are charged. */
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
	mark_slot(slot, dirty);
	cs_bucket_end(slot->bucket);

	p->entries++;
	p->log[cs_log_of(pos)].live += size;
	pg_atomic_fetch_add_u64(&cs_store.owners[owner].entries, 1);
	if (dirty)
		count_dirty(place->part, owner, 1, size);
}

/*
 * Let the slot point at another record of the same owner and hash.  The
 * bucket is being changed by the caller, who also charges the owner's bytes if
 * they differ.  The old record need not be there any more.
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
	mark_slot(slot, dirty);

	p->log[cs_log_of(oldpos)].live -= oldsize;
	p->log[cs_log_of(pos)].live += size;
	count_dirty(part, cs_stamp_owner(rec->stamp), dirty - wasdirty,
				(int64) (dirty ? size : 0) - (int64) (wasdirty ? oldsize : 0));
}

/*
 * Unlink; the bucket is being changed by the caller.  The record stays in its
 * log as dead space, until the tail gets there.
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
	slot->bucket->ref[slot->n] = 0;
	slot->bucket->tag[slot->n] = 0;
	slot->bucket->freq[slot->n] = 0;
	mark_slot(slot, false);

	p->entries--;
	p->log[cs_log_of(pos)].live -= size;
	pg_atomic_fetch_sub_u64(&owner->entries, 1);
	pg_atomic_fetch_sub_u64(&owner->bytes, size);
}

void
cs_index_unlink(int part, CsSlot *slot)
{
	cs_bucket_begin(slot->bucket);
	cs_index_clear(part, slot);
	cs_bucket_end(slot->bucket);
}

/* Unlink to make room.  'place' is the entry's own. */
void
cs_index_evict(const CsPlace *place, CsSlot *slot)
{
	Size		pos = (Size) slot->bucket->ref[slot->n] * 8;
	CsRecord   *rec = cs_record(place->part, pos);

	Assert(cs_policy_may_evict(slot));
	cs_policy_evicted(place, cs_log_of(pos));
	cs_store.partitions[place->part].evictions++;
	pg_atomic_fetch_add_u64(&cs_store.owners[cs_stamp_owner(rec->stamp)].evictions, 1);
	cs_index_unlink(place->part, slot);
}
