/*-------------------------------------------------------------------------
 *
 * state.c
 *		What all backends must know of a write_back table, beside its deferred
 *		entries.
 *
 * Shared: one element per slot.  Nearly everything is an atomic; the text of
 * the last error and what belongs to it has a spinlock.  Both the opening of
 * the gate and the end of a flush are told through one condition variable, as
 * whoever waits looks again anyway.
 *
 * An element is never removed: cs_state_reset() makes it as new when its slot
 * goes to another table, with those who sleep on it still there.
 *
 * What is called from COMMIT callbacks sets atomics and latches and holds
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
#include "store/queue.h"
#include "store/slot.h"
#include "store/store.h"
#include "writeback/state.h"

/* How often those who wait at a gate ask for a worker again. */
#define ASK_MS	1000
#define WORKER_MS 60000			/* to wait for a worker that looks at the table */

typedef struct CsSharedFlush
{
	/* looked at by every reader and writer of the table, seldom changed */
	pg_atomic_uint32 open;
	pg_atomic_uint32 database;	/* that has been noted; InvalidOid: none */
	pg_atomic_uint32 owner;		/* of the table; a role of the cluster */
	pg_atomic_uint32 worker;	/* its procno + 1; 0: there is none */
	pg_atomic_uint64 moves;		/* begun above, not ended in the low 16 bits;
								 * never reset */
	pg_atomic_uint32 key;		/* shape of the primary key; 0: not deferred
								 * yet */
	pg_atomic_uint32 asked;
	pg_atomic_uint64 oldest;	/* a TimestampTz; 0: nothing deferred */

	char		pad[PG_CACHE_LINE_SIZE];

	/* changed by every commit, or by every flush */
	pg_atomic_uint64 count[CS_FLUSH_COUNTS];
	pg_atomic_uint64 ended;		/* flushes, also those that failed; only grows */
	pg_atomic_uint64 last_flush;	/* that went well */
	ConditionVariable changed;	/* has its own lock */

	slock_t		lock;			/* protects the rest */
	int			error_code;
	TimestampTz error_time;
	char		error[sizeof(((CsFlushInfo *) NULL)->error)];
} CsSharedFlush;

static CsSharedFlush *states;

bool		cs_state_opens_gates = false;	/* of this process */

/* Behind them: slots from here on have never had an owner; only grows. */
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
		ConditionVariableInit(&state->changed);
		SpinLockInit(&state->lock);
	}
}

/*
 * The slot goes to another table: as if the server had just started.
 *
 * "ended" goes on, so that nobody waits for a number that comes again.
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
	for (int c = 0; c < CS_FLUSH_COUNTS; c++)
		pg_atomic_write_u64(&state->count[c], 0);
	pg_atomic_write_u64(&state->last_flush, 0);
	SpinLockAcquire(&state->lock);
	state->error_code = 0;
	state->error_time = 0;
	state->error[0] = '\0';
	SpinLockRelease(&state->lock);
}

/* ----- the gate ----- */

/* Whoever finds it open finds all that the worker did before. */
bool
cs_state_is_open(int slot)
{
	bool		open = pg_atomic_read_u32(&states[slot].open) != 0;

	pg_read_barrier();
	return open;
}

void
cs_state_open(int slot)
{
	pg_atomic_exchange_u32(&states[slot].open, 1);
	ConditionVariableBroadcast(&states[slot].changed);
}

/* The worker's last error, if it came since then; 0: none. */
static int
error_since(CsSharedFlush *state, TimestampTz since)
{
	int			code;

	SpinLockAcquire(&state->lock);
	code = state->error_time >= since ? state->error_code : 0;
	SpinLockRelease(&state->lock);
	return code;
}

