/*-------------------------------------------------------------------------
 *
 * recheck.c
 *		Rechecking: what an UPDATE does to a row with its deferred changes.
 *
 * An UPDATE finds its rows, and computes what it sets, from the table.  The
 * deferred changes of a row are like changes committed after the statement's
 * snapshot was taken.  PostgreSQL would evaluate the statement again for such
 * a row, and so does this file, by the same means: the plan is evaluated with
 * the present row (EvalPlanQual()), which determines whether WHERE holds and
 * what SET computes.
 *
 * That takes some microseconds.  It is omitted if the outcome is known: if the
 * statement uses no column that has deferred changes, or adds to such a column
 * and uses no other.
 *
 * Where no UPDATE is known that has fired the trigger (execution.c), the new
 * row is used unchanged.
 *
 * Everything is local to the session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "relation/triggers.h"
#include "writeback/combine.h"
#include "writeback/execution.h"
#include "writeback/merge.h"
#include "writeback/recheck.h"
#include "writeback/sum.h"

const EPQState *cs_recheck_merged = NULL;
bool		(*cs_recheck_gives_merged) (const CustomScan *scan) = NULL;

/* How the new value follows from the old one. */
typedef enum Shift
{
	SHIFT_NOT,					/* unknown */
	SHIFT_ROUNDED,				/* something is added, then rounded */
	SHIFT_EXACT					/* something is added */
} Shift;

/* A column that a statement sets. */
typedef struct Setting
{
	AttrNumber	attnum;
	Node	   *value;			/* NULL if it is unknown what it uses */
	Shift		shift;
	Node	   *by;				/* what is added */
} Setting;

/* A result relation of an execution. */
typedef struct Target
{
	ModifyTableState *mtstate;
	ResultRelInfo *relinfo;
	Index		rti;
	Plan	   *plan;			/* computes the rows */
	bool		simple;			/* it only scans the table */
	bool		merged;			/* and gives its rows merged */
	int			nsettings;
	Setting    *settings;		/* in the order of the plan's columns */

	/* what the plan has computed for the row that was met last */
	ItemPointerData plain_of;
	MemoryContext plain_context;	/* NULL: none was needed yet */
	Datum	   *plain;			/* by column of the table */
	bool	   *plainnulls;
} Target;

/* ----- analysing what is set ----- */

/* Follow a join's column to the plans below. */
static Node *
resolve(const Plan *plan, Node *node)
{
	while (node != NULL && IsA(node, Var) && IS_SPECIAL_VARNO(((Var *) node)->varno))
	{
		const Var  *var = (Var *) node;
		const TargetEntry *tle;

		if (plan == NULL || var->varattno < 1)
			return node;
		if (var->varno == OUTER_VAR)
			plan = outerPlan(plan);
		else if (var->varno == INNER_VAR)
			plan = innerPlan(plan);
		else
			return node;
		if (plan == NULL || var->varattno > list_length(plan->targetlist))
			return node;
		tle = list_nth_node(TargetEntry, plan->targetlist, var->varattno - 1);
		node = (Node *) tle->expr;
	}
	return node;
}

/*
 * Whether an expression uses one of the columns.
 */
static bool
looks_at(const Target *target, Node *node, const Bitmapset *columns)
{
	Bitmapset  *used = NULL;
	int			attnum = -1;

	if (node == NULL || IsA(node, Const) || IsA(node, Param))
		return false;
	pull_varattnos(node, target->rti, &used);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used))
		return true;
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used))
			return true;
	return false;
}

/*
 * Whether an expression is this column of the target.
 */
static bool
is_column(const Target *target, Node *node, AttrNumber attnum)
{
	const Var  *var = (Var *) resolve(target->plan, node);

	return var != NULL && IsA(var, Var) && var->varno == target->rti &&
		var->varattno == attnum && var->varlevelsup == 0;
}

typedef struct Adding
{
	Oid			function;
	bool		commutes;		/* the operands can be exchanged */
	bool		exact;
} Adding;

