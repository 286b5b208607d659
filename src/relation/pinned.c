/*-------------------------------------------------------------------------
 *
 * pinned.c
 *		Settings under which code of a table's owner runs, independent of the
 *		session.
 *
 * The result of a loader function is kept for all readers, and a flush fires
 * triggers for many writers at once, in whichever session it runs.  So the
 * settings that influence STABLE functions and that every role may change are
 * those of the session that has attached the table.
 *
 * Not pinned are search_path, which is a constant; other properties of the
 * session that a function can query (session_user, application_name,
 * client_encoding, custom settings); and planner settings, on which the order
 * of rows may depend where no ORDER BY determines it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "relation/pinned.h"

static const char *const names[] = {
	"quote_all_identifiers",	/* first, because some others are quoted or
								 * not */
	"TimeZone",
	"timezone_abbreviations",
	"DateStyle",
	"IntervalStyle",
	"lc_monetary",
	"lc_numeric",
	"lc_time",
	"bytea_output",
	"extra_float_digits",
	"xmlbinary",
	"xmloption",
	"default_text_search_config",
	"array_nulls",
	"backslash_quote",
	"gin_fuzzy_search_limit",
	"row_security",
	"standard_conforming_strings",
	"transform_null_equals",
};

/*
 * Current values, as text[] of name=value.
 */
ArrayType *
cs_pinned_now(void)
{
	Datum		settings[lengthof(names)];

	for (int i = 0; i < lengthof(names); i++)
		settings[i] = CStringGetTextDatum(psprintf("%s=%s", names[i],
												   GetConfigOption(names[i], false, false)));
	return construct_array(settings, lengthof(names), TEXTOID, -1, false, TYPALIGN_INT);
}

/* Name of a pinned setting; NULL for others, which are ignored. */
static const char *
known_name(const char *name)
{
	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	return NULL;
}

/*
 * Decode such an array in the current context; NULL if there is none.
 */
const CsPinned *
cs_pinned_parse(ArrayType *settings)
{
	CsPinned   *pinned;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (settings == NULL)
		return NULL;
	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	pinned = palloc(offsetof(CsPinned, setting) + n * sizeof(pinned->setting[0]));
	pinned->n = 0;
	for (int i = 0; i < n; i++)
	{
		char	   *name = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
		char	   *value = strchr(name, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		pinned->setting[pinned->n].name = known_name(name);
		pinned->setting[pinned->n].value = value;
		pinned->n += pinned->setting[pinned->n].name != NULL;
	}
	return pinned;
}

/*
 * Error context for a value that this server does not accept, such as a locale
 * after a restore.
 */
static void
add_context(void *arg)
{
	errcontext("settings with which table \"%s\" was attached; cache.attach() takes the present ones",
			   (const char *) arg);
}

/*
 * Apply the settings until the end of the caller's GUC nest level.  Setting a
 * value costs more than comparing it first.
 */
void
cs_pinned_apply(const CsPinned *pinned, const char *table)
{
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = add_context,
		.arg = (void *) table
	};

	if (pinned == NULL)
		return;
	error_context_stack = &context;
	for (int i = 0; i < pinned->n; i++)
		if (strcmp(GetConfigOption(pinned->setting[i].name, false, false),
				   pinned->setting[i].value) != 0)
			(void) set_config_option(pinned->setting[i].name, pinned->setting[i].value,
									 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	error_context_stack = context.previous;
}
