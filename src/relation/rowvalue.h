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

/* A row in a slot on its way to a value. */
typedef struct CsRowSource
{
	const CsBinding *binding;
	const HeapTupleHeaderData *header;	/* what datums of the type have in
										 * common */
	ItemPointerData tid;		/* invalid: not known */
	HeapTuple	tuple;			/* to be copied; NULL: to be formed of values */
	Datum	   *values;			/* nothing of them is in TOAST */
	bool	   *nulls;
	bool		hasnull;
	Size		rowlen;			/* of the row as a datum; 0: an absence */
	Size		len;			/* of the value */
} CsRowSource;

/* A decoded value. */
typedef struct CsRowParts
{
	HeapTupleHeader row;		/* NULL if absent */
	const CsSeen *seen;			/* what the snapshot saw, if
								 * CS_ENTRY_SNAPSHOT; else NULL */
} CsRowParts;

extern HeapTupleHeader cs_rowvalue_flatten(const CsBinding *binding,
										   HeapTupleHeader row);
extern void cs_rowvalue_encode(const CsBinding *binding, HeapTupleHeader row,
							   const CsSeen *seen, CsRowValue *value);
extern bool cs_rowvalue_measure(const CsBinding *binding, TupleTableSlot *slot,
								AttrMap *map, CsRowSource *source);
extern void cs_rowvalue_measure_absence(const CsBinding *binding, CsRowSource *source);
extern void cs_rowvalue_write(const CsRowSource *source, char *place);

extern bool cs_rowvalue_decode(const CsBinding *binding, uint8 flags, char *data,
							   Size len, CsRowParts *parts);
extern TimestampTz cs_rowvalue_expiry(const CsBinding *binding, bool absent);

#endif							/* CS_ROWVALUE_H */