static const Adding addings[] = {
	{F_INT4PL, true, true}, {F_INT84PL, true, true}, {F_INT8PL, true, true},
	{F_INT4MI, false, true}, {F_INT84MI, false, true}, {F_INT8MI, false, true},
	{F_INT2PL, true, true}, {F_INT2MI, false, true},
	{F_INT24PL, true, true}, {F_INT24MI, false, true},
	{F_INT42PL, true, true}, {F_INT42MI, false, true},
	{F_INT28PL, true, true}, {F_INT28MI, false, true},
	{F_INT82PL, true, true}, {F_INT82MI, false, true},
	{F_INT48PL, true, true}, {F_INT48MI, false, true},
	{F_NUMERIC_ADD, true, true}, {F_NUMERIC_SUB, false, true},
	{F_CASH_PL, true, true}, {F_CASH_MI, false, true},
	{F_INTERVAL_PL, true, true}, {F_INTERVAL_MI, false, true},
	{F_FLOAT4PL, true, false}, {F_FLOAT4MI, false, false},
	{F_FLOAT8PL, true, false}, {F_FLOAT8MI, false, false},
	{F_FLOAT48PL, true, false}, {F_FLOAT48MI, false, false},
	{F_FLOAT84PL, true, false}, {F_FLOAT84MI, false, false},
};

static const Adding *
find_adding(Oid function)
{
	for (int i = 0; i < lengthof(addings); i++)
		if (addings[i].function == function)
			return &addings[i];
	return NULL;
}

/*
 * Remove casts.  Casts between integers change nothing or fail; others may
 * round.
 */
static Node *
strip_casts(Node *node, Shift *shift)
{
	for (;;)
	{
		if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->args != NIL &&
				 ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL)
		{
			const FuncExpr *cast = (FuncExpr *) node;

			if (cast->funcid != F_INT2_INT4 && cast->funcid != F_INT2_INT8 &&
				cast->funcid != F_INT4_INT8 && cast->funcid != F_INT8_INT4 &&
				cast->funcid != F_INT8_INT2 && cast->funcid != F_INT4_INT2)
				*shift = SHIFT_ROUNDED;
			node = linitial(cast->args);
		}
		else
			return node;
	}
}

/* Recognize "column + something" and "column - something". */
static void
find_shift(const Target *target, Setting *setting)
{
	Shift		shift = SHIFT_EXACT;
	Node	   *node = strip_casts(setting->value, &shift);
	const OpExpr *op = (OpExpr *) node;
	const Adding *adding;
	Shift		ignored = SHIFT_EXACT;
	Node	   *left;
	Node	   *right;

	if (!IsA(node, OpExpr) || list_length(op->args) != 2 ||
		(adding = find_adding(op->opfuncid)) == NULL)
		return;
	left = strip_casts(linitial(op->args), &ignored);
	right = strip_casts(lsecond(op->args), &ignored);
	if (ignored != SHIFT_EXACT || !adding->exact)
		shift = SHIFT_ROUNDED;
	if (is_column(target, left, setting->attnum))
		setting->by = right;
	else if (adding->commutes && is_column(target, right, setting->attnum))
		setting->by = left;
	if (setting->by != NULL && !looks_at(target, setting->by, bms_make_singleton(setting->attnum)))
		setting->shift = shift;
}

/*
 * Whether the plan only scans the table.
 */
static bool
is_simple(const Plan *plan, Index rti)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_IndexScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
			return ((const Scan *) plan)->scanrelid == rti;
		default:
			return false;
	}
}

/*
 * The custom scan of the table in the plan; NULL if there is none.
 */
static const CustomScan *
find_custom_scan(const Plan *plan, Index rti)
{
	List	   *plans = NIL;
	const CustomScan *scan;
	ListCell   *lc;

	if (plan == NULL)
		return NULL;
	if (IsA(plan, CustomScan) && ((const Scan *) plan)->scanrelid == rti)
		return (const CustomScan *) plan;
	if (IsA(plan, Append))
		plans = ((const Append *) plan)->appendplans;
	else if (IsA(plan, MergeAppend))
		plans = ((const MergeAppend *) plan)->mergeplans;
	foreach(lc, plans)
	{
		scan = find_custom_scan(lfirst(lc), rti);
		if (scan != NULL)
			return scan;
	}
	scan = find_custom_scan(outerPlan(plan), rti);
	return scan != NULL ? scan : find_custom_scan(innerPlan(plan), rti);
}

/*
 * Describe the target, in the execution's context, since following rows need
 * it too.
 */
