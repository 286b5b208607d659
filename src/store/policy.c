/*-------------------------------------------------------------------------
 *
 * policy.c
 *		Which entries to keep: S3-FIFO. Another policy would be another file
 *		with these functions.
 *
 * A new entry starts in the small log.  If it has been read by the time it
 * reaches the tail, it moves on to the main log.  Otherwise it is evicted and
 * the ghost notes its fingerprint; if the key returns soon, its entry starts
 * in the main log.  In the main log each read (up to CS_FREQ_MAX) allows
 * another round.  Most keys are read once and leave through the small log
 * without displacing anything.
 *
 * Each partition has a ghost of its own (ghost.h), which remembers at most
 * half as many keys as the partition has slots.
 *
 * All functions here are called under the partition lock.  Some entries must
 * always be kept, see cs_policy_may_evict(); the policy concerns the others.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/ghost.h"
#include "store/partition.h"

/* The ghost set of a place. */
static uint16 *
ghost_set(const CsPlace *place)
{
	return cs_ghost_set((uint16 *) (cs_store.base + place->part * cs_store.partition_size +
									cs_store.ghost_at),
						cs_store.nghosts, cs_store.partitions[place->part].entries, place);
}

/*
 * Log in which a new entry starts.  An entry that would take a large part of
 * the small log would displace everything there, so it goes to the main log.
 */
CsLogId
cs_policy_admit(const CsPlace *place, Size size)
{
	if (cs_ghost_take(ghost_set(place), place->ghost) ||
		size > cs_store.log_size[CS_LOG_SMALL] / CS_LARGE_SHARE)
		return CS_LOG_MAIN;
	return CS_LOG_SMALL;
}

/* Whether the owner is guarded and uses no more than its share. */
static bool
is_guarded(uint32 owner)
{
	CsSharedOwner *o = &cs_store.owners[owner];
	int32		n = (int32) pg_atomic_read_u32(&cs_store.common->guarded);

	/*
	 * concurrent updates can make the number wrong, even negative, for a
	 * moment
	 */
	return n > 0 &&
		(pg_atomic_read_u64(&o->entries) & CS_GUARDED) != 0 &&
		pg_atomic_read_u64(&o->bytes) <=
		cs_store.npartitions * cs_store.area_size / CS_GUARDED_SHARE / n;
}

/*
 * Whether an entry may be evicted for this claim.  A dirty entry must not, as
 * it is the only copy.  A pending entry has been promised its place until its
 * transaction ends.
 */
bool
cs_policy_may_evict(const CsSlot *slot, const CsRecord *rec, const CsClaim *claim)
{
	if (cs_slot_is_dirty(slot))
		return false;
	if (claim->protection == CS_PROTECT_NONE)
		return true;
	if (rec->flags & CS_ENTRY_PENDING)
		return false;
	return cs_record_useless(rec, claim->now) ||
		cs_stamp_owner(rec->stamp) == claim->owner ||
		!is_guarded(cs_stamp_owner(rec->stamp));
}

/*
 * Whether 'want' bytes would fit if only dead records were dropped.  Changes
 * leave dead space throughout a log, which makes the tail come round faster;
 * that alone must not cost live entries.  An eighth is left in reserve,
 * because otherwise much would be moved to gain little.
 */
static bool
much_is_dead(int part, CsLogId logid, Size want)
{
	Size		size = cs_store.log_size[logid];

	return cs_store.partitions[part].log[logid].live + want <= size / 8 * 7;
}

/*
 * Whether the next record at the tail of the main log can be dropped without
 * loss.  Then there is room for an entry that was not read, and a store whose
 * entries were all invalidated at once fills up again.  The record need not be
 * examined where almost nothing is dead.
 */
static bool
main_has_room(int part, TimestampTz now)
{
	CsSharedLog *log = &cs_store.partitions[part].log[CS_LOG_MAIN];
	Size		pos = cs_valuelog_position(CS_LOG_MAIN, log->tail);
	const CsRecord *rec = cs_record(part, pos);
	CsPlace		place;
	CsSlot		slot;

	if (log->tail == log->head || rec->filler || cs_record_useless(rec, now))
		return true;
	if (log->live > cs_store.log_size[CS_LOG_MAIN] / 16 * 15)
		return false;
	cs_place_record(rec, &place);
	return !cs_index_linked(&place, pos, &slot);
}

/*
 * What to do with an evictable entry at the tail of its log, where 'want'
 * bytes are needed.  Sets the frequency that it continues with.  An owner
 * within its share should evict entries of others rather than its own.
 */
CsTail
cs_policy_tail(int part, CsLogId logid, const CsRecord *rec, Size want,
			   const CsClaim *claim, uint8 *freq)
{
	CsSharedLog *mainlog = &cs_store.partitions[part].log[CS_LOG_MAIN];
	Size		main_size = cs_store.log_size[CS_LOG_MAIN];
	bool		guarded;

	if (cs_record_useless(rec, claim->now))
		return CS_TAIL_EVICT;
	if (logid == CS_LOG_MAIN && *freq > 0)
	{
		(*freq)--;
		return CS_TAIL_STAY;
	}
	guarded = is_guarded(cs_stamp_owner(rec->stamp));
	if (logid == CS_LOG_MAIN && guarded)
		return CS_TAIL_STAY;
	if (logid == CS_LOG_SMALL &&
		(*freq > 0 || guarded ||
		 mainlog->head + cs_record_size(rec) <= main_size ||	/* was never full */
		 mainlog->live < main_size / 2 || main_has_room(part, claim->now)))
	{
		*freq = 0;
		return CS_TAIL_PROMOTE;
	}
	return much_is_dead(part, logid, want) ? CS_TAIL_STAY : CS_TAIL_EVICT;
}

/*
 * Notes an eviction, for cs_policy_admit().
 */
void
cs_policy_evicted(const CsPlace *place, CsLogId logid)
{
	if (logid == CS_LOG_SMALL)
		cs_ghost_note(ghost_set(place), place->ghost);
}
