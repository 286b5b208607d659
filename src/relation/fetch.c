/*-------------------------------------------------------------------------
 *
 * fetch.c
 *		Fetching rows of a plain table by primary key, directly from its index.
 *
 * A load by query spends most of its time on starting and ending the executor.
 * If the query could only be an index scan of one table by its whole primary
 * key, this file does the scan.  It uses the same access methods under the
 * same snapshot, so what a query would see, lock or count (predicate locks,
 * statistics) is seen, locked and counted here too.
 *
 * Other cases are left to a query: partitioned tables and children, row-level
 * security whose policies the caller does not apply, columns computed when
 * read, a role that may not read the whole row with its xmin, and an index
 * that some snapshots must not use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "relation/fetch.h"

static bool
is_plain_table(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_RELATION &&
		!rel->rd_rel->relhassubclass &&
		!cs_has_virtual_columns(RelationGetDescr(rel));
}

/*
 * Whether the index may be used, by the rules of the planner, and is the one
 * that the binding describes.
 */
static bool
is_usable(const CsBinding *binding, Relation rel, Relation index)
{
	Form_pg_index form = index->rd_index;

	if (form == NULL || index->rd_rel->relam != BTREE_AM_OID ||
		form->indrelid != RelationGetRelid(rel) || !form->indisprimary ||
		!form->indisvalid || form->indnkeyatts != binding->nkeys)
		return false;
	if (form->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
							   TransactionXmin))
		return false;
	for (int i = 0; i < binding->nkeys; i++)
		if (form->indkey.values[i] != binding->keys[i].attnum)
			return false;
	return true;
}

static void
set_keys(CsBinding *binding, const CsRowKey *rowkey, ScanKeyData *skey)
{
	for (int i = 0; i < binding->nkeys; i++)
		ScanKeyEntryInitializeWithInfo(&skey[i], 0, i + 1, BTEqualStrategyNumber,
									   InvalidOid, binding->keys[i].collation,
									   &binding->keys[i].eqproc, rowkey->value[i]);
}

/*
 * Copy the row.  A row that is older than some of its columns gets their
 * defaults, as in a query.  The row of a partition becomes one of its table.
 */
static void
take_row(const CsBinding *binding, Relation rel, TupleTableSlot *slot, CsLoaded *loaded)
{
	bool		copied;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &copied);
	TupleDesc	tupdesc = RelationGetDescr(rel);

	loaded->xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	loaded->has_xmin = true;
	if (HeapTupleHeaderGetNatts(tuple->t_data) < tupdesc->natts)
		tuple = heap_expand_tuple(tuple, tupdesc);
	loaded->row = DatumGetHeapTupleHeader(heap_copy_tuple_as_datum(tuple, binding->tupdesc));
	loaded->row->t_ctid = slot->tts_tid;
}

/*
 * Fetch the rows of several keys with one index scan.
 */
static void
scan_for_rows(CsBinding *binding, Relation rel, Relation index,
			  const CsRowKey *const *keys, int n, Snapshot snapshot, CsLoaded *loaded)
{
	ScanKeyData skey[INDEX_MAX_KEYS];
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan = cs_index_beginscan(rel, index, snapshot, binding->nkeys);

	for (int i = 0; i < n; i++)
	{
		set_keys(binding, keys[i], skey);
		index_rescan(scan, skey, binding->nkeys, NULL, 0);
		if (index_getnext_slot(scan, ForwardScanDirection, slot))
			take_row(binding, rel, slot, &loaded[i]);
		ExecClearTuple(slot);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Fetch rows of the table, or of a partition of the same layout.  Returns
 * false if that takes a query.
 *
 * Locks are kept until the transaction ends, as a query would.
 */
static bool
fetch(CsBinding *binding, Relation rel, Oid index_oid, const CsRowKey *const *keys, int n,
	  Snapshot snapshot, CsLoaded *loaded)
{
	Relation	index = is_plain_table(rel) ?
	try_relation_open(index_oid, AccessShareLock) : NULL;
	bool		fits;

	if (index == NULL)
		return false;
	fits = is_usable(binding, rel, index);
	if (fits)
	{
		/* active, for values that are fetched from TOAST */
		PushActiveSnapshot(snapshot);
		scan_for_rows(binding, rel, index, keys, n, snapshot, loaded);
		PopActiveSnapshot();
	}
	relation_close(index, NoLock);
	return fits;
}

/*
 * As cs_loader_load_many(), for a role that may see xmin.  Returns false if a
 * query is required.
 */
bool
cs_fetch_rows(CsBinding *binding, const CsRowKey *const *keys, int n,
			  Snapshot snapshot, CsLoaded *loaded)
{
	Relation	rel;
	bool		fits;

	if (!OidIsValid(binding->key_index))
		return false;
	rel = try_relation_open(binding->relid, AccessShareLock);
	if (rel == NULL)
		return false;
	fits = !rel->rd_rel->relrowsecurity &&
		fetch(binding, rel, binding->key_index, keys, n, snapshot, loaded);
	relation_close(rel, NoLock);
	return fits;
}

/*
 * The same for a scan of the table, or of one of its partitions, which applies
 * policies to what it gets.
 */
bool
cs_fetch_raw_rows(CsBinding *binding, Oid relid, Oid index_oid, const CsRowKey *const *keys,
				  int n, Snapshot snapshot, CsLoaded *loaded)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		fits;

	if (rel == NULL)
		return false;
	memset(loaded, 0, n * sizeof(CsLoaded));
	fits = fetch(binding, rel, index_oid, keys, n, snapshot, loaded);
	relation_close(rel, NoLock);
	return fits;
}
