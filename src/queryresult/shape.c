/*-------------------------------------------------------------------------
 *
 * shape.c
 *		Plain statements whose results may be kept, analysed once per session.
 *
 * A shape is a rewritten statement, as the planner gets it, together with
 * role, session user, search path and settings.  The analysis walks over it as
 * over a query to remember (analysis.c), and finds what its result depends on,
 * or why it must not be kept.  It runs in a subtransaction, since it may fail
 * where the statement itself does not: it looks into functions that are not
 * called.
 *
 * A shape and a plan are both made of what the session's caches hold.  They
 * describe the same as long as no change that concerns the shape has come in
 * since the older of them was made.  So a shape knows since which change it
 * has been as it is, and up to which it has been compared; a plan knows the
 * change it was made after.  Where the session does not remember that far
 * back, the answer is that they do not fit.
 *
 * The session keeps the shapes that were used last.  Nothing points at one
 * from one call to the next but its number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "queryresult/analysis.h"
#include "queryresult/shape.h"
#include "xact/attempt.h"

#define MAX_SHAPES		256

static dlist_head shapes = DLIST_STATIC_INIT(shapes);
static int	nshapes = 0;
static uint64 last_number = 0;

/* ----- what is in a statement ----- */

typedef struct Uses
{
	List	   *params;			/* of Param *, one of each number */
	List	   *relations;
} Uses;

static bool
find_uses(Node *node, void *arg)
{
	Uses	   *uses = arg;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

			if (OidIsValid(entry->relid))
				uses->relations = list_append_unique_oid(uses->relations, entry->relid);
		}
		return query_tree_walker((Query *) node, find_uses, arg, 0);
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		foreach(lc, uses->params)
			if (((Param *) lfirst(lc))->paramid == ((Param *) node)->paramid)
			return false;
		uses->params = lappend(uses->params, node);
		return false;
	}
	return expression_tree_walker(node, find_uses, arg);
}

/*
 * Values of these types mean something in this session only, or are no values.
 */
static void
check_columns(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		Oid			type = exprType((Node *) lfirst_node(TargetEntry, lc)->expr);

		if (type == RECORDOID || type == RECORDARRAYOID)
			cs_analysis_refuse("Cast it to a row type.",
							   "It returns rows of a type without a name.");
		if (get_typtype(type) == TYPTYPE_PSEUDO)
			cs_analysis_refuse(NULL, "It returns values of type %s.", format_type_be(type));
	}
}

/* ----- analysing ----- */

/* What the result depends on from the start, besides the settings. */
static void
fingerprint_circumstances(CsAnalysis *analysis, const CsShape *shape)
{
	List	   *path = fetch_search_path(true);
	char	   *database = get_database_name(MyDatabaseId);
	ListCell   *lc;

	cs_analysis_value(analysis, shape->role);
	cs_analysis_value(analysis, shape->session_user);
	cs_analysis_value(analysis, shape->row_security);
	cs_analysis_string(analysis, GetUserNameFromId(shape->role, false));
	cs_analysis_string(analysis, GetUserNameFromId(shape->session_user, false));
	cs_analysis_string(analysis, database != NULL ? database : "");
	cs_settings_fingerprint(&shape->settings, &analysis->fingerprint);
	cs_analysis_text_search(analysis, getTSCurrentConfig(false));
	foreach(lc, path)
		cs_analysis_value(analysis, lfirst_oid(lc));
}

static void
take_over_params(CsShape *shape, const Uses *uses)
{
	ListCell   *lc;

	shape->params = MemoryContextAlloc(shape->context,
									   list_length(uses->params) * sizeof(CsShapeParam) + 1);
	foreach(lc, uses->params)
	{
		const Param *param = lfirst_node(Param, lc);
		CsShapeParam *to = &shape->params[shape->nparams++];

		to->id = param->paramid;
		to->type = param->paramtype;
		get_typlenbyval(to->type, &to->typlen, &to->typbyval);
	}
}

