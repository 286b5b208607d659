/*-------------------------------------------------------------------------
 *
 * flusher.c
 *		The flush worker of one database: has deferred writes written to their
 *		tables, in time and after a crash.
 *
 * It goes round its tables, which are those that cache.bindings has with
 * strategy write_back, whenever its latch is set or something is due.  Whatever
 * it does for a table is a transaction of its own; an error is logged and
 * counted, and concerns that table only, which is tried again after a delay
 * that grows.  It waits for no lock longer than LOCK_TIMEOUT; rows that are
 * locked for longer are left out by the next attempt.  So are those that others
 * wait for us with: it looks for deadlocks after DEADLOCK_TIMEOUT, so that it is
 * the worker that gives way and not they.
 *
 * A table whose gate is closed comes from before the server's last start: what
 * the journal has of it is written to the table, in one transaction, and then
 * the gate opens.  Open gates are what the shared memory says of the past: a
 * worker that finds one open, as the one before it has died, must not replay,
 * since the entries are still in the store.
 *
 * The worker ends, for good, when there is no write_back table.
 *
 * SIGTERM.  The present flush is finished (another SIGTERM some seconds later
 * interrupts it), and everything is flushed once more.  Is only this process told to go, or is the
 * server stopping?  In the latter case clients may yet commit, so they have to
 * be waited for, and in the former they must not be.  The postmaster does not
 * say, but when it stops the server it tells the launcher as well, which leaves
 * a note in shared memory and takes it back when it starts again.  So the
 * worker waits as long as the note is there.  Ending the launcher by hand may
 * make it wait some seconds in vain; a launcher that is not running when the
 * server stops makes volatile tables seem unclean at the next start, unless no
 * client was connected.  Background workers of others are not waited for.
 *
 * A volatile table is marked as clean when nobody is connected and nothing is
 * deferred, with its gate closed first: whoever comes later waits for the next
 * worker, which takes the mark away before it opens the gate.
 *
 * When the database is being dropped the worker leaves at once.
 *
 * Everything here is process-local; what is shared is in state.c and queue.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <time.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "flush/flush.h"
#include "flush/journal.h"
#include "flush/state.h"
#include "guc.h"
#include "observe/counters.h"
#include "store/slot.h"
#include "store/store.h"
#include "table/binding.h"
#include "table/triggers.h"
#include "txn/txn.h"
#include "worker/queue.h"
#include "worker/worker.h"

#define LOCK_TIMEOUT	"1s"
#define DEADLOCK_TIMEOUT "100ms"
#define IDLE_MS			10000	/* how often to look at least */
#define MIN_DELAY_MS	100		/* after an error */
#define MAX_DELAY_MS	30000
#define PAUSE_MS		100		/* after a flush that could do nothing */
#define SKIP_MS			5000	/* how long to leave out locked rows, once
								 * some were in the way */
#define LOG_AGAIN_MS	60000	/* the same error */

#define JOURNAL_NONE	(2 * BLCKSZ)	/* empty ones: the indexes of their
										 * TOAST tables */
#define JOURNAL_SMALL	(UINT64CONST(1) << 20)
#define JOURNAL_LARGE	(UINT64CONST(16) << 20)
#define JOURNAL_MS		5000	/* between attempts to empty it */

#define INSIST_SECONDS	2		/* a SIGTERM that comes so much after the
								 * first interrupts the flush */
#define GRACE_MS		500		/* for the launcher to hear that the server
								 * stops */
#define POLL_MS			10		/* are the clients gone? */
#define LAST_TRIES		10		/* to flush a table before the server stops */

#define NEVER			PG_INT64_MAX

/* What has gone wrong lately. */
typedef struct Trouble
{
	int			delay;			/* ms; 0: the last attempt went well */
	TimestampTz not_before;
	int			code;			/* of what was logged last */
	TimestampTz logged;
} Trouble;

