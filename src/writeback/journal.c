/*-------------------------------------------------------------------------
 *
 * journal.c
 *		The journal of durable deferred writes: its tables, and writing to
 *		them.
 *
 * Deltas and truncations are written to cache.journal_a or cache.journal_b, as
 * cs_commitepoch_chosen() says, in their own transaction: they exist if and
 * only if it commits.  For each relation, cache.flush_state contains the stamp
 * below which they are in the table.  journalread.c reads the journal.
 *
 * Rows are not deleted individually: a journal is truncated as a whole once
 * all of its rows are in their tables (cs_journal_empty).  TRUNCATE is not
 * MVCC-safe: a snapshot older than a flush sees neither the flushed changes
 * nor, after TRUNCATE, the journal.  So the flushes must be visible to every
 * snapshot in use.  A flush's xid is the xmin of the flush_state row that it
 * wrote, which is known after a restart as well.  Snapshots on a standby are
 * known only with hot_standby_feedback.
 *
 * The current role is arbitrary.  Journals are opened without checking
 * privileges, and flush_state is changed as its owner.
 *
 * Locks are heavyweight locks, held to the end of the transaction:
 * RowExclusiveLock for writers, AccessExclusiveLock, without waiting, for
 * emptying.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "inval.h"
#include "relation/binding.h"
#include "relation/catalog.h"
#include "relation/owner.h"
#include "writeback/commitepoch.h"
#include "writeback/journal.h"
#include "writeback/journalread.h"
#include "xact/snapshot.h"

static const char *const table_names[CS_JOURNAL_TABLES] = {
	[CS_JOURNAL_A] = "journal_a",
	[CS_JOURNAL_B] = "journal_b",
	[CS_JOURNAL_STATE] = "flush_state"
};

static Oid	table_oids[CS_JOURNAL_TABLES];	/* InvalidOid if not looked up */

/* ----- tables ----- */

static void
relation_changed(Oid relid)
{
	for (int i = 0; i < CS_JOURNAL_TABLES; i++)
		if (!OidIsValid(relid) || table_oids[i] == relid)
			table_oids[i] = InvalidOid;
}

/*
 * OID of one of the tables.  Throws 42P01 if it does not exist.
 */
static Oid
table_of(CsJournalTable which)
{
	static bool watched = false;
	Oid			schema;

	if (!watched)
	{
		cs_inval_on_relation(relation_changed);
		watched = true;
	}
	if (!OidIsValid(table_oids[which]) && OidIsValid(cs_binding_catalog()))
	{
		schema = get_namespace_oid("cache", true);
		if (OidIsValid(schema))
			table_oids[which] = get_relname_relid(table_names[which], schema);
	}
	if (!OidIsValid(table_oids[which]))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table cache.%s does not exist", table_names[which])));
	return table_oids[which];
}

/*
 * Open one of the tables.  It may be dropped and created again until the lock
 * is granted.
 */
Relation
cs_journal_open(CsJournalTable which, LOCKMODE lockmode)
{
	for (;;)
	{
		Relation	rel = try_table_open(table_of(which), lockmode);

		if (rel != NULL)
			return rel;
		table_oids[which] = InvalidOid;
	}
}

/*
 * Open one of the tables in ACCESS SHARE mode, or return NULL if another
 * transaction is emptying it.
 */
static Relation
open_at_once(CsJournalTable which)
{
	Oid			relid = table_of(which);
	Relation	rel;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return NULL;
	rel = try_table_open(relid, NoLock);
	if (rel == NULL)
		UnlockRelationOid(relid, AccessShareLock);
	return rel;
}

/*
 * Bytes on disk of both journals.  Returns false, and leaves *bytes, while one
 * is being emptied, as that may take long: its COMMIT may wait for a standby.
 * The locks are released at once, so that the caller's transaction does not
 * keep the flush worker from emptying them.
 */
bool
cs_journal_bytes(uint64 *bytes)
{
	uint64		sum = 0;

	for (CsJournalTable which = CS_JOURNAL_A; which <= CS_JOURNAL_B; which++)
	{
		Relation	rel = open_at_once(which);

		if (rel == NULL)
			return false;
		sum += DatumGetInt64(DirectFunctionCall1(pg_total_relation_size,
												 ObjectIdGetDatum(RelationGetRelid(rel))));
		table_close(rel, AccessShareLock);
	}
	*bytes = sum;
	return true;
}

/* ----- deltas and truncations ----- */

/*
 * Insert a row into the journal in use.
 */
static void
write_row(Oid relid, uint64 stamp, bytea *change)
{
	Relation	rel = cs_journal_open(cs_commitepoch_chosen(), RowExclusiveLock);
	Datum		values[Natts_journal];
	bool		nulls[Natts_journal] = {false};
	HeapTuple	tuple;
	bool		pushed = !ActiveSnapshotSet();

	/*
	 * inserting a toasted change requires a snapshot, and at PRE_COMMIT there
	 * is none
	 */
	if (pushed)
		PushActiveSnapshot(GetTransactionSnapshot());
	values[Anum_journal_stamp - 1] = Int64GetDatum((int64) stamp);
	values[Anum_journal_relation - 1] = ObjectIdGetDatum(relid);
	values[Anum_journal_written_for - 1] = ObjectIdGetDatum(relid);
	values[Anum_journal_change - 1] = PointerGetDatum(change);
	nulls[Anum_journal_change - 1] = change == NULL;
	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	simple_heap_insert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
	if (pushed)
		PopActiveSnapshot();
}

