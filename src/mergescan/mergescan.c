/*-------------------------------------------------------------------------
 *
 * mergescan.c
 *		The executor's node for scans of tables with deferred writes.
 *
 * The node is a scan of the table.  Its child is the scan that the planner
 * would have used without it.  If nothing is deferred for the table when the
 * execution begins, the node passes on what the child returns.  Otherwise it
 * takes the table's rows from the child's scan slot, and merges them with
 * their deferred changes (mergeview.c).  Rows that have to be given apart come
 * after the others or, if the plan relies on an order, among them.
 *
 * Conditions.  The child tests the statement's conditions before the row is
 * merged.  Those that use a column that can be deferred are taken from it and
 * tested by the node, after merging.  So are volatile ones, which must be
 * evaluated once a row, and all that follow these in the list, since the order
 * says which conditions have to precede others for security.  Where the child
 * finds rows by such a column (an index on it), it tests all conditions, and
 * all rows with deferred changes are given apart.
 *
 * Up to three plans are kept for the child, and the one that the execution
 * needs is started: the planner's, the same as an index scan if that is an
 * index-only scan, which has no rows, and a scan of the whole table if rows
 * are found by a column that can be deferred and the snapshot is too old.
 *
 * UPDATE and DELETE.  Rows of the statement's own table are found by what they
 * are merged, and given as the table has them: the trigger merges them once
 * more, under the row's lock, and has the statement evaluated with that
 * (defer.c, recheck.c).  So in a recheck of PostgreSQL's the conditions are
 * tested with the merged row, and the row itself is not changed.  Where a join
 * tests more conditions, above this node, rows are given as they are merged.
 *
 * Expressions are compiled anew when rows are merged, because the slots are
 * not of the kind that the node was initialized for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include CS_EXPLAIN_STATE_H
#include CS_EXPLAIN_FORMAT_H
#include "mergescan/mergechild.h"
#include "mergescan/mergeorder.h"
#include "mergescan/mergeplan.h"
#include "mergescan/mergescan.h"
#include "mergescan/mergestart.h"
#include "mergescan/mergeview.h"
#include "writeback/recheck.h"
#include "writeback/write_back.h"

typedef struct MergeScan
{
	CustomScanState custom;
	CsMergePlan plan;
	CsMergeView view;

	PlanState  *child;
	TupleTableSlot *child_slot; /* its scan slot */
	IndexOnlyScanState *index_only; /* the child, if it is one; or NULL */
	bool		passes;			/* what the child returns is returned */
	ExprState  *rest;			/* conditions that the child does not test */
	ExprState  *all;
	TupleTableSlot *merged;
	TupleTableSlot *streamed;	/* next row of the child, in order; or NULL */
	bool		ended;			/* the child has no more rows */

	/* rows that are given apart */
	MemoryContext context;
	bool		made;
	HeapTuple  *rows;
	int			nrows;
	int			max;
	int			next;			/* the next one to be given */
	TupleTableSlot *row;
	CsMergeOrder order;

	/* of these, rows that the table does not have, if needed again */
	HeapTuple  *added;			/* by the number in their place */
	int			nkept_added;
	int			max_added;
	const struct MergeScan *own;	/* for which this one evaluates a row
									 * again; or NULL */

	/* rows that were given, if the scan may go backward */
	bool		keeps;
	HeapTuple  *kept;
	int			nkept;
	int			max_kept;
	int			at;				/* the present one; -1: before the first */
	TupleTableSlot *kept_slot;

	uint64		nmerged;
	uint64		nadded;

	struct MergeScan *registered;	/* the next one */
} MergeScan;

/* Nodes of statements that run, the latest first. */
static MergeScan *registered;

static const CustomExecMethods exec_methods;

/* ----- the plan ----- */

/*
 * Whether the scan is a node that gives rows as they are merged.
 */
bool
cs_mergescan_gives_merged(const CustomScan *scan)
{
	CsMergePlan plan;

	if (scan->methods != &cs_mergescan_methods)
		return false;
	cs_mergeplan_get(scan, &plan);
	return !plan.changes;
}

