/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Dependencies of plans on tables that they name by row type.
 *
 * cache.read(NULL::m, ...) names a type.  PostgreSQL makes a plan depend on
 * the relations that it contains, but not on a row type's relation: the plan
 * would survive DDL, and be executed while the table is being changed.  So
 * after analysis the table is added to the statement as a relation, as a range
 * table entry to which nothing refers.  Then everything that holds for a
 * SELECT holds: the table is locked before the plan is examined, and an
 * invalidation causes a new analysis, which looks up the name again.  The
 * executor keeps the table open as well, so that its own session cannot alter
 * what a cursor is reading.
 *
 * An expression of PL/pgSQL must not have a range table, because it would then
 * no longer be evaluated without a query.  Its dependency is a constant in a
 * WITH CHECK OPTION, of which a SELECT has none.  SQL functions that are
 * inlined are not analysed as statements; planning adds what they name to the
 * plan's dependencies, and since the function's call is planned again, its
 * text is analysed again.  In these two cases the table is locked when the
 * function is called (cs_call_begin).
 *
 * The name of a row type is looked up before the table is locked.  If an
 * invalidation of the table arrives in between, the statement is analysed once
 * more.
 *
 * All state is local to the session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "plpgsql.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "inval.h"
#include "relation/identity.h"
#include "relation/rellock.h"
#include "rowcache/plan.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_plan_support);

static post_parse_analyze_hook_type next_analyze_hook = NULL;
static planner_hook_type next_planner = NULL;
static ExecutorStart_hook_type next_executor_start = NULL;

/* Alias of our entries in range tables. */
#define ENTRY_NAME	"*row type*"

/*
 * cs_identity_time() of the last analysis, and of the start of the current
 * planning.
 */
static uint64 last_analysis = 0;
static uint64 planning_began = 0;
static int	planning_depth = 0;
static uint64 planning_generation = 0;	/* an error leaves the depth as it is */

/* ----- recognizing PL/pgSQL ----- */

typedef void (*ParserSetup) (ParseState *pstate, void *expr);

/*
 * Whether the statement is analysed for PL/pgSQL, which is recognized by its
 * hook.
 */
static bool
is_plpgsql(const ParseState *pstate)
{
	static PreParseColumnRefHook hook = NULL;

	if (pstate->p_pre_columnref_hook == NULL)
		return false;
	if (hook == NULL)
	{
		ParserSetup setup = (ParserSetup)
		load_external_function("$libdir/plpgsql", "plpgsql_parser_setup", true, NULL);
		ParseState	other;

		memset(&other, 0, sizeof(other));
		setup(&other, NULL);
		hook = other.p_pre_columnref_hook;
	}
	return pstate->p_pre_columnref_hook == hook;
}

/* ----- finding the relations ----- */

/*
 * Whether the function belongs to the extension and identifies a table by the
 * type of its first argument.
 */
static bool
is_by_row_type(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	result = form->prolang == ClanguageId && form->pronargs > 0 &&
		IsPolymorphicType(form->proargtypes.values[0]) &&
		form->pronamespace == get_namespace_oid("cache", true);
	ReleaseSysCache(tuple);
	return result;
}

/* Relation that a call names; InvalidOid if none. */
static Oid
relation_named(const FuncExpr *call)
{
	Oid			rowtype;

	if (call->funcid < FirstNormalObjectId || call->args == NIL)
		return InvalidOid;
	rowtype = exprType(linitial(call->args));
	if (rowtype < FirstNormalObjectId || !is_by_row_type(call->funcid))
		return InvalidOid;
	return get_typ_typrelid(rowtype);
}

/*
 * Query tree walker that collects the relations.
 */
static bool
find_calls(Node *node, void *arg)
{
	List	  **relids = arg;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_calls, arg, QTW_IGNORE_JOINALIASES);
	if (IsA(node, FuncExpr))
	{
		Oid			relid = relation_named((FuncExpr *) node);

		if (OidIsValid(relid))
			*relids = list_append_unique_oid(*relids, relid);
	}
	return expression_tree_walker(node, find_calls, arg);
}

/*
 * The part of a statement that can contain calls: the query, or that of a
 * utility statement.
 */
static Node *
content_of(const Query *query)
{
	if (query->commandType != CMD_UTILITY)
		return (Node *) query;
	if (IsA(query->utilityStmt, CallStmt))
		return (Node *) ((CallStmt *) query->utilityStmt)->funcexpr;
	return (Node *) UtilityContainsQuery(query->utilityStmt);
}

