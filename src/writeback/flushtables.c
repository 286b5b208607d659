/*-------------------------------------------------------------------------
 *
 * flushtables.c
 *		What a flush worker does for its tables, and for their journal.
 *
 * Its tables are those that cache.bindings has with strategy write_back.  It
 * goes round them: the list is read, then each table is seen to.  Whatever it
 * does for a table is a transaction of its own (attempt.c); an error is counted
 * and concerns that table only.  Rows that are locked for longer than
 * lock_timeout are left out by the next attempt, and so are those that others
 * wait for us with: it is the worker that a deadlock ends (flusher.c).
 *
 * A table whose gate is closed comes from before the server's last start: what
 * the journal has of it is written to the table, in one transaction, and then
 * the gate opens.  Open gates are what the shared memory says of the past: a
 * worker that finds one open, as the one before it has died, must not replay,
 * since the entries are still in the store.  Before any gate opens, the stamps
 * are raised above those in the journal.  Tables of which the journal has nothing
 * come first.  Replays run what the tables' owners have written, so one at a time
 * is made in each round, and when there are other tables, with little time at
 * first and twice as much each time: a replay that hangs or fails does not keep
 * another table's gate closed.
 *
 * A volatile table is marked as clean when nobody is connected and nothing is
 * deferred, with its gate closed first: whoever comes later waits for the next
 * worker, which takes the mark away before it opens the gate.
 *
 * The journal is emptied when nothing durable is deferred, or when it is large.
 *
 * A table whose attempt takes too long is quarantined (quarantine.c): the worker
 * only asks for the process that makes its attempts from then on.
 *
 * One Table for each of them, in TopMemoryContext: what it is like, as of a
 * generation of the bindings, and how it is getting on.  All of that is
 * process-local; what is shared is in state.c and queue.c.  Heavyweight locks
 * only, none between transactions.
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
#include "store/counters.h"
#include "store/queue.h"
#include "store/slot.h"
#include "store/store.h"
#include "writeback/commitepoch.h"
#include "writeback/flush.h"
#include "writeback/flushtables.h"
#include "writeback/journal.h"
#include "writeback/quarantine.h"
#include "writeback/state.h"
#include "xact/attempt.h"

#define PAUSE_MS		100		/* after a flush that could do nothing */
#define SKIP_MS			5000	/* how long to leave out locked rows, once
								 * some were in the way */

#define JOURNAL_NONE	(2 * BLCKSZ)	/* empty ones: the indexes of their
										 * TOAST tables */
#define JOURNAL_SMALL	(UINT64CONST(1) << 20)
#define JOURNAL_LARGE	(UINT64CONST(16) << 20)
#define JOURNAL_MS		5000	/* between attempts to empty it */

#define ALONE_TIMES		10		/* the time that others have, when quarantined */
#define LEAST_MS		500		/* that an attempt gets */
#define FIRST_PART		16		/* of cache_strategies.worker_timeout: what
								 * the first attempt to replay gets */

#define NEVER			DT_NOEND

typedef struct Table
{
	Oid			relid;
	Oid			owner;
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
	bool		pending;		/* the journal has something of it: to be
								 * replayed in this round */
	int			patience;		/* ms that a replay gets; 0: none has taken
								 * too long */
	TimestampTz flushed;		/* last, or when the gate was opened */
	bool		asked;			/* flush it now */
	bool		skip;			/* leave out locked rows */
	bool		given_up;		/* it hung while the server was stopping */
	TimestampTz skip_until;
	uint64		rows;			/* of the last flush */
	CsTrouble	trouble;
	CsAttempt	failing;		/* what has caused it; NULL: none */
} Table;

static List *tables = NIL;		/* of Table */
static List *listed = NIL;		/* OIDs in cache.bindings, when last read */
static bool read_once = false;	/* cache.bindings */
static CsTrouble reading;		/* with cache.bindings */
static CsTrouble stamps;		/* with raising them */
static CsTrouble journals;		/* with emptying them */
static bool raise_epoch = true; /* a gate is closed */
static bool alone = false;		/* this process is for one table */
static TimestampTz deadline = 0;	/* of all attempts; 0: none */

static bool journal_used = true;	/* it may have rows */
static bool journal_stuck = false;	/* it could not be emptied */
static uint64 journal_bytes = 0;	/* when last looked at */
static TimestampTz journal_next = 0;

/* ----- a table, and what has gone wrong with it ----- */

static void flush(void *arg);
static void settle(void *arg);

