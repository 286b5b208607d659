/*-------------------------------------------------------------------------
 *
 * mergedrow.c
 *		Giving a statement the merged row instead of the table's.
 *
 * An UPDATE is evaluated again with the merged row (recheck.c).  Other
 * statements evaluate expressions with a row of the table before the trigger
 * fires, or after it:
 *
 *	INSERT ... ON CONFLICT DO UPDATE	WHERE and SET, with the existing row
 *	MERGE	conditions and SET of WHEN MATCHED, with the row that was found
 *	DELETE ... RETURNING	the list, with the row that was deleted
 *
 * When such a statement starts, an expression of ours is put before the first
 * of these.  It is evaluated with the row in a slot, and puts the merged row
 * into that slot.  So everything that the statement computes from the row is
 * computed from the merged row, and the new row contains what was deferred.
 * The trigger is told (cs_mergedrow_given()) and has the deferred changes
 * cancelled, as for an UPDATE that takes them along (defer.c).
 *
 * The row must be locked, as no flush may write it in between.  MERGE has not
 * locked it, so the row is locked here, in its latest version.  If that is not
 * the version that MERGE has found, the executor will notice when it acts on
 * the row, look whether it still matches, and evaluate the conditions again.
 *
 * A statement that neither uses nor sets a column with deferred changes is
 * left alone: these stay deferred.
 *
 * Everything is local to the session, and in the memory of the execution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "compat.h"
#include "rowcache/call.h"
#include "writeback/apply.h"
#include "writeback/deferred.h"
#include "writeback/deltarow.h"
#include "writeback/mergedrow.h"
#include "writeback/merge.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"

/* What has to be known of a result relation to give its rows. */
typedef struct Giver
{
	ModifyTableState *mtstate;
	ResultRelInfo *relinfo;
	Bitmapset  *columns;		/* that the statement uses or sets; attribute
								 * numbers */
	bool		all;			/* it may use any column */
	TupleTableSlot *latest;		/* for locking the row; NULL: it is locked */
	ItemPointerData given;		/* the row that was given last; invalid if
								 * that was the table's */
	uint64		arrival;		/* of its deferred entry */

	List	   *commands;		/* by which the statement has written rows
								 * before it went on with a later one */
} Giver;

/* A condition that gives the row, then evaluates the statement's. */
typedef struct Condition
{
	ExprState	expr;			/* must be first */
	ExprState  *next;			/* the statement's; NULL if it has none */
	Giver	   *giver;
} Condition;

/* The same for a RETURNING list. */
typedef struct Returning
{
	ProjectionInfo project;		/* must be first */
	ProjectionInfo *next;
	Giver		giver;
} Returning;

/* ----- giving the row ----- */

/*
 * Put a row into the slot, with the system columns of the row that it has.
 */
void
cs_mergedrow_put(TupleTableSlot *slot, HeapTupleHeader row)
{
	HeapTupleData tuple = cs_row_tuple(row);
	HeapTuple	copy = heap_copytuple(&tuple);
	ItemPointerData tid = slot->tts_tid;
	Oid			relid = slot->tts_tableOid;
	bool		frees;
	HeapTuple	old = ExecFetchSlotHeapTuple(slot, false, &frees);
	HeapTupleHeader from = old->t_data;
	HeapTupleHeader to = copy->t_data;

	to->t_choice = from->t_choice;
	to->t_ctid = from->t_ctid;
	to->t_infomask = (to->t_infomask & ~HEAP_XACT_MASK) | (from->t_infomask & HEAP_XACT_MASK);
	to->t_infomask2 = (to->t_infomask2 & ~HEAP2_XACT_MASK) |
		(from->t_infomask2 & HEAP2_XACT_MASK);
	copy->t_self = tid;
	copy->t_tableOid = relid;
	if (frees)
		heap_freetuple(old);
	ExecForceStoreHeapTuple(copy, slot, true);
	slot->tts_tid = tid;
	slot->tts_tableOid = relid;
}

/*
 * Lock the row in the slot.  If it has a later version, that one is put into
 * the slot.  Returns false if there is none that can be locked; the executor
 * will report or handle that.
 */
