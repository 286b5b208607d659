/*-------------------------------------------------------------------------
 *
 * tree.c
 *		Trees: a table with its partitions, and locks on all of them.
 *
 * A plain table is a tree without parts.  Children of plain inheritance are
 * separate tables.
 *
 * The locks conflict with all DDL that changes which triggers fire or how rows
 * are seen: RowExclusiveLock on the table and each partition, and
 * ShareUpdateExclusiveLock on each partitioned table, which is all that ATTACH
 * and DETACH take there.  They are held briefly and never waited for.  Holding
 * them means that no such DDL is in progress, prepared or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/twophase.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"

#include "compat.h"
#include "relation/tree.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a;
	Oid			y = *(const Oid *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * List the table's partitions.  Allocates in the current context.
 */
void
cs_tree_list(CsTree *tree, Relation rel)
{
	List	   *all;
	ListCell   *lc;

	memset(tree, 0, sizeof(*tree));
	tree->relid = RelationGetRelid(rel);
	tree->partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	if (!tree->partitioned)
		return;
	all = find_all_inheritors(tree->relid, NoLock, NULL);
	tree->parts = palloc(list_length(all) * sizeof(Oid));
	tree->nodes = palloc(list_length(all) * sizeof(Oid));
	foreach(lc, all)
	{
		if (lfirst_oid(lc) != tree->relid)
			tree->parts[tree->nparts++] = lfirst_oid(lc);
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			tree->nodes[tree->nnodes++] = lfirst_oid(lc);
		(void) find_inheritance_children_extended(lfirst_oid(lc), false, NoLock,
												  &tree->detaching, NULL);
	}
	qsort(tree->parts, tree->nparts, sizeof(Oid), compare_oids);
}

/* Whether the relation is the table or one of its partitions. */
bool
cs_tree_has(const CsTree *tree, Oid relid)
{
	return tree->relid == relid ||
		(tree->nparts > 0 &&
		 bsearch(&relid, tree->parts, tree->nparts, sizeof(Oid), compare_oids) != NULL);
}

/* ----- locks ----- */

/*
 * Whether this transaction holds this lock on the relation, or a stronger one.
 */
bool
cs_relation_is_locked(Oid relid, LOCKMODE least)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	for (LOCKMODE mode = least; mode <= AccessExclusiveLock; mode++)
		if (cs_lock_held(&tag, mode))
			return true;
	return false;
}

/* As cs_relation_is_locked(), for any part of the table. */
bool
cs_tree_is_locked(const CsTree *tree, LOCKMODE least)
{
	if (cs_relation_is_locked(tree->relid, least))
		return true;
	for (int i = 0; i < tree->nparts; i++)
		if (cs_relation_is_locked(tree->parts[i], least))
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
cs_relation_note_held(Oid relid)
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
cs_relation_hold(Oid relid)
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
	cs_relation_note_held(relid);
	return result != LOCKACQUIRE_OK;
}