/*
 * Relations that a statement names by row type.
 */
static List *
relations_named(const Query *query)
{
	List	   *relids = NIL;

	(void) find_calls(content_of(query), &relids);
	return relids;
}

/*
 * Whether the text may name the schema.  Scanning the text costs a fraction of
 * walking the query.  An identifier written with code points (U&"...") can be
 * any.
 */
static bool
mentions_cache(const char *text, int len)
{
	for (int i = 0; i + 5 <= len; i++)
		if ((text[i] | 0x20) == 'c' && (text[i + 1] | 0x20) == 'a' &&
			pg_strncasecmp(text +i, "cache", 5) == 0)
			return true;
	return memchr(text, '&', len) != NULL;
}

/* Whether our functions can be called without the schema's name. */
static bool
is_in_path(void)
{
	Oid			schemas[16];
	int			n = fetch_search_path_array(schemas, lengthof(schemas));

	for (int i = 0; i < Min(n, lengthof(schemas)); i++)
	{
		char	   *name;

		if (schemas[i] < FirstNormalObjectId)
			continue;
		name = get_namespace_name(schemas[i]);
		if (name != NULL && strcmp(name, "cache") == 0)
			return true;
	}
	return n > lengthof(schemas);
}

/* Whether the statement may name relations by row type.  Most do not. */
static bool
may_name_relations(const ParseState *pstate, const Query *query)
{
	const char *text = pstate->p_sourcetext;
	int			len;

	if (text == NULL)
		return true;
	if (query->stmt_location > 0)
		text	  +=query->stmt_location;

	len = query->stmt_location >= 0 && query->stmt_len > 0 ? query->stmt_len : strlen(text);
	return mentions_cache(text, len) || is_in_path();
}

/* ----- adding dependencies ----- */

/*
 * Whether a relation is one that statements lock.
 */
static bool
is_lockable(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_MATVIEW;
}

static bool
is_entry(const RangeTblEntry *entry)
{
	return entry->rtekind == RTE_RELATION && !entry->inFromCl && entry->alias != NULL &&
		strcmp(entry->alias->aliasname, ENTRY_NAME) == 0;
}

/*
 * Whether there is an entry already.  The query of EXPLAIN is processed twice.
 */
static bool
has_entry(const Query *query, Oid relid)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (is_entry(entry) && entry->relid == relid)
			return true;
	}
	return false;
}

/*
 * Add a range table entry.
 */
static void
add_entry(Query *query, Oid relid)
{
	RangeTblEntry *entry;

	if (has_entry(query, relid))
		return;
	entry = makeNode(RangeTblEntry);
	entry->rtekind = RTE_RELATION;
	entry->relid = relid;
	entry->relkind = get_rel_relkind(relid);
	entry->rellockmode = AccessShareLock;
	entry->alias = makeAlias(ENTRY_NAME, NIL);
	entry->eref = makeAlias(ENTRY_NAME, NIL);
	query->rtable = lappend(query->rtable, entry);
	cs_no_permissions(query, entry);
}

static Node *
relation_constant(Oid relid)
{
	return (Node *) makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid),
							  ObjectIdGetDatum(relid), false, true);
}

/*
 * Add a constant to a SELECT that is an expression.
 */
static void
add_constant(Query *query, Oid relid)
{
	WithCheckOption *option = makeNode(WithCheckOption);

	option->kind = WCO_VIEW_CHECK;
	option->relname = pstrdup(ENTRY_NAME);
	option->qual = relation_constant(relid);
	query->withCheckOptions = lappend(query->withCheckOptions, option);
}

/*
 * Add a constant to a CALL, which consists of expressions only: the argument
 * becomes the result of a CASE about the constant, which planning removes.
 */
static Node *
with_constant(Node *row, Oid relid)
{
	NullTest   *test = makeNode(NullTest);
	CaseWhen   *when = makeNode(CaseWhen);
	CaseExpr   *choice = makeNode(CaseExpr);

	test->arg = (Expr *) relation_constant(relid);
	test->nulltesttype = IS_NULL;
	test->location = -1;
	when->expr = (Expr *) test;
	when->result = (Expr *) makeNullConst(exprType(row), -1, InvalidOid);
	when->location = -1;
	choice->casetype = exprType(row);
	choice->args = list_make1(when);
	choice->defresult = (Expr *) row;
	choice->location = -1;
	return (Node *) choice;
}

