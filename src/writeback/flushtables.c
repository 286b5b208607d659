/*-------------------------------------------------------------------------
 *
 * flushtables.c
 *		The flush worker's work for its tables and their journal.
 *
 * Its tables are those in cache.bindings with strategy write_back.  In each
 * round the list is read, then each table is processed.  All work for a table
 * is done in its own transaction (attempt.c); an error is counted and affects
 * that table only.  Rows locked for longer than lock_timeout are skipped by
 * the next attempt, as are those of a deadlock, which always ends the worker's
 * transaction (flusher.c).  A table whose attempt takes too long is
 * quarantined (quarantine.c): from then on this worker only requests the
 * process that makes the table's attempts.
 *
 * A table whose gate is closed has not been processed since the server's
 * start.  The journal's records of it are written to the table in one
 * transaction, and then the gate is opened.  A worker that finds an open gate,
 * after an earlier worker has died, must not replay, because the entries are
 * still in the store.  Before any gate is opened, stamps are raised above
 * those in the journal.  Tables without records in the journal come first.  A
 * replay runs code of the table's owner.  So each round replays one table
 * only, and if there are other tables, with little time at first, doubled with
 * each attempt: a replay that hangs or fails does not keep another table's
 * gate closed.
 *
 * A volatile table is marked as clean when no client is connected and nothing
 * is deferred, with its gate closed first.  A client that connects later waits
 * for the next worker, which removes the mark before it opens the gate.  The
 * journal is emptied when nothing durable is deferred, or when it is large.
 *
 * All state here is process-local, in TopMemoryContext; the shared state is in
 * state.c and queue.c.  Only heavyweight locks are taken, none of them across
 * transactions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "relation/attached.h"
#include "relation/triggers.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/queue.h"
#include "store/slot.h"
#include "store/store.h"
#include "writeback/commitepoch.h"
#include "writeback/flush.h"
#include "writeback/flushtables.h"
#include "writeback/journal.h"
#include "writeback/journalread.h"
#include "writeback/quarantine.h"
#include "writeback/state.h"
#include "xact/attempt.h"

#define PAUSE_MS		100		/* after a flush that wrote nothing */
#define SKIP_MS			5000	/* how long locked rows are skipped after a
								 * lock timeout */

#define JOURNAL_NONE	(2 * BLCKSZ)	/* size of empty journals: indexes of
										 * their TOAST tables */
#define JOURNAL_SMALL	(UINT64CONST(1) << 20)
#define JOURNAL_LARGE	(UINT64CONST(16) << 20)
#define JOURNAL_MS		5000	/* between attempts to empty the journal */

#define ALONE_TIMES		10		/* factor of the time limit for a quarantined
								 * table */
#define LEAST_MS		500		/* minimum time of an attempt */
#define FIRST_PART		16		/* divisor of cache_strategies.worker_timeout:
								 * time of the first attempt to replay */

#define NEVER			DT_NOEND

typedef struct Table
{
	Oid			relid;
	Oid			owner;
	char		name[2 * NAMEDATALEN + 8];
	bool		listed;			/* is in cache.bindings */
	uint64		generation;		/* of the bindings, when the following was
								 * read */
	int			slot;			/* -1: none available, or not known */
	bool		durable;
	int64		interval;		/* microseconds */
	int			batch;
	Size		share;			/* limit of its deferred bytes */
	bool		settled;		/* the gate is open and flush_state says so */
	bool		lost;			/* deferred writes were lost in a crash */
	bool		pending;		/* the journal has records to be replayed in
								 * this round */
	int			patience;		/* time of the next replay in ms; 0: none has
								 * timed out */
	TimestampTz flushed;		/* time of the last flush, or of opening the
								 * gate */
	bool		asked;			/* a flush was requested */
	bool		skip;			/* skip locked rows */
	bool		given_up;		/* it has hung while the server was stopping */
	TimestampTz skip_until;
	uint64		rows;			/* written by the last flush */
	CsTrouble	trouble;
	CsAttempt	failing;		/* work that has caused it; NULL: none */
} Table;

static List *tables = NIL;		/* of Table */
static List *listed = NIL;		/* OIDs in cache.bindings, as last read */
static bool read_once = false;	/* cache.bindings has been read */
static CsTrouble reading;		/* errors of reading cache.bindings */
static CsTrouble stamps;		/* errors of raising the stamps */
static CsTrouble journals;		/* errors of emptying the journals */
static bool raise_epoch = true; /* there is a closed gate */
static bool alone = false;		/* this process is for one table */
static TimestampTz deadline = 0;	/* of all attempts; 0: none */

