/*-------------------------------------------------------------------------
 *
 * kv_change.c
 *		SQL functions that change an existing value: cache.expire(), persist(),
 *		touch(), incr(), incr_numeric(), compare_and_set().
 *
 * What they do not mention stays: a value keeps its tags, and a number that is
 * incremented keeps its time to live.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "kv/change.h"
#include "kv/kv_call.h"
#include "kv/kv_value.h"

PG_FUNCTION_INFO_V1(cs_expire);
PG_FUNCTION_INFO_V1(cs_persist);
PG_FUNCTION_INFO_V1(cs_touch);
PG_FUNCTION_INFO_V1(cs_incr);
PG_FUNCTION_INFO_V1(cs_incr_numeric);
PG_FUNCTION_INFO_V1(cs_compare_and_set);

/* ----- time to live ----- */

typedef struct Expiry
{
	bool		anew;			/* use the ttl that was last set */
	int64		ttl;			/* otherwise this one */
	bool		found;
} Expiry;

static CsKvVerdict
decide_expiry(const CsKvValue *old, CsKvValue *new, void *arg)
{
	Expiry	   *expiry = arg;

	expiry->found = old != NULL;
	if (old == NULL)
		return CS_KV_KEEP;
	*new = *old;
	cs_kv_call_set_ttl(new, expiry->anew ? old->ttl : expiry->ttl);
	return CS_KV_PUT;
}

static Datum
change_expiry(FunctionCallInfo fcinfo, const CsVerb *verb, Expiry *expiry)
{
	cs_kv_call_change(verb, cs_kv_call_text(fcinfo, 0, "key"), decide_expiry, expiry);
	PG_RETURN_BOOL(expiry->found);
}

/*
 * cache.expire(key, ttl, space, immediate)
 */
Datum
cs_expire(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Expiry		expiry = {0};

	cs_kv_call_writer(fcinfo, "cache.expire()", false, &verb);
	expiry.ttl = cs_kv_call_ttl(fcinfo, 1, verb.space);
	return change_expiry(fcinfo, &verb, &expiry);
}

/*
 * cache.persist(key, space, immediate)
 */
Datum
cs_persist(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Expiry		expiry = {0};

	cs_kv_call_writer(fcinfo, "cache.persist()", false, &verb);
	return change_expiry(fcinfo, &verb, &expiry);
}

/*
 * cache.touch(key, space, immediate)
 */
Datum
cs_touch(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Expiry		expiry = {.anew = true};

	cs_kv_call_writer(fcinfo, "cache.touch()", false, &verb);
	return change_expiry(fcinfo, &verb, &expiry);
}

/* ----- counting ----- */

typedef struct Count
{
	const text *key;
	int64		ttl;			/* for a new key */
	bool		integral;		/* the result is a bigint */
	int64		delta;
	Numeric		numeric_delta;
	int64		result;
	Numeric		numeric_result;
} Count;

/*
 * Numeric copy of a stored number.  Throws 42804 for NaN and infinity.
 */
static Datum
copied_numeric(const Count *count, const CsKvValue *value)
{
	CsKvValue	copy;
	Datum		number;

	cs_kv_value_copy(value, &copy);
	number = cs_kv_value_numeric(&copy);
	if (numeric_is_nan(DatumGetNumeric(number)) || numeric_is_inf(DatumGetNumeric(number)))
		cs_kv_value_type_error(count->key, value, "NaN and infinity cannot be counted.");
	return number;
}

static Numeric
add_numeric(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_add, NumericGetDatum(a),
											   NumericGetDatum(b)));
}

/*
 * Set new to an integer plus delta.
 */
static void
put_bigint(Count *count, int64 old, CsKvValue *new)
{
	if (pg_add_s64_overflow(old, count->delta, &count->result))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range")));
	new->type = CS_KV_BIGINT;
	new->data = (const char *) &count->result;
	new->len = sizeof(count->result);
}

