/*-------------------------------------------------------------------------
 *
 * state.h
 *		What all backends must know of a write_back table, beside its deferred
 *		entries: its gate, its worker, how much is deferred, how flushing goes.
 *		One element per slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STATE_H
#define CS_STATE_H

#include "datatype/timestamp.h"

typedef enum CsFlushCount
{
	CS_FLUSH_DEFERRED,			/* deltas committed */
	CS_FLUSH_ROWS,				/* rows written to the table */
	CS_FLUSH_COALESCED,			/* deltas that others made unnecessary to
								 * write */
	CS_FLUSH_FLUSHES,			/* flush transactions that wrote something */
	CS_FLUSH_GONE,				/* deltas whose row was gone */
	CS_FLUSH_DEAD,				/* sent to the dead letters */
	CS_FLUSH_RETRIES,			/* flushes that failed and were tried again */
	CS_FLUSH_WAITS,				/* writers that waited for room */
	CS_FLUSH_TIMEOUTS,			/* times that it was quarantined */
	CS_FLUSH_COUNTS
} CsFlushCount;

typedef struct CsFlushInfo
{
	bool		open;			/* its gate */
	uint64		entries;		/* dirty */
	uint64		bytes;
	TimestampTz oldest;			/* 0: nothing deferred since the last flush */
	TimestampTz last_flush;
	uint64		count[CS_FLUSH_COUNTS];
	int			error_code;		/* 0: the last flush went well */
	TimestampTz error_time;
	char		error[256];
} CsFlushInfo;

extern Size cs_state_shmem_size(void);
extern void cs_state_shmem_init(void);
extern void cs_state_reset(int slot);

/*
 * Gate: closed until the worker has seen to what a crash may have left.  wait
 * is cancellable and asks the launcher for a worker of this database.  When the
 * worker has failed to open it, wait throws 55000 after "patience" (ms).
 */
extern bool cs_state_is_open(int slot);
extern void cs_state_open(int slot);
extern void cs_state_wait_open(int slot, int patience);

/* This process is a flush worker, which cannot wait for gates. */
extern bool cs_state_opens_gates;

/* A write_back table of this database has been met. */
extern void cs_state_note_table(int slot, Oid database);
extern bool cs_state_wants_worker(int slot);	/* noted so */
extern void cs_state_set_owner(int slot, Oid owner);

/* Deferred bytes of all tables of the slot's owner, and how many there may be. */
typedef struct CsOwnerShare
{
	Size		bytes;
	Size		limit;
} CsOwnerShare;

extern void cs_state_owner_share(int slot, CsOwnerShare *share);

/* What the primary key was (cs_binding_key_shape) when it was last deferred to. */
extern void cs_state_set_key(int slot, uint32 shape);
extern bool cs_state_key_is_set(int slot);
extern bool cs_state_key_is(int slot, uint32 shape);

/*
 * Rows that get another key.  Who defers for a key remembers the word, and
 * looks at it again when he has reserved his record: what he deferred is for a
 * row that may be elsewhere by then.  Whoever changes a key counts himself in
 * before he looks for records, and out when he has ended (not failing).
 */
extern uint64 cs_state_moves(int slot);
extern void cs_state_begin_move(int slot);
extern void cs_state_end_move(int slot);

#ifdef CS_TEST_POINTS
extern int	cs_state_moving(int slot);
#endif

/* Entries and bytes deferred; callable from COMMIT callbacks. */
extern void cs_state_dirtied(int slot, TimestampTz since);
extern void cs_state_add(int slot, CsFlushCount what, uint64 n);
extern void cs_state_wake(int slot);

/* Is a flush asked for (by somebody who waits for room)?  Clears it. */
extern void cs_state_ask_flush(int slot);
extern bool cs_state_take_asked(int slot);

/* Wait, cancellably, until a flush of the table has ended or timeout (ms). */
extern uint64 cs_state_flushes_ended(int slot);
extern void cs_state_wait_flush(int slot, uint64 seen, int timeout);
extern void cs_state_flushed(int slot, int sqlerrcode, const char *message);
extern void cs_state_set_worker(int slot, int pgprocno);
extern void cs_state_info(int slot, CsFlushInfo *info);

#endif							/* CS_STATE_H */
