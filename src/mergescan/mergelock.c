/*-------------------------------------------------------------------------
 *
 * mergelock.c
 *		Row locks of tables whose rows are merged.
 *
 * SELECT ... FOR UPDATE and its like read a row, wait for the transaction that
 * has it locked, and look whether there is a later version.  A transaction
 * that defers changes of the row has it locked too, but leaves no version.  So
 * once a row is locked, what is deferred for it is looked at again.  If that
 * is not what the scan has seen, the statement is evaluated with the row as it
 * is now, by the executor's own means (EvalPlanQual()); if it is this
 * transaction that has changed the row since the statement began, the row is
 * left out.  That is what the executor does for rows with a later version.
 *
 * The executor's node for row locks is not replaced, but the function that is
 * called for its next row.  For statements without row locks the cost is a
 * look at a list of the plan.
 *
 * Everything is local to the session, and in the memory of the execution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

#include "guc.h"
#include "mergescan/mergelock.h"
#include "mergescan/mergescan.h"
#include "mergescan/mergeview.h"

static ExecutorStart_hook_type next_executor_start = NULL;

/* A node for row locks. */
typedef struct MergeLock
{
	LockRowsState *node;
	ExecProcNodeMtd next_row;	/* the executor's function */
	MemoryContext context;		/* for one row */
	MemoryContextCallback ended;
	struct MergeLock *outer;	/* the next one */
} MergeLock;

/* Nodes of statements that run, the latest first. */
static MergeLock *locks;

/* ----- execution ----- */

/*
 * What the scan of a table has seen of the row that was locked last.
 */
static CsMergeLocked
look_at(const LockRowsState *node, const ExecRowMark *mark)
{
	EState	   *estate = node->ps.state;
	CsMergeView *view = cs_mergescan_view(estate, mark->rti);
	TupleTableSlot *slot;

	if (view == NULL || view->binding == NULL || !mark->ermActive)
		return CS_MERGE_LOCKED_SAME;
	slot = node->lr_epqstate.relsubs_slot[mark->rti - 1];
	if (TupIsNull(slot))
		return CS_MERGE_LOCKED_SAME;
	return cs_mergeview_locked(view, slot, estate->es_output_cid);
}

/*
 * The same for all tables: if one row is left out, there is nothing to
 * evaluate.
 */
static CsMergeLocked
look(MergeLock *lock)
{
	MemoryContext old = MemoryContextSwitchTo(lock->context);
	CsMergeLocked result = CS_MERGE_LOCKED_SAME;
	ListCell   *lc;

	MemoryContextReset(lock->context);
	foreach(lc, lock->node->lr_arowMarks)
	{
		const ExecAuxRowMark *mark = lfirst(lc);

		result = Max(result, look_at(lock->node, mark->rowmark));
	}
	MemoryContextSwitchTo(old);
	return result;
}

/*
 * Evaluate the statement with the rows that are locked.
 */
static TupleTableSlot *
evaluate(LockRowsState *node, TupleTableSlot *slot)
{
	EPQState   *epqstate = &node->lr_epqstate;

	EvalPlanQualBegin(epqstate);
	EvalPlanQualSetSlot(epqstate, slot);
	return EvalPlanQualNext(epqstate);
}

/*
 * The next row that is locked; instead of the executor's function.
 */
static TupleTableSlot *
next_row(PlanState *ps)
{
	MergeLock  *lock = locks;

	while (&lock->node->ps != ps)
		lock = lock->outer;
	for (;;)
	{
		TupleTableSlot *slot = lock->next_row(ps);
		CsMergeLocked locked;

		if (TupIsNull(slot))
			return slot;
		locked = look(lock);
		if (locked == CS_MERGE_LOCKED_CHANGED)
			slot = evaluate(lock->node, slot);
		if (locked != CS_MERGE_LOCKED_OWN && !TupIsNull(slot))
			return slot;
		CHECK_FOR_INTERRUPTS();
	}
}

/* ----- beginning and end ----- */

static void
forget(void *arg)
{
	for (MergeLock **link = &locks; *link != NULL; link = &(*link)->outer)
	{
		if (*link != arg)
			continue;
		*link = ((MergeLock *) arg)->outer;
		return;
	}
}

/*
 * Whether the node locks rows that are merged.
 */
static bool
locks_merged(const LockRowsState *node)
{
	ListCell   *lc;

	foreach(lc, node->lr_arowMarks)
	{
		const ExecAuxRowMark *mark = lfirst(lc);
		const CsMergeView *view = cs_mergescan_view(node->ps.state, mark->rowmark->rti);

		if (view != NULL && view->binding != NULL)
			return true;
	}
	return false;
}

static void
take_over(LockRowsState *node)
{
	MemoryContext context = node->ps.state->es_query_cxt;
	MergeLock  *lock = MemoryContextAllocZero(context, sizeof(MergeLock));

	lock->node = node;
	lock->context = AllocSetContextCreate(context, "cache_strategies row lock",
										  ALLOCSET_DEFAULT_SIZES);
	lock->next_row = node->ps.ExecProcNodeReal;
	lock->ended.func = forget;
	lock->ended.arg = lock;
	MemoryContextRegisterResetCallback(context, &lock->ended);
	lock->outer = locks;
	locks = lock;
	node->ps.ExecProcNodeReal = next_row;
}

/*
 * Take over the nodes of the plan that lock rows.
 */
static bool
find_nodes(PlanState *ps, void *context)
{
	if (ps == NULL)
		return false;
	if (IsA(ps, LockRowsState) && locks_merged((LockRowsState *) ps))
		take_over((LockRowsState *) ps);
	return planstate_tree_walker(ps, find_nodes, context);
}

/*
 * Hook of ExecutorStart_hook.
 */
static void
executor_start(QueryDesc *query, int eflags)
{
	if (next_executor_start != NULL)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->plannedstmt->rowMarks != NIL && cs_merge_deferred &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		(void) find_nodes(query->planstate, NULL);
}

void
cs_mergelock_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}