static bool
lock_row(const Giver *giver, TupleTableSlot *slot)
{
	EState	   *estate = giver->mtstate->ps.state;
	ItemPointerData tid = slot->tts_tid;
	TM_FailureData tmfd;

	if (table_tuple_lock(giver->relinfo->ri_RelationDesc, &tid, estate->es_snapshot,
						 giver->latest, estate->es_output_cid,
						 ExecUpdateLockMode(estate, giver->relinfo), LockWaitBlock,
						 TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &tmfd) != TM_Ok)
		return false;
	if (tmfd.traversed)
		ExecCopySlot(slot, giver->latest);
	ExecClearTuple(giver->latest);
	return true;
}

/*
 * Whether the statement uses or sets a column in which the rows differ.
 */
static bool
concerns(const Giver *giver, const CsBinding *binding, const CsMergedRow *over)
{
	HeapTupleData base = cs_row_tuple(over->base);
	HeapTupleData row = cs_row_tuple(over->row);

	if (giver->all || over->deferred.whole)
		return true;
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);
		bool		oldnull;
		bool		newnull;
		Datum		old;
		Datum		new;

		if (att->attisdropped || !bms_is_member(att->attnum, giver->columns))
			continue;
		old = heap_getattr(&base, att->attnum, binding->tupdesc, &oldnull);
		new = heap_getattr(&row, att->attnum, binding->tupdesc, &newnull);
		if (oldnull != newnull ||
			(!oldnull && !datum_image_eq(old, new, att->attbyval, att->attlen)))
			return true;
	}
	return false;
}

/* Whether the statement may use or set a column whose writes are deferred. */
static bool
may_concern(const Giver *giver, CsBinding *binding)
{
	return giver->all || bms_overlap(giver->columns, cs_merge_get(binding)->attnums);
}

/*
 * Merge the row with its deferred changes.  Returns false if the statement is
 * not concerned with any.
 *
 * What the transaction has deferred that had the row before is waited for.  If
 * changes are taken into the row, others that are about to be added are waited
 * for, too.
 */
static bool
merge(const Giver *giver, CsBinding *binding, const CsRowKey *rowkey, HeapTupleHeader base,
	  CsMergedRow *over)
{
	TimestampTz end = 0;
	bool		gives;

	for (;;)
	{
		cs_write_back_merge(binding, rowkey, base, over);
		gives = over->row != over->base && over->row != NULL && concerns(giver, binding, over);
		if (over->behind != 0 ? !may_concern(giver, binding) : !(over->awaited && gives))
			break;
		cs_write_back_wait(binding, rowkey, over, &end);
	}
	if (end != 0)
		cs_deferred_wait_end();
	return gives;
}

/*
 * Put the merged row into the slot, which has the table's.
 */
static void
give_row(Giver *giver, CsBinding *binding, TupleTableSlot *slot)
{
	HeapTupleHeader base;
	CsDeferred	some;
	CsRowKey	rowkey;
	CsMergedRow over;

	base = cs_deltarow_from_slot(binding, slot);
	if (!cs_call_row_key(binding, base, &rowkey))
		return;
	/* a whole row concerns every statement */
	if (!may_concern(giver, binding) && !cs_deferred_copy(binding, &rowkey.key, &some))
		return;
	if (giver->latest != NULL)
	{
		if (!lock_row(giver, slot))
			return;
		base = cs_deltarow_from_slot(binding, slot);
		if (!cs_call_row_key(binding, base, &rowkey))
			return;
	}
	if (!merge(giver, binding, &rowkey, base, &over))
		return;
	giver->given = slot->tts_tid;
	giver->arrival = over.arrival;
	cs_mergedrow_put(slot, over.row);
	if (giver->mtstate->operation == CMD_DELETE)
		cs_xactdelta_expect(binding, &rowkey, over.arrival, false);
}

/*
 * Put the merged row into the slot, if the table's writes are deferred.
 */
static void
give(Giver *giver, TupleTableSlot *slot)
{
	Oid			relid = RelationGetRelid(giver->relinfo->ri_RelationDesc);
	CsBinding  *binding = cs_binding_get(relid);

	ItemPointerSetInvalid(&giver->given);
	if (binding == NULL || binding->nkeys == 0 || !cs_binding_defers(binding) ||
		cs_apply_is_writing(relid))
		return;
	cs_write_back_wait_replayed(binding);
	if (binding->slot >= 0)
		give_row(giver, binding, slot);
}

/*
 * Throw 21000 if the statement itself has written the row.  The executor does
 * that for its present command only.
 */
