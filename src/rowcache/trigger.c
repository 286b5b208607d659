/*-------------------------------------------------------------------------
 *
 * trigger.c
 *		The trigger functions. They pass each change to the strategy of every
 *		cached table that contains the row.
 *
 * A partition's rows belong to each table above it that is attached.
 *
 * If the library is not preloaded there is no cache in this server that could
 * become outdated, so the triggers do nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "relation/track.h"
#include "rowcache/rowtrace.h"
#include "rowcache/strategy.h"
#include "rowcache/trigger.h"
#include "shmem.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_row_changed);
PG_FUNCTION_INFO_V1(cs_rows_changed);
PG_FUNCTION_INFO_V1(cs_table_changed);

/*
 * The call's trigger data.  Throws if the function was not called as a
 * trigger.
 */
TriggerData *
cs_trigger_data(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be called as a trigger", name)));
	return (TriggerData *) fcinfo->context;
}

/*
 * Make the key of a row for the target's binding.
 */
static void
make_key(const CsTarget *target, TupleTableSlot *slot, CsRowKey *rowkey)
{
	const CsBinding *binding = target->binding;

	for (int i = 0; i < binding->nkeys; i++)
	{
		AttrNumber	attnum = binding->keys[i].attnum;
		bool		isnull;

		if (target->map != NULL)
			attnum = target->map->attnums[attnum - 1];
		rowkey->value[i] = slot_getattr(slot, attnum, &isnull);
	}
	cs_key_make(binding, rowkey);
}

/*
 * Whether the key of both versions is the same, byte by byte.  Then so is what
 * is made of it.
 */
static bool
is_same_key(const CsTarget *target, TupleTableSlot *old, TupleTableSlot *new)
{
	const CsBinding *binding = target->binding;

	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *column = &binding->keys[i];
		AttrNumber	attnum = column->attnum;
		Datum		oldvalue;
		Datum		newvalue;
		bool		isnull;

		if (target->map != NULL)
			attnum = target->map->attnums[attnum - 1];
		oldvalue = slot_getattr(old, attnum, &isnull);
		newvalue = slot_getattr(new, attnum, &isnull);
		if (column->typbyval ? oldvalue != newvalue
			: !datum_image_eq(oldvalue, newvalue, false, column->typlen))
			return false;
	}
	return true;
}

/*
 * Pass a change to the strategy of one cached table.  Its key and hash are
 * made once, unless the change is one of the key.
 */
static void
report(const CsTarget *target, TupleTableSlot *old, TupleTableSlot *new,
	   const Bitmapset *updated, bool superseded)
{
	CsBinding  *binding = target->binding;
	CsRowKey	oldkey;
	CsRowKey	newkey;
	CsChange	change = {
		.oldslot = old,
		.newslot = new,
		.updated = updated,
		.map = target->map,
		.superseded = superseded
	};

	/* if writes are deferred each key has to be cancelled even so */
	if (cs_xact_is_whole(binding->slot) && !cs_binding_defers(binding))
		return;
	if (new != NULL)
	{
		make_key(target, new, &newkey);
		change.new = &newkey;
	}
	if (old != NULL && new != NULL && is_same_key(target, old, new))
		change.old = &newkey;
	else if (old != NULL)
	{
		make_key(target, old, &oldkey);
		change.old = &oldkey;
	}
	/* an unknown strategy must not prevent a write */
	if (binding->strategy != NULL)
		binding->strategy->changed(binding, &change);
	else
		cs_strategy_invalidate(binding, &change);
	if (cs_trace_wants(1))
		cs_rowtrace_change(binding, &change);
}

/* Whether this transaction has changed the row again. */
static bool
is_superseded(TupleTableSlot *slot)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);
	HeapTupleHeader header = tuple->t_data;
	bool		result;

	result = (header->t_infomask & HEAP_XMAX_INVALID) == 0 &&
		!HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
	if (should_free)
		heap_freetuple(tuple);
	return result;
}

/*
 * Note the change for cache.track().  A statement that has changed no row may
 * have no transaction id.
 */
