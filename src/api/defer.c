/*-------------------------------------------------------------------------
 *
 * defer.c
 *		Triggers of tables attached with write_back: which changes made by
 *		plain SQL are deferred, and how the others meet those that were.
 *
 * An UPDATE that sets only columns with a merge rule is deferred: the trigger
 * keeps what it does to the row and has the row itself left alone.  Everything
 * else goes to the table.  The trigger's name has it fire after the user's
 * BEFORE triggers, so that it sees the row as it would be written.
 *
 * The executor has the row locked when a BEFORE trigger is fired, and no flush
 * can write it until the transaction ends.
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
#include "storage/proc.h"
#include "utils/datum.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "flush/apply.h"
#include "flush/deferred.h"
#include "flush/journal.h"
#include "flush/own.h"
#include "flush/state.h"
#include "shmem.h"
#include "strategy/strategy.h"
#include "strategy/write_back.h"
#include "txn/txn.h"

PG_FUNCTION_INFO_V1(cs_row_deferred);
PG_FUNCTION_INFO_V1(cs_table_truncated);

/* ----- what kind of change is it? ----- */

/* The columns that the statement sets, as attribute numbers of the table. */
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

/* Other triggers may have changed what the statement did not name. */
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

/* Does the update change what decides which partition the row is in? */
static bool
may_leave_partition(TriggerData *trigdata)
{
	Bitmapset  *columns = NULL;
	int			i = -1;

#ifdef CS_MUTANT_MOVED_UNNOTICED
	return false;
#endif
	if (!trigdata->tg_relation->rd_rel->relispartition)
		return false;
	pull_varattnos((Node *) RelationGetPartitionQual(trigdata->tg_relation), 1, &columns);
	while ((i = bms_next_member(columns, i)) >= 0)
		if (!same_value(trigdata, i + FirstLowInvalidHeapAttributeNumber))
			return true;
	return false;
}

/*
 * What the update does to one column; false: no delta can say that.  'nothing':
 * it has no effect.
 */
static bool
column_delta(TriggerData *trigdata, const CsMergeColumn *column, CsColumnDelta *delta,
			 bool *nothing)
{
	bool		oldnull;
	bool		newnull;
	Datum		old = slot_getattr(trigdata->tg_trigslot, column->attnum, &oldnull);
	Datum		new = slot_getattr(trigdata->tg_newslot, column->attnum, &newnull);

	*nothing = false;
	memset(delta, 0, sizeof(*delta));
	delta->attnum = column->attnum;
	delta->rule = column->rule;
	delta->type = column->type;
	delta->isnull = newnull;
	delta->value = new;
	if (column->rule == CS_RULE_REPLACE)
		return true;
	if (oldnull && newnull)
		*nothing = true;
	if (newnull)
		return oldnull;
	if (column->rule != CS_RULE_ADD)
		return true;
	if (oldnull)
		return false;
	if (same_value(trigdata, column->attnum))
		*nothing = true;
	else
		delta->value = cs_merge_difference(column, new, old);
	delta->type = column->delta_type;
	return true;
}

static bool
row_delta(TriggerData *trigdata, const CsMerge *merge, const Bitmapset *columns,
		  CsDelta *delta)
{
	memset(delta, 0, sizeof(*delta));
	delta->columns = palloc(Max(merge->n, 1) * sizeof(CsColumnDelta));
	for (int i = 0; i < merge->n; i++)
	{
		bool		nothing;

		if (!bms_is_member(merge->columns[i].attnum, columns))
			continue;
		if (!column_delta(trigdata, &merge->columns[i], &delta->columns[delta->n], &nothing))
			return false;
		if (!nothing)
			delta->n++;
	}
	return true;
}

/* ----- rows ----- */

static void
row_key(const CsBinding *binding, TupleTableSlot *slot, CsRowKey *rowkey)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		bool		isnull;

		rowkey->value[i] = slot_getattr(slot, binding->keys[i].attnum, &isnull);
	}
	cs_key_make(binding, rowkey);
}

