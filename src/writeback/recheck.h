/*-------------------------------------------------------------------------
 *
 * recheck.h
 *		What an UPDATE makes of a row with what is deferred for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RECHECK_H
#define CS_RECHECK_H

#include "commands/trigger.h"
#include "executor/execdesc.h"
#include "writeback/delta.h"

/* The row as an UPDATE would leave it. */
typedef struct CsOutcome
{
	bool		gone;			/* its WHERE does not hold for the row */
	Datum	   *now;			/* the row that it meets, apart */
	bool	   *nownulls;
	Datum	   *values;			/* and the one that comes of it */
	bool	   *nulls;
	Bitmapset  *set;			/* columns that it sets, or that a trigger has
								 * changed; attribute numbers */
	Bitmapset  *added;			/* of these, CS_RULE_ADD columns that change
								 * by the same amount whatever their value was */
	Bitmapset  *open;			/* of these, those whose value is not there
								 * yet, but only 'change' */
	int64	   *change;			/* what is added, to an integer */
	bool		depends;		/* on what is deferred: not only of values
								 * that are in the table */
} CsOutcome;

extern void cs_recheck_started(QueryDesc *query);
extern void cs_recheck_update(TriggerData *trigdata, CsBinding *binding,
							  HeapTupleHeader row, CsOutcome *outcome);
extern void cs_recheck_complete(CsBinding *binding, CsOutcome *outcome);
extern bool cs_recheck_delete(TriggerData *trigdata, HeapTupleHeader row);

#endif							/* CS_RECHECK_H */
