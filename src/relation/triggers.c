/*-------------------------------------------------------------------------
 *
 * triggers.c
 *		The triggers that report changes to the cache.
 *
 * Row triggers fire for each row however it is changed: by COPY, MERGE,
 * foreign keys, logical replication (they are ENABLE ALWAYS), and in
 * partitions, where they are cloned.  Statement triggers with transition
 * tables are cheaper for bulk changes, but do not fire in logical replication
 * and do not see changes made through a partition.  So they are used for plain
 * tables only, and a row trigger ENABLE REPLICA replaces them there.  TRUNCATE
 * and DDL need no trigger: see ddl.c.
 *
 * For results computed from whole tables (track.c) it suffices to know that
 * the table has changed: cache.table_changed().  All triggers report that, so
 * an attached table only gets one more for INSERTs that the others do not see.
 *
 * triggers_inforce.c determines whether the triggers are in force.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"

#include "relation/triggers.h"

#define ROW_TRIGGER		CS_TRIGGER_PREFIX "row"
#define REPLICA_TRIGGER CS_TRIGGER_PREFIX "replica"
#define TRACK_TRIGGER	CS_TRIGGER_PREFIX "track"
#define TRACK_REPLICA_TRIGGER CS_TRIGGER_PREFIX "track_replica"

/* Sorts after the user's BEFORE triggers. */
#define SETTLE_TRIGGER	"zz_cache_strategies_defer"
#define TRUNCATE_TRIGGER CS_TRIGGER_PREFIX "truncate"

typedef struct StatementTrigger
{
	const char *name;
	const char *event;
	const char *referencing;
	int16		type;
} StatementTrigger;

static const StatementTrigger statement_triggers[] = {
	{CS_TRIGGER_PREFIX "update", "UPDATE",
	"OLD TABLE AS cs_old NEW TABLE AS cs_new", TRIGGER_TYPE_UPDATE},
	{CS_TRIGGER_PREFIX "delete", "DELETE",
	"OLD TABLE AS cs_old", TRIGGER_TYPE_DELETE},
	{CS_TRIGGER_PREFIX "insert", "INSERT",
	"NEW TABLE AS cs_new", TRIGGER_TYPE_INSERT},
};

int			cs_triggers_making = 0;