static void
take_over(CsShape *shape, const CsAnalysis *analysis)
{
	MemoryContext old = MemoryContextSwitchTo(shape->context);
	ListCell   *lc;

	shape->tables = cs_analysis_sorted(shape->context, analysis->tables, &shape->ntables);
	shape->opened = cs_analysis_sorted(shape->context, analysis->opened, &shape->nopened);
	shape->views = cs_analysis_sorted(shape->context, analysis->views, &shape->nviews);
	shape->footprint.relations = cs_analysis_sorted(shape->context, analysis->relations,
													&shape->footprint.nrelations);
	shape->footprint.types = cs_analysis_type_hashes(shape->context, analysis->types,
													 &shape->footprint.ntypes);
	foreach(lc, analysis->options)
		shape->options = lappend(shape->options, pstrdup(lfirst(lc)));
	shape->timely = analysis->timely;
	shape->sensitive = analysis->sensitive;
	shape->permitted = cs_analysis_is_permitted(analysis);
	cs_query_digest((StringInfo) &analysis->fingerprint, shape->digest);
	MemoryContextSwitchTo(old);
}

static void
analyse(CsShape *shape, const Query *query)
{
	CsAnalysis	analysis = {.role = shape->role,.plain = true};
	Uses		uses = {NIL};

	/* it fills in the functions of operators */
	Query	   *copy = copyObject((Query *) query);

	initStringInfo(&analysis.fingerprint);
	check_columns(copy);
	(void) find_uses((Node *) copy, &uses);
	take_over_params(shape, &uses);
	fingerprint_circumstances(&analysis, shape);
	appendBinaryStringInfo(&analysis.fingerprint, (const char *) shape->tree,
						   sizeof(shape->tree));
	cs_analysis_query(&analysis, copy);
	if (analysis.fleeting)
		cs_analysis_refuse(NULL, "A function that it calls has a literal such as 'now'.");
	take_over(shape, &analysis);
	if (shape->ntables == 0)
		cs_analysis_refuse(NULL, "It reads no table.");
}

/* Why not; and what has to change before it is worth another look. */
static void
note_refusal(CsShape *shape, const Query *query, const ErrorData *error)
{
	Uses		uses = {NIL};

	shape->refused = MemoryContextStrdup(shape->context, error->detail != NULL &&
										 error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED ?
										 error->detail : error->message);
	if (error->hint != NULL)
		shape->hint = MemoryContextStrdup(shape->context, error->hint);
	(void) find_uses((Node *) query, &uses);
	shape->footprint.relations = cs_analysis_sorted(shape->context, uses.relations,
													&shape->footprint.nrelations);
	shape->footprint.ntypes = 0;
}

