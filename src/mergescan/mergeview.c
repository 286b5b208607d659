/*-------------------------------------------------------------------------
 *
 * mergeview.c
 *		What is deferred for a table, as one scan of it sees that.
 *
 * A scan reads the table under the snapshot S of its statement.  To each row
 * it adds the deferred changes that S does not show: those in the entry of its
 * key, without what a flush has written that S sees, and what this transaction
 * has deferred itself before the statement.
 *
 * That is right if S shows every change that has left an entry (removal.c),
 * which is asked after the entry has been looked at.  If S does not, or may
 * not, the row is read once more, under a snapshot that is taken for it.  Its
 * columns that can be deferred are taken from there, and the others from the
 * row that S shows.
 *
 * Keys are noted when the scan begins, or the entry of each row is looked at
 * when the scan comes to it.  The latter is for scans of few rows, and costs
 * nothing at the beginning, however much is deferred.  What this transaction
 * defers after the beginning is not seen (xactlook.h).
 *
 * A change of a whole row changes columns by which the scan finds and orders
 * its rows.  The same holds for every change if the scan finds its rows by a
 * column that can be deferred.  The rows of such keys are left out of the scan
 * and are given apart.
 *
 * Everything is local to the execution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "guc.h"
#include "mergescan/mergeview.h"
#include "relation/loader.h"
#include "store/store.h"
#include "testpoint.h"
#include "writeback/deferred.h"
#include "writeback/deltarow.h"
#include "writeback/mergedrow.h"
#include "writeback/removal.h"
#include "writeback/state.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"
#include "xact/snapshot.h"

/*
 * Noting a key costs about as much as looking at its entry.
 */
#define LIVE_SHARE	2.0

int			cs_mergeview_forced = 0;

/* ----- the table ----- */

/*
 * Binding of the table if its writes can be deferred and have to be merged;
 * else NULL.
 */
CsBinding *
cs_mergeview_binding(Oid relid)
{
	CsBinding  *binding;

	if (RecoveryInProgress() ||
		(cs_mergeview_forced == 0 &&
		 (!cs_merge_deferred || cs_loader_reading > 0 || cs_xactdelta_direct > 0 ||
		  InNoForceRLSOperation())))
		return NULL;
	binding = cs_binding_peek(relid);
	return binding != NULL && cs_binding_defers(binding) && binding->nkeys > 0 &&
		binding->slot >= 0 && OidIsValid(binding->key_index) ? binding : NULL;
}

/* ----- the snapshot ----- */

/*
 * Whether the snapshot shows whatever has left an entry that was looked at
 * before.
 */
static bool
shows_removed(const CsMergeView *view)
{
	int			slot = view->binding->slot;

	/* what this transaction has flushed is seen by its later commands only */
	if (cs_xactdelta_has_flushed() && view->snapshot->curcid != GetCurrentCommandId(false))
		return false;
	pg_read_barrier();
	if (cs_removal_xid(slot) < cs_snapshot_widen(view->snapshot->xmin))
		return true;
	return view->counted && cs_removal_count(slot) == view->removals;
}

/* ----- keys ----- */

/*
 * The key's element, created if necessary.
 */
static CsMergeKey *
enter(CsMergeView *view, const CsKey *key)
{
	CsMergeKey *entry;
	CsKey		copy = *key;
	bool		found;

	if (view->keys == NULL)
		view->keys = cs_mergekeys_create(view->context, 64, NULL);
	entry = cs_mergekeys_lookup(view->keys, *key);
	if (entry != NULL)
		return entry;
	copy.data = memcpy(palloc(Max(key->len, 1)), key->data, key->len);
	entry = cs_mergekeys_insert(view->keys, copy, &found);
	entry->sum = palloc0(sizeof(CsDelta));
	entry->apart = false;
	return entry;
}

/*
 * Whether the changes may concern columns that are not known to be deferrable.
 * A whole row does: the key's columns are among its columns.
 */
static bool
is_apart(const CsMergeView *view, const CsDelta *sum)
{
	if (view->all_apart)
		return true;
	for (int i = 0; i < sum->n; i++)
		if (!bms_is_member(sum->columns[i].attnum, view->columns))
			return true;
	return false;
}

/*
 * Note the entries of all keys.
 */
