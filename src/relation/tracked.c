/*-------------------------------------------------------------------------
 *
 * tracked.c
 *		Tracked tables: cache.tracked, and their triggers.
 *
 * A table is tracked if its triggers note every change, however they were
 * created; that is all that track.c checks.  cache.tracked lists the tables
 * for which cache.track() created triggers, or cache.track_schema(), which
 * leaves alone those of cache.untracked, whose owners have refused.  An
 * attached table has triggers of its own, and gets from here one for the
 * inserted rows that those do not see.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "relation/attached.h"
#include "relation/catalog.h"
#include "relation/tracked.h"
#include "relation/tree.h"
#include "relation/triggers.h"

/*
 * Whether the table is in cache.tracked, in its latest state.
 */
bool
cs_tracked_is_listed(Oid relid)
{
	return OidIsValid(cs_binding_catalog()) && cs_catalog_lists("tracked", relid);
}

/*
 * Whether this relation itself is tracked or attached.
 */
static bool
is_wanted(Oid relid)
{
	return cs_tracked_is_listed(relid) || cs_attached_is_listed(relid);
}

/* Whether the table is tracked or attached, or a partition of such a table. */
bool
cs_tracked_is_wanted(Oid relid)
{
	ListCell   *lc;

	if (is_wanted(relid))
		return true;
	if (!get_rel_relispartition(relid))
		return false;
	foreach(lc, get_partition_ancestors(relid))
	{
		if (is_wanted(lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* Row triggers see values. */
static bool
is_by_value(Oid relid)
{
	return OidIsValid(cs_binding_catalog()) && cs_catalog_has("tracked", relid, "by_value");
}

/*
 * Whether statement triggers do not suffice.  Changes made through a parent do
 * not fire the statement triggers of a child.
 */
static bool
needs_row_triggers(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ||
		cs_tree_has_parents(relid) || cs_tree_has_children(relid);
}

/*
 * Create the triggers that tracking needs in addition to those of the binding
 * (NULL if it has none).  The caller holds ShareRowExclusiveLock and is
 * connected to SPI.
 */
void
cs_tracked_renew_triggers(Oid relid, const CsBinding *binding)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid));

	cs_triggers_untrack(relid, table);
	/* a clone of a parent's trigger is kept, and suffices */
	if ((binding != NULL ? !binding->needs.on_insert : cs_tracked_is_listed(relid)) &&
		!cs_triggers_track_is_there(relid))
		cs_triggers_track(relid, table, needs_row_triggers(relid) || is_by_value(relid),
						  binding != NULL);
}

/* Whether it is tracked because its schema is. */
bool
cs_tracked_is_of_schema(Oid relid)
{
	return OidIsValid(cs_binding_catalog()) && cs_catalog_has("tracked", relid, "by_schema");
}

/* Whether its owner does not want it to be tracked because its schema is. */
bool
cs_tracked_is_refused(Oid relid)
{
	return OidIsValid(cs_binding_catalog()) && cs_catalog_lists("untracked", relid);
}

/* Remember that its owner does not want it to be tracked. */
void
cs_tracked_refuse(Oid relid)
{
	CsCatalogQuery query = {.text =
	"INSERT INTO cache.untracked VALUES ($1) ON CONFLICT DO NOTHING"};

	SPI_connect();
	cs_catalog_arg(&query, REGCLASSOID, ObjectIdGetDatum(relid), false);
	(void) cs_catalog_change("untracked", &query);
	SPI_finish();
}

/* The caller is connected to SPI. */
static void
take_refusal_back(Oid relid)
{
	CsCatalogQuery query = {.text =
	"DELETE FROM cache.untracked WHERE relation OPERATOR(pg_catalog.=) $1"};

	cs_catalog_arg(&query, REGCLASSOID, ObjectIdGetDatum(relid), false);
	(void) cs_catalog_change("untracked", &query);
}

/*
 * Add the table to cache.tracked, and create the triggers.  The caller holds
 * ShareRowExclusiveLock.
 */
void
cs_tracked_create(Oid relid, const bool *by_value, bool by_schema)
{
	CsCatalogQuery query = {.text =
		"INSERT INTO cache.tracked AS t VALUES ($1, coalesce($2, false), $3) "
	"ON CONFLICT (relation) DO UPDATE SET by_value = coalesce($2, t.by_value), by_schema = $3"};

	SPI_connect();
	if (!by_schema)
		take_refusal_back(relid);
	cs_catalog_arg(&query, REGCLASSOID, ObjectIdGetDatum(relid), false);
	cs_catalog_arg(&query, BOOLOID, BoolGetDatum(by_value != NULL && *by_value),
				   by_value == NULL);
	cs_catalog_arg(&query, BOOLOID, BoolGetDatum(by_schema), false);
	cs_catalog_change("tracked", &query);
	cs_tracked_renew_triggers(relid, cs_binding_get(relid));
	SPI_finish();
}

/*
 * Remove the table from cache.tracked; returns whether it was there.  The
 * caller is connected to SPI.
 */
bool
cs_tracked_forget(Oid relid)
{
	CsCatalogQuery query = {.text = "DELETE FROM cache.tracked WHERE relation OPERATOR(pg_catalog.=) $1"};

	cs_catalog_arg(&query, REGCLASSOID, ObjectIdGetDatum(relid), false);
	return cs_catalog_change("tracked", &query) > 0;
}

/*
 * Remove the table from cache.tracked, and drop the triggers; returns whether
 * it was there.
 */
bool
cs_tracked_drop(Oid relid)
{
	bool		found;

	SPI_connect();
	found = cs_tracked_forget(relid);
	if (found)
		cs_tracked_renew_triggers(relid, cs_binding_get(relid));
	SPI_finish();
	return found;
}