const CsOwnTrigger cs_triggers_list[] = {
	{ROW_TRIGGER, CS_FOR_ROWS, TRIGGER_FIRES_ALWAYS},
	{REPLICA_TRIGGER, CS_FOR_STATEMENTS, TRIGGER_FIRES_ON_REPLICA},
	{CS_TRIGGER_PREFIX "update", CS_FOR_STATEMENTS, TRIGGER_FIRES_ALWAYS},
	{CS_TRIGGER_PREFIX "delete", CS_FOR_STATEMENTS, TRIGGER_FIRES_ALWAYS},
	{CS_TRIGGER_PREFIX "insert", CS_FOR_INSERTS, TRIGGER_FIRES_ALWAYS},
	{SETTLE_TRIGGER, CS_FOR_SETTLING, TRIGGER_FIRES_ALWAYS},
	{TRUNCATE_TRIGGER, CS_FOR_SETTLING, TRIGGER_FIRES_ALWAYS},
	{TRACK_TRIGGER, CS_FOR_TRACKING, TRIGGER_FIRES_ALWAYS},
	{TRACK_REPLICA_TRIGGER, CS_FOR_TRACKING, TRIGGER_FIRES_ON_REPLICA},
	{"bindings_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"spaces_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"spaces_truncated", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"grants_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"declared_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{NULL}
};

/*
 * Description of the extension's trigger of this name; NULL if it is not one.
 */
const CsOwnTrigger *
cs_triggers_own(const char *name)
{
	for (const CsOwnTrigger *own = cs_triggers_list; own->name != NULL; own++)
		if (strcmp(own->name, name) == 0)
			return own;
	return NULL;
}

/*
 * Whether this is the trigger by which a change is combined with deferred
 * writes before it reaches the table.
 */
bool
cs_triggers_is_settling(const char *name)
{
	return strcmp(name, SETTLE_TRIGGER) == 0;
}

/* ----- creating and dropping ----- */

/*
 * Execute a DDL command through SPI.
 */
static void
run_utility(const char *command)
{
	int			rc;

	cs_triggers_making++;
	PG_TRY();
	{
		rc = SPI_execute(command, false, 0);
	}
	PG_FINALLY();
	{
		cs_triggers_making--;
	}
	PG_END_TRY();
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
	/* created by name, and a schema can be renamed: check the table */
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

/*
 * Create the triggers that the binding's strategy needs.  The caller holds
 * ShareRowExclusiveLock and is connected to SPI.
 */
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

/*
 * Create one of the triggers for tracking.
 */
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

/*
 * Create the triggers that only report that the table has changed.
 */
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

/*
 * Whether the table has a trigger of this name that is not a clone of a
 * partitioned table's, which is dropped with that.
 */
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

/*
 * Whether the table has a trigger for tracking, own or cloned.
 */
bool
cs_triggers_track_is_there(Oid relid)
{
	return OidIsValid(get_trigger_oid(relid, TRACK_TRIGGER, true));
}

/*
 * Drop the triggers for tracking.
 */
void
cs_triggers_untrack(Oid relid, const char *table)
{
	drop_trigger(relid, table, TRACK_TRIGGER);
	drop_trigger(relid, table, TRACK_REPLICA_TRIGGER);
}

/*
 * Drop the triggers of an attached table.
 */
void
cs_triggers_drop(Oid relid, const char *table)
{
	for (const CsOwnTrigger *own = cs_triggers_list; own->name != NULL; own++)
		if (own->purpose != CS_FOR_TRACKING && own->purpose != CS_FOR_CATALOG)
			drop_trigger(relid, table, own->name);
}

/* ----- restoring ----- */

/*
 * Whether a trigger of this name and function is the extension's.  Others
 * could have such a name.  This reads catalogues, after which a relation's
 * description of its triggers may be another one.
 */
static bool
is_ours(const char *name, Oid function)
{
	return cs_triggers_own(name) != NULL &&
		get_func_namespace(function) == get_namespace_oid("cache", true);
}

/*
 * Names of our triggers that ENABLE TRIGGER has changed to fire in ordinary
 * sessions only.
 */
static List *
weakened(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	List	   *names = NIL;

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *t = &rel->trigdesc->triggers[i];
		char	   *name;

		if (t->tgenabled != TRIGGER_FIRES_ON_ORIGIN)
			continue;
		name = pstrdup(t->tgname);
		if (is_ours(name, t->tgfoid))
			names = lappend(names, name);
	}
	table_close(rel, NoLock);
	return names;
}

/*
 * Whether the table has one of our triggers.  The caller holds a lock on it.
 */
bool
cs_triggers_any(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		found = false;

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers && !found; i++)
		found = is_ours(rel->trigdesc->triggers[i].tgname, rel->trigdesc->triggers[i].tgfoid);
	table_close(rel, NoLock);
	return found;
}

/*
 * Restore triggers that ENABLE TRIGGER has changed: they must fire ALWAYS, or
 * in replicas.  Returns whether there were any.  The caller holds
 * ShareRowExclusiveLock and is connected to SPI.
 */
bool
cs_triggers_restore(Oid relid, const char *table)
{
	List	   *names = weakened(relid);
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *name = lfirst(lc);
		bool		replica = cs_triggers_own(name)->enabled == TRIGGER_FIRES_ON_REPLICA;

		run_utility(psprintf("ALTER TABLE %s ENABLE %s TRIGGER %s", table,
							 replica ? "REPLICA" : "ALWAYS", name));
	}
	return names != NIL;
}
