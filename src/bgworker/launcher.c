/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		The launcher: starts a worker for each database that has refresh
 *		requests, one for each database that has write_back tables, and the
 *		rounds of loading saved keys and of the auditor (rounds.c).  It saves
 *		the keys itself (savekeys.c), and takes samples of the counters.
 *
 * It runs from the moment when the server accepts writes, which it also notes
 * (cs_snapshot_boot).  It reads pg_database but is connected to no database.
 * Its latch is set by a backend that queues a request for a database without a
 * worker, or that meets a write_back table whose database has no flush worker;
 * and by the postmaster when a worker has started or ended.
 *
 * A crash may have left deferred writes in a database that no session uses.
 * So after its start the launcher makes a flush worker look into each
 * database, few at a time.  A worker that finds nothing ends and reports that
 * it is done.  One that ends otherwise is started again, after a delay that
 * grows until a worker has run for a while.
 *
 * DROP DATABASE is handled here as well, in the session that executes it: the
 * workers of that database must end before the sessions are counted.
 *
 * Which workers were started is known to this process only.  After a restart
 * of the launcher, a second worker for the same database finds the first in
 * the queue's lists and ends.
 *
 * A worker cannot tell whether only it was told to end or the server is
 * stopping. It assumes the latter if the launcher was told to end as well
 * (flusher.c).
 *
 * Everything here is local to the process; what is shared is in store/queue.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
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

#include "bgworker/launcher.h"
#include "bgworker/populate.h"
#include "bgworker/reload.h"
#include "bgworker/rounds.h"
#include "bgworker/savekeys.h"
#include "compat.h"
#include "guc.h"
#include "hooks.h"
#include "store/clock.h"
#include "store/history.h"
#include "store/queue.h"
#include "store/slot.h"
#include "testpoint.h"
#include "writeback/quarantine.h"
#include "writeback/state.h"
#include "xact/snapshot.h"

#define RESTART_SECONDS	5		/* of the launcher */
#define RETRY_MS		5000	/* interval of retries when no worker could be
								 * registered */
#define SHORT_LIFE_MS	1000	/* a worker that ends within this time has
								 * failed */

/* Flush workers. */
#define MAX_STARTING	2		/* number of workers that do not know yet what
								 * there is to do */
#define MIN_DELAY_MS	1000	/* before a worker that ended is started again */
#define MAX_DELAY_MS	30000
#define RAN_WELL_MS		60000	/* after this time the delay is reset */

#define FOREVER			PG_INT64_MAX

/* A refresh worker. */
typedef struct Started
{
	Oid			database;		/* InvalidOid if free */
	BackgroundWorkerHandle *handle; /* NULL if it failed and must not be
									 * started before 'at' */
	TimestampTz at;				/* start time */
} Started;

/* A database that has, or is to have, a flush worker. */
typedef struct Flusher
{
	Oid			database;
	bool		wanted;
	bool		urgent;			/* a session may be waiting for it */
	BackgroundWorkerHandle *handle; /* NULL if this launcher has started none */
	TimestampTz at;				/* time of the start, or of the earliest next
								 * start */
	int			delay;			/* in milliseconds, after the next failure */
} Flusher;

/* A process that flushes one table. */
typedef struct Alone
{
	int			slot;
	Oid			database;
	Oid			relid;
	Oid			owner;
	BackgroundWorkerHandle *handle; /* NULL if free */
} Alone;

static uint32 main_event = 0;	/* see cs_wait_event() */
static Alone alones[CS_QUEUE_ALONE];
static int	next_alone = 0;		/* slot that is considered first */
static Started started[CS_QUEUE_SERVERS];
static bool complained = false; /* that no worker could be registered */
static List *flushers = NIL;	/* in TopMemoryContext */
static bool complained_flusher = false;
static bool scanned = false;	/* whether pg_database was searched */

/* ----- refresh workers ----- */

static Started *
started_for(Oid database)
{
	for (int i = 0; i < CS_QUEUE_SERVERS; i++)
		if (started[i].database == database)
			return &started[i];
	return NULL;
}

/*
 * Forget the workers that have ended; those that have failed only after
 * RETRY_MS.
 */
