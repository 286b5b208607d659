/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Reading an entry.
 *
 * The usual way takes no lock.  Note the bucket's seq, copy the entry, and use
 * the copy only if seq is still the same and even.  Data read in between may
 * be torn, so it is validated before use.  accept() sees only a header that
 * has been confirmed, and its decision counts only if the value is confirmed
 * as well.  A miss is confirmed for both buckets, and so is the finding that
 * there is only a pending entry.
 *
 * A reader that has lost to writers several times takes the partition lock,
 * shared.  So does one that must know which of two entries counts.  Neither
 * accept() nor palloc runs under the lock.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"
#include "store/staged.h"

#define CS_LOOKUP_TRIES		3

/* Buffer for the value, kept from one try to the next. */
typedef struct CsBuffer
{
	char	   *data;
	Size		size;
	bool		unnoted;		/* the read does not count for the policy */
} CsBuffer;

/*
 * Make the buffer large enough.  Must be called without the lock, since it
 * allocates.
 */
static void
buffer_reserve(CsBuffer *buffer, Size len)
{
	if (buffer->data != NULL && buffer->size >= len)
		return;
	if (buffer->data != NULL)
		pfree(buffer->data);
	buffer->size = Max(len, 1);
	buffer->data = palloc(buffer->size);
}

static void
copy_value(int part, Size pos, const CsRecord *head, CsFound *found,
		   const CsBuffer *buffer)
{
	found->len = head->len;
	memcpy(buffer->data,
		   cs_area(part) + pos + cs_value_offset(head->keylen, head->flags),
		   head->len);
}

/* Count a read.  Writes nothing once the entry has reached CS_FREQ_MAX. */
static void
note_read(CsSharedBucket *bucket, int n)
{
	volatile uint8 *freq = &bucket->freq[n];
	uint8		f = *freq;

	if (f < CS_FREQ_MAX)
		*freq = f + 1;
}

static inline bool
bucket_unchanged(CsSharedBucket *bucket, uint32 seq)
{
	pg_read_barrier();
	return pg_atomic_read_u32(&bucket->seq) == seq;
}

/* Look up without a lock.  Returns false if a writer interfered. */
static bool
lookup_unlocked(const CsPlace *place, const CsKey *key, CsAccept accept,
				void *arg, CsFound *found, CsBuffer *buffer, CsLookup *result)
{
	CsSharedBucket *bucket[2];
	uint32		seq[2];
	bool		pending = false;
	int			i;

	/* half of the keys are in the second bucket: start fetching it */
	cs_prefetch(cs_bucket(place->part, place->bucket[1]));
	for (i = 0; i < 2; i++)
	{
		CsRecord	head;
		Size		pos;
		int			n;

		bucket[i] = cs_bucket(place->part, place->bucket[i]);
		seq[i] = pg_atomic_read_u32(&bucket[i]->seq);
		if (seq[i] & 1)
			return false;
		pg_read_barrier();

		n = cs_index_match(place->part, bucket[i], place->tag, key,
						   CS_WHICH_EITHER, &head, &pos);
		if (n < 0)
			continue;
		if (!bucket_unchanged(bucket[i], seq[i]))
			return false;

		cs_record_meta(&head, &found->meta);
		if (unlikely(head.flags & CS_ENTRY_PENDING))
		{
			/* a valid one, if there is one, is in the other bucket */
			pending = true;
			continue;
		}
		if (accept != NULL && !accept(&found->meta, arg))
		{
			*result = CS_LOOKUP_REFUSED;
			return true;
		}
		buffer_reserve(buffer, head.len);
		copy_value(place->part, pos, &head, found, buffer);
		if (!bucket_unchanged(bucket[i], seq[i]))
			return false;
		if (!buffer->unnoted)
			note_read(bucket[i], n);
		*result = CS_LOOKUP_HIT;
		return true;
	}

	*result = pending ? CS_LOOKUP_REFUSED : CS_LOOKUP_MISS;
	return bucket_unchanged(bucket[0], seq[0]) &&
		bucket_unchanged(bucket[1], seq[1]);
}

/*
 * Have the processor fetch both buckets of a key while the caller is busy with
 * another one.
 */
