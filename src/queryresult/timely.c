/*-------------------------------------------------------------------------
 *
 * timely.c
 *		What in a query depends on the time at which it is run.
 *
 * now() and its like; and what reads a date or a time from a text, as that can
 * be 'now' or 'today'.  A literal is no such text: it has become a constant
 * when the query was analysed.  clock_timestamp() and timeofday() are
 * VOLATILE.
 *
 * A time with time zone depends on the date where it gets its zone from the
 * session, or another zone by name: on whether that has summer time now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "queryresult/analysis.h"
#include "queryresult/timely.h"

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static bool
has_timely_column(Oid type)
{
	TupleDesc	columns = cs_analysis_type_columns(type);
	bool		found = false;

	for (int i = 0; i < columns->natts && !found; i++)
		if (!TupleDescAttr(columns, i)->attisdropped)
			found = cs_timely_type(TupleDescAttr(columns, i)->atttypid);
	ReleaseTupleDesc(columns);
	return found;
}

/* Can a text be read as a value of this type that depends on the time? */
bool
cs_timely_type(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_base_element_type(base);

	if (OidIsValid(element))
		return cs_timely_type(element);
	switch (base)
	{
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		case RECORDOID:
		case RECORDARRAYOID:
			return false;		/* the columns of it are looked at */
		default:
			break;
	}
	switch (get_typtype(base))
	{
		case TYPTYPE_COMPOSITE:
			return has_timely_column(base);
		case TYPTYPE_RANGE:
			return cs_timely_type(get_range_subtype(base));
		case TYPTYPE_MULTIRANGE:
			return cs_timely_type(get_multirange_range(base));
		default:
			return false;
	}
}

/* One of builtin.c's; 'call' is NULL where it is called by other means. */
bool
cs_timely_function(const char *name, Node *call)
{
	static const char *const always[] = {
		"now", "statement_timestamp", "transaction_timestamp", "timetz",
		"date_in", "time_in", "timetz_in", "timestamp_in", "timestamptz_in", NULL
	};
	static const char *const readers[] = {
		"json_populate_record", "json_populate_recordset", "jsonb_populate_record",
		"jsonb_populate_recordset", "jsonb_populate_record_valid", NULL
	};
	static const char *const called[] = {
		"array_in", "record_in", "domain_in", "range_in", "multirange_in", NULL
	};

	if (is_one_of(name, always))
		return true;
	if (call == NULL)
		return false;
	if (strcmp(name, "timezone") == 0)
		return exprType(call) == TIMETZOID;
	if (is_one_of(name, readers))
		return cs_timely_type(exprType(call));
	return is_one_of(name, called);
}

bool
cs_timely_value(const SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_DATE:
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return true;
		default:
			return false;
	}
}
