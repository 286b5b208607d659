/*-------------------------------------------------------------------------
 *
 * late_run.c
 *		A statement that was not planned when its turn was, and is planned and
 *		run by its node after all.
 *
 * Its plan has a range table of its own, so it is run by an executor of its
 * own, under the snapshot and with the parameters of the node's.  That is
 * begun and ended without the hooks, for which it is one statement.  It lives
 * in the memory of the node's executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "tcop/dest.h"

#include "queryresult/late_run.h"

QueryDesc *
cs_late_run_begin(PlannedStmt *stmt, EState *estate, int eflags)
{
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	QueryDesc  *run = CreateQueryDesc(stmt, estate->es_sourceText, estate->es_snapshot,
									  estate->es_crosscheck_snapshot, None_Receiver,
									  estate->es_param_list_info, estate->es_queryEnv, 0);

	(void) standard_ExecutorStart(run, eflags);
	MemoryContextSwitchTo(old);
	return run;
}

TupleTableSlot *
cs_late_run_next(QueryDesc *run, ScanDirection direction)
{
	run->estate->es_direction = direction;
	return ExecProcNode(run->planstate);
}

void
cs_late_run_again(QueryDesc *run)
{
	ExecReScan(run->planstate);
}

void
cs_late_run_end(QueryDesc *run)
{
	standard_ExecutorFinish(run);
	standard_ExecutorEnd(run);
	FreeQueryDesc(run);
}
