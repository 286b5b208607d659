/*-------------------------------------------------------------------------
 *
 * analysis_functions.c
 *		Analysis of a query: functions.
 *
 * IMMUTABLE functions are trusted, VOLATILE ones refused.  A STABLE function
 * may read tables and settings.  For those of PostgreSQL builtin.c has a list.
 * SQL functions are analysed.  All others are opaque, and accepted only if the
 * caller has named the tables that they read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "queryresult/analysis.h"
#include "queryresult/builtin.h"
#include "queryresult/names.h"
#include "queryresult/timely.h"

static void note_aggregate(CsAnalysis *analysis, Oid aggregate);

#define READS_HINT \
	"If you know which tables it reads, name them with \"reads\"; an empty array if none."

/* The body of an SQL function, as called with these types. */
typedef struct CsBody
{
	Oid			function;
	Oid			collation;
	int			nargs;
	Oid			args[FLEXIBLE_ARRAY_MEMBER];
} CsBody;

/*
 * Note that a role must be allowed to execute a function.
 */
void
cs_analysis_use(CsAnalysis *analysis, Oid function, Oid role)
{
	CsUse	   *use;
	ListCell   *lc;

	foreach(lc, analysis->uses)
	{
		use = lfirst(lc);
		if (use->function == function && use->role == role)
			return;
	}
	use = palloc(sizeof(CsUse));
	use->function = function;
	use->role = role;
	analysis->uses = lappend(analysis->uses, use);
}

/* ----- default arguments ----- */

static bool
is_complete(const List *args, HeapTuple tuple)
{
	ListCell   *lc;

	foreach(lc, args)
		if (IsA(lfirst(lc), NamedArgExpr))
		return false;
	return list_length(args) >= ((Form_pg_proc) GETSTRUCT(tuple))->pronargs;
}

/*
 * Complete a call as the planner does, with all arguments in order.  Analyses
 * the defaults, which may call functions.
 */
static Node *
complete_call(CsAnalysis *analysis, HeapTuple tuple, Node *call)
{
	List	   *given;
	List	   *args;
	ListCell   *lc;

	if (IsA(call, FuncExpr))
		given = ((FuncExpr *) call)->args;
	else if (IsA(call, WindowFunc))
		given = ((WindowFunc *) call)->args;
	else
		return call;
	if (is_complete(given, tuple))
		return call;
	args = expand_function_arguments(copyObject(given), false, exprType(call), tuple);
	foreach(lc, args)
	{
		Node	   *arg = lfirst(lc);

		/* those that were given are visited anyway */
		if (!list_member(given, arg))
			cs_analysis_expression(analysis, arg);
	}
	if (IsA(call, FuncExpr))
	{
		call = copyObject(call);
		((FuncExpr *) call)->args = args;
	}
	return call;
}

/* ----- bodies of SQL functions ----- */

static bool
is_known_body(CsAnalysis *analysis, const CsBody *body)
{
	ListCell   *lc;

	foreach(lc, analysis->bodies)
	{
		const CsBody *known = lfirst(lc);

		if (known->function == body->function && known->collation == body->collation &&
			known->nargs == body->nargs &&
			memcmp(known->args, body->args, body->nargs * sizeof(Oid)) == 0)
			return true;
	}
	return false;
}

static CsBody *
make_body(Oid function, const SQLFunctionParseInfo *info)
{
	CsBody	   *body = palloc(offsetof(CsBody, args) + info->nargs * sizeof(Oid));

	body->function = function;
	body->collation = info->collation;
	body->nargs = info->nargs;
	if (info->nargs > 0)
		memcpy(body->args, info->argtypes, info->nargs * sizeof(Oid));
	return body;
}

/* Queries of a parsed body, rewritten. */
static List *
queries_of_tree(const char *tree)
{
	Node	   *node = stringToNode(tree);
	List	   *stored = IsA(node, List) ? linitial_node(List, (List *) node) : list_make1(node);
	List	   *queries = NIL;
	ListCell   *lc;

	foreach(lc, stored)
	{
		Query	   *query = lfirst_node(Query, lc);

		AcquireRewriteLocks(query, true, false);
		queries = list_concat(queries, pg_rewrite_query(query));
	}
	return queries;
}

/*
 * Queries of a body that is stored as text, rewritten.
 */
