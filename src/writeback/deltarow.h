/*-------------------------------------------------------------------------
 *
 * deltarow.h
 *		Applying a delta to the table's row, and checking the result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DELTAROW_H
#define CS_DELTAROW_H

#include "executor/tuptable.h"
#include "writeback/delta.h"

extern HeapTupleHeader cs_deltarow_from_slot(const CsBinding *binding, TupleTableSlot *slot);
extern HeapTupleHeader cs_deltarow_apply(CsBinding *binding, HeapTupleHeader row,
										 const CsDelta *delta);
extern void cs_deltarow_check(CsBinding *binding, HeapTupleHeader row,
							  const Bitmapset *columns, bool generate);

#endif							/* CS_DELTAROW_H */
