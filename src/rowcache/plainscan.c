/*-------------------------------------------------------------------------
 *
 * plainscan.c
 *		The executor's node for plain SELECTs by key.
 *
 * The node is a scan of the table.  It returns the rows that the table's index
 * on the primary key has under the statement's snapshot for a key, or for each
 * key of a list.  Each key is answered by access.c as cache.read() would be.
 * Where the cache cannot answer, the node scans the index itself.  All other
 * conditions are left to the executor, and so are the privileges, which it has
 * checked.
 *
 * The slot is virtual and has the table's row type.  The columns that the
 * plan does not use are NULL in it.  tts_tid is set, because WHERE CURRENT OF
 * takes it from there.  If the plan uses xmin the slot is replaced by one
 * that has it.
 *
 * The cache's answers come from plainanswer.c.  A key is read again when the
 * scan comes to it again, forward or backward; the row is the same under the
 * same snapshot.
 *
 * A partition is read from the cache of the table that it is a part of.  The
 * partition's own constraint says which keys can be in it.
 *
 * A key can have several rows, but only in the table: in REPEATABLE READ a row
 * that another transaction has deleted is still visible beside the one that
 * this transaction has inserted in its place.  The cache does not answer after
 * changes of the transaction's own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/partcache.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include CS_EXPLAIN_STATE_H
#include CS_EXPLAIN_FORMAT_H
#include "rowcache/plainanswer.h"
#include "rowcache/plainscan.h"
#include "rowcache/scan.h"

/* A virtual slot that has xmin. */
typedef struct PlainSlot
{
	VirtualTupleTableSlot base;
	TransactionId xmin;
} PlainSlot;

typedef struct PlainScan
{
	CustomScanState custom;

	/* from the plan */
	int			nwanted;		/* columns of the table that the plan uses;
								 * -1: all */
	AttrNumber *wanted;
	AttrNumber	last_wanted;
	bool		wants_xmin;
	ExprState  *belongs;		/* of a partition: which keys can be in it */
	TupleTableSlot *key;		/* with only a key, for that */

	/* keys of this scan */
	bool		made;
	CsPlainKeys keys;
	int64		pos;			/* the present one; -1 before the first, n
								 * after the last */

	CsPlainAnswers answers;

	/* reading the table */
	Relation	index;			/* NULL: not needed so far */
	IndexScanDesc desc;
	bool		in_table;		/* the index scan is at the present key */
	TupleTableSlot *row;
	RegProcedure equal[INDEX_MAX_KEYS];
} PlainScan;

static TupleTableSlotOps slot_ops;	/* of a PlainSlot */
static const CustomExecMethods exec_methods;

/* ----- the plan ----- */

/*
 * Make the plan's node for the key.  The planner processes custom_exprs, which
 * are the values, followed by the conditions.
 */
void
cs_plainscan_set_key(CustomScan *plan, const CsPlainSource *source, const CsPlainKey *key,
					 List *clauses)
{
	plan->custom_exprs = list_concat_copy(key->values, clauses);
	plan->custom_private = list_make3(list_make3_oid(source->attached, source->key_index,
													 source->index),
									  lcons_int(key->rows, list_copy(key->lists)),
									  key->given);
	plan->methods = &cs_scan_methods;
}

/* What cs_plainscan_set_key() has put into the plan. */
static CsPlainKey
planned_key(const CustomScan *plan)
{
	CsPlainKey	key;
	List	   *ints = lsecond(plan->custom_private);

	key.rows = linitial_int(ints) != 0;
	key.lists = list_copy_tail(ints, 1);
	key.values = plan->custom_exprs;
	key.given = lthird(plan->custom_private);
	return key;
}

/*
 * Make the node's state.  The plan's methods are those of the scan of
 * cache.read(), as EXPLAIN shows the same name.
 */
Node *
cs_plainscan_create_state(CustomScan *plan)
{
	PlainScan  *scan = (PlainScan *) newNode(sizeof(PlainScan), T_CustomScanState);

	scan->custom.methods = &exec_methods;
	return (Node *) scan;
}

/* ----- the slot ----- */

static PlainSlot *
plain_slot(PlainScan *scan)
{
	return (PlainSlot *) scan->custom.ss.ss_ScanTupleSlot;
}

/*
 * System columns of the slot.  The planner offers no path if there are others.
 */
static Datum
get_system_column(TupleTableSlot *slot, int attnum, bool *isnull)
{
	if (attnum != MinTransactionIdAttributeNumber)
		elog(ERROR, "system column %d is not available", attnum);
	*isnull = false;
	return TransactionIdGetDatum(((PlainSlot *) slot)->xmin);
}

