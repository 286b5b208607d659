/*-------------------------------------------------------------------------
 *
 * flight.c
 *		Single flight: of all sessions that miss the same key, one loads it and
 *		the others wait.
 *
 * There is a fixed array of gates, in groups; a key's hash chooses its group.
 * A gate holds the hash of the key that is being loaded, or 0.  If the group
 * has no free gate, the key is loaded without one.  Each landing increments
 * the gate's serial.  Waiters sleep on the gate's condition variable and watch
 * the serial.
 *
 * A group is protected by a spinlock.  Serials are atomic in addition, so that
 * waiters read them without the spinlock.
 *
 * A backend holds at most one gate.  It releases the gate after the load, or
 * in error cleanup or an exit callback; so when a loader fails, its followers
 * wake up and load by themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "store/clock.h"
#include "store/flight.h"

#define N_GROUPS	64			/* a power of two */
#define GROUP_GATES	16			/* far more than the keys loaded at the same
								 * time */

/* Interval at which a waiter checks whether the leader waits for a lock. */
#define LOOK_MS		1000

/* Interval at which a waiter asks whether the load is still of use. */
#define ASK_MS		5

typedef struct CsSharedGate
{
	uint64		hash;			/* spinlock; of the key being loaded, 0 if
								 * none */
	int			leader;			/* spinlock; number of its PGPROC; a follower
								 * reads it without, as a hint */
	pg_atomic_uint32 serial;	/* atomic; number of landings */
	uint32		failed;			/* spinlock; the last serial whose flight
								 * failed */
	ConditionVariable landed;	/* has its own lock */
} CsSharedGate;

typedef struct CsSharedGateGroup
{
	slock_t		lock;			/* protects the gates */
	CsSharedGate gate[GROUP_GATES];
} CsSharedGateGroup;

static CsSharedGateGroup *groups;
static uint32 load_event = 0;	/* see cs_wait_event() */

/* The flight that this backend leads, and the one that it followed last. */
static CsSharedGateGroup *my_group;
static CsSharedGate *my_gate;
static CsSharedGateGroup *followed_group;
static CsSharedGate *followed;
static uint32 followed_serial;

Size
cs_flight_shmem_size(void)
{
	return N_GROUPS * sizeof(CsSharedGateGroup);
}

void
cs_flight_shmem_init(void)
{
	bool		found;

	groups = ShmemInitStruct("cache_strategies flights", cs_flight_shmem_size(),
							 &found);
	if (found)
		return;
	for (int i = 0; i < N_GROUPS; i++)
	{
		SpinLockInit(&groups[i].lock);
		for (int j = 0; j < GROUP_GATES; j++)
		{
			CsSharedGate *gate = &groups[i].gate[j];

			gate->hash = 0;
			gate->failed = PG_UINT32_MAX;
			pg_atomic_init_u32(&gate->serial, 0);
			ConditionVariableInit(&gate->landed);
		}
	}
}

/*
 * Lead, follow or neither.  The caller holds the group's spinlock.
 */
static CsFlight
start(CsSharedGateGroup *group, uint64 hash)
{
	CsSharedGate *unused = NULL;

	for (int i = 0; i < GROUP_GATES; i++)
	{
		CsSharedGate *gate = &group->gate[i];

		if (gate->hash == hash)
		{
			followed_group = group;
			followed = gate;
			followed_serial = pg_atomic_read_u32(&gate->serial);
			return CS_FLIGHT_FOLLOW;
		}
		if (gate->hash == 0 && unused == NULL)
			unused = gate;
	}
	if (unused == NULL)
		return CS_FLIGHT_ALONE;
	unused->hash = hash;
	unused->leader = cs_my_procno();
	my_group = group;
	my_gate = unused;
	return CS_FLIGHT_LEAD;
}

/*
 * Join the flight of a hash, or start one.  A backend that already leads a
 * flight gets CS_FLIGHT_ALONE.
 */
CsFlight
cs_flight_start(uint64 hash)
{
	CsSharedGateGroup *group = &groups[hash & (N_GROUPS - 1)];
	CsFlight	flight;

	if (my_gate != NULL)
		return CS_FLIGHT_ALONE;
	SpinLockAcquire(&group->lock);
	flight = start(group, hash != 0 ? hash : 1);
	SpinLockRelease(&group->lock);
	return flight;
}

/*
 * End the flight that this backend leads, if any, and wake its followers.
 * Idempotent; safe in error cleanup and at exit.
 */
