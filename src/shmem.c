/*-------------------------------------------------------------------------
 *
 * shmem.c
 *		The extension's shared memory as a whole: asked for when the server
 *		starts, and laid out part by part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "api/progress.h"
#include "flush/deferred.h"
#include "flush/journal.h"
#include "flush/state.h"
#include "kv/cell.h"
#include "kv/keylock.h"
#include "observe/counters.h"
#include "shmem.h"
#include "store/clock.h"
#include "store/flight.h"
#include "store/keyhash.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"
#include "txn/snapshot.h"
#include "worker/quarantine.h"
#include "worker/queue.h"

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
static bool ready = false;

static void
request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	cs_store_shmem_request();
	cs_slot_shmem_request();
	cs_queue_shmem_request();
	RequestAddinShmemSpace(cs_slot_shmem_size());
	RequestAddinShmemSpace(cs_clock_shmem_size());
	RequestAddinShmemSpace(cs_keyhash_shmem_size());
	RequestAddinShmemSpace(cs_stripe_shmem_size());
	RequestAddinShmemSpace(cs_flight_shmem_size());
	RequestAddinShmemSpace(cs_snapshot_shmem_size());
	RequestAddinShmemSpace(cs_counters_shmem_size());
	RequestAddinShmemSpace(cs_queue_shmem_size());
	RequestAddinShmemSpace(cs_progress_shmem_size());
	RequestAddinShmemSpace(cs_quarantine_shmem_size());
	RequestAddinShmemSpace(cs_deferred_shmem_size());
	RequestAddinShmemSpace(cs_journal_shmem_size());
	RequestAddinShmemSpace(cs_state_shmem_size());
	RequestAddinShmemSpace(cs_cell_shmem_size());
	RequestAddinShmemSpace(cs_keylock_shmem_size());
}

static void
startup(void)
{
	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	cs_store_shmem_init();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	cs_slot_shmem_init();
	cs_clock_shmem_init();
	cs_keyhash_shmem_init();
	cs_stripe_shmem_init();
	cs_flight_shmem_init();
	cs_snapshot_shmem_init();
	cs_counters_shmem_init();
	cs_queue_shmem_init();
	cs_progress_shmem_init();
	cs_quarantine_shmem_init();
	cs_deferred_shmem_init();
	cs_journal_shmem_init();
	cs_state_shmem_init();
	cs_cell_shmem_init();
	cs_keylock_shmem_init();
	LWLockRelease(AddinShmemInitLock);
	ready = true;
}

void
cs_shmem_hook(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
}

bool
cs_shmem_ready(void)
{
	return ready;
}

void
cs_shmem_require(void)
{
	if (!ready)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cache_strategies must be loaded via shared_preload_libraries"),
				 errhint("Add cache_strategies to shared_preload_libraries and restart the server.")));
}
