/*-------------------------------------------------------------------------
 *
 * flusher.c
 *		The flush worker of one database: it has deferred writes flushed, at
 *		intervals and after a crash.
 *
 * This file is the life of the process; flushtables.c is its work.  The work
 * is done in rounds, whenever the latch is set or something is due.  The
 * worker ends for good when there is no write_back table.
 *
 * SIGTERM.  The current flush is finished (another SIGTERM some seconds later
 * interrupts it), and everything is flushed once more.  The worker has to
 * distinguish whether only this process is terminated or the server is
 * stopping.  If the server is stopping, clients may still commit, so they have
 * to be waited for; otherwise they must not be.  The postmaster does not tell,
 * but when it stops the server it also terminates the launcher, which sets a
 * flag in shared memory and resets it when it is started again.  So the worker
 * waits as long as the flag is set.  If the launcher is terminated manually,
 * the worker may wait some seconds in vain.  If no launcher is running when
 * the server stops, volatile tables seem unclean at the next start, unless no
 * client was connected.  Background workers of other extensions are not waited
 * for.
 *
 * The flush in progress may hang.  So all of this has a deadline,
 * cache_strategies.worker_timeout after the signal.  Attempts get the time
 * left until then, and tables known to hang come last.
 *
 * If the database is being dropped the worker ends at once.
 *
 * All state here is process-local; the shared state is in queue.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "guc.h"
#include "store/clock.h"
#include "store/queue.h"
#include "writeback/flusher.h"
#include "writeback/flushtables.h"
#include "xact/attempt.h"

#define IDLE_MS			10000	/* maximum time between rounds */
#define INSIST_MS		2000	/* a SIGTERM this long after the first
								 * interrupts the flush */
#define GRACE_MS		500		/* time for the launcher to learn that the
								 * server is stopping */
#define POLL_MS			10		/* interval of checks for clients; a backend
								 * that exits does not set our latch */
#define LAST_TRIES		10		/* attempts to flush a table before the server
								 * stops */
#define LAST_PAUSE_MS	100		/* pause between these attempts */

static MemoryContext scratch;	/* memory context of a round */
static uint32 main_event = 0;	/* see cs_wait_event() */

/* No work has begun that a signal should let finish. */
static volatile sig_atomic_t starting = true;

static volatile TimestampTz told = 0;	/* time of the first SIGTERM */

/* ----- signals and waiting ----- */

/*
 * SIGTERM handler.  The postmaster sends every signal to the process and to
 * its group, so it arrives twice.
 */
static void
stop(SIGNAL_ARGS)
{
	TimestampTz now = cs_clock_steady();

	if (!ShutdownRequestPending)
		told = now;
	if (starting ||
		(cs_attempt_busy && (cs_queue_flusher_is_dropped() || TimestampDifferenceExceeds(told, now, INSIST_MS))))
		die(postgres_signal_arg);
	else
		SignalHandlerForShutdownRequest(postgres_signal_arg);
}

/* Wait for the latch.  There is no query that could be cancelled here. */
static void
sleep_for(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, cs_wait_event(&main_event, "CacheFlusherMain"));
	ResetLatch(MyLatch);
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static long
ms_until(TimestampTz next)
{
	if (TIMESTAMP_IS_NOEND(next))
		return IDLE_MS;
	return Min(TimestampDifferenceMilliseconds(cs_clock_steady(), next), IDLE_MS);
}

/* ----- ending ----- */

/*
 * Number of walsenders of this database that CountDBConnections() has counted.
 */
static int
count_walsenders(void)
{
	int			n = 0;

	for (int i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *sender = &WalSndCtl->walsnds[i];
		pid_t		pid;
		PGPROC	   *proc;

		SpinLockAcquire(&sender->mutex);
		pid = sender->pid;
		SpinLockRelease(&sender->mutex);
		proc = pid != 0 ? BackendPidGetProc(pid) : NULL;
		if (proc != NULL && proc->databaseId == MyDatabaseId && cs_proc_is_counted(proc))
			n++;
	}
	return n;
}

/*
 * Whether a client is connected to this database.  The postmaster keeps
 * walsenders until this process has ended, so they must not be waited for.
 */
static bool
clients_are_here(void)
{
	int			n = CountDBConnections(MyDatabaseId);

	return n > 0 && n > count_walsenders();
}

/*
 * Flush all tables.  Returns whether deferred writes are left.
 */
static bool
flush_all(bool now)
{
	MemoryContextReset(scratch);
	return cs_flushtables_flush(now);
}

/*
 * If the server is stopping, wait for the clients to disconnect.  Returns
 * false if it is not stopping and clients are connected.
 */
static bool
wait_for_clients(void)
{
	TimestampTz begin = cs_clock_steady();

	while (clients_are_here())
	{
		if (cs_queue_flusher_is_dropped())
			return false;
		if (!cs_queue_is_stopping() &&
			TimestampDifferenceExceeds(begin, cs_clock_steady(), GRACE_MS))
			return false;
		/* clients may be waiting for room, which they need to commit */
		(void) flush_all(false);
		sleep_for(POLL_MS);
	}
	return true;
}

/*
 * Flush everything before the process ends.
 */
static void
finish(void)
{
	if (cs_queue_flusher_is_dropped())
		return;
	cs_flushtables_hurry(cs_worker_timeout - TimestampDifferenceMilliseconds(told, cs_clock_steady()));
	(void) flush_all(true);
	if (!wait_for_clients())
		return;
	cs_flushtables_hurry(cs_worker_timeout / 2);
	for (int i = 0; i < LAST_TRIES && flush_all(true); i++)
		sleep_for(LAST_PAUSE_MS);
	cs_flushtables_close(clients_are_here);
}

/*
 * Exit callback.
 */
static void
leave(int code, Datum arg)
{
	cs_flushtables_leave();
	cs_queue_flusher_leave(false);
}

/* ----- the process ----- */

static void
set_up(Oid database)
{
	pqsignal(SIGTERM, stop);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	before_shmem_exit(leave, (Datum) 0);
	if (!cs_queue_flusher_enter(database))
		proc_exit(0);
	cs_attempt_set_options();
	scratch = AllocSetContextCreate(TopMemoryContext, "cache_strategies flush worker",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	starting = false;
	CHECK_FOR_INTERRUPTS();
}

/*
 * Entry point of the worker.
 */
void
cs_flusher_main(Datum arg)
{
	set_up(DatumGetObjectId(arg));
	while (!ShutdownRequestPending)
	{
		TimestampTz next;

		MemoryContextReset(scratch);
		if (!cs_flushtables_read())
		{
			cs_queue_flusher_leave(true);
			proc_exit(0);
		}
		next = cs_flushtables_see_to();
		if (!ShutdownRequestPending)
			sleep_for(ms_until(next));
	}
	finish();
	proc_exit(0);
}