static bool journal_used = true;	/* may contain rows */
static bool journal_stuck = false;	/* could not be emptied */
static uint64 journal_bytes = 0;	/* as last measured */
static TimestampTz journal_next = 0;

/* ----- attempts and their errors ----- */

static void flush(void *arg);
static void settle(void *arg);

static bool
is_held_by_others(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/*
 * Work for the table has succeeded.  Looking at the table again does not clear
 * the errors of later work.
 */
static void
succeeded(Table *t, CsAttempt work)
{
	if (work != settle && work != flush && work != t->failing)
		return;
	t->failing = NULL;
	cs_attempt_went_well(&t->trouble);
}

/*
 * Work for the table has failed.  If rows were locked by other transactions,
 * the next attempt skips them; it is made after the other tables have been
 * processed.
 */
static void
failed(Table *t, CsAttempt work, const ErrorData *error)
{
	int			slot = t->slot;

	/* the table could not be examined, and sessions may be waiting for that */
	if (slot < 0)
		slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, t->relid);
	if (slot >= 0)
	{
		cs_state_flushed(slot, error->sqlerrcode, error->message);
		cs_state_add(slot, CS_FLUSH_RETRIES, 1);
	}
	if (is_held_by_others(error->sqlerrcode) && work == flush && !t->skip)
	{
		t->skip_until = TimestampTzPlusMilliseconds(cs_clock_steady(), SKIP_MS);
		t->asked = true;
		return;
	}
	if (t->failing == NULL || work == settle || work == flush)
		t->failing = work;
	cs_attempt_failed(&t->trouble, t->name, error);
}

/* Time limit of an attempt in milliseconds. */
static int
limit(const Table *t, CsAttempt work)
{
	if (alone)
		return cs_worker_timeout * ALONE_TIMES;
	if (work == settle && list_length(tables) > 1)
		return Min(cs_worker_timeout,
				   Max(t->patience, Max(cs_worker_timeout / FIRST_PART, LEAST_MS)));
	if (deadline == 0)
		return cs_worker_timeout;
	return (int) Max(Min(TimestampDifferenceMilliseconds(cs_clock_steady(), deadline),
						 cs_worker_timeout), LEAST_MS);
}

/* An attempt has timed out: quarantine the table. */
static void
quarantine(Table *t)
{
	t->given_up = deadline != 0;
	if (t->slot < 0 || alone || cs_quarantine_has(t->slot, t->relid))
		return;
	cs_quarantine_add(t->slot, t->relid, t->owner);
	cs_state_add(t->slot, CS_FLUSH_TIMEOUTS, 1);
	ereport(LOG,
			(errmsg("deferred writes of table \"%s\" take too long to flush", t->name),
			 errdetail("From now on they are flushed by a process of their own, and other tables do not wait for them."),
			 errhint("Look at the table's triggers and at locks on its rows, or increase cache_strategies.worker_timeout.")));
}

/* Do work for the table in its own transaction. */
static bool
try_table(Table *t, CsAttempt work, const char *doing)
{
	char		activity[sizeof(t->name) + 64];
	ErrorData  *error;
	int			slot = t->slot; /* the work may change it */
	int			ms = limit(t, work);

	snprintf(activity, sizeof(activity), "%s %s", doing, t->name);
	pgstat_report_activity(STATE_RUNNING, activity);
	if (slot >= 0)
		cs_quarantine_begin(slot, t->relid);
	error = cs_attempt_make(work, t, ms);
	if (slot >= 0)
		cs_quarantine_end(slot);
	if (cs_attempt_timed_out && error != NULL)
	{
		if (work == settle && ms < cs_worker_timeout && !alone)
		{
			t->patience = ms * 2;
			return false;
		}
		quarantine(t);
	}
	if (error == NULL)
		succeeded(t, work);
	else
		failed(t, work, error);
	return error == NULL;
}

/* ----- the list of tables ----- */

/* Read cache.bindings. */
static void
list_tables(void *unused)
{
	List	   *found;
	MemoryContext old;

	cs_binding_check_slots();
	found = cs_attached_deferring();
	old = MemoryContextSwitchTo(TopMemoryContext);
	list_free(listed);
	listed = list_copy(found);
	MemoryContextSwitchTo(old);
}

