/*-------------------------------------------------------------------------
 *
 * rowvalue.h
 *		Encoding of a row, or of its absence, as the value of an entry.
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

/* A decoded value. */
typedef struct CsRowParts
{
	HeapTupleHeader row;		/* NULL if absent */
	const CsSeen *seen;			/* what the snapshot saw, if
								 * CS_ENTRY_SNAPSHOT; else NULL */
} CsRowParts;

extern HeapTupleHeader cs_rowvalue_flatten(const CsBinding *binding,
										   HeapTupleHeader row);
extern HeapTupleHeader cs_rowvalue_from_slot(const CsBinding *binding,
											 TupleTableSlot *slot, AttrMap *map);
extern void cs_rowvalue_encode(const CsBinding *binding, HeapTupleHeader row,
							   const CsSeen *seen, CsRowValue *value);

extern bool cs_rowvalue_decode(const CsBinding *binding, uint8 flags, char *data,
							   Size len, CsRowParts *parts);
extern TimestampTz cs_rowvalue_expiry(const CsBinding *binding, bool absent);

#endif							/* CS_ROWVALUE_H */
