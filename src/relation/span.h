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

/* Microseconds; those that end beyond all timestamps are PG_INT64_MAX. */
extern int64 cs_span_usecs(const Interval *span);

/* Spans that something can last: more than 0, and at most 100 years. */
typedef enum CsSpanRange
{
	CS_SPAN_FITS,
	CS_SPAN_NOT_POSITIVE,
	CS_SPAN_TOO_LONG
} CsSpanRange;

extern CsSpanRange cs_span_range(const Interval *span);

/* The same argument in microseconds; 22023 if it is not one of these. */
extern int64 cs_span_positive(FunctionCallInfo fcinfo, int arg, const char *what,
							  const char *hint);

#endif							/* CS_SPAN_H */
