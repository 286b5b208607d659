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

/* The caller has a lock on the table: has it what settling needs? */
extern bool cs_triggers_settle(const CsBinding *binding);

/* The same, or an error. */
extern void cs_triggers_require(const CsBinding *binding);

/*
 * Have the slot ACTIVE if the triggers see every change of the table; false if
 * they do not, or if that cannot be said without waiting.
 */
extern bool cs_triggers_activate(CsBinding *binding);

#endif							/* CS_TRIGGERS_H */