/*
 * Expression tree walker that adds the constants of a CALL.
 */
static bool
add_constants(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;
		Oid			relid = relation_named(call);

		if (OidIsValid(relid))
			linitial(call->args) = with_constant(linitial(call->args), relid);
	}
	return expression_tree_walker(node, add_constants, arg);
}

/* Whether PL/pgSQL would regard it as a simple expression. */
static bool
is_expression(const ParseState *pstate, const Query *query)
{
	return is_plpgsql(pstate) && query->commandType == CMD_SELECT &&
		query->rtable == NIL && query->cteList == NIL && !query->hasSubLinks;
}

/*
 * Make the statement depend on the relations.
 */
static void
depend_on(const ParseState *pstate, Node *content, List *relids)
{
	Query	   *query = (Query *) content;
	bool		expression;
	ListCell   *lc;

	if (!IsA(content, Query))
	{
		(void) add_constants(content, NULL);
		return;
	}
	expression = is_expression(pstate, query);
	foreach(lc, relids)
	{
		if (!expression && is_lockable(lfirst_oid(lc)))
		{
			add_entry(query, lfirst_oid(lc));
			continue;
		}
		if (query->commandType == CMD_SELECT)
			add_constant(query, lfirst_oid(lc));
	}
}

/* ----- analysing again ----- */

static bool
is_utility(const Node *raw)
{
	switch (nodeTag(raw))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
		case T_ReturnStmt:
		case T_PLAssignStmt:
			return false;
		default:
			return true;
	}
}

/* The statement that a utility statement analyses itself; NULL if none. */
static Node *
part_of(Node *utility)
{
	switch (nodeTag(utility))
	{
		case T_PrepareStmt:
			return ((PrepareStmt *) utility)->query;
		case T_ViewStmt:
			return ((ViewStmt *) utility)->query;
		case T_CopyStmt:
			return ((CopyStmt *) utility)->query;
		default:
			return NULL;
	}
}

/*
 * Parse the text again and find the statement in it; NULL if that is not
 * possible.
 */
static RawStmt *
find_statement(const ParseState *pstate, const Query *query)
{
	RawParseMode mode = RAW_PARSE_DEFAULT;
	ListCell   *lc;

	if (is_plpgsql(pstate))
		mode = ((PLpgSQL_expr *) pstate->p_ref_hook_state)->parseMode;
	else if (pstate->p_pre_columnref_hook != NULL)
		return NULL;			/* of an unknown language */
	foreach(lc, raw_parser(pstate->p_sourcetext, mode))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);

		if (raw->stmt_location != query->stmt_location || raw->stmt_len != query->stmt_len)
			continue;
		if (is_utility(raw->stmt) && query->commandType != CMD_UTILITY)
			raw->stmt = part_of(raw->stmt);
		return raw->stmt != NULL ? raw : NULL;
	}
	return NULL;
}

/*
 * Analyse the statement again, in place; returns false if that is not
 * possible.
 */
static bool
analyze_again(ParseState *old, Query *query)
{
	ParseState *pstate;
	RawStmt    *raw;
	Query	   *again;

	raw = old->p_sourcetext != NULL ? find_statement(old, query) : NULL;
	if (raw == NULL)
		return false;
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = old->p_sourcetext;
	pstate->p_queryEnv = old->p_queryEnv;
	pstate->p_pre_columnref_hook = old->p_pre_columnref_hook;
	pstate->p_post_columnref_hook = old->p_post_columnref_hook;
	pstate->p_paramref_hook = old->p_paramref_hook;
	pstate->p_coerce_param_hook = old->p_coerce_param_hook;
	pstate->p_ref_hook_state = old->p_ref_hook_state;
	again = transformTopLevelStmt(pstate, raw);
	again->queryId = query->queryId;
	*query = *again;
	free_parsestate(pstate);
	return true;
}

/* ----- locks ----- */

/*
 * Whether a composite type is gone.  It is not kept locked.  The executor
 * opens it to look up its columns, which may wait for another session that
 * drops it; so wait here, where its name can be looked up again.
 */