static List *
queries_of_source(CsAnalysis *analysis, const char *source, SQLFunctionParseInfo *info)
{
	List	   *raw = pg_parse_query(source);
	List	   *queries = NIL;
	ListCell   *lc;

	foreach(lc, raw)
		if (!IsA(lfirst_node(RawStmt, lc)->stmt, SelectStmt))
		cs_analysis_refuse(NULL, "Function %s does more than SELECT.", info->fname);
	if (cs_names_note(raw))
		analysis->fleeting = true;
	foreach(lc, raw)
		queries = list_concat(queries,
							  pg_analyze_and_rewrite_withcb(lfirst_node(RawStmt, lc), source,
															(ParserSetupHook) sql_fn_parser_setup,
															info, NULL));
	return queries;
}

/*
 * Queries of a function's body, rewritten.
 */
static List *
queries_of_body(CsAnalysis *analysis, HeapTuple tuple, SQLFunctionParseInfo *info)
{
	bool		isnull;
	Datum		body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);

	if (!isnull)
		return queries_of_tree(TextDatumGetCString(body));
	body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	if (isnull)
		elog(ERROR, "null prosrc for function %s", info->fname);
	return queries_of_source(analysis, TextDatumGetCString(body), info);
}

/*
 * Note the cast function from one type to another, if there is one.
 */
static void
note_cast(CsAnalysis *analysis, Oid target, Oid source)
{
	Oid			function;

	if (OidIsValid(target) && target != source &&
		find_coercion_pathway(target, source, COERCION_ASSIGNMENT,
							  &function) == COERCION_PATH_FUNC)
		cs_analysis_function(analysis, function, NULL);
}

/* Note the casts from the last query's columns to the declared result type. */
static void
note_result_casts(CsAnalysis *analysis, Node *call, const Query *query)
{
	Oid			type;
	TupleDesc	tupdesc = NULL;
	int			column = 0;
	ListCell   *lc;

	(void) get_expr_result_type(call, &type, &tupdesc);
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Oid			source = exprType((Node *) entry->expr);

		if (entry->resjunk)
			continue;
		note_cast(analysis, type, source);
		while (tupdesc != NULL && column < tupdesc->natts &&
			   TupleDescAttr(tupdesc, column)->attisdropped)
			column++;
		if (tupdesc != NULL && column < tupdesc->natts)
			note_cast(analysis, TupleDescAttr(tupdesc, column++)->atttypid, source);
	}
}

/*
 * Analyse the body of an SQL function.
 */
static void
note_body(CsAnalysis *analysis, Oid function, HeapTuple tuple, Node *call)
{
	CsTextContext context;
	SQLFunctionParseInfo *info;
	CsBody	   *body;
	List	   *queries;
	ListCell   *lc;
	char	   *name = NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname);
	bool		isnull;
	Datum		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);

	info = prepare_sql_fn_parse_info(tuple, call, exprInputCollation(call));
	body = make_body(function, info);
	if (is_known_body(analysis, body))
		return;
	analysis->bodies = lappend(analysis->bodies, body);
	cs_analysis_push_text(&context, isnull ? "" : TextDatumGetCString(source), name);
	analysis->depth++;
	queries = queries_of_body(analysis, tuple, info);
	foreach(lc, queries)
	{
		char	   *tree = nodeToString(lfirst(lc));

		cs_analysis_string(analysis, tree);
		pfree(tree);
		cs_analysis_query(analysis, lfirst_node(Query, lc));
	}
	if (queries != NIL)
		note_result_casts(analysis, call, llast_node(Query, queries));
	analysis->depth--;
	cs_analysis_pop_text(&context);
}

/* ----- functions ----- */

/*
 * Accept an opaque function if the caller has named the tables.
 */
static void
note_opaque(CsAnalysis *analysis, Oid function, const char *what)
{
	if (!analysis->reads_given)
		cs_analysis_refuse(analysis->plain ? NULL : READS_HINT,
						   "Function %s is STABLE%s: it may read tables and settings.",
						   format_procedure(function), what);
	analysis->opaque = true;
}

/*
 * Analyse a STABLE function of PostgreSQL's own.
 */
static void
note_builtin(CsAnalysis *analysis, Oid function, Form_pg_proc form, Node *call)
{
	const char *name = NameStr(form->proname);

	if (form->pronamespace == PG_CATALOG_NAMESPACE)
	{
		if (analysis->plain && cs_analysis_session_function(analysis, name, call))
			return;
		if (cs_builtin_is_harmless(name))
		{
			analysis->timely |= cs_timely_function(name, call);
			return;
		}
	}
	cs_analysis_refuse(NULL, "Function %s is STABLE, and what it returns depends on more than its arguments.",
					   format_procedure(function));
}

/*
 * Analyse a STABLE function.
 */
