/*-------------------------------------------------------------------------
 *
 * state.h
 *		Shared state of write_back tables, in addition to their deferred
 *		entries: gate, worker, amount of deferred writes, outcome of flushes.
 *		There is one element per slot.
 *
 * The gate is closed until the worker has processed what a crash may have
 * left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STATE_H
#define CS_STATE_H

#include "datatype/timestamp.h"

typedef enum CsFlushCount
{
	CS_FLUSH_DEFERRED,			/* committed deltas */
	CS_FLUSH_ROWS,				/* rows written to the table */
	CS_FLUSH_COALESCED,			/* deltas that others made unnecessary */
	CS_FLUSH_FLUSHES,			/* flush transactions that wrote something */
	CS_FLUSH_GONE,				/* deltas whose row does not exist */
	CS_FLUSH_DEAD,				/* dead letters */
	CS_FLUSH_RETRIES,			/* flushes that failed and were repeated */
	CS_FLUSH_WAITS,				/* writers that waited for room */
	CS_FLUSH_TIMEOUTS,			/* times that the table was quarantined */
	CS_FLUSH_COUNTS
} CsFlushCount;

typedef struct CsFlushInfo
{
	bool		open;			/* the gate */
	uint64		entries;		/* dirty */
	uint64		bytes;
	TimestampTz oldest;			/* by cs_clock_steady(); 0 if nothing was
								 * deferred since the last flush */
	TimestampTz last_flush;
	TimestampTz flushed;		/* the same by cs_clock_steady() */
	uint64		count[CS_FLUSH_COUNTS];
	int			error_code;		/* 0 if the last flush succeeded */
	TimestampTz error_time;
	char		error[256];
} CsFlushInfo;

extern Size cs_state_shmem_size(void);
extern void cs_state_shmem_init(void);
extern void cs_state_reset(int slot);
extern void cs_state_reset_counts(int slot);

extern bool cs_state_is_open(int slot);
extern void cs_state_open(int slot);
extern void cs_state_wait_open(int slot, int patience);

/* This process is a flush worker, which must not wait for gates. */
extern bool cs_state_opens_gates;

extern void cs_state_note_table(int slot, Oid database);
extern bool cs_state_wants_worker(int slot);
extern void cs_state_set_owner(int slot, Oid owner);

/* Deferred bytes of all tables of the slot's owner, and their limit. */
typedef struct CsOwnerShare
{
	Size		bytes;
	Size		limit;
} CsOwnerShare;

extern void cs_state_owner_share(int slot, CsOwnerShare *share);

extern void cs_state_set_key(int slot, uint32 shape);
extern bool cs_state_key_is_set(int slot);
extern bool cs_state_key_is(int slot, uint32 shape);

extern uint64 cs_state_moves(int slot);
extern void cs_state_begin_move(int slot);
extern void cs_state_end_move(int slot);

#ifdef CS_TEST_POINTS
extern int	cs_state_moving(int slot);
#endif

extern void cs_state_dirtied(int slot, TimestampTz since);
extern void cs_state_add(int slot, CsFlushCount what, uint64 n);
extern void cs_state_wake(int slot);

extern void cs_state_ask_flush(int slot);
extern bool cs_state_take_asked(int slot);

extern uint64 cs_state_flushes_ended(int slot);
extern void cs_state_wait_flush(int slot, uint64 seen, int timeout);
extern void cs_state_flushed(int slot, int sqlerrcode, const char *message);
extern void cs_state_set_worker(int slot, int pgprocno);
extern void cs_state_info(int slot, CsFlushInfo *info);

#endif							/* CS_STATE_H */