static void
check_written(const Giver *giver, TupleTableSlot *slot)
{
	HeapTupleHeader row;
	bool		frees;

	if (giver->commands == NIL)
		return;
	row = ExecFetchSlotHeapTuple(slot, false, &frees)->t_data;
	if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row)) ||
		!list_member_int(giver->commands, (int) HeapTupleHeaderGetCmin(row)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("ON CONFLICT DO UPDATE command cannot affect row a second time"),
			 errhint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")));
}

static Datum
give_and_test(ExprState *expr, ExprContext *econtext, bool *isnull)
{
	Condition  *condition = (Condition *) expr;

	check_written(condition->giver, econtext->ecxt_scantuple);
	give(condition->giver, econtext->ecxt_scantuple);
	*isnull = false;
	if (condition->next == NULL)
		return BoolGetDatum(true);
	return condition->next->evalfunc(condition->next, econtext, isnull);
}

static Datum
give_and_return(ExprState *expr, ExprContext *econtext, bool *isnull)
{
	Returning  *returning = (Returning *) ((char *) expr - offsetof(ProjectionInfo, pi_state));
	ExprState  *next = &returning->next->pi_state;

	give(&returning->giver, econtext->ecxt_scantuple);
	/* they say, too, which of OLD and NEW there is */
	next->flags = expr->flags;
	return next->evalfunc(next, econtext, isnull);
}

/* ----- installing ----- */

/*
 * Add the columns of the result relation that an expression uses.
 */
static void
add_used(Giver *giver, Node *node)
{
	Bitmapset  *used = NULL;
	int			i = -1;

	pull_varattnos(node, giver->relinfo->ri_RangeTableIndex, &used);
	while ((i = bms_next_member(used, i)) >= 0)
	{
		AttrNumber	attnum = i + FirstLowInvalidHeapAttributeNumber;

		if (attnum == InvalidAttrNumber)
			giver->all = true;
		else if (attnum > 0)
			giver->columns = bms_add_member(giver->columns, attnum);
	}
}

static void
add_set(Giver *giver, List *attnums)
{
	ListCell   *lc;

	foreach(lc, attnums)
		giver->columns = bms_add_member(giver->columns, lfirst_int(lc));
}

static void
describe(Giver *giver, ModifyTableState *mtstate, ResultRelInfo *relinfo)
{
	giver->mtstate = mtstate;
	giver->relinfo = relinfo;
	/* policies and views may check any column */
	giver->all = relinfo->ri_WithCheckOptions != NIL;
	add_used(giver, (Node *) relinfo->ri_returningList);
	ItemPointerSetInvalid(&giver->given);
}

/*
 * Put a condition of ours before the statement's.
 */
static void
put_before(ExprState **place, Giver *giver)
{
	Condition  *condition = palloc0(sizeof(Condition));

	condition->expr.type = T_ExprState;
	condition->expr.flags = EEO_FLAG_IS_QUAL;
	condition->expr.evalfunc = give_and_test;
	condition->next = *place;
	condition->giver = giver;
	*place = &condition->expr;
}

static void
install_on_conflict(ModifyTableState *mtstate, ResultRelInfo *relinfo)
{
	const ModifyTable *plan = (const ModifyTable *) mtstate->ps.plan;
	Giver	   *giver;

	if (relinfo->ri_onConflict == NULL)
		return;
	giver = palloc0(sizeof(Giver));
	describe(giver, mtstate, relinfo);
	add_used(giver, plan->onConflictWhere);
	add_used(giver, (Node *) plan->onConflictSet);
	add_set(giver, plan->onConflictCols);
	put_before(&relinfo->ri_onConflict->oc_WhereClause, giver);
}

/*
 * The conditions of a list are evaluated in its order, beginning with the
 * first, whenever MERGE has fetched a row.
 */
static void
install_merge(ModifyTableState *mtstate, ResultRelInfo *relinfo)
{
	Giver	   *giver = palloc0(sizeof(Giver));

	describe(giver, mtstate, relinfo);
	giver->latest = table_slot_create(relinfo->ri_RelationDesc,
									  &mtstate->ps.state->es_tupleTable);
	for (int n = 0; n < CS_MERGE_LISTS; n++)
	{
		List	   *actions = cs_merge_actions(relinfo, n);
		ListCell   *lc;

		foreach(lc, actions)
		{
			const MergeAction *action = ((MergeActionState *) lfirst(lc))->mas_action;

			add_used(giver, action->qual);
			add_used(giver, (Node *) action->targetList);
			add_set(giver, action->updateColnos);
		}
		if (actions != NIL)
			put_before(&((MergeActionState *) linitial(actions))->mas_whenqual, giver);
	}
}

