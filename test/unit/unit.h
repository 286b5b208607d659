/*-------------------------------------------------------------------------
 *
 * unit.h
 *		The unit tests of the store and what they share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_UNIT_H
#define CS_UNIT_H

#include <setjmp.h>

#include "compat.h"
#include "store/partition.h"

#define UNIT_MB		((Size) 1024 * 1024)

/* Bytes of the pool that values are cut from. */
#define POOL_SIZE	(2 * UNIT_MB)

#define fail(...) unit_fail(__FILE__, __LINE__, __VA_ARGS__)
#define expect(cond) \
	do { if (!(cond)) fail("expected: %s", #cond); } while (0)

extern char unit_pool[POOL_SIZE];

cs_noreturn extern void unit_fail(const char *file, int line, const char *fmt,...)
			pg_attribute_printf(3, 4);
/* where errors go to; NULL: they fail the test */
extern sigjmp_buf *complain_to;
extern void unit_ok(const char *name, const char *fmt,...) pg_attribute_printf(2, 3);
extern void unit_consistent(void);
extern uint64 unit_random(uint64 *state);
extern void unit_key(const int *id, CsKey *key);
extern double unit_clock(void);

/*
 * shim.c: start over with an empty store; noise: yield at bad moments; no
 * memory: allocations fail that may; elapsed: microseconds since the start; time of day: at the start, as it is
 * set now
 */
extern void shim_new_store(int memory_mb, int partitions, int tables);
extern void shim_new_miniatures(void);
extern bool shim_noise;
extern bool shim_no_memory;
extern int64 shim_elapsed;
extern TimestampTz shim_time_of_day;
extern void shim_overtake(void);

extern void test_model(void);
extern void test_collide(void);
extern void test_quota(void);
extern void test_torn(void);
extern void test_dirty(void);
extern void test_room(void);
extern void test_threads(void);
extern void test_unlink(void);
extern void test_alter(void);
extern void test_staged(void);
extern void test_share(void);
extern void test_expiry(void);
extern void test_settle(void);
extern void test_overhead(void);
extern void test_zipf(void);
extern void test_refill(void);
extern void test_doorkeeper(void);
extern void test_keyhash(void);
extern void test_hashtable(void);
extern void test_sampled(void);
extern void test_predict(void);

#endif							/* CS_UNIT_H */
