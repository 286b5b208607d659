/*-------------------------------------------------------------------------
 *
 * scan.c
 *		A custom scan for cache.read() and cache.read_row() in FROM.
 *
 * A function scan puts the row into a tuplestore and reads it back, and makes
 * a new tuplestore for each row of a LATERAL join, which costs several times
 * as much as the read.  This node evaluates the call like any other
 * expression, and takes the required columns from the row.
 *
 * The semantics are those of a function scan: one row, of NULLs if there is
 * none, and the same row until a parameter of the call changes; for
 * cache.read_row(), which returns a set, no row if there is none.  If the row
 * is required as a whole (FROM cache.read(...) r, and then r itself), the
 * function scan is used, because the executor makes the row of NULLs that it
 * then yields.
 *
 * The node does not use ExecScan().  In an EvalPlanQual recheck that gives a
 * node without a relation what its recheck method has put into the slot
 * (before 15.15, 16.11, 17.7 and 18.1 also in a sublink, which the recheck
 * does not reach).  This node has nothing to recheck: if a recheck executes it
 * at all, it wants the row for the recheck's parameters.  A scan that a
 * recheck would have to repeat has a row mark; that requires the row as a
 * whole, so it is a function scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "rowcache/plainscan.h"
#include "rowcache/scan.h"
#include CS_EXPLAIN_STATE_H
#include CS_EXPLAIN_FORMAT_H
#include "relation/catalog.h"
#include "relation/key.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

typedef struct ReadScan
{
	CustomScanState custom;
	ExprState  *call;			/* of cache.read() */
	SetExprState *set;			/* of cache.read_row(); otherwise NULL */
	Bitmapset  *params;			/* on which the call depends */
	MemoryContext context;		/* of each row after the first */
	Datum	   *row;			/* its columns, as in the slot */
	bool	   *row_nulls;
	bool		have_row;		/* kept for a rescan */
	bool		absent;			/* there is none to return */
	bool		done;			/* it was returned */

	/* the row type when it was last examined */
	TypeCacheEntry *type;
	uint64		identifier;
	bool		all;			/* all columns, in order */
	int			ncolumns;
	AttrNumber *columns;		/* column of the row for each column of the
								 * slot */
	Datum	   *values;			/* of all columns */
	bool	   *nulls;
} ReadScan;

/* ----- planning ----- */

/* Whether the call is one of the two functions. */
static bool
is_read(const FuncExpr *call)
{
	return IsA(call, FuncExpr) &&
		cs_catalog_is_function(call->funcid, call->funcretset ? "cs_read_row" : "cs_read");
}

/* Whether the entry is such a call without anything else. */
static bool
is_read_alone(const RangeTblEntry *rte)
{
	RangeTblFunction *function;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return false;
	function = linitial_node(RangeTblFunction, rte->functions);
	return function->funccolnames == NIL && is_read((FuncExpr *) function->funcexpr);
}

/*
 * Whether the row is required as a whole.
 */
static bool
wants_whole_row(const RelOptInfo *rel)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, rel->relid, &columns);
	return bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns);
}

/*
 * Each required column of the row, once, in order.  Expressions computed from
 * them above the scan are not known yet; their columns are in the path's own
 * target.  That of the table may be another by now: where a join was removed,
 * it is what is computed above.
 */
static List *
columns_of(const Path *path, List *clauses)
{
	Index		relid = path->parent->relid;
	List	   *vars = list_concat(pull_var_clause((Node *) path->pathtarget->exprs,
												   PVC_RECURSE_PLACEHOLDERS),
								   pull_var_clause((Node *) clauses, PVC_RECURSE_PLACEHOLDERS));
	List	   *columns = NIL;
	Bitmapset  *seen = NULL;
	int			attnum = -1;
	ListCell   *lc;

	foreach(lc, vars)
		if (lfirst_node(Var, lc)->varno == relid)
		seen = bms_add_member(seen, lfirst_node(Var, lc)->varattno);
	while ((attnum = bms_next_member(seen, attnum)) >= 0)
		foreach(lc, vars)
	{
		Var		   *var = lfirst_node(Var, lc);

		if (var->varno != relid || var->varattno != attnum)
			continue;
		columns = lappend(columns, makeTargetEntry(copyObject((Expr *) var),
												   list_length(columns) + 1, NULL, false));
		break;
	}
	return columns;
}

