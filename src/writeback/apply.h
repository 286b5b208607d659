/*-------------------------------------------------------------------------
 *
 * apply.h
 *		Writing deltas to their table: set-based, in key order, as the table's
 *		owner. Deltas that cannot be written are stored in cache.dead_letters.
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
	CS_APPLIED_GONE,			/* there is no such row, and the delta has
								 * none */
	CS_APPLIED_DEAD,			/* stored in cache.dead_letters */
	CS_APPLIED_LOCKED			/* CS_APPLY_SKIP only: another transaction has
								 * locked the row */
} CsApplied;

typedef struct CsApplyItem
{
	CsRowKey   *rowkey;
	CsDelta    *delta;			/* cancel and cancelled are ignored */
	int			cookie;			/* for the caller */
	CsApplied	outcome;
} CsApplyItem;

typedef enum CsApplyMode
{
	CS_APPLY_WAIT,				/* wait for row locks up to lock_timeout, then
								 * throw */
	CS_APPLY_SKIP				/* skip locked rows */
} CsApplyMode;

extern void cs_apply(CsBinding *binding, CsApplyItem *items, int n,
					 int statement_rows, CsApplyMode mode);

/*
 * Called for a delta that its table refuses, after the refused statement was
 * undone, as the table's owner, in the transaction of cs_apply().
 */
typedef void (*CsRefused) (CsBinding *binding, const CsApplyItem *item,
						   const ErrorData *error, void *arg);

extern void cs_apply_or(CsBinding *binding, CsApplyItem *items, int n,
						int statement_rows, CsApplyMode mode,
						CsRefused refused, void *arg);

extern void cs_apply_apart(CsBinding *binding, CsApplyItem *items, int n,
						   CsApplyMode mode, bool progress);

extern bool cs_apply_new(CsBinding *binding, CsApplyItem *item);

extern bool cs_apply_is_writing(Oid relid);

extern bool cs_apply_is_under_way(Oid relid);

extern int	cs_apply_trigger_depth(void);

extern bool cs_apply_is_transient(int sqlerrcode);
extern ErrorData *cs_apply_attempt(CsAttempt work, void *arg);

#endif							/* CS_APPLY_H */