static Node *
create_state(CustomScan *scan)
{
	MergeScan  *merge = (MergeScan *) newNode(sizeof(MergeScan), T_CustomScanState);

	merge->custom.methods = &exec_methods;
	cs_mergeplan_get(scan, &merge->plan);
	return (Node *) merge;
}

const CustomScanMethods cs_mergescan_methods = {
	.CustomName = "MergeDeferred",
	.CreateCustomScanState = create_state
};

/* ----- the child's plan ----- */

/*
 * Something to return for a scan of which only the scan slot is used.  It is
 * not empty, as a bitmap scan that has nothing to return reads no rows.
 */
static List *
key_column(const MergeScan *scan)
{
	AttrNumber	attnum = scan->view.binding->keys[0].attnum;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(scan->view.rel), attnum - 1);
	Var		   *var = makeVar(((Scan *) scan->custom.ss.ps.plan)->scanrelid, attnum,
							  att->atttypid, att->atttypmod, att->attcollation, 0);

	return list_make1(makeTargetEntry((Expr *) var, 1, NULL, false));
}

static void
start_child(MergeScan *scan, Plan *plan, EState *estate, int eflags)
{
	scan->child = ExecInitNode(plan, estate, eflags);
	scan->child_slot = ((ScanState *) scan->child)->ss_ScanTupleSlot;
	scan->custom.custom_ps = list_make1(scan->child);
}

/*
 * Start the child, whose rows are returned as they are.
 */
static void
start_passing(MergeScan *scan, EState *estate, int eflags)
{
	PlanState  *ps = &scan->custom.ss.ps;
	CustomScan *node = (CustomScan *) ps->plan;
	Plan	   *plan = linitial(node->custom_plans);

	/* the planner may have given the node something else to return */
	if (!IsA(plan, IndexOnlyScan) && !equal(plan->targetlist, node->scan.plan.targetlist))
	{
		plan = cs_mergechild_copy(plan);
		plan->targetlist = node->scan.plan.targetlist;
	}
	start_child(scan, plan, estate, eflags);
	scan->passes = true;
	ps->resultops = ExecGetResultSlotOps(scan->child, &ps->resultopsfixed);
	ps->resultopsset = true;
	if (IsA(scan->child, IndexOnlyScanState))
	{
		/* WHERE CURRENT OF takes the row's place from the scan slot */
		scan->index_only = (IndexOnlyScanState *) scan->child;
		if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
			ExecStoreAllNullTuple(scan->custom.ss.ss_ScanTupleSlot);
	}
	else
		scan->custom.ss.ss_ScanTupleSlot = scan->child_slot;
}

/*
 * Start the child whose rows are merged.
 */
static void
start_merging(MergeScan *scan, EState *estate, int eflags)
{
	CustomScan *node = (CustomScan *) scan->custom.ss.ps.plan;
	bool		latest = scan->view.mode == CS_MERGE_LATEST && scan->plan.by_deferrable;
	Plan	   *plan = latest ? llast(node->custom_plans) :
	scan->plan.merging ? lsecond(node->custom_plans) : linitial(node->custom_plans);
	List	   *rest = NIL;

	plan = cs_mergechild_copy(plan);
	plan->targetlist = key_column(scan);
	if (latest || !scan->plan.by_deferrable)
		rest = cs_mergechild_divide(plan, scan->view.columns);
	start_child(scan, plan, estate, eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK));
	scan->rest = ExecInitQual(rest, &scan->custom.ss.ps);
}

/* ----- beginning ----- */

/*
 * Compile the node's expressions for slots of any kind.
 */
static void
compile(MergeScan *scan)
{
	ScanState  *ss = &scan->custom.ss;
	TupleDesc	tupdesc = RelationGetDescr(ss->ss_currentRelation);
	List	  **tables = &ss->ps.state->es_tupleTable;

	ss->ps.scanopsset = true;
	ss->ps.scanopsfixed = false;
	ss->ps.scanops = &TTSOpsHeapTuple;
	/* rows that are checked again are fetched into it */
	scan->merged = ExecAllocTableSlot(tables, tupdesc,
									  table_slot_callbacks(ss->ss_currentRelation));
	scan->row = ExecAllocTableSlot(tables, tupdesc, &TTSOpsHeapTuple);
	ss->ss_ScanTupleSlot = scan->merged;
	ExecAssignScanProjectionInfo(ss);
	scan->all = ExecInitQual(scan->plan.clauses, &ss->ps);
}

