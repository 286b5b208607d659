/*-------------------------------------------------------------------------
 *
 * latency.h
 *		Histograms of how long operations take.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LATENCY_H
#define CS_LATENCY_H

#include "guc.h"

/* In the order of the rows of cache.latency. */
typedef enum CsLatency
{
	CS_LATENCY_ROW_HIT,
	CS_LATENCY_ROW_MISS,
	CS_LATENCY_ROW_LOAD,
	CS_LATENCY_ROW_WRITE,
	CS_LATENCY_ROW_FLUSH,
	CS_LATENCY_KEY_HIT,
	CS_LATENCY_KEY_WRITE,
	CS_LATENCY_RESULT_HIT,
	CS_LATENCY_RESULT_LOAD,
	CS_N_LATENCIES
} CsLatency;

/*
 * Eight buckets for each power of two nanoseconds from 2^6 to 2^36 (69 s), one
 * for all below, and one for all above.
 */
#define CS_LATENCY_FIRST	6
#define CS_LATENCY_LAST		36
#define CS_LATENCY_PARTS	8
#define CS_LATENCY_BUCKETS \
	((CS_LATENCY_LAST - CS_LATENCY_FIRST) * CS_LATENCY_PARTS + 2)

/* One hit in so many is timed, on average. */
#define CS_LATENCY_EVERY	64

/* Hits until the next one that is timed; see cs_latency_begin(). */
extern int	cs_latency_left;

extern Size cs_latency_shmem_size(void);
extern void cs_latency_shmem_init(void);
extern void cs_latency_init(void);
extern int64 cs_latency_time_hit(void);
extern void cs_latency_add(CsLatency what, int64 nanos);
extern uint64 cs_latency_read(CsLatency what, uint64 *count);
extern int64 cs_latency_bound(int bucket);
extern void cs_latency_reset(void);

/* Whether what took so long is to be logged. */
static inline bool
cs_latency_is_slow(int64 nanos)
{
	return cs_log_min_duration >= 0 && nanos >= cs_log_min_duration * INT64CONST(1000000);
}

/*
 * The time at which something begins that may be a hit; 0: it is not timed.
 */
static inline int64
cs_latency_begin(void)
{
	return likely(--cs_latency_left > 0) ? 0 : cs_latency_time_hit();
}

#endif							/* CS_LATENCY_H */
