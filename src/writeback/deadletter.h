/*-------------------------------------------------------------------------
 *
 * deadletter.h
 *		Deltas that their table refuses: cache.dead_letter_store.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DEADLETTER_H
#define CS_DEADLETTER_H

#include "writeback/apply.h"

/*
 * Called for a delta that its table refuses, after the refused statement was
 * undone, as the table's owner, in the transaction of cs_apply().
 */
typedef void (*CsRefused) (CsBinding *binding, const CsApplyItem *item,
						   const ErrorData *error, void *arg);

extern void cs_deadletter_store(CsBinding *binding, const CsApplyItem *item,
								const ErrorData *error, void *arg);

extern void cs_deadletter_store_unread(CsBinding *binding, Oid written_for,
									   bytea *portable, const ErrorData *error);

extern void cs_apply_or(CsBinding *binding, CsApplyItem *items, int n,
						int statement_rows, CsApplyMode mode,
						CsRefused refused, void *arg);

#endif							/* CS_DEADLETTER_H */