/* Release the slot, unless it has been assigned to another table. */
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

/* Make "tables" match "listed". */
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

/* Read the table's properties. */
static void
look(void *arg)
{
	Table	   *t = arg;
	CsBinding  *binding = cs_binding_get(t->relid);
	uint64		generation = cs_binding_generation;
	bool		known;			/* this process knew the slot */
	CsStoreInfo store;

	if (binding != NULL && strcmp(binding->options.strategy, "write_back") != 0)
		binding = NULL;
	if (binding == NULL || binding->slot != t->slot)
		leave_slot(t);
	t->settled = false;
	if (binding == NULL)
		return;					/* just dropped or detached */
	t->owner = binding->owner;
	strlcpy(t->name, cs_binding_qualified_name(binding), sizeof(t->name));
	t->durable = binding->options.durable;
	t->interval = binding->options.flush_interval;
	t->batch = binding->options.flush_batch;
	cs_store_info(&store);
	t->share = store.dirty_limit / 2;
	if (binding->options.max_memory > 0)
		t->share = Min(t->share, (Size) binding->options.max_memory);
	t->generation = generation;
	if (binding->slot < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("table \"%s\" cannot have a place in the cache", binding->name),
				 errdetail_internal("%s", cs_slot_denial_detail(binding->denial))));
	known = t->slot == binding->slot;
	t->slot = binding->slot;
	raise_epoch |= !cs_state_is_open(t->slot);
	if (known || alone || !cs_quarantine_was_interrupted(t->slot, t->relid))
		return;
	quarantine(t);
	cs_quarantine_end(t->slot);
}

/* ----- opening the gate ----- */

static void
raise_stamps(void *unused)
{
	cs_commitepoch_raise(cs_journalread_last());
	raise_epoch = false;
}

/*
 * While a dump is being restored, the bindings may exist before the journal.
 * Triggers are created last, so they must be there.
 */
static void
check_ready(void *arg)
{
	Table	   *t = arg;

	LockRelationOid(t->relid, AccessShareLock);
	cs_triggers_require(cs_binding_require(t->relid));
	t->pending = cs_journalread_has_pending(t->relid);
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
 * Replay the journal, and update the table's flush_state.
 *
 * A session that attaches or detaches the table changes flush_state first and
 * the triggers afterwards.  So no lock on the table is held while waiting for
 * flush_state.
 *
 * This is also done for a table that is volatile now, since it may have been
 * durable.  Writes deferred while it was volatile count as volatile until they
 * are flushed.
 */
static void
settle(void *arg)
{
	Table	   *t = arg;
	bool		closed = !cs_state_is_open(t->slot);
	bool		unclean;
	CsUsage		usage;

	if (closed && cs_journalread_has_pending(t->relid))
	{
		(void) cs_flush_replay(t->relid);
		journal_used = true;
	}
	cs_store_usage((uint32) t->slot, &usage);
	unclean = cs_journalread_is_unclean(t->relid);
	t->lost = closed && unclean;
	if (unclean == !t->durable || (t->durable && !closed && usage.dirty_entries > 0))
		return;
	cs_journal_set_unclean(t->relid, !t->durable);
	check_attached(t);
	/* must survive a crash, whatever synchronous_commit is */
	ForceSyncCommit();
}

/*
 * Whether the table can be settled now.  It cannot if there is an error, and
 * it has to wait for its turn if the journal has records of it.
 */
static bool
is_ready(Table *t)
{
	t->pending = false;
	if (!cs_state_is_open(t->slot) && !try_table(t, check_ready, "looking at"))
		return false;
	return alone || !t->pending;
}

/* Settle the table and open its gate. */
static bool
settle_table(Table *t)
{
	if (raise_epoch && (cs_attempt_is_too_early(&stamps) ||
						!cs_attempt_common(raise_stamps, &stamps)))
	{
		t->trouble.not_before = stamps.not_before;
		return false;
	}
	t->settled = false;
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
	t->flushed = cs_clock_steady();
	cs_state_open(t->slot);
	return true;
}

/* ----- flushing ----- */

static void
flush(void *arg)
{
	Table	   *t = arg;

	t->rows = cs_flush_table(t->relid, t->skip);
	if (!t->durable)
		return;
	journal_used = true;
	(void) cs_journal_bytes(&journal_bytes);
}

/*
 * Flush the table.  After a flush that wrote nothing there is a pause, because
 * the reason for it persists.
 */
static bool
flush_table(Table *t)
{
	TimestampTz now = cs_clock_steady();

	t->asked = false;
	t->skip = now < t->skip_until;
	if (!try_table(t, flush, "flushing deferred writes of"))
		return false;
	t->flushed = cs_clock_steady();
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

/* Time of the next flush of the table. */
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
		due = plus_interval(Max(t->flushed, info.flushed), t->interval);
	return Max(due, t->trouble.not_before);
}

/*
 * Request the process that flushes a quarantined table; it wakes this worker
 * when it ends.  Returns when to look at the table again.
 */
static TimestampTz
see_to_quarantined(Table *t)
{
	TimestampTz now = cs_clock_steady();
	TimestampTz due = cs_state_is_open(t->slot) ? due_at(t) : 0;

	due = Max(due, cs_quarantine_not_before(t->slot));
	t->settled = false;
	if (due > now)
		return due;
	t->asked = false;
	cs_quarantine_ask(t->slot);
	return NEVER;
}

/* Do what is due for a table.  Returns when to look at it again. */
static TimestampTz
see_to(Table *t)
{
	TimestampTz now = cs_clock_steady();

	if (t->trouble.not_before > now)
		return t->trouble.not_before;
	if ((t->slot < 0 || t->generation != cs_binding_generation) &&
		!try_table(t, look, "looking at"))
		return t->trouble.not_before;
	if (t->slot < 0)
		return NEVER;
	cs_state_note_table(t->slot, MyDatabaseId);
	cs_state_set_owner(t->slot, t->owner);
	cs_state_set_worker(t->slot, cs_my_procno());
	if (cs_quarantine_has(t->slot, t->relid))
		return see_to_quarantined(t);
	if ((!t->settled || !cs_state_is_open(t->slot)) &&
		(!is_ready(t) || !settle_table(t)))
		return t->trouble.not_before;
	if (due_at(t) <= now)
		(void) flush_table(t);
	return due_at(t);
}

/* Replay the next table that waits.  Returns the time of the next round. */
static TimestampTz
replay_next(void)
{
	Table	   *next = NULL;
	ListCell   *lc;

	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (t->pending && (next == NULL || t->patience < next->patience))
			next = t;
	}
	if (next == NULL)
		return NEVER;
	(void) settle_table(next);
	return 0;
}

