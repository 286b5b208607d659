/*-------------------------------------------------------------------------
 *
 * keyscan.c
 *		Scan of all keys of an owner that begin with given bytes, or of the
 *		keys of all owners.
 *
 * A scan walks the buckets in order.  It copies the keys of a bounded number
 * of them, under the partition lock in shared mode, into memory allocated at
 * the beginning, and returns them without the lock.  Its position is a bucket
 * and a slot in it.  An entry that replaces another one takes over its slot,
 * so a key that is present throughout is not missed.
 *
 * The two buckets that a key may be in are of one group, so a group of buckets
 * is a place that a key does not leave.  A series of scans of each place meets
 * every key that is present throughout, whatever happens in between.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "store/partition.h"
#include "store/staged.h"

/*
 * Buckets visited, and bytes copied, without releasing the lock.  Each slot in
 * use costs reading a record.
 */
#ifndef SCAN_BUCKETS
#define SCAN_BUCKETS	128
#endif
#define SCAN_BYTES		(8 * CS_MAX_KEY_LEN)

/* Precedes the bytes of a copied key. */
typedef struct KeyHead
{
	uint64		hash;
	uint64		stamp;
	uint32		len;
	uint8		flags;
	uint8		heat;
} KeyHead;

typedef struct CsKeyBatch
{
	const char *prefix;
	Size		prefix_len;
	int			n;				/* slot to continue with */
	Size		used;			/* bytes of the copies */
	Size		at;				/* bytes of the copies already returned */
	char		data[SCAN_BYTES];
} CsKeyBatch;

#ifdef CS_TEST_POINTS
uint64		cs_store_scanned = 0;
#endif

static Size
copy_size(Size keylen)
{
	return MAXALIGN(sizeof(KeyHead)) + MAXALIGN(keylen);
}

StaticAssertDecl(SCAN_BYTES >= sizeof(KeyHead) + CS_MAX_KEY_LEN + 2 * MAXIMUM_ALIGNOF,
				 "no room for one key");

/*
 * Start a scan of the keys that begin with these bytes.  Allocates the batch
 * in the current context; cs_store_keys_next() frees it at the end.
 */
void
cs_store_keys_begin(CsKeyScan *scan, uint32 owner, const char *prefix, Size prefix_len)
{
	CsKeyBatch *batch = palloc(sizeof(CsKeyBatch) + prefix_len);
	char	   *copy = (char *) (batch + 1);

	Assert(owner < cs_max_tables || owner == CS_ALL_OWNERS);
	if (prefix_len > 0)
		memcpy(copy, prefix, prefix_len);
	batch->prefix = copy;
	batch->prefix_len = prefix_len;
	batch->n = 0;
	batch->used = 0;
	batch->at = 0;
	scan->owner = owner;
	scan->part = 0;
	scan->bucket = 0;
	scan->until = cs_store.nbuckets;
	scan->single = false;
	scan->batch = batch;
	if (owner != CS_ALL_OWNERS && cs_owner_entries(&cs_store.owners[owner]) == 0)
		scan->part = cs_store.npartitions;
}

/* ----- places ----- */

static uint32
places_of_part(void)
{
	return cs_store.nbuckets / CS_GROUP_BUCKETS;
}

/*
 * Number of places, for cs_store_keys_begin_at().
 */
uint64
cs_store_places(void)
{
	return (uint64) cs_store.npartitions * places_of_part();
}

int
cs_store_place_size(void)
{
	return CS_GROUP_BUCKETS * CS_BUCKET_SLOTS;
}

/*
 * Place of a key.  It is the same as long as the server runs.
 */
uint64
cs_store_place_of(const CsKey *key)
{
	CsPlace		place;

	cs_place(key->hash, key->owner, &place);
	return (uint64) place.part * places_of_part() + place.bucket[0] / CS_GROUP_BUCKETS;
}

/*
 * As cs_store_keys_begin(), for one place only.
 */
void
cs_store_keys_begin_at(CsKeyScan *scan, uint32 owner, const char *prefix,
					   Size prefix_len, uint64 place)
{
	Assert(place < cs_store_places());
	cs_store_keys_begin(scan, owner, prefix, prefix_len);
	if (scan->part == cs_store.npartitions)
		return;
	scan->part = (int) (place / places_of_part());
	scan->bucket = (uint32) (place % places_of_part()) * CS_GROUP_BUCKETS;
	scan->until = scan->bucket + CS_GROUP_BUCKETS;
	scan->single = true;
}

/* ----- copying ----- */

/*
 * Whether the record belongs to the owner and has the prefix.
 */
