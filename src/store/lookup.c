/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Reading an entry.
 *
 * The usual way takes no lock: note the bucket's seq, copy, and believe the
 * copy only if seq is still the same and even.  Anything read in between may
 * be torn, so it is checked before it is used.  accept() is asked only about a
 * header that has been confirmed, and its word counts only if the value is
 * confirmed as well.  A miss is confirmed for both buckets, and so is that there
 * is nothing but a pending entry.
 *
 * A reader that lost to writers several times takes the partition lock, shared,
 * and so does one that wants to know which of two entries counts.  Even then
 * neither accept() nor palloc runs under it.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"
#include "store/staged.h"

#define CS_LOOKUP_TRIES		3

/* Room for the value, kept from one try to the next. */
typedef struct CsBuffer
{
	char	   *data;
	Size		size;
} CsBuffer;

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

/* A popular entry has got its bits; then this writes nothing. */
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

/* Look without a lock.  False when a writer came in between. */
static bool
lookup_unlocked(const CsPlace *place, const CsKey *key, CsAccept accept,
				void *arg, CsFound *found, CsBuffer *buffer, CsLookup *result)
{
	CsSharedBucket *bucket[2];
	uint32		seq[2];
	bool		pending = false;
	int			i;

	/* half of the keys are in the second bucket: have it come meanwhile */
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
			/* the valid one, if there is one, is in the other bucket */
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
		note_read(bucket[i], n);
		*result = CS_LOOKUP_HIT;
		return true;
	}

	*result = pending ? CS_LOOKUP_REFUSED : CS_LOOKUP_MISS;
	return bucket_unchanged(bucket[0], seq[0]) &&
		bucket_unchanged(bucket[1], seq[1]);
}

/* Under the lock, with room for it. */
static void
copy_slot(int part, const CsSlot *slot, CsFound *found, const CsBuffer *buffer)
{
	copy_value(part, (Size) slot->bucket->ref[slot->n] * 8,
			   cs_slot_record(part, slot), found, buffer);
	note_read(slot->bucket, slot->n);
}

/*
 * Look under the lock.  The first visit learns the header; what accept() and
 * palloc made of it is used at the next visit if the header is still the same.
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

/* Hand over the copy, if it is to be. */
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

CsLookup
cs_store_lookup(const CsKey *key, CsAccept accept, void *arg, CsFound *found)
{
	CsPlace		place;
	CsBuffer	buffer = {NULL, 0};
	CsLookup	result;
	int			tries;

	cs_place(key->hash, key->owner, &place);
	for (tries = 0; tries < CS_LOOKUP_TRIES; tries++)
	{
		if (lookup_unlocked(&place, key, accept, arg, found, &buffer, &result))
			break;
	}
	if (tries == CS_LOOKUP_TRIES)
		result = lookup_locked(&place, key, accept, arg, found, &buffer);
	return give(result, found, &buffer);
}

/* The entries of a staged key, as they were at one moment. */
typedef struct CsPair
{
	bool		present[2];		/* the valid one, the pending one */
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
 * Look at both entries under the lock.  If they are the same as last time,
 * also copy the one that was chosen, if any; true: they are.
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

/* Which of the two counts? */
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

/* What accept() and the caller see is an entry like any other. */
static void
chosen_meta(const CsPair *pair, int chosen, CsMeta *meta)
{
	cs_record_meta(&pair->head[chosen], meta);
	meta->flags &= ~(CS_ENTRY_PENDING | CS_ENTRY_STAGED);
	if (chosen == PENDING || (pair->head[chosen].flags & CS_ENTRY_STAGED))
		meta->wxid = 0;
}

/*
 * As in lookup_locked(), what was decided about the first visit's entries holds
 * if the second visit finds the same.  That goes for committed() in particular:
 * while an entry has the tag, the transaction has not been settled.
 */
CsLookup
cs_store_lookup_staged(const CsKey *key, CsIsCommitted committed,
					   void *committed_arg, CsAccept accept, void *arg,
					   CsFound *found)
{
	CsPlace		place;
	CsBuffer	buffer = {NULL, 0};
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
