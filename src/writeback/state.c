/*-------------------------------------------------------------------------
 *
 * state.c
 *		Shared state of write_back tables, in addition to their deferred
 *		entries.
 *
 * Shared memory holds one element per slot.  Nearly all fields are atomic; the
 * text of the last error and related fields have a spinlock.  The opening of
 * the gate and the end of a flush are signalled by one condition variable,
 * since the waiters check their condition again anyway.
 *
 * An element is never removed: cs_state_reset() reinitializes it when its slot
 * goes to another table, while processes may still sleep on it.
 *
 * Functions called from COMMIT callbacks set atomics and latches and hold
 * spinlocks, nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "guc.h"
#include "store/clock.h"
#include "store/queue.h"
#include "store/slot.h"
#include "store/store.h"
#include "writeback/removal.h"
#include "writeback/state.h"

/* Interval at which a backend that waits at a gate requests a worker again. */
#define ASK_MS	1000
#define WORKER_MS 60000			/* time to wait for a worker to examine the
								 * table */

typedef struct CsSharedFlush
{
	/* Read by every reader and writer of the table, rarely changed */
	pg_atomic_uint32 open;		/* atomic; the gate */
	pg_atomic_uint32 database;	/* atomic; that was noted; InvalidOid if none */
	pg_atomic_uint32 owner;		/* atomic; of the table */
	pg_atomic_uint32 worker;	/* atomic; its procno + 1; 0 if there is none */
	pg_atomic_uint64 moves;		/* atomic; begun in the upper bits, not ended
								 * in the low 16; never reset */
	pg_atomic_uint32 key;		/* atomic; shape of the primary key; 0 if no
								 * write was deferred yet */
	pg_atomic_uint32 asked;		/* atomic; a flush was requested */
	pg_atomic_uint64 oldest;	/* atomic; by cs_clock_steady(); 0 if nothing
								 * is deferred */

	char		pad[PG_CACHE_LINE_SIZE];

	/* Changed by every commit or every flush */
	pg_atomic_uint64 count[CS_FLUSH_COUNTS];	/* atomic, each by itself */
	pg_atomic_uint64 ended;		/* atomic; number of flushes, including failed
								 * ones; only grows */
	pg_atomic_uint64 last_flush;	/* atomic; time of the last successful one */
	pg_atomic_uint64 flushed;	/* atomic; the same by cs_clock_steady() */
	ConditionVariable changed;	/* has its own lock */

	slock_t		lock;			/* protects the following */
	int			error_code;		/* spinlock; 0 if the last flush succeeded */
	TimestampTz error_time;		/* spinlock */
	TimestampTz failed;			/* spinlock; the same by cs_clock_steady() */
	char		error[sizeof(((CsFlushInfo *) NULL)->error)];	/* spinlock */
} CsSharedFlush;

static CsSharedFlush *states;
static uint32 replay_event = 0; /* see cs_wait_event(), like the next */
static uint32 flush_event = 0;

bool		cs_state_opens_gates = false;	/* true in a flush worker */

/*
 * Atomic, located behind them: slots from here on never had an owner; only
 * grows.
 */
static pg_atomic_uint32 *owned_slots;

/* ----- setting up ----- */

Size
cs_state_shmem_size(void)
{
	return add_size(mul_size(cs_max_tables, sizeof(CsSharedFlush)),
					sizeof(pg_atomic_uint32));
}

void
cs_state_shmem_init(void)
{
	bool		found;

	states = ShmemInitStruct("cache_strategies flush states", cs_state_shmem_size(),
							 &found);
	owned_slots = (pg_atomic_uint32 *) (states + cs_max_tables);
	if (found)
		return;
	memset(states, 0, cs_state_shmem_size());
	pg_atomic_init_u32(owned_slots, 0);
	for (int i = 0; i < cs_max_tables; i++)
	{
		CsSharedFlush *state = &states[i];

		pg_atomic_init_u32(&state->open, 0);
		pg_atomic_init_u32(&state->database, InvalidOid);
		pg_atomic_init_u32(&state->owner, InvalidOid);
		pg_atomic_init_u32(&state->worker, 0);
		pg_atomic_init_u32(&state->asked, 0);
		pg_atomic_init_u32(&state->key, 0);
		pg_atomic_init_u64(&state->moves, 0);
		pg_atomic_init_u64(&state->oldest, 0);
		for (int c = 0; c < CS_FLUSH_COUNTS; c++)
			pg_atomic_init_u64(&state->count[c], 0);
		pg_atomic_init_u64(&state->ended, 0);
		pg_atomic_init_u64(&state->last_flush, 0);
		pg_atomic_init_u64(&state->flushed, 0);
		ConditionVariableInit(&state->changed);
		SpinLockInit(&state->lock);
	}
}