static void
put_numeric(Count *count, Numeric old, CsKvValue *new)
{
	count->numeric_result = add_numeric(old, count->numeric_delta);
	new->type = CS_KV_NUMERIC;
	new->data = VARDATA_ANY(count->numeric_result);
	new->len = VARSIZE_ANY_EXHDR(count->numeric_result);
}

/*
 * Increment a numeric by an integer.  It stays a numeric, but the result must
 * be an integer.
 */
static void
count_whole_numeric(Count *count, const CsKvValue *old, CsKvValue *new)
{
	Datum		before = copied_numeric(count, old);
	Datum		whole = DirectFunctionCall2(numeric_trunc, before, Int32GetDatum(0));

	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, before, whole)))
		cs_kv_value_type_error(count->key, old,
							   "It is not an integer; use cache.incr_numeric().");
	count->numeric_delta = int64_to_numeric(count->delta);
	put_numeric(count, DatumGetNumeric(before), new);
	count->result = DatumGetInt64(DirectFunctionCall1(numeric_int8,
													  NumericGetDatum(count->numeric_result)));
}

static const char *
skip_digits(const char *p)
{
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

/*
 * Whether the text is an integer without blanks, plus sign or leading zeros.
 */
static bool
is_integer(const char *p)
{
	bool		negative = *p == '-';
	const char *first = negative ? p + 1 : p;

	if (*first == '0')
		return !negative && first[1] == '\0';
	return *first != '\0' && *skip_digits(first) == '\0';
}

/*
 * Whether the text consists of digits, a point and an exponent, without
 * blanks.
 */
static bool
is_decimal(const char *p)
{
	const char *end;
	int			ndigits;

	if (*p == '-' || *p == '+')
		p++;
	end = skip_digits(p);
	ndigits = end - p;
	if (*end == '.')
	{
		p = end + 1;
		end = skip_digits(p);
		ndigits += end - p;
	}
	if (ndigits == 0)
		return false;
	if (*end == 'e' || *end == 'E')
	{
		p = end + 1;
		if (*p == '-' || *p == '+')
			p++;
		end = skip_digits(p);
		if (end == p)
			return false;
	}
	return *end == '\0';
}

/*
 * Text of a value that must be a number.  Throws 22P02 if it is not.
 */
static char *
number_text(const Count *count, const CsKvValue *old)
{
	char	   *number = pnstrdup(old->data, old->len);

	if (count->integral ? !is_integer(number) : !is_decimal(number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("the text of key \"%s\" is not %s", text_to_cstring(count->key),
						count->integral ? "an integer" : "a number"),
				 count->integral && is_decimal(number) ?
				 errhint("Use cache.incr_numeric().") : 0));
	return number;
}

/*
 * Increment a value for cache.incr().
 */
static void
count_integral(Count *count, const CsKvValue *old, CsKvValue *new)
{
	switch (old->type)
	{
		case CS_KV_BIGINT:
			put_bigint(count, cs_kv_value_bigint(old), new);
			break;
		case CS_KV_NUMERIC:
			count_whole_numeric(count, old, new);
			break;
		case CS_KV_TEXT:
			put_bigint(count, DatumGetInt64(DirectFunctionCall1(int8in,
																CStringGetDatum(number_text(count, old)))),
					   new);
			break;
		default:
			cs_kv_value_type_error(count->key, old, "Only numbers, and text that is one, can be counted.");
	}
}

/*
 * Increment a value for cache.incr_numeric().
 */
static void
count_numeric(Count *count, const CsKvValue *old, CsKvValue *new)
{
	Datum		before;

	switch (old->type)
	{
		case CS_KV_BIGINT:
		case CS_KV_NUMERIC:
			before = copied_numeric(count, old);
			break;
		case CS_KV_TEXT:
			before = DirectFunctionCall3(numeric_in,
										 CStringGetDatum(number_text(count, old)),
										 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
			break;
		default:
			cs_kv_value_type_error(count->key, old, "Only numbers, and text that is one, can be counted.");
	}
	put_numeric(count, DatumGetNumeric(before), new);
}

static CsKvVerdict
decide_count(const CsKvValue *old, CsKvValue *new, void *arg)
{
	Count	   *count = arg;

	if (old != NULL)
	{
		*new = *old;
		if (count->integral)
			count_integral(count, old, new);
		else
			count_numeric(count, old, new);
		return CS_KV_PUT;
	}
	memset(new, 0, sizeof(*new));
	cs_kv_call_set_ttl(new, count->ttl);
	if (count->integral)
		put_bigint(count, 0, new);
	else
		put_numeric(count, int64_to_numeric(0), new);
	return CS_KV_PUT;
}

static void
check_delta(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("delta must not be NULL")));
}

