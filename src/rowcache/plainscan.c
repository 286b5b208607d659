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
 * A key is read again when the scan comes to it again, forward or backward;
 * the row is the same under the same snapshot.
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
#include "access/transam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include CS_EXPLAIN_STATE_H
#include CS_EXPLAIN_FORMAT_H
#include "rowcache/call.h"
#include "rowcache/plainscan.h"
#include "rowcache/scan.h"
#include "rowcache/strategy.h"

/* A virtual slot that has xmin. */
typedef struct PlainSlot
{
	VirtualTupleTableSlot base;
	TransactionId xmin;
} PlainSlot;

/* One column of the key. */
typedef struct KeyColumn
{
	ExprState  *value;			/* of the array, if there is a list */
	Oid			given;			/* as in CsPlainKey */
	Oid			type;			/* of the column, or of a domain's base */
	int16		typlen;
	bool		typbyval;
} KeyColumn;

typedef struct PlainScan
{
	CustomScanState custom;

	/* from the plan */
	Oid			index_oid;
	bool		list;
	int			nkeys;
	KeyColumn	columns[INDEX_MAX_KEYS];
	int			nwanted;		/* columns of the table that the plan uses;
								 * -1: all */
	AttrNumber *wanted;
	AttrNumber	last_wanted;
	bool		wants_xmin;

	/* keys of this scan */
	bool		made;
	MemoryContext context;		/* of the values */
	int			n;				/* number of keys */
	Datum	   *values;			/* nkeys for each of them */
	int			pos;			/* the present one; -1 before the first, n
								 * after the last */

	/* the binding that was examined last */
	const CsBinding *binding;
	uint64		generation;

	/* reading the table */
	Relation	index;			/* NULL: not needed so far */
	IndexScanDesc desc;
	bool		in_table;		/* the index scan is at the present key */
	TupleTableSlot *row;
	RegProcedure equal[INDEX_MAX_KEYS];

	uint64		counts[CS_N_REASONS];
} PlainScan;

static TupleTableSlotOps slot_ops;	/* of a PlainSlot */
static const CustomExecMethods exec_methods;

/* ----- the plan ----- */

/*
 * Whether plain SELECTs of the table can be answered from its cache: what is
 * cached are the table's rows and nothing else.
 */
bool
cs_plainscan_serves(const CsBinding *binding)
{
	return binding->nkeys > 0 && binding->slot >= 0 && OidIsValid(binding->key_index) &&
		binding->strategy != NULL && binding->strategy->read == NULL &&
		binding->options.loader == NULL && !binding->rls && !binding->tree.partitioned &&
		!cs_has_virtual_columns(binding->tupdesc);
}

/*
 * Make the plan's node for the key.  The planner processes custom_exprs, which
 * are the values, followed by the conditions.
 */