/*
 * Reinitialize the element, when the slot goes to another table.  "ended" is
 * not reset, so that no process waits for a number that comes again.
 */
void
cs_state_reset(int slot)
{
	CsSharedFlush *state = &states[slot];

	pg_atomic_write_u32(&state->open, 0);
	pg_atomic_write_u32(&state->database, InvalidOid);
	pg_atomic_write_u32(&state->owner, InvalidOid);
	pg_atomic_write_u32(&state->worker, 0);
	pg_atomic_write_u32(&state->asked, 0);
	pg_atomic_write_u32(&state->key, 0);
	pg_atomic_write_u64(&state->oldest, 0);
	cs_state_reset_counts(slot);
	SpinLockAcquire(&state->lock);
	state->error_code = 0;
	state->error_time = state->failed = 0;
	state->error[0] = '\0';
	SpinLockRelease(&state->lock);
}

/*
 * Set to zero what has been counted.  How flushing is going at the moment
 * stays as it is, the last error included.
 */
void
cs_state_reset_counts(int slot)
{
	CsSharedFlush *state = &states[slot];

	for (int c = 0; c < CS_FLUSH_COUNTS; c++)
		pg_atomic_write_u64(&state->count[c], 0);
	pg_atomic_write_u64(&state->last_flush, 0);
	pg_atomic_write_u64(&state->flushed, 0);
}

/* ----- the gate ----- */

/*
 * Whether the gate is open.  If so, everything that the worker did before
 * opening it is visible.
 */
bool
cs_state_is_open(int slot)
{
	bool		open = pg_atomic_read_u32(&states[slot].open) != 0;

	pg_read_barrier();
	return open;
}

/*
 * Open the gate, when the worker has processed what a crash may have left.
 */
void
cs_state_open(int slot)
{
	/* what was replayed is only in the table */
	cs_removal_note_all(slot);
	pg_atomic_exchange_u32(&states[slot].open, 1);
	ConditionVariableBroadcast(&states[slot].changed);
}

/* The worker's last error code, if it occurred since then; else 0. */
static int
error_since(CsSharedFlush *state, TimestampTz since)
{
	int			code;

	SpinLockAcquire(&state->lock);
	code = state->failed >= since ? state->error_code : 0;
	SpinLockRelease(&state->lock);
	return code;
}

/* Whether the worker was blocked by a lock since then. */
static bool
is_held_up(CsSharedFlush *state, TimestampTz since)
{
	int			code = error_since(state, since);

	return code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/*
 * Whether another process waits for a lock on the relation that conflicts with
 * one of these modes, held by this process.
 */
static bool
is_waited_for(const LockData *locks, Oid relid, LOCKMASK mine)
{
	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];

		if (lock->locktag.locktag_type != LOCKTAG_RELATION || lock->pid == MyProcPid ||
			lock->locktag.locktag_field1 != MyDatabaseId ||
			lock->locktag.locktag_field2 != relid || lock->waitLockMode == NoLock)
			continue;
		for (LOCKMODE mode = AccessShareLock; mode <= AccessExclusiveLock; mode++)
			if ((mine & LOCKBIT_ON(mode)) != 0 &&
				DoLockModesConflict(lock->waitLockMode, mode))
				return true;
	}
	return false;
}

/*
 * Whether DDL waits for a lock that this process holds on the slot's table.
 * The worker queues behind the DDL, and this process waits for the worker.
 */
static bool
holds_up_others(int slot)
{
	Oid			database;
	Oid			relid = cs_slot_relation(slot, &database);
	LockData   *locks = GetLockStatusData();
	LOCKMASK	mine = 0;

	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];

		if (lock->locktag.locktag_type == LOCKTAG_RELATION && lock->pid == MyProcPid &&
			lock->locktag.locktag_field1 == MyDatabaseId &&
			lock->locktag.locktag_field2 == relid)
			mine |= lock->holdMask;
	}
	return mine != 0 && is_waited_for(locks, relid, mine);
}

/*
 * Whether waiting would be a deadlock, which the deadlock detector cannot see
 * because of the gate.  A waiting transaction may hold a row that the worker
 * needs before it opens the gate, or a lock for which DDL waits that in turn
 * blocks the worker.  The latter is true now, so it does not matter when the
 * worker was blocked.
 */