static bool
is_wanted(const CsKeyScan *scan, const CsRecord *rec)
{
	const CsKeyBatch *batch = scan->batch;

	return (scan->owner == CS_ALL_OWNERS ||
			cs_stamp_owner(rec->stamp) == scan->owner) &&
		rec->keylen >= batch->prefix_len &&
		memcmp(rec + 1, batch->prefix, batch->prefix_len) == 0;
}

/*
 * How much the entry is read: in the main log are those that were read before
 * they got old, and each has its reads of late.
 */
static uint8
heat_of(const CsSlot *slot)
{
	return Min(slot->bucket->freq[slot->n], CS_FREQ_MAX) +
		(cs_log_of(cs_slot_position(slot)) == CS_LOG_MAIN ? CS_FREQ_MAX + 1 : 0);
}

StaticAssertDecl(CS_HEATS == 2 * (CS_FREQ_MAX + 1), "as many as heat_of() has");

/* Copy one key; returns false if there is no room. */
static bool
copy_key(CsKeyBatch *batch, const CsSlot *slot, const CsRecord *rec)
{
	KeyHead    *head = (KeyHead *) (batch->data + batch->used);
	Size		size = copy_size(rec->keylen);

	if (size > SCAN_BYTES - batch->used)
		return false;
	head->hash = rec->hash;
	head->stamp = rec->stamp;
	head->len = rec->keylen;
	head->flags = rec->flags;
	head->heat = heat_of(slot);
	if (rec->keylen > 0)
		memcpy((char *) head + MAXALIGN(sizeof(KeyHead)), rec + 1, rec->keylen);
	batch->used += size;
	return true;
}

/*
 * Copy the keys of one bucket from batch->n on; returns false if there is no
 * room.
 */
static bool
copy_bucket(CsKeyScan *scan)
{
	CsKeyBatch *batch = scan->batch;
	CsSlot		slot = {cs_bucket(scan->part, scan->bucket), 0};

	for (; batch->n < CS_BUCKET_SLOTS; batch->n++)
	{
		CsRecord   *rec;

		slot.n = batch->n;
		if (slot.bucket->ref[slot.n] == 0)
			continue;
		rec = cs_slot_record(scan->part, &slot);
		if (is_wanted(scan, rec) && !copy_key(batch, &slot, rec))
			return false;
	}
	batch->n = 0;
	return true;
}

/* Copy the keys of the next buckets, of which there may be none. */
static void
copy_batch(CsKeyScan *scan)
{
	LWLock	   *lock = cs_partition_lock(scan->part);
	uint32		end = Min(scan->bucket + SCAN_BUCKETS, scan->until);

	scan->batch->used = 0;
	scan->batch->at = 0;
	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_SHARED);
	while (scan->bucket < end && copy_bucket(scan))
	{
		scan->bucket++;
#ifdef CS_TEST_POINTS
		cs_store_scanned++;
#endif
	}
	cs_lock_release(lock, CS_RANK_PARTITION);
	if (scan->bucket < scan->until)
		return;
	scan->part = scan->single ? cs_store.npartitions : scan->part + 1;
	scan->bucket = 0;
}

/*
 * Next key of a scan, with what its entry says of itself; returns false at the
 * end.  entry->key.data is palloc'd in the current context.
 */
bool
cs_store_keys_next_entry(CsKeyScan *scan, CsKeyEntry *entry)
{
	CsKeyBatch *batch = scan->batch;
	const KeyHead *head;
	char	   *data;

	while (batch->at == batch->used)
	{
		if (scan->part >= cs_store.npartitions)
		{
			pfree(batch);
			scan->batch = NULL;
			return false;
		}
		copy_batch(scan);
	}
	head = (const KeyHead *) (batch->data + batch->at);
	batch->at += copy_size(head->len);

	data = palloc(Max(head->len, 1));
	if (head->len > 0)
		memcpy(data, (const char *) head + MAXALIGN(sizeof(KeyHead)), head->len);
	entry->key.hash = head->hash;
	entry->key.owner = cs_stamp_owner(head->stamp);
	entry->key.len = head->len;
	entry->key.data = data;
	entry->epoch = head->stamp & CS_EPOCH_MASK;
	entry->flags = head->flags;
	entry->heat = head->heat;
	return true;
}

/*
 * The key alone.
 */
bool
cs_store_keys_next(CsKeyScan *scan, CsKey *key)
{
	CsKeyEntry	entry;

	if (!cs_store_keys_next_entry(scan, &entry))
		return false;
	*key = entry.key;
	return true;
}