static void
forget_ended(void)
{
	TimestampTz now = cs_clock_steady();

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

/*
 * Register a worker.  The handle is in TopMemoryContext; NULL if no worker can
 * be registered now.
 */
BackgroundWorkerHandle *
cs_launcher_register(Oid database, const char *function, const char *kind, Datum arg)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	BackgroundWorkerHandle *handle = NULL;
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "cache_strategies", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, BGW_MAXLEN, "cache_strategies %s for database %u",
			 kind, database);
	snprintf(worker.bgw_type, BGW_MAXLEN, "cache_strategies %s", kind);
	worker.bgw_main_arg = arg;
	worker.bgw_notify_pid = MyProcPid;
	CS_TEST_POINT("launcher_before_start");
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		handle = NULL;
	CS_TEST_POINT("launcher_started");
	MemoryContextSwitchTo(old);
	return handle;
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

/* Start a refresh worker.  Returns false if that must be tried again later. */
static bool
start_worker(Oid database)
{
	Started    *s = started_for(database);

	if (s != NULL)
		return s->handle != NULL;
	s = started_for(InvalidOid);
	if (s == NULL)
		return false;
	s->handle = cs_launcher_register(database, "cs_refresh_main", "worker",
									 ObjectIdGetDatum(database));
	if (s->handle == NULL)
	{
		complain();
		return false;
	}
	complained = false;
	s->database = database;
	s->at = cs_clock_steady();
	return true;
}

/*
 * Whether the database exists.  Runs a transaction.
 */
bool
cs_launcher_database_exists(Oid database)
{
	bool		exists;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	exists = get_database_name(database) != NULL;
	CommitTransactionCommand();
	return exists;
}

/*
 * Start the refresh workers that are missing.  Returns false if that must be
 * tried again later.
 */
static bool
start_workers(void)
{
	Oid			databases[CS_QUEUE_SERVERS];
	int			n = cs_queue_databases(databases, CS_QUEUE_SERVERS);
	bool		all = true;

	forget_ended();
	for (int i = 0; i < n; i++)
	{
		if (!cs_launcher_database_exists(databases[i]))
			cs_queue_drop_database(databases[i]);
		else if (!start_worker(databases[i]))
			all = false;
	}
	return all;
}

/* ----- flush workers ----- */

/*
 * Entry of a database, made if necessary.
 */
static Flusher *
flusher_of(Oid database)
{
	MemoryContext old;
	Flusher    *f;
	ListCell   *lc;

	foreach(lc, flushers)
	{
		f = lfirst(lc);
		if (f->database == database)
			return f;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	f = palloc0(sizeof(Flusher));
	f->database = database;
	f->delay = MIN_DELAY_MS;
	flushers = lappend(flushers, f);
	MemoryContextSwitchTo(old);
	return f;
}

static void
want_flusher(Oid database, bool urgent)
{
	Flusher    *f = flusher_of(database);

	f->wanted = true;
	f->urgent = urgent;
}

/*
 * Want a flush worker for each database.
 */
static void
scan_databases(void)
{
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		/* values below -1 are left by an interrupted DROP DATABASE */
		if (form->datallowconn && form->datconnlimit >= -1)
			want_flusher(form->oid, false);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	scanned = true;
}

/*
 * Find the tables that need a flush worker.  If their database has one, it
 * must look for tables again.
 */
static void
find_wanted(void)
{
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		Oid			database;

		if (!cs_state_wants_worker(slot) ||
			!OidIsValid(cs_slot_relation(slot, &database)))
			continue;
		if (cs_queue_flusher_state(database) == CS_FLUSHER_SERVING)
			cs_queue_flusher_wake(database);
		else
			want_flusher(database, true);
	}
}

/*
 * Note that a flush worker has ended, and when to start it again.
 */
static void
note_end(Flusher *f, TimestampTz now)
{
	pid_t		pid;

	if (f->handle == NULL || GetBackgroundWorkerPid(f->handle, &pid) != BGWH_STOPPED)
		return;
	pfree(f->handle);
	f->handle = NULL;
	if (cs_queue_flusher_take_done(f->database))
	{
		f->wanted = false;
		return;
	}
	if (TimestampDifferenceExceeds(f->at, now, RAN_WELL_MS))
		f->delay = MIN_DELAY_MS;
	f->wanted = true;
	f->at = TimestampTzPlusMilliseconds(now, f->delay);
	f->delay = Min(f->delay * 2, MAX_DELAY_MS);
}

/* Number of our flush workers that do not know yet what there is to do. */
static int
count_starting(void)
{
	ListCell   *lc;
	int			n = 0;

	foreach(lc, flushers)
	{
		Flusher    *f = lfirst(lc);

		if (f->handle != NULL &&
			cs_queue_flusher_state(f->database) != CS_FLUSHER_SERVING)
			n++;
	}
	return n;
}