void
cs_flight_land(bool failed)
{
	CsSharedGate *gate = my_gate;

	if (gate == NULL)
		return;
	my_gate = NULL;
	SpinLockAcquire(&my_group->lock);
	gate->hash = 0;
	if (failed)
		gate->failed = pg_atomic_read_u32(&gate->serial);
	pg_atomic_fetch_add_u32(&gate->serial, 1);
	SpinLockRelease(&my_group->lock);
	ConditionVariableBroadcast(&gate->landed);
}

/*
 * Callback for the end of a transaction.  A session that has no room for the
 * cleanup of its load ends before that is registered.
 */
void
cs_flight_at_end(bool committed)
{
	cs_flight_land(!committed);
}

#ifdef CS_TEST_POINTS
/* Number of flights in progress. */
int
cs_flight_count(void)
{
	int			n = 0;

	for (int i = 0; i < N_GROUPS; i++)
	{
		SpinLockAcquire(&groups[i].lock);
		for (int j = 0; j < GROUP_GATES; j++)
			n += groups[i].gate[j].hash != 0;
		SpinLockRelease(&groups[i].lock);
	}
	return n;
}
#endif

/* ----- waiting ----- */

static bool
is_waiting_for_lock(const PGPROC *proc)
{
	uint32		event = *(volatile uint32 *) &proc->wait_event_info;

	return (event & 0xFF000000U) == PG_WAIT_LOCK;
}

/*
 * Whether the leader or one of its parallel workers waits for a lock.  Read
 * without locks: a follower that leaves a flight needlessly merely loads by
 * itself.
 */
static bool
leader_waits_for_lock(void)
{
	const PGPROC *leader = &ProcGlobal->allProcs[followed->leader];

	if (is_waiting_for_lock(leader))
		return true;
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		const PGPROC *proc = &ProcGlobal->allProcs[i];

		if (*(PGPROC *volatile *) &proc->lockGroupLeader == leader && is_waiting_for_lock(proc))
			return true;
	}
	return false;
}

static bool
has_landed(void)
{
	return pg_atomic_read_u32(&followed->serial) != followed_serial;
}

/*
 * Outcome of the flight.  A failure may be forgotten if later flights used the
 * gate.
 */
static CsLanding
landing(void)
{
	bool		failed;

	SpinLockAcquire(&followed_group->lock);
	failed = followed->failed == followed_serial;
	SpinLockRelease(&followed_group->lock);
	return failed ? CS_LANDING_FAILED : CS_LANDING_DONE;
}

/*
 * Wait for the flight that this backend follows; forever if timeout_ms < 0.
 *
 * Without a timeout, the wait ends if the leader waits for a lock at two
 * checks in a row.  One check would not do: a lock that is released soon is no
 * reason to repeat the load.
 */
CsLanding
cs_flight_wait(int timeout_ms)
{
	TimestampTz begin = cs_clock_steady();
	CsLanding	result = CS_LANDING_DONE;
	bool		waited = false;

	ConditionVariablePrepareToSleep(&followed->landed);
	while (!has_landed() && result == CS_LANDING_DONE)
	{
		long		sleep = LOOK_MS;

		if (timeout_ms >= 0)
			sleep = Min(sleep, timeout_ms -
						TimestampDifferenceMilliseconds(begin, cs_clock_steady()));
		if (sleep <= 0)
			result = CS_LANDING_LATE;
		else if (ConditionVariableTimedSleep(&followed->landed, sleep,
											 cs_wait_event(&load_event, "CacheLoad")) &&
				 timeout_ms < 0)
		{
			bool		waits = leader_waits_for_lock();

			if (waited && waits)
				result = CS_LANDING_LATE;
			waited = waits;
		}
	}
	ConditionVariableCancelSleep();
	return result == CS_LANDING_DONE ? landing() : result;
}

/*
 * Wait, for so many milliseconds at most, while useful() is true.
 */
CsLanding
cs_flight_wait_while(int timeout_ms, bool (*useful) (void *), void *arg)
{
	TimestampTz begin = cs_clock_steady();
	CsLanding	result = CS_LANDING_DONE;
	bool		waited = false;

	ConditionVariablePrepareToSleep(&followed->landed);
	while (!has_landed() && result == CS_LANDING_DONE)
	{
		long		left = timeout_ms -
		TimestampDifferenceMilliseconds(begin, cs_clock_steady());

		if (left <= 0)
			result = CS_LANDING_LATE;
		else if (ConditionVariableTimedSleep(&followed->landed, Min(left, ASK_MS),
											 cs_wait_event(&load_event, "CacheLoad")))
		{
			bool		waits = leader_waits_for_lock();

			if (waited && waits)
				result = CS_LANDING_LATE;
			else if (!useful(arg))
				result = CS_LANDING_OUTRUN;
			waited = waits;
		}
	}
	ConditionVariableCancelSleep();
	return result == CS_LANDING_DONE ? landing() : result;
}
