/*-------------------------------------------------------------------------
 *
 * shmem.c
 *		The extension's shared memory as a whole: requested at server start,
 *		and initialized part by part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "shmem.h"

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
static const CsShmemPart *parts = NULL;
static int	nparts = 0;
static bool ready = false;

/*
 * Hook of shmem_request_hook.
 */
static void
request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	for (int i = 0; i < nparts; i++)
	{
		if (parts[i].request != NULL)
			parts[i].request();
		if (parts[i].size != NULL)
			RequestAddinShmemSpace(parts[i].size());
	}
}

/*
 * Hook of shmem_startup_hook.  Runs in each process on platforms without fork.
 */
static void
startup(void)
{
	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < nparts; i++)
		parts[i].init();
	LWLockRelease(AddinShmemInitLock);
	ready = true;
}

/*
 * Install the hooks that set up these parts, in order.  Only while libraries
 * are preloaded.
 */
void
cs_shmem_hook(const CsShmemPart *list, int n)
{
	parts = list;
	nparts = n;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
}

/*
 * Whether the library was preloaded.
 */
bool
cs_shmem_ready(void)
{
	return ready;
}

/*
 * Throw 55000 unless the library was preloaded.
 */
void
cs_shmem_require(void)
{
	if (!ready)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cache_strategies must be loaded via shared_preload_libraries"),
				 errhint("Add cache_strategies to shared_preload_libraries and restart the server.")));
}
