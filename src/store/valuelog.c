/*-------------------------------------------------------------------------
 *
 * valuelog.c
 *		The value memory of a partition: two circular logs of records.
 *
 * Records are appended at the head, or take the place of a record of the same
 * size (put.c).  Room is made at the tail: a record there is dead (no slot
 * points at it), is evicted, or moves from the small log to the main log or
 * within a log from tail to head.  policy.c chooses, but some records always
 * move: dirty and pending ones, and those of other owners within their shares.
 *
 * No record straddles the end of its log.  A filler takes the rest of the last
 * lap, and the bytes that a dirty record leaves when it shrinks.  Moving from
 * tail to head needs no spare room, since the record frees as many bytes as it
 * takes; source and target may then overlap.
 *
 * All functions here run under the partition lock, held exclusively, in a
 * critical section, and do a bounded amount of work.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"

/*
 * Number of moves that making room for 'size' bytes may take.  When they are
 * used up, evictable entries are evicted regardless of merit, and an entry
 * that must stay means that there is no room.
 */
#define CS_CLEAN_MOVES(size)	(64 + (int) ((size) / 64))
#define CS_FORCED_MOVES(size)	(1024 + (int) ((size) / 64))

/* Number of records that one walk for a quota visits, per log. */
#define CS_QUOTA_VISITS		128

typedef struct CsWork
{
	const CsClaim *claim;
	int			clean_moves;	/* left; so is the next */
	int			forced_moves;
} CsWork;

static bool make_room(int part, CsLogId logid, Size size, CsWork *work);

/*
 * Position of an offset in a log.
 */
Size
cs_valuelog_position(CsLogId logid, uint64 offset)
{
	return cs_store.log_at[logid] + (Size) (offset % cs_store.log_size[logid]);
}

/* Offset of a position that is in use. */
uint64
cs_valuelog_offset(int part, Size pos)
{
	CsLogId		logid = cs_log_of(pos);
	uint64		tail = cs_store.partitions[part].log[logid].tail;
	Size		size = cs_store.log_size[logid];

	return tail + (pos - cs_store.log_at[logid] + size - tail % size) % size;
}

/* Number of bytes to skip so that 'size' bytes can follow in one piece. */
static Size
filler_size(CsLogId logid, uint64 head, Size size)
{
	Size		rest = cs_store.log_size[logid] - head % cs_store.log_size[logid];

	return rest < size ? rest : 0;
}

/* Whether there is room for 'size' bytes without making any. */
static bool
has_room(int part, CsLogId logid, Size size)
{
	CsSharedLog *log = &cs_store.partitions[part].log[logid];
	uint64		used = log->head - log->tail;

	return used + filler_size(logid, log->head, size) + size <=
		cs_store.log_size[logid];
}

/*
 * Whether the log can hold a record of this size; then there is also room for
 * a filler.
 */
bool
cs_valuelog_fits(CsLogId logid, Size size)
{
	return size <= cs_store.log_size[logid] / 2;
}

/* Make bytes of a log a filler. */
void
cs_valuelog_fill(int part, Size pos, Size size)
{
	CsRecord   *filler = cs_record(part, pos);

	filler->len = (uint32) size;
	filler->filler = true;
}

/*
 * Allocate 'size' bytes at the head, where there is room.  Returns their
 * position.
 */
Size
cs_valuelog_append(int part, CsLogId logid, Size size)
{
	CsSharedLog *log = &cs_store.partitions[part].log[logid];
	Size		skip = filler_size(logid, log->head, size);
	Size		pos;

	if (skip > 0)
	{
		cs_valuelog_fill(part, cs_valuelog_position(logid, log->head), skip);
		log->head += skip;
	}
	pos = cs_valuelog_position(logid, log->head);
	log->head += size;
	Assert(log->head - log->tail <= cs_store.log_size[logid]);
	return pos;
}

/*
 * Move the linked record at the tail to the head of the same or another log.
 */
static void
move_tail(int part, CsLogId from, CsLogId to, CsSlot *slot, uint8 freq)
{
	CsSharedLog *log = &cs_store.partitions[part].log[from];
	Size		pos = cs_valuelog_position(from, log->tail);
	CsRecord   *rec = cs_record(part, pos);
	Size		size = cs_record_size(rec);
	bool		was_read = cs_record_was_read(rec, slot->bucket->freq[slot->n]);
	Size		newpos;

	log->tail += size;
	newpos = cs_valuelog_append(part, to, size);

	cs_bucket_begin(slot->bucket);
	memmove(cs_record(part, newpos), rec, size);
	if (was_read)
		cs_record(part, newpos)->flags |= CS_ENTRY_READ;
	cs_index_relink(part, slot, newpos, size);
	slot->bucket->freq[slot->n] = freq;
	cs_bucket_end(slot->bucket);
}

/*
 * Move a record at the tail that must stay, into the main log if possible.
 * Returns false if too many were moved already.
 */
static bool
keep(int part, CsLogId logid, CsSlot *slot, Size size, CsWork *work)
{
	CsLogId		to = logid;

	if (work->forced_moves-- <= 0)
		return false;
	if (logid == CS_LOG_SMALL && make_room(part, CS_LOG_MAIN, size, work))
		to = CS_LOG_MAIN;
	move_tail(part, logid, to, slot, slot->bucket->freq[slot->n]);
	return true;
}

