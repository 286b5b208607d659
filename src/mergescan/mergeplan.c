/*-------------------------------------------------------------------------
 *
 * mergeplan.c
 *		What the planner has found for a scan of a table with deferred writes.
 *
 * It is kept in the plan node, in a form that PostgreSQL can copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mergescan/mergeplan.h"

/*
 * Put what the planner has found into the node.
 */
void
cs_mergeplan_set(CustomScan *scan, const CsMergePlan *plan)
{
	List	   *flags = NIL;

	flags = lappend_int(flags, plan->by_deferrable);
	flags = lappend_int(flags, plan->adds);
	flags = lappend_int(flags, plan->merging);
	flags = lappend_int(flags, plan->whole);
	flags = lappend_int(flags, plan->sampled);
	flags = lappend_int(flags, plan->changes);
	scan->custom_private = list_make5(flags, plan->columns, plan->attnums, plan->operators,
									  plan->collations);
	scan->custom_private = lappend(scan->custom_private, plan->nulls_first);
	scan->custom_exprs = plan->clauses;
}

/*
 * Take it from there.
 */
void
cs_mergeplan_get(const CustomScan *scan, CsMergePlan *plan)
{
	List	   *flags = linitial(scan->custom_private);

	plan->by_deferrable = linitial_int(flags);
	plan->adds = lsecond_int(flags);
	plan->merging = lthird_int(flags);
	plan->whole = lfourth_int(flags);
	plan->sampled = list_nth_int(flags, 4);
	plan->changes = list_nth_int(flags, 5);
	plan->columns = lsecond(scan->custom_private);
	plan->attnums = lthird(scan->custom_private);
	plan->operators = lfourth(scan->custom_private);
	plan->collations = list_nth(scan->custom_private, 4);
	plan->nulls_first = list_nth(scan->custom_private, 5);
	plan->clauses = scan->custom_exprs;
}