/*
 * Delta that was given as a numeric, for cache.incr().
 */
static int64
whole_numeric(Numeric delta)
{
	Datum		whole;

	if (!numeric_is_nan(delta) && !numeric_is_inf(delta))
	{
		whole = DirectFunctionCall2(numeric_trunc, NumericGetDatum(delta), Int32GetDatum(0));
		if (DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(delta), whole)))
			return DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("delta must be a whole number, not %s", numeric_normalize(delta)),
			 errhint("Use cache.incr_numeric() to count in fractions.")));
}

/*
 * Type of the delta argument.  It is declared "any", because with overloads it
 * would be ambiguous which one a driver means.
 */
static Oid
delta_type(FunctionCallInfo fcinfo)
{
	Oid			given = get_fn_expr_argtype(fcinfo->flinfo, 1);

	return OidIsValid(given) ? getBaseType(given) : INT8OID;
}

/* Text of the delta argument; NULL if it is of another type. */
static char *
delta_text(FunctionCallInfo fcinfo, Oid type)
{
	if (type == UNKNOWNOID)
		return DatumGetCString(PG_GETARG_DATUM(1));
	return type == TEXTOID || type == VARCHAROID ?
		TextDatumGetCString(PG_GETARG_DATUM(1)) : NULL;
}

static Datum
numeric_delta(FunctionCallInfo fcinfo, Oid type)
{
	Datum		delta = PG_GETARG_DATUM(1);
	char	   *string = delta_text(fcinfo, type);

	if (string != NULL)
		return DirectFunctionCall3(numeric_in, CStringGetDatum(string),
								   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	switch (type)
	{
		case INT2OID:
			return DirectFunctionCall1(int2_numeric, delta);
		case INT4OID:
			return DirectFunctionCall1(int4_numeric, delta);
		case INT8OID:
			return DirectFunctionCall1(int8_numeric, delta);
		case FLOAT4OID:
			return DirectFunctionCall1(float4_numeric, delta);
		case FLOAT8OID:
			return DirectFunctionCall1(float8_numeric, delta);
		case NUMERICOID:
			return delta;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("delta must be a number, not %s",
							format_type_be(get_fn_expr_argtype(fcinfo->flinfo, 1)))));
	}
}

static int64
integer_delta(FunctionCallInfo fcinfo, Oid type)
{
	char	   *string = delta_text(fcinfo, type);

	if (string != NULL)
		return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(string)));
	switch (type)
	{
		case INT2OID:
			return PG_GETARG_INT16(1);
		case INT4OID:
			return PG_GETARG_INT32(1);
		case INT8OID:
			return PG_GETARG_INT64(1);
		default:
			return whole_numeric(DatumGetNumeric(numeric_delta(fcinfo, type)));
	}
}

static Numeric
finite_delta(FunctionCallInfo fcinfo, Oid type)
{
	Numeric		delta = DatumGetNumeric(numeric_delta(fcinfo, type));

	if (numeric_is_nan(delta) || numeric_is_inf(delta))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("delta must be a finite number")));
	return delta;
}

/*
 * Common part of cache.incr() and incr_numeric(), with the arguments (key,
 * delta, ttl, space, immediate).
 */
static void
add_delta(FunctionCallInfo fcinfo, const char *function, Count *count)
{
	CsVerb		verb;

	cs_kv_call_writer(fcinfo, function, true, &verb);
	count->key = cs_kv_call_text(fcinfo, 0, "key");
	count->ttl = cs_kv_call_ttl(fcinfo, 2, verb.space);
	check_delta(fcinfo);
	if (count->integral)
		count->delta = integer_delta(fcinfo, delta_type(fcinfo));
	else
		count->numeric_delta = finite_delta(fcinfo, delta_type(fcinfo));
	cs_kv_call_change(&verb, count->key, decide_count, count);
}

