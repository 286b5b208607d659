/*-------------------------------------------------------------------------
 *
 * mergechild.c
 *		Plans of scans whose rows are merged.
 *
 * A plan in the plan cache is not changed, but a copy of its node is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "optimizer/optimizer.h"

#include "mergescan/mergechild.h"

/*
 * A copy of a scan's plan node whose fields may be changed.
 */
Plan *
cs_mergechild_copy(const Plan *plan)
{
	Size		size;

	switch (nodeTag(plan))
	{
		case T_SeqScan:
			size = sizeof(SeqScan);
			break;
		case T_SampleScan:
			size = sizeof(SampleScan);
			break;
		case T_IndexScan:
			size = sizeof(IndexScan);
			break;
		case T_IndexOnlyScan:
			size = sizeof(IndexOnlyScan);
			break;
		case T_BitmapHeapScan:
			size = sizeof(BitmapHeapScan);
			break;
		case T_TidScan:
			size = sizeof(TidScan);
			break;
		case T_TidRangeScan:
			size = sizeof(TidRangeScan);
			break;
		default:
			elog(ERROR, "unexpected node %d below MergeDeferred", (int) nodeTag(plan));
	}
	return memcpy(palloc(size), plan, size);
}

/*
 * Whether the condition has to be tested after merging.
 */
static bool
is_late(Node *clause, Index rti, const Bitmapset *columns)
{
	Bitmapset  *used = NULL;
	int			attnum = -1;

	if (contain_volatile_functions(clause))
		return true;
	pull_varattnos(clause, rti, &used);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used))
		return true;
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used))
			return true;
	return false;
}

/*
 * Divide the conditions of a copy into those that it tests before merging,
 * which stay, and the rest, which is returned.
 */
List *
cs_mergechild_divide(Plan *plan, const Bitmapset *columns)
{
	Index		rti = ((const Scan *) plan)->scanrelid;
	ListCell   *lc;

	foreach(lc, plan->qual)
	{
		List	   *rest;

		if (!is_late(lfirst(lc), rti, columns))
			continue;
		rest = list_copy_tail(plan->qual, foreach_current_index(lc));
		plan->qual = list_truncate(list_copy(plan->qual), foreach_current_index(lc));
		return rest;
	}
	return NIL;
}
