/*-------------------------------------------------------------------------
 *
 * journal.c
 *		The journal of durable deferred writes: its tables, and what is written
 *		to them.
 *
 * Deltas and truncations go to cache.journal_a or cache.journal_b, by the
 * parity of their stamp's commit epoch, in the transaction that they are of:
 * they are there if and only if it commits.  cache.flush_state says for each
 * relation below which stamp they are in the table.  journalread.c reads them.
 *
 * Rows are not deleted one by one: a journal is truncated as a whole once all
 * of its rows are in their tables (cs_journal_empty).  TRUNCATE is not MVCC.
 * A snapshot older than a flush sees neither what the flush did nor, after
 * TRUNCATE, the journal; so the flushes must be visible to every snapshot in
 * use.  A flush's xid is the xmin of the flush_state row that it wrote: that is
 * known after a restart too, whoever flushed.  Snapshots on a standby are not
 * known here unless it has hot_standby_feedback.
 *
 * Any role may be the current one.  Journals are opened without a look at
 * privileges, flush_state is changed as its owner.
 *
 * Locks are heavyweight, kept to the end of the transaction: RowExclusiveLock
 * for writers, AccessExclusiveLock, without ever waiting for it, to empty.
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

static Oid	table_oids[CS_JOURNAL_TABLES];	/* InvalidOid: not looked up */

/* ----- the tables ----- */

static void
relation_changed(Oid relid)
{
	for (int i = 0; i < CS_JOURNAL_TABLES; i++)
		if (!OidIsValid(relid) || table_oids[i] == relid)
			table_oids[i] = InvalidOid;
}

Oid
cs_journal_table(CsJournalTable which)
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

/* It may be dropped, and created again, until we have the lock. */
Relation
cs_journal_open(CsJournalTable which, LOCKMODE lockmode)
{
	for (;;)
	{
		Relation	rel = try_table_open(cs_journal_table(which), lockmode);

		if (rel != NULL)
			return rel;
		table_oids[which] = InvalidOid;
	}
}

/*
 * Bytes on disk of both journals.
 */
uint64
cs_journal_bytes(void)
{
	uint64		bytes = 0;

	for (CsJournalTable which = CS_JOURNAL_A; which <= CS_JOURNAL_B; which++)
	{
		Relation	rel = cs_journal_open(which, AccessShareLock);
		Datum		size = DirectFunctionCall1(pg_total_relation_size,
											   ObjectIdGetDatum(RelationGetRelid(rel)));

		bytes += DatumGetInt64(size);
		table_close(rel, NoLock);
	}
	return bytes;
}

/* ----- deltas and truncations ----- */

static void
write_row(Oid relid, uint64 stamp, bytea *change)
{
	Relation	rel = cs_journal_open(cs_commitepoch_chosen(), RowExclusiveLock);
	Datum		values[Natts_journal];
	bool		nulls[Natts_journal] = {false};
	HeapTuple	tuple;
	bool		pushed = !ActiveSnapshotSet();

	/* a change that is toasted needs one, and at PRE_COMMIT there is none */
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
 * Write a delta, in this transaction, to the journal.
 *
 * What a flusher carries over has the boundary itself as its stamp.  Drawing
 * one then keeps the next flush from taking the commit epoch for unused and
 * its boundary for the same, which would not be above what was carried.
 */
void
cs_journal_write(Oid relid, uint64 stamp, bytea *portable)
{
	if (stamp == cs_stamp_first(cs_stamp_epoch(stamp)))
		(void) cs_commitepoch_draw();
	write_row(relid, stamp, portable);
}

/*
 * A TRUNCATE: what the journal has of the table with smaller stamps is void.
 */
void
cs_journal_write_truncate(Oid relid, uint64 stamp)
{
	write_row(relid, stamp, NULL);
}

/* ----- flush_state ----- */

/* The plan is kept for the session; plancache.c sees to it that it is current. */
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

/* As the table's owner; returns how many rows were changed. */
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
 * Never back: what is below it is in the table already, and would be written
 * to it again after a crash.  A flush_state is ahead if nobody has raised the
 * commit epochs since the server started, or since it was restored from a dump.
 */
void
cs_journal_set_flushed(Oid relid, uint64 boundary)
{
	uint64		flushed;

	if (change_state(&set_flushed, relid, Int64GetDatum((int64) boundary)) > 0)
		return;
	flushed = cs_journal_flushed(relid);
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

void
cs_journal_set_unclean(Oid relid, bool unclean)
{
	change_state(&set_unclean, relid, BoolGetDatum(unclean));
}

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
 * Its journal rows go too, all of which have been flushed: without a
 * flush_state they would count as pending, keep the journal from being emptied,
 * and be written to the table again if it were attached anew.  Whoever detaches
 * has a lock that keeps writers away.
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
 * What this session found when it last looked.  While a journal has the very
 * same rows, later flushes have nothing to do with them: else, if tables are
 * flushed all the time and transactions last longer than that, there would
 * always be somebody who does not see the latest.
 */
static struct
{
	Oid			relid;
	CsJournalLook look;
}			looked[2];

/* The horizon is asked for after the look: short transactions are over by then. */
static bool
nobody_needs(CsJournalTable which, Relation journal)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	CsJournalLook look;
	bool		consumed = cs_journal_is_consumed(journal, snapshot, &look);

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
 * A look that disturbs nobody: the lock for emptying costs an xid and a WAL
 * record even if it is of no use, and writers would wait for the look.
 */
static bool
seems_consumed(CsJournalTable which, Oid *relid, Oid *toast, BlockNumber *blocks)
{
	Relation	rel;
	bool		consumed;

	*relid = cs_journal_table(which);
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
	consumed = *blocks > 0 && nobody_needs(which, rel);
	table_close(rel, NoLock);
	return consumed;
}

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
 * Nobody who has written to it is still running once we have the lock, so a
 * fresh snapshot sees all there is.  TRUNCATE takes the TOAST table's lock as
 * well, and would wait for it.
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
	needed = !nobody_needs(which, rel);
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
 * Empty the journals that hold nothing but flushed deltas and that nobody is
 * using; in a transaction of its own.  Never waits for a lock.
 *
 * All looking comes first, so that writers do not wait for the other journal.
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