static void
describe(const CsExecution *execution, Target *target)
{
	ModifyTableState *mtstate = target->mtstate;
	List	   *columns = mtstate->operation == CMD_DELETE ? NIL :
	cs_update_columns(mtstate, target->relinfo - mtstate->resultRelInfo);
	MemoryContext old = MemoryContextSwitchTo(execution->query->estate->es_query_cxt);
	const CustomScan *scan;
	ListCell   *tle;
	ListCell   *attnum;

	target->rti = target->relinfo->ri_RangeTableIndex;
	target->plan = outerPlan(mtstate->ps.plan);
	target->simple = is_simple(target->plan, target->rti);
	scan = find_custom_scan(target->plan, target->rti);
	target->merged = scan != NULL && cs_recheck_gives_merged(scan);
	target->settings = palloc0(Max(list_length(columns), 1) * sizeof(Setting));
	forboth(tle, target->plan->targetlist, attnum, columns)
	{
		Setting    *setting = &target->settings[target->nsettings++];

		setting->attnum = lfirst_int(attnum);
		setting->value = resolve(target->plan, (Node *) lfirst_node(TargetEntry, tle)->expr);
		find_shift(target, setting);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Target of the UPDATE or DELETE that has fired the trigger; NULL if it is
 * unknown, or another statement.  The last one is kept for following rows.
 */
static Target *
find_target(const TriggerData *trigdata)
{
	CsFiring	firing;
	Target	   *target;

	if (!cs_execution_find(trigdata, &firing) ||
		(firing.mtstate->operation != CMD_UPDATE && firing.mtstate->operation != CMD_DELETE))
		return NULL;
	target = firing.execution->recheck;
	if (target != NULL && target->relinfo == firing.relinfo)
		return target;
	target = MemoryContextAllocZero(firing.execution->query->estate->es_query_cxt,
									sizeof(Target));
	target->mtstate = firing.mtstate;
	target->relinfo = firing.relinfo;
	describe(firing.execution, target);
	firing.execution->recheck = target;
	return target;
}

/* ----- deciding ----- */

/* Whether the conditions of the statement use one of these columns. */
static bool
finds_by(const Target *target, const Bitmapset *columns)
{
	const Plan *plan = target->plan;

	if (looks_at(target, (Node *) plan->qual, columns))
		return true;
	switch (nodeTag(plan))
	{
		case T_IndexScan:
			return looks_at(target, (Node *) ((const IndexScan *) plan)->indexqualorig, columns);
		case T_BitmapHeapScan:
			return looks_at(target, (Node *) ((const BitmapHeapScan *) plan)->bitmapqualorig,
							columns);
		default:
			return false;
	}
}

/*
 * Whether a sub-SELECT that sets several columns, SET (a, b) = (SELECT ...),
 * uses one of these columns.  In the place of what is set there are
 * parameters, and the sub-SELECT with its arguments is a column of the plan by
 * itself.
 */
static bool
sub_select_uses(const Target *target, const Bitmapset *columns)
{
	ListCell   *cell;

	foreach(cell, target->plan->targetlist)
	{
		Node	   *node = (Node *) lfirst_node(TargetEntry, cell)->expr;

		if (IsA(node, SubPlan) && ((SubPlan *) node)->subLinkType == MULTIEXPR_SUBLINK &&
			looks_at(target, node, columns))
			return true;
	}
	return false;
}

/*
 * Whether the outcome may differ for other values of these columns.
 *
 * What is added to a column is known without them, but only if the column's
 * rule is to add: changes deferred before it lost the rule are written to the
 * row now. 'merge' is NULL for DELETE, which sets nothing.
 */
static bool
needs_recheck(const Target *target, const CsMerge *merge, const Bitmapset *columns)
{
	if (!target->simple || finds_by(target, columns) || sub_select_uses(target, columns))
		return true;
	for (int i = 0; i < target->nsettings; i++)
	{
		const Setting *setting = &target->settings[i];
		const CsMergeColumn *column = merge == NULL ? NULL :
		cs_merge_column(merge, setting->attnum);
		bool		shifts = setting->shift == SHIFT_EXACT;

		shifts = shifts && column != NULL && column->rule == CS_RULE_ADD;
		if (looks_at(target, shifts ? setting->by : setting->value, columns))
			return true;
	}
	return false;
}

/*
 * Whether the statement returns one of these columns, or may check it.
 */
static bool
shows(const Target *target, const Bitmapset *columns)
{
	return target->relinfo->ri_WithCheckOptions != NIL ||
		looks_at(target, (Node *) target->relinfo->ri_returningList, columns);
}

/* ----- evaluating it ----- */

/*
 * EvalPlanQual() with a merged row.
 */
static TupleTableSlot *
evaluate_merged(EPQState *epqstate, Relation rel, Index rti, TupleTableSlot *slot)
{
	const EPQState *outer = cs_recheck_merged;
	TupleTableSlot *result = NULL;

	cs_recheck_merged = epqstate;
	PG_TRY();
	{
		result = EvalPlanQual(epqstate, rel, rti, slot);
	}
	PG_FINALLY();
	{
		cs_recheck_merged = outer;
	}
	PG_END_TRY();
	return result;
}

/*
 * Evaluate the statement for the row; returns false if it would not update it.
 */
static bool
evaluate(const TriggerData *trigdata, const Target *target, HeapTuple row, Datum *values,
		 bool *nulls)
{
	EPQState   *epqstate = &target->mtstate->mt_epqstate;
	MemoryContext context;
	TupleTableSlot *slot;
	HeapTuple	tuple = heap_copytuple(row);

	tuple->t_self = trigdata->tg_trigtuple->t_self;
	tuple->t_tableOid = RelationGetRelid(trigdata->tg_relation);
	/* EvalPlanQual() keeps data in the current context between calls */
	context = MemoryContextSwitchTo(target->mtstate->ps.state->es_query_cxt);
	slot = EvalPlanQualSlot(epqstate, trigdata->tg_relation, target->rti);
	ExecForceStoreHeapTuple(tuple, slot, false);
	slot->tts_tableOid = tuple->t_tableOid;
	slot = evaluate_merged(epqstate, trigdata->tg_relation, target->rti, slot);
	MemoryContextSwitchTo(context);
	if (TupIsNull(slot))
		return false;
	for (int i = 0; i < target->nsettings; i++)
	{
		AttrNumber	attnum = target->settings[i].attnum;
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(trigdata->tg_relation), attnum - 1);
		Datum		value = slot_getattr(slot, i + 1, &nulls[attnum - 1]);

		if (!nulls[attnum - 1])
			values[attnum - 1] = datumCopy(value, att->attbyval, att->attlen);
	}
	return true;
}

/* ----- computing the outcome ----- */

/* The trigger's rows and the row with deferred changes, deformed. */
typedef struct Rows
{
	TupleDesc	tupdesc;
	Datum	   *old;			/* row of the table */
	bool	   *oldnulls;
	Datum	   *new;			/* as set by the statement and earlier
								 * triggers */
	bool	   *newnulls;
	Datum	   *now;			/* 'old' with deferred changes */
	bool	   *nownulls;
} Rows;

/*
 * Whether two values of a column have the same image.
 */
static bool
is_same(const Rows *rows, int i, const Datum *a, const bool *anulls, const Datum *b,
		const bool *bnulls)
{
	Form_pg_attribute att = TupleDescAttr(rows->tupdesc, i);

	if (anulls[i] || bnulls[i])
		return anulls[i] && bnulls[i];
	return datum_image_eq(a[i], b[i], att->attbyval, att->attlen);
}

/*
 * Deform the rows.
 */
static void
take_apart(const TriggerData *trigdata, HeapTuple row, Rows *rows)
{
	int			natts = RelationGetDescr(trigdata->tg_relation)->natts;

	rows->tupdesc = RelationGetDescr(trigdata->tg_relation);
	slot_getallattrs(trigdata->tg_trigslot);
	rows->old = trigdata->tg_trigslot->tts_values;
	rows->oldnulls = trigdata->tg_trigslot->tts_isnull;
	slot_getallattrs(trigdata->tg_newslot);
	rows->new = trigdata->tg_newslot->tts_values;
	rows->newnulls = trigdata->tg_newslot->tts_isnull;
	rows->now = rows->old;
	rows->nownulls = rows->oldnulls;
	if (row == NULL)
		return;
	rows->now = palloc(natts * sizeof(Datum));
	rows->nownulls = palloc(natts * sizeof(bool));
	heap_deform_tuple(row, rows->tupdesc, rows->now, rows->nownulls);
}

/*
 * Whether the column exists and is not generated.
 */
static bool
is_present(const Rows *rows, int i)
{
	Form_pg_attribute att = TupleDescAttr(rows->tupdesc, i);

	return !att->attisdropped && att->attgenerated == '\0';
}

/*
 * Columns that differ because of deferred changes.
 */
static Bitmapset *
differing_columns(const Rows *rows)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < rows->tupdesc->natts && rows->now != rows->old; i++)
		if (is_present(rows, i) &&
			!is_same(rows, i, rows->old, rows->oldnulls, rows->now, rows->nownulls))
			columns = bms_add_member(columns, i + 1);
	return columns;
}

