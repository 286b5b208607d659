/*-------------------------------------------------------------------------
 *
 * execution.h
 *		The statements under way that may change tables with deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_EXECUTION_H
#define CS_EXECUTION_H

#include "commands/trigger.h"
#include "executor/execdesc.h"
#include "lib/ilist.h"
#include "nodes/execnodes.h"

typedef struct CsExecution
{
	dlist_node	node;
	QueryDesc  *query;
	void	   *recheck;		/* recheck.c's; in the query's context */
	MemoryContextCallback ended;
} CsExecution;

/* The part of a statement that has fired a trigger. */
typedef struct CsFiring
{
	CsExecution *execution;
	ModifyTableState *mtstate;
	ResultRelInfo *relinfo;
} CsFiring;

extern bool cs_execution_is_deferring(const ResultRelInfo *relinfo);
extern bool cs_execution_started(QueryDesc *query);
extern bool cs_execution_find(const TriggerData *trigdata, CsFiring *firing);
extern bool cs_execution_find_insert(const TriggerData *trigdata, CsFiring *firing);
extern void cs_execution_count(const TriggerData *trigdata);

#endif							/* CS_EXECUTION_H */
