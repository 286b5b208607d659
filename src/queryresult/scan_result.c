/*-------------------------------------------------------------------------
 *
 * scan_result.c
 *		The plan node CachedResult: execution.
 *
 * When the node begins, with the statement's snapshot taken, a result that
 * holds for it is looked for.  If there is one, its rows are returned and the
 * child is not even initialised.  If not, the child runs; each of its rows is
 * passed on at once, and copied aside.  When the child has come to its end, in
 * its first pass and forwards, the copies are kept if they may be (keeper.c).
 *
 * The data of a result are minimal tuples one after the other, aligned.
 * Values are inlined and flat.  Rows come in the shape of the node's columns,
 * those that the executor takes away afterwards included.
 *
 * The node does not project: its columns are its child's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "compat.h"
#include CS_EXPLAIN_STATE_H
#include CS_EXPLAIN_FORMAT_H
#include "queryresult/candidate.h"
#include "queryresult/herd.h"
#include "queryresult/keeper.h"
#include "queryresult/late.h"
#include "queryresult/late_run.h"
#include "queryresult/meter.h"
#include "queryresult/plan_result.h"
#include "queryresult/recompute.h"
#include "queryresult/recompute_result.h"
#include "queryresult/scan_result.h"
#include "queryresult/worth.h"
#include "store/clock.h"
#include "store/trace.h"

typedef enum Outcome
{
	OUTCOME_NONE,				/* nothing is known yet */
	OUTCOME_EXPLAINED,			/* nothing but 'why' will come of it */
	OUTCOME_BYPASS,				/* it runs as if there were no node */
	OUTCOME_HIT,
	OUTCOME_COPYING,			/* it runs, and is copied */
	OUTCOME_MISS,				/* it runs, and will not be kept */
	OUTCOME_KEPT
} Outcome;

typedef struct ResultScan
{
	CustomScanState custom;
	CsPlannedShape node;
	CsPlannedResult planned;
	Outcome		outcome;
	CsMeter		meter;
	CsHerd		herd;
	const char *why;			/* if it was bypassed or not kept */
	List	   *watched;		/* names of tables, for EXPLAIN */
	List	   *values;			/* that are watched of others */
	CsKeeper	keeper;
	uint64		shape;			/* number */
	CsTallyCount how;			/* a miss is counted as */
	bool		begun;			/* it was asked for a row */
	StringInfoData options;		/* settings that it asks for, as it began */

	/* without a child */
	PlannedStmt *late_plan;		/* NULL: not planned yet */
	QueryDesc  *late_run;		/* or NULL */

	/* while it is copied */
	MemoryContext context;		/* of the copy */
	MemoryContext row_context;
	char	   *copy;
	Size		len;
	Size		size;

	/* a hit */
	TupleTableSlot *slot;
	CsFinding	found;
	int64		nrows;
	Size	   *rows;			/* where each begins */
	int64		next;			/* the one to be returned next, going forwards */
} ResultScan;

/* ----- rows that are kept ----- */

static void
list_rows(ResultScan *scan, Size len)
{
	int64		max = 64;

	scan->rows = palloc(max * sizeof(Size));
	for (Size place = 0; place < len; scan->nrows++)
	{
		if (scan->nrows == max)
		{
			max *= 2;
			scan->rows = repalloc_huge(scan->rows, max * sizeof(Size));
		}
		scan->rows[scan->nrows] = place;
		place += MAXALIGN(((MinimalTuple) (scan->found.data + place))->t_len);
	}
}

static TupleTableSlot *
show_row(ResultScan *scan, int64 n)
{
	return ExecStoreMinimalTuple((MinimalTuple) (scan->found.data + scan->rows[n]), scan->slot, false);
}

/* 'next' is behind the row that was returned last, or it is the one itself. */
static TupleTableSlot *
next_kept(ResultScan *scan, ScanDirection direction)
{
	if (ScanDirectionIsBackward(direction))
	{
		/* behind the end there is one place more */
		if (scan->next > scan->nrows)
			scan->next = scan->nrows;
		else if (scan->next > 0)
			scan->next--;
		return scan->next > 0 ? show_row(scan, scan->next - 1) : ExecClearTuple(scan->slot);
	}
	if (scan->next < scan->nrows)
		return show_row(scan, scan->next++);
	scan->next = scan->nrows + 1;
	return ExecClearTuple(scan->slot);
}

/* ----- copying ----- */