static void
note_entries(CsMergeView *view)
{
	CsBinding  *binding = view->binding;
	CsRowKey   *rowkey = palloc(sizeof(CsRowKey));
	CsDirtyScan entries;
	CsFound		found;
	CsKey		key;

	cs_store_scan_begin(&entries, binding->slot);
	while (cs_store_scan_next(&entries, &key, &found))
	{
		CsDeferred	copy;

		CHECK_FOR_INTERRUPTS();
		/* the entry has another hash */
		if (!cs_key_decode(binding, key.data, key.len, rowkey))
			elog(ERROR, "could not decode a key of table \"%s\"", binding->name);
		if (!view->truncated && cs_deferred_copy(binding, &rowkey->key, &copy))
			(void) cs_deferred_merge(binding, &copy, view->snapshot,
									 enter(view, &rowkey->key)->sum);
	}
}

/*
 * Note what this transaction has deferred.  It stays where it is, as the look
 * is under way.
 */
static void
note_own(CsMergeView *view)
{
	void	   *at = NULL;
	const CsKey *key;

	while ((key = cs_xactdelta_next(view->binding->slot, &at)) != NULL)
	{
		CsDelta		own;

		if (cs_xactdelta_delta_at(view->look, key, &own))
			cs_delta_fold(view->binding, enter(view, key)->sum, &own);
	}
}

static void
note(CsMergeView *view)
{
	cs_mergekeys_iterator iter;
	CsMergeKey *entry;

	note_entries(view);
	note_own(view);
	if (view->keys == NULL)
		return;
	view->nnoted = view->keys->members;
	cs_mergekeys_start_iterate(view->keys, &iter);
	while ((entry = cs_mergekeys_iterate(view->keys, &iter)) != NULL)
		entry->apart = is_apart(view, entry->sum);
}

/* ----- beginning and end ----- */

/*
 * Whether nothing is deferred for the table that the scan would have to merge.
 * The fields up to 'removals' are set.
 */
bool
cs_mergeview_is_idle(const CsMergeView *view)
{
	int			slot = view->binding->slot;

	CS_TEST_POINT("merge_begin");
	if (cs_xactdelta_has(slot) || cs_store_dirty_entries(slot) > 0)
		return false;
	CS_TEST_POINT("merge_noted");
	return shows_removed(view);
}

/*
 * Whether the scan can look at the entry of each row when it comes to it:
 * there are fewer rows than keys, and none has to be given apart.
 */
static bool
can_look_up(const CsMergeView *view, double rows, double keys)
{
	int			slot = view->binding->slot;

	return rows * LIVE_SHARE < keys && !view->all_apart && !cs_deferred_any_whole(slot) &&
		bms_is_subset(cs_xactdelta_columns(slot), view->columns);
}

static CsMergeMode
choose_mode(CsMergeView *view, double rows)
{
	int			slot = view->binding->slot;
	uint64		keys = cs_xactdelta_count(slot) + cs_store_dirty_entries(slot);

	if (keys == 0)
		return CS_MERGE_NONE;
	view->look = cs_xactlook_begin(view->context, view->snapshot->curcid);
	if (view->sampled || can_look_up(view, rows, keys))
		return CS_MERGE_LIVE;
	note(view);
	return CS_MERGE_NOTED;
}

/*
 * Find out what is deferred.  'rows' is the expected number of rows of the
 * scan; the fields above 'mode' are set.
 */
void
cs_mergeview_begin(CsMergeView *view, double rows)
{
	MemoryContext old;

	view->mode = CS_MERGE_NONE;
	if (view->binding == NULL)
		return;
	view->context = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies merge",
										  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(view->context);
	view->truncated = cs_xactdelta_has_truncated(view->binding->slot);
	CS_TEST_POINT("merge_begin");
	view->mode = choose_mode(view, rows);
	CS_TEST_POINT("merge_noted");
	if (!shows_removed(view))
		view->mode = CS_MERGE_LATEST;
	MemoryContextSwitchTo(old);
}

void
cs_mergeview_end(CsMergeView *view)
{
	if (view->row != NULL)
		ExecDropSingleTupleTableSlot(view->row);
	if (view->index != NULL)
		index_close(view->index, NoLock);
	view->row = NULL;
	view->index = NULL;
}

/* ----- rows of the table by key ----- */

/*
 * Fetch the row of a key under the snapshot into view->row; false if there is
 * none.
 */
