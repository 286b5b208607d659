/*-------------------------------------------------------------------------
 *
 * scan.c
 *		cache.read() in FROM: a custom scan instead of a function scan.
 *
 * A function scan puts the row into a tuplestore and reads it back, and makes a
 * new tuplestore for each row of a LATERAL join.  That costs several times what
 * the read does.  Here the call is evaluated like any other expression, and the
 * columns that are wanted are taken out of the row that it returns.
 *
 * What the query means is the same: one row, of NULLs when there is none, and
 * the same row until a parameter changes.  Where the row is wanted as a whole
 * (FROM cache.read(...) r, and then r itself) the function scan stays, as the
 * executor makes the row of NULLs that it gives then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "api/scan.h"
#include "compat.h"
#include CS_EXPLAIN_STATE_H
#include CS_EXPLAIN_FORMAT_H
#include "table/key.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

typedef struct ReadScan
{
	CustomScanState custom;
	ExprState  *call;
	MemoryContext context;		/* of a row after the first one */
	bool		have_row;		/* in the slot, for another scan */
	bool		done;			/* it has been returned */

	/* the row type as it was when last looked at */
	TypeCacheEntry *type;
	uint64		identifier;
	bool		all;			/* all columns, in their order */
	int			ncolumns;
	AttrNumber *columns;		/* of the row, for each of the slot */
	Datum	   *values;			/* of all columns */
	bool	   *nulls;
} ReadScan;

/* ----- planning ----- */

static bool
is_read(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		bool		isnull;
		Datum		symbol = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);

		result = !isnull && strcmp(TextDatumGetCString(symbol), "cs_read") == 0;
	}
	ReleaseSysCache(tuple);
	return result;
}

/* FROM cache.read(...), and nothing else about it? */
static bool
is_read_alone(const RangeTblEntry *rte)
{
	RangeTblFunction *function;
	FuncExpr   *call;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return false;
	function = linitial_node(RangeTblFunction, rte->functions);
	call = (FuncExpr *) function->funcexpr;
	return IsA(call, FuncExpr) && !call->funcretset &&
		function->funccolnames == NIL && is_read(call->funcid);
}

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

static const CustomScanMethods scan_methods;

/*
 * Each column of the row that is wanted, once, in order.  What is computed from
 * them on top of the scan is not known yet; its columns are in the target.
 */
static List *
columns_of(const RelOptInfo *rel, List *clauses)
{
	Index		relid = rel->relid;
	List	   *vars = list_concat(pull_var_clause((Node *) rel->reltarget->exprs,
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
	scan->custom_scan_tlist = columns_of(rel, scan->scan.plan.qual);
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "CacheRead",
	.PlanCustomPath = plan_read
};

/* In the place of the function scan, which is the only path there is. */
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
	ReadScan   *scan = (ReadScan *) newNode(sizeof(ReadScan), T_CustomScanState);

	scan->custom.methods = &exec_methods;
	return (Node *) scan;
}

static const CustomScanMethods scan_methods = {
	.CustomName = "CacheRead",
	.CreateCustomScanState = create_state
};

static void
begin_read(CustomScanState *node, EState *estate, int eflags)
{
	ReadScan   *scan = (ReadScan *) node;
	CustomScan *plan = castNode(CustomScan, node->ss.ps.plan);
	ListCell   *lc;
	int			n = 0;

	scan->call = ExecInitExpr(linitial(plan->custom_exprs), &node->ss.ps);
	scan->ncolumns = list_length(plan->custom_scan_tlist);
	scan->columns = palloc(Max(scan->ncolumns, 1) * sizeof(AttrNumber));
	foreach(lc, plan->custom_scan_tlist)
		scan->columns[n++] = castNode(Var, lfirst_node(TargetEntry, lc)->expr)->varattno;
}

/* Are the columns still what they were when the query was planned? */
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

/* The descriptor is good until invalidations are read, so until the next call. */
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

/* As far as deforming the row is worth it. */
#define FEW_COLUMNS		2

static void
store_row(ReadScan *scan, HeapTupleHeader row, TupleTableSlot *slot)
{
	TupleDesc	tupdesc = row_shape(scan, row);
	HeapTupleData tuple;

	tuple = cs_row_tuple(row);
	if (scan->all)
		heap_deform_tuple(&tuple, tupdesc, slot->tts_values, slot->tts_isnull);
	else if (scan->ncolumns <= FEW_COLUMNS)
		for (int i = 0; i < scan->ncolumns; i++)
			slot->tts_values[i] = heap_getattr(&tuple, scan->columns[i], tupdesc,
											   &slot->tts_isnull[i]);
	else
	{
		heap_deform_tuple(&tuple, tupdesc, scan->values, scan->nulls);
		for (int i = 0; i < scan->ncolumns; i++)
		{
			slot->tts_values[i] = scan->values[scan->columns[i] - 1];
			slot->tts_isnull[i] = scan->nulls[scan->columns[i] - 1];
		}
	}
	ExecStoreVirtualTuple(slot);
}

static void
read_row(ReadScan *scan, TupleTableSlot *slot)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;
	MemoryContext old = MemoryContextSwitchTo(scan->context != NULL ? scan->context :
											  econtext->ecxt_per_query_memory);
	bool		isnull;
	Datum		row = ExecEvalExpr(scan->call, econtext, &isnull);

	ExecClearTuple(slot);
	if (isnull)
		ExecStoreAllNullTuple(slot);
	else
		store_row(scan, DatumGetHeapTupleHeader(row), slot);
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
next_row(ScanState *node)
{
	ReadScan   *scan = (ReadScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	if (scan->done)
		return NULL;
	if (!scan->have_row)
		read_row(scan, slot);
	scan->have_row = scan->done = true;
	return slot;
}

static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
exec_read(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

static void
end_read(CustomScanState *node)
{
	ReadScan   *scan = (ReadScan *) node;

	if (scan->context != NULL)
		MemoryContextDelete(scan->context);
}

/* Many rows, which are not to pile up. */
static void
rescan_read(CustomScanState *node)
{
	ReadScan   *scan = (ReadScan *) node;

	scan->done = false;
	ExecScanReScan(&node->ss);
	if (node->ss.ps.chgParam == NULL)
		return;
	scan->have_row = false;
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	if (scan->context != NULL)
		MemoryContextReset(scan->context);
	else
		scan->context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt,
											  "cache_strategies row",
											  ALLOCSET_DEFAULT_SIZES);
}

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
	RegisterCustomScanMethods(&scan_methods);
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_read_path;
}
