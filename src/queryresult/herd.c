/*-------------------------------------------------------------------------
 *
 * herd.c
 *		Many sessions want a result that has fallen: which of them compute it,
 *		and which wait.
 *
 * Waiting for another session's result is worth while if that is kept, and in
 * vain if a table changes once more before it is complete.  So there is a
 * balance of session time for each result:
 *
 *		-= d		by a session that has waited d in vain
 *		+= r / 10	by a session that has computed it, for r
 *		+= cost - t	by a session that got it, as a hit or after waiting, in t
 *
 * It starts at 0, and is 64 times the cost at most.  While it is negative no
 * session waits.  The session has a balance of the same kind over all results.
 * So the time lost by waiting is at most a tenth of the time spent on
 * computing, and what hits have saved, and one wait of each session.
 *
 * A session that does not wait runs the statement beside the others; one of
 * them at a time copies what it computes.
 *
 * Whether a session waits makes no difference to what it may use: the result
 * that it finds afterwards is subject to the rules for hits under its own
 * snapshot, as any other.
 *
 * A flight (store/flight.c) is of a key and of the data's versions, so
 * sessions that come after a change do not wait for one that began before it.
 * A session stops waiting when these versions are no longer the current ones;
 * when the leader waits for a lock; and after WAIT times the cost.  A
 * transaction with an xid does not wait, as it may have locks that others wait
 * for.
 *
 * Balances are lossy: results whose hashes agree in the lower bits share one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/shmem.h"

#include "guc.h"
#include "queryresult/herd.h"
#include "queryresult/meter.h"
#include "store/clock.h"
#include "store/flight.h"

#define N_BALANCES		4096	/* a power of two */
#define LARGEST			64		/* times the cost */
#define WAIT			4		/* times the cost */
#define MAX_FLIGHTS		4

/* Sleeping takes longer than this, in nanoseconds. */
#define LEAST_COST		INT64CONST(1000000)

/* How long to wait if it is not known what it costs. */
#define WAIT_UNKNOWN_MS	1000

typedef struct CsSharedBalance
{
	pg_atomic_uint64 nanos;		/* atomic; signed */
	pg_atomic_uint32 used;		/* atomic; was it hit since it was kept? */
} CsSharedBalance;

static CsSharedBalance *balances;
static int64 own_balance = 0;

Size
cs_herd_shmem_size(void)
{
	return N_BALANCES * sizeof(CsSharedBalance);
}

void
cs_herd_shmem_init(void)
{
	bool		found;

	balances = ShmemInitStruct("cache_strategies balances", cs_herd_shmem_size(), &found);
	if (found)
		return;
	for (int i = 0; i < N_BALANCES; i++)
	{
		pg_atomic_init_u64(&balances[i].nanos, 0);
		pg_atomic_init_u32(&balances[i].used, 0);
	}
}

/* ----- balances ----- */

static CsSharedBalance *
balance_of(uint64 hash)
{
	return &balances[hash & (N_BALANCES - 1)];
}

static int64
read_balance(uint64 hash)
{
	return (int64) pg_atomic_read_u64(&balance_of(hash)->nanos);
}

/* It may become a little larger than that, by sessions that add at once. */
static void
add_up_to(uint64 hash, int64 nanos, int64 largest)
{
	if (nanos < 0 || read_balance(hash) < largest)
		pg_atomic_fetch_add_u64(&balance_of(hash)->nanos, nanos);
	if (nanos < 0 || own_balance < largest)
		own_balance += nanos;
}

void
cs_herd_kept(uint64 hash)
{
	pg_atomic_write_u32(&balance_of(hash)->used, 0);
}

/*
 * A result was used that took so long to compute, in nanoseconds.  Writes
 * nothing for a result that is hit again and again.
 */
void
cs_herd_hit(uint64 hash, int64 cost)
{
	CsSharedBalance *balance = balance_of(hash);

	if (pg_atomic_read_u32(&balance->used) == 0)
		pg_atomic_write_u32(&balance->used, 1);
	if (cs_results_adapt && cost >= LEAST_COST)
		add_up_to(hash, cost, LARGEST * cost);
}

/*
 * Was the result of this hash, or another with the same balance, hit since
 * then?
 */
bool
cs_herd_used(uint64 hash)
{
	return pg_atomic_read_u32(&balance_of(hash)->used) != 0;
}

/*
 * It was computed.
 */
void
cs_herd_computed(const CsHerd *herd, int64 nanos)
{
	if (herd->hash != 0 && nanos >= LEAST_COST)
		add_up_to(herd->hash, nanos / 10, LARGEST * nanos);
}

/*
 * The result was found after waiting.
 */
void
cs_herd_found(CsHerd *herd)
{
	add_up_to(herd->hash, Max(herd->cost - herd->waited, 0), LARGEST * herd->cost);
}

/*
 * It was not.
 */
void
cs_herd_missed(CsHerd *herd)
{
	add_up_to(herd->hash, -herd->waited, 0);
}

/* ----- flights ----- */

static void
land_at_reset(void *arg)
{
	cs_herd_land(arg, true);
}

/*
 * Whatever ends the statement, its memory goes.
 */
void
cs_herd_watch(CsHerd *herd, MemoryContext context)
{
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));

	callback->func = land_at_reset;
	callback->arg = herd;
	MemoryContextRegisterResetCallback(context, callback);
}

void
cs_herd_land(CsHerd *herd, bool failed)
{
	if (!herd->leads)
		return;
	herd->leads = false;
	cs_flight_land(failed);
}

/*
 * Lead the flight, if no other session does.
 */
bool
cs_herd_lead(CsHerd *herd, uint64 flight)
{
	herd->leads = cs_flight_start(flight) == CS_FLIGHT_LEAD;
	return herd->leads;
}

/* Nothing that others may wait for may depend on this session. */
static bool
may_wait(const CsHerd *herd)
{
	return herd->flights < MAX_FLIGHTS && own_balance >= 0 &&
		read_balance(herd->hash) >= 0 &&
		!TransactionIdIsValid(GetTopTransactionIdIfAny());
}

static int
longest_wait(const CsHerd *herd)
{
	int64		ms = herd->cost / 1000000;

	return herd->cost == 0 ? WAIT_UNKNOWN_MS : (int) Min(WAIT * ms, PG_INT32_MAX / 2);
}

/*
 * A miss that could be kept, as things are: what is this session to do?
 */
CsHerdTurn
cs_herd_join(CsHerd *herd, uint64 flight, CsHerdStands stands, void *arg)
{
	int64		began;

	if (!cs_results_adapt || (herd->cost > 0 && herd->cost < LEAST_COST))
		return CS_HERD_COMPUTE;
	switch (cs_flight_start(flight))
	{
		case CS_FLIGHT_LEAD:
			herd->leads = true;
			return CS_HERD_COMPUTE;
		case CS_FLIGHT_ALONE:
			return CS_HERD_COMPUTE;
		case CS_FLIGHT_FOLLOW:
			break;
	}
	if (!may_wait(herd))
		return CS_HERD_RUN;
	herd->flights++;
	began = cs_clock_nanos();
	if (cs_flight_wait_while(longest_wait(herd), stands, arg) == CS_LANDING_LATE)
		herd->flights = MAX_FLIGHTS;
	herd->waited = CS_METER_SAID(cs_test_wait, cs_clock_nanos() - began);
	return CS_HERD_LOOK;
}
