/*-------------------------------------------------------------------------
 *
 * mergeorder.c
 *		The order of rows that a scan with merged rows keeps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "mergescan/mergeorder.h"

/*
 * Prepare comparing rows by the order that the plan relies on.
 */
void
cs_mergeorder_begin(CsMergeOrder *order, const CsMergePlan *plan, TupleDesc tupdesc)
{
	ListCell   *attnum;
	int			i = 0;

	order->tupdesc = tupdesc;
	order->n = list_length(plan->attnums);
	if (order->n == 0)
		return;
	order->keys = palloc0(order->n * sizeof(SortSupportData));
	foreach(attnum, plan->attnums)
	{
		SortSupport sort = &order->keys[i];

		sort->ssup_cxt = CurrentMemoryContext;
		sort->ssup_attno = lfirst_int(attnum);
		sort->ssup_collation = list_nth_oid(plan->collations, i);
		sort->ssup_nulls_first = list_nth_int(plan->nulls_first, i) != 0;
		PrepareSortSupportFromOrderingOp(list_nth_oid(plan->operators, i), sort);
		i++;
	}
}

/*
 * Compare two rows; those that are equal by where they are.
 */
static int
compare_rows(const CsMergeOrder *order, const HeapTuple a, const HeapTuple b)
{
	int			result = 0;

	for (int i = 0; i < order->n && result == 0; i++)
	{
		SortSupport sort = &order->keys[i];
		bool		anull;
		bool		bnull;
		Datum		x = heap_getattr(a, sort->ssup_attno, order->tupdesc, &anull);
		Datum		y = heap_getattr(b, sort->ssup_attno, order->tupdesc, &bnull);

		result = ApplySortComparator(x, anull, y, bnull, sort);
	}
	return result != 0 ? result : ItemPointerCompare(&a->t_self, &b->t_self);
}

/*
 * Comparison of two elements of an array of rows, for qsort_arg().
 */
int
cs_mergeorder_compare(const void *a, const void *b, void *arg)
{
	return compare_rows(arg, *(const HeapTuple *) a, *(const HeapTuple *) b);
}

/*
 * Whether the row of the slot comes before the other one, or with it.
 */
bool
cs_mergeorder_precedes(const CsMergeOrder *order, TupleTableSlot *slot, HeapTuple row)
{
	for (int i = 0; i < order->n; i++)
	{
		SortSupport sort = &order->keys[i];
		bool		anull;
		bool		bnull;
		Datum		x = slot_getattr(slot, sort->ssup_attno, &anull);
		Datum		y = heap_getattr(row, sort->ssup_attno, order->tupdesc, &bnull);
		int			result = ApplySortComparator(x, anull, y, bnull, sort);

		if (result != 0)
			return result < 0;
	}
	return true;
}
