/*-------------------------------------------------------------------------
 *
 * track_schema_sql.c
 *		SQL functions cache.track_schema() and cache.untrack_schema(), and the
 *		event trigger that tracks the tables to come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "attach/parts.h"
#include "attach/track_schema.h"
#include "compat.h"
#include "relation/catalog.h"
#include "relation/dropped.h"
#include "relation/rellock.h"
#include "relation/tracked.h"
#include "relation/triggers.h"
#include "shmem.h"
#include "xact/attempt.h"

PG_FUNCTION_INFO_V1(cs_track_schema);
PG_FUNCTION_INFO_V1(cs_untrack_schema);
PG_FUNCTION_INFO_V1(cs_tables_made);

/* ----- the tables of a schema ----- */

static bool
is_table(Form_pg_class form)
{
	return form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE ||
		form->relkind == RELKIND_FOREIGN_TABLE;
}

/*
 * The latest state of pg_class, as a snapshot may be older than the lock.
 * Partitions go with the partitioned table.
 */
static List *
tables_of(Oid schema)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	List	   *relids = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_relnamespace, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (is_table(form) && !form->relispartition)
			relids = lappend_oid(relids, form->oid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(relids, list_oid_cmp);
	return relids;
}

/* It may have been dropped since it was listed. */
static bool
exists(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

/* ----- cache.track_schema() ----- */

/*
 * A command that makes a table in the schema locks it, and then reads what
 * this transaction commits; or it is waited for here, and the table is seen.
 */
static void
lock_schema(Oid schema)
{
	char	   *name = get_namespace_name(schema);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema with OID %u does not exist", schema)));
	if (schema == PG_CATALOG_NAMESPACE || isAnyTempNamespace(schema) ||
		schema == get_namespace_oid("cache", true) ||
		schema == get_namespace_oid("information_schema", true))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot track schema \"%s\"", name),
				 errdetail("Its tables cannot be tracked.")));
	if (cs_namespace_aclcheck(schema, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, name);
	LockDatabaseObject(NamespaceRelationId, schema, 0, AccessExclusiveLock);
	if (get_namespace_name(schema) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema with OID %u does not exist", schema)));
}

static void
add_name(CsCatalogQuery *query, const char *name)
{
	Name		value = palloc(sizeof(NameData));

	namestrcpy(value, name);
	cs_catalog_arg(query, NAMEOID, NameGetDatum(value), false);
}

static void
enter_schema(Oid schema, const bool *by_value)
{
	CsCatalogQuery query = {.text =
		"INSERT INTO cache.tracked_schemas AS t VALUES ($1, $2, coalesce($3, false)) "
	"ON CONFLICT (schema, tracked_by) DO UPDATE SET by_value = coalesce($3, t.by_value)"};
	Oid			role = GetUserId();

	SPI_connect();
	add_name(&query, get_namespace_name(schema));
	cs_catalog_arg(&query, REGROLEOID, ObjectIdGetDatum(role), false);
	cs_catalog_arg(&query, BOOLOID, BoolGetDatum(by_value != NULL && *by_value),
				   by_value == NULL);
	(void) cs_catalog_change("tracked_schemas", &query);
	SPI_finish();
}

/* Is there anything to be done? */
static bool
is_to_be_tracked(Oid relid, const bool *by_value)
{
	if (!cs_tracked_is_listed(relid))
		return true;
	return by_value != NULL && cs_tracked_is_of_schema(relid) &&
		cs_catalog_has("tracked", relid, "by_value") != *by_value;
}

static int64
track_tables(Oid schema, const bool *by_value)
{
	List	   *schemas = cs_track_schema_list();
	int64		n = 0;
	ListCell   *lc;

	foreach(lc, tables_of(schema))
	{
		Oid			relid = lfirst_oid(lc);
		const CsTrackedSchema *tracked;

		if (!exists(relid) || !is_to_be_tracked(relid, by_value))
			continue;
		tracked = cs_track_schema_of(schemas, relid);
		if (tracked == NULL || !has_privs_of_role(GetUserId(), cs_parts_owner(relid)))
			ereport(NOTICE,
					(errmsg("table %s is not tracked with its schema", cs_parts_name(relid)),
					 errdetail("It belongs to another role.")));
		else if (cs_track_schema_table(relid, by_value != NULL ? by_value : &tracked->by_value, ERROR))
			n++;
	}
	return n;
}

Datum
cs_track_schema(PG_FUNCTION_ARGS)
{
	bool		by_value = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	const bool *given = PG_ARGISNULL(1) ? NULL : &by_value;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	cs_shmem_require();
	PreventCommandDuringRecovery("cache.track_schema()");
	PreventCommandIfReadOnly("cache.track_schema()");
	lock_schema(PG_GETARG_OID(0));
	cs_dropped_forget_roles();
	enter_schema(PG_GETARG_OID(0), given);
	PG_RETURN_INT64(track_tables(PG_GETARG_OID(0), given));
}

/* ----- cache.untrack_schema() ----- */

static bool
remove_schema(Oid schema)
{
	CsCatalogQuery query = {.text =
		"DELETE FROM cache.tracked_schemas WHERE schema OPERATOR(pg_catalog.=) $1 "
	"AND (tracked_by OPERATOR(pg_catalog.=) $2 OR $3)"};
	Oid			role = GetUserId();
	uint64		n;

	SPI_connect();
	add_name(&query, get_namespace_name(schema));
	cs_catalog_arg(&query, REGROLEOID, ObjectIdGetDatum(role), false);
	cs_catalog_arg(&query, BOOLOID, BoolGetDatum(superuser()), false);
	n = cs_catalog_change("tracked_schemas", &query);
	SPI_finish();
	return n > 0;
}

/* Those that were tracked with it, unless another role tracks them so. */
static int64
untrack_tables(Oid schema)
{
	List	   *remaining = cs_track_schema_list();
	int64		n = 0;
	ListCell   *lc;

	foreach(lc, tables_of(schema))
	{
		Oid			relid = lfirst_oid(lc);

		if (!exists(relid) || !cs_tracked_is_of_schema(relid) ||
			!has_privs_of_role(GetUserId(), cs_parts_owner(relid)) ||
			cs_track_schema_of(remaining, relid) != NULL)
			continue;
		LockRelationOid(relid, ShareRowExclusiveLock);
		if (!exists(relid) || !cs_tracked_drop(relid))
			continue;
		cs_parts_renew(relid);
		n++;
	}
	return n;
}

Datum
cs_untrack_schema(PG_FUNCTION_ARGS)
{
	Oid			schema = PG_GETARG_OID(0);
	char	   *name = get_namespace_name(schema);

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.untrack_schema()");
	PreventCommandIfReadOnly("cache.untrack_schema()");
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema with OID %u does not exist", schema)));
	if (!remove_schema(schema))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("schema \"%s\" is not tracked by this role", name),
				 errhint("Tracked schemas are in cache.tracked_schemas.")));
	PG_RETURN_INT64(untrack_tables(schema));
}

