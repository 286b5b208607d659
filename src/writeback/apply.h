/*-------------------------------------------------------------------------
 *
 * apply.h
 *		Writing deltas to their table: set-based, in key order, as the table's
 *		owner; what cannot be written goes to cache.dead_letters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_APPLY_H
#define CS_APPLY_H

#include "relation/key.h"
#include "writeback/delta.h"
#include "xact/attempt.h"

typedef enum CsApplied
{
	CS_APPLIED,					/* a row was inserted or updated */
	CS_APPLIED_GONE,			/* there is no such row (delta without one) */
	CS_APPLIED_DEAD,			/* it is in cache.dead_letters now */
	CS_APPLIED_LOCKED			/* CS_APPLY_SKIP only: somebody holds the row */
} CsApplied;

typedef struct CsApplyItem
{
	CsRowKey   *rowkey;
	CsDelta    *delta;			/* cancel and cancelled are ignored */
	int			cookie;			/* the caller's */
	CsApplied	outcome;
} CsApplyItem;

typedef enum CsApplyMode
{
	CS_APPLY_WAIT,				/* for row locks, up to the lock timeout in
								 * force: then the error is thrown */
	CS_APPLY_SKIP				/* leave locked rows out */
} CsApplyMode;

/*
 * In the current transaction.  Errors that may pass by themselves (40001,
 * 40P01, 55P03, 57014, 53xxx, 58xxx, 57P0x ...) are thrown; any other is
 * narrowed down to the deltas that cause it.  Each statement, and each halving,
 * runs in a subtransaction.  Items are sorted by key.
 */
extern void cs_apply(CsBinding *binding, CsApplyItem *items, int n,
					 int statement_rows, CsApplyMode mode);

/*
 * The same, in the order of the items, each in a statement of its own.
 * 'progress': others have been written, so that an error that may be one of the
 * table is not.
 */
extern void cs_apply_apart(CsBinding *binding, CsApplyItem *items, int n,
						   CsApplyMode mode, bool progress);

/* Are we in the trigger of a row that cs_apply() itself is writing? */
extern bool cs_apply_is_writing(Oid relid);

/* Is cs_apply() at work on this table, whatever triggers have called since? */
extern bool cs_apply_is_under_way(Oid relid);

/* How many triggers deep is what is executed? */
extern int	cs_apply_trigger_depth(void);

/* May this error pass by itself? */
extern bool cs_apply_is_transient(int sqlerrcode);
extern ErrorData *cs_apply_attempt(CsAttempt work, void *arg);

#endif							/* CS_APPLY_H */
