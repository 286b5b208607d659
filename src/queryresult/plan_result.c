/*-------------------------------------------------------------------------
 *
 * plan_result.c
 *		The plan node CachedResult: planning.
 *
 * A plain SELECT whose result may be kept gets a custom scan on top of its
 * plan.  The planner makes the rest of the plan as always, so that range
 * table, permissions, locks and query identifier are what they are without the
 * node.
 *
 * The key of the result is made from the rewritten statement.  The planner
 * changes that, and folds constants and the values of parameters, so a copy is
 * made before.  The node contains the copy, because the executor of an old
 * plan may have to analyse the statement again, as another role or with other
 * settings.
 *
 * The node costs what its child costs.  If it cost less, generic plans would
 * win for a reason that has nothing to do with how good they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "guc.h"
#include "kv/space.h"
#include "queryresult/analysis.h"
#include "queryresult/conditions.h"
#include "queryresult/declared.h"
#include "queryresult/jumble.h"
#include "queryresult/keeper.h"
#include "queryresult/late.h"
#include "queryresult/plan_result.h"
#include "queryresult/query.h"
#include "queryresult/scan_result.h"
#include "queryresult/tally.h"
#include "queryresult/worth.h"
#include "relation/binding.h"
#include "relation/track.h"
#include "store/clock.h"
#include "testpoint.h"

#define MAX_TEXT	(1024 * 1024)

static planner_hook_type next_planner = NULL;

CsVerdict  *cs_plan_result_verdict = NULL;

/* A statement that is being planned, and may get the node. */
typedef struct Candidate
{
	CsPlannedResult planned;
	const char *text;			/* with the statement in it */
	CsVerdict  *verdict;		/* or NULL */
	Oid			declared_by;	/* the role, if its terms are those of a
								 * declaration */
	bool		cursor;
	bool		judged;			/* 'eligible' is known */
	bool		eligible;
	bool		explained;		/* it is planned for EXPLAIN */
	const char *refused;		/* why not, if it is explained */
	CsNodeKind	kind;
	uint64		jumble;
	uint64		key;			/* of its shape */
	int			location;
	int			len;
	int64		spent;			/* nanoseconds on what follows */
	CsLevels	levels;
} Candidate;

/* The next statement to be planned is one of which the node is there. */
static CsLevels *after_all = NULL;

/* ----- the node's private data ----- */

static Node *
number_node(uint64 number)
{
	return (Node *) makeString(psprintf(UINT64_FORMAT, number));
}

static uint64
number_of(const Node *node)
{
	return strtoull(strVal(node), NULL, 10);
}

static List *
shape_list(const Candidate *of)
{
	uint64		values = 0;

	if (of->kind == CS_NODE_CANDIDATE)
		memcpy(&values, of->planned.digest, sizeof(values));
	return list_make5_int((int) (of->jumble >> 32), (int) (uint32) of->jumble,
						  (int) (values >> 32), (int) (uint32) values, of->kind);
}

static uint64
number_from(const List *list, int n)
{
	return (uint64) (uint32) list_nth_int(list, n) << 32 | (uint32) list_nth_int(list, n + 1);
}

void
cs_plan_result_shape(const CustomScan *scan, CsPlannedShape *shape)
{
	const List *list = linitial(scan->custom_private);

	shape->jumble = number_from(list, 0);
	shape->values = number_from(list, 2);
	shape->kind = list_nth_int(list, 4);
	shape->whole = list_nth_int(list, 5) != 0 && scan->scan.plan.initPlan == NIL;
}

static List *
planned_result_list(const CsPlannedResult *planned)
{
	char	   *digest = palloc(2 * sizeof(planned->digest) + 1);

	hex_encode((const char *) planned->digest, sizeof(planned->digest), digest);
	digest[2 * sizeof(planned->digest)] = '\0';
	return list_concat(list_make5(planned->query, makeString(digest), number_node(planned->news),
								  number_node(planned->terms.ttl),
								  number_node(planned->terms.max_age)),
					   list_make3(makeInteger(planned->single), planned->conditions,
								  number_node(planned->late)));
}