/*
 * Process the record at the tail, to get 'want' bytes.  Returns false if there
 * will not be room.
 */
static bool
pass_tail(int part, CsLogId logid, Size want, CsWork *work)
{
	CsSharedLog *log = &cs_store.partitions[part].log[logid];
	Size		pos = cs_valuelog_position(logid, log->tail);
	CsRecord   *rec = cs_record(part, pos);
	Size		size = cs_record_size(rec);
	CsPlace		place;
	CsSlot		slot;
	uint8		freq;
	CsTail		verdict = CS_TAIL_EVICT;

	if (rec->filler)
	{
		log->tail += size;
		return true;
	}
	cs_place_record(rec, &place);
	if (!cs_index_linked(&place, pos, &slot))
	{
		log->tail += size;
		return true;
	}
	if (!cs_policy_may_evict(&slot, rec, work->claim))
		return keep(part, logid, &slot, size, work);

	freq = slot.bucket->freq[slot.n];
	if (work->clean_moves > 0)
		verdict = cs_policy_tail(part, logid, rec, want, work->claim, &freq);
	if (verdict != CS_TAIL_EVICT)
		work->clean_moves--;
	if (verdict == CS_TAIL_STAY)
	{
		move_tail(part, logid, logid, &slot, freq);
		return true;
	}
	if (verdict == CS_TAIL_PROMOTE && make_room(part, CS_LOG_MAIN, size, work))
	{
		move_tail(part, logid, CS_LOG_MAIN, &slot, freq);
		return true;
	}
	cs_index_evict(&place, work->claim, &slot);
	log->tail += size;
	return true;
}

/*
 * Make room at the head of a log.  Recurses once, from the small log to the
 * main log.
 */
static bool
make_room(int part, CsLogId logid, Size size, CsWork *work)
{
	while (!has_room(part, logid, size))
	{
		if (!pass_tail(part, logid, size, work))
			return false;
	}
	return true;
}

/*
 * Make room for 'size' bytes in one piece at the head of the log.
 */
bool
cs_valuelog_make_room(int part, CsLogId logid, Size size, const CsClaim *claim)
{
	CsWork		work = {
		.claim = claim,
		.clean_moves = claim->protection == CS_PROTECT_POLICY ? CS_CLEAN_MOVES(size) : 0,
		.forced_moves = CS_FORCED_MOVES(size)
	};

	return make_room(part, logid, size, &work);
}

/*
 * Start a walk, which is to pass each record of both logs once.
 */
void
cs_valuelog_walk_begin(int part, CsWalk *walk)
{
	CsSharedLog *log = cs_store.partitions[part].log;
	int			logid;

	for (logid = 0; logid < CS_LOGS; logid++)
		walk->left[logid] = log[logid].head - log[logid].tail;
}

/* cs_valuelog_walk() for one log. */
static void
walk_log(int part, CsLogId logid, CsWalk *walk)
{
	CsSharedLog *log = &cs_store.partitions[part].log[logid];
	int			visits;

	for (visits = 0; visits < CS_QUOTA_VISITS; visits++)
	{
		Size		pos;
		Size		size;
		CsRecord   *rec;
		CsPlace		place;
		CsSlot		slot;

		if (walk->want == 0 || walk->left[logid] == 0)
			break;
		if (log->hand < log->tail || log->hand >= log->head)
			log->hand = log->tail;
		if (log->hand == log->head)
		{
			walk->left[logid] = 0;
			break;
		}
		pos = cs_valuelog_position(logid, log->hand);
		rec = cs_record(part, pos);
		size = cs_record_size(rec);
		log->hand += size;
		walk->left[logid] -= Min(size, walk->left[logid]);
		if (rec->filler || cs_stamp_owner(rec->stamp) != walk->claim.owner ||
			(rec->flags & CS_ENTRY_STAGED))
			continue;
		cs_place_record(rec, &place);
		if (!cs_index_linked(&place, pos, &slot) ||
			!cs_policy_may_evict(&slot, rec, &walk->claim))
			continue;
		if (slot.bucket->freq[slot.n] > 0 && walk->chances > 0 &&
			!cs_record_useless(rec, walk->claim.now))
		{
			rec->flags |= CS_ENTRY_READ;
			slot.bucket->freq[slot.n]--;
			walk->chances--;
		}
		else
		{
			walk->want -= Min(size, walk->want);
			cs_index_evict(&place, &walk->claim, &slot);
		}
	}
}

/*
 * Evict entries of the owner, up to walk->want bytes, among a bounded number
 * of records.
 *
 * Each walk continues where the last one stopped, oldest records first, and
 * spares some of the entries that were read.  Staged entries are skipped: they
 * will go anyway and do not count for the quota.  Returns false if nothing
 * more is wanted or the walk has passed all records.
 */
bool
cs_valuelog_walk(int part, CsWalk *walk)
{
	walk_log(part, CS_LOG_SMALL, walk);
	walk_log(part, CS_LOG_MAIN, walk);
	return walk->want > 0 &&
		(walk->left[CS_LOG_SMALL] > 0 || walk->left[CS_LOG_MAIN] > 0);
}
