/*-------------------------------------------------------------------------
 *
 * span.c
 *		A span of time that a function is given: an interval, or seconds.
 *
 * Applications give the time to live as a number of seconds, as other caches want
 * it, or bind it as text.  PostgreSQL has no cast from either that it makes by
 * itself, so such arguments are declared "any".
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

#include "api/span.h"
#include "compat.h"

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

	/* the first double precision number above all of bigint's */
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

/* Called without an expression, an argument is what most of them are. */
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
