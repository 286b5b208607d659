/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Reading an entry.
 *
 * The usual way takes no lock: note the bucket's seq, copy, and believe the
 * copy only if seq is still the same and even.  Anything read in between may
 * be torn, so it is checked before it is used.  accept() is asked only about a
 * header that has been confirmed, and its word counts only if the value is
 * confirmed as well.  A miss is confirmed for both buckets.
 *
 * A reader that lost to writers several times takes the partition lock, shared.
 * Even then neither accept() nor palloc runs under it.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"

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
	int			i;

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

		n = cs_bucket_match(place->part, bucket[i], place->tag, key, &head, &pos);
		if (n < 0)
			continue;
		if (!bucket_unchanged(bucket[i], seq[i]))
			return false;

		cs_record_meta(&head, &found->meta);
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

	*result = CS_LOOKUP_MISS;
	return bucket_unchanged(bucket[0], seq[0]) &&
		bucket_unchanged(bucket[1], seq[1]);
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
		present = cs_index_find(place, key, &slot);
		if (present)
		{
			now = *cs_slot_record(place->part, &slot);
			if (judged && memcmp(&now, &head, sizeof(CsRecord)) == 0)
			{
				copy_value(place->part, (Size) slot.bucket->ref[slot.n] * 8,
						   &now, found, buffer);
				note_read(slot.bucket, slot.n);
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
		if (accept != NULL && !accept(&found->meta, arg))
			return CS_LOOKUP_REFUSED;
		buffer_reserve(buffer, head.len);
		judged = true;
	}
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

	found->value = NULL;
	if (result == CS_LOOKUP_HIT)
		found->value = buffer.data;
	else
	{
		found->len = 0;
		if (buffer.data != NULL)
			pfree(buffer.data);
	}
	return result;
}
