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

extern void cs_deadletter_store(CsBinding *binding, const CsApplyItem *item,
								const ErrorData *error, void *arg);

extern void cs_deadletter_store_unread(CsBinding *binding, Oid written_for,
									   bytea *portable, const ErrorData *error);

#endif							/* CS_DEADLETTER_H */
