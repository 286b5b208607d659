/*-------------------------------------------------------------------------
 *
 * stripe.c
 *		Stripes: shared words that record the changes of keys, chosen by key
 *		hash.
 *
 * See stripe.h for the contents of a word.  The array has
 * cache_strategies.stripes elements.  Two keys that share a stripe can cause a
 * refused fill, but no wrong result.
 *
 * Sleepers share a few condition variables.  A sleeper is in its queue before
 * it looks at what it waits for, and a waker looks at the queue after it has
 * changed that, each with a full barrier in between.  So either the waker
 * finds the sleeper, or the sleeper finds the change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/proclist.h"
#include "storage/shmem.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "guc.h"
#include "store/atomicmax.h"
#include "store/stripe.h"
#include "store/touch.h"

typedef struct CsSharedStripe
{
	pg_atomic_uint64 word;		/* atomic; version << CS_STRIPE_WRITERS_BITS |
								 * writers */
	pg_atomic_uint64 prepared_xid;	/* atomic; only grows */
} CsSharedStripe;

/* Condition variables; a power of two. */
#define N_WAKES		64

static CsSharedStripe *stripes;
static uint32 writers_event = 0;	/* see cs_wait_event() */
static uint32 stripe_mask;

/* Behind the stripes in shared memory; each has its own lock. */
static ConditionVariable *wakes;

Size
cs_stripe_shmem_size(void)
{
	return add_size(mul_size(cs_stripes, sizeof(CsSharedStripe)),
					N_WAKES * sizeof(ConditionVariable));
}

void
cs_stripe_shmem_init(void)
{
	bool		found;

	stripes = ShmemInitStruct("cache_strategies stripes",
							  cs_stripe_shmem_size(), &found);
	stripe_mask = (uint32) cs_stripes - 1;
	wakes = (ConditionVariable *) (stripes + cs_stripes);
	if (found)
		return;
	for (int i = 0; i < cs_stripes; i++)
	{
		pg_atomic_init_u64(&stripes[i].word, 0);
		pg_atomic_init_u64(&stripes[i].prepared_xid, 0);
	}
	for (int i = 0; i < N_WAKES; i++)
		ConditionVariableInit(&wakes[i]);
}

/*
 * Stripe of a key's hash.
 */
uint32
cs_stripe_of(uint64 hash)
{
	return (uint32) (hash >> 32) & stripe_mask;
}

/*
 * Read a stripe's word.  Includes a full barrier, so that what the caller does
 * next, taking a snapshot, does not become visible first.
 */
uint64
cs_stripe_read(uint32 stripe)
{
	uint64		word = pg_atomic_read_u64(&stripes[stripe].word);

	pg_memory_barrier();
	return word;
}

/*
 * Copy all words, of which there are cache_strategies.stripes.  Ends with a
 * full barrier, as cs_stripe_read() does.
 */
void
cs_stripe_copy(uint64 *words)
{
	for (int i = 0; i < cs_stripes; i++)
		words[i] = pg_atomic_read_u64(&stripes[i].word);
	pg_memory_barrier();
}

uint64
cs_stripe_prepared_xid(uint32 stripe)
{
	return pg_atomic_read_u64(&stripes[stripe].prepared_xid);
}

/*
 * Have the stripe's page mapped before it is marked; see cs_touch().
 */
void
cs_stripe_touch(uint32 stripe)
{
	cs_touch(&stripes[stripe]);
}

/*
 * Begin a change: writers + 1 and version + 1 in one step.  Returns the new
 * version.
 */
uint64
cs_stripe_mark(uint32 stripe)
{
	return cs_stripe_version(cs_stripe_mark_word(&stripes[stripe].word));
}

/*
 * Version + 1 on a stripe that this transaction has already marked.
 */
void
cs_stripe_bump(uint32 stripe)
{
	pg_atomic_fetch_add_u64(&stripes[stripe].word, CS_STRIPE_ONE_VERSION);
}

/*
 * Wake the sleepers.  The caller has made a full barrier.  The queue is nearly
 * always empty, and is looked at without its lock.
 */
static inline void
wake(ConditionVariable *cv)
{
	if (!proclist_is_empty(&cv->wakeup))
		ConditionVariableBroadcast(cv);
}

static inline ConditionVariable *
wake_of(uint32 stripe)
{
	return &wakes[stripe & (N_WAKES - 1)];
}

/*
 * End a change that cs_stripe_mark() began, and wake the backends that
 * wait for that.  Neither throws nor allocates.
 */
void
cs_stripe_unmark(uint32 stripe)
{
	cs_stripe_unmark_word(&stripes[stripe].word);
	wake(wake_of(stripe));
}

/*
 * Record that the transaction 'xid' has prepared a change.
 */
void
cs_stripe_prepared(uint32 stripe, uint64 xid)
{
	cs_atomic_max(&stripes[stripe].prepared_xid, xid);
}

/* ----- sleeping ----- */

/*
 * Sleep until the stripe is woken, for at most so many milliseconds.  Returns
 * true if it was not.  A backend may be woken for nothing.  The first call
 * returns at once; no wake is missed from then on, so the caller looks at what
 * it waits for between that call and the next one.  Throws when the session is
 * interrupted.
 */
bool
cs_stripe_wait(uint32 stripe, long ms)
{
	bool		timeout = ConditionVariableTimedSleep(wake_of(stripe), ms,
													  cs_wait_event(&writers_event, "CacheWriters"));

	/* this backend is in the queue before it looks */
	pg_memory_barrier();
	return timeout;
}

/*
 * End the wait.  Does nothing if there is none.
 */
void
cs_stripe_wait_end(void)
{
	ConditionVariableCancelSleep();
}

/*
 * Wake the backends that wait for what the caller has just changed.  Neither
 * throws nor allocates, so COMMIT callbacks may call it; if no backend sleeps
 * it only reads shared memory.
 */
void
cs_stripe_wake(uint32 stripe)
{
	pg_memory_barrier();
	wake(wake_of(stripe));
}

/*
 * The same for all stripes.
 */
void
cs_stripe_wake_all(void)
{
	pg_memory_barrier();
	for (int i = 0; i < N_WAKES; i++)
		wake(&wakes[i]);
}