/*
 * Write a delta to the journal, in this transaction.
 *
 * A delta that a flusher carries over has the boundary itself as its stamp.
 * Drawing a stamp then prevents the next flush from treating the commit epoch
 * as unused and reusing the same boundary, which would not be above what was
 * carried over.
 */
void
cs_journal_write(Oid relid, uint64 stamp, bytea *portable)
{
	if (stamp == cs_stamp_first(cs_stamp_epoch(stamp)))
		(void) cs_commitepoch_draw();
	write_row(relid, stamp, portable);
}

/* Write a TRUNCATE: it voids the table's journal rows with smaller stamps. */
void
cs_journal_write_truncate(Oid relid, uint64 stamp)
{
	write_row(relid, stamp, NULL);
}

/* ----- flush_state ----- */

/*
 * A statement whose plan is kept for the session; plancache.c keeps it
 * current.
 */
typedef struct Statement
{
	const char *query;
	int			nargs;
	Oid			types[2];
	SPIPlanPtr	plan;
} Statement;

static Statement set_flushed = {
	.query = "INSERT INTO cache.flush_state AS s (relation, flushed) VALUES ($1, $2) "
	"ON CONFLICT (relation) DO UPDATE SET flushed = EXCLUDED.flushed "
	"WHERE s.flushed OPERATOR(pg_catalog.<) EXCLUDED.flushed",
	.nargs = 2,
	.types = {REGCLASSOID, INT8OID}
};

static Statement set_unclean = {
	.query = "INSERT INTO cache.flush_state AS s (relation, unclean) VALUES ($1, $2) "
	"ON CONFLICT (relation) DO UPDATE SET unclean = EXCLUDED.unclean "
	"WHERE s.unclean OPERATOR(pg_catalog.<>) EXCLUDED.unclean",
	.nargs = 2,
	.types = {REGCLASSOID, BOOLOID}
};

static Statement forget_state = {
	.query = "DELETE FROM cache.flush_state WHERE relation OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.types = {REGCLASSOID}
};

static void
prepare(Statement *s)
{
	SPIPlanPtr	plan = SPI_prepare(s->query, s->nargs, s->types);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", s->query,
			 SPI_result_code_string(SPI_result));
	s->plan = plan;
}

/*
 * Execute a statement on flush_state as the table's owner.  Returns the number
 * of rows changed.
 */
static uint64
change_state(Statement *s, Oid relid, Datum value)
{
	Relation	rel = cs_journal_open(CS_JOURNAL_STATE, RowExclusiveLock);
	Oid			owner = rel->rd_rel->relowner;
	Datum		values[2] = {ObjectIdGetDatum(relid), value};
	CsAsOwner	saved;
	int			rc;
	uint64		changed;

	table_close(rel, NoLock);
	SPI_connect();
	cs_owner_begin(&saved, owner);
	if (s->plan == NULL)
		prepare(s);
	rc = SPI_execute_plan(s->plan, values, NULL, false, 0);
	changed = SPI_processed;
	cs_owner_end(&saved);
	if (rc < 0)
		elog(ERROR, "could not change cache.flush_state: %s", SPI_result_code_string(rc));
	SPI_finish();
	return changed;
}

/*
 * Move flush_state forward, in this transaction.
 *
 * It never moves back: what is below it is in the table already, and would be
 * written again after a crash.  It is ahead if the commit epochs have not been
 * raised since the server started, or since a restore from a dump; then they
 * are raised, and this throws 40001.
 */
void
cs_journal_set_flushed(Oid relid, uint64 boundary)
{
	uint64		flushed;

	if (change_state(&set_flushed, relid, Int64GetDatum((int64) boundary)) > 0)
		return;
	flushed = cs_journalread_flushed(relid);
	if (flushed == boundary)
		return;
	cs_commitepoch_raise(flushed);
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("deferred writes of table \"%s\" are numbered lower than those that were flushed before",
					get_rel_name(relid)),
			 errdetail("Numbers have begun anew since, with a restart of the server or a restore from a dump."),
			 errhint("The next flush will succeed.")));
}

/*
 * Set whether volatile writes were lost or may be, in this transaction.
 */
void
cs_journal_set_unclean(Oid relid, bool unclean)
{
	change_state(&set_unclean, relid, BoolGetDatum(unclean));
}

/*
 * Delete the relation's rows from a journal.
 */
