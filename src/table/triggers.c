/*-------------------------------------------------------------------------
 *
 * triggers.c
 *		The triggers that tell the cache of changes.
 *
 * Row triggers fire for every row however it came to be changed: COPY, MERGE,
 * foreign keys, logical replication (they are ENABLE ALWAYS), and in
 * partitions, where they are cloned.  Statement triggers with transition
 * tables are cheaper for bulk changes but do not fire in logical replication
 * and do not see changes made through a partition, so they are used for plain
 * tables only and a row trigger ENABLE REPLICA stands in for them there.
 *
 * TRUNCATE and DDL need no trigger: see ddl.c.
 *
 * A table is only filled and read while its slot is ACTIVE, and any DDL makes
 * it UNKNOWN.  Whoever wants to use it then looks at the triggers anew, under
 * locks that conflict with all DDL that could matter.  They are held for a
 * moment and never waited for; having got them means that the last DDL has
 * ended, and absorbed means its invalidations have been read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "compat.h"
#include "store/slot.h"
#include "table/triggers.h"

#define ROW_TRIGGER		"cache_strategies_row"
/* A table whose triggers are not in force is not looked at again before. */
#define LOOK_AGAIN_MS	500

/* With more, a lock that could not be had is not tried again at once. */
#define MANY_PARTS		16

#define REPLICA_TRIGGER "cache_strategies_replica"

/* After the user's own BEFORE triggers. */
#define SETTLE_TRIGGER	"zz_cache_strategies_defer"
#define TRUNCATE_TRIGGER "cache_strategies_truncate"

typedef struct StatementTrigger
{
	const char *name;
	const char *event;
	const char *referencing;
	int16		type;
} StatementTrigger;

static const StatementTrigger statement_triggers[] = {
	{"cache_strategies_update", "UPDATE",
	"OLD TABLE AS cs_old NEW TABLE AS cs_new", TRIGGER_TYPE_UPDATE},
	{"cache_strategies_delete", "DELETE",
	"OLD TABLE AS cs_old", TRIGGER_TYPE_DELETE},
	{"cache_strategies_insert", "INSERT",
	"NEW TABLE AS cs_new", TRIGGER_TYPE_INSERT},
};

/* ----- making them ----- */

static void
run_utility(const char *command)
{
	int			rc = SPI_execute(command, false, 0);

	if (rc != SPI_OK_UTILITY)
		elog(ERROR, "could not execute \"%s\": %s", command,
			 SPI_result_code_string(rc));
}

static void
create_row_trigger(const CsBinding *binding, const char *name, const char *enable)
{
	char	   *table = cs_binding_qualified_name(binding);

	run_utility(psprintf("CREATE TRIGGER %s AFTER %sUPDATE OR DELETE ON %s "
						 "FOR EACH ROW EXECUTE FUNCTION cache.row_changed()",
						 name, binding->needs.on_insert ? "INSERT OR " : "", table));
	run_utility(psprintf("ALTER TABLE %s ENABLE %s TRIGGER %s", table, enable, name));
	/* by name, and a schema can be renamed: is it on the right table? */
	if (!OidIsValid(get_trigger_oid(binding->relid, name, true)))
		cs_binding_renamed_error(binding);
}

static void
create_settle_triggers(const CsBinding *binding)
{
	char	   *table = cs_binding_qualified_name(binding);

	run_utility(psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE OR DELETE ON %s "
						 "FOR EACH ROW EXECUTE FUNCTION cache.row_deferred()",
						 SETTLE_TRIGGER, table));
	run_utility(psprintf("CREATE TRIGGER %s AFTER TRUNCATE ON %s "
						 "FOR EACH STATEMENT EXECUTE FUNCTION cache.table_truncated()",
						 TRUNCATE_TRIGGER, table));
	run_utility(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s, ENABLE ALWAYS TRIGGER %s",
						 table, SETTLE_TRIGGER, TRUNCATE_TRIGGER));
}

void
cs_triggers_create(const CsBinding *binding)
{
	char	   *table = cs_binding_qualified_name(binding);

	if (binding->needs.settling)
		create_settle_triggers(binding);
	if (!binding->needs.by_statement)
	{
		create_row_trigger(binding, ROW_TRIGGER, "ALWAYS");
		return;
	}
	create_row_trigger(binding, REPLICA_TRIGGER, "REPLICA");
	for (int i = 0; i < lengthof(statement_triggers); i++)
	{
		const StatementTrigger *t = &statement_triggers[i];

		if (t->type == TRIGGER_TYPE_INSERT && !binding->needs.on_insert)
			continue;
		run_utility(psprintf("CREATE TRIGGER %s AFTER %s ON %s REFERENCING %s "
							 "FOR EACH STATEMENT EXECUTE FUNCTION cache.rows_changed()",
							 t->name, t->event, table, t->referencing));
		run_utility(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
							 table, t->name));
	}
}

