/*-------------------------------------------------------------------------
 *
 * late.h
 *		Statements that are planned only if their result is not there: which
 *		ones, and what the executor gets instead of a plan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LATE_H
#define CS_LATE_H

#include "nodes/extensible.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"

extern bool cs_late_is_worth_a_look(const Query *query, const char *text, int options,
									ParamListInfo params);
extern bool cs_late_is_explained(const char *text);
extern void cs_late_learn(const Query *query, bool wanted, Cost cost);
extern uint64 cs_late_number(void);
extern PlannedStmt *cs_late_statement(Query *query, uint64 number, List *private,
									  const CustomScanMethods *methods);
extern bool cs_late_executed(uint64 number);
extern void cs_late_init(void);

#endif							/* CS_LATE_H */
