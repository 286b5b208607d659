/*-------------------------------------------------------------------------
 *
 * mergeplan.h
 *		What the planner has found for a scan of a table with deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGEPLAN_H
#define CS_MERGEPLAN_H

#include "nodes/plannodes.h"

/* What the planner has found. */
typedef struct CsMergePlan
{
	bool		by_deferrable;	/* the scan finds its rows by a column that
								 * can be deferred */
	bool		adds;			/* rows that the table does not have are given */
	bool		merging;		/* there is another child for merging */
	bool		whole;			/* there is a child that scans the whole table */
	bool		changes;		/* the statement changes the rows, and they
								 * are given as the table has them */
	bool		sampled;		/* it gives a sample of the rows */
	List	   *columns;		/* that can be deferred; attribute numbers */
	List	   *attnums;		/* the order of rows: columns, */
	List	   *operators;		/* ordering operators, */
	List	   *collations;		/* collations, */
	List	   *nulls_first;	/* and whether NULLs come first */
	List	   *clauses;		/* all conditions */
} CsMergePlan;

extern void cs_mergeplan_set(CustomScan *scan, const CsMergePlan *plan);
extern void cs_mergeplan_get(const CustomScan *scan, CsMergePlan *plan);

#endif							/* CS_MERGEPLAN_H */
