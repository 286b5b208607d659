/*-------------------------------------------------------------------------
 *
 * defer.c
 *		Triggers of write_back tables: which changes by plain SQL are deferred,
 *		and how the others are combined with deferred ones.
 *
 * An UPDATE that sets only columns with a merge rule is deferred: the trigger
 * keeps the change as a delta, suppresses the update of the row, and has the
 * row counted as updated all the same.
 * Everything else goes to the table, including an UPDATE that a delta cannot
 * represent exactly.  Both are applied to the row as it is with all its
 * deferred changes (recheck.c).  The trigger's name makes it fire after the
 * user's BEFORE triggers, so it sees the row as it would be written.
 *
 * The executor has locked the row when a BEFORE trigger fires, so no flush can
 * write the row until the transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/datum.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "writeback/apply.h"
#include "writeback/conflict.h"
#include "writeback/deferred.h"
#include "writeback/deltarow.h"
#include "writeback/execution.h"
#include "writeback/journalread.h"
#include "writeback/merge.h"
#include "writeback/mergedrow.h"
#include "writeback/recheck.h"
#include "writeback/state.h"
#include "writeback/sum.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_row_deferred);
PG_FUNCTION_INFO_V1(cs_table_truncated);

/*
 * Binding of the table if its writes are deferred, else NULL.
 */
static CsBinding *
deferring_binding(Relation rel)
{
	CsBinding  *binding = cs_binding_get(RelationGetRelid(rel));

	return binding != NULL && binding->nkeys > 0 && cs_binding_defers(binding) ? binding : NULL;
}

/* ----- classifying changes ----- */

/* Columns that the statement sets, as attribute numbers. */
static Bitmapset *
updated_columns(TriggerData *trigdata)
{
	Bitmapset  *columns = NULL;
	int			i = -1;

	while ((i = bms_next_member(trigdata->tg_updatedcols, i)) >= 0)
	{
		AttrNumber	attnum = i + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0 &&
			TupleDescAttr(RelationGetDescr(trigdata->tg_relation), attnum - 1)->attgenerated == '\0')
			columns = bms_add_member(columns, attnum);
	}
	return columns;
}

static bool
same_value(TriggerData *trigdata, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(trigdata->tg_relation), attnum - 1);
	bool		oldnull;
	bool		newnull;
	Datum		old = slot_getattr(trigdata->tg_trigslot, attnum, &oldnull);
	Datum		new = slot_getattr(trigdata->tg_newslot, attnum, &newnull);

	return oldnull == newnull &&
		(oldnull || datum_image_eq(old, new, att->attbyval, att->attlen));
}

/*
 * Whether the other columns are unchanged, since other triggers may have
 * changed them.
 */
static bool
others_are_same(TriggerData *trigdata, const Bitmapset *columns)
{
	TupleDesc	tupdesc = RelationGetDescr(trigdata->tg_relation);

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (!att->attisdropped && att->attgenerated == '\0' &&
			!bms_is_member(att->attnum, columns) && !same_value(trigdata, att->attnum))
			return false;
	}
	return true;
}

/* Whether the update changes a column of the partition constraint. */
static bool
may_leave_partition(TriggerData *trigdata)
{
	Bitmapset  *columns = NULL;
	int			i = -1;

	if (!trigdata->tg_relation->rd_rel->relispartition)
		return false;
	pull_varattnos((Node *) RelationGetPartitionQual(trigdata->tg_relation), 1, &columns);
	while ((i = bms_next_member(columns, i)) >= 0)
		if (!same_value(trigdata, i + FirstLowInvalidHeapAttributeNumber))
			return true;
	return false;
}

/* ----- UPDATE: deferring ----- */

/* State of an UPDATE of one row. */
typedef struct Update
{
	CsBinding  *binding;
	TriggerData *trigdata;
	bool		known;			/* by which statement it is done */
	CsFiring	firing;
	CsRowKey	rowkey;
	CsMergedRow over;
	CsOutcome	outcome;
} Update;

typedef enum Verdict
{
	VERDICT_DEFERRED,			/* the row must be left alone */
	VERDICT_TABLE,				/* the new row goes to the table */
	VERDICT_AGAIN				/* examine the row again */
} Verdict;

/*
 * Whether the update is of a kind that can be deferred.
 */
