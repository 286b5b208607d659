/*-------------------------------------------------------------------------
 *
 * conflict.h
 *		Inserted rows that meet rows which only the cache has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CONFLICT_H
#define CS_CONFLICT_H

#include "commands/trigger.h"
#include "relation/binding.h"

extern bool cs_conflict_insert(CsBinding *binding, const TriggerData *trigdata,
							   TupleTableSlot *slot);

#endif							/* CS_CONFLICT_H */