/*
 * Make the plan node.
 */
static Plan *
plan_read(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	RangeTblFunction *function = linitial_node(RangeTblFunction, rte->functions);
	CustomScan *scan = makeNode(CustomScan);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->flags = path->flags;
	scan->custom_exprs = list_make1(copyObject(function->funcexpr));
	scan->custom_scan_tlist = columns_of(&path->path, scan->scan.plan.qual);
	scan->methods = &cs_scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "CacheRead",
	.PlanCustomPath = plan_read
};

/*
 * Hook of set_rel_pathlist_hook: replace the function scan, which is the only
 * path.
 */
static void
set_read_path(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	CustomPath *custom;
	Path	   *function;

	if (next_pathlist_hook != NULL)
		next_pathlist_hook(root, rel, rti, rte);
	if (!is_read_alone(rte) || wants_whole_row(rel) || list_length(rel->pathlist) != 1 ||
		!IsA(linitial(rel->pathlist), Path))
		return;
	function = linitial(rel->pathlist);
	custom = makeNode(CustomPath);
	custom->path = *function;
	custom->path.type = T_CustomPath;
	custom->path.pathtype = T_CustomScan;
	custom->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	custom->methods = &path_methods;
	rel->pathlist = list_make1(custom);
}

/* ----- execution ----- */

static const CustomExecMethods exec_methods;

static Node *
create_state(CustomScan *plan)
{
	ReadScan   *scan;

	if (plan->scan.scanrelid > 0)
		return cs_plainscan_create_state(plan);
	scan = (ReadScan *) newNode(sizeof(ReadScan), T_CustomScanState);
	scan->custom.methods = &exec_methods;
	return (Node *) scan;
}

const CustomScanMethods cs_scan_methods = {
	.CustomName = "CacheRead",
	.CreateCustomScanState = create_state
};

typedef struct ParamsOf
{
	List	   *subplans;		/* of the statement */
	Bitmapset  *params;
} ParamsOf;

/*
 * Expression tree walker for params_of().
 */
static bool
collect_params(Node *node, ParamsOf *of)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
	{
		if (((Param *) node)->paramkind == PARAM_EXEC)
			of->params = bms_add_member(of->params, ((Param *) node)->paramid);
		return false;
	}
	if (IsA(node, SubPlan))
	{
		SubPlan    *subplan = (SubPlan *) node;
		Plan	   *plan = list_nth(of->subplans, subplan->plan_id - 1);

		of->params = bms_add_members(of->params, plan->extParam);
	}
	return expression_tree_walker(node, collect_params, of);
}

/* Parameters on which the call's value depends, as for a function scan. */
static Bitmapset *
params_of(Node *call, EState *estate)
{
	ParamsOf	of = {.subplans = estate->es_plannedstmt->subplans};

	collect_params(call, &of);
	return of.params;
}

/*
 * Prepare the call.
 */
static void
begin_call(ReadScan *scan, Expr *call)
{
	PlanState  *state = &scan->custom.ss.ps;

	if (castNode(FuncExpr, call)->funcretset)
		scan->set = ExecInitFunctionResultSet(call, state->ps_ExprContext, state);
	else
		scan->call = ExecInitExpr(call, state);
}

/*
 * Start the node.
 */
static void
begin_read(CustomScanState *node, EState *estate, int eflags)
{
	ReadScan   *scan = (ReadScan *) node;
	CustomScan *plan = castNode(CustomScan, node->ss.ps.plan);
	ListCell   *lc;
	int			n = 0;

	begin_call(scan, linitial(plan->custom_exprs));
	scan->params = params_of(linitial(plan->custom_exprs), estate);
	scan->ncolumns = list_length(plan->custom_scan_tlist);
	scan->columns = palloc(Max(scan->ncolumns, 1) * sizeof(AttrNumber));
	scan->row = palloc(Max(scan->ncolumns, 1) * sizeof(Datum));
	scan->row_nulls = palloc(Max(scan->ncolumns, 1) * sizeof(bool));
	foreach(lc, plan->custom_scan_tlist)
		scan->columns[n++] = castNode(Var, lfirst_node(TargetEntry, lc)->expr)->varattno;
}

