/*-------------------------------------------------------------------------
 *
 * track_table.c
 *		Tracking one table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "storage/lmgr.h"

#include "attach/eligible.h"
#include "attach/parts.h"
#include "attach/track_table.h"
#include "relation/owned.h"
#include "relation/tracked.h"

/*
 * Track a table, for itself or because its schema is tracked.  'by_value':
 * NULL leaves it as it is.  The lock is the one of CREATE TRIGGER; see
 * attach.c.
 */
void
cs_track_table(Oid relid, const bool *by_value, bool by_schema)
{
	Relation	rel;

	/* check first, so that a role cannot lock a table that it does not own */
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		cs_owned_missing_error(relid);
	cs_eligible_check(rel, false);
	relation_close(rel, NoLock);
	LockRelationOid(relid, ShareRowExclusiveLock);
	rel = table_open(relid, NoLock);
	cs_eligible_check(rel, false);
	table_close(rel, NoLock);
	cs_parts_take_over(relid, InvalidOid, relid);
	cs_tracked_create(relid, by_value, by_schema);
}
