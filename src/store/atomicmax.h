/*-------------------------------------------------------------------------
 *
 * atomicmax.h
 *		Raise a shared 64-bit word to a value. Lock-free; safe in COMMIT
 *		callbacks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ATOMICMAX_H
#define CS_ATOMICMAX_H

#include "port/atomics.h"

static inline void
cs_atomic_max(pg_atomic_uint64 *word, uint64 value)
{
	uint64		old = pg_atomic_read_u64(word);

	while (old < value && !pg_atomic_compare_exchange_u64(word, &old, value))
		;
}

#endif							/* CS_ATOMICMAX_H */
