/*-------------------------------------------------------------------------
 *
 * dirty.c
 *		Operations on dirty entries: changes in place, and scans.
 *
 * A change in place needs no room and cannot fail, so it may be made while a
 * transaction commits or aborts.  A reader that copies the entry without a
 * lock finds the bucket's seq odd or moved, as with any other change.
 *
 * A scan walks the buckets in order and reads a record only where the bucket's
 * mask says that it is dirty.  It holds the partition lock for a bounded
 * number of buckets at a time and keeps its position as bucket and slot.  That
 * suffices, because a dirty entry keeps its slot when it is moved in the logs
 * or replaced by another entry of its key.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "miscadmin.h"
#include "store/partition.h"

/* Number of buckets that a scan visits without releasing the lock. */
#define CS_SCAN_BUCKETS		1024

/*
 * Call alter() on a dirty entry, under the partition lock.  The seq moves even
 * if nothing changes, since alter() reports what it did only afterwards.  A
 * reader sees a removed entry either unchanged or not at all.
 */
static void
alter_slot(int part, CsSlot *slot, CsAlterFn alter, void *arg)
{
	CsRecord   *rec = cs_slot_record(part, slot);

	cs_bucket_begin(slot->bucket);
	if (alter(cs_record_value(rec), rec->len, arg) == CS_ALTER_REMOVE)
		cs_index_clear(part, slot);
	cs_bucket_end(slot->bucket);
}

/*
 * Change a dirty entry in place; returns false if there is none.  Neither
 * throws nor allocates, so COMMIT callbacks may call it.
 */
bool
cs_store_alter(const CsKey *key, CsAlterFn alter, void *arg)
{
	bool		found;
	CsPlace		place;
	CsSlot		slot;

	Assert(key->owner < cs_max_tables);
	cs_place(key->hash, key->owner, &place);
	cs_lock_acquire(cs_partition_lock(place.part), CS_RANK_PARTITION, LW_EXCLUSIVE);
	START_CRIT_SECTION();
	found = cs_index_find(&place, key, CS_WHICH_VALID, &slot) && cs_slot_is_dirty(&slot);
	if (found)
		alter_slot(place.part, &slot, alter, arg);
	END_CRIT_SECTION();
	cs_lock_release(cs_partition_lock(place.part), CS_RANK_PARTITION);
	return found;
}

/*
 * Start a scan of an owner's dirty entries.  Costs nothing if it has none.
 */
void
cs_store_scan_begin(CsDirtyScan *scan, uint32 owner)
{
	Assert(owner < cs_max_tables);
	scan->owner = owner;
	scan->part = 0;
	scan->bucket = 0;
	scan->n = 0;
	if (pg_atomic_read_u64(&cs_store.owners[owner].dirty_entries) == 0)
		scan->part = cs_store.npartitions;
}

/*
 * Bucket at which this step of the scan stops; at once in a partition without
 * dirty entries.
 */
static uint32
last_bucket(CsDirtyScan *scan)
{
	if (cs_store.partitions[scan->part].dirty_entries == 0)
		scan->bucket = cs_store.nbuckets;
	return Min(scan->bucket + CS_SCAN_BUCKETS, cs_store.nbuckets);
}

/* Advance to the owner's next dirty entry before the bucket 'end'. */
static bool
next_slot(CsDirtyScan *scan, uint32 end, CsSlot *slot)
{
	for (; scan->bucket < end; scan->bucket++, scan->n = 0)
	{
		slot->bucket = cs_bucket(scan->part, scan->bucket);
		for (; slot->bucket->dirty >> scan->n != 0; scan->n++)
		{
			slot->n = scan->n;
			if (cs_slot_is_dirty(slot) &&
				cs_stamp_owner(cs_slot_record(scan->part, slot)->stamp) == scan->owner)
				return true;
		}
	}
	return false;
}

/*
 * Go to the next partition if this one is finished.
 */
