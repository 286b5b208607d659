/*-------------------------------------------------------------------------
 *
 * repair.h
 *		Triggers that are no longer in force: saying so, and mending them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REPAIR_H
#define CS_REPAIR_H

#include "nodes/pg_list.h"

/*
 * The tables that see changes of this relation, itself included, as they were
 * before somebody altered it: attached or tracked ones with what is wrong with
 * them.
 */
extern List *cs_repair_note(List *notes, Oid relid);

/* A WARNING for each with which something else is wrong now. */
extern void cs_repair_warn(const List *notes);

/* About to be disabled: write what is deferred, if that can be done. */
extern void cs_repair_flush(Oid relid);

/* Some were enabled, but not ALWAYS: of this relation, and of its partitions. */
extern void cs_repair_restore(Oid relid);

#endif							/* CS_REPAIR_H */