/* The composite datum that functions taking rows expect. */
static HeapTupleHeader
slot_row(const CsBinding *binding, TupleTableSlot *slot)
{
	HeapTupleHeader row;
	HeapTuple	tuple;

	slot_getallattrs(slot);
	tuple = heap_form_tuple(binding->tupdesc, slot->tts_values, slot->tts_isnull);
	row = DatumGetHeapTupleHeader(heap_copy_tuple_as_datum(tuple, binding->tupdesc));
	heap_freetuple(tuple);
	return row;
}

/* ----- a key that is new to the table ----- */

static void
refuse_duplicate(CsBinding *binding, TupleTableSlot *slot)
{
	CsRowKey	rowkey;
	HeapTupleHeader row;
	uint64		version;

	if (binding->slot < 0)
		return;
	for (int i = 0; i < binding->nkeys; i++)
	{
		bool		isnull;

		(void) slot_getattr(slot, binding->keys[i].attnum, &isnull);
		if (isnull)
			return;
	}
	row_key(binding, slot, &rowkey);
	row = cs_write_back_over(binding, &rowkey, NULL, &version);
	/* what the table itself has is for the executor to find */
	if (row != NULL && !cs_write_back_in_table(binding, &rowkey))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("duplicate key value violates the primary key of table \"%s\"",
						binding->name),
				 errdetail("A row with this key has been written with cache.write() and not been flushed yet."),
				 errhint("cache.flush() brings it into the table.")));
}

/* ----- UPDATE ----- */

/* True: it is deferred, and the row is to be left alone. */
static bool
defer_update(CsBinding *binding, TriggerData *trigdata)
{
	const CsMerge *merge = cs_merge_get(binding);
	Bitmapset  *columns = updated_columns(trigdata);
	CsRowKey	rowkey;
	CsDelta		delta;
	HeapTupleHeader row;
	uint64		version;

	/* a foreign key's action has to be done when the key is checked */
	if (cs_own_direct > 0 || InNoForceRLSOperation() ||
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ||
		bms_is_empty(columns) || !bms_is_subset(columns, merge->attnums) ||
		!others_are_same(trigdata, columns) || may_leave_partition(trigdata) ||
		!row_delta(trigdata, merge, columns, &delta) ||
		!cs_write_back_begin(binding) || binding->retired)
		return false;
	row_key(binding, trigdata->tg_trigslot, &rowkey);
	if (rowkey.key.len > CS_MAX_KEY_LEN)
		return false;
	if (delta.n == 0 || cs_own_is_updated(&rowkey.key))
		return true;
	if (cs_own_is_large(&delta))
		return false;
	do
		row = cs_write_back_over(binding, &rowkey,
								 slot_row(binding, trigdata->tg_trigslot), &version);
	while (cs_write_back_defer(binding, &rowkey, row, &delta) == NULL);
	cs_own_set_updated(&rowkey.key);
	return true;
}

static bool
key_is_same(const CsBinding *binding, TriggerData *trigdata)
{
	for (int i = 0; i < binding->nkeys; i++)
		if (!same_value(trigdata, binding->keys[i].attnum))
			return false;
	return true;
}

/*
 * What was deferred for the row goes into it now: because it goes on under
 * another key or in another partition, or because a whole row is deferred, which
 * would cover what the UPDATE does.  That is, as if it had been flushed just before: what the UPDATE
 * does comes on top.
 */
static HeapTuple
take_along(CsBinding *binding, TriggerData *trigdata, const CsRowKey *rowkey)
{
	const CsMerge *merge = cs_merge_get(binding);
	TupleTableSlot *new = trigdata->tg_newslot;
	int			natts = binding->tupdesc->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));
	Bitmapset  *declared = NULL;
	Bitmapset  *named = updated_columns(trigdata);
	CsDelta		delta;
	HeapTupleHeader merged;
	HeapTupleData tuple;
	uint64		version;

	merged = cs_write_back_over(binding, rowkey, slot_row(binding, trigdata->tg_trigslot),
								&version);
	for (int i = 0; i < merge->n; i++)
	{
		if (!same_value(trigdata, merge->columns[i].attnum))
			declared = bms_add_member(declared, merge->columns[i].attnum);
		/* what combines has done so, if it has changed at all */
		if (merge->columns[i].rule != CS_RULE_REPLACE)
			named = bms_del_member(named, merge->columns[i].attnum);
	}
	if (row_delta(trigdata, merge, declared, &delta))
		merged = cs_delta_apply(binding, merged, &delta);
	else
		declared = NULL;
	tuple = cs_row_tuple(merged);
	heap_deform_tuple(&tuple, binding->tupdesc, values, nulls);
	slot_getallattrs(new);
	for (int i = 0; i < natts; i++)
	{
		if (bms_is_member(i + 1, declared) ||
			TupleDescAttr(binding->tupdesc, i)->attisdropped ||
			(same_value(trigdata, i + 1) && !bms_is_member(i + 1, named)))
			continue;
		values[i] = new->tts_values[i];
		nulls[i] = new->tts_isnull[i];
	}
	cs_own_expect(binding, rowkey, version);
	return heap_form_tuple(RelationGetDescr(trigdata->tg_relation), values, nulls);
}