void
cs_plan_result_read(const CustomScan *scan, CsPlannedResult *planned)
{
	const List *private = lsecond(scan->custom_private);
	const char *digest = strVal(lsecond(private));

	planned->query = linitial_node(Query, private);
	hex_decode(digest, strlen(digest), (char *) planned->digest);
	planned->news = number_of(lthird(private));
	planned->terms.ttl = number_of(lfourth(private));
	planned->terms.max_age = number_of(list_nth(private, 4));
	planned->single = intVal(list_nth(private, 5)) != 0;
	planned->conditions = list_nth(private, 6);
	planned->late = number_of(list_nth(private, 7));
}

const char *
cs_plan_result_refusal(const CustomScan *scan)
{
	return strVal(linitial(lsecond(scan->custom_private)));
}

/* ----- the path ----- */

/* Each column of the child is a column of ours. */
static List *
columns_of_child(List *columns)
{
	List	   *tlist = NIL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		TargetEntry *column = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));

		column->expr = copyObject(column->expr);
		tlist = lappend(tlist, column);
	}
	return tlist;
}

/*
 * Can the child be executed in the node's place?  Its columns are named as
 * those of a statement then.
 */
static bool
make_whole(const PlannerInfo *root, Plan *child)
{
	if (list_length(child->targetlist) != list_length(root->processed_tlist))
		return false;
	apply_tlist_labeling(child->targetlist, root->processed_tlist);
	return true;
}

static Plan *
plan_result(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
			List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *child = linitial(custom_plans);

	scan->scan.plan.targetlist = tlist;
	scan->flags = ExecSupportsBackwardScan(child) ? CUSTOMPATH_SUPPORT_BACKWARD_SCAN : 0;
	scan->custom_plans = custom_plans;
	scan->custom_private = list_copy(path->custom_private);
	linitial(scan->custom_private) =
		lappend_int(list_copy(linitial(path->custom_private)), make_whole(root, child));
	scan->custom_scan_tlist = columns_of_child(tlist);
	scan->methods = &cs_scan_result_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "CachedResult",
	.PlanCustomPath = plan_result
};

/*
 * Its relation is not the child's, whose conditions the planner would put on
 * top.
 */
static Path *
result_path(RelOptInfo *rel, Path *child, List *private)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = child->pathtarget;
	path->path.rows = child->rows;
	path->path.startup_cost = child->startup_cost;
	path->path.total_cost = child->total_cost;
	path->path.pathkeys = child->pathkeys;
	path->custom_paths = list_make1(child);
	path->custom_private = private;
	path->methods = &path_methods;
	return &path->path;
}

/* ----- is it worth it? ----- */

/* The planner adds the costs of uncorrelated subqueries later. */
static double
least_cost(const PlannerInfo *root, const RelOptInfo *rel)
{
	double		cost = -1;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);

		if (cost < 0 || path->total_cost < cost)
			cost = path->total_cost;
	}
	foreach(lc, root->init_plans)
	{
		const SubPlan *subplan = lfirst_node(SubPlan, lc);

		cost += subplan->startup_cost + subplan->per_call_cost;
	}
	return cost;
}

static bool
refuse(Candidate *of, const char *reason, const char *hint)
{
	if (of->explained)
		of->refused = pstrdup(reason);
	if (of->verdict != NULL)
	{
		of->verdict->reason = pstrdup(reason);
		of->verdict->hint = hint != NULL ? pstrdup(hint) : NULL;
	}
	return false;
}

/* Its table, if there is one whose changes are not noted. */
static Oid
untracked_table(const CsShape *shape)
{
	for (int i = 0; i < shape->ntables; i++)
	{
		CsWatch		watch;

		if (cs_track_watch(shape->tables[i], &watch) == CS_TRACKING_UNTRACKED)
			return shape->tables[i];
	}
	return InvalidOid;
}

/*
 * For cache.result_candidates: all of its tables that are not tracked.
 */
