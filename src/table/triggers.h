/*-------------------------------------------------------------------------
 *
 * triggers.h
 *		The triggers that tell the cache of changes: making them, and making
 *		sure that they are in force.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRIGGERS_H
#define CS_TRIGGERS_H

#include "table/binding.h"

extern void cs_triggers_create(const CsBinding *binding);
extern void cs_triggers_drop(Oid relid, const char *qualified_name);

/* Those that only note that something has changed */
extern void cs_triggers_track(Oid relid, const char *qualified_name, bool by_row,
							  bool only_inserts);
extern void cs_triggers_untrack(Oid relid, const char *qualified_name);
extern bool cs_triggers_track_is_there(Oid relid);

/* The caller has a lock on the table: has it what settling needs? */
extern bool cs_triggers_settle(const CsBinding *binding);

/* The same, or an error. */
extern void cs_triggers_require(const CsBinding *binding);

typedef enum CsInForce
{
	CS_IN_FORCE,
	CS_NOT_IN_FORCE,
	CS_NOT_TO_BE_SEEN			/* one would have to wait for a lock */
} CsInForce;

/*
 * Under locks that hold DDL off, and with all that has ended known: do the
 * triggers of a table and all its partitions see what the binding needs, or,
 * without one, note every change?  Not if 'outdated' becomes true on the way.
 */
extern CsInForce cs_triggers_look(const CsTree *tree, const CsBinding *binding,
								  const bool *outdated);

/*
 * Have the slot ACTIVE if the triggers see every change of the table; false if
 * they do not, or if that cannot be said without waiting.
 */
extern bool cs_triggers_activate(CsBinding *binding);

#endif							/* CS_TRIGGERS_H */