static void
note_statement(Relation rel)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		cs_track_note(rel);
}

/*
 * Report a change that has just been made, of a row or, with neither version,
 * by a statement at its end.  'attached': cs_row_changed() would do so,
 * otherwise cs_table_changed().  Returns false, with nothing done, if that
 * has to be called: deferring depends on the columns that the statement names.
 */
bool
cs_trigger_report(Relation rel, bool attached, TupleTableSlot *old, TupleTableSlot *new)
{
	CsTarget   *targets = NULL;
	int			n = 0;

	if (old == NULL && new == NULL)
	{
		note_statement(rel);
		return true;
	}
	if (attached)
		targets = cs_binding_targets(rel, &n);
	for (int i = 0; i < n; i++)
		if (cs_binding_defers(targets[i].binding))
			return false;
	for (int i = 0; i < n; i++)
		report(&targets[i], old, new, NULL, false);
	(void) cs_track_note_row(rel, old, new);
	return true;
}

static void
get_rows(const TriggerData *trigdata, TupleTableSlot **old, TupleTableSlot **new)
{
	*old = *new = NULL;
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		*new = trigdata->tg_trigslot;
	else
		*old = trigdata->tg_trigslot;
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		*new = trigdata->tg_newslot;
}

/*
 * cache.row_changed: trigger after a change of a row.
 */
Datum
cs_row_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = cs_trigger_data(fcinfo, "cache.row_changed");
	TupleTableSlot *old;
	TupleTableSlot *new;
	bool		superseded;
	CsTarget   *targets;
	int			n;

	if (!cs_shmem_ready())
		return PointerGetDatum(NULL);
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be fired after a row is changed",
						"cache.row_changed")));
	get_rows(trigdata, &old, &new);
	targets = cs_binding_targets(trigdata->tg_relation, &n);
	superseded = new != NULL && n > 0 && is_superseded(new);
	for (int i = 0; i < n; i++)
		report(&targets[i], old, new, trigdata->tg_updatedcols, superseded);
	(void) cs_track_note_row(trigdata->tg_relation, old, new);
	return PointerGetDatum(NULL);
}

/* Report every row of a transition table, as old or as new row. */
static void
report_table(Tuplestorestate *rows, Relation rel, bool is_old,
			 const CsTarget *targets, int n)
{
	TupleTableSlot *slot;

	if (rows == NULL)
		return;
	/* other triggers read the same tuplestore */
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		more = cs_track_note_row(rel, is_old ? slot : NULL, is_old ? NULL : slot);

		for (int i = 0; i < n; i++)
		{
			report(&targets[i], is_old ? slot : NULL, is_old ? NULL : slot, NULL, true);
			more |= !cs_xact_is_whole(targets[i].binding->slot);
		}
		if (!more)
			break;
	}
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * cache.rows_changed: trigger after a statement, with transition tables.
 */
Datum
cs_rows_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = cs_trigger_data(fcinfo, "cache.rows_changed");
	CsTarget   *targets;
	int			n;

	if (!cs_shmem_ready())
		return PointerGetDatum(NULL);
	if (!TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be fired after a statement",
						"cache.rows_changed")));
	targets = cs_binding_targets(trigdata->tg_relation, &n);
	report_table(trigdata->tg_oldtable, trigdata->tg_relation, true, targets, n);
	report_table(trigdata->tg_newtable, trigdata->tg_relation, false, targets, n);
	note_statement(trigdata->tg_relation);
	return PointerGetDatum(NULL);
}

/*
 * cache.table_changed: trigger after a statement that only has to be noted.
 */
Datum
cs_table_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = cs_trigger_data(fcinfo, "cache.table_changed");
	TupleTableSlot *old;
	TupleTableSlot *new;

	if (!cs_shmem_ready())
		return PointerGetDatum(NULL);
	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be fired after a change",
						"cache.table_changed")));
	if (TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
	{
		get_rows(trigdata, &old, &new);
		(void) cs_track_note_row(trigdata->tg_relation, old, new);
	}
	else
		note_statement(trigdata->tg_relation);
	return PointerGetDatum(NULL);
}
