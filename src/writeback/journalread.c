/*-------------------------------------------------------------------------
 *
 * journalread.c
 *		Reading the journal: what it contains that is not in the tables.
 *
 * A row is pending if its stamp is not below its relation's
 * flush_state.flushed (0 if there is no row) and, if it is a delta, not below
 * the relation's last truncation.  Both journals and flush_state are read
 * under one fresh snapshot, whatever snapshot the caller has.  A flush changes
 * flush_state and its table in one transaction, so under one snapshot a delta
 * is either in the table or pending. A journal that such a snapshot needs is
 * not emptied (journal.c).
 *
 * There is no index.  A journal is read sequentially, when a worker starts and
 * to determine whether it can be emptied; deltas are fetched from TOAST only
 * to be passed to a callback.
 *
 * Only heavyweight locks: AccessShareLock, held to the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplesort.h"

#include "writeback/journal.h"
#include "writeback/journalread.h"
#include "xact/snapshot.h"

/* What is known of a relation. */
typedef struct Progress
{
	Oid			relid;			/* hash key */
	bool		exists;
	bool		unclean;
	uint64		flushed;
	uint64		moved_by;		/* transaction that wrote flush_state; 0 if
								 * frozen */
	uint64		delta;			/* largest stamp of an unflushed delta */
	uint64		truncated;		/* largest stamp of an unflushed truncation */
} Progress;

typedef struct Row
{
	uint64		stamp;
	Oid			relid;
	Oid			written_for;
	bool		is_truncation;
	Datum		change;			/* may be a TOAST pointer */
} Row;

/* A scan of one table, for one relation's rows or all. */
typedef struct Scan
{
	TableScanDesc desc;
	TupleTableSlot *slot;
	ScanKeyData key;
} Scan;

/*
 * A fresh snapshot.  A parallel operation may not take one; it only asks about
 * tables whose gate is closed, to whose journal nothing is added.
 */
static Snapshot
fresh_snapshot(void)
{
	return RegisterSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
}

/* ----- scans ----- */

static void
begin_scan(Scan *scan, Relation rel, Snapshot snapshot, AttrNumber column, Oid relid)
{
	scan->slot = table_slot_create(rel, NULL);
	ScanKeyInit(&scan->key, column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan->desc = table_beginscan(rel, snapshot, OidIsValid(relid) ? 1 : 0, &scan->key);
}

static bool
next_in_scan(Scan *scan)
{
	if (!table_scan_getnextslot(scan->desc, ForwardScanDirection, scan->slot))
		return false;
	slot_getallattrs(scan->slot);
	return true;
}

static void
end_scan(Scan *scan)
{
	table_endscan(scan->desc);
	ExecDropSingleTupleTableSlot(scan->slot);
}

static uint64
stamp_in(TupleTableSlot *slot, AttrNumber attnum)
{
	return (uint64) DatumGetInt64(slot->tts_values[attnum - 1]);
}

static bool
next_row(Scan *scan, Row *row)
{
	TupleTableSlot *slot = scan->slot;

	if (!next_in_scan(scan))
		return false;
	row->stamp = stamp_in(slot, Anum_journal_stamp);
	row->relid = DatumGetObjectId(slot->tts_values[Anum_journal_relation - 1]);
	row->written_for = DatumGetObjectId(slot->tts_values[Anum_journal_written_for - 1]);
	row->is_truncation = slot->tts_isnull[Anum_journal_change - 1];
	row->change = slot->tts_values[Anum_journal_change - 1];
	return true;
}

/* ----- flush_state ----- */

static HTAB *
make_progress(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(Progress),
		.hcxt = CurrentMemoryContext
	};

	return hash_create("cache_strategies journal", 32, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static Progress *
progress_of(HTAB *all, Oid relid)
{
	bool		found;
	Progress   *progress = hash_search(all, &relid, HASH_ENTER, &found);

	if (!found)
	{
		memset(progress, 0, sizeof(*progress));
		progress->relid = relid;
		progress->exists = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
	}
	return progress;
}

/*
 * xmin of a row, widened; 0 if it is frozen, which the system column would not
 * show.
 */
static uint64
xmin_in(TupleTableSlot *slot)
{
	bool		copied;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &copied);
	TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);

	Assert(!copied);
	return TransactionIdIsNormal(xmin) ? cs_snapshot_widen(xmin) : 0;
}

/* Read flush_state, of one relation or of all. */
static HTAB *
read_progress(Snapshot snapshot, Oid relid)
{
	Relation	rel = cs_journal_open(CS_JOURNAL_STATE, AccessShareLock);
	HTAB	   *all = make_progress();
	Scan		scan;

	begin_scan(&scan, rel, snapshot, Anum_state_relation, relid);
	while (next_in_scan(&scan))
	{
		TupleTableSlot *slot = scan.slot;
		Oid			owner = DatumGetObjectId(slot->tts_values[Anum_state_relation - 1]);
		Progress   *progress = progress_of(all, owner);

		progress->flushed = stamp_in(slot, Anum_state_flushed);
		progress->unclean = DatumGetBool(slot->tts_values[Anum_state_unclean - 1]);
		progress->moved_by = xmin_in(slot);
	}
	end_scan(&scan);
	table_close(rel, NoLock);
	return all;
}

