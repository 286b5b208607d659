/*-------------------------------------------------------------------------
 *
 * counters.h
 *		Event counters per table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COUNTERS_H
#define CS_COUNTERS_H

/* In the order of the columns of cache.table_stats. */
typedef enum CsCount
{
	CS_COUNT_HIT,				/* row returned from the cache */
	CS_COUNT_HIT_ABSENT,		/* absence returned from the cache */
	CS_COUNT_MISS,				/* no usable entry; loaded */
	CS_COUNT_BYPASS,			/* read from the table, the cache untouched */
	CS_COUNT_FILL,				/* loaded row or absence kept */
	CS_COUNT_REFUSED,			/* fill or publish refused because of a writer */
	CS_COUNT_NO_ROOM,			/* fill given up: too large, or beyond a limit */
	CS_COUNT_WAIT,				/* waited for another session's load */
	CS_COUNT_PUBLISH,			/* new row published at commit */
	CS_COUNT_INVALIDATION,		/* entry removed before commit */
	CS_COUNT_TABLE_INVALIDATION,	/* whole table dropped from the cache */
	CS_COUNT_REFRESH,			/* reloaded ahead of its expiry */
	CS_N_COUNTS
} CsCount;

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
extern void cs_counters_reset(int slot);

#endif							/* CS_COUNTERS_H */
