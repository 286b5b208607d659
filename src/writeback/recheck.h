/*-------------------------------------------------------------------------
 *
 * recheck.h
 *		Rechecking: what an UPDATE does to a row with its deferred changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RECHECK_H
#define CS_RECHECK_H

#include "commands/trigger.h"
#include "nodes/plannodes.h"
#include "writeback/delta.h"

/* Effect of an UPDATE on the row. */
typedef struct CsOutcome
{
	bool		gone;			/* its WHERE does not hold for the row */
	Datum	   *now;			/* the present row, deformed */
	bool	   *nownulls;
	Datum	   *values;			/* the resulting row */
	bool	   *nulls;
	Bitmapset  *set;			/* columns that it sets, or that a trigger has
								 * changed; attribute numbers */
	Bitmapset  *added;			/* CS_RULE_ADD columns among them that change
								 * by the same amount whatever their value */
	Bitmapset  *differently;	/* of these, columns that change by another
								 * amount in the complete row than in the
								 * table's */
	Datum	   *carried;		/* the table's value with that amount */
	Bitmapset  *open;			/* columns among them for which only 'change'
								 * is known */
	int64	   *change;			/* what is added to an integer */
	bool		depends;		/* the effect depends on deferred changes */
	bool		shows;			/* the statement returns or checks columns
								 * with a merge rule */
	bool		shown;			/* and some of these, or others, have deferred
								 * changes */
} CsOutcome;

/*
 * The recheck of PostgreSQL's in which a statement is evaluated with a row
 * that is merged already; NULL if there is none.
 */
extern const struct EPQState *cs_recheck_merged;

/*
 * Whether a scan of the table that is changed gives its rows merged, and not
 * as the table has them.  Given by the layer of these scans.
 */
extern bool (*cs_recheck_gives_merged) (const CustomScan *scan);

extern void cs_recheck_update(TriggerData *trigdata, CsBinding *binding,
							  HeapTupleHeader row, CsOutcome *outcome);
extern void cs_recheck_complete(CsBinding *binding, CsOutcome *outcome);
extern bool cs_recheck_delete(TriggerData *trigdata, HeapTupleHeader row);

#endif							/* CS_RECHECK_H */