/* ----- the event trigger ----- */

/* What a command has done, and what may be tracked because of that. */
typedef struct Made
{
	const Node *statement;
	List	   *relids;
} Made;

/* A table that has ceased to be a partition is not among the command's. */
static List *
detached_tables(const Node *statement)
{
	List	   *relids = NIL;
	ListCell   *lc;

	if (statement == NULL || !IsA(statement, AlterTableStmt))
		return NIL;
	foreach(lc, ((const AlterTableStmt *) statement)->cmds)
	{
		const AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == AT_DetachPartition || cmd->subtype == AT_DetachPartitionFinalize)
			relids = lappend_oid(relids, RangeVarGetRelid(((PartitionCmd *) cmd->def)->name,
														  NoLock, true));
	}
	return relids;
}

static List *
list_from_spi(void)
{
	List	   *relids = NIL;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		relid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			relids = lappend_oid(relids, DatumGetObjectId(relid));
	}
	return relids;
}

/*
 * Run a query that returns OIDs of relations, as the owner of the extension's
 * tables; the list is in the caller's memory.
 */
static List *
list_relations(CsCatalogQuery *query)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	List	   *relids;

	SPI_connect();
	(void) cs_catalog_change("tracked_schemas", query);
	old = MemoryContextSwitchTo(caller);
	relids = list_from_spi();
	MemoryContextSwitchTo(old);
	SPI_finish();
	return relids;
}

static void
list_made(void *arg)
{
	Made	   *made = arg;
	CsCatalogQuery query = {.text =
		"SELECT objid FROM pg_catalog.pg_event_trigger_ddl_commands() "
		"WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass "
	"AND objsubid OPERATOR(pg_catalog.=) 0"};

	made->relids = list_concat_unique_oid(list_relations(&query),
										  detached_tables(made->statement));
}

/*
 * Only what the command has locked as CREATE TRIGGER would: another ALTER
 * TABLE is no reason to wait for transactions that use the table.
 */
static bool
is_candidate(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	return (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) &&
		!get_rel_relispartition(relid) &&
		get_rel_persistence(relid) != RELPERSISTENCE_TEMP &&
		cs_rellock_is_held(relid, ShareRowExclusiveLock) && !cs_tracked_is_listed(relid);
}

static void
rename_schema(void *arg)
{
	const		RenameStmt *statement = arg;
	CsCatalogQuery query = {.text =
		"UPDATE cache.tracked_schemas SET schema = $2 "
	"WHERE schema OPERATOR(pg_catalog.=) $1"};

	SPI_connect();
	add_name(&query, statement->subname);
	add_name(&query, statement->newname);
	(void) cs_catalog_change("tracked_schemas", &query);
	SPI_finish();
}

/* The command must not fail because of it. */
static void
attempt(CsAttempt work, void *arg, const char *what)
{
	ErrorData  *error = cs_attempt_run(work, arg);

	if (error != NULL && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("could not %s: %s", what, error->message)));
}

static void
track_made(const Node *statement)
{
	List	   *schemas = cs_track_schema_list();
	Made		made = {statement};
	ListCell   *lc;

	if (schemas == NIL)
		return;
	if (statement != NULL && IsA(statement, RenameStmt) &&
		((const RenameStmt *) statement)->renameType == OBJECT_SCHEMA)
	{
		attempt(rename_schema, (void *) statement, "rename the schema in cache.tracked_schemas");
		return;
	}
	attempt(list_made, &made, "find out which tables are to be tracked");
	foreach(lc, made.relids)
	{
		const CsTrackedSchema *schema;

		if (!is_candidate(lfirst_oid(lc)))
			continue;
		schema = cs_track_schema_of(schemas, lfirst_oid(lc));
		if (schema != NULL)
			(void) cs_track_schema_table(lfirst_oid(lc), &schema->by_value, WARNING);
	}
}

/*
 * Event trigger function cache.tables_made().  What it does itself fires it
 * again.
 */
Datum
cs_tables_made(PG_FUNCTION_ARGS)
{
	const EventTriggerData *event = (const EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be called as an event trigger",
						"cache.tables_made")));
	if (cs_shmem_ready() && cs_triggers_making == 0 && !creating_extension)
		track_made(event->parsetree);
	PG_RETURN_NULL();
}
