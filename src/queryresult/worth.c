/*-------------------------------------------------------------------------
 *
 * worth.c
 *		Does it pay to keep the results of a statement shape?
 *
 * What it has cost and brought is judged after every TRIAL executions that
 * were timed: time spent on hits, on lookups, on copying and keeping, against
 * the computing times of the results that were hit.  If more than BUDGET of
 * the time that the statements would have taken without the cache was lost,
 * the shape is left alone: for so many executions that the loss, spread over
 * them, is within BUDGET; twice as many after each further trial that was no
 * better, up to MAX_FAILURES times and MAX_SKIP executions; and not longer
 * than LONGEST.  Then it is tried again.
 *
 * So a shape loses at most BUDGET of its time, besides its first trial, what a
 * shape that is left alone costs (an atomic load and a count), and what the
 * measurements miss.  A shape that loses less than that goes on: its keys may
 * be many, and their results still to be used.
 *
 * What computing takes is known from runs.  A result's own time is kept with
 * it.  The first run of a shape in a session is no measure, as caches are
 * cold; and a result that is hit for ever would never be measured again.  So
 * of the hits of a shape the MEASURE_FIRSTth, and then each of MEASURE_NEXT
 * times that number, is computed all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "guc.h"
#include "queryresult/worth.h"
#include "store/clock.h"

#define TRIAL			32
#define BUDGET			0.02
#define MAX_FAILURES	6
#define MAX_SKIP		100000
#define LONGEST			(10 * USECS_PER_MINUTE)

#define MEASURE_FIRST	16
#define MEASURE_NEXT	8

/* A trial has to be better than the last one by this to count as progress. */
#define PROGRESS		0.8

/* How often an execution that is left alone looks at the clock. */
#define LOOK_AT_CLOCK	16

/* ----- judging ----- */

static double
since_judged(const CsSharedTally *shared, const uint64 *now, CsTallyCount what)
{
	return (double) (int64) (now[what] - shared->judged[what]);
}

/* How long it is left alone after a trial of 'n' executions. */
static void
leave_alone(CsSharedTally *shared, double n, double loss)
{
	double		skip;

	if (shared->failures == 0 || loss > shared->loss * PROGRESS)
		shared->failures = Min(shared->failures + 1, MAX_FAILURES);
	shared->loss = loss;
	skip = n * (loss / BUDGET - 1) * (1 << (shared->failures - 1));
	skip = Max(Min(skip, MAX_SKIP), TRIAL);
	pg_atomic_write_u64(&shared->skip, (uint64) skip);
	pg_atomic_write_u64(&shared->until, cs_clock_now() + LONGEST);
}

static void
read_counts(CsSharedTally *shared, uint64 *counts)
{
	for (int i = 0; i < CS_N_TALLY; i++)
		counts[i] = pg_atomic_read_u64(&shared->count[i]);
}

/*
 * Judge the shape, if enough has been seen of it since the last time.
 */
static void
judge(CsSharedTally *shared)
{
	uint64		now[CS_N_TALLY];

	if (!cs_results_adapt || pg_atomic_read_u64(&shared->until) != 0)
		return;
	read_counts(shared, now);
	SpinLockAcquire(&shared->lock);
	if (since_judged(shared, now, CS_TALLY_TIMED) >= TRIAL)
	{
		double		n = since_judged(shared, now, CS_TALLY_TIMED);
		double		saved = since_judged(shared, now, CS_TALLY_SAVED);
		double		spent = since_judged(shared, now, CS_TALLY_SPENT);
		double		plain = saved + since_judged(shared, now, CS_TALLY_RUN);

		memcpy(shared->judged, now, sizeof(now));
		if (spent - saved > BUDGET * plain && plain > 0)
			leave_alone(shared, n, (spent - saved) / plain);
		else
			shared->failures = 0;
	}
	SpinLockRelease(&shared->lock);
}

/* The trial is of what comes from now on. */
static void
try_again(CsSharedTally *shared)
{
	uint64		now[CS_N_TALLY];

	read_counts(shared, now);
	SpinLockAcquire(&shared->lock);
	memcpy(shared->judged, now, sizeof(now));
	SpinLockRelease(&shared->lock);
	pg_atomic_write_u64(&shared->until, 0);
}

void
cs_worth_init(void)
{
	cs_tally_handed_in = judge;
}

/* ----- asking ----- */

bool
cs_worth_alone(uint64 key)
{
	const CsTally *tally = cs_results_adapt ? cs_tally_find(key) : NULL;

	return tally != NULL && pg_atomic_read_u64(&tally->shared->until) != 0;
}

static bool
is_over(const CsTally *tally, uint64 until)
{
	if ((int64) pg_atomic_read_u64(&tally->shared->skip) - tally->skipped <= 0)
		return true;
	return tally->skipped % LOOK_AT_CLOCK == 0 && cs_clock_now() >= (TimestampTz) until;
}

bool
cs_worth_leave(uint64 key)
{
	const CsTally *tally = cs_results_adapt ? cs_tally_find(key) : NULL;
	uint64		until;

	if (tally == NULL)
		return false;
	until = pg_atomic_read_u64(&tally->shared->until);
	if (until == 0)
		return false;
	if (is_over(tally, until))
	{
		try_again(tally->shared);
		return false;
	}
	cs_tally_executed(key, CS_TALLY_LEFT_ALONE);
	return true;
}

bool
cs_worth_measuring(uint64 key)
{
	CsTally    *tally = cs_results_adapt ? cs_tally_find(key) : NULL;
	uint64		hits;
	uint64		next;

	if (tally == NULL)
		return false;
	next = pg_atomic_read_u64(&tally->shared->measure);
	hits = pg_atomic_read_u64(&tally->shared->count[CS_TALLY_HIT]) + tally->count[CS_TALLY_HIT];
	if (hits < Max(next, MEASURE_FIRST))
		return false;
	return pg_atomic_compare_exchange_u64(&tally->shared->measure, &next, hits * MEASURE_NEXT);
}