static bool
fetch_row(CsMergeView *view, const CsRowKey *rowkey, Snapshot snapshot)
{
	const CsBinding *binding = view->binding;
	MemoryContext old = MemoryContextSwitchTo(view->context);
	ScanKeyData skey[INDEX_MAX_KEYS];
	IndexScanDesc scan;
	bool		found;

	if (view->index == NULL)
	{
		view->index = index_open(binding->key_index, AccessShareLock);
		view->row = table_slot_create(view->rel, NULL);
	}
	for (int i = 0; i < binding->nkeys; i++)
		ScanKeyEntryInitializeWithInfo(&skey[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
									   binding->keys[i].collation,
									   (FmgrInfo *) &binding->keys[i].eqproc, rowkey->value[i]);
	scan = cs_index_beginscan(view->rel, view->index, snapshot, binding->nkeys);
	index_rescan(scan, skey, binding->nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, view->row);
	if (found)
		ExecMaterializeSlot(view->row);
	else
		ExecClearTuple(view->row);
	index_endscan(scan);
	MemoryContextSwitchTo(old);
	return found;
}

/* ----- merging ----- */

/*
 * Apply deferred changes to a row, NULL if there is none.  If that fails the
 * row cannot be read before it has been flushed, which makes the changes a
 * dead letter; so a flush is requested.
 */
static HeapTupleHeader
apply(const CsMergeView *view, HeapTupleHeader row, const CsDelta *sum)
{
	HeapTupleHeader result = row;

	if (cs_delta_is_empty(sum))
		return row;
	PG_TRY();
	{
		result = cs_deltarow_apply(view->binding, row, sum);
	}
	PG_CATCH();
	{
		cs_state_ask_flush(view->binding->slot);
		cs_state_wake(view->binding->slot);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return result;
}

/*
 * The row with the columns that can be deferred taken from another one.
 */
static HeapTupleHeader
take_columns(const CsMergeView *view, HeapTupleHeader row, HeapTupleHeader from)
{
	TupleDesc	tupdesc = view->binding->tupdesc;
	Datum	   *values = palloc(tupdesc->natts * sizeof(Datum));
	bool	   *nulls = palloc(tupdesc->natts * sizeof(bool));
	HeapTupleData base = cs_row_tuple(row);
	HeapTupleData other = cs_row_tuple(from);
	int			attnum = -1;

	heap_deform_tuple(&base, tupdesc, values, nulls);
	while ((attnum = bms_next_member(view->columns, attnum)) >= 0)
		values[attnum - 1] = heap_getattr(&other, attnum, tupdesc, &nulls[attnum - 1]);
	return heap_form_tuple(tupdesc, values, nulls)->t_data;
}

/*
 * The changes of a key that a snapshot does not show.
 */
static void
changes(const CsMergeView *view, const CsKey *key, Snapshot snapshot, CsDelta *sum)
{
	CsDeferred	copy;
	CsDelta		own;

	memset(sum, 0, sizeof(*sum));
	if (!view->truncated && cs_deferred_copy(view->binding, key, &copy))
		(void) cs_deferred_merge(view->binding, &copy, snapshot, sum);
	if (view->look != NULL && cs_xactdelta_delta_at(view->look, key, &own))
		cs_delta_fold(view->binding, sum, &own);
}

/*
 * The present row of the key with all its deferred changes, read under a
 * snapshot of its own; NULL if there is none.
 */
static HeapTupleHeader
read_latest(CsMergeView *view, const CsRowKey *rowkey, bool *whole)
{
	int			slot = view->binding->slot;

	for (;;)
	{
		uint64		removals = cs_removal_count(slot);
		Snapshot	fresh;
		HeapTupleHeader row = NULL;
		CsDelta		sum;
		bool		done;

		pg_read_barrier();
		/* the latest snapshot is not available in parallel mode */
		fresh = RegisterSnapshot(IsInParallelMode() ?
								 GetCatalogSnapshot(view->binding->relid) : GetLatestSnapshot());
		/* own changes are those of the scan's beginning, but for a flush */
		if (!cs_xactdelta_has_flushed())
			fresh->curcid = view->snapshot->curcid;
		PushActiveSnapshot(fresh);
		changes(view, &rowkey->key, fresh, &sum);
		pg_read_barrier();
		done = cs_removal_count(slot) == removals;
		if (done && fetch_row(view, rowkey, fresh))
			row = cs_deltarow_from_slot(view->binding, view->row);
		if (done)
			row = apply(view, row, &sum);
		PopActiveSnapshot();
		UnregisterSnapshot(fresh);
		*whole = sum.whole;
		if (done)
			return row;
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Put a merged row into a slot, with the system columns of the table's row.
 */
static void
put(const CsMergeView *view, TupleTableSlot *base, HeapTupleHeader row, TupleTableSlot *merged)
{
	MemoryContext old = MemoryContextSwitchTo(view->context);

	if (merged != base)
		ExecCopySlot(merged, base);
	cs_mergedrow_put(merged, row);
	merged->tts_tableOid = RelationGetRelid(view->rel);
	MemoryContextSwitchTo(old);
}

/*
 * As cs_mergeview_merge(), reading the row once more.
 */
static CsMerged
merge_latest(CsMergeView *view, const CsRowKey *rowkey, TupleTableSlot *base,
			 TupleTableSlot *merged)
{
	bool		whole;
	HeapTupleHeader latest = read_latest(view, rowkey, &whole);

	if (latest == NULL)
		return CS_MERGED_SAME;
	put(view, base, take_columns(view, cs_deltarow_from_slot(view->binding, base), latest),
		merged);
	return CS_MERGED_PUT;
}

/*
 * As cs_mergeview_merge(), by the entry as it is now.
 */
static CsMerged
merge_live(CsMergeView *view, const CsRowKey *rowkey, TupleTableSlot *base,
		   TupleTableSlot *merged)
{
	CsDelta		sum;
	HeapTupleHeader row;
	HeapTupleHeader result;

	changes(view, &rowkey->key, view->snapshot, &sum);
	if (!shows_removed(view))
		return merge_latest(view, rowkey, base, merged);
	if (cs_delta_is_empty(&sum))
		return CS_MERGED_SAME;
	row = cs_deltarow_from_slot(view->binding, base);
	result = apply(view, row, &sum);
	/* a whole row that has come since the scan began */
	if (is_apart(view, &sum))
		result = take_columns(view, row, result);
	put(view, base, result, merged);
	return CS_MERGED_PUT;
}

/*
 * Merge a row of the table, which the snapshot shows, with its deferred
 * changes.  Uses the current memory context.
 */
CsMerged
cs_mergeview_merge(CsMergeView *view, TupleTableSlot *base, TupleTableSlot *merged)
{
	CsRowKey	rowkey;
	const CsMergeKey *entry;
	HeapTupleHeader row;
	HeapTupleHeader result;

	if (view->mode == CS_MERGE_NONE || !cs_key_of_slot(view->binding, base, &rowkey))
		return CS_MERGED_SAME;
	if (view->mode == CS_MERGE_LATEST)
		return merge_latest(view, &rowkey, base, merged);
	if (view->mode == CS_MERGE_LIVE)
		return merge_live(view, &rowkey, base, merged);
	entry = view->keys == NULL ? NULL : cs_mergekeys_lookup(view->keys, rowkey.key);
	if (entry == NULL)
		return CS_MERGED_SAME;
	if (entry->apart)
		return CS_MERGED_APART;
	row = cs_deltarow_from_slot(view->binding, base);
	result = apply(view, row, entry->sum);
	if (result == row)
		return CS_MERGED_SAME;
	put(view, base, result, merged);
	return CS_MERGED_PUT;
}

/*
 * Merge a row of the snapshot in place, for another look at it.
 */
void
cs_mergeview_merge_again(CsMergeView *view, TupleTableSlot *slot)
{
	CsRowKey	rowkey;

	if (cs_key_of_slot(view->binding, slot, &rowkey))
		(void) merge_live(view, &rowkey, slot, slot);
}

/* ----- rows that are locked ----- */

/*
 * Merge a row that this transaction has locked.  What the transaction has
 * deferred that had the row before is waited for.
 */
static void
merge_under_lock(const CsMergeView *view, const CsRowKey *rowkey, TupleTableSlot *slot,
				 CsMergedRow *over)
{
	HeapTupleHeader base = cs_deltarow_from_slot(view->binding, slot);
	TimestampTz end = 0;

	for (;;)
	{
		cs_write_back_merge(view->binding, rowkey, base, over);
		if (over->behind == 0)
			break;
		cs_write_back_wait(view->binding, rowkey, over, &end);
	}
}

/*
 * Whether the slot has the row as the executor has locked it.  A row that was
 * merged has no buffer; a scan that is begun again gets it a second time.
 */
bool
cs_mergeview_is_as_locked(TupleTableSlot *slot)
{
	return !TTS_IS_BUFFERTUPLE(slot) ||
		BufferIsValid(((BufferHeapTupleTableSlot *) slot)->buffer);
}

/*
 * Merge a row that this transaction has locked, in its latest version, in
 * place.
 */
void
cs_mergeview_merge_locked(CsMergeView *view, TupleTableSlot *slot)
{
	CsRowKey	rowkey;
	CsMergedRow over;

	if (view->binding == NULL || !cs_key_of_slot(view->binding, slot, &rowkey))
		return;
	merge_under_lock(view, &rowkey, slot, &over);
	if (over.row != over.base && over.row != NULL)
		put(view, slot, over.row, slot);
}

/*
 * Whether the scan has seen these deferred changes of a row.
 */
static bool
has_seen(const CsMergeView *view, const CsKey *key, const CsDelta *deferred)
{
	const CsMergeKey *entry = view->mode != CS_MERGE_NOTED || view->keys == NULL ? NULL :
	cs_mergekeys_lookup(view->keys, *key);
	char	   *seen;
	char	   *now;
	Size		seen_len;
	Size		now_len;

	if (entry == NULL)
		return cs_delta_is_empty(deferred);
	seen = cs_delta_encode(entry->sum, &seen_len);
	now = cs_delta_encode(deferred, &now_len);
	return seen_len == now_len && memcmp(seen, now, now_len) == 0;
}

/*
 * Whether what is deferred for a row is what the scan has seen of it.  The
 * statement, whose command is given, has locked the row since.  A row that was
 * merged meanwhile has no buffer.  Uses the current memory context.
 */
CsMergeLocked
cs_mergeview_locked(CsMergeView *view, TupleTableSlot *slot, CommandId command)
{
	CsRowKey	rowkey;
	CsMergedRow over;

	if (!cs_key_of_slot(view->binding, slot, &rowkey))
		return CS_MERGE_LOCKED_SAME;
	if (cs_xactdelta_is_changed_since(&rowkey.key, command))
		return CS_MERGE_LOCKED_OWN;
	if (!cs_mergeview_is_as_locked(slot))
		return CS_MERGE_LOCKED_SAME;
	merge_under_lock(view, &rowkey, slot, &over);
	return has_seen(view, &rowkey.key, &over.deferred) ? CS_MERGE_LOCKED_SAME :
		CS_MERGE_LOCKED_CHANGED;
}

/* ----- rows that are given apart ----- */

/*
 * A row that the table does not have gets a place that no table has.  It
 * contains a number.
 */
#define ADDED_BLOCKS	0x10000
#define ADDED_ROWS		((int) MaxOffsetNumber)

void
cs_mergeview_set_added(HeapTuple row, int number)
{
	ItemPointerSet(&row->t_self, MaxBlockNumber - number / ADDED_ROWS % ADDED_BLOCKS,
				   FirstOffsetNumber + number % ADDED_ROWS);
	row->t_data->t_ctid = row->t_self;
}

bool
cs_mergeview_is_added(const ItemPointerData *place)
{
	return MaxBlockNumber - ItemPointerGetBlockNumberNoCheck(place) < ADDED_BLOCKS;
}

int
cs_mergeview_added(const ItemPointerData *place)
{
	return (int) (MaxBlockNumber - ItemPointerGetBlockNumberNoCheck(place)) * ADDED_ROWS +
		ItemPointerGetOffsetNumberNoCheck(place) - FirstOffsetNumber;
}

/*
 * A row that the table does not have.
 */
static HeapTuple
added_row(const CsMergeView *view, HeapTupleHeader row)
{
	HeapTupleData tuple = cs_row_tuple(row);
	HeapTuple	copy = heap_copytuple(&tuple);

	HeapTupleHeaderSetXmin(copy->t_data, FrozenTransactionId);
	HeapTupleHeaderSetCmin(copy->t_data, FirstCommandId);
	HeapTupleHeaderSetXmax(copy->t_data, InvalidTransactionId);
	copy->t_data->t_infomask |= HEAP_XMIN_FROZEN | HEAP_XMAX_INVALID;
	cs_mergeview_set_added(copy, 0);
	copy->t_tableOid = RelationGetRelid(view->rel);
	return copy;
}

/*
 * The row of a key that is given apart, in the current memory context; NULL if
 * there is none.
 */
HeapTuple
cs_mergeview_apart(CsMergeView *view, const CsMergeKey *key)
{
	CsRowKey	rowkey;
	HeapTupleHeader row = NULL;
	HeapTupleHeader base = NULL;
	bool		whole = false;

	if (!cs_key_decode(view->binding, key->name.data, key->name.len, &rowkey))
		elog(ERROR, "could not decode a key of table \"%s\"", view->binding->name);
	if (fetch_row(view, &rowkey, view->snapshot))
	{
		/* the scan gives it */
		if (view->mode == CS_MERGE_LATEST)
			return NULL;
		base = cs_deltarow_from_slot(view->binding, view->row);
	}
	else if (!view->adds)
		return NULL;
	if (view->mode == CS_MERGE_LATEST)
	{
		row = read_latest(view, &rowkey, &whole);
		return row == NULL || !whole ? NULL : added_row(view, row);
	}
	row = apply(view, base, key->sum);
	if (row == NULL)
		return NULL;
	if (base == NULL)
		return added_row(view, row);
	if (row != base)
		put(view, view->row, row, view->row);
	return ExecCopySlotHeapTuple(view->row);
}