static Progress
progress_now(Oid relid)
{
	Snapshot	snapshot = fresh_snapshot();
	HTAB	   *all = read_progress(snapshot, relid);
	Progress	progress = *progress_of(all, relid);

	hash_destroy(all);
	UnregisterSnapshot(snapshot);
	return progress;
}

/*
 * The relation's flush_state.flushed; 0 if it has none.
 */
uint64
cs_journalread_flushed(Oid relid)
{
	return progress_now(relid).flushed;
}

bool
cs_journalread_is_unclean(Oid relid)
{
	return progress_now(relid).unclean;
}

/* ----- pending rows ----- */

/*
 * Take a row of the journal into account.
 */
static void
note_row(HTAB *all, const Row *row)
{
	Progress   *progress = progress_of(all, row->relid);

	if (row->stamp < progress->flushed)
		return;
	if (row->is_truncation)
		progress->truncated = Max(progress->truncated, row->stamp);
	else
		progress->delta = Max(progress->delta, row->stamp);
}

/*
 * Whether there are pending deltas.  Those of the truncating transaction
 * itself follow the truncation.
 */
static bool
is_pending(const Progress *progress)
{
	return progress->exists && progress->delta != 0 &&
		progress->delta >= progress->truncated;
}

/*
 * Read both journals, of one relation or of all.
 */
static HTAB *
read_all(Oid relid)
{
	Snapshot	snapshot = fresh_snapshot();
	HTAB	   *all = read_progress(snapshot, relid);

	for (CsJournalTable which = CS_JOURNAL_A; which <= CS_JOURNAL_B; which++)
	{
		Relation	rel = cs_journal_open(which, AccessShareLock);
		Scan		scan;
		Row			row;

		begin_scan(&scan, rel, snapshot, Anum_journal_relation, relid);
		while (next_row(&scan, &row))
			note_row(all, &row);
		end_scan(&scan);
		table_close(rel, NoLock);
	}
	UnregisterSnapshot(snapshot);
	return all;
}

/*
 * Whether the journal has unflushed deltas of the table.
 */
bool
cs_journalread_has_pending(Oid relid)
{
	HTAB	   *all = read_all(relid);
	bool		pending = is_pending(progress_of(all, relid));

	hash_destroy(all);
	return pending;
}

/*
 * Relations with unflushed deltas, as a list of OIDs of those that exist.
 */
List *
cs_journalread_pending(void)
{
	HTAB	   *all = read_all(InvalidOid);
	List	   *pending = NIL;
	HASH_SEQ_STATUS seq;
	Progress   *progress;

	hash_seq_init(&seq, all);
	while ((progress = hash_seq_search(&seq)) != NULL)
		if (is_pending(progress))
			pending = lappend_oid(pending, progress->relid);
	hash_destroy(all);
	return pending;
}

/*
 * Fingerprint of a row.  Not seeded: stamps, and the places of rows in the
 * journal, are not chosen by users.
 */
static uint64
fingerprint(const Scan *scan, const Row *row)
{
	struct
	{
		uint64		stamp;
		uint64		place;
	}			place = {
		row->stamp,
		(uint64) ItemPointerGetBlockNumber(&scan->slot->tts_tid) << 16 |
		ItemPointerGetOffsetNumber(&scan->slot->tts_tid)
	};

	return hash_bytes_extended((unsigned char *) &place, sizeof(place), 0);
}

/*
 * Whether every row of the journal is in its table, according to the
 * flush_state that the snapshot sees.
 *
 * Rows that are deleted count as long as a transaction may see them (see
 * cs_journal_forget).  A relation that does not exist any more needs nothing.
 * One that exists without a flush_state comes from a dump, or its row is dead,
 * and needs everything.
 */
bool
cs_journalread_is_consumed(Relation journal, Snapshot snapshot, CsJournalLook *look)
{
	HTAB	   *all = read_progress(snapshot, InvalidOid);
	bool		consumed = true;
	SnapshotData seen_by_any;
	Scan		scan;
	Row			row;

	memset(look, 0, sizeof(*look));
	InitNonVacuumableSnapshot(seen_by_any, GlobalVisTestFor(journal));
	begin_scan(&scan, journal, &seen_by_any, Anum_journal_relation, InvalidOid);
	while (consumed && next_row(&scan, &row))
	{
		Progress   *progress = progress_of(all, row.relid);

		look->rows++;
		look->fingerprint += fingerprint(&scan, &row);
		if (!progress->exists)
			continue;
		consumed = row.stamp < progress->flushed;
		look->flushed_by = Max(look->flushed_by, progress->moved_by);
	}
	end_scan(&scan);
	hash_destroy(all);
	return consumed;
}

/*
 * Largest stamp in the journals and flush_state; 0 if there is none.  Every
 * tuple counts, dead or not yet committed: a stamp must not be used again
 * while there may be a row with it.
 */
