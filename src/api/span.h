/*-------------------------------------------------------------------------
 *
 * span.h
 *		A span of time that a function is given: an interval, or seconds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SPAN_H
#define CS_SPAN_H

#include "fmgr.h"
#include "utils/timestamp.h"

/*
 * The argument, which is not NULL: an interval, the text of one, or a number of
 * seconds.  42804 for anything else; 'what' names it then.
 */
extern Interval *cs_span_arg(FunctionCallInfo fcinfo, int arg, const char *what);

#endif							/* CS_SPAN_H */
