/*-------------------------------------------------------------------------
 *
 * late.c
 *		Statements that are planned only if their result is not there: which
 *		ones, and what the executor gets instead of a plan.
 *
 * A statement that comes as text, or as an unnamed statement of the extended
 * protocol, is planned for each execution.  If its result is there when it is
 * to be planned, the node gets no child.  Should the result fall before the
 * execution begins, the node has the statement planned then (late_run.c).
 *
 * What the executor asks of a PlannedStmt besides the plan is made here from
 * the rewritten statement: the range table of all levels with the privileges,
 * which are checked for each execution, and the columns.  Columns have the
 * types that the plan's would have.  Planning can give an expression a type
 * modifier, when it folds constants or inlines a function.  Statements in
 * which that could show are planned.
 *
 * A cached plan must have its child, as it would be planned in vain again and
 * again.  Which plans will be cached is not said.  So the text must be the one
 * that was analysed last, and the one that the client has sent.  That is also
 * true of the first execution of a named statement.  So each plan without a
 * child has a number of its own, and depends on a type that does not exist.
 * The second execution of one has it planned anew.
 *
 * To look for a result in vain costs something.  So the session remembers what
 * the statements looked like that had the node when they were planned last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guc.h"
#include "queryresult/late.h"
#include "store/keyhash.h"

#define ANALYSED_TWEAK	UINT64CONST(0x616e616c)

/* ----- which texts ----- */

static post_parse_analyze_hook_type next_analyze_hook = NULL;

/* The text of the SELECT that was analysed last, until that is planned. */
static const char *analysed_text = NULL;
static uint64 analysed_hash = 0;

/* The text of the utility statement that was analysed last. */
static uint64 utility_hash = 0;

/* It was EXPLAIN, and the client has sent no other statement since. */
static bool utility_explains = false;

static uint64
text_hash(const char *text)
{
	return cs_keyhash(text, strlen(text), ANALYSED_TWEAK);
}

/*
 * EXPLAIN, which is to show a plan, comes as a utility statement, and then
 * with the SELECT that is in it; so do DECLARE and others.
 */
static void
after_analysis(ParseState *pstate, Query *query, JumbleState *jumble)
{
	const char *source = pstate->p_sourcetext;

	if (next_analyze_hook != NULL)
		next_analyze_hook(pstate, query, jumble);
	analysed_text = NULL;
	if (cs_results == CS_RESULTS_OFF || source == NULL)
		return;
	analysed_hash = text_hash(source);
	if (query->commandType == CMD_UTILITY)
	{
		/* what is in it may be a utility statement as well */
		utility_explains = IsA(query->utilityStmt, ExplainStmt) ||
			(utility_explains && analysed_hash == utility_hash);
		utility_hash = analysed_hash;
	}
	else if (query->commandType == CMD_SELECT && analysed_hash != utility_hash)
	{
		analysed_text = source;
		if (source == debug_query_string)
			utility_explains = false;
	}
}

/*
 * Is a statement with this text planned to be explained?
 */
bool
cs_late_is_explained(const char *text)
{
	return utility_explains && text !=NULL && text_hash(text) == utility_hash;
}

/* The text of a statement to be bound is a copy. */
static bool
is_analysed_for_this(const char *text)
{
	bool		found = analysed_text != NULL && text !=NULL && text == debug_query_string &&
	(text == analysed_text || text_hash(text) == analysed_hash);

	analysed_text = NULL;
	return found;
}

/* ----- which statements ----- */

#define N_LEARNT	256			/* a power of two */

typedef struct Learnt
{
	uint32		look;			/* 0: none */
	Cost		cost;
} Learnt;

static Learnt learnt[N_LEARNT];

static uint32
look_of_quals(const Node *quals)
{
	uint32		look;
	ListCell   *lc;

	if (quals == NULL)
		return 0;
	look = nodeTag(quals);
	if (IsA(quals, OpExpr))
		return hash_combine(look, ((const OpExpr *) quals)->opno);
	if (!IsA(quals, BoolExpr))
		return look;
	foreach(lc, ((const BoolExpr *) quals)->args)
		look = hash_combine(look, nodeTag(lfirst(lc)));
	return look;
}

/* Made in no time; statements that differ may look the same. */
static uint32
look_of(const Query *query)
{
	uint32		look = look_of_quals(query->jointree->quals);
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		look = hash_combine(look, entry->rtekind + entry->relid * 16);
	}
	look = hash_combine(look, list_length(query->targetList));
	look = hash_combine(look, list_length(query->groupClause));
	look = hash_combine(look, list_length(query->sortClause));
	look = hash_combine(look, query->hasAggs + 2 * query->hasWindowFuncs +
						4 * query->hasSubLinks + 8 * (query->limitCount != NULL));
	return Max(murmurhash32(look), 1);
}

/*
 * Note whether a statement has got the node.
 */
void
cs_late_learn(const Query *query, bool wanted, Cost cost)
{
	uint32		look = look_of(query);
	Learnt	   *entry = &learnt[look & (N_LEARNT - 1)];

	if (wanted)
	{
		entry->look = look;
		entry->cost = cost;
	}
	else if (entry->look == look)
		entry->look = 0;
}

/*
 * Whether it is worth a look, before planning a statement, if its result is
 * there.
 */