/* Has somebody, or have we, deferred a whole row? */
static bool
whole_is_deferred(CsBinding *binding, const CsRowKey *rowkey)
{
	HeapTupleHeader row;
	uint64		version;

	row = cs_write_back_over(binding, rowkey, NULL, &version);
	return row != NULL;
}

/* Constraints hold for the row with what is deferred for it. */
static void
check_together(CsBinding *binding, TriggerData *trigdata, const CsRowKey *rowkey)
{
	const CsMerge *merge = cs_merge_get(binding);
	HeapTupleHeader row;
	uint64		version;

	if (!merge->constrained)
		return;
	row = slot_row(binding, trigdata->tg_newslot);
	(void) cs_write_back_lock(binding, rowkey, row);
	cs_delta_check_row(binding, cs_write_back_over(binding, rowkey, row, &version));
}

static HeapTuple
settle_update(CsBinding *binding, TriggerData *trigdata)
{
	CsRowKey	rowkey;

	if (binding->slot < 0)
		return trigdata->tg_newtuple;
	row_key(binding, trigdata->tg_trigslot, &rowkey);
	if (!key_is_same(binding, trigdata))
		refuse_duplicate(binding, trigdata->tg_newslot);
	if (!key_is_same(binding, trigdata) || may_leave_partition(trigdata) ||
		whole_is_deferred(binding, &rowkey))
		return take_along(binding, trigdata, &rowkey);
	check_together(binding, trigdata, &rowkey);
	return trigdata->tg_newtuple;
}

/* ----- the triggers ----- */

/*
 * The server was started without the library, and the journal has what was
 * deferred before: a change now would be overtaken by it later.
 */
static void
refuse_unloaded(Relation rel)
{
	static LocalTransactionId looked = InvalidLocalTransactionId;
	static Oid	looked_at = InvalidOid;

	if (cs_shmem_ready() ||
		(looked == cs_my_lxid() && looked_at == RelationGetRelid(rel)))
		return;
	if (cs_journal_has_pending(RelationGetRelid(rel)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has deferred writes that are not in it yet",
						RelationGetRelationName(rel)),
				 errhint("Add cache_strategies to shared_preload_libraries and restart the server.")));
	looked = cs_my_lxid();
	looked_at = RelationGetRelid(rel);
}

static CsBinding *
deferring_binding(Relation rel)
{
	CsBinding  *binding = cs_binding_get(RelationGetRelid(rel));

	return binding != NULL && binding->nkeys > 0 && cs_binding_defers(binding) ? binding : NULL;
}

static HeapTuple
handle_row(CsBinding *binding, TriggerData *trigdata)
{
	cs_write_back_wait_replayed(binding);
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		refuse_duplicate(binding, trigdata->tg_trigslot);
		return trigdata->tg_trigtuple;
	}
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		return trigdata->tg_trigtuple;
	if (defer_update(binding, trigdata))
		return NULL;
	if (binding->retired)
	{
		/* the lock has brought in that the table has changed */
		binding = deferring_binding(trigdata->tg_relation);
		if (binding == NULL)
			return trigdata->tg_newtuple;
		if (defer_update(binding, trigdata))
			return NULL;
	}
	return settle_update(binding, trigdata);
}

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
		cs_own_truncate(binding);
	}
	return PointerGetDatum(NULL);
}
