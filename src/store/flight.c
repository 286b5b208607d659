/*-------------------------------------------------------------------------
 *
 * flight.c
 *		Single flight: of all who miss the same key, one loads it and the
 *		others wait.
 *
 * A fixed array of gates, chosen by key hash.  A gate holds the hash of the
 * key that is being loaded, or 0; another key that wants the same gate is
 * loaded without one.  The hash is set by compare-and-swap and cleared by the
 * backend that set it; waiters sleep on the gate's condition variable.
 *
 * A backend holds at most one gate.  It gives it back when it has loaded, and
 * through error cleanup and exit callbacks, so a loader that dies wakes its
 * followers, who then load for themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "store/flight.h"

#define N_GATES		1024		/* a power of two; far more than backends load
								 * at once */

typedef struct CsSharedGate
{
	pg_atomic_uint64 hash;		/* of the key being loaded; 0: none */
	ConditionVariable landed;	/* has its own lock */
} CsSharedGate;

static CsSharedGate *gates;
static CsSharedGate *my_gate;

Size
cs_flight_shmem_size(void)
{
	return N_GATES * sizeof(CsSharedGate);
}

void
cs_flight_shmem_init(void)
{
	bool		found;

	gates = ShmemInitStruct("cache_strategies flights", cs_flight_shmem_size(),
							&found);
	if (found)
		return;
	for (int i = 0; i < N_GATES; i++)
	{
		pg_atomic_init_u64(&gates[i].hash, 0);
		ConditionVariableInit(&gates[i].landed);
	}
}

static uint64
gate_word(uint64 hash)
{
	return hash != 0 ? hash : 1;
}

static CsSharedGate *
gate_of(uint64 hash)
{
	return &gates[hash & (N_GATES - 1)];
}

CsFlight
cs_flight_start(uint64 hash)
{
	CsSharedGate *gate = gate_of(hash);
	uint64		expected = 0;

	if (my_gate != NULL)
		return CS_FLIGHT_ALONE;
	if (pg_atomic_compare_exchange_u64(&gate->hash, &expected, gate_word(hash)))
	{
		my_gate = gate;
		return CS_FLIGHT_LEAD;
	}
	return expected == gate_word(hash) ? CS_FLIGHT_FOLLOW : CS_FLIGHT_ALONE;
}

void
cs_flight_land(void)
{
	CsSharedGate *gate = my_gate;

	if (gate == NULL)
		return;
	my_gate = NULL;
	pg_atomic_write_u64(&gate->hash, 0);
	ConditionVariableBroadcast(&gate->landed);
}

bool
cs_flight_wait(uint64 hash, int timeout_ms)
{
	CsSharedGate *gate = gate_of(hash);
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	bool		landed = true;

	ConditionVariablePrepareToSleep(&gate->landed);
	while (pg_atomic_read_u64(&gate->hash) == gate_word(hash))
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (left <= 0)
		{
			landed = false;
			break;
		}
		(void) ConditionVariableTimedSleep(&gate->landed, left, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return landed;
}
