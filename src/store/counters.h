/*-------------------------------------------------------------------------
 *
 * counters.h
 *		Event counters per table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COUNTERS_H
#define CS_COUNTERS_H

#include "datatype/timestamp.h"

typedef enum CsCount
{
	/* reads by what answered them, in the order of CsReason (access.h) */
	CS_COUNT_HIT,				/* row, value or result returned from the
								 * cache */
	CS_COUNT_HIT_ABSENT,		/* absence returned from the cache */
	CS_COUNT_MISS_COLD,
	CS_COUNT_MISS_EXPIRED,
	CS_COUNT_MISS_EPOCH,
	CS_COUNT_BYPASS_TOO_NEW,
	CS_COUNT_BYPASS_WRITERS,
	CS_COUNT_BYPASS_OWN,
	CS_COUNT_BYPASS_TRIGGERS,
	CS_COUNT_BYPASS_SERIALIZABLE,
	CS_COUNT_BYPASS_RECOVERY,
	CS_COUNT_BYPASS_RLS,
	CS_COUNT_BYPASS_PARALLEL,
	CS_COUNT_BYPASS_SNAPSHOT,
	CS_COUNT_BYPASS_KEY,
	CS_COUNT_BYPASS_HASH,
	CS_COUNT_BYPASS_SLOT,
	CS_COUNT_BYPASS_SHARE,
	CS_COUNT_BYPASS_DISABLED,
	/* of spaces only */
	CS_COUNT_MISS_TAG,			/* one of its tags was invalidated */
	CS_COUNT_MISS_FALLEN,		/* a table that the result was computed from
								 * has changed */
	CS_COUNT_MISS_SNAPSHOT,		/* the result is for newer or older snapshots */
	CS_COUNT_MISS_ANEW,			/* the result will soon be too old, or is
								 * computed to know what that takes */
	CS_COUNT_BYPASS_RESULT,		/* a result could not be used or kept */

	/* what became of loaded rows, values and results */
	CS_COUNT_FILL,				/* loaded row or absence kept */
	CS_COUNT_REFUSED_CHANGED,	/* a writer has changed the key, or may have */
	CS_COUNT_REFUSED_OWN,		/* may show changes of this transaction */
	CS_COUNT_REFUSED_BOOT,		/* transactions from before the server start */
	CS_COUNT_REFUSED_YOUNG,		/* writers that may not know the slot */
	CS_COUNT_REFUSED_PREPARED,	/* a prepared transaction has changed it */
	CS_COUNT_REFUSED_BY_HAND,	/* cache.fill() */
	CS_COUNT_REFUSED_PUBLISH,	/* a committed row was not kept, because of
								 * another writer or for lack of room */
	CS_COUNT_NO_ROOM_LARGE,		/* too large */
	CS_COUNT_NO_ROOM_FULL,		/* beyond max_memory, or the store is full */
	CS_COUNT_LOAD,				/* rows read from the table, or by a loader
								 * function */
	CS_COUNT_LOAD_TIME,			/* nanoseconds that took */
	CS_COUNT_WAIT,				/* waited for another session's load */
	CS_COUNT_WAIT_TIME,			/* nanoseconds */
	CS_COUNT_WAIT_IN_VAIN,		/* and had to load all the same */
	CS_COUNT_PUBLISH,			/* new row published at commit */
	CS_COUNT_INVALIDATION,		/* entry removed before commit */
	CS_COUNT_TABLE_INVALIDATION,	/* whole table dropped from the cache */
	CS_COUNT_REFRESH,			/* reloaded ahead of its expiry */
	CS_N_COUNTS
} CsCount;

/* What is counted by reason. */
typedef enum CsCountEvent
{
	CS_EVENT_MISS,
	CS_EVENT_BYPASS,
	CS_EVENT_REFUSED,
	CS_EVENT_NO_ROOM,
	CS_N_EVENTS
} CsCountEvent;

typedef struct CsCountReason
{
	CsCount		count;
	CsCountEvent event;
	const char *name;
} CsCountReason;

#define CS_N_COUNT_REASONS	31

extern const CsCountReason cs_counters_reasons[CS_N_COUNT_REASONS];

/* Adds counts of this session to shared memory; must not throw. */
typedef void (*CsHandIn) (void);

extern Size cs_counters_shmem_size(void);
extern void cs_counters_shmem_init(void);
extern void cs_counters_add(int slot, CsCount what, uint64 n);
extern void cs_counters_join(CsHandIn hand_in);
extern void cs_counters_note(void);
extern void cs_counters_flush(void);
extern void cs_counters_before_commit(void);
extern void cs_counters_flush_if_due(bool committed);
extern void cs_counters_read(int slot, uint64 *counts);
extern uint64 cs_counters_sum(const uint64 *counts, CsCountEvent event);
extern void cs_counters_total(uint64 *counts);
extern void cs_counters_reset(int slot);
extern void cs_counters_begin(int slot);
extern void cs_counters_reset_total(void);
extern TimestampTz cs_counters_since(int slot);
extern TimestampTz cs_counters_total_since(void);

#endif							/* CS_COUNTERS_H */