static void
leave_partition(CsDirtyScan *scan)
{
	if (scan->bucket < cs_store.nbuckets)
		return;
	scan->part++;
	scan->bucket = 0;
	scan->n = 0;
}

/*
 * Call alter() for every dirty entry of an owner; returns how many there were.
 * Entries that are added or removed concurrently may be missed.
 */
uint64
cs_store_alter_all(uint32 owner, CsAlterFn alter, void *arg)
{
	uint64		count = 0;
	CsDirtyScan scan;

	cs_store_scan_begin(&scan, owner);
	while (scan.part < cs_store.npartitions)
	{
		LWLock	   *lock = cs_partition_lock(scan.part);
		uint32		end;
		CsSlot		slot;

		cs_lock_acquire(lock, CS_RANK_PARTITION, LW_EXCLUSIVE);
		START_CRIT_SECTION();
		end = last_bucket(&scan);
		for (; next_slot(&scan, end, &slot); scan.n++)
		{
			alter_slot(scan.part, &slot, alter, arg);
			count++;
		}
		END_CRIT_SECTION();
		cs_lock_release(lock, CS_RANK_PARTITION);
		leave_partition(&scan);
	}
	return count;
}

/*
 * Buffer for a copy.  It is allocated without the lock, for sizes that were
 * read under the lock.
 */
typedef struct CsCopy
{
	CsRecord	head;
	char	   *key;
	char	   *value;			/* NULL if not yet allocated */
} CsCopy;

static void
copy_free(CsCopy *copy)
{
	if (copy->value == NULL)
		return;
	pfree(copy->key);
	pfree(copy->value);
	copy->value = NULL;
}

static void
copy_reserve(CsCopy *copy)
{
	copy->key = palloc(Max(copy->head.keylen, 1));
	copy->value = palloc(Max(copy->head.len, 1));
}

typedef enum CsVisit
{
	CS_VISIT_NONE,				/* none in these buckets */
	CS_VISIT_FOUND,				/* header copied, but the buffer does not fit */
	CS_VISIT_COPIED
} CsVisit;

/* Advance to the next entry, or to the end of this step's buckets. */
static CsVisit
visit(CsDirtyScan *scan, CsCopy *copy)
{
	LWLock	   *lock = cs_partition_lock(scan->part);
	CsVisit		result = CS_VISIT_NONE;
	CsSlot		slot;

	cs_lock_acquire(lock, CS_RANK_PARTITION, LW_SHARED);
	if (next_slot(scan, last_bucket(scan), &slot))
	{
		CsRecord   *rec = cs_slot_record(scan->part, &slot);

		result = CS_VISIT_FOUND;
		if (copy->value != NULL && copy->head.keylen == rec->keylen &&
			copy->head.len == rec->len)
		{
			memcpy(copy->key, rec + 1, rec->keylen);
			memcpy(copy->value, cs_record_value(rec), rec->len);
			result = CS_VISIT_COPIED;
			scan->n++;
		}
		copy->head = *rec;
	}
	cs_lock_release(lock, CS_RANK_PARTITION);
	return result;
}

/*
 * Next dirty entry of a scan; returns false at the end.  key->data and
 * found->value are palloc'd in the current context.
 */
bool
cs_store_scan_next(CsDirtyScan *scan, CsKey *key, CsFound *found)
{
	CsCopy		copy = {.value = NULL};

	while (scan->part < cs_store.npartitions)
	{
		switch (visit(scan, &copy))
		{
			case CS_VISIT_NONE:
				leave_partition(scan);
				break;
			case CS_VISIT_FOUND:
				copy_free(&copy);
				copy_reserve(&copy);
				break;
			case CS_VISIT_COPIED:
				key->hash = copy.head.hash;
				key->owner = scan->owner;
				key->len = copy.head.keylen;
				key->data = copy.key;
				cs_record_meta(&copy.head, &found->meta);
				found->len = copy.head.len;
				found->value = copy.value;
				return true;
		}
	}
	copy_free(&copy);
	return false;
}
