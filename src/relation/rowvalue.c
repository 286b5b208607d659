/*-------------------------------------------------------------------------
 *
 * rowvalue.c
 *		Encoding of a row, or of its absence, as the value of an entry.
 *
 * A value consists of
 *
 *		row		a flat composite datum, of which a copy is returned without
 *				work
 *				per column; nothing for an absence
 *		seen	the snapshot under which it was loaded, if CS_ENTRY_SNAPSHOT
 *		trailer	length of the row and fingerprint of its shape
 *
 * The row comes first because a copy of the value must begin where a palloc'd
 * chunk begins.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "common/pg_prng.h"

#include "relation/rowvalue.h"
#include "store/clock.h"
#include "store/store.h"

typedef struct Trailer
{
	uint32		rowlen;
	uint32		shape;
} Trailer;

/*
 * Whether a varlena is compressed or out of line.
 */
static bool
is_toasted(Datum value)
{
	struct varlena *attr = (struct varlena *) DatumGetPointer(value);

	return VARATT_IS_EXTENDED(attr) && !VARATT_IS_SHORT(attr);
}

/*
 * Form a row of these values, all detoasted and uncompressed; NULL if it is
 * larger than the store can keep.
 */
static HeapTupleHeader
form_row(const CsBinding *binding, Datum *values, bool *nulls)
{
	TupleDesc	tupdesc = binding->tupdesc;
	Size		size = 0;

	for (int i = 0; i < tupdesc->natts; i++)
		if (!nulls[i] && TupleDescAttr(tupdesc, i)->attlen == -1)
			size += toast_raw_datum_size(values[i]);
	if (size > cs_store_max_value())
		return NULL;
	for (int i = 0; i < tupdesc->natts; i++)
		if (!nulls[i] && TupleDescAttr(tupdesc, i)->attlen == -1 &&
			is_toasted(values[i]))
			values[i] = PointerGetDatum(detoast_attr((struct varlena *)
													 DatumGetPointer(values[i])));
	return heap_form_tuple(tupdesc, values, nulls)->t_data;
}

/*
 * Whether a tuple contains toasted values.
 */
static bool
has_toast(TupleDesc tupdesc, HeapTuple tuple)
{
	if (HeapTupleHasExternal(tuple))
		return true;
	for (int i = 0; i < tupdesc->natts && HeapTupleHasVarWidth(tuple); i++)
	{
		bool		isnull;
		Datum		value;

		if (TupleDescAttr(tupdesc, i)->attlen != -1)
			continue;
		value = heap_getattr(tuple, i + 1, tupdesc, &isnull);
		if (!isnull && is_toasted(value))
			return true;
	}
	return false;
}

/*
 * The row with all values detoasted and uncompressed, or NULL if it is larger
 * than the store can keep.  Returns 'row' itself if nothing is to be done.
 */
HeapTupleHeader
cs_rowvalue_flatten(const CsBinding *binding, HeapTupleHeader row)
{
	HeapTupleData tuple;
	Datum	   *values;
	bool	   *nulls;

	tuple = cs_row_tuple(row);
	if (!has_toast(binding->tupdesc, &tuple))
		return row;
	values = palloc(binding->tupdesc->natts * sizeof(Datum));
	nulls = palloc(binding->tupdesc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, binding->tupdesc, values, nulls);
	return form_row(binding, values, nulls);
}

/*
 * As cs_rowvalue_flatten(), from a slot whose columns 'map' (or NULL)
 * converts.
 */
HeapTupleHeader
cs_rowvalue_from_slot(const CsBinding *binding, TupleTableSlot *slot, AttrMap *map)
{
	int			natts = binding->tupdesc->natts;
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	slot_getallattrs(slot);
	for (int i = 0; i < natts; i++)
	{
		int			from = map != NULL ? map->attnums[i] - 1 : i;

		nulls[i] = from < 0 || slot->tts_isnull[from] ||
			TupleDescAttr(binding->tupdesc, i)->attisdropped;
		if (!nulls[i])
			values[i] = slot->tts_values[from];
	}
	return form_row(binding, values, nulls);
}

/*
 * Encode a row, or its absence if NULL; 'seen' may be NULL.  The value is
 * palloc'd.
 */
void
cs_rowvalue_encode(const CsBinding *binding, HeapTupleHeader row,
				   const CsSeen *seen, CsRowValue *value)
{
	Trailer		trailer = {0, binding->shape};
	Size		seenlen = seen != NULL ? MAXALIGN(cs_seen_size(seen->nxip)) : 0;
	char	   *place;

	if (row != NULL)
		trailer.rowlen = HeapTupleHeaderGetDatumLength(row);
	value->len = MAXALIGN(trailer.rowlen) + seenlen + sizeof(Trailer);
	value->data = place = MemoryContextAllocHuge(CurrentMemoryContext, value->len);
	if (row != NULL)
		memcpy(place, row, trailer.rowlen);
	place += MAXALIGN(trailer.rowlen);
	if (seen != NULL)
		memcpy(place, seen, cs_seen_size(seen->nxip));
	memcpy(place + seenlen, &trailer, sizeof(Trailer));
}

/*
 * Decode a value; returns false if it does not have the table's present shape.
 * The result points into the value.
 */
bool
cs_rowvalue_decode(const CsBinding *binding, uint8 flags, char *data, Size len,
				   CsRowParts *parts)
{
	Trailer		trailer;

	if (len < sizeof(Trailer))
		return false;
	memcpy(&trailer, data + len - sizeof(Trailer), sizeof(Trailer));
	if (trailer.shape != binding->shape)
		return false;
	parts->row = trailer.rowlen > 0 ? (HeapTupleHeader) data : NULL;
	parts->seen = NULL;
	if (flags & CS_ENTRY_SNAPSHOT)
		parts->seen = (const CsSeen *) (data + MAXALIGN(trailer.rowlen));
	return true;
}

/*
 * Time at which an entry made now expires; 0 for never.
 */
TimestampTz
cs_rowvalue_expiry(const CsBinding *binding, bool absent)
{
	const CsOptions *options = &binding->options;
	int64		ttl = absent ? options->negative_ttl : options->ttl;

	if (ttl <= 0)
		return 0;
	if (options->ttl_jitter > 0)
		ttl -= (int64) (ttl * options->ttl_jitter *
						pg_prng_double(&pg_global_prng_state));
	return cs_clock_after(Max(ttl, 1));
}
