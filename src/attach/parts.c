/*-------------------------------------------------------------------------
 *
 * parts.c
 *		Partitions that were attached or tracked individually.
 *
 * The triggers of a partitioned table are cloned into its partitions, where
 * they would conflict with triggers of the same name that the partition has.
 * The partition's triggers are not needed then, because the changes of a
 * partition are reported for the partitioned table as well.  So, when a table
 * becomes a partition, or a table above it is attached or tracked:
 *
 *		a table above is attached	the partition is detached, and no longer
 *									tracked individually
 *		a table above is tracked	the partition is no longer tracked
 *									individually; a binding remains, and leaves
 *									the noting to the clones
 *
 * A binding below a partitioned table that is neither remains as it is, with
 * triggers that see changes made through a parent.
 *
 * The owner of the partitioned table decides, as with CREATE TRIGGER.  Actions
 * on a partition are executed as its owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "attach/detach.h"
#include "attach/parts.h"
#include "compat.h"
#include "relation/attached.h"
#include "relation/owner.h"
#include "relation/tracked.h"
#include "relation/triggers.h"

/*
 * Owner of a relation.
 */
Oid
cs_parts_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Qualified and quoted name of a relation.
 */
char *
cs_parts_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/*
 * List a relation with its partitions, each locked.  Children of plain
 * inheritance are separate tables.
 */
List *
cs_parts_list(Oid relid, LOCKMODE mode)
{
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return find_all_inheritors(relid, mode, NULL);
	return list_make1_oid(relid);
}

/* ----- giving up triggers ----- */

static void
say_given_up(Oid relid, bool bound, Oid attached, Oid tracked)
{
	ereport(NOTICE,
			(bound ? errmsg("partition \"%s\" is no longer attached to the cache by itself",
							get_rel_name(relid)) :
			 errmsg("partition \"%s\" is no longer tracked by itself", get_rel_name(relid)),
			 OidIsValid(attached) ?
			 errdetail("Table \"%s\", which it is part of, is attached.",
					   get_rel_name(attached)) :
			 errdetail("Table \"%s\", which it is part of, is tracked.",
					   get_rel_name(tracked))));
}

/*
 * Make one relation give up what it does not need any more.
 */
static void
take_over(Oid relid, Oid attached, Oid tracked)
{
	bool		bound = cs_attached_is_listed(relid);
	bool		listed = cs_tracked_is_listed(relid);
	CsAsOwner	saved;

	if (!bound && !listed)
		return;
	if (bound && OidIsValid(attached))
		cs_detach_flush(relid); /* a no-op if ATTACH PARTITION has flushed it */
	cs_owner_begin(&saved, cs_parts_owner(relid));
	if (bound && OidIsValid(attached))
		(void) cs_detach_forget(relid, cs_parts_name(relid));
	if (listed)
		(void) cs_tracked_forget(relid);
	cs_triggers_untrack(relid, cs_parts_name(relid));
	cs_owner_end(&saved);
	if (listed || OidIsValid(attached))
		say_given_up(relid, bound && OidIsValid(attached), attached, tracked);
}

/*
 * Make the partitions of 'relid', and 'relid' itself unless it is one of the
 * two others, give up what the clones of the triggers of 'attached' or
 * 'tracked' (InvalidOid for none) make unnecessary.  The caller holds at least
 * ShareRowExclusiveLock on 'relid'.
 */
void
cs_parts_take_over(Oid relid, Oid attached, Oid tracked)
{
	ListCell   *lc;

	SPI_connect();
	foreach(lc, cs_parts_list(relid, ShareRowExclusiveLock))
	{
		if (lfirst_oid(lc) != attached && lfirst_oid(lc) != tracked)
			take_over(lfirst_oid(lc), attached, tracked);
	}
	SPI_finish();
}

/* ----- creating triggers ----- */

/*
 * Give one relation the triggers that it needs.
 */