void
cs_store_prefetch(uint32 owner, uint64 hash)
{
	CsPlace		place;

	cs_place(hash, owner, &place);
	cs_prefetch(cs_bucket(place.part, place.bucket[0]));
	cs_prefetch(cs_bucket(place.part, place.bucket[1]));
}

/* Copy an entry, under the lock, into a buffer that is large enough. */
static void
copy_slot(int part, const CsSlot *slot, CsFound *found, const CsBuffer *buffer)
{
	copy_value(part, (Size) slot->bucket->ref[slot->n] * 8,
			   cs_slot_record(part, slot), found, buffer);
	if (!buffer->unnoted)
		note_read(slot->bucket, slot->n);
}

/*
 * Look up under the lock.  The first visit reads the header; accept() and
 * palloc are called without the lock; the second visit copies the value if the
 * header is still the same.
 */
static CsLookup
lookup_locked(const CsPlace *place, const CsKey *key, CsAccept accept,
			  void *arg, CsFound *found, CsBuffer *buffer)
{
	LWLock	   *lock = cs_partition_lock(place->part);
	bool		judged = false;
	CsRecord	head;

	for (;;)
	{
		CsRecord	now;
		CsSlot		slot;
		bool		present;
		bool		copied = false;

		cs_lock_acquire(lock, CS_RANK_PARTITION, LW_SHARED);
		present = cs_index_find(place, key, CS_WHICH_VALID, &slot) ||
			cs_index_find(place, key, CS_WHICH_PENDING, &slot);
		if (present)
		{
			now = *cs_slot_record(place->part, &slot);
			if (judged && memcmp(&now, &head, sizeof(CsRecord)) == 0)
			{
				copy_slot(place->part, &slot, found, buffer);
				copied = true;
			}
		}
		cs_lock_release(lock, CS_RANK_PARTITION);

		if (!present)
			return CS_LOOKUP_MISS;
		if (copied)
			return CS_LOOKUP_HIT;
		head = now;
		cs_record_meta(&head, &found->meta);
		if (head.flags & CS_ENTRY_PENDING)
			return CS_LOOKUP_REFUSED;
		if (accept != NULL && !accept(&found->meta, arg))
			return CS_LOOKUP_REFUSED;
		buffer_reserve(buffer, head.len);
		judged = true;
	}
}

/* Pass the buffer to the caller on a hit, else free it. */
static CsLookup
give(CsLookup result, CsFound *found, CsBuffer *buffer)
{
	found->value = NULL;
	if (result == CS_LOOKUP_HIT)
		found->value = buffer->data;
	else
	{
		found->len = 0;
		if (buffer->data != NULL)
			pfree(buffer->data);
	}
	return result;
}

/* Look up a key, into this buffer. */
static inline CsLookup
lookup_into(CsBuffer *buffer, const CsKey *key, CsAccept accept, void *arg,
			CsFound *found)
{
	CsPlace		place;
	CsLookup	result;
	int			tries;

	cs_place(key->hash, key->owner, &place);
	for (tries = 0; tries < CS_LOOKUP_TRIES; tries++)
	{
		if (lookup_unlocked(&place, key, accept, arg, found, buffer, &result))
			break;
	}
	if (tries == CS_LOOKUP_TRIES)
		result = lookup_locked(&place, key, accept, arg, found, buffer);
	return give(result, found, buffer);
}

/*
 * Look up a key.
 *
 * accept() may be NULL.  On CS_LOOKUP_HIT, found->value is palloc'd in the
 * current context.  May throw only for lack of memory.
 */
CsLookup
cs_store_lookup(const CsKey *key, CsAccept accept, void *arg, CsFound *found)
{
	CsBuffer	buffer = {NULL, 0, false};

	return lookup_into(&buffer, key, accept, arg, found);
}

/*
 * The same, for a look that must not make the entry stay longer.
 */
CsLookup
cs_store_peek(const CsKey *key, CsAccept accept, void *arg, CsFound *found)
{
	CsBuffer	buffer = {NULL, 0, true};

	return lookup_into(&buffer, key, accept, arg, found);
}

/* The entries of a staged key at one moment. */
typedef struct CsPair
{
	bool		present[2];		/* the valid one and the pending one */
	CsRecord	head[2];
} CsPair;

#define VALID	0
#define PENDING	1
#define NEITHER	(-1)