typedef struct Table
{
	Oid			relid;
	char		name[2 * NAMEDATALEN + 8];
	bool		listed;			/* in cache.bindings */
	uint64		generation;		/* of the bindings, when the rest was read */
	int			slot;			/* -1: none to be had, or not known */
	bool		durable;
	int64		interval;		/* microseconds */
	int			batch;
	Size		share;			/* bytes that it may have deferred */
	bool		settled;		/* its gate is open and flush_state says so */
	bool		lost;			/* what was deferred before a crash */
	TimestampTz flushed;		/* last, or when the gate was opened */
	bool		asked;			/* flush it now */
	bool		skip;			/* leave out locked rows */
	TimestampTz skip_until;
	uint64		rows;			/* of the last flush */
	Trouble		trouble;
} Table;

typedef void (*Work) (Table *table);

static MemoryContext scratch;	/* of a round */
static List *tables = NIL;		/* of Table, in TopMemoryContext */
static List *listed;			/* OIDs in cache.bindings, in scratch */
static bool read_once = false;	/* cache.bindings */
static Trouble reading;			/* with cache.bindings */
static Trouble stamps;			/* with raising them */
static Trouble journals;		/* with emptying them */
static bool raise_era = true;	/* a gate is closed */
static Size dirty_limit;

static bool journal_used = true;	/* it may have rows */
static bool journal_stuck = false;	/* it could not be emptied */
static uint64 journal_bytes = 0;	/* when last looked at */
static TimestampTz journal_next = 0;

/* Set while a signal has to interrupt what goes on. */
static volatile sig_atomic_t starting = true;
static volatile sig_atomic_t busy = false;

/* ----- signals and waiting ----- */

/* The postmaster sends every signal to the process and to its group: twice. */
static void
stop(SIGNAL_ARGS)
{
	static volatile time_t first = 0;
	time_t		now = time(NULL);

	if (!ShutdownRequestPending)
		first = now;
	if (starting ||
		(busy && (cs_queue_flusher_is_dropped() || now - first >= INSIST_SECONDS)))
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

/* ----- transactions and their errors ----- */

/* NULL: it went well; else what happened, in scratch. */
static ErrorData *
try_transaction(Work work, Table *table)
{
	ErrorData  *volatile error = NULL;

	busy = true;
	SetCurrentStatementStartTimestamp();
	PG_TRY();
	{
		StartTransactionCommand();
		cs_txn_note_use();
		PushActiveSnapshot(GetTransactionSnapshot());
		work(table);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(scratch);
		error = CopyErrorData();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	busy = false;
	MemoryContextSwitchTo(scratch);
	return error;
}

static void
log_error(Trouble *t, const char *name, const ErrorData *error)
{
	TimestampTz now = GetCurrentTimestamp();

	if (error->sqlerrcode == t->code &&
		!TimestampDifferenceExceeds(t->logged, now, LOG_AGAIN_MS))
		return;
	t->code = error->sqlerrcode;
	t->logged = now;
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 name == NULL ? errmsg("could not look after deferred writes: %s", error->message) :
			 errmsg("could not flush deferred writes of table \"%s\": %s", name, error->message),
			 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			 error->hint != NULL ? errhint("%s", error->hint) : 0,
			 error->context != NULL ? errcontext_msg("%s", error->context) : 0));
}

/* Tables that fail together are not to be tried together for ever. */
static void
back_off(Trouble *t)
{
	double		part = 0.5 + 0.5 * pg_prng_double(&pg_global_prng_state);

	t->delay = Min(Max(t->delay * 2, MIN_DELAY_MS), MAX_DELAY_MS);
	t->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												(int64) (t->delay * part));
}

static void
went_well(Trouble *t)
{
	t->delay = 0;
	t->not_before = 0;
}

static bool
is_too_early(const Trouble *t)
{
	return t->not_before > GetCurrentTimestamp();
}

