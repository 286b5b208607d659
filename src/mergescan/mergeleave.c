/*-------------------------------------------------------------------------
 *
 * mergeleave.c
 *		Executing a statement without the nodes that merge rows.
 *
 * If nothing is deferred for a table when a statement starts, the scan that
 * the planner would have used without the node takes the node's place, and the
 * execution is one without us.  Whether something is deferred is decided once
 * for an execution, under its snapshot, with the same test as by the node
 * itself (mergeview.c): what is deferred later is not to be seen by it,
 * however often the scan is begun again.
 *
 * A plan in the plan cache is not changed.  The nodes from the top of the plan
 * down to the scan are copied, each without what is below it, and so is the
 * scan.  A node above of which the kind is not known here keeps the plan below
 * it as it is.
 *
 * Statements that may evaluate a row again (UPDATE, DELETE, MERGE, row locks)
 * keep their nodes, since a row may have deferred changes by then.  So does
 * EXPLAIN ANALYZE, which is to show them.
 *
 * Everything is local to the session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"

#include "mergescan/mergechild.h"
#include "mergescan/mergeleave.h"
#include "mergescan/mergescan.h"
#include "mergescan/mergestart.h"
#include "mergescan/mergeview.h"
#include "writeback/write_back.h"

bool		cs_mergeleave_planned = false;

typedef struct Leaving
{
	const QueryDesc *desc;
	MemoryContext context;		/* of what is copied; NULL: nothing yet */
} Leaving;

/* ----- whether the node is needed ----- */

static bool
is_idle(const Leaving *leaving, const CustomScan *scan)
{
	List	   *rtable = leaving->desc->plannedstmt->rtable;
	CsMergeView view = {0};

	view.binding = cs_mergeview_binding(rt_fetch(scan->scan.scanrelid, rtable)->relid);
	if (view.binding == NULL)
		return true;
	view.snapshot = leaving->desc->snapshot;
	view.counted = cs_mergestart_removals(view.snapshot, view.binding->slot, &view.removals);
	cs_write_back_wait_replayed(view.binding);
	return cs_mergeview_is_idle(&view);
}

/* ----- the scan in the node's place ----- */

/*
 * An index-only scan returns columns of its index, under the names and marks
 * that the node above has for them.
 */
static List *
label(List *columns, List *labels)
{
	List	   *result = NIL;
	ListCell   *column;
	ListCell   *named;

	forboth(column, columns, named, labels)
	{
		TargetEntry *entry = flatCopyTargetEntry(lfirst_node(TargetEntry, named));

		entry->expr = lfirst_node(TargetEntry, column)->expr;
		result = lappend(result, entry);
	}
	return result;
}

static Plan *
child_of(Leaving *leaving, const CustomScan *scan)
{
	const Plan *node = &scan->scan.plan;
	Plan	   *child;

	if (leaving->context == NULL)
		leaving->context = AllocSetContextCreate(CurrentMemoryContext,
												 "cache_strategies plan",
												 ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(leaving->context);
	child = cs_mergechild_copy(linitial(scan->custom_plans));
	child->targetlist = IsA(child, IndexOnlyScan) ?
		label(child->targetlist, node->targetlist) : node->targetlist;
	child->initPlan = node->initPlan;
	child->extParam = node->extParam;
	child->allParam = node->allParam;
	return child;
}

/* ----- the nodes above ----- */

/*
 * Size of a plan node that has children in the usual places only; 0: it is not
 * known here, or is LockRows, of which the rows may be evaluated again.
 */
static Size
node_size(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_Result:
			return sizeof(Result);
		case T_ProjectSet:
			return sizeof(ProjectSet);
		case T_NestLoop:
			return sizeof(NestLoop);
		case T_MergeJoin:
			return sizeof(MergeJoin);
		case T_HashJoin:
			return sizeof(HashJoin);
		case T_Hash:
			return sizeof(Hash);
		case T_Material:
			return sizeof(Material);
		case T_Memoize:
			return sizeof(Memoize);
		case T_Sort:
			return sizeof(Sort);
		case T_IncrementalSort:
			return sizeof(IncrementalSort);
		case T_Group:
			return sizeof(Group);
		case T_Agg:
			return sizeof(Agg);
		case T_WindowAgg:
			return sizeof(WindowAgg);
		case T_Unique:
			return sizeof(Unique);
		case T_SetOp:
			return sizeof(SetOp);
		case T_Limit:
			return sizeof(Limit);
		case T_RecursiveUnion:
			return sizeof(RecursiveUnion);
		case T_ModifyTable:
			return sizeof(ModifyTable);
		default:
			return 0;
	}
}

