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

#include "catalog/objectaccess.h"
#include "catalog/partition.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "store/slot.h"
#include "table/binding.h"
#include "table/ddl.h"
#include "txn/txn.h"

static object_access_hook_type prev_object_access_hook = NULL;

static void
touch(Oid relid)
{
	int			slot = cs_slot_get(MyDatabaseId, relid, false);

	if (slot >= 0)
		cs_txn_touch_table(slot, true);
}

/* A detached table's slot goes like that of a dropped one. */
static void
forget_detached(Oid relid)
{
	int			slot = cs_slot_get(MyDatabaseId, relid, false);
	CsOptions	options;

	if (slot >= 0 && cs_relation_is_locked(relid, ShareRowExclusiveLock) &&
		!cs_binding_read_options(relid, &options))
		cs_txn_drop_table(slot, MyDatabaseId, relid);
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

static void
resolve(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	List	   *ancestors;
	ListCell   *lc;

	if (relkind == '\0')
	{
		int			slot = cs_slot_get(MyDatabaseId, relid, false);

		/* its parent, if it had one, is on the list by itself */
		if (slot >= 0)
			cs_txn_drop_table(slot, MyDatabaseId, relid);
		return;
	}
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		return;
	if (!matters(relid, relkind))
		return;
	touch(relid);
	forget_detached(relid);
	if (!get_rel_relispartition(relid))
		return;
	ancestors = get_partition_ancestors(relid);
	foreach(lc, ancestors)
		touch(lfirst_oid(lc));
}

static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, classId, objectId, subId, arg);
	if (access == OAT_DROP && classId == DatabaseRelationId)
		cs_slot_drop_database(objectId);
}

void
cs_ddl_init(void)
{
	cs_txn_resolve_hook = resolve;
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
}