/*
 * Binding of the table if writes of it can be deferred and have to be merged;
 * else NULL.
 */
static CsBinding *
merging_binding(Relation rel)
{
	CsBinding  *binding = cs_mergeview_binding(RelationGetRelid(rel));

	if (binding != NULL && binding->tupdesc->natts != RelationGetNumberOfAttributes(rel))
		return NULL;
	return binding;
}

static void
unregister_scan(void *arg)
{
	for (MergeScan **link = &registered; *link != NULL; link = &(*link)->registered)
	{
		if (*link != arg)
			continue;
		*link = ((MergeScan *) arg)->registered;
		return;
	}
}

/*
 * Let nodes find it that evaluate a row of the statement again.
 */
static void
register_scan(MergeScan *scan, EState *estate)
{
	MemoryContextCallback *callback = MemoryContextAlloc(estate->es_query_cxt,
														 sizeof(MemoryContextCallback));

	callback->func = unregister_scan;
	callback->arg = scan;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
	scan->registered = registered;
	registered = scan;
}

/*
 * What the statement's scan of a table sees; NULL if it has none of ours.
 */
CsMergeView *
cs_mergescan_view(const EState *estate, Index rti)
{
	for (MergeScan *scan = registered; scan != NULL; scan = scan->registered)
		if (scan->custom.ss.ps.state == estate &&
			((Scan *) scan->custom.ss.ps.plan)->scanrelid == rti)
			return &scan->view;
	return NULL;
}

/*
 * A row is evaluated again while the statement runs, which may have deferred
 * changes meanwhile that it does not see.  So a node of that evaluation sees
 * what the statement's own node has noted.  Returns false if there is none.
 */
static bool
share_view(MergeScan *scan, EState *estate)
{
	const MergeScan *own = registered;

	if (estate->es_epq_active == NULL)
		return false;
	while (own != NULL && (own->custom.ss.ps.state != estate->es_epq_active->parentestate ||
						   own->custom.ss.ps.plan != scan->custom.ss.ps.plan))
		own = own->registered;
	if (own == NULL)
		return false;
	scan->own = own;
	scan->view = own->view;
	scan->view.rel = scan->custom.ss.ss_currentRelation;
	scan->view.row = NULL;
	scan->view.index = NULL;
	return true;
}

static void
begin_view(MergeScan *scan, EState *estate)
{
	CustomScan *node = (CustomScan *) scan->custom.ss.ps.plan;
	CsMergeView *view = &scan->view;
	ListCell   *lc;

	if (share_view(scan, estate))
		return;
	view->rel = scan->custom.ss.ss_currentRelation;
	view->binding = merging_binding(view->rel);
	if (view->binding == NULL)
		return;
	view->snapshot = estate->es_snapshot;
	view->counted = cs_mergestart_removals(view->snapshot, view->binding->slot, &view->removals);
	cs_write_back_wait_replayed(view->binding);
	foreach(lc, scan->plan.columns)
		view->columns = bms_add_member(view->columns, lfirst_int(lc));
	view->all_apart = scan->plan.by_deferrable;
	view->adds = scan->plan.adds;
	view->sampled = scan->plan.sampled;
	cs_mergeview_begin(view, ((Plan *) linitial(node->custom_plans))->plan_rows);
	if (view->mode == CS_MERGE_LATEST)
		cs_mergestart_found_old();
	if (estate->es_epq_active == NULL)
		register_scan(scan, estate);
}

/*
 * Start the node.
 */
