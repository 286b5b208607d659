/*-------------------------------------------------------------------------
 *
 * zipf.c
 *		Which keys are asked for.
 *
 * The rank of a key is drawn from a Zipf distribution by rejection-inversion
 * (Hörmann and Derflinger 1996), which is exact and needs no table.  A permutation
 * of the ranks gives the key, so that hot rows are spread over the pages.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "zipf.h"

#define ZIPF_EXPONENT	0.99

static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* In [0, 1). */
double
random_unit(uint64_t *random)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return (mix(*random) >> 11) * 0x1p-53;
}

/* The integral of x^-ZIPF_EXPONENT from 1, and its inverse. */
static double
zipf_integral(double x)
{
	return expm1((1 - ZIPF_EXPONENT) * log(x)) / (1 - ZIPF_EXPONENT);
}

static double
zipf_inverse(double y)
{
	return exp(log1p(y * (1 - ZIPF_EXPONENT)) / (1 - ZIPF_EXPONENT));
}

static double
zipf_weight(double x)
{
	return pow(x, -ZIPF_EXPONENT);
}

void
zipf_init(Zipf *zipf, long n)
{
	zipf->n = n;
	zipf->low = zipf_integral(1.5) - 1;
	zipf->high = zipf_integral(n + 0.5);
	zipf->shortcut = 2 - zipf_inverse(zipf_integral(2.5) - zipf_weight(2));
	zipf->half_bits = 0;
	while ((INT64_C(1) << 2 * zipf->half_bits) < n)
		zipf->half_bits++;
}

/* From 1 to n. */
static long
zipf_rank(const Zipf *zipf, uint64_t *random)
{
	for (;;)
	{
		double		u = zipf->high + random_unit(random) * (zipf->low - zipf->high);
		double		x = zipf_inverse(u);
		long		rank = (long) (x + 0.5);

		if (rank < 1)
			rank = 1;
		else if (rank > zipf->n)
			rank = zipf->n;
		if (rank - x <= zipf->shortcut ||
			u >= zipf_integral(rank + 0.5) - zipf_weight(rank))
			return rank;
	}
}

/* A Feistel network on the next even power of two, until it is in range. */
static long
permute(const Zipf *zipf, long number)
{
	uint64_t	mask = (UINT64_C(1) << zipf->half_bits) - 1;
	uint64_t	x = number;

	do
	{
		uint64_t	left = x >> zipf->half_bits;
		uint64_t	right = x & mask;

		for (uint64_t round = 1; round <= 4; round++)
		{
			uint64_t	next = left ^ (mix(right + (round << 32)) & mask);

			left = right;
			right = next;
		}
		x = left << zipf->half_bits | right;
	} while (x >= (uint64_t) zipf->n);
	return x;
}

/* A key from 1 to n. */
long
zipf_pick(const Zipf *zipf, uint64_t *random)
{
	return 1 + permute(zipf, zipf_rank(zipf, random) - 1);
}
