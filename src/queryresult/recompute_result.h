/*-------------------------------------------------------------------------
 *
 * recompute_result.h
 *		Comparing the result of a plain statement with what it returns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RECOMPUTE_RESULT_H
#define CS_RECOMPUTE_RESULT_H

#include "nodes/execnodes.h"

#include "queryresult/keeper.h"
#include "queryresult/plan_result.h"

extern void cs_recompute_result(CsKeeper *keeper, CsFinding *found,
								const CsPlannedResult *planned, EState *estate,
								TupleDesc columns);

#endif							/* CS_RECOMPUTE_RESULT_H */