static void
begin_merge(CustomScanState *node, EState *estate, int eflags)
{
	MergeScan  *scan = (MergeScan *) node;

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		begin_view(scan, estate);
	if (scan->view.mode == CS_MERGE_NONE &&
		(estate->es_epq_active == NULL || scan->view.binding == NULL))
	{
		start_passing(scan, estate, eflags);
		return;
	}
	compile(scan);
	cs_mergeorder_begin(&scan->order, &scan->plan, RelationGetDescr(scan->view.rel));
	if (scan->view.mode == CS_MERGE_NONE)
		start_passing(scan, estate, eflags);
	else
		start_merging(scan, estate, eflags);
	scan->at = -1;
	scan->keeps = (eflags & EXEC_FLAG_BACKWARD) != 0;
	if (scan->keeps)
		scan->kept_slot = ExecAllocTableSlot(&estate->es_tupleTable,
											 RelationGetDescr(node->ss.ss_currentRelation),
											 &TTSOpsHeapTuple);
	/* a row that is checked again has to satisfy all conditions */
	if (estate->es_epq_active != NULL)
	{
		node->ss.ps.qual = scan->plan.changes ? NULL : scan->all;
		node->ss.ps.resultopsfixed = false;
	}
}

/* ----- rows that are given apart ----- */

static void
add_row(HeapTuple **rows, int *n, int *max, HeapTuple row)
{
	if (*n == *max)
	{
		*max = Max(64, *max * 2);
		*rows = *rows == NULL ? palloc_extended(*max * sizeof(HeapTuple), MCXT_ALLOC_HUGE) :
			repalloc_huge(*rows, *max * sizeof(HeapTuple));
	}
	(*rows)[(*n)++] = row;
}

static TupleTableSlot *next_streamed(MergeScan *scan);

/*
 * Whether the rows that are given apart are all rows.  Those of the whole
 * table have no order, and are sorted with the others.
 */
static bool
has_no_order(const MergeScan *scan)
{
	return scan->order.n > 0 && scan->view.mode == CS_MERGE_LATEST && scan->plan.by_deferrable;
}

/*
 * Whether the row, which is put into scan->row, satisfies all conditions.
 */
static bool
satisfies(MergeScan *scan, HeapTuple row)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;

	ResetExprContext(econtext);
	econtext->ecxt_scantuple = ExecStoreHeapTuple(row, scan->row, false);
	scan->row->tts_tableOid = RelationGetRelid(scan->view.rel);
	if (ExecQual(scan->all, econtext))
		return true;
	InstrCountFiltered1(scan, 1);
	return false;
}

/*
 * Keep a row that the table does not have, if the statement may be evaluated
 * with it again: it cannot be fetched by its place.  So the place says which
 * of these it is.
 */
static void
keep_added(MergeScan *scan, HeapTuple row)
{
	EState	   *estate = scan->custom.ss.ps.state;
	MemoryContext old;

	if (estate->es_rowmarks == NULL)
		return;
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	cs_mergeview_set_added(row, scan->nkept_added);
	add_row(&scan->added, &scan->nkept_added, &scan->max_added, heap_copytuple(row));
	MemoryContextSwitchTo(old);
}

/*
 * Collect the rows that are given apart.  They are the same for each rescan,
 * but for the conditions.
 */
static void
make_rows(MergeScan *scan)
{
	CsMergeView *view = &scan->view;
	cs_mergekeys_iterator iter;
	CsMergeKey *key;

	scan->made = true;
	if (view->keys == NULL)
		return;
	cs_mergekeys_start_iterate(view->keys, &iter);
	while ((key = cs_mergekeys_iterate(view->keys, &iter)) != NULL)
	{
		HeapTuple	row = key->apart ? cs_mergeview_apart(view, key) : NULL;

		if (row == NULL || (has_no_order(scan) && !satisfies(scan, row)))
			continue;
		if (cs_mergeview_is_added(&row->t_self))
			keep_added(scan, row);
		add_row(&scan->rows, &scan->nrows, &scan->max, row);
	}
}