/*
 * cache.incr()
 */
Datum
cs_incr(PG_FUNCTION_ARGS)
{
	Count		count = {.integral = true};

	add_delta(fcinfo, "cache.incr()", &count);
	PG_RETURN_INT64(count.result);
}

/*
 * cache.incr_numeric()
 */
Datum
cs_incr_numeric(PG_FUNCTION_ARGS)
{
	Count		count = {0};

	add_delta(fcinfo, "cache.incr_numeric()", &count);
	PG_RETURN_NUMERIC(count.numeric_result);
}

/* ----- comparing ----- */

typedef struct Swap
{
	const text *key;
	CsKvType	type;			/* in which values are compared */
	bool		expects;		/* expects a value; otherwise that there is
								 * none */
	Datum		expected;
	bool		puts;			/* puts a value; otherwise removes the key */
	CsKvValue	value;
	bool		done;
} Swap;

/* Value converted to that type, text for a number. */
static Datum
as_compared(const CsTaker *taker, Datum datum, CsKvType type, const text *key)
{
	CsKvValue	value;
	CsKvValue	copy;

	cs_kv_value_take(taker, datum, &value);
	cs_kv_value_copy(&value, &copy);
	return cs_kv_value_datum(&copy, type, key);
}

/*
 * Whether the value equals the expected one, as cache.get() and its variants
 * would return it.
 */
static bool
is_expected(const CsKvValue *old, const Swap *swap)
{
	CsKvValue	copy;
	Datum		present;
	struct varlena *a;
	struct varlena *b;

	if (old == NULL || !swap->expects)
		return old == NULL && !swap->expects;
	cs_kv_value_copy(old, &copy);
	present = cs_kv_value_datum(&copy, swap->type, swap->key);
	if (swap->type == CS_KV_JSONB)
		return compareJsonbContainers(&DatumGetJsonbP(present)->root,
									  &DatumGetJsonbP(swap->expected)->root) == 0;
	a = (struct varlena *) DatumGetPointer(present);
	b = PG_DETOAST_DATUM_PACKED(swap->expected);
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static CsKvVerdict
decide_swap(const CsKvValue *old, CsKvValue *new, void *arg)
{
	Swap	   *swap = arg;

	swap->done = is_expected(old, swap);
	if (!swap->done)
		return CS_KV_KEEP;
	if (!swap->puts)
		return old != NULL ? CS_KV_REMOVE : CS_KV_KEEP;
	*new = swap->value;
	if (old != NULL)
	{
		new->ntags = old->ntags;
		new->tags = old->tags;
	}
	return CS_KV_PUT;
}

/*
 * cache.compare_and_set(key, expected, value, ttl, space, immediate)
 */
Datum
cs_compare_and_set(PG_FUNCTION_ARGS)
{
	CsVerb		verb;
	Swap		swap = {0};
	const CsTaker *taker;

	cs_kv_call_writer(fcinfo, "cache.compare_and_set()", true, &verb);
	swap.key = cs_kv_call_text(fcinfo, 0, "key");
	taker = cs_kv_value_taker(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 1));
	swap.type = cs_kv_value_compared(taker);
	swap.expects = !PG_ARGISNULL(1);
	if (swap.expects)
		swap.expected = as_compared(taker, PG_GETARG_DATUM(1), swap.type, swap.key);
	swap.puts = !PG_ARGISNULL(2);
	if (swap.puts)
		cs_kv_value_take(taker, PG_GETARG_DATUM(2), &swap.value);
	cs_kv_call_set_ttl(&swap.value, cs_kv_call_ttl(fcinfo, 3, verb.space));
	cs_kv_call_change(&verb, swap.key, decide_swap, &swap);
	PG_RETURN_BOOL(swap.done);
}
