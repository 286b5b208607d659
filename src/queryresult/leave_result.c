/*-------------------------------------------------------------------------
 *
 * leave_result.c
 *		The plan node CachedResult: executing a statement without it.
 *
 * A statement whose shape is left alone is executed by the node's child, as if
 * there were no node: the child takes the node's place in a copy of the
 * statement's head.  So a plan that is in the plan cache costs the session a
 * look at its shape.  Where the child cannot take that place, because the plan
 * has initplans, which belong to the topmost node, the node passes rows on.
 *
 * A plan that was made while its shape was left alone has a node that only
 * says of which shape it is.  When the shape is tried again, the session's
 * plans are made anew, but not more often than each RESET_INTERVAL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

#include "queryresult/candidate.h"
#include "queryresult/leave_result.h"
#include "queryresult/plan_result.h"
#include "queryresult/scan_result.h"
#include "queryresult/worth.h"
#include "store/clock.h"

#define RESET_INTERVAL	(10 * USECS_PER_SEC)

static ExecutorStart_hook_type next_executor_start = NULL;
static TimestampTz last_reset = 0;

/* The queryDesc's memory lasts as long as it. */
static void
take_place(QueryDesc *desc, const CustomScan *scan)
{
	PlannedStmt *stmt = MemoryContextAlloc(GetMemoryChunkContext(desc), sizeof(PlannedStmt));

	memcpy(stmt, desc->plannedstmt, sizeof(PlannedStmt));
	stmt->planTree = linitial(scan->custom_plans);
	desc->plannedstmt = stmt;
}

static void
plan_anew(void)
{
	TimestampTz now = cs_clock_now();

	if (last_reset != 0 && now - last_reset < RESET_INTERVAL)
		return;
	last_reset = now;
	ResetPlanCache();
}

static bool
is_left(const CsPlannedShape *node)
{
	uint64		key = cs_tally_key(node->jumble, node->kind == CS_NODE_CANDIDATE);

	if (node->kind == CS_NODE_CANDIDATE)
		return !cs_candidate_sampled(key);
	if (cs_worth_leave(key))
		return true;
	if (node->kind != CS_NODE_ALONE)
		return false;
	plan_anew();
	return true;
}

static bool
is_node(const Plan *plan)
{
	return IsA(plan, CustomScan) &&
		((const CustomScan *) plan)->methods == &cs_scan_result_methods;
}

static void
executor_start(QueryDesc *desc, int eflags)
{
	const Plan *plan = desc->plannedstmt->planTree;

	if (plan != NULL && is_node(plan) && desc->instrument_options == 0 &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
	{
		CsPlannedShape node;

		cs_plan_result_shape((const CustomScan *) plan, &node);
		if (node.whole && is_left(&node))
			take_place(desc, (const CustomScan *) plan);
	}
	if (next_executor_start != NULL)
		next_executor_start(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
}

void
cs_leave_result_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}