static void
collect_streamed(MergeScan *scan)
{
	TupleTableSlot *slot;

	while ((slot = next_streamed(scan)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(scan->context);

		add_row(&scan->rows, &scan->nrows, &scan->max, ExecCopySlotHeapTuple(slot));
		MemoryContextSwitchTo(old);
	}
}

/*
 * Prepare the rows that are given apart.
 */
static void
begin_rows(MergeScan *scan)
{
	MemoryContext old;

	if (scan->context == NULL)
		scan->context = AllocSetContextCreate(scan->custom.ss.ps.state->es_query_cxt,
											  "cache_strategies rows apart",
											  ALLOCSET_SMALL_SIZES);
	if (scan->made)
		return;
	old = MemoryContextSwitchTo(scan->context);
	make_rows(scan);
	MemoryContextSwitchTo(old);
	if (has_no_order(scan))
		collect_streamed(scan);
	if (scan->nrows > 1)
		qsort_arg(scan->rows, scan->nrows, sizeof(HeapTuple), cs_mergeorder_compare,
				  &scan->order);
}

/*
 * Go to the next row apart for which the conditions hold.  Returns false if
 * there is none.
 */
static bool
find_apart(MergeScan *scan)
{
	while (scan->next < scan->nrows && !has_no_order(scan) &&
		   !satisfies(scan, scan->rows[scan->next]))
		scan->next++;
	return scan->next < scan->nrows;
}

/* ----- execution ----- */

/*
 * The next row of the child, merged, for which the conditions hold; NULL if
 * there is none.
 */
static TupleTableSlot *
next_streamed(MergeScan *scan)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;

	while (!scan->ended)
	{
		TupleTableSlot *slot = scan->child_slot;
		TupleTableSlot *result;
		MemoryContext old;
		CsMerged	merged;

		CHECK_FOR_INTERRUPTS();
		ResetExprContext(econtext);
		result = ExecProcNode(scan->child);
		if (TupIsNull(result))
		{
			scan->ended = true;
			break;
		}
		old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		merged = cs_mergeview_merge(&scan->view, slot, scan->merged);
		MemoryContextSwitchTo(old);
		if (merged == CS_MERGED_APART)
			continue;
		if (merged == CS_MERGED_PUT)
			slot = scan->merged;
		econtext->ecxt_scantuple = slot;
		if (!ExecQual(scan->rest, econtext))
		{
			InstrCountFiltered1(scan, 1);
			continue;
		}
		scan->nmerged += merged == CS_MERGED_PUT;
		return scan->plan.changes ? scan->child_slot : slot;
	}
	return NULL;
}

/*
 * Give the next row apart.
 */
static TupleTableSlot *
give_apart(MergeScan *scan)
{
	HeapTuple	row = scan->rows[scan->next++];

	ExecStoreHeapTuple(row, scan->row, false);
	scan->row->tts_tableOid = RelationGetRelid(scan->view.rel);
	if (cs_mergeview_is_added(&row->t_self))
		scan->nadded++;
	else
		scan->nmerged++;
	if (!scan->plan.changes)
		return scan->row;
	if (!table_tuple_fetch_row_version(scan->view.rel, &row->t_self, scan->view.snapshot,
									   scan->merged))
		elog(ERROR, "could not fetch a row of table \"%s\"",
			 RelationGetRelationName(scan->view.rel));
	return scan->merged;
}

/*
 * The next row in the order of the plan; NULL if there is none.
 */
static TupleTableSlot *
next_row(MergeScan *scan)
{
	TupleTableSlot *slot;

	if (scan->order.n == 0)
	{
		slot = next_streamed(scan);
		if (slot != NULL)
			return slot;
		begin_rows(scan);
		return find_apart(scan) ? give_apart(scan) : NULL;
	}
	begin_rows(scan);
	if (scan->streamed == NULL)
		scan->streamed = next_streamed(scan);
	slot = scan->streamed;
	if (find_apart(scan) && (slot == NULL || !cs_mergeorder_precedes(&scan->order, slot, scan->rows[scan->next])))
		return give_apart(scan);
	scan->streamed = NULL;
	return slot;
}

/*
 * The next row in either direction, of those that are kept.
 */
static TupleTableSlot *
next_kept(MergeScan *scan)
{
	EState	   *estate = scan->custom.ss.ps.state;
	bool		forward = !ScanDirectionIsBackward(estate->es_direction);

	if (forward && scan->at + 1 >= scan->nkept)
	{
		TupleTableSlot *slot = scan->at < scan->nkept ? next_row(scan) : NULL;
		MemoryContext old;

		if (slot == NULL)
		{
			scan->at = scan->nkept;
			return NULL;
		}
		old = MemoryContextSwitchTo(estate->es_query_cxt);
		add_row(&scan->kept, &scan->nkept, &scan->max_kept, ExecCopySlotHeapTuple(slot));
		MemoryContextSwitchTo(old);
		scan->at++;
		return slot;
	}
	scan->at = forward ? scan->at + 1 : Max(scan->at - 1, -1);
	if (scan->at < 0)
		return NULL;
	return ExecStoreHeapTuple(scan->kept[scan->at], scan->kept_slot, false);
}

