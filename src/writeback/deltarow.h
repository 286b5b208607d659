/*-------------------------------------------------------------------------
 *
 * deltarow.h
 *		A delta and the row that the table has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DELTAROW_H
#define CS_DELTAROW_H

#include "writeback/delta.h"

/*
 * The row as it is after the delta, NULL if there is none: a new row of the
 * binding's type (values cast to the column's type and typmod, which may fail)
 * or 'row' itself.  Ignores cancel and cancelled.  Columns of the delta that the
 * table no longer has are ignored.
 */
extern HeapTupleHeader cs_deltarow_apply(CsBinding *binding, HeapTupleHeader row,
										 const CsDelta *delta);

/*
 * NOT NULL, CHECK and domain constraints of the table, as an UPDATE of these
 * columns checks them (same errors), or an INSERT (NULL).  'generate': generated
 * columns that depend on them are not what they will be.
 */
extern void cs_deltarow_check(CsBinding *binding, HeapTupleHeader row,
							  const Bitmapset *columns, bool generate);

#endif							/* CS_DELTAROW_H */
