/*-------------------------------------------------------------------------
 *
 * latency.c
 *		Histograms of how long operations take, over all databases.
 *
 * The buckets are log-linear with bounds that never change, so histograms of
 * sessions and of spans of time can be added up.  A bucket is at most an
 * eighth of its lower bound wide.
 *
 * Each session counts in local memory and hands in with its other counts
 * (counters.c).  Reading a clock costs a part of what a hit does, so of hits
 * only one in CS_LATENCY_EVERY is timed, or more if more are traced (trace.c).
 * The distance from one to the next is
 * random, so that what repeats itself is not always met at the same place.
 * All else takes so much longer that each is timed.
 *
 * Shared memory holds the histograms.  They are atomics; there is no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/shmem.h"

#include "store/clock.h"
#include "store/counters.h"
#include "store/latency.h"

typedef struct CsSharedHistogram
{
	pg_atomic_uint64 nanos;		/* atomic; the sum */
	pg_atomic_uint64 count[CS_LATENCY_BUCKETS]; /* atomic, each by itself */
} CsSharedHistogram;

typedef struct Histogram
{
	bool		used;
	uint64		nanos;
	uint32		count[CS_LATENCY_BUCKETS];
} Histogram;

static CsSharedHistogram *shared;
static Histogram local[CS_N_LATENCIES];
int			cs_latency_left = 1;

Size
cs_latency_shmem_size(void)
{
	return CS_N_LATENCIES * sizeof(CsSharedHistogram);
}

void
cs_latency_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies latencies",
							 cs_latency_shmem_size(), &found);
	if (found)
		return;
	for (int i = 0; i < CS_N_LATENCIES; i++)
	{
		pg_atomic_init_u64(&shared[i].nanos, 0);
		for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
			pg_atomic_init_u64(&shared[i].count[b], 0);
	}
}

static void
hand_in(void)
{
	for (int i = 0; i < CS_N_LATENCIES; i++)
	{
		if (!local[i].used)
			continue;
		pg_atomic_fetch_add_u64(&shared[i].nanos, local[i].nanos);
		for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
			if (local[i].count[b] != 0)
				pg_atomic_fetch_add_u64(&shared[i].count[b], local[i].count[b]);
		memset(&local[i], 0, sizeof(Histogram));
	}
}

void
cs_latency_init(void)
{
	cs_counters_join(hand_in);
}

/* ----- buckets ----- */

static int
bucket_of(int64 nanos)
{
	int			power;

	if (nanos < (INT64CONST(1) << CS_LATENCY_FIRST))
		return 0;
	power = pg_leftmost_one_pos64(nanos);
	if (power >= CS_LATENCY_LAST)
		return CS_LATENCY_BUCKETS - 1;
	/* the bits after the first one choose the part */
	return 1 + (power - CS_LATENCY_FIRST) * CS_LATENCY_PARTS +
		(int) ((nanos >> (power - 3)) & (CS_LATENCY_PARTS - 1));
}

/*
 * The upper bound of a bucket, in nanoseconds, which is not in it; of the last
 * one PG_INT64_MAX.
 */
int64
cs_latency_bound(int bucket)
{
	int			power = CS_LATENCY_FIRST + (bucket - 1) / CS_LATENCY_PARTS;
	int			part = (bucket - 1) % CS_LATENCY_PARTS;

	if (bucket == 0)
		return INT64CONST(1) << CS_LATENCY_FIRST;
	if (bucket == CS_LATENCY_BUCKETS - 1)
		return PG_INT64_MAX;
	return (int64) (CS_LATENCY_PARTS + part + 1) << (power - 3);
}

StaticAssertDecl(CS_LATENCY_PARTS == 1 << 3, "three bits choose the part");

/* ----- counting ----- */

/*
 * Begin to time what may be a hit, and choose the next one that is timed.
 * Returns the time.
 */
int64
cs_latency_time_hit(void)
{
	uint32		every = CS_LATENCY_EVERY;

	if (cs_trace_log_sample > 0)
		every = Min(every, cs_trace_log_sample);
	if (cs_trace)
		every = 1;
	cs_latency_left = 1 + (int) (pg_prng_uint32(&pg_global_prng_state) % (2 * every - 1));
	return cs_clock_nanos();
}

/*
 * Count an operation that took so long.  Does not throw.
 */
void
cs_latency_add(CsLatency what, int64 nanos)
{
	Histogram  *histogram = &local[what];

	histogram->used = true;
	histogram->nanos += nanos;
	histogram->count[bucket_of(nanos)]++;
	cs_counters_note();
}

/*
 * Copy a histogram into an array of CS_LATENCY_BUCKETS.  Returns the sum of
 * the times.
 */
uint64
cs_latency_read(CsLatency what, uint64 *count)
{
	for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
		count[b] = pg_atomic_read_u64(&shared[what].count[b]);
	return pg_atomic_read_u64(&shared[what].nanos);
}

void
cs_latency_reset(void)
{
	for (int i = 0; i < CS_N_LATENCIES; i++)
	{
		pg_atomic_write_u64(&shared[i].nanos, 0);
		for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
			pg_atomic_write_u64(&shared[i].count[b], 0);
	}
}
