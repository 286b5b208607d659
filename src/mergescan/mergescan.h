/*-------------------------------------------------------------------------
 *
 * mergescan.h
 *		The executor's node for scans of tables with deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGESCAN_H
#define CS_MERGESCAN_H

#include "mergescan/mergeview.h"
#include "nodes/execnodes.h"
#include "nodes/extensible.h"

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

extern const CustomScanMethods cs_mergescan_methods;
extern void cs_mergescan_set_plan(CustomScan *scan, const CsMergePlan *plan);
extern bool cs_mergescan_gives_merged(const CustomScan *scan);
extern CsMergeView *cs_mergescan_view(const EState *estate, Index rti);

#endif							/* CS_MERGESCAN_H */