bool
cs_late_is_worth_a_look(const Query *query, const char *text, int options,
						ParamListInfo params)
{
	uint32		look;

	if (!is_analysed_for_this(text) || options != CURSOR_OPT_PARALLEL_OK ||
		(params != NULL && params->paramFetch != NULL))
		return false;
	look = look_of(query);
	return learnt[look & (N_LEARNT - 1)].look == look;
}

/* ----- columns ----- */

static bool
has_modifiers(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		has;

	if (!HeapTupleIsValid(tuple))
		return true;
	has = OidIsValid(((Form_pg_type) GETSTRUCT(tuple))->typmodout);
	ReleaseSysCache(tuple);
	return has;
}

/* Would the planner leave its type modifier as it is? */
static bool
keeps_modifier(const Query *query, Node *expr)
{
	Oid			function = InvalidOid;

	if (!has_modifiers(exprType(expr)))
		return true;
	if (IsA(expr, Const) || IsA(expr, Param) || IsA(expr, Aggref) || IsA(expr, WindowFunc))
		return true;
	if (IsA(expr, Var))
		return ((Var *) expr)->varlevelsup == 0 &&
			rt_fetch(((Var *) expr)->varno, query->rtable)->rtekind == RTE_RELATION;
	if (IsA(expr, FuncExpr))
		function = ((FuncExpr *) expr)->funcid;
	else if (IsA(expr, OpExpr))
		function = get_opcode(((OpExpr *) expr)->opno);
	/* those of PostgreSQL in SQL have no types with modifiers */
	return OidIsValid(function) && function < FirstNormalObjectId;
}

static bool
keeps_modifiers(const Query *query)
{
	ListCell   *lc;

	if (query->setOperations != NULL)
		return false;
	foreach(lc, query->targetList)
		if (!keeps_modifier(query, (Node *) lfirst_node(TargetEntry, lc)->expr))
		return false;
	return true;
}

/* Columns of the result, and as the node's own. */
static void
make_columns(const Query *query, CustomScan *scan)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *column = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));
		TargetEntry *own = flatCopyTargetEntry(column);
		Node	   *expr = (Node *) column->expr;
		Oid			type = exprType(expr);
		int32		typmod = exprTypmod(expr);
		Oid			collation = exprCollation(expr);

		own->expr = (Expr *) makeNullConst(type, typmod, collation);
		column->expr = (Expr *) makeVar(INDEX_VAR, column->resno, type, typmod, collation, 0);
		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist, own);
		scan->scan.plan.targetlist = lappend(scan->scan.plan.targetlist, column);
	}
}

/* ----- range table ----- */

static RangeTblEntry *
flat_entry(const RangeTblEntry *entry)
{
	RangeTblEntry *flat = makeNode(RangeTblEntry);

	/* as the planner leaves it */
	*flat = *entry;
	flat->tablesample = NULL;
	flat->subquery = NULL;
	flat->securityQuals = NIL;
	return flat;
}

/* Relations of all levels, views too. */
static bool
add_entries(Node *node, void *arg)
{
	PlannedStmt *stmt = arg;
	Query	   *query = (Query *) node;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, add_entries, arg);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (!OidIsValid(entry->relid))
			continue;
		cs_add_entry(stmt, query, entry, flat_entry(entry));
		stmt->relationOids = list_append_unique_oid(stmt->relationOids, entry->relid);
	}
	return query_tree_walker(query, add_entries, arg, 0);
}

/* ----- the statement ----- */

/* The last one; its plan has not been executed. */
static uint64 last_number = 0;
static bool last_is_fresh = false;

/*
 * A number for a plan without a child.
 */
uint64
cs_late_number(void)
{
	return last_number + 1;
}

static uint32
inval_hash(uint64 number)
{
	/* 0 stands for all */
	return Max(hash_bytes((const unsigned char *) &number, sizeof(number)), 1);
}

/*
 * The statement with a node that has no child; NULL if it cannot be.  The
 * number is that of cs_late_number().
 */
PlannedStmt *
cs_late_statement(Query *query, uint64 number, List *private, const CustomScanMethods *methods)
{
	PlannedStmt *stmt;
	CustomScan *scan;
	PlanInvalItem *item;

	if (!keeps_modifiers(query))
		return NULL;
	scan = makeNode(CustomScan);
	scan->custom_private = private;
	scan->methods = methods;
	scan->scan.plan.total_cost = learnt[look_of(query) & (N_LEARNT - 1)].cost;
	scan->scan.plan.plan_rows = 1;
	make_columns(query, scan);
	item = makeNode(PlanInvalItem);
	item->cacheId = TYPEOID;
	item->hashValue = inval_hash(number);
	stmt = makeNode(PlannedStmt);
	stmt->commandType = CMD_SELECT;
	stmt->queryId = query->queryId;
	stmt->canSetTag = query->canSetTag;
	stmt->planTree = &scan->scan.plan;
	stmt->stmt_location = query->stmt_location;
	stmt->stmt_len = query->stmt_len;
	stmt->invalItems = list_make1(item);
	(void) add_entries((Node *) query, stmt);
	last_number = number;
	last_is_fresh = true;
	return stmt;
}

/*
 * Such a plan is being executed.  If that is not the first time it is a cached
 * one, which is to be made anew; returns false then.
 */
bool
cs_late_executed(uint64 number)
{
	bool		first = number == last_number && last_is_fresh;

	if (first)
		last_is_fresh = false;
	else
		CallSyscacheCallbacks(TYPEOID, inval_hash(number));
	return first;
}

void
cs_late_init(void)
{
	next_analyze_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = after_analysis;
}
