/*-------------------------------------------------------------------------
 *
 * late_run.h
 *		A statement that was not planned when its turn was, and is planned and
 *		run by its node after all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LATE_RUN_H
#define CS_LATE_RUN_H

#include "executor/execdesc.h"

extern QueryDesc *cs_late_run_begin(PlannedStmt *stmt, EState *estate, int eflags);
extern TupleTableSlot *cs_late_run_next(QueryDesc *run, ScanDirection direction);
extern void cs_late_run_again(QueryDesc *run);
extern void cs_late_run_end(QueryDesc *run);

#endif							/* CS_LATE_RUN_H */