static bool
may_defer(const Update *update, CsBinding *binding)
{
	TriggerData *trigdata = update->trigdata;
	const CsMerge *merge = cs_merge_get(binding);
	Bitmapset  *columns = updated_columns(trigdata);

	if (update->known && cs_mergedrow_needs_table(&update->firing))
		return false;
	/* the action of a foreign key must be done when the key is checked */
	return cs_xactdelta_direct == 0 && !InNoForceRLSOperation() &&
		SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA &&
		!bms_is_empty(columns) && bms_is_subset(columns, merge->attnums) &&
		others_are_same(trigdata, columns) && !may_leave_partition(trigdata) &&
		cs_write_back_begin(binding);
}

/*
 * Whether the update leaves the column's value unchanged.
 */
static bool
is_unchanged(const Update *update, const CsMergeColumn *column)
{
	const CsOutcome *outcome = &update->outcome;
	int			i = column->attnum - 1;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(update->trigdata->tg_relation), i);

	if (outcome->nulls[i] || outcome->nownulls[i])
		return outcome->nulls[i] && outcome->nownulls[i];
	return datum_image_eq(outcome->values[i], outcome->now[i], att->attbyval, att->attlen);
}

static bool
is_added(const Update *update, AttrNumber attnum)
{
	return bms_is_member(attnum, update->outcome.added);
}

/*
 * Delta of one column, for the present row; returns false if no delta can
 * represent the change.  *nothing is set if it has no effect.
 */
static bool
column_delta(const Update *update, const CsMergeColumn *column, CsColumnDelta *delta,
			 bool *nothing)
{
	const CsOutcome *outcome = &update->outcome;
	int			i = column->attnum - 1;

	memset(delta, 0, sizeof(*delta));
	delta->attnum = column->attnum;
	delta->rule = column->rule;
	delta->type = column->type;
	delta->isnull = outcome->nulls[i];
	delta->value = outcome->values[i];
	if (bms_is_member(column->attnum, outcome->open))
	{
		*nothing = outcome->change[i] == 0;
		delta->type = INT8OID;
		delta->isnull = false;
		delta->value = Int64GetDatum(outcome->change[i]);
		return true;
	}
	*nothing = column->rule != CS_RULE_REPLACE && is_unchanged(update, column);
	if (column->rule == CS_RULE_REPLACE || *nothing)
		return true;
	if (outcome->nulls[i])
		return false;
	if (column->rule != CS_RULE_ADD)
		return true;
	return !outcome->nownulls[i] &&
		cs_sum_difference(column, outcome->values[i], outcome->now[i], delta);
}

/*
 * Delta of the update; returns false if none can represent it.
 */
static bool
row_delta(const Update *update, CsDelta *delta)
{
	const CsMerge *merge = cs_merge_get(update->binding);

	memset(delta, 0, sizeof(*delta));
	delta->columns = palloc0(Max(merge->n, 1) * sizeof(CsColumnDelta));
	for (int i = 0; i < merge->n; i++)
	{
		bool		nothing;

		if (!bms_is_member(merge->columns[i].attnum, update->outcome.set))
			continue;
		if (!column_delta(update, &merge->columns[i], &delta->columns[delta->n], &nothing))
			return false;
		if (!nothing)
			delta->n++;
	}
	return true;
}

/* Whether the delta sets a CS_RULE_ADD column rather than adding to it. */
static bool
sets_added(const Update *update, const CsDelta *delta)
{
	for (int i = 0; i < delta->n; i++)
		if (delta->columns[i].rule == CS_RULE_ADD &&
			!is_added(update, delta->columns[i].attnum))
			return true;
	return false;
}

/*
 * Whether the deltas' sum gives the right result.  Deltas are summed before
 * they are added to the row.  The sum must be representable; and if the update
 * sets a column to a value that does not depend on the old one, the result
 * must be exactly that value.
 */
static bool
adds_up(const Update *update, const CsDelta *delta)
{
	TriggerData *trigdata = update->trigdata;
	CsDelta		all = update->over.deferred;
	bool		sure = true;

	/*
	 * sums of integers are exact, and columns that are set do not matter here
	 */
	for (int i = 0; i < delta->n && sure; i++)
		sure = delta->columns[i].rule != CS_RULE_ADD ||
			bms_is_member(delta->columns[i].attnum, update->outcome.open);
	if (sure)
		return true;
	cs_delta_fold(update->binding, &all, delta);
	for (int i = 0; i < all.n; i++)
	{
		const CsColumnDelta *change = &all.columns[i];
		const CsMergeColumn *column = cs_merge_column(cs_merge_get(update->binding),
													  change->attnum);
		bool		isnull;
		Datum		old;

		if (cs_sum_is_unwieldy(change))
			return false;
		if (column == NULL || column->rule != CS_RULE_ADD ||
			!bms_is_member(change->attnum, update->outcome.set) ||
			is_added(update, change->attnum) || is_unchanged(update, column))
			continue;
		old = slot_getattr(trigdata->tg_trigslot, change->attnum, &isnull);
		if (isnull || change->rule != CS_RULE_ADD ||
			!cs_sum_is_exact(column, old, change, update->outcome.values[change->attnum - 1]))
			return false;
	}
	return true;
}

