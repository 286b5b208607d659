/*-------------------------------------------------------------------------
 *
 * mergedrow.h
 *		Giving a statement the merged row instead of the table's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGEDROW_H
#define CS_MERGEDROW_H

#include "commands/trigger.h"
#include "executor/execdesc.h"
#include "writeback/execution.h"

extern void cs_mergedrow_started(QueryDesc *query);
extern bool cs_mergedrow_needs_table(const CsFiring *firing);
extern void cs_mergedrow_inserted(const CsFiring *firing);
extern bool cs_mergedrow_given(const CsFiring *firing, const TriggerData *trigdata,
							   uint64 *arrival);
extern void cs_mergedrow_put(TupleTableSlot *slot, HeapTupleHeader row);

#endif							/* CS_MERGEDROW_H */