static void
note_candidate(Candidate *of, const CsShape *shape)
{
	of->kind = CS_NODE_CANDIDATE;
	of->key = cs_tally_key(of->jumble, true);
	if (cs_tally_make(of->key, of->text, of->location, of->len) == NULL)
		return;
	for (int i = 0; i < shape->ntables; i++)
	{
		CsWatch		watch;

		if (cs_track_watch(shape->tables[i], &watch) == CS_TRACKING_UNTRACKED)
			cs_tally_reads(of->key, shape->tables[i]);
	}
}

/*
 * A SELECT sees what is deferred for its tables, and results do not fall with
 * that.
 */
static bool
check_deferring(Candidate *of, const CsShape *shape)
{
	const CsBinding *binding = cs_binding_deferring(shape->tables, shape->ntables);

	if (binding == NULL)
		return true;
	return refuse(of, psprintf("It reads table %s, whose writes are deferred.",
							   cs_binding_qualified_name(binding)), NULL);
}

static bool
check_tables(Candidate *of, const CsShape *shape)
{
	Oid			untracked = untracked_table(shape);
	char	   *name;
	char	   *schema;
	char	   *qualified;

	if (!OidIsValid(untracked))
		return check_deferring(of, shape);
	if (of->verdict == NULL)
	{
		note_candidate(of, shape);
		return false;
	}
	name = get_rel_name(untracked);
	schema = get_namespace_name(get_rel_namespace(untracked));
	if (name == NULL || schema == NULL)
		return refuse(of, "One of its tables is being dropped.", NULL);
	qualified = quote_qualified_identifier(schema, name);
	return refuse(of, psprintf("It reads table %s, whose changes are not tracked.", qualified),
				  psprintf("Its owner can use cache.track('%s').", qualified));
}

static bool
is_wanted(Candidate *of, double cost)
{
	if (cs_results == CS_RESULTS_OFF)
		return refuse(of, "The setting cache_strategies.results is off.", NULL);
	if (of->planned.terms.declared)
		return true;
	if (cs_results != CS_RESULTS_AUTO)
		return refuse(of, "It is not declared.",
					  "Add the comment /* cache */, use cache.declare_query(), or set cache_strategies.results to auto.");
	if (cost < cs_results_min_cost)
		return refuse(of, psprintf("Its estimated cost of %.2f is less than cache_strategies.results_min_cost.", cost),
					  NULL);
	return true;
}

/*
 * The terms are those of a role that owns all the tables, also those that
 * functions and policies read; otherwise the statement is not declared.
 */
static void
check_declaration(Candidate *of, const CsShape *shape)
{
	if (OidIsValid(of->declared_by) &&
		!cs_declared_owns(of->declared_by, shape->tables, shape->ntables))
		memset(&of->planned.terms, 0, sizeof(of->planned.terms));
}

static bool
judge(Candidate *of)
{
	CsShape    *shape;

	cs_digest_query(of->planned.query, of->text, of->planned.digest);
	shape = cs_shape_get(of->planned.query, of->planned.digest, of->planned.news);
	if (shape == NULL)
		return refuse(of, "Something that it uses has just been changed.", NULL);
	if (shape->refused != NULL)
		return refuse(of, shape->refused, shape->hint);
	if (of->verdict != NULL)
		of->verdict->shape = shape;
	check_declaration(of, shape);
	if (shape->timely && of->planned.terms.max_age <= 0)
		return refuse(of, "It depends on the time.",
					  "The comment /* cache max_age=10s */ says how old its result may be.");
	if (shape->sensitive && of->cursor)
		return refuse(of, "It is a cursor whose rows could change with settings between two FETCHes.",
					  NULL);
	return check_tables(of, shape);
}

static bool
is_eligible(Candidate *of)
{
	if (!of->judged)
		of->eligible = judge(of);
	of->judged = true;
	return of->eligible;
}

/*
 * Planning is a cost of each execution, if each is planned.  The session's
 * first is not: it has the statement analysed.
 */
static void
count_planning(Candidate *of, int64 began)
{
	CsTally    *tally = cs_tally_make(of->key, of->text, of->location, of->len);

	if (tally == NULL)
		return;
	if (tally->planned)
		tally->count[CS_TALLY_SPENT] += of->spent + cs_clock_nanos() - began;
	tally->planned = true;
}