/* ----- the journals ----- */

static bool
has_dirty(const Table *t)
{
	CsUsage		usage;

	if (t->slot < 0)
		return false;
	cs_store_usage((uint32) t->slot, &usage);
	return usage.dirty_entries > 0;
}

static bool
durable_dirty(void)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (t->durable && has_dirty(t))
			return true;
	}
	return false;
}

static void
empty(void *unused)
{
	cs_journal_empty();
}

static void
measure(void *unused)
{
	(void) cs_journal_bytes(&journal_bytes);
}

/*
 * Empty the journals if possible.  Returns when to look at them again; a flush
 * makes the worker look in any case.
 */
static TimestampTz
see_to_journals(void)
{
	TimestampTz now = cs_clock_steady();
	bool		large = journal_bytes > JOURNAL_LARGE && !journal_stuck;

	if (!journal_used || (journal_bytes <= JOURNAL_SMALL && durable_dirty()))
		return NEVER;
	if (!large && journal_next > now)
		return journal_next;
	if (cs_attempt_is_too_early(&journals))
		return journals.not_before;
	journal_next = TimestampTzPlusMilliseconds(now, JOURNAL_MS);
	pgstat_report_activity(STATE_RUNNING, "emptying the journal of deferred writes");
	if (!cs_attempt_common(empty, &journals) || !cs_attempt_common(measure, &journals))
		return Max(journal_next, journals.not_before);
	journal_used = journal_stuck = journal_bytes > JOURNAL_NONE;
	return journal_used ? journal_next : NEVER;
}

/* ----- a round ----- */

/* Remove notes that would start a worker without write_back tables. */
static void
forget_notes(void)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(MyDatabaseId, slots);

	for (int i = 0; i < n; i++)
		cs_state_note_table(slots[i], InvalidOid);
	pfree(slots);
}

/*
 * Read the list of tables.  Returns false if there are none, and then removes
 * the notes for the launcher.  Returns true if the list could not be read.
 */
bool
cs_flushtables_read(void)
{
	cs_state_opens_gates = true;
	if (cs_attempt_is_too_early(&reading) || !cs_attempt_common(list_tables, &reading))
		return true;
	read_once = true;
	sync_tables();
	if (tables == NIL)
		forget_notes();
	return tables != NIL;
}

