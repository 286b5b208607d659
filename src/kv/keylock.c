/*-------------------------------------------------------------------------
 *
 * keylock.c
 *		Who may change a key: locks, and how immediate changes do without.
 *
 * Transactions that change a key take heavyweight locks, in the namespace of
 * advisory locks but beside those of users: RowExclusiveLock on the space, and
 * ExclusiveLock on the key; ExclusiveLock on the space when there are too many
 * keys.  Two transactions that have locked keys of a space and then want all of
 * it would wait for each other, so at first it is taken only if nobody else has
 * any.  They are held until the transaction or subtransaction ends.  Dropping a
 * space takes AccessExclusiveLock on it.
 *
 * A change that is made at once would spend most of its time on such locks, and
 * hardly ever meet one.  So shared counters, by hash of the key and by slot, tell
 * how many of them there are:
 *
 *		transaction		lock, THEN counter + 1, THEN go through the partition lock,
 *						THEN look at the key ... settle, THEN counter - 1
 *		immediate		look, THEN under the partition lock: if the counters are 0,
 *						and the key is what it was, change it
 *
 * An immediate change that found 0 has let go of the partition lock before the
 * transaction looks at the key.  One that finds another number takes the locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/resowner.h"

#include "guc.h"
#include "kv/keylock.h"
#include "store/slot.h"
#include "testpoint.h"

/* Keys of a space from which on it had better be locked as a whole, or must be. */
#define MANY_KEYS	(cs_bulk_threshold / 10)
#define MOST_KEYS	(cs_bulk_threshold / 2)

static pg_atomic_uint32 *key_holds; /* cache_strategies.stripes of them */
static pg_atomic_uint32 *space_holds;	/* by slot */

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
 * For as long as the subtransaction.  Inside a cursor, CurrentResourceOwner is
 * the cursor's, which goes with another subtransaction: the one that made the
 * cursor, or the one in which it failed.
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

void
cs_keylock_check_space(const CsSpace *space)
{
	if (cs_slot_epoch(cs_slot_peek(space->slot)) != space->epoch)
		cs_space_dropped_error(space);
}

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
	cs_keylock_check_space(&space->space);
}

/* False: somebody else has locked keys, and it can do without. */
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
	cs_keylock_check_space(&space->space);
	cs_xactkeys_add_hold(hold);
	return true;
}

void
cs_keylock_announce(CsXactKeySpace *space, int64 nkeys)
{
	if (nkeys > MANY_KEYS)
		(void) lock_whole(space);
}

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
	(void) acquire(&tag, ExclusiveLock, true);
	cs_xactkeys_add_hold(hold);
	CS_TEST_POINT("kv_after_hold");
}

/* ----- changes that are made at once ----- */

void
cs_keylock_begin(const CsKvKey *key, CsKeyLock *lock)
{
	space_tag(&lock->space, key->space);
	key_tag(&lock->key, key->space, key->key.hash);
	(void) LockAcquire(&lock->space, RowExclusiveLock, false, false);
	(void) LockAcquire(&lock->key, ExclusiveLock, false, false);
	cs_keylock_check_space(key->space);
}

void
cs_keylock_end(const CsKeyLock *lock)
{
	LockRelease(&lock->key, ExclusiveLock, false);
	LockRelease(&lock->space, RowExclusiveLock, false);
}

bool
cs_keylock_is_free(const CsKvKey *key)
{
	const CsSpace *space = key->space;

	return pg_atomic_read_u32(hold_of(space->id, key->key.hash)) == 0 &&
		pg_atomic_read_u32(&space_holds[space->slot]) == 0 &&
		cs_slot_epoch(cs_slot_peek(space->slot)) == space->epoch;
}

#ifdef CS_TEST_POINTS
uint64
cs_keylock_count(void)
{
	uint64		n = 0;

	for (int i = 0; i < cs_stripes + cs_max_tables; i++)
		n += pg_atomic_read_u32(&key_holds[i]);
	return n;
}
#endif
