/*-------------------------------------------------------------------------
 *
 * execution.c
 *		The statements under way that may change tables with deferred writes.
 *
 * A trigger does not know which statement has fired it.  So the executions
 * that may fire ours are kept in a list, the innermost first.  The right one
 * is recognized by the slot with the row.  Nothing is known of changes that no
 * statement makes (logical replication, C code).
 *
 * An UPDATE that is deferred is suppressed, and the executor does not count
 * the row.  So the row is counted here, in the counter from which the
 * statement's tag, GET DIAGNOSTICS, FOUND and SPI_processed are made.
 *
 * Everything is local to the session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"

#include "relation/triggers.h"
#include "writeback/execution.h"
#include "writeback/xactdelta.h"

static dlist_head executions = DLIST_STATIC_INIT(executions);

/*
 * Memory context callback: the execution has ended.
 */
static void
forget(void *arg)
{
	dlist_delete(&((CsExecution *) arg)->node);
}

/*
 * Whether our BEFORE trigger fires for the result relation.
 */
bool
cs_execution_is_deferring(const ResultRelInfo *relinfo)
{
	const TriggerDesc *triggers = relinfo->ri_TrigDesc;

	if (triggers == NULL || !triggers->trig_update_before_row)
		return false;
	for (int i = 0; i < triggers->numtriggers; i++)
		if (cs_triggers_defers(&triggers->triggers[i]))
			return true;
	return false;
}

static bool
has_deferring_target(const EState *estate)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		if (cs_execution_is_deferring(lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * Called when a statement has started.  If it may change a table with deferred
 * writes, it is remembered, and true is returned.
 */
bool
cs_execution_started(QueryDesc *query)
{
	EState	   *estate = query->estate;
	CsExecution *execution;

	if ((query->operation == CMD_SELECT && !query->plannedstmt->hasModifyingCTE) ||
		!has_deferring_target(estate))
		return false;
	execution = MemoryContextAllocZero(estate->es_query_cxt, sizeof(CsExecution));
	execution->query = query;
	execution->ended.func = forget;
	execution->ended.arg = execution;
	dlist_push_head(&executions, &execution->node);
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &execution->ended);
	return true;
}

/*
 * Whether the trigger's row is that of this result relation.
 */
static bool
is_row_of(const ModifyTableState *mtstate, const ResultRelInfo *relinfo,
		  const TriggerData *trigdata)
{
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		return (mtstate->operation == CMD_DELETE || mtstate->operation == CMD_MERGE) &&
			relinfo->ri_TrigOldSlot == trigdata->tg_trigslot;
	if (!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		return false;
	if (mtstate->operation == CMD_INSERT)
		return relinfo->ri_onConflict != NULL &&
			relinfo->ri_onConflict->oc_ProjSlot == trigdata->tg_newslot;
	return relinfo->ri_newTupleSlot == trigdata->tg_newslot;
}

/*
 * Find the trigger's result relation in a plan node.
 */
static bool
find_in_node(PlanState *node, const TriggerData *trigdata, CsFiring *firing)
{
	ModifyTableState *mtstate = (ModifyTableState *) node;

	if (node == NULL || !IsA(node, ModifyTableState))
		return false;
	for (int i = 0; i < mtstate->mt_nrels; i++)
	{
		if (!is_row_of(mtstate, &mtstate->resultRelInfo[i], trigdata))
			continue;
		firing->mtstate = mtstate;
		firing->relinfo = &mtstate->resultRelInfo[i];
		return true;
	}
	return false;
}

static bool
find_in_execution(CsExecution *execution, const TriggerData *trigdata, CsFiring *firing)
{
	ListCell   *lc;

	firing->execution = execution;
	if (find_in_node(execution->query->planstate, trigdata, firing))
		return true;
	foreach(lc, execution->query->estate->es_auxmodifytables)
	{
		if (find_in_node(lfirst(lc), trigdata, firing))
			return true;
	}
	return false;
}

/*
 * Find the statement that has fired a BEFORE trigger for UPDATE or DELETE.
 * Returns false if it is unknown, or if nothing about it matters: the actions
 * of foreign keys do not depend on the row, nor do our own writes.
 */
bool
cs_execution_find(const TriggerData *trigdata, CsFiring *firing)
{
	dlist_iter	iter;

	if (cs_xactdelta_direct > 0 || InNoForceRLSOperation())
		return false;
	dlist_foreach(iter, &executions)
	{
		if (find_in_execution(dlist_container(CsExecution, node, iter.cur), trigdata, firing))
			return true;
	}
	return false;
}

/*
 * The INSERT into the table in a plan node; NULL if it is none.
 */
static ResultRelInfo *
insert_in_node(PlanState *node, Oid relid)
{
	ModifyTableState *mtstate = (ModifyTableState *) node;

	if (node == NULL || !IsA(node, ModifyTableState) || mtstate->operation != CMD_INSERT ||
		RelationGetRelid(mtstate->resultRelInfo->ri_RelationDesc) != relid)
		return NULL;
	return mtstate->resultRelInfo;
}

/*
 * Find the INSERT of the statement, of which a row has fired a BEFORE trigger.
 */
static bool
find_insert(CsExecution *execution, const TriggerData *trigdata, CsFiring *firing)
{
	Oid			relid = RelationGetRelid(trigdata->tg_relation);
	List	   *nodes = lcons(execution->query->planstate,
							  list_copy(execution->query->estate->es_auxmodifytables));
	ListCell   *lc;

	firing->relinfo = NULL;
	foreach(lc, nodes)
	{
		ResultRelInfo *relinfo = insert_in_node(lfirst(lc), relid);

		/* there may be several; often the row is in the node's slot */
		if (relinfo == NULL || (firing->relinfo != NULL &&
								relinfo->ri_newTupleSlot != trigdata->tg_trigslot))
			continue;
		firing->execution = execution;
		firing->mtstate = lfirst(lc);
		firing->relinfo = relinfo;
	}
	return firing->relinfo != NULL;
}

/*
 * Find the INSERT that has fired a BEFORE trigger.  Returns false if it is not
 * known, or another kind of statement: the latest one that changes the table
 * counts.
 */
bool
cs_execution_find_insert(const TriggerData *trigdata, CsFiring *firing)
{
	Oid			relid = RelationGetRelid(trigdata->tg_relation);
	dlist_iter	iter;

	if (cs_xactdelta_direct > 0 || InNoForceRLSOperation())
		return false;
	dlist_foreach(iter, &executions)
	{
		CsExecution *execution = dlist_container(CsExecution, node, iter.cur);

		if (find_insert(execution, trigdata, firing))
			return true;
		if (list_member_oid(execution->query->plannedstmt->relationOids, relid))
			return false;
	}
	return false;
}

/*
 * Count the trigger's row, whose UPDATE is suppressed, as updated.  Of a
 * statement with several parts only one counts.
 */
void
cs_execution_count(const TriggerData *trigdata)
{
	CsFiring	firing;

	if (cs_execution_find(trigdata, &firing) && firing.mtstate->canSetTag)
		firing.mtstate->ps.state->es_processed++;
}