/* Something that concerns no single table; false: it failed. */
static bool
try_common(Work work, Trouble *t)
{
	ErrorData  *error = try_transaction(work, NULL);

	if (error == NULL)
		went_well(t);
	else
	{
		log_error(t, NULL, error);
		back_off(t);
	}
	return error == NULL;
}

static void flush(Table *t);

static bool
is_held_by_others(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/*
 * Rows that somebody holds are left out by the next attempt, which comes when
 * the other tables have had their turn.
 */
static void
failed(Table *t, Work work, const ErrorData *error)
{
	if (t->slot >= 0)
	{
		cs_state_flushed(t->slot, error->sqlerrcode, error->message);
		cs_state_add(t->slot, CS_FLUSH_RETRIES, 1);
	}
	if (is_held_by_others(error->sqlerrcode) && work == flush && !t->skip)
	{
		t->skip_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SKIP_MS);
		t->asked = true;
		return;
	}
	log_error(&t->trouble, t->name, error);
	back_off(&t->trouble);
}

static bool
try_table(Table *t, Work work, const char *doing)
{
	char		activity[sizeof(t->name) + 64];
	ErrorData  *error;

	snprintf(activity, sizeof(activity), "%s %s", doing, t->name);
	pgstat_report_activity(STATE_RUNNING, activity);
	error = try_transaction(work, t);
	if (error == NULL)
		went_well(&t->trouble);
	else
		failed(t, work, error);
	return error == NULL;
}

/* ----- which tables ----- */

/* The columns of cache.bindings that are of interest here. */
enum
{
	Anum_relation = 1,
	Anum_strategy
};

static void
list_tuple(Relation rel, HeapTuple tuple)
{
	MemoryContext old;
	bool		isnull;
	Datum		relation = heap_getattr(tuple, Anum_relation, RelationGetDescr(rel), &isnull);
	Datum		strategy = heap_getattr(tuple, Anum_strategy, RelationGetDescr(rel), &isnull);

	if (strcmp(TextDatumGetCString(strategy), "write_back") != 0)
		return;
	old = MemoryContextSwitchTo(scratch);
	listed = lappend_oid(listed, DatumGetObjectId(relation));
	MemoryContextSwitchTo(old);
}

static void
list_tables(Table *unused)
{
	Oid			catalog = cs_binding_catalog();
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	cs_binding_check_slots();
	listed = NIL;
	if (!OidIsValid(catalog))
		return;
	rel = table_open(catalog, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		list_tuple(rel, tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* The slot may be another table's by now. */
static void
leave_slot(Table *t)
{
	Oid			database;

	if (t->slot >= 0 && cs_slot_relation(t->slot, &database) == t->relid &&
		database == MyDatabaseId)
		cs_state_set_worker(t->slot, -1);
	t->slot = -1;
	t->settled = false;
}

static Table *
find_table(Oid relid)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		if (((Table *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return NULL;
}

static void
add_table(Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	Table	   *t = palloc0(sizeof(Table));

	t->relid = relid;
	snprintf(t->name, sizeof(t->name), "%u", relid);
	t->slot = -1;
	t->listed = true;
	tables = lappend(tables, t);
	MemoryContextSwitchTo(old);
}

/* Have "tables" be what is listed. */
static void
sync_tables(void)
{
	ListCell   *lc;

	foreach(lc, tables)
		((Table *) lfirst(lc))->listed = false;
	foreach(lc, listed)
	{
		Table	   *t = find_table(lfirst_oid(lc));

		if (t != NULL)
			t->listed = true;
		else
			add_table(lfirst_oid(lc));
	}
	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (t->listed)
			continue;
		leave_slot(t);
		tables = foreach_delete_current(tables, lc);
		pfree(t);
	}
}

/* Read what may have changed. */
static void
look(Table *t)
{
	CsBinding  *binding = cs_binding_get(t->relid);
	uint64		generation = cs_binding_generation;

	if (binding != NULL && strcmp(binding->options.strategy, "write_back") != 0)
		binding = NULL;
	if (binding == NULL || binding->slot != t->slot)
		leave_slot(t);
	t->settled = false;
	if (binding == NULL)
		return;					/* it has just been dropped or detached */
	strlcpy(t->name, cs_binding_qualified_name(binding), sizeof(t->name));
	t->durable = binding->options.durable;
	t->interval = binding->options.flush_interval;
	t->batch = binding->options.flush_batch;
	t->share = dirty_limit / 2;
	if (binding->options.max_memory > 0)
		t->share = Min(t->share, (Size) binding->options.max_memory);
	t->generation = generation;
	if (binding->slot < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many tables are attached to the cache"),
				 errhint("You might need to increase cache_strategies.max_tables.")));
	t->slot = binding->slot;
	raise_era |= !cs_state_is_open(t->slot);
}

/* ----- opening the gate ----- */

static void
raise_stamps(Table *unused)
{
	cs_journal_raise(cs_journal_last());
	raise_era = false;
}

/*
 * While a dump is being restored, the bindings may be there before the journal.
 * Triggers are made last.
 */
static void
check_ready(Table *t)
{
	LockRelationOid(t->relid, AccessShareLock);
	cs_triggers_require(cs_binding_require(t->relid));
}

/* The table may have been detached while its flush_state was waited for. */
static void
check_attached(Table *t)
{
	if (!ConditionalLockRelationOid(t->relid, AccessShareLock))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not obtain lock on table \"%s\"", t->name)));
	(void) cs_binding_require(t->relid);
}

