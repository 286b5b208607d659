/*-------------------------------------------------------------------------
 *
 * repair.h
 *		Triggers that are no longer in force: warning about them, and restoring
 *		them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REPAIR_H
#define CS_REPAIR_H

#include "nodes/pg_list.h"

extern List *cs_repair_note(List *notes, Oid relid);

extern void cs_repair_warn(const List *notes);

extern void cs_repair_try_flush(Oid relid);

extern void cs_repair_flush(Oid relid);

extern void cs_repair_restore(Oid relid);

#endif							/* CS_REPAIR_H */