/* Has the executor left the node since its last row? */
static void
note_time(ResultScan *scan)
{
	if (scan->begun && scan->custom.ss.ps.state->es_processed == 0)
		cs_meter_interrupt(&scan->meter);
	scan->begun = true;
}

static void
stop_copying(ResultScan *scan, const char *why, CsTallyCount how)
{
	scan->outcome = OUTCOME_MISS;
	scan->why = why;
	cs_herd_land(&scan->herd, false);
	cs_meter_end(&scan->meter, how);
	MemoryContextDelete(scan->context);
	scan->context = NULL;
	scan->copy = NULL;
}

static void
begin_copying(ResultScan *scan)
{
	scan->outcome = OUTCOME_COPYING;
	scan->context = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies result",
										  ALLOCSET_DEFAULT_SIZES);
	scan->row_context = AllocSetContextCreate(scan->context, "cache_strategies row",
											  ALLOCSET_DEFAULT_SIZES);
}

static MinimalTuple
flat_tuple(TupleTableSlot *slot)
{
	TupleDesc	tupdesc = slot->tts_tupleDescriptor;
	Datum	   *values = palloc(tupdesc->natts * sizeof(Datum) + 1);

	slot_getallattrs(slot);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		values[i] = slot->tts_values[i];
		if (!slot->tts_isnull[i] && TupleDescAttr(tupdesc, i)->attlen == -1 &&
			VARATT_IS_EXTERNAL(DatumGetPointer(values[i])))
			values[i] = PointerGetDatum(detoast_external_attr((struct varlena *)
															  DatumGetPointer(values[i])));
	}
	return cs_minimal_tuple(tupdesc, values, slot->tts_isnull);
}

/* False: it would become too large. */
static bool
reserve(ResultScan *scan, Size more)
{
	Size		limit = cs_keeper_limit();

	if (scan->len + more > limit)
		return false;
	if (scan->copy == NULL)
	{
		scan->size = Max(more, 1024);
		scan->copy = MemoryContextAllocHuge(scan->context, scan->size);
	}
	else if (scan->len + more > scan->size)
	{
		scan->size = Max(scan->size * 2, scan->len + more);
		scan->copy = repalloc_huge(scan->copy, scan->size);
	}
	return true;
}

/* Rows of which some were made with other settings are the result of none. */
static bool
is_as_begun(const ResultScan *scan)
{
	const CsShape *shape = cs_shape_find(scan->shape);
	StringInfoData options;
	bool		equal;

	if (shape == NULL || !cs_shape_fits(shape))
		return false;
	if (shape->options == NIL)
		return true;
	initStringInfo(&options);
	cs_shape_options(shape, &options);
	equal = options.len == scan->options.len &&
		memcmp(options.data, scan->options.data, options.len) == 0;
	pfree(options.data);
	return equal;
}

/*
 * Between the rows of one run of the executor no other code of the session
 * runs, so the settings are compared with the first row of each, and at the
 * end.
 */
static void
copy_row(ResultScan *scan, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(scan->row_context);
	MinimalTuple tuple;
	Size		size;

	cs_meter_copy(&scan->meter);
	tuple = flat_tuple(slot);
	size = MAXALIGN(tuple->t_len);

	MemoryContextSwitchTo(old);
	if (scan->custom.ss.ps.state->es_processed == 0 && !is_as_begun(scan))
		stop_copying(scan, "settings, or something that it uses, were changed meanwhile",
					 CS_TALLY_NOT_KEPT);
	else if (!reserve(scan, size))
		stop_copying(scan, "it is larger than cache_strategies.max_result", CS_TALLY_TOO_LARGE);
	else
	{
		memset(scan->copy + scan->len, 0, size);
		memcpy(scan->copy + scan->len, tuple, tuple->t_len);
		scan->len += size;
		MemoryContextReset(scan->row_context);
	}
	cs_meter_copied(&scan->meter);
}

static void
keep_copy(ResultScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->custom.ss.ps.state->es_query_cxt);
	const char *why = NULL;
	int64		computed = cs_meter_computed(&scan->meter);

	cs_herd_computed(&scan->herd, computed);
	if (!is_as_begun(scan))
		stop_copying(scan, "settings, or something that it uses, were changed meanwhile",
					 CS_TALLY_NOT_KEPT);
	else if (cs_keeper_keep(&scan->keeper, scan->copy, scan->len, computed, &why))
	{
		cs_tally_keeps(scan->meter.key, scan->len);
		cs_herd_kept(scan->keeper.key.key.hash);
		stop_copying(scan, NULL, CS_TALLY_KEPT);
		scan->outcome = OUTCOME_KEPT;
	}
	else
		stop_copying(scan, why, CS_TALLY_CHANGED);
	MemoryContextSwitchTo(old);
}