/*
 * Throw an error unless the columns are the same as when the query was
 * planned.
 */
static void
check_columns(ReadScan *scan, TupleDesc tupdesc)
{
	TupleDesc	planned = scan->custom.ss.ss_ScanTupleSlot->tts_tupleDescriptor;

	scan->all = scan->ncolumns == tupdesc->natts;
	for (int i = 0; i < scan->ncolumns; i++)
	{
		AttrNumber	attnum = scan->columns[i];
		Form_pg_attribute att;

		if (attnum > tupdesc->natts)
			elog(ERROR, "attribute number %d exceeds number of columns %d", attnum,
				 tupdesc->natts);
		att = TupleDescAttr(tupdesc, attnum - 1);
		if (att->attisdropped)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("attribute %d of type %s has been dropped", attnum,
							format_type_be(tupdesc->tdtypeid))));
		if (att->atttypid != TupleDescAttr(planned, i)->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("attribute %d of type %s has wrong type", attnum,
							format_type_be(tupdesc->tdtypeid)),
					 errdetail("Table has type %s, but query expects %s.",
							   format_type_be(att->atttypid),
							   format_type_be(TupleDescAttr(planned, i)->atttypid))));
	}
}

/*
 * Descriptor of the row, valid until invalidations are processed, so until the
 * next call.
 */
static TupleDesc
row_shape(ReadScan *scan, HeapTupleHeader row)
{
	TypeCacheEntry *type = scan->type;

	if (type == NULL || type->type_id != HeapTupleHeaderGetTypeId(row) ||
		type->tupDesc == NULL || type->tupDesc_identifier != scan->identifier)
	{
		MemoryContext context = scan->custom.ss.ps.state->es_query_cxt;

		type = lookup_type_cache(HeapTupleHeaderGetTypeId(row), TYPECACHE_TUPDESC);
		if (type->tupDesc == NULL)
			elog(ERROR, "type %u is not composite", HeapTupleHeaderGetTypeId(row));
		check_columns(scan, type->tupDesc);
		scan->type = type;
		scan->identifier = type->tupDesc_identifier;
		scan->values = MemoryContextAlloc(context, type->tupDesc->natts * sizeof(Datum));
		scan->nulls = MemoryContextAlloc(context, type->tupDesc->natts * sizeof(bool));
	}
	return type->tupDesc;
}

/* with more columns than this, deforming the whole row is cheaper */
#define FEW_COLUMNS		2

/*
 * Take the required columns from the row.
 */
static void
take_columns(ReadScan *scan, HeapTupleHeader row)
{
	TupleDesc	tupdesc = row_shape(scan, row);
	HeapTupleData tuple;

	tuple = cs_row_tuple(row);
	if (scan->all)
		heap_deform_tuple(&tuple, tupdesc, scan->row, scan->row_nulls);
	else if (scan->ncolumns <= FEW_COLUMNS)
		for (int i = 0; i < scan->ncolumns; i++)
			scan->row[i] = heap_getattr(&tuple, scan->columns[i], tupdesc,
										&scan->row_nulls[i]);
	else
	{
		heap_deform_tuple(&tuple, tupdesc, scan->values, scan->nulls);
		for (int i = 0; i < scan->ncolumns; i++)
		{
			scan->row[i] = scan->values[scan->columns[i] - 1];
			scan->row_nulls[i] = scan->nulls[scan->columns[i] - 1];
		}
	}
}

/*
 * Evaluate the call, in the current memory context.  Sets scan->absent if it
 * returns an empty set.
 */
