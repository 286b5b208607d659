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

extern TriggerData *cs_trigger_data(FunctionCallInfo fcinfo, const char *name);

#endif							/* CS_TRIGGER_H */
