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
 * Results that were computed from a whole table ("tracked", track.c) need to
 * know that it has changed and no more: cache.table_changed().  All triggers
 * do that, so for a table that is attached only the INSERTs are added that the
 * others do not see.
 *
 * Whether they are in force is found out in triggers_inforce.c.
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

int			cs_triggers_making = 0;

const CsOwnTrigger cs_triggers_list[] = {
	{ROW_TRIGGER, CS_FOR_ROWS, TRIGGER_FIRES_ALWAYS},
	{REPLICA_TRIGGER, CS_FOR_STATEMENTS, TRIGGER_FIRES_ON_REPLICA},
	{"cache_strategies_update", CS_FOR_STATEMENTS, TRIGGER_FIRES_ALWAYS},
	{"cache_strategies_delete", CS_FOR_STATEMENTS, TRIGGER_FIRES_ALWAYS},
	{"cache_strategies_insert", CS_FOR_INSERTS, TRIGGER_FIRES_ALWAYS},
	{SETTLE_TRIGGER, CS_FOR_SETTLING, TRIGGER_FIRES_ALWAYS},
	{TRUNCATE_TRIGGER, CS_FOR_SETTLING, TRIGGER_FIRES_ALWAYS},
	{TRACK_TRIGGER, CS_FOR_TRACKING, TRIGGER_FIRES_ALWAYS},
	{TRACK_REPLICA_TRIGGER, CS_FOR_TRACKING, TRIGGER_FIRES_ON_REPLICA},
	{"bindings_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"spaces_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"spaces_truncated", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{"grants_changed", CS_FOR_CATALOG, TRIGGER_FIRES_ALWAYS},
	{NULL}
};

/*
 * The one with this name; NULL: it is not one of ours.
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
 * The one that a change passes before it reaches a table with deferred writes?
 */
bool
cs_triggers_is_settling(const char *name)
{
	return strcmp(name, SETTLE_TRIGGER) == 0;
}

/* ----- making them ----- */

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
	for (const CsOwnTrigger *own = cs_triggers_list; own->name != NULL; own++)
		if (own->purpose != CS_FOR_TRACKING && own->purpose != CS_FOR_CATALOG)
			drop_trigger(relid, table, own->name);
}

/* ----- putting them in force again ----- */

/* Some other trigger could have that name. */
static bool
is_ours(const Trigger *t)
{
	return cs_triggers_own(t->tgname) != NULL &&
		get_func_namespace(t->tgfoid) == get_namespace_oid("cache", true);
}

/* Those that ENABLE TRIGGER has left to fire in ordinary sessions only. */
static List *
weakened(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	List	   *names = NIL;

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *t = &rel->trigdesc->triggers[i];

		if (t->tgenabled == TRIGGER_FIRES_ON_ORIGIN && is_ours(t))
			names = lappend(names, pstrdup(t->tgname));
	}
	table_close(rel, NoLock);
	return names;
}

/*
 * Has it one of ours?  The caller has a lock.
 */
bool
cs_triggers_any(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		found = false;

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers && !found; i++)
		found = is_ours(&rel->trigdesc->triggers[i]);
	table_close(rel, NoLock);
	return found;
}

/*
 * ENABLE TRIGGER takes from our triggers that they fire ALWAYS, or in
 * replicas: give it back; were there any?  The caller has
 * ShareRowExclusiveLock.
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