/* Has the worker met a lock of others since then? */
static bool
is_held_up(CsSharedFlush *state, TimestampTz since)
{
	int			code = error_since(state, since);

	return code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* Which of these modes has this process, and does another one wait for it? */
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
 * Does DDL wait for a lock that this process has on the slot's table?  The worker
 * queues behind it, and this process waits for the worker.
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
 * A transaction that waits here may hold the very row that the worker needs
 * before it opens the gate, or a lock for which DDL waits that the worker waits
 * for; and the deadlock detector knows nothing of gates.  That DDL waits for this
 * process is the case now, so it does not matter when the worker has met it.
 */
static bool
is_deadlock(int slot, TimestampTz since)
{
	if (is_held_up(&states[slot], since) &&
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return true;
	return is_held_up(&states[slot], 0) && holds_up_others(slot);
}

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
 * No session waits for ever.  While the first attempt is under way, which has a limit
 * of its own, there is nothing to be told.  A worker that is busy with other tables,
 * or is started again after it was terminated, may take its time.
 */
static void
check_patience(int slot, TimestampTz since, int patience)
{
	TimestampTz now = GetCurrentTimestamp();
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

/* Detaching a table does not wait for who reads or flushes it, and opens no gate. */
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
	since = GetCurrentTimestamp();
	ConditionVariablePrepareToSleep(&state->changed);
	while (!cs_state_is_open(slot))
	{
		check_attached(slot, relid);
		check_deadlock(slot, since);
		check_patience(slot, since, patience);
		/* the worker may have left when the table was not yet to be seen */
		cs_state_note_table(slot, MyDatabaseId);
		cs_queue_wake_launcher();
		(void) ConditionVariableTimedSleep(&state->changed, ASK_MS, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

/* ----- the worker ----- */

void
cs_state_note_table(int slot, Oid database)
{
	if (pg_atomic_read_u32(&states[slot].database) == database ||
		pg_atomic_exchange_u32(&states[slot].database, database) == database)
		return;
	if (OidIsValid(database))
		cs_queue_wake_launcher();
}

bool
cs_state_wants_worker(int slot)
{
	return OidIsValid(pg_atomic_read_u32(&states[slot].database)) &&
		pg_atomic_read_u32(&states[slot].worker) == 0;
}

/*
 * This process flushes the tables of this slot: cs_state_wake() sets its latch
 */
void
cs_state_set_worker(int slot, int pgprocno)
{
	if (pg_atomic_read_u32(&states[slot].worker) != (uint32) (pgprocno + 1))
		pg_atomic_exchange_u32(&states[slot].worker, (uint32) (pgprocno + 1));
}

/* ----- owners ----- */

/*
 * Whose table it is; of his tables together there is a limit.
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
 * An owner may have three times as many bytes as are free.  So one alone gets
 * three quarters of what there is for deferred writes, a table of its that cannot
 * be flushed (which may have half) does not keep its others from deferring, and
 * an owner none of whose tables can be flushed leaves a quarter of what it has
 * found.
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
 * Wake the table's worker; callable from COMMIT callbacks.
 *
 * If the worker has gone meanwhile, another process wakes up for nothing.
 */
void
cs_state_wake(int slot)
{
	uint32		worker = pg_atomic_read_u32(&states[slot].worker);

	if (worker != 0)
		SetLatch(&GetPGProcByNumber(worker - 1)->procLatch);
}

/*
 * The worker is woken by the first only: from then on it knows when the next
 * flush is due.
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

void
cs_state_add(int slot, CsFlushCount what, uint64 n)
{
	if (n > 0)
		pg_atomic_fetch_add_u64(&states[slot].count[what], n);
}

void
cs_state_ask_flush(int slot)
{
	pg_atomic_exchange_u32(&states[slot].asked, 1);
}

bool
cs_state_take_asked(int slot)
{
	return pg_atomic_read_u32(&states[slot].asked) != 0 &&
		pg_atomic_exchange_u32(&states[slot].asked, 0) != 0;
}

/* ----- the key ----- */

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

uint64
cs_state_moves(int slot)
{
	/* a full barrier */
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
/*
 * Those that have begun and not ended
 */
int
cs_state_moving(int slot)
{
	return (int) (pg_atomic_read_u64(&states[slot].moves) & 0xFFFF);
}
#endif

/* ----- flushes ----- */

uint64
cs_state_flushes_ended(int slot)
{
	uint64		ended = pg_atomic_read_u64(&states[slot].ended);

	pg_read_barrier();
	return ended;
}

void
cs_state_wait_flush(int slot, uint64 seen, int timeout)
{
	CsSharedFlush *state = &states[slot];
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout);

	ConditionVariablePrepareToSleep(&state->changed);
	while (cs_state_flushes_ended(slot) == seen)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (left <= 0)
			break;
		(void) ConditionVariableTimedSleep(&state->changed, left, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

/*
 * What is left was deferred since the flush began, as far as we know; rows that
 * the flush had to leave out count as deferred anew.  A writer makes its entry
 * dirty before it looks at "oldest", so either we see the entry or it sees 0.
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
											  Max(old, (uint64) GetCurrentStatementStartTimestamp()));
}

static void
set_error(CsSharedFlush *state, int sqlerrcode, const char *message)
{
	TimestampTz now = GetCurrentTimestamp();
	int			len = message == NULL ? 0 :
	pg_mbcliplen(message, strlen(message), sizeof(state->error) - 1);

	SpinLockAcquire(&state->lock);
	state->error_code = sqlerrcode;
	state->error_time = now;
	memcpy(state->error, message == NULL ? "" : message, len);
	state->error[len] = '\0';
	SpinLockRelease(&state->lock);
}

/*
 * A flush of the table ended: tell those who wait. errcode 0: it went well.
 *
 * The text of an error stays, for people, when flushing goes well again.
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
	}
	pg_atomic_fetch_add_u64(&state->ended, 1);
	ConditionVariableBroadcast(&state->changed);
}

/* ----- for people ----- */

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
	for (int c = 0; c < CS_FLUSH_COUNTS; c++)
		info->count[c] = pg_atomic_read_u64(&state->count[c]);
	SpinLockAcquire(&state->lock);
	info->error_code = state->error_code;
	info->error_time = state->error_time;
	memcpy(info->error, state->error, sizeof(info->error));
	SpinLockRelease(&state->lock);
}