/* ----- beginning ----- */

static const CustomExecMethods exec_methods;

static Node *
create_state(CustomScan *plan)
{
	ResultScan *scan = (ResultScan *) newNode(sizeof(ResultScan), T_CustomScanState);

	scan->custom.methods = &exec_methods;
	return (Node *) scan;
}

const CustomScanMethods cs_scan_result_methods = {
	.CustomName = "CachedResult",
	.CreateCustomScanState = create_state
};

static void
bypass(ResultScan *scan, const char *why)
{
	scan->outcome = OUTCOME_BYPASS;
	scan->why = why;
}

static void
name_watched(ResultScan *scan, EState *estate, const CsShape *shape)
{
	CsKeeper	keeper = {.ntables = shape->ntables,.tables = shape->tables,
	.snapshot = estate->es_snapshot};

	cs_keeper_set_conditions(&keeper, scan->planned.conditions, shape,
							 estate->es_param_list_info);
	cs_keeper_describe(&keeper, &scan->watched, &scan->values);
}

/* NULL: there is nothing to be looked for, or kept. */
static const CsShape *
find_shape(ResultScan *scan, bool planned_now)
{
	const CsShape *shape;

	if (IsInParallelMode() || IsParallelWorker())
	{
		bypass(scan, "it is run inside a parallel query");
		return NULL;
	}

	/*
	 * A plan that was made before may hold all its locks already.  Then
	 * nothing else tells of privileges on what functions read that were
	 * revoked since.
	 */
	if (!planned_now)
		AcceptInvalidationMessages();
	shape = cs_shape_get(scan->planned.query, scan->planned.digest, scan->planned.news);
	if (shape == NULL)
	{
		bypass(scan, "something that it uses was changed since it was planned");
		ResetPlanCache();
		return NULL;
	}
	if (shape->refused != NULL)
		bypass(scan, pstrdup(shape->refused));
	else if (shape->timely && scan->planned.terms.max_age <= 0)
		bypass(scan, "it depends on the time");
	return scan->outcome == OUTCOME_BYPASS ? NULL : shape;
}

/* The child, or what has to be planned in its place. */
static void
plan_late(ResultScan *scan, EState *estate)
{
	if (scan->late_plan == NULL)
		scan->late_plan = cs_plan_result_after_all(&scan->planned, estate->es_sourceText,
												   estate->es_param_list_info);
}

