/*-------------------------------------------------------------------------
 *
 * keylock.c
 *		Locks on keys, and how immediate changes avoid them.
 *
 * A transaction that changes a key takes heavyweight locks, in the namespace
 * of advisory locks but apart from those of users: RowExclusiveLock on the
 * space and ExclusiveLock on the key, or ExclusiveLock on the space if it
 * changes too many keys.  Two transactions that have locked keys of a space
 * and then want the whole space would deadlock, so at first the lock on the
 * space is taken only if it is available.  The locks are held until the
 * transaction or subtransaction ends.  Dropping a space takes
 * AccessExclusiveLock on it.
 *
 * An immediate change would spend most of its time on such locks and would
 * rarely conflict.  So shared counters, by key hash and by slot, tell how many
 * of these locks there are.  They are atomic.
 *
 *		transaction	lock, THEN counter + 1, THEN pass through the partition
 *					lock,
 *					THEN read the key ... settle, THEN counter - 1
 *		immediate	read, THEN under the partition lock: if the counters are 0
 *					and the key is unchanged, change it
 *
 * If an immediate change finds 0, it releases the partition lock before the
 * transaction reads the key.  If it finds another number, it takes the locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sched.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/resowner.h"

#include "guc.h"
#include "kv/keylock.h"
#include "store/slot.h"
#include "testpoint.h"

/*
 * Number of keys of a space from which on it should be locked as a whole, or
 * must be.
 */
#define MANY_KEYS	(cs_bulk_threshold / 10)
#define MOST_KEYS	(cs_bulk_threshold / 2)

/* Tries to get a key's lock before the backend sleeps. */
#define SOON_TRIES	20

static pg_atomic_uint32 *key_holds; /* cache_strategies.stripes of them,
									 * atomic */
static pg_atomic_uint32 *space_holds;	/* indexed by slot, atomic */

Size
cs_keylock_shmem_size(void)
{
	return mul_size(add_size(cs_stripes, cs_max_tables), sizeof(pg_atomic_uint32));
}

void
cs_keylock_shmem_init(void)
{
	bool		found;

	key_holds = ShmemInitStruct("cache_strategies key locks", cs_keylock_shmem_size(),
								&found);
	space_holds = key_holds + cs_stripes;
	if (found)
		return;
	for (int i = 0; i < cs_stripes + cs_max_tables; i++)
		pg_atomic_init_u32(&key_holds[i], 0);
}

/*
 * Counter of a key.
 */
static pg_atomic_uint32 *
hold_of(Oid space, uint64 hash)
{
	return &key_holds[((uint32) (hash >> 32) ^ space) & (cs_stripes - 1)];
}

/* ----- locks ----- */

static void
key_tag(LOCKTAG *tag, const CsSpace *space, uint64 hash)
{
	cs_space_lock_tag(tag, MyDatabaseId, space->own, space->id, (uint32) hash | 1);
}

static void
space_tag(LOCKTAG *tag, const CsSpace *space)
{
	cs_space_lock_tag(tag, MyDatabaseId, space->own, space->id, 0);
}

/*
 * Acquire a lock for the duration of the subtransaction.  Inside a cursor,
 * CurrentResourceOwner is the portal's, which does not end with the current
 * subtransaction.
 */