/*
 * Whoever attaches or detaches the table changes its flush_state first and its
 * triggers then.  So no lock on the table is kept while the flush_state has to
 * be waited for.
 *
 * Also for a table that is volatile now: it may have been durable.  What it
 * deferred while it was volatile counts as volatile until it is flushed.
 */
static void
settle(Table *t)
{
	bool		closed = !cs_state_is_open(t->slot);
	bool		unclean;
	CsUsage		usage;

	if (closed && cs_journal_has_pending(t->relid))
	{
		(void) cs_flush_replay(t->relid);
		journal_used = true;
	}
	cs_store_usage((uint32) t->slot, &usage);
	unclean = cs_journal_is_unclean(t->relid);
	t->lost = closed && unclean;
	if (unclean == !t->durable || (t->durable && !closed && usage.dirty_entries > 0))
		return;
	cs_journal_set_unclean(t->relid, !t->durable);
	check_attached(t);
	/* a crash must find it, whatever synchronous_commit is */
	ForceSyncCommit();
}

static bool
settle_table(Table *t)
{
	if (raise_era && (is_too_early(&stamps) || !try_common(raise_stamps, &stamps)))
	{
		t->trouble.not_before = stamps.not_before;
		return false;
	}
	t->settled = false;
	if (!cs_state_is_open(t->slot) && !try_table(t, check_ready, "looking at"))
		return false;
	if (!try_table(t, settle, "replaying deferred writes of"))
		return false;
	if (t->lost)
		ereport(LOG,
				(errmsg("deferred writes of table \"%s\" that had not been flushed may have been lost in the crash",
						t->name),
				 errdetail("The table is not durable, and the server was not shut down cleanly."),
				 errhint("Attach the table with durable => true if this must not happen.")));
	t->settled = true;
	if (cs_state_is_open(t->slot))
		return true;
	t->flushed = GetCurrentTimestamp();
	cs_state_open(t->slot);
	return true;
}

/* ----- flushing ----- */

static void
flush(Table *t)
{
	t->rows = cs_flush_table(t->relid, t->skip);
	if (!t->durable)
		return;
	journal_used = true;
	journal_bytes = cs_journal_bytes();
}

