/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		The launcher: starts a worker for each database that has refresh
 *		requests waiting.
 *
 * It runs from the moment the server can be written to, which it also notes
 * (cs_snapshot_boot).  It reads pg_database but is connected to no database.
 * Whoever queues a request of a database that nobody serves sets its latch;
 * the postmaster does when a worker has started or ended.
 *
 * DROP DATABASE is caught here as well, in the session that does it: the
 * worker of that database has to go before the others are counted.
 *
 * Which workers were started is known to this process only.  After a restart
 * of the launcher it is not, and a second worker for the same database finds
 * the first in the queue's list of servers and ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "guc.h"
#include "txn/snapshot.h"
#include "worker/queue.h"
#include "worker/worker.h"

#define RESTART_SECONDS	5		/* of the launcher */
#define RETRY_MS		5000	/* when there was no room for a worker */
#define SHORT_LIFE_MS	1000	/* a worker that ends so soon has failed */

/* Process-local. */
typedef struct Started
{
	Oid			database;		/* InvalidOid: free */
	BackgroundWorkerHandle *handle; /* NULL: it failed and may not start again
									 * before 'at' */
	TimestampTz at;				/* when it was started */
} Started;

static Started started[CS_QUEUE_SERVERS];
static bool complained = false; /* that there was no room for a worker */
static object_access_hook_type prev_object_access_hook = NULL;

/* ----- starting workers ----- */

static Started *
started_for(Oid database)
{
	for (int i = 0; i < CS_QUEUE_SERVERS; i++)
		if (started[i].database == database)
			return &started[i];
	return NULL;
}

/* Forget the workers that have ended, those that failed only after a while. */
static void
forget_ended(void)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < CS_QUEUE_SERVERS; i++)
	{
		Started    *s = &started[i];
		pid_t		pid;

		if (!OidIsValid(s->database))
			continue;
		if (s->handle == NULL)
		{
			if (s->at <= now)
				s->database = InvalidOid;
			continue;
		}
		if (GetBackgroundWorkerPid(s->handle, &pid) != BGWH_STOPPED)
			continue;
		pfree(s->handle);
		s->handle = NULL;
		if (TimestampDifferenceExceeds(s->at, now, SHORT_LIFE_MS))
			s->database = InvalidOid;
		else
			s->at = TimestampTzPlusMilliseconds(now, RETRY_MS);
	}
}

static bool
register_worker(Oid database, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "cache_strategies", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "cs_refresh_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, BGW_MAXLEN, "cache_strategies worker for database %u",
			 database);
	strlcpy(worker.bgw_type, "cache_strategies worker", BGW_MAXLEN);
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

static void
complain(void)
{
	if (!complained)
		ereport(LOG,
				(errmsg("could not start a worker that refreshes cached rows"),
				 errdetail("Rows are loaded when they have expired, as without refresh-ahead."),
				 errhint("You might need to increase max_worker_processes.")));
	complained = true;
}

/* False: try again later. */
static bool
start_worker(Oid database)
{
	Started    *s = started_for(database);
	MemoryContext old;
	bool		ok;

	if (s != NULL)
		return s->handle != NULL;
	s = started_for(InvalidOid);
	if (s == NULL)
		return false;
	old = MemoryContextSwitchTo(TopMemoryContext);
	ok = register_worker(database, &s->handle);
	MemoryContextSwitchTo(old);
	if (!ok)
	{
		s->handle = NULL;
		complain();
		return false;
	}
	complained = false;
	s->database = database;
	s->at = GetCurrentTimestamp();
	return true;
}

static bool
database_exists(Oid database)
{
	bool		exists;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	exists = get_database_name(database) != NULL;
	CommitTransactionCommand();
	return exists;
}

/* False: some database could not be helped yet. */
static bool
start_workers(void)
{
	Oid			databases[CS_QUEUE_SERVERS];
	int			n = cs_queue_databases(databases, CS_QUEUE_SERVERS);
	bool		all = true;

	forget_ended();
	for (int i = 0; i < n; i++)
	{
		if (!database_exists(databases[i]))
			cs_queue_drop_database(databases[i]);
		else if (!start_worker(databases[i]))
			all = false;
	}
	return all;
}

/* ----- the process ----- */

static void
unset_launcher(int code, Datum arg)
{
	cs_queue_set_launcher(-1);
}

static void
set_up(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	cs_snapshot_boot();
	if (cs_refresh_queue == 0)
		proc_exit(0);			/* for good */
	BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);
	before_shmem_exit(unset_launcher, (Datum) 0);
	cs_queue_set_launcher(cs_my_procno());
}

void
cs_launcher_main(Datum arg)
{
	set_up();
	for (;;)
	{
		bool		all;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending)
			proc_exit(1);		/* to be restarted, unless the server stops */
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		all = start_workers();
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (all ? 0 : WL_TIMEOUT),
						 RETRY_MS, PG_WAIT_EXTENSION);
	}
}

/* ----- while libraries are preloaded ----- */

static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, classId, objectId, subId, arg);
	if (access == OAT_DROP && classId == DatabaseRelationId)
		cs_queue_drop_database(objectId);
}

void
cs_worker_init(void)
{
	BackgroundWorker launcher;

	memset(&launcher, 0, sizeof(launcher));
	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = RESTART_SECONDS;
	strlcpy(launcher.bgw_library_name, "cache_strategies", sizeof(launcher.bgw_library_name));
	strlcpy(launcher.bgw_function_name, "cs_launcher_main", sizeof(launcher.bgw_function_name));
	strlcpy(launcher.bgw_name, "cache_strategies launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "cache_strategies launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
}
