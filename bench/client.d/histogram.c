/*-------------------------------------------------------------------------
 *
 * histogram.c
 *		Latencies, counted in buckets: linear within a power of two, as many for
 *		each of them.
 *
 *-------------------------------------------------------------------------
 */
#include "histogram.h"

#define SUB_BUCKETS (1 << SUB_BUCKET_BITS)

static int
bucket_of(int64_t ns)
{
	int			shift;
	int			bucket;

	if (ns < SUB_BUCKETS)
		return ns < 0 ? 0 : ns;
	shift = 63 - SUB_BUCKET_BITS - __builtin_clzll(ns);
	bucket = (shift << SUB_BUCKET_BITS) + (int) (ns >> shift);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of it. */
static double
value_of(int bucket)
{
	int			shift = (bucket >> SUB_BUCKET_BITS) - 1;

	if (shift <= 0)
		return bucket;
	return ((bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS + 0.5) * (double) (INT64_C(1) << shift);
}

void
histogram_add(Histogram *h, int64_t ns)
{
	h->counts[bucket_of(ns)]++;
}

void
histogram_merge(Histogram *into, const Histogram *from)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->counts[i] += from->counts[i];
}

/* The latency that this fraction of all does not exceed, in microseconds. */
double
histogram_us(const Histogram *h, double fraction)
{
	uint64_t	total = 0;
	uint64_t	seen = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->counts[i];
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		seen += h->counts[i];
		if (seen > 0 && seen >= fraction * total)
			return value_of(i) / 1000;
	}
	return 0;
}