static bool
is_gone(Oid relid)
{
	LockRelationOid(relid, AccessShareLock);
	UnlockRelationOid(relid, AccessShareLock);
	return !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

/*
 * Lock the tables.  Returns whether an invalidation arrived, so that the names
 * may mean other tables or columns.
 */
static bool
lock_named(List *relids, List **locked)
{
	bool		outdated = false;
	ListCell   *lc;

	*locked = NIL;
	foreach(lc, relids)
	{
		if (!is_lockable(lfirst_oid(lc)))
		{
			outdated |= is_gone(lfirst_oid(lc));
			continue;
		}
		if (!cs_rellock_hold(lfirst_oid(lc)))
			*locked = lappend_oid(*locked, lfirst_oid(lc));
		if (cs_identity_news_since(lfirst_oid(lc), last_analysis))
			outdated = true;
	}
	return outdated;
}

static void
unlock_named(List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		cs_rellock_release(lfirst_oid(lc));
}

static void
note_identities(List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		if (is_lockable(lfirst_oid(lc)))
		cs_identity_note(lfirst_oid(lc));
}

/*
 * Lock the tables that the statement names, and analyse again until it names
 * these.  Tables that it named before are unlocked, because a transaction that
 * holds the new one may wait for them.
 */
static List *
settle(ParseState *pstate, Query *query)
{
	List	   *relids = relations_named(query);
	List	   *locked;

	while (lock_named(relids, &locked))
	{
		unlock_named(locked);
		last_analysis = cs_identity_time();
		if (!analyze_again(pstate, query))
			cs_identity_error(linitial_oid(relids));
		relids = relations_named(query);
	}
	note_identities(relids);
	return relids;
}

/*
 * Hook of post_parse_analyze_hook.
 */
static void
analyzed(ParseState *pstate, Query *query, JumbleState *jumble)
{
	if (content_of(query) != NULL && may_name_relations(pstate, query))
	{
		List	   *relids = settle(pstate, query);

		if (relids != NIL)
			depend_on(pstate, content_of(query), relids);
	}
	last_analysis = cs_identity_time();
	if (next_analyze_hook != NULL)
		next_analyze_hook(pstate, query, jumble);
}

/* ----- planning ----- */

/*
 * Lock a relation during planning.  One named in the text of an inlined
 * function was not locked when that text was analysed.
 */
static void
check_planned(const FuncExpr *call, Oid relid)
{
	(void) cs_rellock_hold(relid);
	if (exprLocation((const Node *) call) >= 0 &&
		cs_identity_news_since(relid, planning_began) &&
		!cs_identity_was_same(relid, planning_began))
		cs_identity_error(relid);
	cs_identity_note(relid);
}

/*
 * Support function of our functions, called for each call in a plan: adds the
 * dependency.
 */
Datum
cs_plan_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request = (SupportRequestSimplify *) PG_GETARG_POINTER(0);
	PlannerGlobal *glob;
	Oid			relid;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	relid = relation_named(request->fcall);
	if (!OidIsValid(relid))
		PG_RETURN_POINTER(NULL);
	glob = request->root != NULL ? request->root->glob : NULL;
	if (glob != NULL)
		glob->relationOids = list_append_unique_oid(glob->relationOids, relid);
	if (is_lockable(relid))
		check_planned(request->fcall, relid);
	PG_RETURN_POINTER(NULL);
}

/*
 * Hook of planner_hook.
 */
static PlannedStmt *
plan_statement(Query *query, const char *text, int options, ParamListInfo params)
{
	PlannedStmt *result;
	int			depth;

	if (planning_generation != cs_xact_lock_generation)
		planning_depth = 0;
	planning_generation = cs_xact_lock_generation;
	depth = planning_depth++;
	if (depth == 0)
		planning_began = cs_identity_time();
	if (next_planner != NULL)
		result = next_planner(query, text, options, params);
	else
		result = standard_planner(query, text, options, params);
	planning_depth = depth;
	return result;
}

/* ----- execution ----- */

/*
 * Hook of ExecutorStart_hook: open the relations that the statement names,
 * which keeps DDL of this session out.
 */
static void
executor_start(QueryDesc *query, int eflags)
{
	ListCell   *lc;
	Index		n = 0;

	if (next_executor_start)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (IsParallelWorker())
		return;
	foreach(lc, query->plannedstmt->rtable)
	{
		const RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		n++;
		if (!is_entry(entry))
			continue;
		(void) cs_open_entry(query->estate, n);
		cs_rellock_note(entry->relid);
	}
}

void
cs_plan_init(void)
{
	cs_inval_on_relation(cs_identity_changed);
	next_analyze_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = analyzed;
	next_planner = planner_hook;
	planner_hook = plan_statement;
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}
