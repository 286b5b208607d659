/*-------------------------------------------------------------------------
 *
 * zipf.h
 *		Keys that are asked for with unequal frequency.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ZIPF_H
#define ZIPF_H

#include <stdint.h>

typedef struct
{
	long		n;
	double		low;			/* the range that is drawn from */
	double		high;
	double		shortcut;		/* so near to the rank there is no rejection */
	int			half_bits;		/* of the permutation's domain */
} Zipf;

extern double random_unit(uint64_t *random);
extern void zipf_init(Zipf *zipf, long n);
extern long zipf_pick(const Zipf *zipf, uint64_t *random);

#endif							/* ZIPF_H */