static void
install_returning(ModifyTableState *mtstate, ResultRelInfo *relinfo)
{
	ProjectionInfo *next = relinfo->ri_projectReturning;
	Returning  *returning;

	if (next == NULL)
		return;
	returning = palloc0(sizeof(Returning));
	returning->project.type = T_ProjectionInfo;
	returning->project.pi_exprContext = next->pi_exprContext;
	returning->project.pi_state.type = T_ExprState;
	returning->project.pi_state.flags = next->pi_state.flags;
	returning->project.pi_state.resultslot = next->pi_state.resultslot;
	returning->project.pi_state.evalfunc = give_and_return;
	returning->next = next;
	describe(&returning->giver, mtstate, relinfo);
	relinfo->ri_projectReturning = &returning->project;
}

static void
install_in_node(PlanState *node)
{
	ModifyTableState *mtstate = (ModifyTableState *) node;

	if (node == NULL || !IsA(node, ModifyTableState))
		return;
	for (int i = 0; i < mtstate->mt_nrels; i++)
	{
		ResultRelInfo *relinfo = &mtstate->resultRelInfo[i];

		if (!cs_execution_is_deferring(relinfo))
			continue;
		if (mtstate->operation == CMD_INSERT)
			install_on_conflict(mtstate, relinfo);
		else if (mtstate->operation == CMD_DELETE)
			install_returning(mtstate, relinfo);
		else if (mtstate->operation == CMD_MERGE)
			install_merge(mtstate, relinfo);
	}
}

/*
 * Called when a statement has started that may change a table with deferred
 * writes.
 */
void
cs_mergedrow_started(QueryDesc *query)
{
	EState	   *estate = query->estate;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ListCell   *lc;

	install_in_node(query->planstate);
	foreach(lc, estate->es_auxmodifytables)
		install_in_node(lfirst(lc));
	MemoryContextSwitchTo(old);
}

/* ----- for the trigger ----- */

/*
 * A row that ON CONFLICT DO UPDATE conflicts with has been inserted for it.
 * The executor acts on rows of earlier commands only, so the statement goes on
 * with a later command.
 */
void
cs_mergedrow_inserted(const CsFiring *firing)
{
	EState	   *estate = firing->mtstate->ps.state;
	Giver	   *giver = ((Condition *) firing->relinfo->ri_onConflict->oc_WhereClause)->giver;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	giver->commands = lappend_int(giver->commands, (int) estate->es_output_cid);
	MemoryContextSwitchTo(old);
	CommandCounterIncrement();
	estate->es_output_cid = GetCurrentCommandId(true);
}

static bool
has_view_check(List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		if (lfirst_node(WithCheckOption, lc)->kind == WCO_VIEW_CHECK)
			return true;
	}
	return false;
}

/*
 * Whether the statement needs its new row, so that the row's change cannot be
 * deferred.
 */
bool
cs_mergedrow_needs_table(const CsFiring *firing)
{
	return firing->mtstate->operation != CMD_UPDATE ||
		firing->relinfo->ri_projectReturning != NULL ||
		has_view_check(firing->relinfo->ri_WithCheckOptions);
}

static bool
was_given(ExprState *expr, const TriggerData *trigdata, uint64 *arrival)
{
	Giver	   *giver;

	if (expr == NULL || expr->evalfunc != give_and_test)
		return false;
	giver = ((Condition *) expr)->giver;
	*arrival = giver->arrival;
	return ItemPointerIsValid(&giver->given) &&
		ItemPointerEquals(&giver->given, &trigdata->tg_trigtuple->t_self);
}

/*
 * Whether the trigger's new row was computed from the merged row.  *arrival is
 * that of the deferred entry then.
 */
bool
cs_mergedrow_given(const CsFiring *firing, const TriggerData *trigdata, uint64 *arrival)
{
	if (firing->mtstate->operation == CMD_INSERT)
		return was_given(firing->relinfo->ri_onConflict->oc_WhereClause, trigdata, arrival);
	if (firing->mtstate->operation != CMD_MERGE)
		return false;
	for (int n = 0; n < CS_MERGE_LISTS; n++)
	{
		List	   *actions = cs_merge_actions(firing->relinfo, n);

		if (actions != NIL &&
			was_given(((MergeActionState *) linitial(actions))->mas_whenqual, trigdata, arrival))
			return true;
	}
	return false;
}
