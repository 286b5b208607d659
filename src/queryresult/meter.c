/*-------------------------------------------------------------------------
 *
 * meter.c
 *		What one run of a plain statement takes.
 *
 * A hit takes from before the lookup to its last row.  A run that misses takes
 * the same and more: looking, copying and keeping, which a run without the
 * cache does not.  The rest is computing.  Both include what is done with the
 * rows.  Of the copies of single rows the first few are timed, and then one of
 * COPY_EVERY.
 *
 * A run is not timed if the executor left it in between, as time may then have
 * passed elsewhere; if EXPLAIN ANALYZE looks on; and if it is the session's
 * first of its shape, which fills caches.  Tests can say how long runs and
 * hits take (cache_strategies.test_run, test_hit).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "queryresult/meter.h"
#include "store/clock.h"
#include "store/latency.h"

#define COPY_FIRST	4
#define COPY_EVERY	16			/* a power of two */

#define run_time(measured)	CS_METER_SAID(cs_test_run, measured)
#define hit_time(measured)	CS_METER_SAID(cs_test_hit, measured)

void
cs_meter_begin(CsMeter *meter, uint64 key, bool timed)
{
	CsTally    *tally = cs_tally_find(key);

	memset(meter, 0, sizeof(*meter));
	if (tally == NULL)
		return;
	meter->key = key;
	meter->timed = timed && tally->known;
	tally->known = true;
	if (meter->timed)
		meter->began = cs_clock_nanos();
}

/* Time may have passed that is not the statement's. */
void
cs_meter_interrupt(CsMeter *meter)
{
	meter->timed = false;
}

static bool
count_now(CsMeter *meter)
{
	if (meter->key == 0 || meter->counted)
		return false;
	meter->counted = true;
	return true;
}

void
cs_meter_bypass(CsMeter *meter, CsTallyCount why)
{
	if (count_now(meter))
		cs_tally_executed(meter->key, why);
}

/*
 * 'cost' is what computing the result took, in nanoseconds; 0: not known.
 */
void
cs_meter_hit(CsMeter *meter, int64 cost)
{
	int64		took = 0;

	if (!count_now(meter))
		return;
	if (cost == 0)
		cost = cs_tally_mean_run(meter->key);
	if (meter->timed)
	{
		took = cs_clock_nanos() - meter->began;
		cs_latency_add(CS_LATENCY_RESULT_HIT, took);
	}
	if (meter->timed && cost > 0)
	{
		cs_tally_add(meter->key, CS_TALLY_SAVED, cost);
		cs_tally_add(meter->key, CS_TALLY_SPENT, hit_time(took));
		cs_tally_add(meter->key, CS_TALLY_TIMED, 1);
	}
	cs_tally_executed(meter->key, CS_TALLY_HIT);
}

void
cs_meter_run(CsMeter *meter)
{
	if (meter->timed)
		meter->looked = cs_clock_nanos();
}

void
cs_meter_copy(CsMeter *meter)
{
	if (meter->timed &&
		(meter->rows < COPY_FIRST || (meter->rows & (COPY_EVERY - 1)) == 0))
		meter->copying = cs_clock_nanos();
	meter->rows++;
}

void
cs_meter_copied(CsMeter *meter)
{
	if (meter->copying == 0)
		return;
	meter->spent += (cs_clock_nanos() - meter->copying) *
		(meter->rows <= COPY_FIRST ? 1 : COPY_EVERY);
	meter->copying = 0;
}

/*
 * Nanoseconds that computing the result took, now that all rows are there; 0:
 * not known.
 */
int64
cs_meter_computed(CsMeter *meter)
{
	if (!meter->timed || meter->looked == 0)
		return 0;
	if (meter->ended == 0)
		meter->ended = cs_clock_nanos();
	return Max(run_time(meter->ended - meter->looked - meter->spent), 1);
}

void
cs_meter_end(CsMeter *meter, CsTallyCount how)
{
	int64		computed = cs_meter_computed(meter);

	if (!count_now(meter))
		return;
	if (computed > 0)
	{
		cs_tally_ran(meter->key, computed);
		cs_latency_add(CS_LATENCY_RESULT_LOAD, computed);
		cs_tally_add(meter->key, CS_TALLY_SPENT,
					 hit_time(meter->looked - meter->began + meter->spent +
							  cs_clock_nanos() - meter->ended));
		cs_tally_add(meter->key, CS_TALLY_TIMED, 1);
	}
	cs_tally_add(meter->key, CS_TALLY_MISS, 1);
	cs_tally_executed(meter->key, how);
}
