/*-------------------------------------------------------------------------
 *
 * span.h
 *		Time spans as function arguments: an interval, or a number of seconds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SPAN_H
#define CS_SPAN_H

#include "fmgr.h"
#include "utils/timestamp.h"

extern Interval *cs_span_arg(FunctionCallInfo fcinfo, int arg, const char *what);
extern int64 cs_span_usecs(const Interval *span);

/* Range of a span: valid ones are positive and at most 100 years. */
typedef enum CsSpanRange
{
	CS_SPAN_FITS,
	CS_SPAN_NOT_POSITIVE,
	CS_SPAN_TOO_LONG
} CsSpanRange;

extern CsSpanRange cs_span_range(const Interval *span);
extern int64 cs_span_positive(FunctionCallInfo fcinfo, int arg, const char *what,
							  const char *hint);

#endif							/* CS_SPAN_H */
