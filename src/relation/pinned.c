/*-------------------------------------------------------------------------
 *
 * pinned.c
 *		Settings that code of a table's owner runs with, whoever causes it.
 *
 * What a loader function returns is kept for all, and what the triggers of a
 * flush do is done for many writers at once, in whatever session the flush is
 * made.  So the settings that change the result of a STABLE function, and that
 * everybody may set, are those of the session that has attached the table.
 *
 * Not pinned: search_path, which is a constant; what a function can ask of its
 * session otherwise (session_user, application_name, client_encoding, settings
 * of the user's own or of other extensions); and planner settings, on which the
 * order of rows may depend that no ORDER BY decides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "relation/pinned.h"

static const char *const names[] = {
	"quote_all_identifiers",	/* first: some others are kept quoted or not */
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
 * The present values, as text[] of name=value.
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

/* Whatever else somebody has put there is left alone. */
static const char *
known_name(const char *name)
{
	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	return NULL;
}

/*
 * Take such an array apart; NULL is none.
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

/* A value that this server does not know, say a locale after a restore. */
static void
add_context(void *arg)
{
	errcontext("settings with which table \"%s\" was attached; cache.attach() takes the present ones",
			   (const char *) arg);
}

/*
 * Have them in force until the end of the GUC nest level of the caller.
 *
 * To set one that is as it should be costs more than to ask.
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