static void
renew(Oid relid)
{
	CsBinding  *binding = cs_attached_is_listed(relid) ? cs_binding_get(relid) : NULL;
	CsAsOwner	saved;

	if (binding == NULL && !cs_tracked_is_listed(relid))
		return;
	cs_owner_begin(&saved, cs_parts_owner(relid));
	cs_tracked_renew_triggers(relid, binding);
	cs_owner_end(&saved);
}

/*
 * Give the individually attached or tracked relations the triggers that they
 * need.
 */
void
cs_parts_renew(Oid relid)
{
	ListCell   *lc;

	SPI_connect();
	foreach(lc, cs_parts_list(relid, ShareRowExclusiveLock))
		renew(lfirst_oid(lc));
	SPI_finish();
}

/* ----- ALTER TABLE ----- */

/*
 * Find the nearest attached and tracked table among this one and those above
 * it.
 */
static void
find_above(Oid relid, Oid *attached, Oid *tracked)
{
	List	   *chain = list_make1_oid(relid);
	ListCell   *lc;

	if (get_rel_relispartition(relid))
		chain = list_concat(chain, get_partition_ancestors(relid));
	*attached = *tracked = InvalidOid;
	foreach(lc, chain)
	{
		if (!OidIsValid(*attached) && cs_attached_is_listed(lfirst_oid(lc)))
			*attached = lfirst_oid(lc);
		if (!OidIsValid(*tracked) && cs_tracked_is_listed(lfirst_oid(lc)))
			*tracked = lfirst_oid(lc);
	}
}

static bool
any_below(Oid relid)
{
	ListCell   *lc;

	foreach(lc, cs_parts_list(relid, NoLock))
	{
		if (cs_attached_is_listed(lfirst_oid(lc)) || cs_tracked_is_listed(lfirst_oid(lc)))
			return true;
	}
	return false;
}

/*
 * Flush the partitions, because the command checks all rows, including
 * deferred ones.
 */
static void
flush_below(Oid relid)
{
	ListCell   *lc;

	SPI_connect();
	foreach(lc, cs_parts_list(relid, AccessExclusiveLock))
		cs_detach_flush(lfirst_oid(lc));
	SPI_finish();
}

/*
 * Callback of RangeVarGetRelidExtended(): determine whether the role owns the
 * relation, so that it cannot lock one that it does not own.  The command
 * reports the error itself.
 */
static void
check_owner(const RangeVar *name, Oid relid, Oid old, void *arg)
{
	bool	   *mine = arg;

	if (OidIsValid(relid))
		*mine &= cs_class_ownercheck(relid, GetUserId());
}

/*
 * Prepare ALTER TABLE ... ATTACH PARTITION.
 *
 * Takes the command's own locks, in its order.  The command looks up the names
 * again; if they mean other tables by then, it fails at worst because of
 * triggers.
 */
void
cs_parts_before_attach(const RangeVar *parent, const RangeVar *part)
{
	bool		mine = true;
	Oid			above = RangeVarGetRelidExtended(parent, NoLock, RVR_MISSING_OK, check_owner, &mine);
	Oid			below = RangeVarGetRelidExtended(part, NoLock, RVR_MISSING_OK, check_owner, &mine);
	Oid			attached;
	Oid			tracked;

	if (!OidIsValid(above) || !OidIsValid(below) || !mine ||
		get_rel_relkind(above) != RELKIND_PARTITIONED_TABLE || !any_below(below))
		return;
	LockRelationOid(above, ShareUpdateExclusiveLock);
	LockRelationOid(below, AccessExclusiveLock);
	if (get_rel_name(above) == NULL || get_rel_name(below) == NULL ||
		get_rel_relispartition(below))
		return;
	flush_below(below);
	find_above(above, &attached, &tracked);
	if (OidIsValid(attached) || OidIsValid(tracked))
		cs_parts_take_over(below, attached, tracked);
}

/*
 * Process a table that has become, or ceased to be, a partition or a child.
 */
void
cs_parts_after_move(const RangeVar *table)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);

	if (OidIsValid(relid) && any_below(relid))
		cs_parts_renew(relid);
}