void
cs_triggers_drop(Oid relid, const char *table)
{
	static const char *const names[] = {
		ROW_TRIGGER, REPLICA_TRIGGER, "cache_strategies_update",
		"cache_strategies_delete", "cache_strategies_insert",
		SETTLE_TRIGGER, TRUNCATE_TRIGGER
	};

	for (int i = 0; i < lengthof(names); i++)
		if (OidIsValid(get_trigger_oid(relid, names[i], true)))
			run_utility(psprintf("DROP TRIGGER %s ON %s", names[i], table));
}

/* ----- are they in force? ----- */

/* Whatever rights the current role has in our schema. */
static Oid
trigger_function(const char *name)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid("cache", true)));
}

/* The events for which triggers of this kind, so enabled, see everything. */
static int16
events_seen(Relation rel, Oid function, int16 level, char enabled)
{
	int16		events = 0;

	if (rel->trigdesc == NULL || !OidIsValid(function))
		return 0;
	for (int i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		if (t->tgfoid != function || t->tgenabled != enabled ||
			t->tgqual != NULL || t->tgnattr != 0 || t->tgdeferrable ||
			!TRIGGER_FOR_AFTER(t->tgtype) ||
			(t->tgtype & TRIGGER_TYPE_LEVEL_MASK) != level)
			continue;
		if (level == TRIGGER_TYPE_STATEMENT &&
			((TRIGGER_FOR_UPDATE(t->tgtype) && (!t->tgoldtable || !t->tgnewtable)) ||
			 (TRIGGER_FOR_DELETE(t->tgtype) && !t->tgoldtable) ||
			 (TRIGGER_FOR_INSERT(t->tgtype) && !t->tgnewtable)))
			continue;
		events |= t->tgtype & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
							   TRIGGER_TYPE_DELETE);
	}
	return events;
}

static bool
has_trigger(Relation rel, const char *function, int16 type)
{
	Oid			wanted = trigger_function(function);

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		if (t->tgfoid == wanted && t->tgenabled == TRIGGER_FIRES_ALWAYS &&
			t->tgqual == NULL && t->tgnattr == 0 && t->tgtype == type)
			return true;
	}
	return false;
}

/* Do direct changes meet the deferred ones? */
static bool
settles(Relation rel)
{
	return has_trigger(rel, "row_deferred", TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE |
					   TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE) &&
		has_trigger(rel, "table_truncated", TRIGGER_TYPE_TRUNCATE);
}

bool
cs_triggers_settle(const CsBinding *binding)
{
	Relation	rel = table_open(binding->relid, NoLock);
	bool		result = settles(rel);

	table_close(rel, NoLock);
	return result;
}

void
cs_triggers_require(const CsBinding *binding)
{
	if (!cs_triggers_settle(binding))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" lacks the triggers for deferred writes", binding->name),
				 errhint("Attach the table anew with cache.attach().")));
}

/*
 * Has the relation children, or parents?  In the catalogue as it is now: what
 * relcache and syscache say may be older than a marked and ended change, and a
 * table can get a child under a lock that does not conflict with ours.
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

static bool
has_children(Oid relid)
{
#ifdef CS_MUTANT_CHILDREN_FROM_CACHE
	return find_inheritance_children(relid, NoLock) != NIL;
#endif
	return is_inherited(relid, Anum_pg_inherits_inhparent, InheritsParentIndexId);
}

/* A change made through a parent fires the parent's statement triggers only. */
static bool
has_parents(Oid relid)
{
#ifdef CS_MUTANT_PARENTS_IGNORED
	return false;
#endif
	return is_inherited(relid, Anum_pg_inherits_inhrelid, InheritsRelidSeqnoIndexId);
}

/*
 * A prepared transaction may be giving a plain table a child: under a lock that
 * does not conflict with ours, and it will end without a callback.
 */
