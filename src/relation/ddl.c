/*-------------------------------------------------------------------------
 *
 * ddl.c
 *		Effects of DDL on cached tables: TRUNCATE, ALTER TABLE, ATTACH and
 *		DETACH PARTITION, triggers, DROP TABLE, DROP DATABASE.
 *
 * A relcache invalidation that reaches the changing transaction itself puts
 * the relation on the pending list (binding.c).  At PRE_COMMIT, before the
 * marks, this file maps those relations to slots: the relation's own and those
 * of the partitioned tables above it.  This runs for relations that are not
 * cached as well, so it costs little more than a lookup in the slot directory.
 *
 * DROP DATABASE has no transaction in the database that it drops; it is
 * recognized by object_access_hook.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/partition.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "hooks.h"
#include "relation/binding.h"
#include "relation/ddl.h"
#include "relation/rellock.h"
#include "relation/tracked.h"
#include "store/clock.h"
#include "store/slot.h"
#include "xact/xact.h"

/*
 * Number of temporary relations that are remembered; beyond it they are
 * forgotten, which costs hits.
 */
#define MAX_TEMPORARY	10000

/*
 * When all slots are in use, minimum time between searches for unneeded ones.
 */
#define RECLAIM_MS		10000

void		(*cs_ddl_check_hook) (Oid relid, int slot) = NULL;

static HTAB *temp_relations;


/* Mark the table's slot at commit.  Returns the slot, -1 if it has none. */
static int
touch(Oid relid)
{
	int			slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);

	if (slot >= 0)
		cs_xact_touch_table(slot, true);
	return slot;
}

/*
 * Free the slot of a detached table, like that of a dropped one, unless the
 * table is tracked.
 */
static void
forget_detached(Oid relid, int slot)
{
	if (slot >= 0 && cs_rellock_is_held(relid, ShareRowExclusiveLock) &&
		!cs_tracked_is_wanted(relid))
		cs_xact_drop_table(slot, MyDatabaseId, relid);
}

/*
 * Whether the DDL is relevant.  ShareUpdateExclusiveLock is also taken by
 * ANALYZE and VACUUM.  On a plain table, the only relevant DDL with so weak a
 * lock is adding a child.
 */
static bool
matters(Oid relid, char relkind)
{
	if (relkind == RELKIND_PARTITIONED_TABLE ||
		cs_rellock_is_held(relid, ShareRowExclusiveLock))
		return true;
	return relkind == RELKIND_RELATION && has_subclass(relid);
}

/*
 * Remember whether a relation is temporary.  ON COMMIT actions on temporary
 * tables happen after PRE_COMMIT, where catalogues cannot be read.  Every
 * temporary table of this session passed through resolve() when it was
 * created.
 */
static void
note_temporary(Oid relid, bool temporary)
{
	if (temp_relations != NULL && hash_get_num_entries(temp_relations) > MAX_TEMPORARY)
	{
		hash_destroy(temp_relations);
		temp_relations = NULL;
	}
	if (temp_relations == NULL && temporary)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Oid)};

		temp_relations = hash_create("cache_strategies temporary relations", 64, &ctl,
									 HASH_ELEM | HASH_BLOBS);
	}
	if (temp_relations != NULL)
		hash_search(temp_relations, &relid, temporary ? HASH_ENTER : HASH_REMOVE, NULL);
}

/*
 * Whether this is a temporary relation of this session.  Reads no catalogues.
 */
bool
cs_ddl_is_temporary(Oid relid)
{
	return temp_relations != NULL &&
		hash_search(temp_relations, &relid, HASH_FIND, NULL) != NULL;
}

/*
 * Hook at PRE_COMMIT: process one relation that DDL may have changed.
 */
