/*-------------------------------------------------------------------------
 *
 * dropped.c
 *		Removing dropped tables, schemas and roles from the extension's own
 *		tables.
 *
 * The event trigger is fired by every command that drops objects.  To keep
 * unrelated commands cheap, each table is looked up while it is being dropped,
 * and the trigger does nothing in a transaction that has dropped no listed
 * table and no schema.  If the library is not preloaded, no table was looked
 * up, and the trigger examines all dropped objects.
 *
 * No event trigger is fired for DROP ROLE and DROP OWNED, so these are noticed
 * in ProcessUtility_hook.  DROP ROLE does not look into other databases; there
 * the rows stay until a later DROP ROLE or cache.track_schema().  Rows of
 * roles that do not exist have no effect, but the OID may be used again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/user.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "relation/attached.h"
#include "relation/catalog.h"
#include "relation/dropped.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_tables_dropped);

/* The last transaction that has dropped a listed table, or a schema. */
static LocalTransactionId listed = InvalidLocalTransactionId;

/*
 * Note that a relation is about to be dropped.  Returns true if it is
 * attached.
 *
 * Everything related to flushing exists for attached tables only and is
 * removed by detaching, except for dead letters.
 */
bool
cs_dropped_note(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	bool		attached;

	if ((relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE) ||
		get_rel_persistence(relid) == RELPERSISTENCE_TEMP ||
		!OidIsValid(cs_binding_catalog()))
		return false;
	attached = cs_attached_is_listed(relid);
	if (attached || cs_catalog_lists("tracked", relid) || cs_catalog_lists("untracked", relid) ||
		cs_catalog_lists("dead_letter_store", relid))
		listed = cs_my_lxid();
	return attached;
}

/* Note that a schema is about to be dropped. */
void
cs_dropped_note_schema(void)
{
	listed = cs_my_lxid();
}

/* Schemas of which the tables were tracked. */
static void
forget_schemas(void)
{
	CsCatalogQuery query = {
		.text = "DELETE FROM cache.tracked_schemas t "
		"USING pg_catalog.pg_event_trigger_dropped_objects() d "
		"WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass "
		"AND d.object_name OPERATOR(pg_catalog.=) t.schema"
	};

	cs_catalog_change("tracked_schemas", &query);
}

/*
 * Event trigger function cache.tables_dropped().  The flag is not reset,
 * because between the drop of a listed table and this trigger another event
 * trigger may drop something, for which this one is fired first.
 */
Datum
cs_tables_dropped(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {
		"binding_store", "tracked", "untracked", "flush_state", "dead_letter_store"
	};

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be called as an event trigger",
						"cache.tables_dropped")));
	if (cs_shmem_ready() && listed != cs_my_lxid())
		PG_RETURN_NULL();
	SPI_connect();
	for (int i = 0; i < lengthof(tables); i++)
	{
		CsCatalogQuery query = {
			.text = psprintf("DELETE FROM cache.%s t "
							 "USING pg_catalog.pg_event_trigger_dropped_objects() d "
							 "WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass "
							 "AND d.objsubid OPERATOR(pg_catalog.=) 0 "
							 "AND d.objid OPERATOR(pg_catalog.=) t.relation", tables[i])
		};

		/* an older version of the extension may be without one */
		if (OidIsValid(cs_catalog_relid(tables[i])))
			cs_catalog_change(tables[i], &query);
	}
	forget_schemas();
	SPI_finish();
	PG_RETURN_NULL();
}

/* ----- roles ----- */

/*
 * Remove what a role has asked for and what it has been granted: the rows for
 * which the condition holds of their role r.  Spaces are objects that the role
 * owns, and stay.
 */
static void
forget_roles(const char *condition, Oid role)
{
	static const char *const tables[][2] = {
		{"tracked_schemas", "tracked_by"},
		{"declared_store", "declared_by"},
		{"space_grants", "role"},
	};

	SPI_connect();
	for (int i = 0; i < lengthof(tables); i++)
	{
		CsCatalogQuery query = {
			.text = psprintf("DELETE FROM cache.%s t WHERE EXISTS "
							 "(SELECT FROM (SELECT t.%s::pg_catalog.oid) r (r) WHERE %s)",
							 tables[i][0], tables[i][1], condition)
		};

		cs_catalog_arg(&query, OIDOID, ObjectIdGetDatum(role), false);
		if (OidIsValid(cs_catalog_relid(tables[i][0])))
			cs_catalog_change(tables[i][0], &query);
	}
	SPI_finish();
}

/*
 * Remove the rows of roles that do not exist.  A grant to PUBLIC has none.
 */
void
cs_dropped_forget_roles(void)
{
	forget_roles("r OPERATOR(pg_catalog.<>) $1 AND NOT EXISTS "
				 "(SELECT FROM pg_catalog.pg_roles WHERE oid OPERATOR(pg_catalog.=) r)",
				 InvalidOid);
}

/* A utility statement has been executed: follow DROP ROLE and DROP OWNED. */
void
cs_dropped_after(const Node *statement)
{
	ListCell   *lc;

	if (IsA(statement, DropRoleStmt))
		cs_dropped_forget_roles();
	else if (IsA(statement, DropOwnedStmt))
		foreach(lc, roleSpecsToIds(((const DropOwnedStmt *) statement)->roles))
			forget_roles("r OPERATOR(pg_catalog.=) $1", lfirst_oid(lc));
}