static Plan *without(Leaving *leaving, Plan *plan);

/*
 * The list, or a copy of it if one of its plans is another one without nodes.
 */
static List *
all_without(Leaving *leaving, List *plans)
{
	List	   *result = plans;
	ListCell   *lc;

	foreach(lc, plans)
	{
		Plan	   *plan = lfirst(lc);
		Plan	   *other = plan == NULL ? NULL : without(leaving, plan);

		if (other == plan)
			continue;
		if (result == plans)
			result = list_copy(plans);
		lfirst(list_nth_cell(result, foreach_current_index(lc))) = other;
	}
	return result;
}

static Plan *
copy_node(const Plan *plan, Size size)
{
	return memcpy(palloc(size), plan, size);
}

static Plan *
subquery_without(Leaving *leaving, Plan *plan)
{
	Plan	   *subplan = without(leaving, ((SubqueryScan *) plan)->subplan);

	if (subplan == ((SubqueryScan *) plan)->subplan)
		return plan;
	plan = copy_node(plan, sizeof(SubqueryScan));
	((SubqueryScan *) plan)->subplan = subplan;
	return plan;
}

static Plan *
append_without(Leaving *leaving, Plan *plan)
{
	bool		merges = IsA(plan, MergeAppend);
	List	   *before = merges ? ((MergeAppend *) plan)->mergeplans : ((Append *) plan)->appendplans;
	List	   *after = all_without(leaving, before);

	if (after == before)
		return plan;
	plan = copy_node(plan, merges ? sizeof(MergeAppend) : sizeof(Append));
	if (merges)
		((MergeAppend *) plan)->mergeplans = after;
	else
		((Append *) plan)->appendplans = after;
	return plan;
}

/*
 * The plan without the nodes that are not needed; itself if it has none.
 */
static Plan *
without(Leaving *leaving, Plan *plan)
{
	Plan	   *left;
	Plan	   *right;
	Size		size;

	check_stack_depth();
	if (IsA(plan, CustomScan) && ((CustomScan *) plan)->methods == &cs_mergescan_methods)
		return is_idle(leaving, (CustomScan *) plan) ? child_of(leaving, (CustomScan *) plan) : plan;
	if (IsA(plan, SubqueryScan))
		return subquery_without(leaving, plan);
	if (IsA(plan, Append) || IsA(plan, MergeAppend))
		return append_without(leaving, plan);
	size = node_size(plan);
	if (size == 0)
		return plan;
	left = plan->lefttree == NULL ? NULL : without(leaving, plan->lefttree);
	right = plan->righttree == NULL ? NULL : without(leaving, plan->righttree);
	if (left == plan->lefttree && right == plan->righttree)
		return plan;
	plan = copy_node(plan, size);
	plan->lefttree = left;
	plan->righttree = right;
	return plan;
}

/*
 * Whether rows are not evaluated again while the statement runs, but for those
 * that it locks.
 */
static bool
is_evaluated_once(const PlannedStmt *stmt)
{
	if (stmt->hasModifyingCTE || stmt->planTree == NULL)
		return false;
	return stmt->commandType == CMD_SELECT ||
		(stmt->commandType == CMD_INSERT && IsA(stmt->planTree, ModifyTable) &&
		 ((ModifyTable *) stmt->planTree)->onConflictAction == ONCONFLICT_NONE);
}

/*
 * Have the statement, which is about to start with its snapshot, executed
 * without the nodes that have nothing to merge.  Returns the memory of the
 * changed plan, which the caller makes last as long as the execution; NULL if
 * the plan is unchanged.
 */
MemoryContext
cs_mergeleave_take_place(QueryDesc *desc)
{
	PlannedStmt *stmt = desc->plannedstmt;
	Leaving		leaving = {.desc = desc};
	MemoryContext old = CurrentMemoryContext;
	PlannedStmt copy;

	if (desc->instrument_options != 0 || !is_evaluated_once(stmt))
		return NULL;
	copy = *stmt;
	copy.planTree = without(&leaving, stmt->planTree);
	copy.subplans = all_without(&leaving, stmt->subplans);
	if (leaving.context != NULL)
	{
		desc->plannedstmt = palloc(sizeof(PlannedStmt));
		*desc->plannedstmt = copy;
	}
	MemoryContextSwitchTo(old);
	return leaving.context;
}