static void
complain_flusher(void)
{
	if (!complained_flusher)
		ereport(LOG,
				(errmsg("could not start a worker that writes deferred writes to their tables"),
				 errdetail("Until one can be started, deferred writes stay where they are, and tables that need one first cannot be used."),
				 errhint("You might need to increase max_worker_processes.")));
	complained_flusher = true;
}

/* Start a flush worker.  Returns when to look again. */
static TimestampTz
start_flusher(Flusher *f, TimestampTz now)
{
	if (f->at > now)
		return f->at;
	if (!cs_launcher_database_exists(f->database))
	{
		cs_slot_purge_database(f->database);
		f->wanted = false;
		return FOREVER;
	}
	f->handle = cs_launcher_register(f->database, "cs_flusher_main", "flush worker",
									 ObjectIdGetDatum(f->database));
	if (f->handle == NULL)
	{
		complain_flusher();
		return TimestampTzPlusMilliseconds(now, RETRY_MS);
	}
	complained_flusher = false;
	f->at = now;
	return FOREVER;
}

/* As start_flusher(), for a database that may need no worker, or have one. */
static TimestampTz
see_to_flusher(Flusher *f, TimestampTz now)
{
	CsFlusherState state;

	if (f->handle != NULL || !f->wanted)
		return FOREVER;
	state = cs_queue_flusher_state(f->database);
	if (state == CS_FLUSHER_SERVING)
		f->wanted = false;		/* started by an earlier launcher */
	if (state != CS_FLUSHER_NONE)
		return FOREVER;			/* that worker will wake us */
	if (!f->urgent && count_starting() >= MAX_STARTING)
		return FOREVER;
	return start_flusher(f, now);
}

/*
 * Start the flush workers that are missing.  Returns when to look again.
 */
static TimestampTz
start_flushers(void)
{
	TimestampTz now = cs_clock_steady();
	TimestampTz next = FOREVER;
	ListCell   *lc;

	if (!scanned)
		scan_databases();
	foreach(lc, flushers)
		note_end(lfirst(lc), now);
	find_wanted();
	foreach(lc, flushers)
	{
		Flusher    *f = lfirst(lc);
		TimestampTz then = see_to_flusher(f, now);

		next = Min(next, then);
		if (f->handle == NULL && !f->wanted)
		{
			flushers = foreach_delete_current(flushers, lc);
			pfree(f);
		}
	}
	return next;
}

/* ----- processes for one table ----- */

static bool
alone_has_ended(Alone *a)
{
	pid_t		pid;

	return GetBackgroundWorkerPid(a->handle, &pid) == BGWH_STOPPED;
}

/*
 * Note which processes have ended.  The flush worker is woken, since the
 * process may have failed.
 */
static void
note_alone_ends(void)
{
	for (int i = 0; i < CS_QUEUE_ALONE; i++)
	{
		Alone	   *a = &alones[i];

		if (a->handle == NULL || !alone_has_ended(a))
			continue;
		pfree(a->handle);
		a->handle = NULL;
		if (cs_quarantine_was_interrupted(a->slot, a->relid))
		{
			cs_quarantine_end(a->slot);
			cs_quarantine_failed(a->slot);
		}
		cs_queue_flusher_wake(a->database);
	}
}

/* A free place; NULL if there is none, or if a table of this owner has one. */
static Alone *
place_for(Oid database, Oid owner)
{
	Alone	   *place = NULL;

	for (int i = 0; i < CS_QUEUE_ALONE; i++)
	{
		Alone	   *a = &alones[i];

		if (a->handle == NULL)
			place = a;
		else if (a->owner == owner && a->database == database)
			return NULL;
	}
	return place;
}

/*
 * Start a process for the table of this slot, if it wants one.  Returns false
 * if no worker could be registered.
 */
static bool
start_alone(int slot)
{
	Oid			database;
	Oid			relid;
	Oid			owner;
	Alone	   *place;

	if (!cs_quarantine_is_asked(slot, &relid, &owner) ||
		cs_slot_relation(slot, &database) != relid)
		return true;
	place = place_for(database, owner);
	if (place == NULL)
		return true;
	place->handle = cs_launcher_register(database, "cs_alone_main", "flush of one table",
										 Int32GetDatum(slot));
	if (place->handle == NULL)
		return false;
	place->slot = slot;
	place->database = database;
	place->relid = relid;
	place->owner = owner;
	cs_quarantine_taken(slot);
	next_alone = slot + 1;
	return true;
}