/* For display; as cs_keeper_set_conditions() has them. */
static List *
condition_names(const Candidate *of, const CsShape *shape)
{
	List	   *occurrences = cs_conditions_of_levels(&of->levels);

	return cs_conditions_names(cs_conditions_add_whole(occurrences, shape->opened,
													   shape->nopened));
}

static bool
gets_node(Candidate *of, double cost)
{
	if (of->kind == CS_NODE_ALONE || of->kind == CS_NODE_REFUSED)
		return is_wanted(of, cost);
	/* whether its declaration counts is known once its tables are */
	if (of->verdict == NULL)
		return OidIsValid(of->declared_by) ? is_eligible(of) && is_wanted(of, cost) :
			is_wanted(of, cost) && is_eligible(of);
	of->verdict->reason = NULL;
	of->verdict->eligible = is_eligible(of);
	if (of->verdict->shape != NULL)
		of->verdict->conditions = condition_names(of, of->verdict->shape);
	of->verdict->terms = of->planned.terms;
	if (!of->verdict->eligible || !is_wanted(of, cost))
		return false;
	if (cs_worth_alone(of->key))
		return refuse(of, "Keeping it does not pay at the moment.",
					  "It is tried again later; see cache.result_stats.");
	return true;
}

static List *
node_private(Candidate *of)
{
	List	   *rest = NIL;

	if (of->kind == CS_NODE_RESULT)
	{
		of->planned.conditions = cs_conditions_write(cs_conditions_of_levels(&of->levels));
		rest = planned_result_list(&of->planned);
	}
	else if (of->kind == CS_NODE_REFUSED)
		rest = list_make1(makeString(pstrdup(of->refused)));
	return list_make2(shape_list(of), rest);
}

static void
put_on_top(CsLevels *levels, PlannerInfo *root, RelOptInfo *final)
{
	Candidate  *of = levels->arg;
	int64		began = cs_clock_nanos();
	double		cost = least_cost(root, final);
	bool		gets = gets_node(of, cost);
	List	   *private;
	ListCell   *lc;

	if (of->kind == CS_NODE_RESULT)
		cs_late_learn(of->planned.query, gets, cost);
	if (of->kind == CS_NODE_RESULT && of->refused != NULL && of->judged && !of->eligible)
	{
		of->kind = CS_NODE_REFUSED;
		gets = true;
	}
	if (gets || of->kind == CS_NODE_CANDIDATE)
	{
		private = node_private(of);
		foreach(lc, final->pathlist)
			lfirst(lc) = result_path(final, lfirst(lc), private);
	}
	if (gets && of->kind == CS_NODE_RESULT && of->verdict == NULL)
		count_planning(of, began);
}

/* ----- which statements ----- */

/*
 * May a cursor over it be named in WHERE CURRENT OF?  That looks for the scan
 * of the table, and would not find it below the node.
 */
static bool
may_be_current_of(const Query *query)
{
	return !query->hasAggs && !query->hasWindowFuncs && query->groupClause == NIL &&
		query->distinctClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL;
}

/* Trees of longer statements take too much memory. */
static bool
is_long(const Query *query, const char *text)
{
	if (query->stmt_len > 0)
		return query->stmt_len > MAX_TEXT;
	return text !=NULL && strlen(text) > (Size) Max(query->stmt_location, 0) + MAX_TEXT;
}

/* What can be told of a statement without looking at more than its top. */
static bool
check_top(Candidate *of, const Query *query, int options)
{
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL)
		return refuse(of, "It is not a SELECT.", NULL);
	if (query->hasModifyingCTE)
		return refuse(of, "It changes data in WITH.", NULL);
	if (query->rowMarks != NIL)
		return refuse(of, "It locks rows (FOR UPDATE or FOR SHARE).", NULL);
	/* with a verdict the analysis says why */
	if (query->rtable == NIL && of->verdict == NULL && !cs_analysis_may_read(query))
		return false;
	if ((options & CURSOR_OPT_FAST_PLAN) != 0 && may_be_current_of(query))
		return refuse(of, "It is a cursor that could be used in WHERE CURRENT OF.", NULL);
	if (is_long(query, of->text))
		return refuse(of, "Its text is longer than 1 MB.", NULL);
	return true;
}