/* After one that could do nothing, what made it due is still the case. */
static bool
flush_table(Table *t)
{
	TimestampTz now = GetCurrentTimestamp();

	t->asked = false;
	t->skip = now < t->skip_until;
	if (!try_table(t, flush, "flushing deferred writes of"))
		return false;
	t->flushed = GetCurrentTimestamp();
	cs_state_flushed(t->slot, 0, NULL);
	if (t->rows == 0)
		t->trouble.not_before = TimestampTzPlusMilliseconds(t->flushed, PAUSE_MS);
	return true;
}

static TimestampTz
plus_interval(TimestampTz time, int64 interval)
{
	return interval > NEVER - time ? NEVER : time + interval;
}

/* When is the next flush of the table due? */
static TimestampTz
due_at(Table *t)
{
	CsFlushInfo info;
	TimestampTz due;

	cs_state_info(t->slot, &info);
	t->asked |= cs_state_take_asked(t->slot);
	if (info.entries == 0 && !t->asked)
		return NEVER;
	if (t->asked || info.entries >= t->batch || info.bytes > t->share / 2)
		due = 0;
	else
		due = plus_interval(Max(t->flushed, info.last_flush), t->interval);
	return Max(due, t->trouble.not_before);
}

/* Returns when to see to the table again. */
static TimestampTz
see_to(Table *t)
{
	TimestampTz now = GetCurrentTimestamp();

	if (t->trouble.not_before > now)
		return t->trouble.not_before;
	if ((t->slot < 0 || t->generation != cs_binding_generation) &&
		!try_table(t, look, "looking at"))
		return t->trouble.not_before;
	if (t->slot < 0)
		return NEVER;
	cs_state_note_table(t->slot, MyDatabaseId);
	cs_state_set_worker(t->slot, cs_my_procno());
	if ((!t->settled || !cs_state_is_open(t->slot)) && !settle_table(t))
		return t->trouble.not_before;
	if (due_at(t) <= now)
		(void) flush_table(t);
	return due_at(t);
}

/* ----- the journals ----- */

static bool
durable_dirty(void)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);
		CsUsage		usage;

		if (t->slot < 0 || !t->durable)
			continue;
		cs_store_usage((uint32) t->slot, &usage);
		if (usage.dirty_entries > 0)
			return true;
	}
	return false;
}

static void
empty(Table *unused)
{
	cs_journal_empty();
}

static void
measure(Table *unused)
{
	journal_bytes = cs_journal_bytes();
}

/* Returns when to see to them again; a flush makes us look anyway. */
static TimestampTz
see_to_journals(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		large = journal_bytes > JOURNAL_LARGE && !journal_stuck;

	if (!journal_used || (journal_bytes <= JOURNAL_SMALL && durable_dirty()))
		return NEVER;
	if (!large && journal_next > now)
		return journal_next;
	if (is_too_early(&journals))
		return journals.not_before;
	journal_next = TimestampTzPlusMilliseconds(now, JOURNAL_MS);
	pgstat_report_activity(STATE_RUNNING, "emptying the journal of deferred writes");
	if (!try_common(empty, &journals) || !try_common(measure, &journals))
		return Max(journal_next, journals.not_before);
	journal_used = journal_stuck = journal_bytes > JOURNAL_NONE;
	return journal_used ? journal_next : NEVER;
}

/* ----- a round ----- */

/* False: there is nothing for us in this database. */
static bool
look_for_tables(void)
{
	if (is_too_early(&reading) || !try_common(list_tables, &reading))
		return true;
	read_once = true;
	sync_tables();
	return tables != NIL;
}

/* Returns when the next one is due at the latest. */
static TimestampTz
see_to_all(void)
{
	TimestampTz next = NEVER;
	ListCell   *lc;

	if (read_once)
		cs_queue_flusher_serve();
	foreach(lc, tables)
	{
		TimestampTz then = see_to(lfirst(lc));

		next = Min(next, then);
		if (ShutdownRequestPending)
			return 0;
	}
	if (read_once)
	{
		TimestampTz then = see_to_journals();

		next = Min(next, then);
	}
	if (is_too_early(&reading))
		next = Min(next, reading.not_before);
	cs_counters_flush();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	return next;
}