/*
 * Start the processes that are wanted, in turns so that each table is served.
 * Returns false if that must be tried again later.
 */
static bool
start_alones(void)
{
	int			first = next_alone;

	note_alone_ends();
	for (int i = 0; i < cs_max_tables; i++)
		if (!start_alone((first + i) % cs_max_tables))
			return false;
	return true;
}

/* ----- saved keys ----- */

static TimestampTz last_save;	/* or the start, or the end of loading */

/*
 * Save the keys of cached rows if that is due, or 'now'.  While those that
 * were saved before are being loaded, they stay.  Returns when to look again.
 */
static TimestampTz
see_to_keys(bool now)
{
	int64		interval = cs_save_interval * INT64CONST(1000);

	if (cs_saved_keys == 0)
		return FOREVER;
	if (cs_reload_is_pending())
		last_save = cs_clock_steady();
	else if (now || TimestampTzPlusMilliseconds(last_save, interval) <= cs_clock_steady())
	{
		cs_savekeys_run();
		last_save = cs_clock_steady();
	}
	return TimestampTzPlusMilliseconds(last_save, interval);
}

/* ----- history ----- */

static TimestampTz last_sample = 0;

/*
 * Take a sample of the counters if that is due.  Returns when to look again.
 */
static TimestampTz
see_to_history(void)
{
	int64		interval = cs_history_interval * INT64CONST(1000);
	TimestampTz now = cs_clock_steady();

	if (interval == 0)
		return FOREVER;
	if (TimestampTzPlusMilliseconds(last_sample, interval) <= now)
	{
		cs_history_take();
		last_sample = now;
	}
	return TimestampTzPlusMilliseconds(last_sample, interval);
}

/* ----- the process ----- */

/*
 * Signal handler for SIGTERM.
 */
static void
stop(SIGNAL_ARGS)
{
	cs_queue_set_stopping(true);
	SignalHandlerForShutdownRequest(postgres_signal_arg);
}

static void
unset_launcher(int code, Datum arg)
{
	cs_queue_set_launcher(-1);
}

static void
set_up(void)
{
	cs_queue_set_stopping(false);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, stop);
	BackgroundWorkerUnblockSignals();
	cs_snapshot_boot();
	BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);
	before_shmem_exit(unset_launcher, (Datum) 0);
	cs_queue_flusher_forget_done();
	cs_queue_set_launcher(cs_my_procno());
	cs_reload_start();
	last_save = cs_clock_steady();
}

static void
sleep_until(TimestampTz next)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout = -1;

	if (next != FOREVER)
	{
		events |= WL_TIMEOUT;
		timeout = TimestampDifferenceMilliseconds(cs_clock_steady(), next);
	}
	(void) WaitLatch(MyLatch, events, timeout, cs_wait_event(&main_event, "CacheLauncherMain"));
}

/*
 * Main function of the launcher.
 */
void
cs_launcher_main(Datum arg)
{
	set_up();
	for (;;)
	{
		TimestampTz next;
		bool		all;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending)
		{
			(void) see_to_keys(true);
			proc_exit(1);		/* restarted unless the server stops */
		}
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		next = start_flushers();
		next = Min(next, cs_rounds_see_to());
		next = Min(next, see_to_keys(false));
		next = Min(next, see_to_history());
		all = start_workers();
		all &= start_alones();
		if (!all)
			next = Min(next, TimestampTzPlusMilliseconds(cs_clock_steady(), RETRY_MS));
		if (cs_populate_some())
			continue;
		sleep_until(next);
	}
}

/* ----- in the postmaster ----- */

/*
 * Hook: DROP DATABASE makes the workers of that database leave it.
 */
static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			  Oid auxiliary)
{
	if (classId == DatabaseRelationId)
		cs_queue_drop_database(objectId);
}

/*
 * Register the launcher, while libraries are preloaded.
 */
void
cs_launcher_init(void)
{
	BackgroundWorker launcher;

	if (IsBinaryUpgrade)
		return;
	memset(&launcher, 0, sizeof(launcher));
	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = RESTART_SECONDS;
	strlcpy(launcher.bgw_library_name, "cache_strategies", sizeof(launcher.bgw_library_name));
	strlcpy(launcher.bgw_function_name, "cs_launcher_main", sizeof(launcher.bgw_function_name));
	strlcpy(launcher.bgw_name, "cache_strategies launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "cache_strategies launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
	cs_hooks_on_object(CS_ACCESS(OAT_DROP), object_access);
}
