/*-------------------------------------------------------------------------
 *
 * parts.h
 *		Partitions that were attached or tracked individually.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PARTS_H
#define CS_PARTS_H

#include "nodes/primnodes.h"
#include "storage/lockdefs.h"

extern List *cs_parts_list(Oid relid, LOCKMODE mode);

extern Oid	cs_parts_owner(Oid relid);
extern char *cs_parts_name(Oid relid);
extern void cs_parts_take_over(Oid relid, Oid attached, Oid tracked);
extern void cs_parts_renew(Oid relid);
extern void cs_parts_before_attach(const RangeVar *parent, const RangeVar *part);
extern void cs_parts_after_move(const RangeVar *table);

#endif							/* CS_PARTS_H */