static bool
is_deadlock(int slot, TimestampTz since)
{
	if (is_held_up(&states[slot], since) &&
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return true;
	return is_held_up(&states[slot], 0) && holds_up_others(slot);
}

/*
 * Throw 40P01 if waiting would be a deadlock.
 */
static void
check_deadlock(int slot, TimestampTz since)
{
	if (is_deadlock(slot, since))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("deadlock detected"),
				 errdetail("The flush worker has to look at the table first, for deferred writes of before, and this transaction may hold a lock that it waits for."),
				 errhint("Try the transaction again.")));
}

/*
 * Throw 55000: deferred writes have not been replayed.
 */
cs_noreturn static void
say_not_replayed(int slot, const char *detail, const char *hint)
{
	Oid			database;
	char	   *name = get_rel_name(cs_slot_relation(slot, &database));

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("deferred writes of table \"%s\" have not been replayed yet",
					name != NULL ? name : "?"),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}

/*
 * Throw 55000 if the worker has failed and the time limit is exceeded.  During
 * the first attempt, which has a limit of its own, there is nothing to report.
 * A worker that is busy with other tables, or is restarted, is given more
 * time.
 */
static void
check_patience(int slot, TimestampTz since, int patience)
{
	TimestampTz now = cs_clock_steady();
	CsFlushInfo info;

	if (!TimestampDifferenceExceeds(since, now, patience))
		return;
	cs_state_info(slot, &info);
	if (info.error_code != 0)
		say_not_replayed(slot,
						 psprintf(_("The last attempt to replay them failed: %s"), info.error),
						 _("Look at the table's triggers and constraints and at locks on its rows; the flush worker goes on trying."));
	if (pg_atomic_read_u32(&states[slot].worker) == 0 &&
		TimestampDifferenceExceeds(since, now, WORKER_MS))
		say_not_replayed(slot, _("The flush worker of this database has not looked at the table."),
						 _("See the server log; you might need to increase max_worker_processes."));
}

/*
 * Throw 40001 if the table was detached.  Detaching does not wait for readers
 * or flushes, and opens no gate.
 */
static void
check_attached(int slot, Oid relid)
{
	Oid			database;

	if (OidIsValid(relid) && cs_slot_relation(slot, &database) == relid &&
		database == MyDatabaseId)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the table was detached from the cache concurrently"),
			 errhint("Try again.")));
}

/*
 * Wait, interruptibly, until the gate is open, and request a worker of this
 * database. If the worker has failed to open it, throws 55000 after "patience"
 * milliseconds.
 */
void
cs_state_wait_open(int slot, int patience)
{
	CsSharedFlush *state = &states[slot];
	TimestampTz since;
	Oid			database;
	Oid			relid = cs_slot_relation(slot, &database);

	if (cs_state_is_open(slot))
		return;
	if (cs_state_opens_gates)
		say_not_replayed(slot, _("The flush worker itself would have to wait for that."),
						 _("The flush worker tries again."));
	since = cs_clock_steady();
	ConditionVariablePrepareToSleep(&state->changed);
	while (!cs_state_is_open(slot))
	{
		check_attached(slot, relid);
		check_deadlock(slot, since);
		check_patience(slot, since, patience);
		/* the worker may have ended before the table was visible */
		cs_state_note_table(slot, MyDatabaseId);
		cs_queue_wake_launcher();
		(void) ConditionVariableTimedSleep(&state->changed, ASK_MS,
										   cs_wait_event(&replay_event, "CacheReplay"));
	}
	ConditionVariableCancelSleep();
}

/* ----- workers ----- */

/*
 * Note that a write_back table of this database was met; wakes the launcher if
 * that is new.
 */
void
cs_state_note_table(int slot, Oid database)
{
	if (pg_atomic_read_u32(&states[slot].database) == database ||
		pg_atomic_exchange_u32(&states[slot].database, database) == database)
		return;
	if (OidIsValid(database))
		cs_queue_wake_launcher();
}

/*
 * Whether a table was noted and has no worker.
 */
bool
cs_state_wants_worker(int slot)
{
	return OidIsValid(pg_atomic_read_u32(&states[slot].database)) &&
		pg_atomic_read_u32(&states[slot].worker) == 0;
}

/*
 * Make this process the worker of the slot's table: cs_state_wake() sets its
 * latch.
 */
void
cs_state_set_worker(int slot, int pgprocno)
{
	if (pg_atomic_read_u32(&states[slot].worker) != (uint32) (pgprocno + 1))
		pg_atomic_exchange_u32(&states[slot].worker, (uint32) (pgprocno + 1));
}

/* ----- owners ----- */