/*
 * Do what is due.  Returns the time of the next round (DT_NOEND: none);
 * returns at once when the worker is to end.
 */
TimestampTz
cs_flushtables_see_to(void)
{
	TimestampTz next = NEVER;
	ListCell   *lc;

	if (read_once)
		cs_queue_flusher_serve();
	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);
		TimestampTz then;

		t->pending = false;
		then = see_to(t);
		next = Min(next, then);
		if (ShutdownRequestPending)
			return 0;
	}
	if (read_once)
	{
		TimestampTz then = replay_next();

		next = Min(next, then);
		then = see_to_journals();

		next = Min(next, then);
	}
	if (cs_attempt_is_too_early(&reading))
		next = Min(next, reading.not_before);
	cs_counters_flush();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	return next;
}

/* ----- ending ----- */

/* The server is stopping: all attempts together have this many ms. */
void
cs_flushtables_hurry(long ms)
{
	deadline = TimestampTzPlusMilliseconds(cs_clock_steady(), ms);
}

static bool
is_quarantined(const Table *t)
{
	return t->slot >= 0 && cs_quarantine_has(t->slot, t->relid);
}

/*
 * Whether to flush the table before the server stops.  A durable one need not
 * be, as the journal has its writes.
 */
static bool
is_worth_a_try(const Table *t, bool quarantined)
{
	if (is_quarantined(t) != quarantined || t->given_up || !has_dirty(t))
		return false;
	return quarantined ? !t->durable && cs_state_is_open(t->slot) : t->settled;
}

static bool
flush_some(bool now, bool quarantined)
{
	bool		left = false;
	ListCell   *lc;

	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (!is_worth_a_try(t, quarantined))
			continue;
		if (now || t->trouble.not_before <= cs_clock_steady())
			(void) flush_table(t);
		left |= !t->given_up && has_dirty(t);
	}
	return left;
}

/*
 * Flush all tables, whether due or not.  Tables with errors are flushed only
 * if it is time for the next attempt, or if 'now'.  Those that may hang come
 * last, and not while clients are waited for.  Returns whether deferred writes
 * are left.
 */
bool
cs_flushtables_flush(bool now)
{
	bool		left = flush_some(now, false);

	if (now)
		left |= flush_some(now, true);
	return left;
}

/* ----- the process of a quarantined table ----- */

static void
flush_alone(Table *t)
{
	TimestampTz begin = cs_clock_steady();

	if (!is_ready(t) || !settle_table(t) || !flush_table(t))
		cs_quarantine_failed(t->slot);
	else if (!TimestampDifferenceExceeds(begin, cs_clock_steady(), cs_worker_timeout))
		cs_quarantine_lift(t->slot);
}

/*
 * Make one attempt for a quarantined table, with more time than others have.
 * The process does nothing else.
 */
void
cs_flushtables_alone(Oid relid)
{
	Table	   *t;

	alone = true;
	add_table(relid);
	t = linitial(tables);
	if (!try_table(t, look, "looking at") || t->slot < 0)
		return;
	if (cs_quarantine_has(t->slot, t->relid))
		flush_alone(t);
	cs_state_wake(t->slot);
	cs_counters_flush();
	pgstat_report_stat(false);
}

static void
set_clean(void *arg)
{
	Table	   *t = arg;

	cs_journal_set_unclean(t->relid, false);
}

/*
 * Mark a volatile table as clean.  While the gate is closed nothing is
 * deferred.  The table's counters are reset, as they are when the server
 * stops.
 */
static void
close_volatile(Table *t, bool (*clients_are_here) (void))
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

/*
 * The server is stopping: mark volatile tables as clean, and empty the
 * journal.  A table stays open if 'clients_are_here' returns true after its
 * gate was closed.
 */
void
cs_flushtables_close(bool (*clients_are_here) (void))
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		Table	   *t = lfirst(lc);

		if (!t->durable && (t->settled || (is_quarantined(t) && cs_state_is_open(t->slot))))
			close_volatile(t, clients_are_here);
	}
	journal_next = 0;
	(void) see_to_journals();
}

/* Release the tables' slots.  May be called repeatedly, and at exit. */
void
cs_flushtables_leave(void)
{
	ListCell   *lc;

	foreach(lc, tables)
		leave_slot(lfirst(lc));
}
