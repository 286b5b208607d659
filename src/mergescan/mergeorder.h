/*-------------------------------------------------------------------------
 *
 * mergeorder.h
 *		The order of rows that a scan with merged rows keeps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGEORDER_H
#define CS_MERGEORDER_H

#include "executor/tuptable.h"
#include "mergescan/mergeplan.h"
#include "utils/sortsupport.h"

typedef struct CsMergeOrder
{
	TupleDesc	tupdesc;
	int			n;				/* number of columns; 0: there is no order */
	SortSupport keys;
} CsMergeOrder;

extern void cs_mergeorder_begin(CsMergeOrder *order, const CsMergePlan *plan,
								TupleDesc tupdesc);
extern int	cs_mergeorder_compare(const void *a, const void *b, void *arg);
extern bool cs_mergeorder_precedes(const CsMergeOrder *order, TupleTableSlot *slot,
								   HeapTuple row);

#endif							/* CS_MERGEORDER_H */