/*
 * Set the table's owner.  The deferred bytes of an owner's tables are limited
 * together.
 */
void
cs_state_set_owner(int slot, Oid owner)
{
	uint32		owned = pg_atomic_read_u32(owned_slots);

	if (pg_atomic_read_u32(&states[slot].owner) != owner)
		pg_atomic_write_u32(&states[slot].owner, owner);
	while (owned <= (uint32) slot &&
		   !pg_atomic_compare_exchange_u32(owned_slots, &owned, slot + 1))
		;
}

/*
 * Deferred bytes of the owner's tables, and their limit, which is three times
 * the free bytes.
 *
 * So one owner alone gets three quarters of the memory for deferred writes; a
 * table that cannot be flushed, which may use half, does not prevent the
 * owner's other tables from deferring; and an owner whose tables cannot be
 * flushed at all leaves a quarter of what was free.
 */
void
cs_state_owner_share(int slot, CsOwnerShare *share)
{
	Oid			owner = pg_atomic_read_u32(&states[slot].owner);
	Size		all = 0;
	CsStoreInfo info;
	CsUsage		usage;

	share->bytes = 0;
	for (uint32 i = 0; i < pg_atomic_read_u32(owned_slots); i++)
	{
		if (!OidIsValid(pg_atomic_read_u32(&states[i].owner)))
			continue;
		cs_store_usage((uint32) i, &usage);
		all += usage.dirty_bytes;
		if (pg_atomic_read_u32(&states[i].owner) == owner)
			share->bytes += usage.dirty_bytes;
	}
	cs_store_info(&info);
	share->limit = info.dirty_limit > all ? 3 * (info.dirty_limit - all) : 0;
}

/*
 * Wake the table's worker; COMMIT callbacks may call it.  If the worker has
 * ended meanwhile, another process wakes up needlessly.
 */
void
cs_state_wake(int slot)
{
	uint32		worker = pg_atomic_read_u32(&states[slot].worker);

	if (worker != 0)
		SetLatch(&GetPGProcByNumber(worker - 1)->procLatch);
}

/*
 * Note that writes were deferred; COMMIT callbacks may call it.  Only the
 * first one wakes the worker, which then knows when the next flush is due.
 */
void
cs_state_dirtied(int slot, TimestampTz since)
{
	uint64		expected = 0;

	pg_memory_barrier();
	if (pg_atomic_read_u64(&states[slot].oldest) == 0 &&
		pg_atomic_compare_exchange_u64(&states[slot].oldest, &expected, (uint64) since))
		cs_state_wake(slot);
}

/*
 * Increment a counter; COMMIT callbacks may call it.
 */
void
cs_state_add(int slot, CsFlushCount what, uint64 n)
{
	if (n > 0)
		pg_atomic_fetch_add_u64(&states[slot].count[what], n);
}

/*
 * Request a flush, for a backend that waits for room.
 */
void
cs_state_ask_flush(int slot)
{
	pg_atomic_exchange_u32(&states[slot].asked, 1);
}

/*
 * Whether a flush was requested; clears the request.
 */
bool
cs_state_take_asked(int slot)
{
	return pg_atomic_read_u32(&states[slot].asked) != 0 &&
		pg_atomic_exchange_u32(&states[slot].asked, 0) != 0;
}

/* ----- primary key ----- */

/*
 * Set the shape of the primary key (cs_binding_key_shape) for which writes are
 * deferred.
 */
void
cs_state_set_key(int slot, uint32 shape)
{
	if (pg_atomic_read_u32(&states[slot].key) != shape)
		pg_atomic_write_u32(&states[slot].key, shape);
}

bool
cs_state_key_is_set(int slot)
{
	return pg_atomic_read_u32(&states[slot].key) != 0;
}

bool
cs_state_key_is(int slot, uint32 shape)
{
	return pg_atomic_read_u32(&states[slot].key) == shape;
}

/*
 * Counter of rows that get another key.  Includes a full barrier.
 *
 * A backend that defers a write for a key remembers the counter, and compares
 * it after it has reserved its record: the row may have another key by then.
 * A backend that changes a key increments the counter before it looks for
 * records, and decrements it when it has ended.
 */
uint64
cs_state_moves(int slot)
{
	return pg_atomic_fetch_add_u64(&states[slot].moves, 0);
}

void
cs_state_begin_move(int slot)
{
	pg_atomic_fetch_add_u64(&states[slot].moves, 0x10001);
}

void
cs_state_end_move(int slot)
{
	pg_atomic_fetch_sub_u64(&states[slot].moves, 1);
}

