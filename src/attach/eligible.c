/*-------------------------------------------------------------------------
 *
 * eligible.c
 *		Which relations can be attached or tracked.
 *
 * Both require heap tables whose changes all fire triggers.  To be attached, a
 * table also needs a primary key and must not be part of an inheritance tree:
 * its children's rows are read through it but do not fire its triggers.  For
 * tracking, each table of such a tree is separate.  Other relations are
 * refused, with the reason.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "attach/eligible.h"
#include "compat.h"
#include "relation/catalog.h"

/*
 * Throw 42809 with the reason.
 */
static void
refuse(Relation rel, bool attach, const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 attach ? errmsg("cannot cache relation \"%s\"", RelationGetRelationName(rel)) :
			 errmsg("cannot track relation \"%s\"", RelationGetRelationName(rel)),
			 errdetail("%s", reason),
			 hint != NULL ? errhint("%s", hint) : 0));
}

static void
check_relkind(Relation rel, bool attach)
{
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_VIEW:
			refuse(rel, attach, "It is a view.",
				   attach ? "Attach the tables that it reads." : "Track the tables that it reads.");
			break;
		case RELKIND_MATVIEW:
			refuse(rel, attach, "It is a materialized view, whose refresh fires no triggers.", NULL);
			break;
		case RELKIND_FOREIGN_TABLE:
			refuse(rel, attach, "It is a foreign table, which can change without this server noticing.", NULL);
			break;
		default:
			refuse(rel, attach, "It is not a table.", NULL);
	}
}

/* Check a relation or partition that gets the triggers. */
static void
check_part(Relation rel, Relation part, bool attach)
{
	if (part->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		refuse(rel, attach, psprintf("Its partition \"%s\" is a foreign table.",
									 RelationGetRelationName(part)), NULL);
	if (part->rd_rel->relkind == RELKIND_RELATION &&
		part->rd_rel->relam != HEAP_TABLE_AM_OID)
		refuse(rel, attach, psprintf("\"%s\" does not use the heap access method.",
									 RelationGetRelationName(part)), NULL);
}

/*
 * Check the relation and its partitions.
 */
static void
check_parts(Relation rel, bool attach)
{
	List	   *all = list_make1_oid(RelationGetRelid(rel));
	ListCell   *lc;

	if (attach || rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		all = find_all_inheritors(RelationGetRelid(rel), AccessShareLock, NULL);
	foreach(lc, all)
	{
		Relation	part = table_open(lfirst_oid(lc), NoLock);

		check_part(rel, part, attach);
		table_close(part, NoLock);
	}
	if (rel->rd_rel->relkind == RELKIND_RELATION && list_length(all) > 1)
		refuse(rel, attach, "It has inheritance children, whose changes its triggers do not see.",
			   "Use declarative partitioning.");
}

/*
 * Check that there is a usable primary key.
 */
static void
check_primary_key(Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
		bool		primary = index->indisprimary;
		bool		usable = index->indimmediate && index->indisvalid;

		ReleaseSysCache(tuple);
		if (!primary)
			continue;
		if (!usable)
			refuse(rel, true, "Its primary key is deferrable.",
				   "Between a change and the check of a deferrable key, two rows can have the same key.");
		return;
	}
	refuse(rel, true, "It has no primary key.", "Add one with ALTER TABLE ... ADD PRIMARY KEY.");
}

/*
 * Throw an error unless the relation can be attached (or tracked), by which
 * role ever.
 */
void
cs_eligible_check_relation(Relation rel, bool attach)
{
	Oid			relid = RelationGetRelid(rel);

	if (relid < FirstNormalObjectId)
		refuse(rel, attach, "It is a system catalog.", NULL);
	check_relkind(rel, attach);
	if (cs_catalog_is_own(relid))
		refuse(rel, attach, "It is one of cache_strategies' own tables.", NULL);
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse(rel, attach, "It is a temporary table, which only one session can see.", NULL);
	if (rel->rd_rel->relispartition)
		refuse(rel, attach, "It is a partition.",
			   attach ? "Attach the partitioned table." : "Track the partitioned table.");
	if (attach && has_superclass(relid))
		refuse(rel, attach, "It is an inheritance child.", "Use declarative partitioning.");
	check_parts(rel, attach);
	if (attach)
		check_primary_key(rel);
}

/*
 * Throw an error unless the current role may attach (or track) the relation
 * and that is possible.
 */
void
cs_eligible_check(Relation rel, bool attach)
{
	if (!cs_class_ownercheck(RelationGetRelid(rel), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(rel->rd_rel->relkind),
					   RelationGetRelationName(rel));
	cs_eligible_check_relation(rel, attach);
}