/*
 * Access method of ExecScan(), which is used for rows that are checked again.
 */
static TupleTableSlot *
no_row(ScanState *ss)
{
	return ExecClearTuple(ss->ss_ScanTupleSlot);
}

/*
 * Whether a row of the statement's own table, which the executor has locked,
 * satisfies the conditions.  The row is not changed.
 */
static bool
recheck_changed(MergeScan *scan, TupleTableSlot *slot)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;
	TupleTableSlot *merged = slot;

	if (cs_recheck_merged != scan->custom.ss.ps.state->es_epq_active)
	{
		merged = ExecCopySlot(scan->row, slot);
		cs_mergeview_merge_locked(&scan->view, merged);
	}
	econtext->ecxt_scantuple = merged;
	return ExecQual(scan->all, econtext);
}

/*
 * Merge the row that is checked again.
 */
static bool
recheck_row(ScanState *ss, TupleTableSlot *slot)
{
	MergeScan  *scan = (MergeScan *) ss;
	EPQState   *epqstate = ss->ps.state->es_epq_active;
	Index		rti = ((Scan *) ss->ps.plan)->scanrelid;

	if (scan->plan.changes)
		return recheck_changed(scan, slot);
	/* a row that the executor has locked may be newer than the snapshot */
	if (epqstate->relsubs_slot[rti - 1] != NULL)
	{
		if (cs_mergeview_is_as_locked(slot))
			cs_mergeview_merge_locked(&scan->view, slot);
	}
	else if (scan->view.binding != NULL)
		cs_mergeview_merge_again(&scan->view, slot);
	return true;
}

/*
 * Whether the executor has a row to be checked again.
 */
static bool
has_row_to_check(const MergeScan *scan)
{
	EPQState   *epqstate = scan->custom.ss.ps.state->es_epq_active;
	Index		rti = ((Scan *) scan->custom.ss.ps.plan)->scanrelid;

	return epqstate != NULL &&
		(epqstate->relsubs_done[rti - 1] || epqstate->relsubs_slot[rti - 1] != NULL ||
		 epqstate->relsubs_rowmark[rti - 1] != NULL);
}

/*
 * The row that is checked again, if it is one that the table does not have;
 * else NULL.
 */
static HeapTuple
added_to_check(const MergeScan *scan)
{
	EPQState   *epqstate = scan->custom.ss.ps.state->es_epq_active;
	Index		rti = ((Scan *) scan->custom.ss.ps.plan)->scanrelid;
	const ExecAuxRowMark *mark = epqstate->relsubs_rowmark[rti - 1];
	Datum		value;
	bool		isnull;

	if (scan->own == NULL || mark == NULL || epqstate->relsubs_done[rti - 1])
		return NULL;
	/* it may be a row of another table of the tree */
	if (mark->rowmark->rti != mark->rowmark->prti)
	{
		value = ExecGetJunkAttribute(epqstate->origslot, mark->toidAttNo, &isnull);
		if (isnull || DatumGetObjectId(value) != RelationGetRelid(scan->view.rel))
			return NULL;
	}
	value = ExecGetJunkAttribute(epqstate->origslot, mark->ctidAttNo, &isnull);
	if (isnull || !cs_mergeview_is_added((ItemPointer) DatumGetPointer(value)))
		return NULL;
	return scan->own->added[cs_mergeview_added((ItemPointer) DatumGetPointer(value))];
}

/*
 * Check such a row again.  It is the one that the scan has given.
 */