/*
 * Columns that the statement sets or a trigger has changed.
 */
static Bitmapset *
set_columns(const TriggerData *trigdata, const Rows *rows)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < rows->tupdesc->natts; i++)
		if (is_present(rows, i) &&
			(bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber,
						   trigdata->tg_updatedcols) ||
			 !is_same(rows, i, rows->old, rows->oldnulls, rows->new, rows->newnulls)))
			columns = bms_add_member(columns, i + 1);
	return columns;
}

/*
 * Whether there are user triggers that may have changed what the statement
 * set.
 */
static bool
has_other_triggers(const TriggerData *trigdata)
{
	const TriggerDesc *triggers = trigdata->tg_relation->trigdesc;

	for (int i = 0; i < triggers->numtriggers; i++)
		if (TRIGGER_TYPE_MATCHES(triggers->triggers[i].tgtype, TRIGGER_TYPE_ROW,
								 TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_UPDATE) &&
			!cs_triggers_is_settling(triggers->triggers[i].tgname))
			return true;
	return false;
}

/*
 * Keep what the plan has computed for the row, before triggers have changed
 * it.  The row may be met again, and an evaluation may use the same slot.
 */
static void
keep_plain(const TriggerData *trigdata, Target *target)
{
	TupleTableSlot *slot = target->relinfo->ri_projectNew->pi_exprContext->ecxt_outertuple;
	TupleDesc	tupdesc = RelationGetDescr(trigdata->tg_relation);
	MemoryContext old;

	if (target->plain_context == NULL)
		target->plain_context = AllocSetContextCreate(target->mtstate->ps.state->es_query_cxt,
													  "cache_strategies computed columns",
													  ALLOCSET_SMALL_SIZES);
	else if (ItemPointerEquals(&target->plain_of, &trigdata->tg_trigtuple->t_self))
		return;
	MemoryContextReset(target->plain_context);
	old = MemoryContextSwitchTo(target->plain_context);
	target->plain_of = trigdata->tg_trigtuple->t_self;
	target->plain = palloc0(tupdesc->natts * sizeof(Datum));
	target->plainnulls = palloc0(tupdesc->natts * sizeof(bool));
	for (int s = 0; s < target->nsettings; s++)
	{
		int			i = target->settings[s].attnum - 1;
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		target->plain[i] = slot_getattr(slot, s + 1, &target->plainnulls[i]);
		if (!target->plainnulls[i])
			target->plain[i] = datumCopy(target->plain[i], att->attbyval, att->attlen);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Apply to a column of another row what was added to it in the new row;
 * returns false if that is not a sum.
 */
static bool
carry_over(const Rows *rows, int i, const CsMergeColumn *column, const Datum *from,
		   const bool *fromnulls, const Datum *to, const bool *tonulls, CsOutcome *outcome)
{
	CsColumnDelta change = {.rule = CS_RULE_ADD};
	CsColumnDelta value = {.rule = CS_RULE_REPLACE,.type = column->type,.value = to[i]};

	if (fromnulls[i] || rows->newnulls[i] || tonulls[i] ||
		!cs_sum_difference(column, rows->new[i], from[i], &change))
		return false;
	cs_combine(NULL, column, &value, &change);
	outcome->values[i] = cs_combine_convert(NULL, value.value, value.type, column->type);
	outcome->nulls[i] = false;
	return true;
}

/*
 * As carry_over() for an integer, the usual case, in which the value is rarely
 * needed.
 */
static bool
carry_integer(const Rows *rows, int i, const CsMergeColumn *column, CsOutcome *outcome)
{
	CsColumnDelta change;

	if (rows->oldnulls[i] || rows->newnulls[i] || rows->nownulls[i] ||
		!cs_sum_difference(column, rows->new[i], rows->old[i], &change))
		return false;
	if (outcome->change == NULL)
		outcome->change = palloc(rows->tupdesc->natts * sizeof(int64));
	outcome->change[i] = DatumGetInt64(change.value);
	outcome->open = bms_add_member(outcome->open, i + 1);
	return true;
}

/* Compute the values that are still missing. */
void
cs_recheck_complete(CsBinding *binding, CsOutcome *outcome)
{
	int			attnum = -1;

	while ((attnum = bms_next_member(outcome->open, attnum)) >= 0)
	{
		const CsMergeColumn *column = cs_merge_column(cs_merge_get(binding), attnum);
		int			i = attnum - 1;
		CsColumnDelta change = {.rule = CS_RULE_ADD,.type = INT8OID,
		.value = Int64GetDatum(outcome->change[i])};
		CsColumnDelta value = {.rule = CS_RULE_REPLACE,.type = column->type,
		.value = outcome->now[i]};

		cs_combine(binding, column, &value, &change);
		outcome->values[i] = cs_combine_convert(binding, value.value, value.type, column->type);
		outcome->nulls[i] = false;
	}
	outcome->open = NULL;
}

/* Outcome for a row without relevant deferred changes. */
static void
use_new(const Target *target, const Rows *rows, const CsMerge *merge, CsOutcome *outcome)
{
	for (int i = 0; i < rows->tupdesc->natts; i++)
	{
		const CsMergeColumn *column = cs_merge_column(merge, i + 1);
		bool		added = bms_is_member(i + 1, outcome->set) && column != NULL &&
		column->rule == CS_RULE_ADD;

		for (int s = 0; target != NULL && s < target->nsettings && added; s++)
			if (target->settings[s].attnum == i + 1 &&
				target->settings[s].shift == SHIFT_NOT)
				added = false;
		if (!bms_is_member(i + 1, outcome->set))
		{
			outcome->values[i] = rows->now[i];
			outcome->nulls[i] = rows->nownulls[i];
			continue;
		}
		if (added && (column->delta_type == INT8OID ? carry_integer(rows, i, column, outcome) :
					  carry_over(rows, i, column, rows->old, rows->oldnulls, rows->now,
								 rows->nownulls, outcome)))
		{
			outcome->added = bms_add_member(outcome->added, i + 1);
			continue;
		}
		outcome->values[i] = rows->new[i];
		outcome->nulls[i] = rows->newnulls[i];
	}
}

/*
 * Whether what is added to a column may differ for other values of these
 * columns.  In a join only plain columns are followed to their table.
 */
static bool
amount_uses(const Target *target, Node *amount, const Bitmapset *columns)
{
	if (target->simple || IsA(amount, Const) || IsA(amount, Param))
		return looks_at(target, amount, columns);
	amount = resolve(target->plan, amount);
	return !IsA(amount, Var) || IS_SPECIAL_VARNO(((Var *) amount)->varno) ||
		looks_at(target, amount, columns);
}

/*
 * Compute what the table's row must get in a column to which the statement
 * adds, where the amount is another one for the complete row.  The deferred
 * changes of the column are added to that later.  Where the amount cannot be
 * told from the values, the column counts as set.
 */
static void
carry_back(const Target *target, const Setting *setting, const Rows *rows,
		   const CsMergeColumn *column, const Bitmapset *differing, CsOutcome *outcome)
{
	int			i = setting->attnum - 1;
	CsColumnDelta change = {.rule = CS_RULE_ADD};
	CsColumnDelta value = {.rule = CS_RULE_REPLACE};

	if (!bms_is_member(setting->attnum, outcome->added))
		return;
	/* a sum is rounded as a whole, and that of floats to so many digits */
	if (!target->merged && !amount_uses(target, setting->by, differing) &&
		(setting->shift == SHIFT_EXACT || column->delta_type == FLOAT4OID ||
		 column->delta_type == FLOAT8OID))
		return;
	if (rows->oldnulls[i] || rows->nownulls[i] || outcome->nulls[i] ||
		cs_sum_is_near_end(column->type, rows->old[i]) ||
		!cs_sum_difference(column, outcome->values[i], rows->now[i], &change))
	{
		outcome->added = bms_del_member(outcome->added, setting->attnum);
		return;
	}
	if (outcome->carried == NULL)
		outcome->carried = palloc(rows->tupdesc->natts * sizeof(Datum));
	value.type = column->type;
	value.value = rows->old[i];
	outcome->differently = bms_add_member(outcome->differently, setting->attnum);
	cs_combine(NULL, column, &value, &change);
	outcome->carried[i] = cs_combine_convert(NULL, value.value, value.type, column->type);
}

/*
 * Outcome from the evaluation, for the columns that the statement itself sets.
 * If a trigger has changed one, its value counts, or what the trigger has
 * added.
 */
static void
use_evaluated(const TriggerData *trigdata, const Target *target, const Rows *rows,
			  const CsMerge *merge, const Bitmapset *differing, const Datum *evaluated,
			  const bool *nulls, CsOutcome *outcome)
{
	const Datum *plain = target->plain;
	const bool *plainnulls = target->plainnulls;
	bool		triggers = has_other_triggers(trigdata);

	use_new(target, rows, merge, outcome);
	for (int s = 0; s < target->nsettings; s++)
	{
		const Setting *setting = &target->settings[s];
		int			i = setting->attnum - 1;
		const CsMergeColumn *column = cs_merge_column(merge, setting->attnum);

		if (!is_present(rows, i))
			continue;
		outcome->open = bms_del_member(outcome->open, setting->attnum);
		if (!triggers || is_same(rows, i, plain, plainnulls, rows->new, rows->newnulls))
		{
			outcome->values[i] = evaluated[i];
			outcome->nulls[i] = nulls[i];
		}
		else if (column == NULL || column->rule != CS_RULE_ADD ||
				 !carry_over(rows, i, column, plain, plainnulls, evaluated, nulls, outcome))
		{
			outcome->values[i] = rows->new[i];
			outcome->nulls[i] = rows->newnulls[i];
			outcome->added = bms_del_member(outcome->added, setting->attnum);
			continue;
		}
		if (setting->shift == SHIFT_NOT)
			outcome->added = bms_del_member(outcome->added, i + 1);
		carry_back(target, setting, rows, column, differing, outcome);
	}
}

/*
 * Compute an UPDATE's effect, in a BEFORE trigger.  'row' is the row with its
 * deferred changes, of the binding's row type, NULL if there are none; the
 * trigger's new row was computed from the table's.
 */
void
cs_recheck_update(TriggerData *trigdata, CsBinding *binding, HeapTupleHeader row,
				  CsOutcome *outcome)
{
	Target	   *target = find_target(trigdata);
	const CsMerge *merge = cs_merge_get(binding);
	int			natts = RelationGetDescr(trigdata->tg_relation)->natts;
	HeapTupleData tuple;
	Bitmapset  *differing;
	Datum	   *evaluated;
	bool	   *nulls;
	Rows		rows;

	memset(outcome, 0, sizeof(*outcome));
	outcome->values = palloc0(natts * sizeof(Datum));
	outcome->nulls = palloc0(natts * sizeof(bool));
	if (row != NULL)
		tuple = cs_row_tuple(row);
	take_apart(trigdata, row == NULL ? NULL : &tuple, &rows);
	outcome->now = rows.now;
	outcome->nownulls = rows.nownulls;
	outcome->set = set_columns(trigdata, &rows);
	differing = differing_columns(&rows);
	outcome->shows = target != NULL && shows(target, merge->attnums);
	outcome->shown = differing != NULL && target != NULL && shows(target, differing);
	outcome->depends = differing != NULL && target != NULL && needs_recheck(target, merge, differing);
	if (!outcome->depends)
	{
		use_new(target, &rows, merge, outcome);
		return;
	}
	if (has_other_triggers(trigdata))
		keep_plain(trigdata, target);
	evaluated = palloc0(natts * sizeof(Datum));
	nulls = palloc0(natts * sizeof(bool));
	if (evaluate(trigdata, target, &tuple, evaluated, nulls))
		use_evaluated(trigdata, target, &rows, merge, differing, evaluated, nulls, outcome);
	else
		outcome->gone = true;
}

/* Whether the WHERE of a DELETE holds for this row, in a BEFORE trigger. */
bool
cs_recheck_delete(TriggerData *trigdata, HeapTupleHeader row)
{
	const Target *target = find_target(trigdata);
	HeapTupleData tuple = cs_row_tuple(row);
	Bitmapset  *differing;
	Rows		rows = {.tupdesc = RelationGetDescr(trigdata->tg_relation)};

	slot_getallattrs(trigdata->tg_trigslot);
	rows.old = trigdata->tg_trigslot->tts_values;
	rows.oldnulls = trigdata->tg_trigslot->tts_isnull;
	rows.now = palloc(rows.tupdesc->natts * sizeof(Datum));
	rows.nownulls = palloc(rows.tupdesc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, rows.tupdesc, rows.now, rows.nownulls);
	differing = differing_columns(&rows);
	return target == NULL || differing == NULL || !needs_recheck(target, NULL, differing) ||
		evaluate(trigdata, target, &tuple, NULL, NULL);
}