#ifdef CS_TEST_POINTS
/* Number of moves in progress. */
int
cs_state_moving(int slot)
{
	return (int) (pg_atomic_read_u64(&states[slot].moves) & 0xFFFF);
}
#endif

/* ----- flushes ----- */

/*
 * Number of flushes that have ended, for cs_state_wait_flush().
 */
uint64
cs_state_flushes_ended(int slot)
{
	uint64		ended = pg_atomic_read_u64(&states[slot].ended);

	pg_read_barrier();
	return ended;
}

/*
 * Wait, interruptibly, until a flush of the table has ended or "timeout"
 * milliseconds have passed.
 */
void
cs_state_wait_flush(int slot, uint64 seen, int timeout)
{
	CsSharedFlush *state = &states[slot];
	TimestampTz end = TimestampTzPlusMilliseconds(cs_clock_steady(), timeout);

	ConditionVariablePrepareToSleep(&state->changed);
	while (cs_state_flushes_ended(slot) == seen)
	{
		long		left = TimestampDifferenceMilliseconds(cs_clock_steady(), end);

		if (left <= 0)
			break;
		(void) ConditionVariableTimedSleep(&state->changed, left,
										   cs_wait_event(&flush_event, "CacheFlush"));
	}
	ConditionVariableCancelSleep();
}

/*
 * Set "oldest" after a flush.  What is left was deferred since the flush
 * began, as far as known; rows that the flush omitted count as deferred now.
 * A writer makes its entry dirty before it reads "oldest", so either the entry
 * is seen here or the writer sees 0.
 */
static void
set_oldest(int slot)
{
	pg_atomic_uint64 *oldest = &states[slot].oldest;
	uint64		old = pg_atomic_exchange_u64(oldest, 0);
	uint64		expected = 0;
	CsUsage		usage;

	cs_store_usage((uint32) slot, &usage);
	if (usage.dirty_entries > 0 && old != 0)
		(void) pg_atomic_compare_exchange_u64(oldest, &expected,
											  Max(old, (uint64) cs_clock_of(GetCurrentStatementStartTimestamp())));
}

/*
 * Record an error.
 */
static void
set_error(CsSharedFlush *state, int sqlerrcode, const char *message)
{
	TimestampTz now = GetCurrentTimestamp();
	int			len = message == NULL ? 0 :
	pg_mbcliplen(message, strlen(message), sizeof(state->error) - 1);

	SpinLockAcquire(&state->lock);
	state->error_code = sqlerrcode;
	state->error_time = now;
	state->failed = cs_clock_steady();
	memcpy(state->error, message == NULL ? "" : message, len);
	state->error[len] = '\0';
	SpinLockRelease(&state->lock);
}

/*
 * Record the end of a flush, and wake the waiters.  sqlerrcode is 0 if it
 * succeeded; the text of the last error is kept for display.
 */
void
cs_state_flushed(int slot, int sqlerrcode, const char *message)
{
	CsSharedFlush *state = &states[slot];

	if (sqlerrcode != 0)
		set_error(state, sqlerrcode, message);
	else
	{
		SpinLockAcquire(&state->lock);
		state->error_code = 0;
		SpinLockRelease(&state->lock);
		set_oldest(slot);
		pg_atomic_write_u64(&state->last_flush, (uint64) GetCurrentTimestamp());
		pg_atomic_write_u64(&state->flushed, (uint64) cs_clock_steady());
	}
	pg_atomic_fetch_add_u64(&state->ended, 1);
	ConditionVariableBroadcast(&state->changed);
}

/* ----- display ----- */

/*
 * Copy the state for display.
 */
void
cs_state_info(int slot, CsFlushInfo *info)
{
	CsSharedFlush *state = &states[slot];
	CsUsage		usage;

	cs_store_usage((uint32) slot, &usage);
	info->open = cs_state_is_open(slot);
	info->entries = usage.dirty_entries;
	info->bytes = usage.dirty_bytes;
	info->oldest = (TimestampTz) pg_atomic_read_u64(&state->oldest);
	info->last_flush = (TimestampTz) pg_atomic_read_u64(&state->last_flush);
	info->flushed = (TimestampTz) pg_atomic_read_u64(&state->flushed);
	for (int c = 0; c < CS_FLUSH_COUNTS; c++)
		info->count[c] = pg_atomic_read_u64(&state->count[c]);
	SpinLockAcquire(&state->lock);
	info->error_code = state->error_code;
	info->error_time = state->error_time;
	memcpy(info->error, state->error, sizeof(info->error));
	SpinLockRelease(&state->lock);
}