static void
forget_rows(CsJournalTable which, Oid relid)
{
	Relation	rel = cs_journal_open(which, RowExclusiveLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData key;
	TableScanDesc scan;

	ScanKeyInit(&key, Anum_journal_relation, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = table_beginscan(rel, snapshot, 1, &key);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		simple_heap_delete(rel, &slot->tts_tid);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
}

/*
 * Remove the relation from flush_state and the journals.
 *
 * Its rows have all been flushed.  Without a flush_state they would count as
 * pending, prevent the journal from being emptied, and be written to the table
 * if it were attached again.  The caller holds a lock that excludes writers.
 */
void
cs_journal_forget(Oid relid)
{
	change_state(&forget_state, relid, (Datum) 0);
	forget_rows(CS_JOURNAL_A, relid);
	forget_rows(CS_JOURNAL_B, relid);
}

/* ----- emptying ----- */

/*
 * What this session found at its last look.  While a journal has exactly the
 * same rows, later flushes do not concern it.  Otherwise, if tables are
 * flushed continually and transactions take longer than that, some transaction
 * would never see the latest flush.
 */
static struct
{
	Oid			relid;
	CsJournalLook look;
}			looked[2];

/*
 * Whether no transaction needs the journal.  The horizon is determined after
 * the look, when short transactions have ended.
 */
static bool
is_unneeded(CsJournalTable which, Relation journal)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	CsJournalLook look;
	bool		consumed = cs_journalread_is_consumed(journal, snapshot, &look);

	UnregisterSnapshot(snapshot);
	if (!consumed)
		return false;
	if (looked[which].relid != RelationGetRelid(journal) ||
		looked[which].look.rows != look.rows ||
		looked[which].look.fingerprint != look.fingerprint)
	{
		looked[which].relid = RelationGetRelid(journal);
		looked[which].look = look;
	}
	return looked[which].look.flushed_by <
		cs_snapshot_widen(GetOldestNonRemovableTransactionId(journal));
}

/*
 * Look at the journal without disturbing others: the lock for emptying costs
 * an xid and a WAL record even if it is of no use, and writers would wait for
 * the look.
 */
static bool
seems_consumed(CsJournalTable which, Oid *relid, Oid *toast, BlockNumber *blocks)
{
	Relation	rel;
	bool		consumed;

	*relid = table_of(which);
	*blocks = InvalidBlockNumber;
	if (!ConditionalLockRelationOid(*relid, AccessShareLock))
		return false;
	rel = try_table_open(*relid, NoLock);
	if (rel == NULL)
	{
		UnlockRelationOid(*relid, AccessShareLock);
		return false;
	}
	*toast = rel->rd_rel->reltoastrelid;
	*blocks = RelationGetNumberOfBlocks(rel);
	consumed = *blocks > 0 && is_unneeded(which, rel);
	table_close(rel, NoLock);
	return consumed;
}

/*
 * Truncate a journal as its owner.
 */
static void
truncate_table(CsJournalTable which)
{
	CsCatalogQuery query = {
		.text = which == CS_JOURNAL_A ? "TRUNCATE ONLY cache.journal_a" : "TRUNCATE ONLY cache.journal_b"
	};

	SPI_connect();
	(void) cs_catalog_change(table_names[which], &query);
	SPI_finish();
}

/*
 * Empty a journal if its lock is available.  Once it is held, no transaction
 * that has written to the journal is running, so a fresh snapshot sees
 * everything. TRUNCATE also takes the lock of the TOAST table, so that is
 * taken conditionally first.
 */
static void
empty_journal(CsJournalTable which, Oid relid, Oid toast)
{
	Relation	rel;
	bool		needed;

	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return;
	if (OidIsValid(toast) && !ConditionalLockRelationOid(toast, AccessExclusiveLock))
	{
		UnlockRelationOid(relid, AccessExclusiveLock);
		return;
	}
	rel = table_open(relid, NoLock);
	needed = !is_unneeded(which, rel);
	table_close(rel, NoLock);
	if (!needed)
	{
		truncate_table(which);
		return;
	}
	if (OidIsValid(toast))
		UnlockRelationOid(toast, AccessExclusiveLock);
	UnlockRelationOid(relid, AccessExclusiveLock);
}

/*
 * Empty the journals that contain only flushed deltas and that no transaction
 * is using, in a transaction of its own.  Never waits for a lock.  Both
 * journals are examined before one is locked, so that writers do not wait for
 * the other.
 */
void
cs_journal_empty(void)
{
	Oid			relids[2];
	Oid			toasts[2];
	BlockNumber blocks[2];
	bool		consumed[2];
	CsJournalTable chosen = cs_commitepoch_chosen();

	consumed[0] = seems_consumed(CS_JOURNAL_A, &relids[0], &toasts[0], &blocks[0]);
	consumed[1] = seems_consumed(CS_JOURNAL_B, &relids[1], &toasts[1], &blocks[1]);
	if (blocks[1 - chosen] == 0 && blocks[chosen] != 0)
		cs_commitepoch_choose(1 - chosen);
	if (consumed[0])
		empty_journal(CS_JOURNAL_A, relids[0], toasts[0]);
	if (consumed[1])
		empty_journal(CS_JOURNAL_B, relids[1], toasts[1]);
}
