/*-------------------------------------------------------------------------
 *
 * simulation.h
 *		What the parts of the simulation share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SIMULATION_H
#define CS_SIMULATION_H

#include "compat.h"
#include "store/partition.h"

#define MAX_BACKENDS	8

#define fail(...) sim_fail(__FILE__, __LINE__, __VA_ARGS__)
#define expect(cond) \
	do { if (!(cond)) fail("expected: %s", #cond); } while (0)

/* Which order of memory accesses is simulated. */
typedef enum Ordering
{
	ORDER_CONSISTENT,			/* each access is seen by all at once */
	ORDER_LATE_STORES,			/* a store is seen by others later */
	ORDER_EARLY_LOADS,			/* a load returns what was there before */
	N_ORDERINGS
} Ordering;

cs_noreturn extern void sim_fail(const char *file, int line, const char *fmt,...)
			pg_attribute_printf(3, 4);
extern uint64 sim_random(uint64 below);
extern void sim_trace(const char *fmt,...) pg_attribute_printf(1, 2);

/* scheduler.c: backends, of which one runs at a time */
extern int	sim_backend;		/* the one that runs */
extern uint64 sim_steps;		/* accesses to shared memory so far */
extern int	sim_patience;		/* a backend makes so many of them in turn, on
								 * average */
extern void sim_start(int n, void (*body) (int backend));
extern void sim_run(uint64 steps);
extern bool sim_ending(void);
extern void sim_step(void);
extern void sim_yield(void);

/* memory.c: shared memory */
extern void sim_memory_init(void);
extern void sim_memory_order(Ordering ordering);
extern void *sim_memory_take(Size size);
extern void sim_memory_leave(int backend);
extern void sim_memory_enter(int backend);
extern void sim_full_barrier(const volatile void *changed);
extern void sim_read_barrier(void);

/* shim.c */
extern void sim_server_init(void);
extern void sim_forget_memory(void);
extern void (*sim_xact_callback) (int event);

/* The transaction of the backend that runs; 0: none. */
extern uint64 sim_xid[MAX_BACKENDS];

#endif							/* CS_SIMULATION_H */
