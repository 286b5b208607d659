/*-------------------------------------------------------------------------
 *
 * check.c
 *		Consistency check of the store, for tests. Takes each partition's lock
 *		in turn.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "store/partition.h"
#include "store/staged.h"

typedef struct CsTally
{
	uint64		entries;
	uint64		live[CS_LOGS];	/* for an owner, the sum is in the first */
	uint64		dirty_entries;
	uint64		dirty_bytes;
	uint64		marked;
	uint64		pending;
	uint64		staged_bytes;
} CsTally;

/* Walking from tail to head must end at the head and pass the hand. */
static const char *
check_log(int part, CsLogId logid)
{
	CsSharedLog *log = &cs_store.partitions[part].log[logid];
	bool		hand_ok = log->hand <= log->tail || log->hand >= log->head;
	uint64		at = log->tail;

	if (log->head < log->tail || log->head - log->tail > cs_store.log_size[logid])
		return "head and tail of a log do not fit";
	while (at < log->head)
	{
		Size		rest = cs_store.log_size[logid] - at % cs_store.log_size[logid];
		Size		size = cs_record_size(cs_record(part, cs_valuelog_position(logid, at)));

		if (size == 0 || size % 8 != 0 || size > rest)
			return "a record has an impossible size";
		hand_ok |= log->hand == at;
		at += size;
	}
	if (at != log->head)
		return "the records of a log do not end at its head";
	return hand_ok ? NULL : "the hand of a log is inside a record";
}

/* Whether the position lies between tail and head of its log. */
static bool
in_use(int part, Size pos)
{
	CsLogId		logid = cs_log_of(pos);
	CsSharedLog *log = &cs_store.partitions[part].log[logid];
	Size		size = cs_store.log_size[logid];
	Size		from_tail = (pos - cs_store.log_at[logid] + size - log->tail % size) % size;

	return from_tail < log->head - log->tail;
}

/*
 * Check the other entries of the same key: at most one valid and one pending.
 */
static const char *
check_twins(const CsPlace *place, const CsSlot *slot, const CsRecord *rec)
{
	int			pending = (rec->flags & CS_ENTRY_PENDING) != 0;
	int			valid = !pending;
	int			i;
	int			n;

	for (i = 0; i < 2; i++)
	{
		CsSharedBucket *b = cs_bucket(place->part, place->bucket[i]);

		for (n = 0; n < CS_BUCKET_SLOTS; n++)
		{
			CsSlot		other = {b, n};
			CsRecord   *o;

			if (b->ref[n] == 0 || (b == slot->bucket && n == slot->n))
				continue;
			o = cs_slot_record(place->part, &other);
			if (o->hash != rec->hash || o->keylen != rec->keylen ||
				cs_stamp_owner(o->stamp) != cs_stamp_owner(rec->stamp) ||
				memcmp(o + 1, rec + 1, rec->keylen) != 0)
				continue;
			if (o->flags & CS_ENTRY_PENDING)
				pending++;
			else
				valid++;
			if (o->wxid != rec->wxid)
				return "a key's two entries have different tags";
			if (((o->flags | rec->flags) & CS_ENTRY_STAGED) == 0)
				return "an entry beside a pending one is not staged";
		}
	}
	return pending > 1 || valid > 1 ? "a key has two entries" : NULL;
}

static void
count(CsTally *tally, CsLogId logid, Size size, uint8 flags)
{
	tally->entries++;
	tally->live[logid] += size;
	if (flags & CS_ENTRY_DIRTY)
	{
		tally->dirty_entries++;
		tally->dirty_bytes += size;
		tally->marked += (flags & CS_ENTRY_MARKED) != 0;
	}
	if (flags & CS_ENTRY_PENDING)
		tally->pending++;
	if (flags & CS_ENTRY_STAGED)
		tally->staged_bytes += size;
}

/*
 * At most one of the three, since each determines what becomes of the entry.
 */
static bool
flags_fit(uint8 flags)
{
	flags &= CS_ENTRY_DIRTY | CS_ENTRY_PENDING | CS_ENTRY_STAGED;
	return (flags & (flags - 1)) == 0;
}

/*
 * Check one slot in use and add its entry to the tallies.
 */
static const char *
check_slot(int part, CsSlot *slot, CsTally *tally, CsTally *owners)
{
	Size		pos = (Size) slot->bucket->ref[slot->n] * 8;
	CsPlace		place;
	CsRecord   *rec;
	Size		size;
	uint32		owner;
	const char *problem;

	if (pos + sizeof(CsRecord) > cs_store.area_size || !in_use(part, pos))
		return "a slot points outside of the logs";
	rec = cs_record(part, pos);
	size = cs_record_size(rec);
	owner = cs_stamp_owner(rec->stamp);
	if (rec->filler || size > cs_store.max_record || owner >= cs_max_tables)
		return "a slot does not point at a record";
	cs_place_record(rec, &place);
	if (place.part != part || place.tag != slot->bucket->tag[slot->n] ||
		(cs_bucket(part, place.bucket[0]) != slot->bucket &&
		 cs_bucket(part, place.bucket[1]) != slot->bucket))
		return "an entry is in the wrong place";
	if (slot->bucket->freq[slot->n] > CS_FREQ_MAX)
		return "a frequency is out of range";
	if (cs_slot_is_dirty(slot) != ((rec->flags & CS_ENTRY_DIRTY) != 0))
		return "the dirty mask of a bucket is wrong";
	if (cs_slot_is_marked(slot) !=
		(cs_slot_is_dirty(slot) && (rec->flags & CS_ENTRY_MARKED) != 0))
		return "the mask of marked entries of a bucket is wrong";
	if (!flags_fit(rec->flags))
		return "the flags of an entry contradict each other";
	if ((problem = check_twins(&place, slot, rec)) != NULL)
		return problem;

	count(tally, cs_log_of(pos), size, rec->flags);
	count(&owners[owner], CS_LOG_SMALL, size, rec->flags);
	return NULL;
}