static bool
acquire(const LOCKTAG *tag, LOCKMODE mode, bool wait)
{
	ResourceOwner owner = CurrentResourceOwner;
	LockAcquireResult result;

	CurrentResourceOwner = CurTransactionResourceOwner;
	result = LockAcquire(tag, mode, false, !wait);
	CurrentResourceOwner = owner;
	return result != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Take the key's lock, of which 'holders' counts those of other transactions.
 * Most transactions that change a key end within microseconds, and to sleep
 * and to be woken takes longer than that.  So a few tries come first, between
 * which the processor is left to others.  A backend that has no success with
 * them waits in the lock's queue, in which deadlocks are found.
 */
static void
acquire_soon(const LOCKTAG *tag, pg_atomic_uint32 *holders)
{
	for (int i = 0; i < SOON_TRIES; i++)
	{
		if (pg_atomic_read_u32(holders) == 0 && acquire(tag, ExclusiveLock, false))
			return;
		sched_yield();
	}
	(void) acquire(tag, ExclusiveLock, true);
}

/*
 * Throw an error if the space was dropped after the caller looked it up.
 */
static void
check_space(const CsSpace *space)
{
	if (cs_slot_epoch(cs_slot_peek(space->slot)) != space->epoch)
		cs_space_dropped_error(space);
}

/*
 * Take RowExclusiveLock on the space, once per transaction.
 */
static void
lock_space(CsXactKeySpace *space)
{
	LOCKTAG		tag;
	CsHold	   *hold;

	if (space->shared != NULL)
		return;
	space_tag(&tag, &space->space);
	hold = cs_xactkeys_new_hold(&space->shared, NULL, NULL);
	(void) acquire(&tag, RowExclusiveLock, true);
	cs_xactkeys_add_hold(hold);
	check_space(&space->space);
}

/*
 * Lock the whole space.  Returns false if other transactions hold locks on its
 * keys and this one need not wait for them.
 */
static bool
lock_whole(CsXactKeySpace *space)
{
	bool		wait = space->shared == NULL || space->nlocks >= MOST_KEYS;
	LOCKTAG		tag;
	CsHold	   *hold;

	if (space->whole != NULL)
		return true;
	space_tag(&tag, &space->space);
	hold = cs_xactkeys_new_hold(&space->whole, &space_holds[space->space.slot], NULL);
	if (!acquire(&tag, ExclusiveLock, wait))
	{
		pfree(hold);
		return false;
	}
	check_space(&space->space);
	cs_xactkeys_add_hold(hold);
	return true;
}

/* Prepare for locking so many keys: lock the whole space if they are many. */
void
cs_keylock_announce(CsXactKeySpace *space, int64 nkeys)
{
	if (nkeys > MANY_KEYS)
		(void) lock_whole(space);
}

/*
 * Lock a key for this transaction, unless it is locked already.  Waits.
 * Throws an error if its space has been dropped meanwhile.
 */
void
cs_keylock_take(CsXactKeyKey *own)
{
	CsXactKeySpace *space = own->space;
	LOCKTAG		tag;
	CsHold	   *hold;

	if (space->whole != NULL || own->hold != NULL)
		return;
	if (space->nlocks >= MANY_KEYS && lock_whole(space))
	{
		CS_TEST_POINT("kv_after_hold");
		return;
	}
	lock_space(space);
	hold = cs_xactkeys_new_hold(&own->hold, hold_of(space->space.id, own->key.hash),
								&space->nlocks);
	key_tag(&tag, &space->space, own->key.hash);
	acquire_soon(&tag, hold->counter);
	cs_xactkeys_add_hold(hold);
	CS_TEST_POINT("kv_after_hold");
}

/* ----- changes that are made at once ----- */

/*
 * Lock a key for one immediate change.  Waits.  Throws an error if the space
 * has been dropped; the resource owner then releases the locks.
 */
void
cs_keylock_begin(const CsKvKey *key, CsKeyLock *lock)
{
	space_tag(&lock->space, key->space);
	key_tag(&lock->key, key->space, key->key.hash);
	(void) LockAcquire(&lock->space, RowExclusiveLock, false, false);
	(void) LockAcquire(&lock->key, ExclusiveLock, false, false);
	check_space(key->space);
}

/*
 * Release the locks that cs_keylock_begin() took.
 */
void
cs_keylock_end(const CsKeyLock *lock)
{
	LockRelease(&lock->key, ExclusiveLock, false);
	LockRelease(&lock->space, RowExclusiveLock, false);
}

/*
 * Whether no transaction holds a lock on the key, and its space still exists.
 * The caller holds the key's partition lock.
 */
bool
cs_keylock_is_free(const CsKvKey *key)
{
	const CsSpace *space = key->space;

	return pg_atomic_read_u32(hold_of(space->id, key->key.hash)) == 0 &&
		pg_atomic_read_u32(&space_holds[space->slot]) == 0 &&
		cs_slot_epoch(cs_slot_peek(space->slot)) == space->epoch;
}

#ifdef CS_TEST_POINTS
/* Sum of the counters. */
uint64
cs_keylock_count(void)
{
	uint64		n = 0;

	for (int i = 0; i < cs_stripes + cs_max_tables; i++)
		n += pg_atomic_read_u32(&key_holds[i]);
	return n;
}
#endif