/*
 * Try to defer the update.
 */
static Verdict
defer(Update *update)
{
	CsDelta		delta;
	bool		sets;

	if (!row_delta(update, &delta))
		return VERDICT_TABLE;
	if (delta.n == 0)
	{
		cs_xactdelta_defer_nothing(update->binding, &update->rowkey.key);
		cs_xactdelta_set_updated(update->binding, &update->rowkey.key);
		return VERDICT_DEFERRED;
	}
	sets = sets_added(update, &delta);
	if ((sets && update->over.deferred.whole) || !adds_up(update, &delta) ||
		cs_xactdelta_is_large(&delta))
		return VERDICT_TABLE;
	if (cs_write_back_defer(update->binding, &update->rowkey, update->over.row,
							&delta) == NULL)
		return VERDICT_AGAIN;
	cs_xactdelta_set_updated(update->binding, &update->rowkey.key);
	if (sets)
		cs_xactdelta_set_sets(&update->rowkey.key);
	return VERDICT_DEFERRED;
}

/* ----- UPDATE: writing to the table ----- */

static bool
key_is_same(const CsBinding *binding, TriggerData *trigdata)
{
	for (int i = 0; i < binding->nkeys; i++)
		if (!same_value(trigdata, binding->keys[i].attnum))
			return false;
	return true;
}

/*
 * Whether the row's deferred changes can remain deferred.  Not if the update
 * sets a column to which they would then be added, or that they would be
 * compared with while it is NULL.
 */
static bool
may_stay(const Update *update)
{
	const CsMerge *merge = cs_merge_get(update->binding);
	const CsDelta *deferred = &update->over.deferred;

	if (deferred->whole)
		return false;
	for (int i = 0; i < deferred->n; i++)
	{
		const CsColumnDelta *change = &deferred->columns[i];
		AttrNumber	attnum = change->attnum;

		if (change->rule == CS_RULE_REPLACE || !bms_is_member(attnum, update->outcome.set) ||
			attnum > RelationGetDescr(update->trigdata->tg_relation)->natts)
			continue;
		if (change->rule == CS_RULE_ADD ? !is_added(update, attnum)
			: update->outcome.nulls[attnum - 1] || cs_merge_column(merge, attnum) == NULL)
			return false;
	}
	return true;
}

/*
 * Write the row's deferred changes into it now, because it gets another key or
 * partition, because they would cover what the UPDATE sets, or because the
 * UPDATE returns the row.  The effect is that of a flush just before; what
 * RETURNING calls OLD is the row with them as well.
 */
static Verdict
take_along(Update *update, bool moves, HeapTuple *tuple)
{
	if (update->over.awaited)
		return VERDICT_AGAIN;
	if (update->outcome.shown)
		cs_mergedrow_put(update->firing.relinfo->ri_oldTupleSlot, update->over.row);
	cs_recheck_complete(update->binding, &update->outcome);
	cs_xactdelta_expect(update->binding, &update->rowkey, update->over.arrival, moves);
	*tuple = heap_form_tuple(RelationGetDescr(update->trigdata->tg_relation),
							 update->outcome.values, update->outcome.nulls);
	return VERDICT_TABLE;
}

/*
 * New row of the table, with the columns that the UPDATE computed from the
 * table's row computed from the complete row instead.
 */