static bool
same_pair(const CsPair *a, const CsPair *b)
{
	int			i;

	for (i = 0; i < 2; i++)
	{
		if (a->present[i] != b->present[i] ||
			(a->present[i] &&
			 memcmp(&a->head[i], &b->head[i], sizeof(CsRecord)) != 0))
			return false;
	}
	return true;
}

/*
 * Read both entries under the lock.  Returns whether they are the same as last
 * time; then also copies the chosen one, if any.
 */
static bool
visit_pair(const CsPlace *place, const CsKey *key, CsPair *pair, bool judged,
		   int chosen, CsFound *found, const CsBuffer *buffer)
{
	LWLock	   *lock = cs_partition_lock(place->part);
	CsPair		now;
	CsSlot		slot[2];
	int			i;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_SHARED);
	for (i = 0; i < 2; i++)
	{
		now.present[i] = cs_index_find(place, key, i == PENDING ? CS_WHICH_PENDING :
									   CS_WHICH_VALID, &slot[i]);
		if (now.present[i])
			now.head[i] = *cs_slot_record(place->part, &slot[i]);
	}
	judged = judged && same_pair(&now, pair);
	if (judged && chosen != NEITHER)
		copy_slot(place->part, &slot[chosen], found, buffer);
	cs_lock_release(lock, CS_RANK_PARTITION);
	*pair = now;
	return judged;
}

/* Which of the two entries counts. */
static int
choose(const CsPair *pair, CsIsCommitted committed, void *arg)
{
	uint64		tag = 0;
	int			chosen = VALID;

	if (pair->present[PENDING])
		tag = pair->head[PENDING].wxid;
	else if (pair->present[VALID] && (pair->head[VALID].flags & CS_ENTRY_STAGED))
		tag = pair->head[VALID].wxid;
	if (tag != 0 && committed(tag, arg))
		chosen = PENDING;
	return pair->present[chosen] ? chosen : NEITHER;
}

/*
 * Metadata of the chosen entry, for accept() and the caller, as of an entry
 * that is not staged.
 */
static void
chosen_meta(const CsPair *pair, int chosen, CsMeta *meta)
{
	cs_record_meta(&pair->head[chosen], meta);
	meta->flags &= ~(CS_ENTRY_PENDING | CS_ENTRY_STAGED);
	if (chosen == PENDING || (pair->head[chosen].flags & CS_ENTRY_STAGED))
		meta->wxid = 0;
}

/*
 * Look up a key that may be staged; for a caller whose accept() refused an
 * entry with meta.wxid != 0, or that got CS_LOOKUP_REFUSED with
 * CS_ENTRY_PENDING.
 *
 * Takes the partition lock, shared, at least once.  accept() is shown the
 * chosen version with wxid 0.  found->meta.wxid is its tag if it is still
 * pending.
 *
 * As in lookup_locked(), a decision about the entries of the first visit holds
 * if the second visit finds the same entries.  That includes the result of
 * committed(): while an entry has the tag, its transaction is not settled.
 */
CsLookup
cs_store_lookup_staged(const CsKey *key, CsIsCommitted committed,
					   void *committed_arg, CsAccept accept, void *arg,
					   CsFound *found)
{
	CsPlace		place;
	CsBuffer	buffer = {NULL, 0, false};
	CsLookup	result = CS_LOOKUP_MISS;
	CsPair		pair;
	bool		judged = false;
	int			chosen = NEITHER;

	cs_place(key->hash, key->owner, &place);
	while (!visit_pair(&place, key, &pair, judged,
					   result == CS_LOOKUP_HIT ? chosen : NEITHER, found, &buffer))
	{
		result = CS_LOOKUP_MISS;
		chosen = choose(&pair, committed, committed_arg);
		judged = true;
		if (chosen == NEITHER)
			continue;
		chosen_meta(&pair, chosen, &found->meta);
		result = CS_LOOKUP_REFUSED;
		if (accept != NULL && !accept(&found->meta, arg))
			continue;
		buffer_reserve(&buffer, pair.head[chosen].len);
		result = CS_LOOKUP_HIT;
	}
	if (chosen == PENDING)
		found->meta.wxid = pair.head[PENDING].wxid;
	return give(result, found, &buffer);
}
