/*-------------------------------------------------------------------------
 *
 * flushbatch.h
 *		The flusher's side of deferred entries: what a flush takes, and what it
 *		says of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSHBATCH_H
#define CS_FLUSHBATCH_H

#include "writeback/deferred.h"

/* Would any of it be void with these cancels? */
extern bool cs_flushbatch_concerns(const CsDeferred *copy, const CsDelta *cancels);

/*
 * The flusher's side.  Take: make one record of all that is committed and below
 * the boundary, where nothing can turn up any more; false: there is nothing.
 */
extern bool cs_flushbatch_take(CsBinding *binding, const CsKey *key, uint64 boundary,
							   uint64 *id, CsDelta *delta, uint32 *folded);

/*
 * The same for a key whose records cannot be made one: take each by itself.
 * The deltas are in the order of their stamps; those of records that are void
 * are empty.  Returns how many; arrays are of the current context.
 */
extern int	cs_flushbatch_take_apart(CsBinding *binding, const CsKey *key, uint64 boundary,
									 uint64 **ids, CsDelta **deltas, uint32 *folded);

typedef enum CsSettle
{
	CS_SETTLED,
	CS_SETTLE_CANCELLED			/* some of it was void already when it was
								 * written to the table */
} CsSettle;

/*
 * It has been written to the table by transaction xid.  CS_SETTLE_CANCELLED:
 * '*behind' is the xid of the canceller if its COMMIT callback has yet to say that
 * it has committed, or else 0.
 */
extern CsSettle cs_flushbatch_written(CsBinding *binding, const CsKey *key, uint64 id,
									  uint64 xid, uint64 *behind);

#endif							/* CS_FLUSHBATCH_H */