static HeapTuple
set_outcome(const Update *update)
{
	TriggerData *trigdata = update->trigdata;
	TupleDesc	tupdesc = RelationGetDescr(trigdata->tg_relation);
	TupleTableSlot *new = trigdata->tg_newslot;
	Datum	   *values;
	bool	   *nulls;

	if (!update->outcome.depends)
		return trigdata->tg_newtuple;
	values = palloc(tupdesc->natts * sizeof(Datum));
	nulls = palloc(tupdesc->natts * sizeof(bool));
	slot_getallattrs(new);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		bool		theirs = bms_is_member(i + 1, update->outcome.set) &&
		!is_added(update, i + 1);

		values[i] = theirs ? update->outcome.values[i] : new->tts_values[i];
		nulls[i] = theirs ? update->outcome.nulls[i] : new->tts_isnull[i];
		if (bms_is_member(i + 1, update->outcome.differently) && !theirs)
		{
			values[i] = update->outcome.carried[i];
			nulls[i] = false;
		}
	}
	return heap_form_tuple(tupdesc, values, nulls);
}

/* Check the constraints for the row with its deferred changes. */
static void
check_together(const Update *update, HeapTuple tuple)
{
	CsBinding  *binding = update->binding;
	HeapTupleHeader row;
	CsMergedRow over;

	if (!cs_merge_get(binding)->constrained)
		return;
	row = DatumGetHeapTupleHeader(heap_copy_tuple_as_datum(tuple, binding->tupdesc));
	(void) cs_write_back_lock(binding, &update->rowkey, row);
	cs_write_back_merge(binding, &update->rowkey, row, &over);
	cs_deltarow_check(binding, over.row, update->outcome.set, true);
}

/*
 * The statement has computed the new row from the merged row: the deferred
 * changes are in it, or overwritten.
 */
static HeapTuple
keep_given(const Update *update, uint64 arrival)
{
	bool		same = key_is_same(update->binding, update->trigdata);

	if (!same)
		(void) cs_conflict_insert(update->binding, NULL, update->trigdata->tg_newslot);
	cs_xactdelta_expect(update->binding, &update->rowkey, arrival,
						!same || may_leave_partition(update->trigdata));
	return update->trigdata->tg_newtuple;
}

/*
 * Determine the new row of the table.
 */
static Verdict
settle(Update *update, HeapTuple *tuple)
{
	bool		same = key_is_same(update->binding, update->trigdata);
	bool		moves = !same || may_leave_partition(update->trigdata);

	if (!same)
		(void) cs_conflict_insert(update->binding, NULL, update->trigdata->tg_newslot);
	if (moves || !may_stay(update) || update->outcome.shown)
		return take_along(update, moves, tuple);
	*tuple = set_outcome(update);
	check_together(update, *tuple);
	return VERDICT_TABLE;
}

/* ----- UPDATE: the decision ----- */

/*
 * Compute the update's effect on the complete row.  Returns false if it
 * depends on a record that does not count yet.
 */
static bool
look(Update *update)
{
	const CsMerge *merge = cs_merge_get(update->binding);

	cs_write_back_merge(update->binding, &update->rowkey,
						cs_deltarow_from_slot(update->binding, update->trigdata->tg_trigslot),
						&update->over);
	cs_recheck_update(update->trigdata, update->binding,
					  update->over.row == update->over.base ? NULL : update->over.row,
					  &update->outcome);
	if (update->over.behind == 0)
		return true;
	if (update->outcome.depends || update->outcome.shows)
		return false;
	for (int i = 0; i < merge->n; i++)
		if (merge->columns[i].rule == CS_RULE_ADD &&
			bms_is_member(merge->columns[i].attnum, update->outcome.set) &&
			!is_added(update, merge->columns[i].attnum))
			return false;
	return true;
}

/*
 * Decide what happens to the row; NULL if it is deferred or there is nothing
 * to update.
 */
static HeapTuple
decide(Update *update, bool deferrable, TimestampTz *end)
{
	HeapTuple	tuple = NULL;

	for (;;)
	{
		Verdict		verdict;

		if (!look(update))
		{
			cs_write_back_wait(update->binding, &update->rowkey, &update->over, end);
			continue;
		}
		if (update->outcome.gone)
			return NULL;
		verdict = deferrable ? defer(update) : VERDICT_TABLE;
		if (verdict == VERDICT_DEFERRED)
		{
			cs_execution_count(update->trigdata);
			return NULL;
		}
		if (verdict == VERDICT_AGAIN)
			continue;
		if (settle(update, &tuple) == VERDICT_TABLE)
			return tuple;
		cs_write_back_wait(update->binding, &update->rowkey, &update->over, end);
	}
}

/*
 * Process an UPDATE; returns the row for the executor, NULL to skip it.
 */
