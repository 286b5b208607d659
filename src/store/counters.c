/*-------------------------------------------------------------------------
 *
 * counters.c
 *		Event counters per table.
 *
 * Each session counts in local memory, in N_PLACES accumulators, and adds them
 * to shared memory at the end of a transaction if FLUSH_MS have passed, when
 * another table needs the accumulator, at exit, and before the session reads
 * the counters.  So a hit writes no shared cache line.  Layers above that keep
 * counts of their own have them handed in at the same moments.
 *
 * PostgreSQL has a fixed number of places for what is called at exit, and ends
 * a session that asks for one more.  So this one is asked for at PRE_COMMIT,
 * where the transaction can still be rolled back.  Until a session has it, it
 * hands in at the end of each transaction.
 *
 * Shared memory holds one row of counters per slot, and one more for reads of
 * tables without a slot.  They are atomic; there is no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "store/counters.h"

#define FLUSH_MS	100
#define N_PLACES	64
#define MAX_OTHERS	4

typedef struct CsSharedCounts
{
	pg_atomic_uint64 count[CS_N_COUNTS];	/* atomic, each by itself */
} CsSharedCounts;

typedef struct Place
{
	bool		used;
	int			slot;
	uint64		count[CS_N_COUNTS];
} Place;

static CsSharedCounts *shared;
static Place places[N_PLACES];
static bool waiting = false;
static TimestampTz last_flush = 0;
static bool exit_registered = false;
static CsHandIn others[MAX_OTHERS];
static int	n_others = 0;

Size
cs_counters_shmem_size(void)
{
	return mul_size(cs_max_tables + 1, sizeof(CsSharedCounts));
}

void
cs_counters_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies counters",
							 cs_counters_shmem_size(), &found);
	if (found)
		return;
	for (int i = 0; i <= cs_max_tables; i++)
		for (int c = 0; c < CS_N_COUNTS; c++)
			pg_atomic_init_u64(&shared[i].count[c], 0);
}

/*
 * The row of a slot; slot -1 has the last row.
 */
static CsSharedCounts *
shared_counts(int slot)
{
	return &shared[slot >= 0 ? slot : cs_max_tables];
}

static void
flush_place(Place *place)
{
	CsSharedCounts *counts = shared_counts(place->slot);

	for (int c = 0; c < CS_N_COUNTS; c++)
		if (place->count[c] != 0)
			pg_atomic_fetch_add_u64(&counts->count[c], place->count[c]);
	memset(place, 0, sizeof(*place));
}

static void
flush_at_exit(int code, Datum arg)
{
	cs_counters_flush();
}

/*
 * Add n to a counter of a slot, or of no table if slot is -1.  Does not throw.
 */
void
cs_counters_add(int slot, CsCount what, uint64 n)
{
	Place	   *place = &places[(slot + 1) % N_PLACES];

	if (place->used && place->slot != slot)
		flush_place(place);
	place->used = true;
	place->slot = slot;
	place->count[what] += n;
	waiting = true;
}

/*
 * Add this session's counts to shared memory.
 */
void
cs_counters_flush(void)
{
	for (int i = 0; i < N_PLACES; i++)
		if (places[i].used)
			flush_place(&places[i]);
	for (int i = 0; i < n_others; i++)
		others[i] ();
	waiting = false;
}

/*
 * Callback at PRE_COMMIT, before anything is marked.  May end the session.
 */
void
cs_counters_before_commit(void)
{
	if (!waiting || exit_registered)
		return;
	before_shmem_exit(flush_at_exit, (Datum) 0);
	exit_registered = true;
}

/*
 * Callback for the end of a transaction: flush if FLUSH_MS have passed.  Does
 * not throw.
 */
void
cs_counters_flush_if_due(bool committed)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();

	if (!waiting ||
		(exit_registered && now - last_flush < FLUSH_MS * INT64CONST(1000)))
		return;
	cs_counters_flush();
	last_flush = now;
}

/*
 * Have a function called whenever this session hands in its counts.  It must
 * not throw.  To be called while the library is loaded.
 */
void
cs_counters_join(CsHandIn hand_in)
{
	if (n_others == lengthof(others))
		elog(FATAL, "too many kinds of counts");
	others[n_others++] = hand_in;
}

/* There is something to be handed in by a function that has joined. */
void
cs_counters_note(void)
{
	waiting = true;
}

/*
 * Copy the counters of a slot into an array of CS_N_COUNTS.  The caller
 * flushes first if it wants to see its own counts.
 */
void
cs_counters_read(int slot, uint64 *counts)
{
	for (int c = 0; c < CS_N_COUNTS; c++)
		counts[c] = pg_atomic_read_u64(&shared_counts(slot)->count[c]);
}

void
cs_counters_reset(int slot)
{
	for (int c = 0; c < CS_N_COUNTS; c++)
		pg_atomic_write_u64(&shared_counts(slot)->count[c], 0);
}