/* Undo a cs_relation_hold() that returned false. */
void
cs_relation_release(Oid relid)
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
cs_relation_try_lock(Oid relid, LOCKMODE mode)
{
	LOCKTAG		tag;
	LOCALLOCK  *local;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return cs_lock_try(&tag, mode, &local) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * The n-th lock of cs_tree_lock().  ATTACH and DETACH take only
 * ShareUpdateExclusiveLock on the parent, so partitioned tables need that.
 */
static Oid
lock_needed(const CsTree *tree, int n, LOCKMODE *mode)
{
	*mode = RowExclusiveLock;
	if (n == 0)
		return tree->relid;
	if (n <= tree->nparts)
		return tree->parts[n - 1];
	*mode = ShareUpdateExclusiveLock;
	return tree->nodes[n - 1 - tree->nparts];
}

/*
 * Release the first n locks of cs_tree_lock().
 */
void
cs_tree_unlock(const CsTree *tree, int n)
{
	while (n-- > 0)
	{
		LOCKMODE	mode;
		Oid			relid = lock_needed(tree, n, &mode);

		UnlockRelationOid(relid, mode);
	}
}

/*
 * Take all locks that exclude relevant DDL, or none.  Returns how many, 0 if
 * one was not available.  Invalidations of earlier changes can then be
 * processed.
 */
int
cs_tree_lock(const CsTree *tree)
{
	int			total = 1 + tree->nparts + tree->nnodes;

	for (int n = 0; n < total; n++)
	{
		LOCKMODE	mode;
		Oid			relid = lock_needed(tree, n, &mode);

		if (!cs_relation_try_lock(relid, mode))
		{
			cs_tree_unlock(tree, n);
			return 0;
		}
	}
	return total;
}

/* ----- inheritance ----- */

/*
 * Search pg_inherits itself.  Relcache and syscache may be older than a change
 * that was marked and has ended, and a table can get a child under a lock that
 * does not conflict with ours.
 */
static bool
is_inherited(Oid relid, AttrNumber column, Oid index)
{
	Relation	catalog = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, index, true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Whether the relation has children, by inheritance or partitioning.
 */
bool
cs_relation_has_children(Oid relid)
{
	return is_inherited(relid, Anum_pg_inherits_inhparent, InheritsParentIndexId);
}

/*
 * Whether the relation has parents.  A change made through a parent fires only
 * the parent's statement triggers.
 */
bool
cs_relation_has_parents(Oid relid)
{
	return is_inherited(relid, Anum_pg_inherits_inhrelid, InheritsRelidSeqnoIndexId);
}

/* ----- writers ----- */

/*
 * Whether another transaction holds a writer's lock on the relation.
 */
static bool
is_written(Oid relid)
{
	LOCKTAG		tag;
	int			n;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	(void) GetLockConflicts(&tag, ShareLock, &n);
	return n > 0;
}

/*
 * Whether a transaction, prepared or not, holds a writer's lock on a part of
 * the table.  One of our own counts unless it is a lock for DDL on the whole
 * table.
 */
bool
cs_tree_has_writers(const CsTree *tree)
{
	if (!cs_relation_is_locked(tree->relid, ShareRowExclusiveLock) &&
		cs_tree_is_locked(tree, RowExclusiveLock))
		return true;
	if (is_written(tree->relid))
		return true;
	for (int i = 0; i < tree->nparts; i++)
		if (is_written(tree->parts[i]))
			return true;
	return false;
}

/*
 * Who holds the lock, if that is still so; invalid: one without an xid, which
 * has changed nothing yet.  The process is looked at before the prepared
 * transactions: one that is prepared in between is found there.
 */
static TransactionId
xid_of_holder(VirtualTransactionId holder)
{
	TransactionId xid;
	TransactionId prepared;
	bool		more;

	if (VirtualTransactionIdIsRecoveredPreparedXact(holder))
		return holder.localTransactionId;
	xid = cs_vxid_xid(holder);
	prepared = TwoPhaseGetXidByVirtualXID(holder, &more);
	return TransactionIdIsValid(prepared) ? prepared : xid;
}

static bool
is_written_up_to(Oid relid, uint64 newest)
{
	LOCKTAG		tag;
	VirtualTransactionId *holders;
	int			n;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	holders = GetLockConflicts(&tag, ShareLock, &n);
	for (int i = 0; i < n; i++)
	{
		TransactionId xid = xid_of_holder(holders[i]);

		if (TransactionIdIsValid(xid) && cs_snapshot_widen(xid) <= newest)
			return true;
	}
	return false;
}

/*
 * Whether a transaction with an xid up to this one, prepared or not, holds a
 * lock that writers take.  Locks of this session do not count.
 */
bool
cs_tree_has_writers_up_to(const CsTree *tree, uint64 xid)
{
	if (is_written_up_to(tree->relid, xid))
		return true;
	for (int i = 0; i < tree->nparts; i++)
		if (is_written_up_to(tree->parts[i], xid))
			return true;
	return false;
}

/*
 * Whether a prepared transaction holds a lock that DDL takes.  It may be
 * adding a child to a plain table, under a lock that does not conflict with
 * ours, and it ends without a callback.
 */
bool
cs_relation_is_prepared(Oid relid)
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
