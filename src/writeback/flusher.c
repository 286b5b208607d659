/*-------------------------------------------------------------------------
 *
 * flusher.c
 *		The flush worker of one database: has deferred writes written to their
 *		tables, in time and after a crash.
 *
 * This is the process's life; what it does for its tables is in flushtables.c.
 * It goes round them whenever its latch is set or something is due.
 *
 * The worker ends, for good, when there is no write_back table.
 *
 * SIGTERM.  The present flush is finished (another SIGTERM some seconds later
 * interrupts it), and everything is flushed once more.  Is only this process
 * told to go, or is the server stopping?  In the latter case clients may yet
 * commit, so they have to be waited for, and in the former they must not be.
 * The postmaster does not say, but when it stops the server it tells the
 * launcher as well, which leaves a note in shared memory and takes it back when
 * it starts again.  So the worker waits as long as the note is there.  Ending
 * the launcher by hand may make it wait some seconds in vain; a launcher that is
 * not running when the server stops makes volatile tables seem unclean at the
 * next start, unless no client was connected.  Background workers of others are
 * not waited for.
 *
 * The table whose flush is under way may hang.  So all of that has a deadline,
 * cache_strategies.worker_timeout after the signal: attempts get what is left
 * until then, and those of tables that are known to hang come last.
 *
 * When the database is being dropped the worker leaves at once.
 *
 * Everything here is process-local; what is shared is in queue.c.
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
#include "store/queue.h"
#include "writeback/flusher.h"
#include "writeback/flushtables.h"
#include "xact/attempt.h"

#define IDLE_MS			10000	/* how often to look at least */
#define INSIST_SECONDS	2		/* a SIGTERM that comes so much after the
								 * first interrupts the flush */
#define GRACE_MS		500		/* for the launcher to hear that the server
								 * stops */
#define POLL_MS			10		/* are the clients gone?  A backend that ends
								 * wakes no other */
#define LAST_TRIES		10		/* to flush a table before the server stops */
#define LAST_PAUSE_MS	100		/* between them */

static MemoryContext scratch;	/* of a round; where everything happens */

/* There is nothing yet that a signal should let finish. */
static volatile sig_atomic_t starting = true;

static volatile time_t told = 0;	/* to end, when */

/* ----- signals and waiting ----- */

/* The postmaster sends every signal to the process and to its group: twice. */
static void
stop(SIGNAL_ARGS)
{
	time_t		now = time(NULL);

	if (!ShutdownRequestPending)
		told = now;
	if (starting ||
		(cs_attempt_busy && (cs_queue_flusher_is_dropped() || now - told >= INSIST_SECONDS)))
		die(postgres_signal_arg);
	else
		SignalHandlerForShutdownRequest(postgres_signal_arg);
}

/* A request to cancel has nothing to cancel here. */
static void
sleep_for(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, PG_WAIT_EXTENSION);
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
	return Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), IDLE_MS);
}

/* ----- leaving ----- */

/* Walsenders of this database that CountDBConnections() has counted. */
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
 * Is a client connected to this database?  The postmaster has walsenders wait
 * until we have gone, so they must not be waited for.
 */
static bool
clients_are_here(void)
{
	int			n = CountDBConnections(MyDatabaseId);

	return n > 0 && n > count_walsenders();
}

static bool
flush_all(bool now)
{
	MemoryContextReset(scratch);
	return cs_flushtables_flush(now);
}

/*
 * Wait for the clients to leave if the server is stopping; false: it is not,
 * and they are here.
 */
static bool
wait_for_clients(void)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (clients_are_here())
	{
		if (cs_queue_flusher_is_dropped())
			return false;
		if (!cs_queue_is_stopping() &&
			TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), GRACE_MS))
			return false;
		/* some may be waiting for room, with something they must not lose */
		(void) flush_all(false);
		sleep_for(POLL_MS);
	}
	return true;
}

static void
finish(void)
{
	if (cs_queue_flusher_is_dropped())
		return;
	cs_flushtables_hurry(cs_worker_timeout - (long) (time(NULL) - told) * 1000);
	(void) flush_all(true);
	if (!wait_for_clients())
		return;
	cs_flushtables_hurry(cs_worker_timeout / 2);
	for (int i = 0; i < LAST_TRIES && flush_all(true); i++)
		sleep_for(LAST_PAUSE_MS);
	cs_flushtables_close(clients_are_here);
}

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