static HeapTuple
handle_update(CsBinding *binding, TriggerData *trigdata)
{
	Update		update = {.trigdata = trigdata};
	TimestampTz end = 0;
	HeapTuple	tuple;
	uint64		arrival;
	bool		deferrable;

	update.known = cs_execution_find(trigdata, &update.firing);
	deferrable = may_defer(&update, binding);
	if (binding->retired)
	{
		/* taking the lock has revealed that the table has changed */
		binding = deferring_binding(trigdata->tg_relation);
		if (binding == NULL)
			return trigdata->tg_newtuple;
		deferrable = may_defer(&update, binding) && !binding->retired;
	}
	if (binding->slot < 0)
		return trigdata->tg_newtuple;
	update.binding = binding;
	(void) cs_key_of_slot(binding, trigdata->tg_trigslot, &update.rowkey);
	if (update.rowkey.key.len > CS_MAX_KEY_LEN)
		deferrable = false;
	if (deferrable && cs_xactdelta_is_updated(&update.rowkey.key))
		return NULL;
	if (update.known && cs_mergedrow_given(&update.firing, trigdata, &arrival))
		return keep_given(&update, arrival);
	tuple = decide(&update, deferrable, &end);
	if (end != 0)
		cs_deferred_wait_end();
	return tuple;
}

/* ----- DELETE ----- */

/*
 * Process a DELETE; returns NULL to skip the row.
 */
static HeapTuple
handle_delete(CsBinding *binding, TriggerData *trigdata)
{
	CsRowKey	rowkey;
	CsMergedRow over;

	if (binding->slot < 0)
		return trigdata->tg_trigtuple;
	(void) cs_key_of_slot(binding, trigdata->tg_trigslot, &rowkey);
	cs_write_back_merge(binding, &rowkey, cs_deltarow_from_slot(binding, trigdata->tg_trigslot), &over);
	if (over.row != over.base && over.row != NULL && !cs_recheck_delete(trigdata, over.row))
		return NULL;
	return trigdata->tg_trigtuple;
}

/* ----- trigger functions ----- */

/*
 * Refuse changes if the server was started without the library and the journal
 * has deferred changes: these would be applied over the new ones later.
 */
static void
refuse_unloaded(Relation rel)
{
	static LocalTransactionId looked = InvalidLocalTransactionId;
	static Oid	looked_at = InvalidOid;

	if (cs_shmem_ready() ||
		(looked == cs_my_lxid() && looked_at == RelationGetRelid(rel)))
		return;
	if (cs_journalread_has_pending(RelationGetRelid(rel)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has deferred writes that are not in it yet",
						RelationGetRelationName(rel)),
				 errhint("Add cache_strategies to shared_preload_libraries and restart the server.")));
	looked = cs_my_lxid();
	looked_at = RelationGetRelid(rel);
}

/*
 * Process a row.
 */
static HeapTuple
handle_row(CsBinding *binding, TriggerData *trigdata)
{
	cs_write_back_wait_replayed(binding);
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		return handle_update(binding, trigdata);
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		return handle_delete(binding, trigdata);
	return cs_conflict_insert(binding, trigdata, trigdata->tg_trigslot) ?
		trigdata->tg_trigtuple : NULL;
}

/*
 * Trigger function cache.row_deferred().
 */
Datum
cs_row_deferred(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	CsBinding  *binding;
	HeapTuple	unchanged;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BEFORE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be fired before a row is changed",
						"cache.row_deferred")));
	unchanged = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event)
		? trigdata->tg_newtuple : trigdata->tg_trigtuple;
	refuse_unloaded(trigdata->tg_relation);
	if (!cs_shmem_ready() || cs_apply_is_writing(RelationGetRelid(trigdata->tg_relation)))
		return PointerGetDatum(unchanged);
	binding = deferring_binding(trigdata->tg_relation);
	if (binding == NULL)
		return PointerGetDatum(unchanged);
	return PointerGetDatum(handle_row(binding, trigdata));
}

/*
 * Trigger function cache.table_truncated().
 */
Datum
cs_table_truncated(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	CsBinding  *binding;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be fired by TRUNCATE", "cache.table_truncated")));
	refuse_unloaded(trigdata->tg_relation);
	if (!cs_shmem_ready())
		return PointerGetDatum(NULL);
	binding = deferring_binding(trigdata->tg_relation);
	if (binding != NULL && binding->slot >= 0)
	{
		cs_write_back_wait_replayed(binding);
		cs_xactdelta_truncate(binding);
	}
	return PointerGetDatum(NULL);
}
