/*-------------------------------------------------------------------------
 *
 * settings.c
 *		The settings that the result of a query may depend on.
 *
 * The dependency is through the functions that builtin.c lists, and through
 * the parser and the input functions that read the query's text.  The settings
 * are compared in each call, so the variables behind them are read directly.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/gin.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "tsearch/ts_cache.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/xml.h"

#include "compat.h"
#include "queryresult/settings.h"

/*
 * pg_locale.h requires the headers of ICU, which extensions can be built
 * without.
 */
extern PGDLLIMPORT char *locale_monetary;
extern PGDLLIMPORT char *locale_numeric;
extern PGDLLIMPORT char *locale_time;

/* Variable of a setting that no header declares. */
static char **
find_variable(const char *name)
{
	int			n;
	struct config_generic **all = cs_settings_list(&n);

	for (int i = 0; i < n; i++)
		if (strcmp(all[i]->name, name) == 0)
			return ((struct config_string *) all[i])->variable;
	elog(ERROR, "setting \"%s\" not found", name);
}

static const char *
zone_abbreviations(void)
{
	static char **variable = NULL;

	if (variable == NULL)
		variable = find_variable("timezone_abbreviations");
	return *variable;
}

/*
 * Current values.  The strings are those of the settings themselves.
 */
void
cs_settings_now(CsSettings *settings)
{
	int		   *number = settings->number;
	const char **string = settings->string;

	*number++ = DateStyle;
	*number++ = DateOrder;
	*number++ = IntervalStyle;
	*number++ = bytea_output;
	*number++ = extra_float_digits;
	*number++ = xmlbinary;
	*number++ = xmloption;
	*number++ = Array_nulls;
	*number++ = quote_all_identifiers;
	*number++ = Transform_null_equals;
	*number++ = standard_conforming_strings;
	*number++ = GinFuzzySearchLimit;
	Assert(number == settings->number + CS_N_SETTING_NUMBERS);
	settings->zone = session_timezone;
	*string++ = namespace_search_path;
	*string++ = locale_monetary;
	*string++ = locale_numeric;
	*string++ = locale_time;
	*string++ = TSCurrentConfig;
	*string++ = zone_abbreviations();
	Assert(string == settings->string + CS_N_SETTING_STRINGS);
}

/*
 * Copy settings, with palloc'd strings.
 */
void
cs_settings_copy(CsSettings *to, const CsSettings *from)
{
	*to = *from;
	for (int i = 0; i < CS_N_SETTING_STRINGS; i++)
		if (from->string[i] != NULL)
			to->string[i] = pstrdup(from->string[i]);
}

static bool
equal_strings(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool
cs_settings_equal(const CsSettings *a, const CsSettings *b)
{
	if (memcmp(a->number, b->number, sizeof(a->number)) != 0 || a->zone != b->zone)
		return false;
	for (int i = 0; i < CS_N_SETTING_STRINGS; i++)
		if (!equal_strings(a->string[i], b->string[i]))
			return false;
	return true;
}

/*
 * Append the settings to a fingerprint.
 */
void
cs_settings_fingerprint(const CsSettings *settings, StringInfo fingerprint)
{
	appendBinaryStringInfo(fingerprint, (const char *) settings->number,
						   sizeof(settings->number));
	appendStringInfo(fingerprint, "%s%c", pg_get_timezone_name((pg_tz *) settings->zone), 0);
	for (int i = 0; i < CS_N_SETTING_STRINGS; i++)
		appendStringInfo(fingerprint, "%s%c",
						 settings->string[i] != NULL ? settings->string[i] : "", 0);
}