static bool
is_held_by_prepared(Oid relid)
{
	LOCKTAG		tag;
	VirtualTransactionId *holders;
	int			n;

#ifdef CS_MUTANT_PREPARED_UNNOTICED
	return false;
#endif
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

static bool
sees_all_changes(const CsBinding *binding, Relation rel)
{
	int16		needed = TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	Oid			by_row = trigger_function("row_changed");
	int16		seen;

	if (binding->needs.on_insert)
		needed |= TRIGGER_TYPE_INSERT;
	if (binding->needs.settling && !settles(rel))
		return false;
	seen = events_seen(rel, by_row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS);
	if ((seen & needed) == needed)
		return true;
	if (!binding->needs.by_statement || has_parents(RelationGetRelid(rel)))
		return false;
	seen = events_seen(rel, trigger_function("rows_changed"),
					   TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	return (seen & needed) == needed &&
		(events_seen(rel, by_row, TRIGGER_TYPE_ROW,
					 TRIGGER_FIRES_ON_REPLICA) & needed) == needed;
}

/* One relation, root or partition. */
static bool
relation_in_force(const CsBinding *binding, Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		ok;

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ok = binding->partitioned;
	else
		ok = rel->rd_rel->relkind == RELKIND_RELATION &&
			rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
			!is_held_by_prepared(relid) &&
			!has_children(relid) &&
			sees_all_changes(binding, rel);
	table_close(rel, NoLock);
	return ok;
}

static bool
all_in_force(const CsBinding *binding)
{
	if (!relation_in_force(binding, binding->relid))
		return false;
	for (int i = 0; i < binding->nparts; i++)
		if (!relation_in_force(binding, binding->parts[i]))
			return false;
	return true;
}

/*
 * The n-th lock that is needed.  ATTACH and DETACH take no more than
 * ShareUpdateExclusiveLock on the parent, so that is for those that can be one.
 */
static Oid
lock_needed(const CsBinding *binding, int n, LOCKMODE *mode)
{
#ifdef CS_MUTANT_ACTIVATE_WITHOUT_LOCKS
	*mode = AccessShareLock;
	return n == 0 ? binding->relid : n <= binding->nparts ? binding->parts[n - 1]
		: binding->nodes[n - 1 - binding->nparts];
#endif
	*mode = RowExclusiveLock;
	if (n == 0)
		return binding->relid;
	if (n <= binding->nparts)
		return binding->parts[n - 1];
#ifndef CS_MUTANT_WEAK_PARTITION_LOCK
	*mode = ShareUpdateExclusiveLock;
#endif
	return binding->nodes[n - 1 - binding->nparts];
}

static void
unlock(const CsBinding *binding, int n)
{
	while (n-- > 0)
	{
		LOCKMODE	mode;
		Oid			relid = lock_needed(binding, n, &mode);

		UnlockRelationOid(relid, mode);
	}
}

/* Not if one has to wait, and not if the lock table is full. */
static bool
lock_if_possible(Oid relid, LOCKMODE mode)
{
	LOCKTAG		tag;
	LOCALLOCK  *local;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return cs_lock_try(&tag, mode, &local) != LOCKACQUIRE_NOT_AVAIL;
}

/* Take all locks or none; returns how many, or 0. */
static int
lock_all(const CsBinding *binding)
{
	int			total = 1 + binding->nparts + binding->nnodes;

	for (int n = 0; n < total; n++)
	{
		LOCKMODE	mode;
		Oid			relid = lock_needed(binding, n, &mode);

		if (!lock_if_possible(relid, mode))
		{
			unlock(binding, n);
			return 0;
		}
	}
	return total;
}

/* Not now; and not again with every read. */
static void
refuse(CsBinding *binding, uint64 word)
{
	binding->refused = word;
	binding->refused_until =
		TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), LOOK_AGAIN_MS);
}

/*
 * The word is read before the locks: DDL that marks the slot in between makes
 * the activation fail.
 */
bool
cs_triggers_activate(CsBinding *binding)
{
	uint64		word = cs_slot_read(binding->slot);
	int			locks;
	bool		ok;

	if (cs_slot_is(word, CS_SLOT_ACTIVE))
		return true;
	if (cs_slot_flux(word) != 0 ||
		(word == binding->refused &&
		 GetCurrentStatementStartTimestamp() < binding->refused_until))
		return false;
	if (!cs_binding_owns_slot(binding))
	{
		cs_binding_forget(binding->relid);
		return false;
	}
	if ((locks = lock_all(binding)) == 0)
	{
		if (binding->nparts > MANY_PARTS)
			refuse(binding, word);
		return false;
	}
	AcceptInvalidationMessages();
	/* if the table has changed since the binding was made, another time */
	ok = !binding->retired && all_in_force(binding);
	if (!ok)
		refuse(binding, word);
	unlock(binding, locks);
	return ok && !binding->retired && cs_slot_activate(binding->slot, word, CS_SLOT_ACTIVE);
}
