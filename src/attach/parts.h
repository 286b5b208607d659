/*-------------------------------------------------------------------------
 *
 * parts.h
 *		Partitions that were attached or tracked by themselves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PARTS_H
#define CS_PARTS_H

#include "nodes/primnodes.h"
#include "storage/lockdefs.h"

/* A relation with its partitions, each locked. */
extern List *cs_parts_list(Oid relid, LOCKMODE mode);

/* What is done to them is done as their owner; their names, with schema. */
extern Oid	cs_parts_owner(Oid relid);
extern char *cs_parts_name(Oid relid);

/*
 * The partitions of 'relid', and itself unless it is one of the two others, get
 * clones of the triggers of 'attached' or 'tracked' (InvalidOid: there is none):
 * have them give up what they do not need beside that.  The caller has
 * ShareRowExclusiveLock on 'relid' at least.
 */
extern void cs_parts_take_over(Oid relid, Oid attached, Oid tracked);

/* Give those that are attached or tracked by themselves the triggers they need. */
extern void cs_parts_renew(Oid relid);

/* Before ALTER TABLE ... ATTACH PARTITION. */
extern void cs_parts_before_attach(const RangeVar *parent, const RangeVar *part);

/* A table has become, or ceased to be, a partition or a child. */
extern void cs_parts_after_move(const RangeVar *table);

#endif							/* CS_PARTS_H */