static void
note_stable(CsAnalysis *analysis, Oid function, HeapTuple tuple, Node *call)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

	if (form->prokind == PROKIND_AGGREGATE)
		return;					/* its support functions matter */
	analysis->sensitive = true;
	if (form->prolang == SQLlanguageId)
	{
		if (form->prosecdef)
			note_opaque(analysis, function, " and SECURITY DEFINER");
		else if (!heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL))
			note_opaque(analysis, function, " and has a SET clause");
		else if (call == NULL)
			note_opaque(analysis, function, "");
		else
			note_body(analysis, function, tuple, call);
	}
	else if (function >= FirstNormalObjectId)
		note_opaque(analysis, function, "");
	else
		note_builtin(analysis, function, form, call);
}

/*
 * Analyse what does not depend on the call.
 */
static void
note_first(CsAnalysis *analysis, Oid function, HeapTuple tuple)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

	analysis->functions = lappend_oid(analysis->functions, function);
	/* IMMUTABLE, but it obeys quote_all_identifiers */
	if (function == F_QUOTE_IDENT)
		analysis->sensitive = true;
	if (form->provolatile == PROVOLATILE_VOLATILE)
		cs_analysis_refuse(NULL, "Function %s is VOLATILE.", format_procedure(function));
	if (function >= FirstNormalObjectId)
		cs_analysis_tuple(analysis, tuple);
	if (form->prokind == PROKIND_AGGREGATE)
		note_aggregate(analysis, function);
}

/*
 * Analyse a function.  'call' is the expression that calls it, or NULL.
 */
void
cs_analysis_function(CsAnalysis *analysis, Oid function, Node *call)
{
	HeapTuple	tuple;
	bool		first = !list_member_oid(analysis->functions, function);

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		cs_analysis_dropped_error();
	if (first)
		note_first(analysis, function, tuple);
	if (call != NULL)
		call = complete_call(analysis, tuple, call);
	/* an SQL function has another body for other argument types */
	if (((Form_pg_proc) GETSTRUCT(tuple))->provolatile == PROVOLATILE_STABLE &&
		(first || call != NULL))
		note_stable(analysis, function, tuple, call);
	ReleaseSysCache(tuple);
}

/* ----- aggregates ----- */

/*
 * Analyse a support function of an aggregate.  The executor checks whether the
 * aggregate's owner may execute it.
 */
static void
note_record(CsAnalysis *analysis, Oid function, Oid owner)
{
	if (!OidIsValid(function))
		return;
	cs_analysis_use(analysis, function, owner);
	cs_analysis_function(analysis, function, NULL);
}

/*
 * Analyse the support functions of an aggregate.
 */
static void
note_aggregate(CsAnalysis *analysis, Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	HeapTuple	function = SearchSysCache1(PROCOID, ObjectIdGetDatum(aggregate));
	Form_pg_aggregate form;
	Oid			owner;

	if (!HeapTupleIsValid(tuple) || !HeapTupleIsValid(function))
		cs_analysis_dropped_error();
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	owner = ((Form_pg_proc) GETSTRUCT(function))->proowner;
	if (aggregate >= FirstNormalObjectId)
		cs_analysis_tuple(analysis, tuple);
	note_record(analysis, form->aggtransfn, owner);
	note_record(analysis, form->aggfinalfn, owner);
	note_record(analysis, form->aggcombinefn, owner);
	note_record(analysis, form->aggserialfn, owner);
	note_record(analysis, form->aggdeserialfn, owner);
	note_record(analysis, form->aggmtransfn, owner);
	note_record(analysis, form->aggminvtransfn, owner);
	note_record(analysis, form->aggmfinalfn, owner);
	ReleaseSysCache(function);
	ReleaseSysCache(tuple);
}

/* ----- without FROM ----- */

static bool
is_stable_sql(Oid function, void *context)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	bool		result;

	if (function < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	result = form->prolang == SQLlanguageId && form->provolatile != PROVOLATILE_VOLATILE;
	ReleaseSysCache(tuple);
	return result;
}

static bool
calls_stable_sql(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_stable_sql, context) ||
		expression_tree_walker(node, calls_stable_sql, context);
}

/*
 * Whether a SELECT without FROM may read a table, and its result be kept: by a
 * subquery, or in the body of a function.  A function in another language, or
 * a VOLATILE one, is not eligible.
 */
bool
cs_analysis_may_read(const Query *query)
{
	return query->hasSubLinks ||
		query_tree_walker((Query *) query, calls_stable_sql, NULL, 0);
}
