/*-------------------------------------------------------------------------
 *
 * keys.c
 *		Which keys are asked for, and what is known of their rows.
 *
 * The rank of a key is drawn from a Zipf distribution by rejection-inversion
 * (Hörmann and Derflinger 1996), which is exact and needs no table.  A permutation
 * of the ranks gives the key, so that hot rows are spread over the pages.
 *
 * The body of a row is a piece of a pool of random text; where it begins follows
 * from the key.  So a row can be compared with what it must be without having
 * been kept.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define ZIPF_EXPONENT	0.99

/* As in bench/headline. */
#define BODY_LENGTH		950
#define BODY_STEP		7919

Key		   *keys;
long		nkeys;

static double zipf_low;			/* the range that is drawn from */
static double zipf_high;
static double zipf_shortcut;	/* so near to the rank there is no rejection */
static int	half_bits;			/* of the permutation's domain */
static char *pool;
static int	pool_length;

/* ----- randomness ----- */

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

static void
zipf_init(void)
{
	zipf_low = zipf_integral(1.5) - 1;
	zipf_high = zipf_integral(nkeys + 0.5);
	zipf_shortcut = 2 - zipf_inverse(zipf_integral(2.5) - zipf_weight(2));
}

/* From 1 to nkeys. */
static long
zipf_rank(uint64_t *random)
{
	for (;;)
	{
		double		u = zipf_high + random_unit(random) * (zipf_low - zipf_high);
		double		x = zipf_inverse(u);
		long		rank = (long) (x + 0.5);

		if (rank < 1)
			rank = 1;
		else if (rank > nkeys)
			rank = nkeys;
		if (rank - x <= zipf_shortcut ||
			u >= zipf_integral(rank + 0.5) - zipf_weight(rank))
			return rank;
	}
}

/* A Feistel network on the next even power of two, until it is in range. */
static long
permute(long number)
{
	uint64_t	mask = (UINT64_C(1) << half_bits) - 1;
	uint64_t	x = number;

	do
	{
		uint64_t	left = x >> half_bits;
		uint64_t	right = x & mask;

		for (uint64_t round = 1; round <= 4; round++)
		{
			uint64_t	next = left ^ (mix(right + (round << 32)) & mask);

			left = right;
			right = next;
		}
		x = left << half_bits | right;
	} while (x >= (uint64_t) nkeys);
	return x;
}

long
keys_pick(uint64_t *random)
{
	return 1 + permute(zipf_rank(random) - 1);
}

/* ----- what is known ----- */

/* Rows begin with v = 0; later runs begin where the last one ended. */
void
keys_init(long n, const char *state_file)
{
	FILE	   *file = fopen(state_file, "r");

	nkeys = n;
	zipf_init();
	while ((INT64_C(1) << 2 * half_bits) < n)
		half_bits++;
	keys = calloc(n + 1, sizeof(Key));
	if (keys == NULL)
		fail("no memory for %ld keys", n);
	if (file == NULL && errno == ENOENT)
		return;
	for (long id = 1; id <= n; id++)
	{
		long		v;

		if (file == NULL || fread(&v, sizeof(v), 1, file) != 1)
			fail("cannot read %s", state_file);
		keys[id].issued = keys[id].committed = keys[id].acknowledged = v;
	}
	fclose(file);
}

void
keys_save(const char *state_file)
{
	FILE	   *file = fopen(state_file, "w");

	for (long id = 1; id <= nkeys; id++)
	{
		long		v = keys[id].issued;

		if (file == NULL || fwrite(&v, sizeof(v), 1, file) != 1)
			fail("cannot write %s", state_file);
	}
	if (fclose(file) != 0)
		fail("cannot write %s", state_file);
}

void
keys_set_pool(const char *text, int length)
{
	pool = strndup(text, length);
	pool_length = length;
	if (pool == NULL || length <= BODY_LENGTH)
		fail("no pool of text");
}

/* Whole, of the right key, and not from the future. */
void
keys_check_row(long id, const Row *row)
{
	long		issued = keys[id].issued;

	if (row->id != id)
		fail("asked for row %ld and got row %ld", id, row->id);
	if (row->body_length != BODY_LENGTH ||
		memcmp(row->body, pool + id * BODY_STEP % (pool_length - BODY_LENGTH), BODY_LENGTH) != 0)
		fail("row %ld has a body of some other row", id);
	if (row->v > issued)
		fail("row %ld has v = %ld, and no more than %ld has been written", id, row->v, issued);
}