static Datum
call_function(ReadScan *scan, bool *isnull)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;
	ExprDoneCond done;
	Datum		row;

	if (scan->set == NULL)
		return ExecEvalExpr(scan->call, econtext, isnull);
	row = ExecMakeFunctionResultSet(scan->set, econtext, CurrentMemoryContext, isnull, &done);
	scan->absent = done == ExprEndResult;
	return row;
}

/*
 * Take the row that the call returns.
 */
static void
read_row(ReadScan *scan)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;
	MemoryContext old = MemoryContextSwitchTo(scan->context != NULL ? scan->context :
											  econtext->ecxt_per_query_memory);
	bool		isnull;
	Datum		row = call_function(scan, &isnull);

	if (isnull)
	{
		memset(scan->row, 0, scan->ncolumns * sizeof(Datum));
		memset(scan->row_nulls, true, scan->ncolumns * sizeof(bool));
	}
	else
		take_columns(scan, DatumGetHeapTupleHeader(row));
	scan->have_row = true;
	MemoryContextSwitchTo(old);
}

/*
 * Store the columns in the slot, which may have been cleared, and may own its
 * contents.  The columns are kept rather than the row, because its type can
 * change before the next scan.
 */
static void
store_row(const ReadScan *scan, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
	memcpy(slot->tts_values, scan->row, scan->ncolumns * sizeof(Datum));
	memcpy(slot->tts_isnull, scan->row_nulls, scan->ncolumns * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

/* Empty slot for the end of the scan. */
static TupleTableSlot *
no_row(const PlanState *state, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
	return state->ps_ProjInfo != NULL ? ExecClearTuple(state->ps_ResultTupleSlot) : slot;
}

/*
 * Return the row, once.
 */
static TupleTableSlot *
exec_read(CustomScanState *node)
{
	ReadScan   *scan = (ReadScan *) node;
	PlanState  *state = &node->ss.ps;
	ExprContext *econtext = state->ps_ExprContext;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	CHECK_FOR_INTERRUPTS();
	ResetExprContext(econtext);
	if (scan->done)
		return no_row(state, slot);
	if (!scan->have_row)
		read_row(scan);
	scan->done = true;
	if (scan->absent)
		return no_row(state, slot);
	store_row(scan, slot);
	econtext->ecxt_scantuple = slot;
	if (!ExecQual(state->qual, econtext))
	{
		InstrCountFiltered1(node, 1);
		ResetExprContext(econtext);
		return no_row(state, slot);
	}
	return state->ps_ProjInfo != NULL ? ExecProject(state->ps_ProjInfo) : slot;
}

static void
end_read(CustomScanState *node)
{
	ReadScan   *scan = (ReadScan *) node;

	if (scan->context != NULL)
		MemoryContextDelete(scan->context);
}

/*
 * Rescan: the same row, unless the call's value may have changed.  Memory of
 * earlier rows is reset.
 */
static void
rescan_read(CustomScanState *node)
{
	ReadScan   *scan = (ReadScan *) node;

	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	scan->done = false;
	if (!bms_overlap(node->ss.ps.chgParam, scan->params))
		return;
	scan->have_row = false;
	if (scan->context != NULL)
		MemoryContextReset(scan->context);
	else
		scan->context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt,
											  "cache_strategies row",
											  ALLOCSET_DEFAULT_SIZES);
}

/*
 * Show the call in EXPLAIN.
 */
static void
explain_read(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = castNode(CustomScan, node->ss.ps.plan);
	List	   *context = set_deparse_context_plan(es->deparse_cxt, &plan->scan.plan, ancestors);

	ExplainPropertyText("Function Call",
						deparse_expression(linitial(plan->custom_exprs), context,
										   es->rtable != NIL && list_length(es->rtable) > 1,
										   false),
						es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "CacheRead",
	.BeginCustomScan = begin_read,
	.ExecCustomScan = exec_read,
	.EndCustomScan = end_read,
	.ReScanCustomScan = rescan_read,
	.ExplainCustomScan = explain_read
};

void
cs_scan_init(void)
{
	RegisterCustomScanMethods(&cs_scan_methods);
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_read_path;
}