static long
ms_until(TimestampTz next)
{
	if (next == NEVER)
		return IDLE_MS;
	return Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), IDLE_MS);
}

/* ----- leaving ----- */

/* Nobody is to start a worker because of tables that are not write_back's. */
static void
forget_notes(void)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(MyDatabaseId, slots);

	for (int i = 0; i < n; i++)
		cs_state_note_table(slots[i], InvalidOid);
	pfree(slots);
}

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
has_dirty(const Table *t)
{
	CsUsage		usage;

	if (t->slot < 0)
		return false;
	cs_store_usage((uint32) t->slot, &usage);
	return usage.dirty_entries > 0;
}

/* Whether due or not; returns whether something is left. */
static bool
flush_all(bool now)
{
	bool		left = false;
	ListCell   *lc;

	MemoryContextReset(scratch);
	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (!t->settled || !has_dirty(t))
			continue;
		if (now || t->trouble.not_before <= GetCurrentTimestamp())
			(void) flush_table(t);
		left |= has_dirty(t);
	}
	return left;
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
set_clean(Table *t)
{
	cs_journal_set_unclean(t->relid, false);
}

/*
 * With the gate closed nothing is deferred any more.  The table's counts go,
 * too, as they would with the server.
 */
static void
close_volatile(Table *t)
{
	if (has_dirty(t))
	{
		ereport(LOG,
				(errmsg("deferred writes of table \"%s\" could not be flushed", t->name),
				 errdetail("The table is not durable; they are lost if the server is stopped.")));
		return;
	}
	cs_state_reset(t->slot);
	if (clients_are_here() || has_dirty(t) || !try_table(t, set_clean, "closing"))
		cs_state_open(t->slot);
}

static void
finish(void)
{
	ListCell   *lc;

	if (cs_queue_flusher_is_dropped())
		return;
	(void) flush_all(true);
	if (!wait_for_clients())
		return;
	for (int i = 0; i < LAST_TRIES && flush_all(true); i++)
		sleep_for(MIN_DELAY_MS);
	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (t->settled && !t->durable)
			close_volatile(t);
	}
	journal_next = 0;
	(void) see_to_journals();
}

static void
leave(int code, Datum arg)
{
	ListCell   *lc;

	foreach(lc, tables)
		leave_slot(lfirst(lc));
	cs_queue_flusher_leave(false);
}

/* ----- the process ----- */

/* Whatever is configured for the server or the database. */
static void
set_options(void)
{
	static const char *const options[][2] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"lock_timeout", LOCK_TIMEOUT},
		{"deadlock_timeout", DEADLOCK_TIMEOUT},
		{"statement_timeout", "0"},
		{"transaction_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},
	};
	char		most[16];

	for (int i = 0; i < lengthof(options); i++)
		/* older versions do not have all of them */
		if (GetConfigOption(options[i][0], true, false) != NULL)
			SetConfigOption(options[i][0], options[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	/* a flush of many rows is not a change of the whole table */
	snprintf(most, sizeof(most), "%d", INT_MAX);
	SetConfigOption("cache_strategies.bulk_threshold", most, PGC_SUSET, PGC_S_OVERRIDE);
}

static void
set_up(Oid database)
{
	CsStoreInfo info;

	pqsignal(SIGTERM, stop);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	before_shmem_exit(leave, (Datum) 0);
	if (!cs_queue_flusher_enter(database))
		proc_exit(0);
	set_options();
	cs_store_info(&info);
	dirty_limit = info.dirty_limit;
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
		if (!look_for_tables())
		{
			forget_notes();
			cs_queue_flusher_leave(true);
			proc_exit(0);
		}
		next = see_to_all();
		if (!ShutdownRequestPending)
			sleep_for(ms_until(next));
	}
	finish();
	proc_exit(0);
}
