/*-------------------------------------------------------------------------
 *
 * rowvalue.h
 *		How a row, or its absence, is kept in an entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ROWVALUE_H
#define CS_ROWVALUE_H

#include "executor/tuptable.h"
#include "relation/binding.h"
#include "xact/snapshot.h"

typedef struct CsRowValue
{
	char	   *data;
	Size		len;
} CsRowValue;

/* A value taken apart again; points into it. */
typedef struct CsRowParts
{
	HeapTupleHeader row;		/* NULL: absent */
	const CsSeen *seen;			/* CS_ENTRY_SNAPSHOT: what was seen; else NULL */
} CsRowParts;

/*
 * A row of the binding's type with nothing left in TOAST or compressed; NULL if
 * it is larger than the store could keep.
 */
extern HeapTupleHeader cs_rowvalue_flatten(const CsBinding *binding,
										   HeapTupleHeader row);
extern HeapTupleHeader cs_rowvalue_from_slot(const CsBinding *binding,
											 TupleTableSlot *slot, AttrMap *map);
extern void cs_rowvalue_encode(const CsBinding *binding, HeapTupleHeader row,
							   const CsSeen *seen, CsRowValue *value);

/* False: not of the table's present shape. */
extern bool cs_rowvalue_decode(const CsBinding *binding, uint8 flags, char *data,
							   Size len, CsRowParts *parts);
extern TimestampTz cs_rowvalue_expiry(const CsBinding *binding, bool absent);

#endif							/* CS_ROWVALUE_H */