/*
 * Whether it returns one row at most, as is plain to see.  A client that
 * fetches that row need not fetch further to have the whole result.
 */
static bool
is_single(const Query *query)
{
	const Const *limit = NULL;

	if (query->limitCount != NULL)
		limit = (const Const *) eval_const_expressions(NULL, copyObject(query->limitCount));
	if (query->hasTargetSRFs && limit == NULL)
		return false;
	if (limit != NULL && IsA(limit, Const) && !limit->constisnull &&
		limit->consttype == INT8OID && DatumGetInt64(limit->constvalue) <= 1 &&
		query->limitOption == LIMIT_OPTION_COUNT)
		return true;
	return query->hasAggs && query->groupClause == NIL && query->groupingSets == NIL &&
		query->setOperations == NULL && !query->hasTargetSRFs;
}

/* At a glance: most of what is not a candidate leaves here. */
static bool
reads_catalogue(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind == RTE_RELATION && entry->relid < FirstNormalObjectId)
			return true;
	}
	return false;
}

/* What its comment says comes first. */
static void
find_declaration(Candidate *of, const Query *query)
{
	const CsDeclared *declared = cs_declared_find(query);

	if (declared == NULL)
		return;
	of->declared_by = declared->role;
	of->planned.terms.declared = true;
	of->planned.terms.ttl = declared->ttl;
	of->planned.terms.max_age = declared->max_age;
}

/*
 * EXPLAIN says why not, if it was wanted.  Without the node it could not.
 */
static bool
says_why(Candidate *of)
{
	of->kind = CS_NODE_REFUSED;
	return of->refused != NULL && (of->planned.terms.declared || cs_results == CS_RESULTS_AUTO);
}

static bool
is_candidate(Candidate *of, Query *query, const char *text, int options)
{
	const char *fault = NULL;

	if (IsInParallelMode() || IsParallelWorker() || !IsTransactionState())
		return false;
	if (cs_results == CS_RESULTS_OFF && of->verdict == NULL)
		return false;
	of->explained = of->verdict == NULL && query->commandType == CMD_SELECT &&
		cs_late_is_explained(text);
	if (!check_top(of, query, options) && of->refused == NULL)
		return false;
	of->cursor = (options & CURSOR_OPT_FAST_PLAN) != 0;
	if (of->verdict != NULL && of->verdict->terms.declared)
		of->planned.terms = of->verdict->terms;
	else
		cs_comment_read(text, query->stmt_location, query->stmt_len, &of->planned.terms, &fault);
	if (fault != NULL)
	{
		of->planned.terms.declared = true;
		(void) refuse(of, fault, NULL);
		return says_why(of);
	}
	if (of->refused != NULL)
		return says_why(of);
	if (of->verdict == NULL && reads_catalogue(query) &&
		!(of->explained && of->planned.terms.declared))
		return false;
	if (!OidIsValid(cs_space_catalog()))
		return false;
	if (!of->planned.terms.declared)
		find_declaration(of, query);
	return of->planned.terms.declared || cs_results == CS_RESULTS_AUTO || of->verdict != NULL;
}

static PlannedStmt *
plan_next(Query *query, const char *text, int options, ParamListInfo params)
{
	if (next_planner != NULL)
		return next_planner(query, text, options, params);
	return standard_planner(query, text, options, params);
}

/* ----- without a plan ----- */

static bool
is_there(const Candidate *of, ParamListInfo params)
{
	const CsShape *shape = cs_shape_get(of->planned.query, of->planned.digest, of->planned.news);
	CsKeeper	keeper = {0};
	const char *why;

	return shape != NULL && ActiveSnapshotSet() &&
		cs_keeper_begin(&keeper, shape, params, GetActiveSnapshot(), &of->planned.terms, &why) &&
		cs_keeper_is_there(&keeper);
}