static void
begin_child(ResultScan *scan, EState *estate, int eflags)
{
	CustomScan *plan = castNode(CustomScan, scan->custom.ss.ps.plan);

	if (scan->planned.late == 0)
	{
		scan->custom.custom_ps = list_make1(ExecInitNode(linitial(plan->custom_plans),
														 estate, eflags));
		return;
	}
	if (scan->outcome == OUTCOME_HIT || (eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return;
	plan_late(scan, estate);
	scan->late_run = cs_late_run_begin(scan->late_plan, estate, eflags);
}

/* What the lookup found is counted once, whatever is done then. */
static void
count_miss(const ResultScan *scan)
{
	const CsFinding *found = &scan->found;
	uint64		key = scan->meter.key;

	if (!OidIsValid(found->fell))
	{
		cs_tally_add(key, found->missed, 1);
		return;
	}
	cs_tally_fell(key, found->missed, found->fell);
	if (!cs_herd_used(scan->keeper.key.key.hash))
		cs_tally_add(key, CS_TALLY_UNUSED, 1);
}

/*
 * One session computes a result anew that will soon be too old, and the others
 * go on with it.  Now and then one is computed to know what that takes.
 */
static bool
is_to_be_used(ResultScan *scan)
{
	if (scan->found.ahead && cs_herd_lead(&scan->herd, cs_keeper_flight(&scan->keeper)))
	{
		cs_tally_add(scan->meter.key, CS_TALLY_AHEAD, 1);
		return false;
	}
	return !scan->found.exact || !cs_worth_measuring(scan->meter.key);
}

static void
use_found(ResultScan *scan)
{
	scan->outcome = OUTCOME_HIT;
	if (cs_recompute_wants())
	{
		cs_meter_interrupt(&scan->meter);
		cs_recompute_result(&scan->keeper, &scan->found, &scan->planned,
							scan->custom.ss.ps.state,
							scan->custom.ss.ss_ScanTupleSlot->tts_tupleDescriptor);
	}
	list_rows(scan, scan->found.len);
	cs_keeper_sample(&scan->keeper, &scan->found, true);
	cs_keeper_count(&scan->keeper, &scan->found, true);
	cs_herd_hit(scan->keeper.key.key.hash, scan->found.cost);
}

static void
miss(ResultScan *scan, const char *why, CsTallyCount how)
{
	scan->outcome = OUTCOME_MISS;
	scan->why = why;
	cs_meter_run(&scan->meter);
	scan->how = how;
}

/*
 * Compute it, alone or for others, or get it from a session that does.
 */
static void
compute(ResultScan *scan, EState *estate)
{
	CsHerd	   *herd = &scan->herd;
	const char *why = NULL;
	const CsShape *shape;

	if (scan->planned.late != 0)
		plan_late(scan, estate);
	shape = cs_shape_find(scan->shape);
	if (shape == NULL)
	{
		bypass(scan, "something that it uses was changed since it was planned");
		return;
	}
	cs_keeper_set_conditions(&scan->keeper, scan->planned.conditions, shape,
							 estate->es_param_list_info);
	for (;;)
	{
		if (!cs_keeper_could_keep(&scan->keeper, &why))
		{
			miss(scan, why, CS_TALLY_CHANGED);
			return;
		}
		switch (herd->leads ? CS_HERD_COMPUTE :
				cs_herd_join(herd, cs_keeper_flight(&scan->keeper), cs_keeper_stands,
							 &scan->keeper))
		{
			case CS_HERD_COMPUTE:
				begin_copying(scan);
				cs_meter_run(&scan->meter);
				return;
			case CS_HERD_RUN:
				miss(scan, "another session is computing it", CS_TALLY_NOT_KEPT);
				return;
			case CS_HERD_LOOK:
				break;
		}
		cs_meter_interrupt(&scan->meter);
		cs_tally_add(scan->meter.key, CS_TALLY_WAIT, 1);
		if (cs_keeper_find(&scan->keeper, &scan->found))
		{
			cs_herd_found(herd);
			use_found(scan);
			return;
		}
		cs_herd_missed(herd);
		cs_tally_add(scan->meter.key, CS_TALLY_WAITED_IN_VAIN, 1);
	}
}

static void
look(ResultScan *scan, EState *estate, const CsShape *shape)
{
	scan->shape = shape->number;
	initStringInfo(&scan->options);
	cs_shape_options(shape, &scan->options);
	if (!cs_keeper_begin(&scan->keeper, shape, estate->es_param_list_info,
						 estate->es_snapshot, &scan->planned.terms, &scan->why))
	{
		scan->outcome = OUTCOME_BYPASS;
		cs_meter_bypass(&scan->meter, scan->keeper.own ? CS_TALLY_OWN : CS_TALLY_BYPASS);
		return;
	}
	scan->herd.hash = scan->keeper.key.key.hash;
	cs_herd_watch(&scan->herd, estate->es_query_cxt);
	if (cs_keeper_find(&scan->keeper, &scan->found) && is_to_be_used(scan))
	{
		use_found(scan);
		return;
	}
	if (scan->found.data == NULL)
		count_miss(scan);
	cs_keeper_sample(&scan->keeper, &scan->found, false);
	cs_keeper_count(&scan->keeper, &scan->found, false);
	scan->herd.cost = scan->found.cost > 0 ? scan->found.cost :
		cs_tally_mean_run(scan->meter.key);
	compute(scan, estate);
}

#define UNTRACKED	"it reads a table whose changes are not tracked"
#define LEFT_ALONE	"keeping it does not pay at the moment"

/* What the plan says by itself. */
static bool
explain_plan(ResultScan *scan)
{
	switch (scan->node.kind)
	{
		case CS_NODE_RESULT:
			return false;
		case CS_NODE_REFUSED:
			scan->why = psprintf("not eligible: %s",
								 cs_plan_result_refusal(castNode(CustomScan, scan->custom.ss.ps.plan)));
			break;
		case CS_NODE_CANDIDATE:
			scan->why = "bypassed: " UNTRACKED;
			break;
		case CS_NODE_ALONE:
			scan->why = "bypassed: " LEFT_ALONE;
			break;
	}
	scan->outcome = OUTCOME_EXPLAINED;
	return true;
}

/*
 * Has the node nothing to do?
 */
static bool
passes_by(ResultScan *scan, EState *estate, int eflags)
{
	uint64		key = cs_tally_key(scan->node.jumble, scan->node.kind == CS_NODE_CANDIDATE);

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || scan->node.kind == CS_NODE_REFUSED)
		return explain_plan(scan);
	(void) cs_tally_make(key, estate->es_sourceText, estate->es_plannedstmt->stmt_location,
						 estate->es_plannedstmt->stmt_len);
	cs_meter_begin(&scan->meter, key, estate->es_instrument == 0);
	if (scan->node.kind == CS_NODE_CANDIDATE)
	{
		bypass(scan, UNTRACKED);
		cs_meter_run(&scan->meter);
		return true;
	}
	if (cs_worth_leave(key) || scan->node.kind == CS_NODE_ALONE)
	{
		bypass(scan, LEFT_ALONE);
		return true;
	}
	return false;
}

static void
begin_result(CustomScanState *node, EState *estate, int eflags)
{
	ResultScan *scan = (ResultScan *) node;
	const CsShape *shape = NULL;
	bool		planned_now = false;

	cs_plan_result_shape(castNode(CustomScan, node->ss.ps.plan), &scan->node);
	if (scan->node.kind == CS_NODE_RESULT)
		cs_plan_result_read(castNode(CustomScan, node->ss.ps.plan), &scan->planned);
	if (scan->planned.late != 0)
		planned_now = cs_late_executed(scan->planned.late);
	node->ss.ps.resultopsset = true;
	node->ss.ps.resultopsfixed = false;
	if (!passes_by(scan, estate, eflags))
		shape = find_shape(scan, planned_now);
	if (shape != NULL && scan->planned.late == 0 &&
		(estate->es_instrument != 0 || (eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0))
		name_watched(scan, estate, shape);
	if (shape != NULL && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		look(scan, estate, shape);
	if (scan->outcome == OUTCOME_HIT)
		scan->slot = ExecInitExtraTupleSlot(estate,
											node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
											&TTSOpsMinimalTuple);
	/* EXPLAIN shows it even if it is not executed */
	if (scan->outcome != OUTCOME_HIT || estate->es_instrument != 0)
		begin_child(scan, estate, eflags);
}

/* ----- executing ----- */

static TupleTableSlot *
next_of_child(ResultScan *scan, ScanDirection direction)
{
	if (scan->late_run != NULL)
		return cs_late_run_next(scan->late_run, direction);
	return ExecProcNode(linitial(scan->custom.custom_ps));
}

static TupleTableSlot *
next_of_hit(ResultScan *scan, ScanDirection direction)
{
	TupleTableSlot *slot;

	note_time(scan);
	slot = next_kept(scan, direction);
	if (TupIsNull(slot) || scan->planned.single)
		cs_meter_hit(&scan->meter, scan->found.cost);
	return slot;
}

static TupleTableSlot *
exec_result(CustomScanState *node)
{
	ResultScan *scan = (ResultScan *) node;
	ScanDirection direction = node->ss.ps.state->es_direction;
	TupleTableSlot *slot;

	CHECK_FOR_INTERRUPTS();
	if (scan->outcome == OUTCOME_HIT)
		return next_of_hit(scan, direction);
	if (scan->outcome == OUTCOME_COPYING && !ScanDirectionIsForward(direction))
		stop_copying(scan, "it was read backwards before its end", CS_TALLY_UNFINISHED);
	note_time(scan);
	slot = next_of_child(scan, direction);
	if (scan->outcome != OUTCOME_COPYING)
		return slot;
	if (!TupIsNull(slot))
		copy_row(scan, slot);
	if (scan->outcome == OUTCOME_COPYING && (TupIsNull(slot) || scan->planned.single))
		keep_copy(scan);
	return slot;
}

static const char *
miss_text(CsTallyCount missed)
{
	switch (missed)
	{
		case CS_TALLY_ABSENT:
			return "not in the cache";
		case CS_TALLY_EXPIRED:
			return "the result has expired";
		case CS_TALLY_OTHER_SNAPSHOT:
			return "the result is for other snapshots";
		case CS_TALLY_FELL_VALUE:
		case CS_TALLY_FELL_TABLE:
		case CS_TALLY_FELL_EPOCH:
			return "a table has changed";
		default:
			return "the result is computed anew";
	}
}

/* An execution has ended. */
static void
trace(const ResultScan *scan, const char *text)
{
	static const char *const outcomes[] = {
		[OUTCOME_BYPASS] = "bypass",
		[OUTCOME_HIT] = "hit",
		[OUTCOME_COPYING] = "miss",
		[OUTCOME_MISS] = "miss",
		[OUTCOME_KEPT] = "miss"
	};
	CsTraced	traced = {0};

	traced.strategy = "results";
	traced.object = pnstrdup(text, CS_TRACE_NAME);
	traced.operation = "query";
	traced.outcome = outcomes[scan->outcome];
	if (scan->outcome == OUTCOME_BYPASS)
		traced.reason = scan->why;
	else if (scan->outcome != OUTCOME_HIT)
		traced.reason = miss_text(scan->found.missed);
	traced.nanos = scan->meter.timed ? cs_clock_nanos() - scan->meter.began : -1;
	cs_trace_emit(&traced);
}

static void
end_result(CustomScanState *node)
{
	ResultScan *scan = (ResultScan *) node;
	ListCell   *lc;

	if (scan->node.kind != CS_NODE_CANDIDATE && scan->outcome > OUTCOME_EXPLAINED &&
		cs_trace_wants(1))
		trace(scan, node->ss.ps.state->es_sourceText);
	cs_herd_land(&scan->herd, false);
	if (scan->outcome == OUTCOME_HIT)
		cs_meter_hit(&scan->meter, scan->found.cost);
	else if (scan->outcome == OUTCOME_COPYING)
		cs_meter_end(&scan->meter, CS_TALLY_UNFINISHED);
	else if (scan->outcome == OUTCOME_MISS)
		cs_meter_end(&scan->meter, scan->how);
	else if (scan->node.kind == CS_NODE_CANDIDATE && scan->begun)
		cs_candidate_note(scan->meter.key, scan->node.values,
						  node->ss.ps.state->es_param_list_info,
						  cs_meter_computed(&scan->meter));
	foreach(lc, node->custom_ps)
		ExecEndNode(lfirst(lc));
	if (((ResultScan *) node)->late_run != NULL)
		cs_late_run_end(((ResultScan *) node)->late_run);
}

static void
rescan_result(CustomScanState *node)
{
	ResultScan *scan = (ResultScan *) node;

	if (scan->outcome == OUTCOME_HIT)
	{
		scan->next = 0;
		ExecClearTuple(scan->slot);
		return;
	}
	if (scan->outcome == OUTCOME_COPYING)
		stop_copying(scan, "it was begun again before its end", CS_TALLY_UNFINISHED);
	if (scan->late_run != NULL)
		cs_late_run_again(scan->late_run);
	else
		ExecReScan(linitial(node->custom_ps));
}

/* ----- EXPLAIN ----- */

static const char *
outcome_text(const ResultScan *scan)
{
	switch (scan->outcome)
	{
		case OUTCOME_NONE:
			return NULL;
		case OUTCOME_EXPLAINED:
			return scan->why;
		case OUTCOME_BYPASS:
			return psprintf("bypassed: %s", scan->why);
		case OUTCOME_HIT:
			return "hit";
		case OUTCOME_COPYING:
			return "not kept: its end was not reached";
		case OUTCOME_MISS:
			return psprintf("not kept: %s", scan->why);
		case OUTCOME_KEPT:
			return "kept";
	}
	return NULL;
}

static void
explain_span(const char *label, int64 usecs, ExplainState *es)
{
	if (usecs > 0)
		ExplainPropertyFloat(label, "ms", usecs / 1000.0, 0, es);
}

static void
explain_result(CustomScanState *node, List *ancestors, ExplainState *es)
{
	ResultScan *scan = (ResultScan *) node;
	const char *outcome = outcome_text(scan);

	if (outcome != NULL)
		ExplainPropertyText("Result", outcome, es);
	if (scan->watched != NIL)
		ExplainPropertyList("Watched Tables", scan->watched, es);
	if (scan->values != NIL)
		ExplainPropertyList("Watched Values", scan->values, es);
	explain_span("Time To Live", scan->planned.terms.ttl, es);
	explain_span("Max Age", scan->planned.terms.max_age, es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "CachedResult",
	.BeginCustomScan = begin_result,
	.ExecCustomScan = exec_result,
	.EndCustomScan = end_result,
	.ReScanCustomScan = rescan_result,
	.ExplainCustomScan = explain_result
};
