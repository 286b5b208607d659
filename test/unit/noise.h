/*-------------------------------------------------------------------------
 *
 * noise.h
 *		Included before anything else in the stress build: lets threads be
 *		overtaken at each barrier and in the middle of each copy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_NOISE_H
#define CS_NOISE_H

#include "postgres.h"

#include "port/atomics.h"

extern void shim_overtake(void);

static inline void
noisy_memcpy(void *to, const void *from, size_t n)
{
	size_t		half = n / 2;

	__builtin_memcpy(to, from, half);
	shim_overtake();
	__builtin_memcpy((char *) to + half, (const char *) from + half, n - half);
}

static inline void
noisy_memmove(void *to, const void *from, size_t n)
{
	__builtin_memmove(to, from, n);
	shim_overtake();
}

static inline void
noisy_read_barrier(void)
{
	pg_read_barrier_impl();
	shim_overtake();
}

static inline void
noisy_write_barrier(void)
{
	pg_write_barrier_impl();
	shim_overtake();
}

#undef pg_read_barrier
#undef pg_write_barrier
#define pg_read_barrier()	noisy_read_barrier()
#define pg_write_barrier()	noisy_write_barrier()

#undef memcpy
#undef memmove
#define memcpy(to, from, n)	noisy_memcpy(to, from, n)
#define memmove(to, from, n)	noisy_memmove(to, from, n)

#endif							/* CS_NOISE_H */
