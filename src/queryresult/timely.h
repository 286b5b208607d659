/*-------------------------------------------------------------------------
 *
 * timely.h
 *		What in a query depends on the time at which it is run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TIMELY_H
#define CS_TIMELY_H

#include "nodes/primnodes.h"

extern bool cs_timely_type(Oid type);
extern bool cs_timely_function(const char *name, Node *call);
extern bool cs_timely_value(const SQLValueFunction *function);

#endif							/* CS_TIMELY_H */
