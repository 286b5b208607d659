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
 * Shared memory holds one row of counters per slot, one for reads of tables
 * without a slot, and one for what slots had counted before they were reset or
 * given to other tables, so that the sum over all only grows.  They are
 * atomic; there is no lock.
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
	pg_atomic_uint64 since;		/* atomic; when it was reset, or 0 */
	pg_atomic_uint64 count[CS_N_COUNTS];	/* atomic, each by itself */
} CsSharedCounts;

/* Rows after those of the slots. */
enum
{
	ROW_NO_SLOT,
	ROW_GONE,					/* of slots that were reset */
	ROW_BASE,					/* the sum over all when that was reset */
	N_ROWS
};

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
	return mul_size(cs_max_tables + N_ROWS, sizeof(CsSharedCounts));
}

void
cs_counters_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies counters",
							 cs_counters_shmem_size(), &found);
	if (found)
		return;
	for (int i = 0; i < cs_max_tables + N_ROWS; i++)
	{
		pg_atomic_init_u64(&shared[i].since, 0);
		for (int c = 0; c < CS_N_COUNTS; c++)
			pg_atomic_init_u64(&shared[i].count[c], 0);
	}
}

static CsSharedCounts *
row(int n)
{
	return &shared[cs_max_tables + n];
}

/* The row of a slot, or of no slot if that is -1. */
static CsSharedCounts *
shared_counts(int slot)
{
	return slot >= 0 ? &shared[slot] : row(ROW_NO_SLOT);
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

	/* the machine's clock may have been set back */
	if (!waiting ||
		(exit_registered && now >= last_flush && now - last_flush < FLUSH_MS * INT64CONST(1000)))
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

/* The sum over all tables and spaces since the server start. */
static uint64
sum_over_all(CsCount c)
{
	uint64		sum = 0;

	for (int i = 0; i < cs_max_tables; i++)
		sum += pg_atomic_read_u64(&shared[i].count[c]);
	return sum + pg_atomic_read_u64(&row(ROW_NO_SLOT)->count[c]) +
		pg_atomic_read_u64(&row(ROW_GONE)->count[c]);
}

/*
 * Counts over all tables and spaces of all databases.  A slot that is being
 * reset may be missing for a moment.
 */
void
cs_counters_total(uint64 *counts)
{
	for (int c = 0; c < CS_N_COUNTS; c++)
		counts[c] = sum_over_all(c) - pg_atomic_read_u64(&row(ROW_BASE)->count[c]);
}

static void
reset(CsSharedCounts *counts, TimestampTz since)
{
	for (int c = 0; c < CS_N_COUNTS; c++)
		pg_atomic_fetch_add_u64(&row(ROW_GONE)->count[c],
								pg_atomic_exchange_u64(&counts->count[c], 0));
	pg_atomic_write_u64(&counts->since, (uint64) since);
}

/*
 * Set the counters of a slot to zero because a user wants it.
 */
void
cs_counters_reset(int slot)
{
	reset(shared_counts(slot), GetCurrentTimestamp());
}

/*
 * Set the counters of a slot to zero because it is another object's now.
 */
void
cs_counters_begin(int slot)
{
	reset(shared_counts(slot), 0);
}

/*
 * Let the sum over all begin at zero, and what has no slot with it.
 */
void
cs_counters_reset_total(void)
{
	reset(row(ROW_NO_SLOT), 0);
	for (int c = 0; c < CS_N_COUNTS; c++)
		pg_atomic_write_u64(&row(ROW_BASE)->count[c], sum_over_all(c));
	pg_atomic_write_u64(&row(ROW_BASE)->since, (uint64) GetCurrentTimestamp());
}

/* When the counters of a slot were reset; 0: never. */
TimestampTz
cs_counters_since(int slot)
{
	return (TimestampTz) pg_atomic_read_u64(&shared_counts(slot)->since);
}

TimestampTz
cs_counters_total_since(void)
{
	return (TimestampTz) pg_atomic_read_u64(&row(ROW_BASE)->since);
}

/* ----- reasons ----- */

const CsCountReason cs_counters_reasons[CS_N_COUNT_REASONS] = {
	{CS_COUNT_MISS_COLD, CS_EVENT_MISS, "not_cached"},
	{CS_COUNT_MISS_EXPIRED, CS_EVENT_MISS, "expired"},
	{CS_COUNT_MISS_EPOCH, CS_EVENT_MISS, "whole_table_changed"},
	{CS_COUNT_MISS_TAG, CS_EVENT_MISS, "tag_invalidated"},
	{CS_COUNT_MISS_FALLEN, CS_EVENT_MISS, "table_changed"},
	{CS_COUNT_MISS_SNAPSHOT, CS_EVENT_MISS, "other_snapshot"},
	{CS_COUNT_MISS_ANEW, CS_EVENT_MISS, "computed_anew"},
	{CS_COUNT_BYPASS_TOO_NEW, CS_EVENT_BYPASS, "newer_than_snapshot"},
	{CS_COUNT_BYPASS_WRITERS, CS_EVENT_BYPASS, "in_flux"},
	{CS_COUNT_BYPASS_OWN, CS_EVENT_BYPASS, "own_changes"},
	{CS_COUNT_BYPASS_TRIGGERS, CS_EVENT_BYPASS, "triggers"},
	{CS_COUNT_BYPASS_SERIALIZABLE, CS_EVENT_BYPASS, "serializable"},
	{CS_COUNT_BYPASS_RECOVERY, CS_EVENT_BYPASS, "recovery"},
	{CS_COUNT_BYPASS_RLS, CS_EVENT_BYPASS, "row_security"},
	{CS_COUNT_BYPASS_PARALLEL, CS_EVENT_BYPASS, "parallel"},
	{CS_COUNT_BYPASS_SNAPSHOT, CS_EVENT_BYPASS, "snapshot"},
	{CS_COUNT_BYPASS_KEY, CS_EVENT_BYPASS, "long_key"},
	{CS_COUNT_BYPASS_HASH, CS_EVENT_BYPASS, "hash_collision"},
	{CS_COUNT_BYPASS_SLOT, CS_EVENT_BYPASS, "no_place"},
	{CS_COUNT_BYPASS_SHARE, CS_EVENT_BYPASS, "share_of_owner"},
	{CS_COUNT_BYPASS_DISABLED, CS_EVENT_BYPASS, "disabled"},
	{CS_COUNT_BYPASS_RESULT, CS_EVENT_BYPASS, "result_not_usable"},
	{CS_COUNT_REFUSED_CHANGED, CS_EVENT_REFUSED, "changed_meanwhile"},
	{CS_COUNT_REFUSED_OWN, CS_EVENT_REFUSED, "own_changes"},
	{CS_COUNT_REFUSED_BOOT, CS_EVENT_REFUSED, "prepared_before_start"},
	{CS_COUNT_REFUSED_YOUNG, CS_EVENT_REFUSED, "older_writers"},
	{CS_COUNT_REFUSED_PREPARED, CS_EVENT_REFUSED, "prepared"},
	{CS_COUNT_REFUSED_BY_HAND, CS_EVENT_REFUSED, "fill_by_hand"},
	{CS_COUNT_REFUSED_PUBLISH, CS_EVENT_REFUSED, "publish"},
	{CS_COUNT_NO_ROOM_LARGE, CS_EVENT_NO_ROOM, "too_large"},
	{CS_COUNT_NO_ROOM_FULL, CS_EVENT_NO_ROOM, "full"},
};

/*
 * How often an event has happened, for whatever reason.
 */
uint64
cs_counters_sum(const uint64 *counts, CsCountEvent event)
{
	uint64		sum = 0;

	for (int i = 0; i < lengthof(cs_counters_reasons); i++)
		if (cs_counters_reasons[i].event == event)
			sum += counts[cs_counters_reasons[i].count];
	return sum;
}