/* NULL: the statement has to be planned. */
static PlannedStmt *
leave_unplanned(Candidate *of, Query *query, int options, ParamListInfo params)
{
	PlannedStmt *result;

	if (!cs_late_is_worth_a_look(query, of->text, options, params))
		return NULL;
	of->planned.query = query;
	if (!is_eligible(of) || (!of->planned.terms.declared && cs_results != CS_RESULTS_AUTO) ||
		!is_there(of, params))
		return NULL;
	CS_TEST_POINT("result_unplanned");
	of->planned.late = cs_late_number();
	result = cs_late_statement(query, of->planned.late,
							   list_make2(lappend_int(shape_list(of), false),
										  planned_result_list(&of->planned)),
							   &cs_scan_result_methods);
	of->planned.late = 0;
	return result;
}

static void
note_conditions(CsLevels *levels, PlannerInfo *root, RelOptInfo *final)
{
	CsPlannedResult *planned = levels->arg;

	planned->conditions = cs_conditions_write(cs_conditions_of_levels(levels));
}

/*
 * Plan the statement of a node that has no child, with the conditions of that
 * plan.  The executor that runs it starts no workers.
 */
PlannedStmt *
cs_plan_result_after_all(CsPlannedResult *planned, const char *text, ParamListInfo params)
{
	CsLevels	levels = {.context = CurrentMemoryContext,.finish = note_conditions,.arg = planned};
	Query	   *query = copyObject(planned->query);
	PlannedStmt *result = NULL;

	PG_TRY();
	{
		after_all = &levels;
		result = planner(query, text, 0, params);
	}
	PG_FINALLY();
	{
		after_all = NULL;
	}
	PG_END_TRY();
	return result;
}

/* ----- the hook ----- */

/* Of a shape that is left alone nothing more is needed than that. */
static void
note_shape(Candidate *of, const Query *query)
{
	of->location = query->stmt_location;
	of->len = query->stmt_len;
	of->jumble = cs_jumble_query(query);
	of->key = cs_tally_key(of->jumble, false);
	if (of->verdict == NULL && of->kind == CS_NODE_RESULT && cs_worth_alone(of->key))
		of->kind = CS_NODE_ALONE;
}

static PlannedStmt *
plan_candidate(Candidate *of, Query *query, int options, ParamListInfo params)
{
	PlannedStmt *result;
	int64		began = cs_clock_nanos();

	of->planned.news = cs_query_news();
	of->planned.single = is_single(query);
	note_shape(of, query);
	if (of->verdict != NULL)
		of->verdict->terms = of->planned.terms;
	else if (of->kind == CS_NODE_RESULT &&
			 (result = leave_unplanned(of, query, options, params)) != NULL)
		return result;
	if (of->kind == CS_NODE_RESULT)
		of->planned.query = copyObject(query);
	of->spent = cs_clock_nanos() - began;
	of->levels.context = CurrentMemoryContext;
	of->levels.finish = put_on_top;
	of->levels.arg = of;
	return cs_conditions_plan(&of->levels, plan_next, query, of->text, options, params);
}

static PlannedStmt *
plan_statement(Query *query, const char *source, int options, ParamListInfo params)
{
	Candidate	of = {.text = source,.verdict = cs_plan_result_verdict};
	CsLevels   *levels = after_all;

	cs_plan_result_verdict = NULL;
	after_all = NULL;
	if (levels != NULL)
		return cs_conditions_plan(levels, plan_next, query, source, options, params);
	if (cs_results == CS_RESULTS_OFF && of.verdict == NULL && !cs_conditions_collecting())
		return plan_next(query, source, options, params);
	if (is_candidate(&of, query, source, options))
		return plan_candidate(&of, query, options, params);
	return !cs_conditions_collecting() ? plan_next(query, source, options, params) :
		cs_conditions_plan(NULL, plan_next, query, source, options, params);
}

void
cs_plan_result_init(void)
{
	RegisterCustomScanMethods(&cs_scan_result_methods);
	next_planner = planner_hook;
	planner_hook = plan_statement;
}