static TupleTableSlot *
check_added(MergeScan *scan, HeapTuple row)
{
	ScanState  *ss = &scan->custom.ss;
	Index		rti = ((Scan *) ss->ps.plan)->scanrelid;
	ProjectionInfo *project = ss->ps.ps_ProjInfo;

	ss->ps.state->es_epq_active->relsubs_done[rti - 1] = true;
	if (!satisfies(scan, row))
		return project != NULL ? ExecClearTuple(project->pi_state.resultslot) :
			ExecClearTuple(scan->row);
	ss->ss_ScanTupleSlot = scan->row;
	return project != NULL ? ExecProject(project) : scan->row;
}

static TupleTableSlot *
exec_merge(CustomScanState *node)
{
	MergeScan  *scan = (MergeScan *) node;
	ProjectionInfo *project = node->ss.ps.ps_ProjInfo;
	TupleTableSlot *slot;

	if (scan->view.binding != NULL && has_row_to_check(scan))
	{
		HeapTuple	added = added_to_check(scan);

		if (added != NULL)
			return check_added(scan, added);
		node->ss.ss_ScanTupleSlot = scan->merged;
		return ExecScan(&node->ss, no_row, recheck_row);
	}
	if (scan->passes)
	{
		slot = ExecProcNode(scan->child);
		if (scan->index_only != NULL && !TupIsNull(slot))
			node->ss.ss_ScanTupleSlot->tts_tid = scan->index_only->ioss_ScanDesc->xs_heaptid;
		return slot;
	}
	slot = scan->keeps ? next_kept(scan) : next_row(scan);
	if (slot == NULL)
	{
		node->ss.ss_ScanTupleSlot = ExecClearTuple(scan->merged);
		return project != NULL ? ExecClearTuple(project->pi_state.resultslot) : scan->merged;
	}
	node->ss.ss_ScanTupleSlot = slot;
	if (project == NULL)
		return slot;
	node->ss.ps.ps_ExprContext->ecxt_scantuple = slot;
	return ExecProject(project);
}

static void
end_merge(CustomScanState *node)
{
	MergeScan  *scan = (MergeScan *) node;

	/* it may be the child's, which clears it */
	node->ss.ss_ScanTupleSlot = scan->merged != NULL ? scan->merged : node->ss.ss_ScanTupleSlot;
	cs_mergeview_end(&scan->view);
	ExecEndNode(scan->child);
}

static void
rescan_merge(CustomScanState *node)
{
	MergeScan  *scan = (MergeScan *) node;

	if (node->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(scan->child, node->ss.ps.chgParam);
	if (scan->child->chgParam == NULL)
		ExecReScan(scan->child);
	/* rows that were sorted with the others are those of the last scan */
	if (has_no_order(scan) && scan->made)
	{
		MemoryContextReset(scan->context);
		scan->rows = NULL;
		scan->nrows = scan->max = 0;
		scan->made = false;
	}
	scan->streamed = NULL;
	scan->ended = false;
	scan->next = 0;
	scan->nkept = 0;
	scan->at = -1;
	if (scan->merged != NULL)
		ExecScanReScan(&node->ss);
}

/* ----- EXPLAIN ----- */

static const char *const mode_names[] = {
	[CS_MERGE_NONE] = "nothing deferred",
	[CS_MERGE_NOTED] = "all keys noted",
	[CS_MERGE_LIVE] = "each key looked up",
	[CS_MERGE_LATEST] = "each row read again"
};

static void
explain_merge(CustomScanState *node, List *ancestors, ExplainState *es)
{
	MergeScan  *scan = (MergeScan *) node;

	if (!es->analyze)
		return;
	ExplainPropertyText("Merging", mode_names[scan->view.mode], es);
	if (scan->view.mode == CS_MERGE_NONE)
		return;
	if (scan->view.mode == CS_MERGE_NOTED)
		ExplainPropertyUInteger("Keys Noted", NULL, scan->view.nnoted, es);
	ExplainPropertyUInteger("Rows Merged", NULL, scan->nmerged, es);
	ExplainPropertyUInteger("Rows Added", NULL, scan->nadded, es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "MergeDeferred",
	.BeginCustomScan = begin_merge,
	.ExecCustomScan = exec_merge,
	.EndCustomScan = end_merge,
	.ReScanCustomScan = rescan_merge,
	.ExplainCustomScan = explain_merge
};