uint64
cs_journalread_last(void)
{
	uint64		last = 0;

	for (CsJournalTable which = 0; which < CS_JOURNAL_TABLES; which++)
	{
		Relation	rel = cs_journal_open(which, AccessShareLock);
		AttrNumber	attnum = which == CS_JOURNAL_STATE ? Anum_state_flushed : Anum_journal_stamp;
		Scan		scan;

		begin_scan(&scan, rel, SnapshotAny, InvalidAttrNumber, InvalidOid);
		while (next_in_scan(&scan))
			last = Max(last, stamp_in(scan.slot, attnum));
		end_scan(&scan);
		table_close(rel, NoLock);
	}
	return last;
}

/* ----- reading in order ----- */

/* Columns that are sorted: by stamp, then by place. */
enum
{
	Anum_sort_stamp = 1,
	Anum_sort_place,
	Anum_sort_written_for,
	Anum_sort_change,
	Natts_sort = Anum_sort_change
};

static TupleDesc
sort_descriptor(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(Natts_sort);

	TupleDescInitEntry(desc, Anum_sort_stamp, "stamp", INT8OID, -1, 0);
	TupleDescInitEntry(desc, Anum_sort_place, "place", INT8OID, -1, 0);
	TupleDescInitEntry(desc, Anum_sort_written_for, "written_for", OIDOID, -1, 0);
	TupleDescInitEntry(desc, Anum_sort_change, "change", BYTEAOID, -1, 0);
	return desc;
}

static Tuplesortstate *
begin_sort(TupleDesc desc)
{
	AttrNumber	columns[] = {Anum_sort_stamp, Anum_sort_place};
	Oid			operators[] = {Int8LessOperator, Int8LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};

	return tuplesort_begin_heap(desc, lengthof(columns), columns, operators, collations,
								nulls_first, maintenance_work_mem, NULL, TUPLESORT_NONE);
}

static void
put_row(Tuplesortstate *sort, TupleTableSlot *slot, const Row *row, int64 place)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, Natts_sort * sizeof(bool));
	slot->tts_values[Anum_sort_stamp - 1] = Int64GetDatum((int64) row->stamp);
	slot->tts_values[Anum_sort_place - 1] = Int64GetDatum(place);
	slot->tts_values[Anum_sort_written_for - 1] = ObjectIdGetDatum(row->written_for);
	slot->tts_values[Anum_sort_change - 1] = row->change;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort, slot);
}

/* Sort the pending deltas.  Returns the stamp of the last truncation. */
static uint64
sort_deltas(Tuplesortstate *sort, TupleDesc desc, Oid relid, Snapshot snapshot)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	HTAB	   *all = read_progress(snapshot, relid);
	Progress   *progress = progress_of(all, relid);
	uint64		truncated;
	int64		place = 0;

	for (CsJournalTable which = CS_JOURNAL_A; which <= CS_JOURNAL_B; which++)
	{
		Relation	rel = cs_journal_open(which, AccessShareLock);
		Scan		scan;
		Row			row;

		begin_scan(&scan, rel, snapshot, Anum_journal_relation, relid);
		while (next_row(&scan, &row))
		{
			note_row(all, &row);
			if (row.stamp >= progress->flushed && !row.is_truncation)
				put_row(sort, slot, &row, place++);
		}
		end_scan(&scan);
		table_close(rel, NoLock);
	}
	truncated = progress->truncated;
	hash_destroy(all);
	ExecDropSingleTupleTableSlot(slot);
	return truncated;
}

/*
 * Pass each delta to the callback, in a memory context that is reset after
 * each.
 */
static uint64
hand_out(Tuplesortstate *sort, TupleDesc desc, uint64 truncated, CsJournalRead read,
		 void *arg)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContext one = AllocSetContextCreate(CurrentMemoryContext,
											  "cache_strategies journal row",
											  ALLOCSET_DEFAULT_SIZES);
	uint64		n = 0;

	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		MemoryContext old;
		uint64		stamp;
		Oid			written_for;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		stamp = stamp_in(slot, Anum_sort_stamp);
		if (stamp < truncated)
			continue;
		written_for = DatumGetObjectId(slot->tts_values[Anum_sort_written_for - 1]);
		MemoryContextReset(one);
		old = MemoryContextSwitchTo(one);
		read(stamp, written_for, DatumGetByteaP(slot->tts_values[Anum_sort_change - 1]), arg);
		MemoryContextSwitchTo(old);
		n++;
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(one);
	return n;
}

/*
 * Read a relation's pending deltas in order.  The snapshot stays registered
 * while deltas are fetched from TOAST.
 */
uint64
cs_journalread_table(Oid relid, CsJournalRead read, void *arg)
{
	Snapshot	snapshot = fresh_snapshot();
	TupleDesc	desc = sort_descriptor();
	Tuplesortstate *sort = begin_sort(desc);
	uint64		truncated = sort_deltas(sort, desc, relid, snapshot);
	uint64		n;

	tuplesort_performsort(sort);
	n = hand_out(sort, desc, truncated, read, arg);
	tuplesort_end(sort);
	UnregisterSnapshot(snapshot);
	return n;
}