void
cs_plainscan_set_key(CustomScan *plan, const CsPlainKey *key)
{
	plan->custom_exprs = list_concat_copy(key->values, key->clauses);
	plan->custom_private = list_make3(list_make1_oid(key->index),
									  list_make1_int(key->list),
									  key->given);
	plan->methods = &cs_scan_methods;
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
 * Replace the scan's slot by one that has xmin.
 */
static void
add_xmin(PlainScan *scan)
{
	ScanState  *ss = &scan->custom.ss;

	slot_ops = TTSOpsVirtual;
	slot_ops.base_slot_size = sizeof(PlainSlot);
	slot_ops.getsysattr = get_system_column;
	ss->ss_ScanTupleSlot = ExecAllocTableSlot(&ss->ps.state->es_tupleTable,
											  RelationGetDescr(ss->ss_currentRelation),
											  &slot_ops);
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
 * Describe a column of the key, whose type is that of the table's column.
 */
static void
begin_column(KeyColumn *column, Relation rel, AttrNumber attnum, Oid given)
{
	column->type = getBaseType(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid);
	column->given = given;
	get_typlenbyval(column->type, &column->typlen, &column->typbyval);
}

/*
 * Describe the key.  The index is not opened yet: if all keys are found in the
 * cache, it is not needed.
 */
static void
begin_key(PlainScan *scan)
{
	CustomScan *plan = castNode(CustomScan, scan->custom.ss.ps.plan);
	Relation	rel = scan->custom.ss.ss_currentRelation;
	List	   *given = lthird(plan->custom_private);
	HeapTuple	tuple;

	scan->index_oid = linitial_oid(linitial(plan->custom_private));
	scan->list = linitial_int(lsecond(plan->custom_private)) != 0;
	scan->nkeys = list_length(given);
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(scan->index_oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", scan->index_oid);
	for (int i = 0; i < scan->nkeys; i++)
	{
		begin_column(&scan->columns[i], rel,
					 ((Form_pg_index) GETSTRUCT(tuple))->indkey.values[i], list_nth_oid(given, i));
		scan->columns[i].value = ExecInitExpr(list_nth(plan->custom_exprs, i),
											  &scan->custom.ss.ps);
	}
	ReleaseSysCache(tuple);
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
 * Convert a value to the column's integer type; false if no row can have it.
 */
static bool
convert(const KeyColumn *column, Datum *value)
{
	int64		whole;

	if (!OidIsValid(column->given))
		return true;
	whole = column->given == INT2OID ? DatumGetInt16(*value) :
		column->given == INT4OID ? DatumGetInt32(*value) : DatumGetInt64(*value);
	switch (column->type)
	{
		case INT2OID:
			*value = Int16GetDatum((int16) whole);
			return whole >= PG_INT16_MIN && whole <= PG_INT16_MAX;
		case INT4OID:
			*value = Int32GetDatum((int32) whole);
			return whole >= PG_INT32_MIN && whole <= PG_INT32_MAX;
		default:
			*value = Int64GetDatum(whole);
			return true;
	}
}

/*
 * Make the one key; returns false if no row can have it.
 */
static bool
make_one(PlainScan *scan)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;

	if (scan->values == NULL)
		scan->values = MemoryContextAlloc(econtext->ecxt_per_query_memory,
										  scan->nkeys * sizeof(Datum));
	for (int i = 0; i < scan->nkeys; i++)
	{
		KeyColumn  *column = &scan->columns[i];
		bool		isnull;
		Datum		value = ExecEvalExprSwitchContext(column->value, econtext, &isnull);

		if (isnull || !convert(column, &value))
			return false;
		if (!column->typbyval)
		{
			MemoryContext old = MemoryContextSwitchTo(scan->context);

			value = column->typlen == -1 ?
				PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
				datumCopy(value, false, column->typlen);
			MemoryContextSwitchTo(old);
		}
		scan->values[i] = value;
	}
	return true;
}

typedef struct Order
{
	FmgrInfo   *compare;
	Oid			collation;
} Order;

static int
compare_values(const void *a, const void *b, void *arg)
{
	const Order *order = arg;

	return DatumGetInt32(FunctionCall2Coll(order->compare, order->collation,
										   *(const Datum *) a, *(const Datum *) b));
}

/*
 * Sort the values, as the index would return them, and drop duplicates.
 */
static int
sort_values(PlainScan *scan, int n)
{
	TypeCacheEntry *type = lookup_type_cache(scan->columns[0].type, TYPECACHE_CMP_PROC_FINFO);
	Order		order = {.compare = &type->cmp_proc_finfo};
	Relation	index = index_open(scan->index_oid, AccessShareLock);
	int			distinct = 0;

	order.collation = index->rd_indcollation[0];
	index_close(index, NoLock);
	qsort_arg(scan->values, n, sizeof(Datum), compare_values, &order);
	for (int i = 0; i < n; i++)
		if (distinct == 0 ||
			compare_values(&scan->values[distinct - 1], &scan->values[i], &order) != 0)
			scan->values[distinct++] = scan->values[i];
	return distinct;
}

/*
 * Make the keys of the list.
 */
static int
make_list(PlainScan *scan)
{
	ExprContext *econtext = scan->custom.ss.ps.ps_ExprContext;
	KeyColumn  *column = &scan->columns[0];
	MemoryContext old;
	ArrayType  *array;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int			valid = 0;
	bool		isnull;
	Datum		given = ExecEvalExprSwitchContext(column->value, econtext, &isnull);

	if (isnull)
		return 0;
	old = MemoryContextSwitchTo(scan->context);
	array = DatumGetArrayTypePCopy(given);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &values, &nulls, &n);
	scan->values = values;
	for (int i = 0; i < n; i++)
		if (!nulls[i] && convert(column, &values[i]))
			values[valid++] = values[i];
	if (valid > 1)
		valid = sort_values(scan, valid);
	MemoryContextSwitchTo(old);
	return valid;
}

/*
 * Make the keys of this scan.
 */
static void
make_keys(PlainScan *scan)
{
	if (scan->list || !scan->columns[scan->nkeys - 1].typbyval || scan->nkeys > 1)
	{
		if (scan->context == NULL)
			scan->context = AllocSetContextCreate(scan->custom.ss.ps.state->es_query_cxt,
												  "cache_strategies keys",
												  ALLOCSET_SMALL_SIZES);
		else
			MemoryContextReset(scan->context);
	}
	scan->n = scan->list ? make_list(scan) : make_one(scan) ? 1 : 0;
	scan->pos = -1;
	scan->in_table = false;
	scan->made = true;
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

	scan->index = index_open(scan->index_oid, AccessShareLock);
	scan->row = table_slot_create(rel, &estate->es_tupleTable);
	for (int i = 0; i < scan->nkeys; i++)
	{
		Oid			opcintype = scan->index->rd_opcintype[i];

		scan->equal[i] = get_opcode(get_opfamily_member(scan->index->rd_opfamily[i], opcintype,
														opcintype, BTEqualStrategyNumber));
	}
	scan->desc = cs_index_beginscan(rel, scan->index, estate->es_snapshot, scan->nkeys);
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
	for (int i = 0; i < scan->nkeys; i++)
		ScanKeyEntryInitialize(&skey[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   scan->index->rd_indcollation[i], scan->equal[i], values[i]);
	index_rescan(scan->desc, skey, scan->nkeys, NULL, 0);
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
 * Whether the binding is that of the table as it was planned.
 */
static bool
fits(PlainScan *scan, const CsBinding *binding)
{
	if (scan->binding == binding && scan->generation == cs_binding_generation)
		return true;
	if (!cs_plainscan_serves(binding) || binding->key_index != scan->index_oid ||
		binding->nkeys != scan->nkeys ||
		binding->tupdesc->natts != RelationGetNumberOfAttributes(scan->custom.ss.ss_currentRelation))
		return false;
	scan->binding = binding;
	scan->generation = cs_binding_generation;
	return true;
}

/* How often a read is begun anew because the table's binding has changed. */
#define MAX_ATTEMPTS	3

/*
 * Ask the cache for a key.  If it cannot answer, answer->unread is set.
 */
static void
ask_cache(PlainScan *scan, const Datum *values, CsAnswer *answer)
{
	EState	   *estate = scan->custom.ss.ps.state;
	Oid			relid = RelationGetRelid(scan->custom.ss.ss_currentRelation);
	CsAccess	access;
	CsRowKey	rowkey;

	for (int i = 0; i < MAX_ATTEMPTS; i++)
	{
		if (!cs_access_begin_scan(&access, relid, estate->es_snapshot) ||
			!fits(scan, access.binding))
			break;
		memcpy(rowkey.value, values, scan->nkeys * sizeof(Datum));
		cs_key_make(access.binding, &rowkey);
		if (!cs_access_read_snapshot(&access, &rowkey, answer))
			continue;
		if (answer->reason == CS_HIT)
			cs_call_refresh_if_due(access.binding, &rowkey, answer);
		return;
	}
	memset(answer, 0, sizeof(*answer));
	answer->reason = CS_BYPASS_TRIGGERS;
	answer->unread = true;
}

/*
 * Read the row of a key into the slot; false if there is none.
 */
static bool
read_key(PlainScan *scan, const Datum *values, TupleTableSlot *slot)
{
	CsAnswer	answer;
	bool		found;

	ask_cache(scan, values, &answer);
	scan->counts[answer.reason]++;
	/* what a frozen row has for xmin is only in the table */
	if (answer.row != NULL && scan->wants_xmin && answer.wxid == 0)
		answer.unread = true;
	if (answer.unread)
		found = read_table(scan, values, slot);
	else
	{
		found = answer.row != NULL;
		if (found)
			take_from_row(scan, &answer, slot);
	}
	return found;
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
		scan->pos = Max(Min(scan->pos + step, scan->n), -1);
		if (scan->pos < 0 || scan->pos >= scan->n)
			break;
		found = read_key(scan, &scan->values[scan->pos * scan->nkeys], slot);
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
	if (scan->context != NULL)
		MemoryContextDelete(scan->context);
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
	const uint64 *counts = scan->counts;

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
