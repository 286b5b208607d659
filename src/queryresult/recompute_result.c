/*-------------------------------------------------------------------------
 *
 * recompute_result.c
 *		Comparing the result of a plain statement with what it returns.
 *
 * The statement is planned anew, and run by an executor of its own, as one
 * that has no plan is when its result has fallen (late_run.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "queryresult/late_run.h"
#include "queryresult/recompute.h"
#include "queryresult/recompute_result.h"

typedef struct Run
{
	CsKeeper   *keeper;
	CsFinding  *found;
	CsPlannedResult planned;	/* with the conditions of the new plan */
	EState	   *estate;

	/* minimal tuples, one after the other, aligned */
	char	   *data;
	Size		len;
	Size		size;
} Run;

static void
copy_row(Run *run, TupleTableSlot *slot)
{
	bool		free;
	MinimalTuple tuple = ExecFetchSlotMinimalTuple(slot, &free);
	Size		size = MAXALIGN(tuple->t_len);

	if (run->len + size > run->size)
	{
		run->size = Max(run->size * 2, run->len + size);
		run->data = repalloc_huge(run->data, run->size);
	}
	memset(run->data + run->len, 0, size);
	memcpy(run->data + run->len, tuple, tuple->t_len);
	run->len += size;
	if (free)
		pfree(tuple);
}

static void
run_statement(CsRecompute *recompute)
{
	Run		   *run = recompute->arg;
	EState	   *estate = run->estate;
	PlannedStmt *stmt = cs_plan_result_after_all(&run->planned, estate->es_sourceText,
												 estate->es_param_list_info);
	QueryDesc  *query = cs_late_run_begin(stmt, estate, 0);
	TupleTableSlot *slot;

	run->size = Max(run->found->len, 1024);
	run->data = MemoryContextAllocHuge(CurrentMemoryContext, run->size);
	while (slot = cs_late_run_next(query, ForwardScanDirection), !TupIsNull(slot))
	{
		CHECK_FOR_INTERRUPTS();
		copy_row(run, slot);
	}
	cs_late_run_end(query);
	(void) cs_rowset_add_minimal(&recompute->computed, run->data, run->len);
}

static bool
would_answer(CsRecompute *recompute)
{
	Run		   *run = recompute->arg;
	CsFinding	again;

	return cs_shape_find(run->keeper->shape) != NULL &&
		cs_keeper_find(run->keeper, &again) && again.exact && again.len == run->found->len &&
		memcmp(again.data, run->found->data, again.len) == 0;
}

static void
describe(CsRecompute *recompute, StringInfo buf)
{
	Run		   *run = recompute->arg;
	const CsShape *shape = cs_shape_find(run->keeper->shape);
	CsKeeper	keeper = *run->keeper;
	const char *separator = "";
	List	   *tables;
	List	   *values;
	ListCell   *lc;

	if (shape == NULL)
		return;
	cs_keeper_set_conditions(&keeper, run->planned.conditions, shape,
							 run->estate->es_param_list_info);
	cs_keeper_describe(&keeper, &tables, &values);
	foreach(lc, list_concat(tables, values))
	{
		appendStringInfo(buf, "%s%s", separator, (const char *) lfirst(lc));
		separator = ", ";
	}
}

/* Why it cannot be compared; CS_OUTCOME_RESULT_VERIFIED: it can be. */
static CsOutcome
why_not(const Run *run, TupleDesc columns, CsDetermined *determined)
{
	const CsShape *shape = cs_shape_find(run->keeper->shape);

	if (!run->found->exact)
		return CS_OUTCOME_RESULT_AGED;
	if (shape == NULL)
		return CS_OUTCOME_RESULT_CHANGED;
	/* what functions read may be read in any order */
	if (shape->nopened > 0 || !cs_determined_query(run->planned.query, determined))
		return CS_OUTCOME_RESULT_OPEN;
	return cs_determined_columns(columns) ? CS_OUTCOME_RESULT_VERIFIED : CS_OUTCOME_RESULT_FORMLESS;
}

/*
 * Of INTERSECT and EXCEPT plans have a column more, which says of which input
 * a row is.  It is left out, as a dropped one.
 */
static TupleDesc
columns_of_statement(TupleDesc columns, const Query *query)
{
	TupleDesc	copy = CreateTupleDescCopy(columns);

	for (int i = list_length(query->targetList); i < copy->natts; i++)
		TupleDescAttr(copy, i)->attisdropped = true;
	return copy;
}

static void
compare(Run *run, TupleDesc columns, const CsDetermined *determined)
{
	CsKeeper   *keeper = run->keeper;
	CsRecompute recompute = {.text = run->estate->es_sourceText,.key = &keeper->key,
		.space = &keeper->space,.snapshot = keeper->snapshot,.determined = determined,
		.run = run_statement,.stands = would_answer,.describe = describe,.arg = run
	};

	cs_rowset_begin(&recompute.kept, columns);
	cs_rowset_begin(&recompute.computed, columns);
	recompute.malformed = !cs_rowset_add_minimal(&recompute.kept, run->found->data,
												 run->found->len);
	if (cs_recompute_is_right(&recompute))
		return;
	run->found->len = run->len;
	run->found->data = MemoryContextAllocHuge(run->estate->es_query_cxt, Max(run->len, 1));
	memcpy(run->found->data, run->data, run->len);
}

/*
 * Compare what was found with what the statement returns.  If it is not the
 * same, that is what was found.
 */
void
cs_recompute_result(CsKeeper *keeper, CsFinding *found, const CsPlannedResult *planned,
					EState *estate, TupleDesc columns)
{
	Run			run = {.keeper = keeper,.found = found,.planned = *planned,.estate = estate};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies comparison",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CsDetermined determined;
	CsOutcome	outcome;

	columns = columns_of_statement(columns, planned->query);
	outcome = why_not(&run, columns, &determined);
	if (outcome == CS_OUTCOME_RESULT_VERIFIED)
		compare(&run, columns, &determined);
	else
		cs_verified_note(outcome);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