static const char *
check_bucket(int part, CsSharedBucket *bucket, CsTally *tally, CsTally *owners)
{
	const char *problem;
	CsSlot		slot = {bucket, 0};

	if (pg_atomic_read_u32(&bucket->seq) & 1)
		return "a change of a bucket was not ended";
	if ((bucket->dirty | bucket->marked) >> CS_BUCKET_SLOTS != 0)
		return "the dirty mask of a bucket has bits without a slot";
	for (; slot.n < CS_BUCKET_SLOTS; slot.n++)
	{
		if (bucket->ref[slot.n] == 0)
		{
			if (cs_slot_is_dirty(&slot) || cs_slot_is_marked(&slot))
				return "a free slot is dirty";
			continue;
		}
		problem = check_slot(part, &slot, tally, owners);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

/*
 * Check one partition, under its lock, including its counters.
 */
static const char *
check_partition(int part, CsTally *owners)
{
	CsSharedPartition *p = &cs_store.partitions[part];
	const char *problem = NULL;
	CsTally		tally = {0};
	uint32		i;
	int			logid;

	for (logid = 0; logid < CS_LOGS; logid++)
	{
		problem = check_log(part, (CsLogId) logid);
		if (problem != NULL)
			return problem;
	}
	for (i = 0; i < cs_store.nbuckets; i++)
	{
		problem = check_bucket(part, cs_bucket(part, i), &tally, owners);
		if (problem != NULL)
			return problem;
	}
	if (tally.entries != p->entries ||
		tally.dirty_entries != p->dirty_entries ||
		tally.dirty_bytes != p->dirty_bytes ||
		tally.live[CS_LOG_SMALL] != p->log[CS_LOG_SMALL].live ||
		tally.live[CS_LOG_MAIN] != p->log[CS_LOG_MAIN].live)
		return "the counters of a partition are wrong";
	return NULL;
}

/*
 * Check the store; on failure returns false and a message.
 *
 * The owners' counters are compared last, without a lock, so no other process
 * may change the store meanwhile.
 */
bool
cs_store_check(char *msg, Size msglen)
{
	CsTally    *owners = palloc0(cs_max_tables * sizeof(CsTally));
	uint32		guarded = 0;
	const char *problem = NULL;
	int			i;

	for (i = 0; i < cs_store.npartitions && problem == NULL; i++)
	{
		cs_lock_acquire(cs_partition_lock(i), CS_RANK_PARTITION, LW_EXCLUSIVE);
		problem = check_partition(i, owners);
		cs_lock_release(cs_partition_lock(i), CS_RANK_PARTITION);
	}
	for (i = 0; i < cs_max_tables && problem == NULL; i++)
	{
		CsSharedOwner *owner = &cs_store.owners[i];
		CsUsage		usage;

		cs_store_usage(i, &usage);
		if (usage.entries != owners[i].entries || usage.bytes != owners[i].live[0] ||
			usage.dirty_entries != owners[i].dirty_entries ||
			usage.dirty_bytes != owners[i].dirty_bytes ||
			cs_store_marked_entries(i) != owners[i].marked ||
			pg_atomic_read_u64(&owner->pending) != owners[i].pending ||
			pg_atomic_read_u64(&owner->staged_bytes) != owners[i].staged_bytes)
			problem = "the counters of an owner are wrong";
		if (usage.entries > 0 && (pg_atomic_read_u64(&owner->entries) & CS_GUARDED))
			guarded++;
	}
	if (problem == NULL && guarded != pg_atomic_read_u32(&cs_store.common->guarded))
		problem = "the number of guarded owners is wrong";
	pfree(owners);
	if (problem != NULL)
		strlcpy(msg, problem, msglen);
	return problem == NULL;
}

#ifdef CS_TEST_POINTS
/*
 * Whether the store is consistent and no entry is staged, as it must be when
 * no transaction is in progress.  Otherwise returns false and a message.
 */
bool
cs_store_is_settled(char *msg, Size msglen)
{
	if (!cs_store_check(msg, msglen))
		return false;
	for (int i = 0; i < cs_max_tables; i++)
	{
		CsSharedOwner *owner = &cs_store.owners[i];

		if (pg_atomic_read_u64(&owner->pending) == 0 &&
			pg_atomic_read_u64(&owner->staged_bytes) == 0)
			continue;
		strlcpy(msg, "an entry is staged", msglen);
		return false;
	}
	return true;
}
#endif
