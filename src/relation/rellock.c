/*-------------------------------------------------------------------------
 *
 * rellock.c
 *		Locks on single relations, taken without waiting or without looking at
 *		the lock table where that is not needed.
 *
 * What the backend knows of its own locks is private to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/resowner.h"

#include "compat.h"
#include "relation/rellock.h"
#include "xact/xact.h"

/*
 * Whether this transaction holds this lock on the relation, or a stronger one.
 */
bool
cs_rellock_is_held(Oid relid, LOCKMODE least)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	for (LOCKMODE mode = least; mode <= AccessExclusiveLock; mode++)
		if (cs_lock_held(&tag, mode))
			return true;
	return false;
}

/* Tables known to be locked for reading; the OID determines the index. */
#define MAX_HELD	16

static struct
{
	Oid			relid;
	uint64		generation;		/* cs_xact_lock_generation when it was locked */
}			held[MAX_HELD];

/* Note that the relation is locked for reading, by other code. */
void
cs_rellock_note(Oid relid)
{
	held[relid % MAX_HELD].relid = relid;
	held[relid % MAX_HELD].generation = cs_xact_lock_generation;
}

/*
 * Lock the relation until the end of the (sub)transaction against DDL by
 * others, as a SELECT does.  Returns true if it was locked already; otherwise
 * the invalidations of all earlier changes have been processed.
 *
 * This is LockRelationOid(), but for the transaction's resource owner:
 * CurrentResourceOwner can be a cursor's, which ends before the rows read
 * through it.
 */
bool
cs_rellock_hold(Oid relid)
{
	ResourceOwner owner = CurrentResourceOwner;
	LOCKTAG		tag;
	LOCALLOCK  *local;
	LockAcquireResult result;

	if (held[relid % MAX_HELD].relid == relid &&
		held[relid % MAX_HELD].generation == cs_xact_lock_generation)
		return true;
	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	CurrentResourceOwner = CurTransactionResourceOwner;
	result = cs_lock_take(&tag, AccessShareLock, &local);
	CurrentResourceOwner = owner;
	if (result != LOCKACQUIRE_ALREADY_CLEAR)
	{
		AcceptInvalidationMessages();
		MarkLockClear(local);
	}
	cs_rellock_note(relid);
	return result != LOCKACQUIRE_OK;
}

/* Undo a cs_rellock_hold() that returned false. */
void
cs_rellock_release(Oid relid)
{
	ResourceOwner owner = CurrentResourceOwner;

	if (held[relid % MAX_HELD].relid == relid)
		held[relid % MAX_HELD].generation = 0;
	CurrentResourceOwner = CurTransactionResourceOwner;
	UnlockRelationOid(relid, AccessShareLock);
	CurrentResourceOwner = owner;
}

/*
 * Take a lock unless that requires waiting or the lock table is full.  Returns
 * whether it was taken.
 */
bool
cs_rellock_try(Oid relid, LOCKMODE mode)
{
	LOCKTAG		tag;
	LOCALLOCK  *local;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return cs_lock_try(&tag, mode, &local) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Whether a prepared transaction holds a lock that DDL takes.  It may be
 * adding a child to a plain table, under a lock that does not conflict with
 * ours, and it ends without a callback.
 */
bool
cs_rellock_is_prepared(Oid relid)
{
	LOCKTAG		tag;
	VirtualTransactionId *holders;
	int			n;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	holders = GetLockConflicts(&tag, ShareUpdateExclusiveLock, &n);
	for (int i = 0; i < n; i++)
	{
		bool		more;

		if (VirtualTransactionIdIsRecoveredPreparedXact(holders[i]) ||
			TransactionIdIsValid(TwoPhaseGetXidByVirtualXID(holders[i], &more)))
			return true;
	}
	return false;
}