static void
resolve(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	bool		temporary = relkind != '\0' &&
	get_rel_persistence(relid) == RELPERSISTENCE_TEMP;
	List	   *ancestors;
	ListCell   *lc;
	int			slot;

	note_temporary(relid, temporary);
	if (temporary)
		return;
	if (relkind == '\0')
	{
		slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);
		/* its parent, if it had one, is on the list itself */
		if (slot >= 0)
			cs_xact_drop_table(slot, MyDatabaseId, relid);
		return;
	}
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		return;
	if (!matters(relid, relkind))
		return;
	slot = touch(relid);
	if (slot >= 0)
		cs_ddl_check_hook(relid, slot);
	forget_detached(relid, slot);
	if (!get_rel_relispartition(relid))
		return;
	ancestors = get_partition_ancestors(relid);
	foreach(lc, ancestors)
		(void) touch(lfirst_oid(lc));
}

/*
 * Whether the table exists and needs a slot.
 */
static bool
is_needed(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
		(RecoveryInProgress() || cs_tracked_is_wanted(relid));
}

/*
 * Free a slot if its table does not need it.  The lock excludes a transaction
 * that is creating or attaching the table; in recovery there is none, and no
 * such lock.
 */
static void
reclaim(int slot, Oid relid)
{
	LOCKMODE	mode = RecoveryInProgress() ? AccessShareLock : RowExclusiveLock;

	if (!cs_rellock_try(relid, mode))
		return;
	if (!is_needed(relid))
		cs_slot_release(slot, MyDatabaseId, CS_SLOT_TABLE, relid);
	UnlockRelationOid(relid, mode);
}

/*
 * Free the slots of tables that ended without our callbacks: dropped, created
 * and rolled back, or detached by a prepared transaction; or dropped with
 * their database before a worker could process their deferred writes.
 */
static void
reclaim_slots(void)
{
	static TimestampTz last = 0;
	TimestampTz now = cs_clock_steady();
	int		   *slots;
	int			n;

	if (now - last < RECLAIM_MS * INT64CONST(1000))
		return;
	last = now;
	slots = palloc(cs_max_tables * sizeof(int));
	n = cs_slot_list(InvalidOid, slots);
	for (int i = 0; i < n; i++)
	{
		Oid			database;
		Oid			relid = cs_slot_relation(slots[i], &database);

		if (!OidIsValid(relid))
			continue;
		if (database != MyDatabaseId)
		{
			if (!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database)))
				cs_slot_purge_database(database);
		}
		else if (!is_needed(relid))
			reclaim(slots[i], relid);
	}
	pfree(slots);
}

/*
 * Find or make the table's slot; returns -1 if it is denied one.  Unneeded
 * slots are freed before that happens.
 */
int
cs_ddl_make_slot(Oid relid, CsSlotDenial *denial)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;
	bool		limited;

	*denial = CS_SLOT_GRANTED;
	if (!HeapTupleIsValid(tuple))
		return cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	limited = !superuser_arg(owner);
	if (cs_slot_denies(owner, limited) != CS_SLOT_GRANTED &&
		cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid) < 0)
		reclaim_slots();
	return cs_slot_make(MyDatabaseId, CS_SLOT_TABLE, relid, owner, limited, denial);
}

static void
invalidate(Oid relid)
{
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		CacheInvalidateRelcacheByRelid(relid);
}

/*
 * Hook of object_access_hook.
 */
static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			  Oid auxiliary)
{
	if (access == OAT_DROP && classId == DatabaseRelationId)
		cs_slot_drop_database(objectId);

	/*
	 * NO INHERIT sends no invalidation of the parent, nor of a child without
	 * columns.  A plan that was being made meanwhile has the child, and what
	 * is known of the parent afterwards has not.
	 */
	if (access == OAT_POST_ALTER && classId == InheritsRelationId)
	{
		invalidate(objectId);
		invalidate(auxiliary);
	}
}

void
cs_ddl_init(void)
{
	cs_xact_resolve_hook = resolve;
	cs_hooks_on_object(CS_ACCESS(OAT_DROP) | CS_ACCESS(OAT_POST_ALTER), object_access);
}
