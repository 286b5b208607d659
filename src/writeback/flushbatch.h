/*-------------------------------------------------------------------------
 *
 * flushbatch.h
 *		A flush's operations on deferred entries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSHBATCH_H
#define CS_FLUSHBATCH_H

#include "writeback/deferred.h"

extern bool cs_flushbatch_concerns(const CsDeferred *copy, const CsDelta *cancels);

extern bool cs_flushbatch_take(CsBinding *binding, const CsKey *key, uint64 boundary,
							   uint64 *id, CsDelta *delta, uint32 *folded);

extern int	cs_flushbatch_take_apart(CsBinding *binding, const CsKey *key, uint64 boundary,
									 uint64 **ids, CsDelta **deltas, uint32 *folded);

typedef enum CsSettle
{
	CS_SETTLED,
	CS_SETTLE_CANCELLED			/* a part of it was void when it was written */
} CsSettle;

extern CsSettle cs_flushbatch_written(CsBinding *binding, const CsKey *key, uint64 id,
									  uint64 xid, uint64 *behind);

#endif							/* CS_FLUSHBATCH_H */
