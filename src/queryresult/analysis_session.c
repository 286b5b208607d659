/*-------------------------------------------------------------------------
 *
 * analysis_session.c
 *		What a plain statement may ask of its session: user, database, schema
 *		and settings.
 *
 * The key of a plain statement's result has the role, the session's user, the
 * database and the search path (shape.c).  A setting that is asked for by a
 * name that is a constant is noted, and its value is in the key of each
 * execution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "queryresult/analysis.h"

/* The name in current_setting('name'), or NULL. */
static char *
setting_name(Node *call)
{
	Const	   *name;

	if (call == NULL || !IsA(call, FuncExpr) || ((FuncExpr *) call)->args == NIL)
		return NULL;
	name = linitial(((FuncExpr *) call)->args);
	if (!IsA(name, Const) || name->constisnull || name->consttype != TEXTOID)
		return NULL;
	return TextDatumGetCString(name->constvalue);
}

static bool
note_setting(CsAnalysis *analysis, Node *call)
{
	char	   *name = setting_name(call);
	ListCell   *lc;

	if (name == NULL)
		cs_analysis_refuse(NULL, "It asks for a setting whose name is not a constant.");
	foreach(lc, analysis->options)
		if (strcmp(lfirst(lc), name) == 0)
		return true;
	/* an error if it may not be seen */
	(void) GetConfigOptionByName(name, NULL, true);
	analysis->options = lappend(analysis->options, name);
	cs_analysis_string(analysis, name);
	return true;
}

bool
cs_analysis_session_function(CsAnalysis *analysis, const char *name, Node *call)
{
	if (strcmp(name, "current_setting") == 0)
		return note_setting(analysis, call);
	return strcmp(name, "current_schema") == 0 || strcmp(name, "current_schemas") == 0 ||
		strcmp(name, "current_database") == 0 || strcmp(name, "session_user") == 0;
}
