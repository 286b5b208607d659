/*-------------------------------------------------------------------------
 *
 * ddl.c
 *		What DDL does to cached tables: TRUNCATE, ALTER TABLE, ATTACH and
 *		DETACH PARTITION, triggers, DROP TABLE, DROP DATABASE.
 *
 * A relcache invalidation that reaches the changing transaction itself puts
 * the relation on the pending list (binding.c).  Here, before the marks are
 * made, those relations are turned into slots: the relation's own and those of
 * the partitioned tables above it.  All of that runs for relations that nobody
 * caches too, so it is little more than a look into the slot directory.
 *
 * DROP DATABASE has no transaction in the database it drops; it is caught
 * through object_access_hook.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/objectaccess.h"
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
#include "relation/binding.h"
#include "relation/ddl.h"
#include "relation/tracked.h"
#include "store/slot.h"
#include "xact/xact.h"

/* Temporary relations that are remembered; more are forgotten and cost hits. */
#define MAX_TEMPORARY	10000

/* When all slots are in use, how often to look for some that nobody needs. */
#define RECLAIM_MS		10000

void		(*cs_ddl_check_hook) (Oid relid, int slot) = NULL;

static HTAB *temp_relations;

static object_access_hook_type prev_object_access_hook = NULL;

/* Returns the slot, -1 if it has none. */
static int
touch(Oid relid)
{
	int			slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);

	if (slot >= 0)
		cs_xact_touch_table(slot, true);
	return slot;
}

/* A detached table's slot goes like that of a dropped one, unless it is tracked. */
static void
forget_detached(Oid relid, int slot)
{
	if (slot >= 0 && cs_relation_is_locked(relid, ShareRowExclusiveLock) &&
		!cs_tracked_is_wanted(relid))
		cs_xact_drop_table(slot, MyDatabaseId, relid);
}

/*
 * ShareUpdateExclusiveLock is also what ANALYZE and VACUUM take.  On a plain
 * table nothing that matters does with so little, except giving it children.
 */
static bool
matters(Oid relid, char relkind)
{
	if (relkind == RELKIND_PARTITIONED_TABLE ||
		cs_relation_is_locked(relid, ShareRowExclusiveLock))
		return true;
	return relkind == RELKIND_RELATION && has_subclass(relid);
}

/*
 * ON COMMIT actions on temporary tables come after PRE_COMMIT, where it is too
 * late to ask what a relation is.  Every temporary table of this session has
 * been through resolve() when it was made, so they are remembered.
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
 * Is this a temporary relation of this session?  Must not read catalogues.
 */
bool
cs_ddl_is_temporary(Oid relid)
{
	return temp_relations != NULL &&
		hash_search(temp_relations, &relid, HASH_FIND, NULL) != NULL;
}

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
		/* its parent, if it had one, is on the list by itself */
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

static bool
is_needed(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
		(RecoveryInProgress() || cs_tracked_is_wanted(relid));
}

/*
 * Under a lock, as somebody may be creating the table, or attaching it; in
 * recovery, where nobody does, there is no such lock.
 */
static void
reclaim(int slot, Oid relid)
{
	LOCKMODE	mode = RecoveryInProgress() ? AccessShareLock : RowExclusiveLock;

	if (!cs_relation_try_lock(relid, mode))
		return;
	if (!is_needed(relid))
		cs_slot_release(slot, MyDatabaseId, CS_SLOT_TABLE, relid);
	UnlockRelationOid(relid, mode);
}

/*
 * Slots of tables that went without our callbacks: dropped, created and rolled
 * back, or detached, by a transaction that was prepared; or with their database,
 * before a worker could see to their deferred writes.
 */
static void
reclaim_slots(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();
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
 * The table's slot, made if it has none; -1: it cannot have one.  Slots that
 * nobody needs are given back before that is so.
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
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, classId, objectId, subId, arg);
	if (access == OAT_DROP && classId == DatabaseRelationId)
		cs_slot_drop_database(objectId);
	/* NO INHERIT of a table without columns: not even plans are made anew */
	if (access == OAT_POST_ALTER && classId == InheritsRelationId &&
		SearchSysCacheExists1(RELOID, ObjectIdGetDatum(objectId)))
		CacheInvalidateRelcacheByRelid(objectId);
}

void
cs_ddl_init(void)
{
	cs_xact_resolve_hook = resolve;
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
}