static bool
is_held_by_others(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* To look at it again says nothing of what has failed afterwards. */
static void
succeeded(Table *t, CsAttempt work)
{
	if (work != settle && work != flush && work != t->failing)
		return;
	t->failing = NULL;
	cs_attempt_went_well(&t->trouble);
}

/*
 * Rows that somebody holds are left out by the next attempt, which comes when
 * the other tables have had their turn.
 */
static void
failed(Table *t, CsAttempt work, const ErrorData *error)
{
	int			slot = t->slot;

	/* it cannot even be looked at, and others may be waiting for that */
	if (slot < 0)
		slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, t->relid);
	if (slot >= 0)
	{
		cs_state_flushed(slot, error->sqlerrcode, error->message);
		cs_state_add(slot, CS_FLUSH_RETRIES, 1);
	}
	if (is_held_by_others(error->sqlerrcode) && work == flush && !t->skip)
	{
		t->skip_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SKIP_MS);
		t->asked = true;
		return;
	}
	if (t->failing == NULL || work == settle || work == flush)
		t->failing = work;
	cs_attempt_failed(&t->trouble, t->name, error);
}

/* Milliseconds for an attempt. */
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
	return (int) Max(Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline),
						 cs_worker_timeout), LEAST_MS);
}

/* It has hung. */
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

static bool
try_table(Table *t, CsAttempt work, const char *doing)
{
	char		activity[sizeof(t->name) + 64];
	ErrorData  *error;
	int			slot = t->slot; /* looking at the table may change it */
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

/* ----- which tables ----- */

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
look(void *arg)
{
	Table	   *t = arg;
	CsBinding  *binding = cs_binding_get(t->relid);
	uint64		generation = cs_binding_generation;
	bool		known;			/* its slot, to this process */
	CsStoreInfo store;

	if (binding != NULL && strcmp(binding->options.strategy, "write_back") != 0)
		binding = NULL;
	if (binding == NULL || binding->slot != t->slot)
		leave_slot(t);
	t->settled = false;
	if (binding == NULL)
		return;					/* it has just been dropped or detached */
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
	cs_commitepoch_raise(cs_journal_last());
	raise_epoch = false;
}

/*
 * While a dump is being restored, the bindings may be there before the journal.
 * Triggers are made last.
 */
static void
check_ready(void *arg)
{
	Table	   *t = arg;

	LockRelationOid(t->relid, AccessShareLock);
	cs_triggers_require(cs_binding_require(t->relid));
	t->pending = cs_journal_has_pending(t->relid);
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
settle(void *arg)
{
	Table	   *t = arg;
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

/*
 * Can it be settled at once?  Not when something is in the way, nor when the
 * journal has something of it: then it gets its turn.
 */
static bool
is_ready(Table *t)
{
	t->pending = false;
	if (!cs_state_is_open(t->slot) && !try_table(t, check_ready, "looking at"))
		return false;
	return alone || !t->pending;
}

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
	t->flushed = GetCurrentTimestamp();
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

/*
 * A process of its own flushes it, and wakes us when it has ended.  Returns when
 * to look again.
 */
static TimestampTz
see_to_quarantined(Table *t)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due = cs_state_is_open(t->slot) ? due_at(t) : 0;

	due = Max(due, cs_quarantine_not_before(t->slot));
	t->settled = false;
	if (due > now)
		return due;
	t->asked = false;
	cs_quarantine_ask(t->slot);
	return NEVER;
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

/* The next of the tables that have to wait for their turn; returns when to go on. */
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

/* ----- leaving ----- */

void
cs_flushtables_hurry(long ms)
{
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

static bool
is_quarantined(const Table *t)
{
	return t->slot >= 0 && cs_quarantine_has(t->slot, t->relid);
}

/* Flush the table before the server stops?  The journal has what is durable. */
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
		if (now || t->trouble.not_before <= GetCurrentTimestamp())
			(void) flush_table(t);
		left |= !t->given_up && has_dirty(t);
	}
	return left;
}

/* Those that may hang come last, and not while clients are waited for. */
bool
cs_flushtables_flush(bool now)
{
	bool		left = flush_some(now, false);

	if (now)
		left |= flush_some(now, true);
	return left;
}

/* ----- in a process of its own ----- */

static void
flush_alone(Table *t)
{
	TimestampTz begin = GetCurrentTimestamp();

	if (!is_ready(t) || !settle_table(t) || !flush_table(t))
		cs_quarantine_failed(t->slot);
	else if (!TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), cs_worker_timeout))
		cs_quarantine_lift(t->slot);
}

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
 * With the gate closed nothing is deferred any more.  The table's counts go,
 * too, as they would with the server.
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

void
cs_flushtables_leave(void)
{
	ListCell   *lc;

	foreach(lc, tables)
		leave_slot(lfirst(lc));
}