/* Not a fault of the statement: the session is to end, or the statement. */
static bool
is_interrupt(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

typedef struct Attempt
{
	CsShape    *shape;
	const Query *query;
} Attempt;

static void
attempt(void *arg)
{
	const Attempt *of = arg;

	/* errors here are not shown to the user */
	error_context_stack = NULL;
	analyse(of->shape, of->query);
}

/*
 * Analyse the statement.  An error means that its result is not kept.
 */
static void
analyse_safely(CsShape *shape, const Query *query)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies analysis",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorContextCallback *contexts = error_context_stack;
	Attempt		of = {shape, query};
	ErrorData  *error = cs_attempt_run(attempt, &of);

	error_context_stack = contexts;
	if (error != NULL && is_interrupt(error))
	{
		MemoryContextDelete(shape->context);
		ReThrowError(error);
	}
	if (error != NULL)
		note_refusal(shape, query, error);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ----- keeping and forgetting ----- */

static void
forget(CsShape *shape)
{
	dlist_delete(&shape->node);
	nshapes--;
	MemoryContextDelete(shape->context);
}

static CsShape *
make_shape(const uint8 *tree)
{
	MemoryContext context = AllocSetContextCreate(CacheMemoryContext,
												  "cache_strategies statement",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CsShape    *shape = palloc0(sizeof(CsShape));
	CsSettings	settings;

	shape->context = context;
	shape->number = ++last_number;
	memcpy(shape->tree, tree, sizeof(shape->tree));
	shape->role = GetUserId();
	shape->session_user = GetSessionUserId();
	shape->row_security = row_security;
	cs_settings_now(&settings);
	cs_settings_copy(&shape->settings, &settings);
	shape->path = cs_search_path_get(context);
	MemoryContextSwitchTo(old);
	return shape;
}

/* Compared with all that has come in. */
static bool
is_current(CsShape *shape)
{
	uint64		news = cs_query_news();

	if (news != shape->checked && cs_query_news_concern(&shape->footprint, shape->checked))
		return false;
	shape->checked = news;
	return true;
}

/* Was it as it is when the other was made?  'news' is of that time. */
static bool
was_so(CsShape *shape, uint64 news)
{
	if (news >= shape->since)
		return true;
	if (cs_query_news_concern(&shape->footprint, news))
		return false;
	shape->since = news;
	return true;
}

bool
cs_shape_fits(const CsShape *shape)
{
	CsSettings	settings;

	cs_settings_now(&settings);
	return shape->role == GetUserId() && shape->session_user == GetSessionUserId() &&
		shape->row_security == row_security &&
		cs_settings_equal(&shape->settings, &settings) &&
		cs_search_path_matches(shape->path);
}

static CsShape *
find_shape(const uint8 *tree)
{
	dlist_iter	iter;

	dlist_foreach(iter, &shapes)
	{
		CsShape    *shape = dlist_container(CsShape, node, iter.cur);

		if (memcmp(shape->tree, tree, sizeof(shape->tree)) != 0 || !cs_shape_fits(shape))
			continue;
		if (!is_current(shape))
		{
			forget(shape);
			return NULL;
		}
		dlist_move_head(&shapes, &shape->node);
		return shape;
	}
	return NULL;
}

CsShape *
cs_shape_find(uint64 number)
{
	dlist_iter	iter;

	dlist_foreach(iter, &shapes)
	{
		CsShape    *shape = dlist_container(CsShape, node, iter.cur);

		if (shape->number == number)
			return is_current(shape) ? shape : NULL;
	}
	return NULL;
}

CsShape *
cs_shape_get(const Query *query, const uint8 *digest, uint64 news)
{
	CsShape    *shape = find_shape(digest);

	if (shape == NULL)
	{
		shape = make_shape(digest);
		shape->since = shape->checked = cs_query_news();
		analyse_safely(shape, query);
		if (nshapes >= MAX_SHAPES)
			forget(dlist_tail_element(CsShape, node, &shapes));
		dlist_push_head(&shapes, &shape->node);
		nshapes++;
		if (!is_current(shape))
		{
			forget(shape);
			return NULL;
		}
	}
	return was_so(shape, news) ? shape : NULL;
}

/* ----- keys ----- */

static bool
fingerprint_params(const CsShape *shape, ParamListInfo params, StringInfo fingerprint)
{
	for (int i = 0; i < shape->nparams; i++)
	{
		const CsShapeParam *param = &shape->params[i];
		ParamExternData workspace;
		const ParamExternData *value = cs_query_param(params, param->id, true, &workspace);

		if (value == NULL || value->ptype != param->type)
			return false;
		appendBinaryStringInfo(fingerprint, (const char *) &param->id, sizeof(param->id));
		appendStringInfoChar(fingerprint, value->isnull);
		if (!value->isnull)
			cs_query_fingerprint_value(param->typlen, param->typbyval, value->value,
									   fingerprint);
	}
	return true;
}

/*
 * Append the values of the settings that the statement asks for by name.
 */
void
cs_shape_options(const CsShape *shape, StringInfo fingerprint)
{
	ListCell   *lc;

	foreach(lc, shape->options)
	{
		const char *value = GetConfigOptionByName(lfirst(lc), NULL, true);

		appendStringInfoChar(fingerprint, value != NULL);
		appendBinaryStringInfo(fingerprint, value != NULL ? value : "",
							   value != NULL ? strlen(value) + 1 : 1);
	}
}

bool
cs_shape_fingerprint(const CsShape *shape, ParamListInfo params, StringInfo fingerprint)
{
	appendBinaryStringInfo(fingerprint, (const char *) shape->digest, sizeof(shape->digest));
	cs_shape_options(shape, fingerprint);
	return fingerprint_params(shape, params, fingerprint);
}
