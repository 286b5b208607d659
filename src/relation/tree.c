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

#include "compat.h"
#include "relation/rellock.h"
#include "relation/tree.h"
#include "xact/snapshot.h"

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

/* As cs_rellock_is_held(), for any part of the table. */
bool
cs_tree_is_locked(const CsTree *tree, LOCKMODE least)
{
	if (cs_rellock_is_held(tree->relid, least))
		return true;
	for (int i = 0; i < tree->nparts; i++)
		if (cs_rellock_is_held(tree->parts[i], least))
			return true;
	return false;
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

		if (!cs_rellock_try(relid, mode))
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
cs_tree_has_children(Oid relid)
{
	return is_inherited(relid, Anum_pg_inherits_inhparent, InheritsParentIndexId);
}

/*
 * Whether the relation has parents.  A change made through a parent fires only
 * the parent's statement triggers.
 */
bool
cs_tree_has_parents(Oid relid)
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
	if (!cs_rellock_is_held(tree->relid, ShareRowExclusiveLock) &&
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
 * The transaction that holds the lock, if it still does; invalid: one without
 * an xid, which has changed nothing yet.  The process is looked at before the
 * prepared transactions: one that is prepared in between is found there.
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