/*
 * Replace the scan's slot by one that has xmin.  What has been made of
 * expressions for a slot that is TTSOpsVirtual's own is made anew.
 */
static void
add_xmin(PlainScan *scan)
{
	ScanState  *ss = &scan->custom.ss;
	const Scan *plan = (Scan *) ss->ps.plan;

	slot_ops = TTSOpsVirtual;
	slot_ops.base_slot_size = sizeof(PlainSlot);
	slot_ops.getsysattr = get_system_column;
	ss->ss_ScanTupleSlot = ExecAllocTableSlot(&ss->ps.state->es_tupleTable,
											  RelationGetDescr(ss->ss_currentRelation),
											  &slot_ops);
	ss->ps.scanops = &slot_ops;
	ss->ps.subPlan = NIL;
	ExecAssignScanProjectionInfoWithVarno(ss, plan->scanrelid);
	ss->ps.qual = ExecInitQual(plan->plan.qual, &ss->ps);
}

/* ----- starting ----- */

/*
 * Determine which columns the plan uses.
 */
static void
find_wanted(PlainScan *scan)
{
	const CustomScan *plan = castNode(CustomScan, scan->custom.ss.ps.plan);
	Bitmapset  *used = NULL;
	int			member = -1;

	pull_varattnos((Node *) plan->scan.plan.targetlist, plan->scan.scanrelid, &used);
	pull_varattnos((Node *) plan->scan.plan.qual, plan->scan.scanrelid, &used);
	scan->wanted = palloc(Max(bms_num_members(used), 1) * sizeof(AttrNumber));
	while ((member = bms_next_member(used, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum == MinTransactionIdAttributeNumber)
			scan->wants_xmin = true;
		if (attnum == InvalidAttrNumber)
		{
			scan->nwanted = -1;
			scan->last_wanted = RelationGetNumberOfAttributes(scan->custom.ss.ss_currentRelation);
			break;
		}
		if (attnum > 0)
			scan->wanted[scan->nwanted++] = scan->last_wanted = attnum;
	}
}

/*
 * A partition has only keys that its constraint allows, and its table's cache
 * has those of other partitions too.
 */
static void
begin_partition(PlainScan *scan)
{
	ScanState  *ss = &scan->custom.ss;
	List	   *constraint = RelationGetPartitionQual(ss->ss_currentRelation);

	scan->belongs = ExecPrepareCheck(constraint, ss->ps.state);
	scan->key = ExecAllocTableSlot(&ss->ps.state->es_tupleTable,
								   RelationGetDescr(ss->ss_currentRelation), &TTSOpsVirtual);
}

/*
 * Describe the key.
 */
static void
begin_key(PlainScan *scan)
{
	CustomScan *plan = castNode(CustomScan, scan->custom.ss.ps.plan);
	List	   *oids = linitial(plan->custom_private);
	CsPlainKey	key = planned_key(plan);
	CsPlainSource source = {linitial_oid(oids), lsecond_oid(oids), lthird_oid(oids)};

	cs_plainkeys_begin(&scan->keys, &key, source.index, &scan->custom.ss.ps);
	cs_plainanswer_begin(&scan->answers, &source, &scan->custom.ss, &scan->keys);
	if (scan->answers.part)
		begin_partition(scan);
}

/*
 * Start the node.
 */
static void
begin_plain(CustomScanState *node, EState *estate, int eflags)
{
	PlainScan  *scan = (PlainScan *) node;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	begin_key(scan);
	find_wanted(scan);
	if (scan->wants_xmin)
		add_xmin(scan);
	memset(node->ss.ss_ScanTupleSlot->tts_isnull, true,
		   RelationGetNumberOfAttributes(node->ss.ss_currentRelation));
}

/* ----- keys ----- */

/*
 * Make the keys of this scan.
 */
static void
make_keys(PlainScan *scan)
{
	cs_plainkeys_make(&scan->keys, scan->custom.ss.ps.ps_ExprContext);
	scan->pos = -1;
	scan->in_table = false;
	cs_plainanswer_reset(&scan->answers);
	scan->made = true;
}

/*
 * Whether the key can be in the table, which may be a partition.
 */
static bool
may_have(PlainScan *scan, const Datum *values)
{
	ExprContext *econtext;

	if (scan->belongs == NULL)
		return true;
	ExecClearTuple(scan->key);
	memset(scan->key->tts_isnull, true, scan->key->tts_tupleDescriptor->natts * sizeof(bool));
	for (int i = 0; i < scan->keys.nkeys; i++)
	{
		scan->key->tts_values[scan->keys.column[i].attnum - 1] = values[i];
		scan->key->tts_isnull[scan->keys.column[i].attnum - 1] = false;
	}
	econtext = scan->custom.ss.ps.ps_ExprContext;
	econtext->ecxt_scantuple = ExecStoreVirtualTuple(scan->key);
	return ExecCheck(scan->belongs, econtext);
}

/* ----- reading the table ----- */

/*
 * Open the index.
 */
static void
begin_index(PlainScan *scan)
{
	EState	   *estate = scan->custom.ss.ps.state;
	Relation	rel = scan->custom.ss.ss_currentRelation;

	scan->index = index_open(scan->answers.source.index, AccessShareLock);
	scan->row = table_slot_create(rel, &estate->es_tupleTable);
	for (int i = 0; i < scan->keys.nkeys; i++)
	{
		Oid			opcintype = scan->index->rd_opcintype[i];

		scan->equal[i] = get_opcode(get_opfamily_member(scan->index->rd_opfamily[i], opcintype,
														opcintype, BTEqualStrategyNumber));
	}
	scan->desc = cs_index_beginscan(rel, scan->index, estate->es_snapshot, scan->keys.nkeys);
}

/*
 * Take the columns that are used from the row of the table.
 */
static void
take_from_table(PlainScan *scan, TupleTableSlot *slot)
{
	TupleTableSlot *row = scan->row;

	/* what a cached row may have left there */
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	if (scan->last_wanted > 0)
		slot_getsomeattrs(row, scan->last_wanted);
	if (scan->nwanted < 0)
	{
		memcpy(slot->tts_values, row->tts_values, scan->last_wanted * sizeof(Datum));
		memcpy(slot->tts_isnull, row->tts_isnull, scan->last_wanted * sizeof(bool));
	}
	for (int i = 0; i < scan->nwanted; i++)
	{
		int			column = scan->wanted[i] - 1;

		slot->tts_values[column] = row->tts_values[column];
		slot->tts_isnull[column] = row->tts_isnull[column];
	}
	slot->tts_tid = row->tts_tid;
	if (scan->wants_xmin)
	{
		bool		isnull;

		plain_slot(scan)->xmin =
			DatumGetTransactionId(slot_getsysattr(row, MinTransactionIdAttributeNumber, &isnull));
	}
}

/*
 * Read the next row of the present key from the table, under the statement's
 * snapshot; false if there is none.  What the index scan allocates lives as
 * long as the scan.
 */
static bool
read_index(PlainScan *scan, TupleTableSlot *slot)
{
	EState	   *estate = scan->custom.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ScanDirection direction = ScanDirectionIsBackward(estate->es_direction) ?
	BackwardScanDirection : ForwardScanDirection;

	scan->in_table = index_getnext_slot(scan->desc, direction, scan->row);
	if (scan->in_table)
		take_from_table(scan, slot);
	MemoryContextSwitchTo(old);
	return scan->in_table;
}

/*
 * Read the first row of a key from the table.
 */
static bool
read_table(PlainScan *scan, const Datum *values, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(scan->custom.ss.ps.state->es_query_cxt);
	ScanKeyData skey[INDEX_MAX_KEYS];

	if (scan->index == NULL)
		begin_index(scan);
	for (int i = 0; i < scan->keys.nkeys; i++)
		ScanKeyEntryInitialize(&skey[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   scan->index->rd_indcollation[i], scan->equal[i], values[i]);
	index_rescan(scan->desc, skey, scan->keys.nkeys, NULL, 0);
	MemoryContextSwitchTo(old);
	return read_index(scan, slot);
}

/* ----- reading the cache ----- */

/* With more columns than this, deforming the whole row is cheaper. */
#define FEW_COLUMNS		2

/*
 * Take the columns that are used from a cached or loaded row.
 */
static void
take_from_row(PlainScan *scan, const CsAnswer *answer, TupleTableSlot *slot)
{
	TupleDesc	tupdesc = slot->tts_tupleDescriptor;
	HeapTupleData tuple;

	tuple = cs_row_tuple(answer->row);
	if (scan->nwanted < 0 || scan->nwanted > FEW_COLUMNS)
		heap_deform_tuple(&tuple, tupdesc, slot->tts_values, slot->tts_isnull);
	else
		for (int i = 0; i < scan->nwanted; i++)
		{
			int			column = scan->wanted[i] - 1;

			slot->tts_values[column] = heap_getattr(&tuple, scan->wanted[i], tupdesc,
													&slot->tts_isnull[column]);
		}
	slot->tts_tid = answer->row->t_ctid;
	if (scan->wants_xmin)
		plain_slot(scan)->xmin = (TransactionId) answer->wxid;
}

/*
 * Read the row of the present key into the slot; false if there is none.
 */
static bool
read_key(PlainScan *scan, TupleTableSlot *slot)
{
	Datum		values[INDEX_MAX_KEYS];
	CsAnswer	answer;

	cs_plainkeys_get(&scan->keys, scan->pos, values);
	if (!may_have(scan, values))
		return false;
	cs_plainanswer_key(&scan->answers, scan->pos, values, &answer);
	/* what a frozen row has for xmin is only in the table */
	if (answer.row != NULL && scan->wants_xmin && answer.wxid == 0)
		answer.unread = true;
	if (answer.unread)
		return read_table(scan, values, slot);
	if (answer.row != NULL)
		take_from_row(scan, &answer, slot);
	return answer.row != NULL;
}

/* ----- execution ----- */

/*
 * The next row of the scan, or an empty slot.
 */
static TupleTableSlot *
next_row(ScanState *ss)
{
	PlainScan  *scan = (PlainScan *) ss;
	TupleTableSlot *slot = ss->ss_ScanTupleSlot;
	int			step = ScanDirectionIsBackward(ss->ps.state->es_direction) ? -1 : 1;
	MemoryContext old;
	bool		found = false;

	if (!scan->made)
		make_keys(scan);
	ExecClearTuple(slot);
	if (scan->row != NULL)
		ExecClearTuple(scan->row);
	/* until the next row */
	old = MemoryContextSwitchTo(ss->ps.ps_ExprContext->ecxt_per_tuple_memory);
	if (scan->in_table)
		found = read_index(scan, slot);
	while (!found)
	{
		CHECK_FOR_INTERRUPTS();
		scan->pos = Max(Min(scan->pos + step, scan->keys.n), -1);
		if (scan->pos < 0 || scan->pos >= scan->keys.n)
			break;
		found = read_key(scan, slot);
	}
	MemoryContextSwitchTo(old);
	if (!found)
		return slot;
	slot->tts_tableOid = RelationGetRelid(ss->ss_currentRelation);
	return ExecStoreVirtualTuple(slot);
}

/*
 * A recheck has a test tuple only for tables with a row mark, and for these
 * there is no path.
 */
static bool
recheck_row(ScanState *ss, TupleTableSlot *slot)
{
	elog(ERROR, "a plain read has no row to check again");
	return false;
}

static TupleTableSlot *
exec_plain(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

static void
end_plain(CustomScanState *node)
{
	PlainScan  *scan = (PlainScan *) node;

	if (scan->index != NULL)
	{
		index_endscan(scan->desc);
		index_close(scan->index, NoLock);
	}
	cs_plainanswer_end(&scan->answers);
	cs_plainkeys_end(&scan->keys);
}

/*
 * Rescan: the keys are made again.
 */
static void
rescan_plain(CustomScanState *node)
{
	PlainScan  *scan = (PlainScan *) node;

	scan->made = false;
	ExecScanReScan(&node->ss);
}

/* ----- EXPLAIN ----- */

/*
 * Show the key's conditions.
 */
static void
show_condition(const PlainScan *scan, List *ancestors, ExplainState *es)
{
	CustomScan *plan = castNode(CustomScan, scan->custom.ss.ps.plan);
	List	   *context = set_deparse_context_plan(es->deparse_cxt, &plan->scan.plan, ancestors);
	int			nvalues = list_length(lthird(plan->custom_private));
	List	   *clauses = list_copy_tail(plan->custom_exprs, nvalues);
	Node	   *all = list_length(clauses) == 1 ? linitial(clauses) :
	(Node *) make_andclause(clauses);

	ExplainPropertyText("Key Cond", deparse_expression(all, context, es->verbose, false), es);
}

/*
 * Show how the keys were answered.
 */
static void
show_counts(const PlainScan *scan, ExplainState *es)
{
	const uint64 *counts = scan->answers.counts;

	ExplainPropertyUInteger("Cache Hits", NULL, counts[CS_HIT] + counts[CS_HIT_ABSENT], es);
	ExplainPropertyUInteger("Cache Misses", NULL, counts[CS_MISS_COLD] +
							counts[CS_MISS_EXPIRED] + counts[CS_MISS_EPOCH], es);
	for (int reason = 0; reason < CS_N_REASONS; reason++)
		if (cs_is_bypass(reason) && counts[reason] > 0)
			ExplainPropertyText("Cache Bypasses",
								psprintf(UINT64_FORMAT " (%s)", counts[reason],
										 cs_access_reason_text(reason)), es);
}

static void
explain_plain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	show_condition((PlainScan *) node, ancestors, es);
	if (es->analyze)
		show_counts((PlainScan *) node, es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "CacheRead",
	.BeginCustomScan = begin_plain,
	.ExecCustomScan = exec_plain,
	.EndCustomScan = end_plain,
	.ReScanCustomScan = rescan_plain,
	.ExplainCustomScan = explain_plain
};
