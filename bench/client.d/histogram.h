/*-------------------------------------------------------------------------
 *
 * histogram.h
 *		Latencies, counted in buckets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/* Of each power of two, so that a value is known to 1.6 %. */
#define SUB_BUCKET_BITS		6
#define HISTOGRAM_BUCKETS	(36 << SUB_BUCKET_BITS)

typedef struct
{
	uint64_t	counts[HISTOGRAM_BUCKETS];
} Histogram;

extern void histogram_add(Histogram *h, int64_t ns);
extern void histogram_merge(Histogram *into, const Histogram *from);
extern double histogram_us(const Histogram *h, double fraction);

#endif							/* HISTOGRAM_H */
