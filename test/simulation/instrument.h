/*-------------------------------------------------------------------------
 *
 * instrument.h
 *		Included before anything else in the sources that are simulated.
 *
 * Plain accesses are seen by what -fsanitize=thread adds to them (memory.c).
 * Here is what that does not see: atomic operations, barriers, and copies.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_INSTRUMENT_H
#define CS_INSTRUMENT_H

#include "postgres.h"

#include "port/atomics.h"

extern void sim_full_barrier(const volatile void *changed);
extern void sim_read_barrier(void);
extern void sim_write_barrier(void);
extern void sim_memcpy(void *to, const void *from, size_t n);
extern int	sim_memcmp(const void *a, const void *b, size_t n);
extern void sim_memset(void *to, int c, size_t n);

#undef pg_memory_barrier
#undef pg_read_barrier
#undef pg_write_barrier
#define pg_memory_barrier()	sim_full_barrier(NULL)
#define pg_read_barrier()	sim_read_barrier()
#define pg_write_barrier()	sim_write_barrier()

/* A name that is being replaced is not replaced again. */
#define SIM_RMW(p, call)	(sim_full_barrier(p), call)
#define pg_atomic_exchange_u32(p, v)	SIM_RMW(p, pg_atomic_exchange_u32(p, v))
#define pg_atomic_exchange_u64(p, v)	SIM_RMW(p, pg_atomic_exchange_u64(p, v))
#define pg_atomic_fetch_add_u32(p, v)	SIM_RMW(p, pg_atomic_fetch_add_u32(p, v))
#define pg_atomic_fetch_add_u64(p, v)	SIM_RMW(p, pg_atomic_fetch_add_u64(p, v))
#define pg_atomic_fetch_sub_u32(p, v)	SIM_RMW(p, pg_atomic_fetch_sub_u32(p, v))
#define pg_atomic_fetch_sub_u64(p, v)	SIM_RMW(p, pg_atomic_fetch_sub_u64(p, v))
#define pg_atomic_fetch_or_u32(p, v)	SIM_RMW(p, pg_atomic_fetch_or_u32(p, v))
#define pg_atomic_fetch_or_u64(p, v)	SIM_RMW(p, pg_atomic_fetch_or_u64(p, v))
#define pg_atomic_fetch_and_u32(p, v)	SIM_RMW(p, pg_atomic_fetch_and_u32(p, v))
#define pg_atomic_fetch_and_u64(p, v)	SIM_RMW(p, pg_atomic_fetch_and_u64(p, v))
#define pg_atomic_add_fetch_u32(p, v)	SIM_RMW(p, pg_atomic_add_fetch_u32(p, v))
#define pg_atomic_add_fetch_u64(p, v)	SIM_RMW(p, pg_atomic_add_fetch_u64(p, v))
#define pg_atomic_sub_fetch_u32(p, v)	SIM_RMW(p, pg_atomic_sub_fetch_u32(p, v))
#define pg_atomic_sub_fetch_u64(p, v)	SIM_RMW(p, pg_atomic_sub_fetch_u64(p, v))
#define pg_atomic_compare_exchange_u32(p, e, n) SIM_RMW(p, pg_atomic_compare_exchange_u32(p, e, n))
#define pg_atomic_compare_exchange_u64(p, e, n) SIM_RMW(p, pg_atomic_compare_exchange_u64(p, e, n))

#undef memcpy
#undef memmove
#undef memcmp
#undef memset
static inline void *
sim_copy(void *to, const void *from, size_t n)
{
	sim_memcpy(to, from, n);
	return to;
}

static inline void *
sim_set(void *to, int c, size_t n)
{
	sim_memset(to, c, n);
	return to;
}

#define memcpy(to, from, n)	sim_copy(to, from, n)
#define memmove(to, from, n)	sim_copy(to, from, n)
#define memcmp(a, b, n)		sim_memcmp(a, b, n)
#define memset(to, c, n)	sim_set(to, c, n)

#endif							/* CS_INSTRUMENT_H */
