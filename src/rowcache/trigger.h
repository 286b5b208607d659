/*-------------------------------------------------------------------------
 *
 * trigger.h
 *		The trigger functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRIGGER_H
#define CS_TRIGGER_H

#include "commands/trigger.h"

extern bool cs_trigger_report(Relation rel, bool attached, TupleTableSlot *old,
							  TupleTableSlot *new);
extern TriggerData *cs_trigger_data(FunctionCallInfo fcinfo, const char *name);

#endif							/* CS_TRIGGER_H */
