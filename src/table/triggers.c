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
 * Results that were computed from a whole table ("tracked", track.c) need to know
 * that it has changed and no more: cache.table_changed().  All triggers do that,
 * so for a table that is attached only the INSERTs are added that the others do
 * not see.
 *
 * A table is only filled and read while its slot is ACTIVE, and any DDL makes
 * it UNKNOWN; the same goes for TRACKED.  Whoever wants to use it then looks at
 * the triggers anew, under the locks of cs_tree_lock().  Having got them means
 * that the last DDL has ended, and absorbed means its invalidations have been
 * read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "compat.h"
#include "store/slot.h"
#include "table/triggers.h"

/* A table whose triggers are not in force is not looked at again before. */
#define LOOK_AGAIN_MS	500

/* With more, a lock that could not be had is not tried again at once. */
#define MANY_PARTS		16

#define ROW_TRIGGER		"cache_strategies_row"
#define REPLICA_TRIGGER "cache_strategies_replica"
#define TRACK_TRIGGER	"cache_strategies_track"
#define TRACK_REPLICA_TRIGGER "cache_strategies_track_replica"

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

static void
create_track_trigger(Oid relid, const char *table, const char *name,
					 const char *events, const char *level, const char *enable)
{
	run_utility(psprintf("CREATE TRIGGER %s AFTER %s ON %s "
						 "FOR EACH %s EXECUTE FUNCTION cache.table_changed()",
						 name, events, table, level));
	run_utility(psprintf("ALTER TABLE %s ENABLE %s TRIGGER %s", table, enable, name));
	if (!OidIsValid(get_trigger_oid(relid, name, true)))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("table \"%s\" or its schema was renamed or dropped concurrently",
						table),
				 errhint("Try again.")));
}

void
cs_triggers_track(Oid relid, const char *table, bool by_row, bool only_inserts)
{
	const char *events = only_inserts ? "INSERT" : "INSERT OR UPDATE OR DELETE";

	if (by_row)
	{
		create_track_trigger(relid, table, TRACK_TRIGGER, events, "ROW", "ALWAYS");
		return;
	}
	create_track_trigger(relid, table, TRACK_TRIGGER, events, "STATEMENT", "ALWAYS");
	create_track_trigger(relid, table, TRACK_REPLICA_TRIGGER, events, "ROW", "REPLICA");
}

/* Not a clone of a partitioned table's, which goes with that. */
static bool
has_own_trigger(Oid relid, const char *name)
{
	Relation	rel;
	bool		found = false;

	if (!OidIsValid(get_trigger_oid(relid, name, true)))
		return false;
	rel = table_open(relid, NoLock);
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		found |= strcmp(t->tgname, name) == 0 && !t->tgisclone;
	}
	table_close(rel, NoLock);
	return found;
}

static void
drop_trigger(Oid relid, const char *table, const char *name)
{
	if (has_own_trigger(relid, name))
		run_utility(psprintf("DROP TRIGGER %s ON %s", name, table));
}

bool
cs_triggers_track_is_there(Oid relid)
{
	return OidIsValid(get_trigger_oid(relid, TRACK_TRIGGER, true));
}

void
cs_triggers_untrack(Oid relid, const char *table)
{
	drop_trigger(relid, table, TRACK_TRIGGER);
	drop_trigger(relid, table, TRACK_REPLICA_TRIGGER);
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
		drop_trigger(relid, table, names[i]);
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
		if (level == TRIGGER_TYPE_STATEMENT && function == trigger_function("rows_changed") &&
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
	if (!binding->needs.by_statement || cs_relation_has_parents(RelationGetRelid(rel)))
		return false;
	seen = events_seen(rel, trigger_function("rows_changed"),
					   TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	return (seen & needed) == needed &&
		(events_seen(rel, by_row, TRIGGER_TYPE_ROW,
					 TRIGGER_FIRES_ON_REPLICA) & needed) == needed;
}

/* The same by any of our triggers, whatever they are there for. */
static bool
notes_all_changes(Relation rel)
{
	const int16 needed = TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE
#ifndef CS_MUTANT_INSERT_UNSEEN
	| TRIGGER_TYPE_INSERT
#endif
			   ;
	Oid			row = trigger_function("row_changed");
	Oid			rows = trigger_function("rows_changed");
	Oid			table = trigger_function("table_changed");
	int16		by_row;
	int16		by_statement;
	int16		replicated;

	by_row = events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS) |
		events_seen(rel, table, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS);
	if ((by_row & needed) == needed)
		return true;
	if (cs_relation_has_parents(RelationGetRelid(rel)))
		return false;
	by_statement = events_seen(rel, rows, TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS) |
		events_seen(rel, table, TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	replicated = events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA) |
		events_seen(rel, table, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA);
#ifdef CS_MUTANT_REPLICA_UNSEEN
	replicated = needed;
#endif
	return ((by_row | (by_statement & replicated)) & needed) == needed;
}

/*
 * One relation, root or partition.  Without a binding it is asked whether every
 * change is noted.
 */
static bool
relation_in_force(const CsTree *tree, const CsBinding *binding, Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		ok;

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ok = tree->partitioned;
	else
		ok = rel->rd_rel->relkind == RELKIND_RELATION &&
			rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
			!cs_relation_is_prepared(relid) &&
			(binding == NULL ? notes_all_changes(rel) :
			 !cs_relation_has_children(relid) && sees_all_changes(binding, rel));
	table_close(rel, NoLock);
	return ok;
}

static bool
all_in_force(const CsTree *tree, const CsBinding *binding)
{
	if (!relation_in_force(tree, binding, tree->relid))
		return false;
	for (int i = 0; i < tree->nparts; i++)
		if (!relation_in_force(tree, binding, tree->parts[i]))
			return false;
	return true;
}

/*
 * Children of a tracked table are read beside it, and tracked by themselves;
 * which there are must be known.  Whoever adds the first takes no lock that
 * conflicts with those we have, but has marked the table before its child is in
 * the catalogue for us to see; all others are kept away by this lock.
 */
static bool
children_are_known(const CsTree *tree)
{
	bool		known;

#ifdef CS_MUTANT_CHILDREN_UNLOCKED
	return true;
#endif
	if (tree->partitioned || !cs_relation_has_children(tree->relid))
		return true;
	known = cs_relation_try_lock(tree->relid, ShareUpdateExclusiveLock);
	if (known)
	{
		AcceptInvalidationMessages();
		UnlockRelationOid(tree->relid, ShareUpdateExclusiveLock);
	}
	return known;
}

CsInForce
cs_triggers_look(const CsTree *tree, const CsBinding *binding, const bool *outdated)
{
	CsInForce	result = CS_NOT_IN_FORCE;
	int			locks = cs_tree_lock(tree);

	if (locks == 0)
		return CS_NOT_TO_BE_SEEN;
	AcceptInvalidationMessages();
	if (binding == NULL && !*outdated && !children_are_known(tree))
		result = CS_NOT_TO_BE_SEEN;
	else if (!*outdated && all_in_force(tree, binding))
		result = CS_IN_FORCE;
	cs_tree_unlock(tree, locks);
	return result;
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
	CsInForce	found;

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
	/* if the table has changed since the binding was made, another time */
	found = cs_triggers_look(&binding->tree, binding, &binding->retired);
	if (found == CS_NOT_IN_FORCE ||
		(found == CS_NOT_TO_BE_SEEN && binding->tree.nparts > MANY_PARTS))
		refuse(binding, word);
	return found == CS_IN_FORCE && !binding->retired &&
		cs_slot_activate(binding->slot, word, CS_SLOT_ACTIVE);
}
