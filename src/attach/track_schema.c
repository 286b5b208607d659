/*-------------------------------------------------------------------------
 *
 * track_schema.c
 *		Schemas whose tables are tracked: cache.tracked_schemas.
 *
 * A row says that the tables of a schema are tracked as far as a role owns
 * them.  Another role's tables in the schema are left alone, as the role could
 * not track them one by one either.  So are tables in cache.untracked, members
 * of extensions, and what cannot be tracked.
 *
 * A table is tracked as its owner, in a subtransaction: the command that makes
 * it must not fail because of that.
 *
 * The schema is there by name, as pg_upgrade takes no column of type
 * regnamespace; when it is renamed the event trigger renames it there.
 *
 * cache.tracked_schemas is read like a catalogue, in its latest state, each
 * time that a command may have made a table.  It has few rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "attach/parts.h"
#include "attach/track_schema.h"
#include "attach/track_table.h"
#include "relation/catalog.h"
#include "relation/owner.h"
#include "relation/tracked.h"
#include "xact/attempt.h"

/* Columns of cache.tracked_schemas */
enum
{
	Column_schema = 1,
	Column_tracked_by,
	Column_by_value
};

List *
cs_track_schema_list(void)
{
	Oid			catalog = cs_catalog_relid("tracked_schemas");
	Relation	rel = OidIsValid(catalog) ? try_table_open(catalog, AccessShareLock) : NULL;
	List	   *schemas = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CsTrackedSchema *schema = palloc(sizeof(CsTrackedSchema));
		Datum		values[Column_by_value];
		bool		nulls[Column_by_value];

		cs_catalog_deform(tuple, RelationGetDescr(rel), Column_by_value, values, nulls);
		schema->schema = get_namespace_oid(NameStr(*DatumGetName(values[Column_schema - 1])), true);
		schema->role = DatumGetObjectId(values[Column_tracked_by - 1]);
		schema->by_value = DatumGetBool(values[Column_by_value - 1]);
		schemas = lappend(schemas, schema);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schemas;
}

const CsTrackedSchema *
cs_track_schema_of(List *schemas, Oid relid)
{
	Oid			namespace = get_rel_namespace(relid);
	const CsTrackedSchema *found = NULL;
	ListCell   *lc;

	foreach(lc, schemas)
	{
		const CsTrackedSchema *schema = lfirst(lc);

		if (OidIsValid(namespace) && schema->schema == namespace && (found == NULL || schema->by_value) &&
			has_privs_of_role(schema->role, cs_parts_owner(relid)))
			found = schema;
	}
	return found;
}

/* ----- one table ----- */

typedef struct Attempt
{
	Oid			relid;
	const bool *by_value;
} Attempt;

static void
track_as_owner(void *arg)
{
	const Attempt *of = arg;
	CsAsOwner	saved;

	cs_owner_begin(&saved, cs_parts_owner(of->relid));
	cs_track_table(of->relid, of->by_value, true);
	cs_owner_end(&saved);
}

/* Not a fault of the table: the session is to end, or the statement. */
static bool
is_interrupt(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/* It cannot be tracked, or something went wrong. */
static void
say(const char *name, const ErrorData *error, int level)
{
	if (error->sqlerrcode == ERRCODE_UNDEFINED_TABLE)
		return;					/* dropped meanwhile */
	if (error->sqlerrcode == ERRCODE_WRONG_OBJECT_TYPE)
		ereport(NOTICE,
				(errmsg("table %s is not tracked with its schema", name),
				 errdetail("%s", error->detail != NULL ? error->detail : error->message)));
	else
		ereport(level,
				(errcode(error->sqlerrcode),
				 errmsg("could not track table %s with its schema: %s", name, error->message),
				 error->detail != NULL ? errdetail("%s", error->detail) : 0,
				 errhint("Use cache.track('%s').", name)));
}

bool
cs_track_schema_table(Oid relid, const bool *by_value, int level)
{
	char	   *name = cs_parts_name(relid);
	Oid			extension = getExtensionOfObject(RelationRelationId, relid);
	Attempt		of = {relid, by_value};
	ErrorData  *error;

	if (cs_tracked_is_refused(relid))
	{
		ereport(level >= ERROR ? NOTICE : DEBUG1,
				(errmsg("table %s is not tracked with its schema", name),
				 errdetail("cache.untrack() was called for it."),
				 errhint("Use cache.track('%s').", name)));
		return false;
	}
	if (OidIsValid(extension))
	{
		ereport(NOTICE,
				(errmsg("table %s is not tracked with its schema", name),
				 errdetail("It belongs to an extension.")));
		return false;
	}
	error = cs_attempt_run(track_as_owner, &of);
	if (error != NULL && is_interrupt(error))
		ReThrowError(error);
	if (error != NULL)
		say(name, error, level);
	return error == NULL;
}
