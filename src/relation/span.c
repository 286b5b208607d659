/*-------------------------------------------------------------------------
 *
 * span.c
 *		Time spans as function arguments: an interval, or a number of seconds.
 *
 * Applications give a time to live as a number of seconds, as other caches
 * expect, or bind it as text.  PostgreSQL has no implicit cast from either to
 * interval, so such arguments are declared "any".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "compat.h"
#include "relation/span.h"

#define MAX_YEARS	100
#define DAYS_PER_CALENDAR_YEAR 365

cs_noreturn static void
range_error(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("%s is out of range", what)));
}

static Interval *
from_text(char *text)
{
	return DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
}

static Interval *
from_usecs(int64 usecs)
{
	Interval   *span = palloc0(sizeof(Interval));

	span->time = usecs;
	return span;
}

static Interval *
from_integer(int64 seconds, const char *what)
{
	int64		usecs;

	if (pg_mul_s64_overflow(seconds, USECS_PER_SEC, &usecs))
		range_error(what);
	return from_usecs(usecs);
}

static Interval *
from_float(float8 seconds, const char *what)
{
	float8		usecs = rint(seconds * USECS_PER_SEC);

	/* the smallest double precision number above bigint's range */
	if (isnan(usecs) || usecs >= 9223372036854775808.0 || usecs < -9223372036854775808.0)
		range_error(what);
	return from_usecs((int64) usecs);
}

static Interval *
from_numeric(Numeric seconds, const char *what)
{
	return from_float(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
														 NumericGetDatum(seconds))),
					  what);
}

/*
 * Get an argument that is not NULL: an interval, the text of one, or a number
 * of seconds.  Throws 42804 for other types; 'what' names the argument in the
 * message.  If the type is unknown, because the call has no expression, it is
 * an interval.
 */
Interval *
cs_span_arg(FunctionCallInfo fcinfo, int arg, const char *what)
{
	Oid			given = get_fn_expr_argtype(fcinfo->flinfo, arg);
	Oid			type = OidIsValid(given) ? getBaseType(given) : INTERVALOID;

	switch (type)
	{
		case INTERVALOID:
			return PG_GETARG_INTERVAL_P(arg);
		case TIMEOID:
			return DatumGetIntervalP(DirectFunctionCall1(time_interval, PG_GETARG_DATUM(arg)));
		case UNKNOWNOID:
			return from_text(DatumGetCString(PG_GETARG_DATUM(arg)));
		case TEXTOID:
		case VARCHAROID:
			return from_text(text_to_cstring(PG_GETARG_TEXT_PP(arg)));
		case INT2OID:
			return from_integer(PG_GETARG_INT16(arg), what);
		case INT4OID:
			return from_integer(PG_GETARG_INT32(arg), what);
		case INT8OID:
			return from_integer(PG_GETARG_INT64(arg), what);
		case FLOAT4OID:
			return from_float(PG_GETARG_FLOAT4(arg), what);
		case FLOAT8OID:
			return from_float(PG_GETARG_FLOAT8(arg), what);
		case NUMERICOID:
			return from_numeric(PG_GETARG_NUMERIC(arg), what);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s must be an interval or a number of seconds, not %s",
							what, format_type_be(given))));
	}
}

/* Microseconds; PG_INT64_MAX for a span that ends beyond all timestamps. */
int64
cs_span_usecs(const Interval *span)
{
	int64		days = span->day + span->month * INT64CONST(30);
	int64		usecs;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &usecs) ||
		pg_add_s64_overflow(usecs, span->time, &usecs))
		return days > 0 ? PG_INT64_MAX : PG_INT64_MIN;
	return usecs;
}

/*
 * Range of a span.  Time is measured with months of 30 days, but here 1200
 * months are 100 years and 1201 are too long.  Far from the limit the result
 * need not be exact.
 */
CsSpanRange
cs_span_range(const Interval *span)
{
	float8		days = (float8) span->month * DAYS_PER_CALENDAR_YEAR / MONTHS_PER_YEAR + span->day;

	if (cs_span_usecs(span) <= 0)
		return CS_SPAN_NOT_POSITIVE;
	return days * USECS_PER_DAY + span->time >
		(float8) MAX_YEARS * DAYS_PER_CALENDAR_YEAR * USECS_PER_DAY ?
		CS_SPAN_TOO_LONG : CS_SPAN_FITS;
}

/*
 * As cs_span_arg(), in microseconds.  Throws 22023 unless the span is positive
 * and at most 100 years.
 */
int64
cs_span_positive(FunctionCallInfo fcinfo, int arg, const char *what, const char *hint)
{
	Interval   *span = cs_span_arg(fcinfo, arg, what);
	CsSpanRange range = cs_span_range(span);

	if (range != CS_SPAN_FITS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 range == CS_SPAN_TOO_LONG ?
				 errmsg("%s must not be longer than %d years", what, MAX_YEARS) :
				 errmsg("%s must be longer than zero", what),
				 hint != NULL ? errhint("%s", hint) : 0));
	return cs_span_usecs(span);
}
