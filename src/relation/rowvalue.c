/*-------------------------------------------------------------------------
 *
 * rowvalue.c
 *		Encoding of a row, or of its absence, as the value of an entry.
 *
 * A value consists of
 *
 *		row		a flat composite datum, of which a copy is returned without
 *				work per column; nothing for an absence.  Its t_ctid is where
 *				the row is in the table, or invalid if that is not known
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
#include "access/xact.h"
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

	return VARATT_IS_EXTERNAL(attr) || VARATT_IS_COMPRESSED(attr);
}

/*
 * Detoast and decompress the values.  Returns false if they are larger than
 * the store can keep.
 */
static bool
detoast_values(TupleDesc tupdesc, Datum *values, const bool *nulls)
{
	Size		size = 0;

	for (int i = 0; i < tupdesc->natts; i++)
		if (!nulls[i] && TupleDescAttr(tupdesc, i)->attlen == -1)
			size += toast_raw_datum_size(values[i]);
	if (size > cs_store_max_value())
		return false;
	for (int i = 0; i < tupdesc->natts; i++)
		if (!nulls[i] && TupleDescAttr(tupdesc, i)->attlen == -1 &&
			is_toasted(values[i]))
			values[i] = PointerGetDatum(detoast_attr((struct varlena *)
													 DatumGetPointer(values[i])));
	return true;
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
	HeapTupleHeader flat;
	Datum	   *values;
	bool	   *nulls;

	tuple = cs_row_tuple(row);
	if (!has_toast(binding->tupdesc, &tuple))
		return row;
	values = palloc(binding->tupdesc->natts * sizeof(Datum));
	nulls = palloc(binding->tupdesc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, binding->tupdesc, values, nulls);
	if (!detoast_values(binding->tupdesc, values, nulls))
		return NULL;
	flat = heap_form_tuple(binding->tupdesc, values, nulls)->t_data;
	flat->t_ctid = row->t_ctid;
	return flat;
}

/* The slot's tuple, if it has one; NULL: it has only values. */
static HeapTuple
slot_tuple(TupleTableSlot *slot)
{
	if (TTS_IS_BUFFERTUPLE(slot))
		return ((BufferHeapTupleTableSlot *) slot)->base.tuple;
	if (TTS_IS_HEAPTUPLE(slot))
		return ((HeapTupleTableSlot *) slot)->tuple;
	return NULL;
}

/*
 * Is the slot's tuple what would be formed of its values, all of which are
 * known?
 */
static bool
is_flat(TupleDesc tupdesc, HeapTuple tuple, const TupleTableSlot *slot)
{
	if (HeapTupleHeaderGetNatts(tuple->t_data) != tupdesc->natts ||
		HeapTupleHasExternal(tuple) || tuple->t_len > cs_store_max_value())
		return false;
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (att->attisdropped ||
			(att->attlen == -1 && !slot->tts_isnull[i] && is_toasted(slot->tts_values[i])))
			return false;
	}
	return true;
}

/* Values of the binding's columns; false: too large for the store. */
static bool
collect_values(CsRowSource *source, TupleTableSlot *slot, AttrMap *map)
{
	TupleDesc	tupdesc = source->binding->tupdesc;
	int			natts = tupdesc->natts;

	source->values = palloc0(natts * sizeof(Datum));
	source->nulls = palloc(natts * sizeof(bool));
	source->hasnull = false;
	for (int i = 0; i < natts; i++)
	{
		int			from = map != NULL ? map->attnums[i] - 1 : i;

		source->nulls[i] = from < 0 || slot->tts_isnull[from] ||
			TupleDescAttr(tupdesc, i)->attisdropped;
		if (source->nulls[i])
			source->hasnull = true;
		else
			source->values[i] = slot->tts_values[from];
	}
	return detoast_values(tupdesc, source->values, source->nulls);
}

/*
 * A composite datum of the binding's row type, whose header others are given.
 * Only PostgreSQL knows all that belongs in it.
 */
static const HeapTupleHeaderData *
row_header(const CsBinding *binding)
{
	if (binding->row_header == NULL)
	{
		int			natts = binding->tupdesc->natts;
		Datum	   *values = palloc0(Max(natts, 1) * sizeof(Datum));
		bool	   *nulls = palloc(Max(natts, 1) * sizeof(bool));
		MemoryContext old = MemoryContextSwitchTo(binding->context);

		memset(nulls, true, natts * sizeof(bool));
		((CsBinding *) binding)->row_header =
			heap_form_tuple(binding->tupdesc, values, nulls)->t_data;
		MemoryContextSwitchTo(old);
		pfree(values);
		pfree(nulls);
	}
	return binding->row_header;
}

/*
 * The tid of the slot's row.  It is not told if the row's xmin is
 * not the xid that an entry published by this transaction has: that of a
 * subtransaction.
 */
static ItemPointerData
tid_of(TupleTableSlot *slot)
{
	HeapTuple	tuple = slot_tuple(slot);
	ItemPointerData tid;

	ItemPointerSetInvalid(&tid);
	if (tuple != NULL && TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		HeapTupleHeaderGetRawXmin(tuple->t_data) == GetTopTransactionIdIfAny())
		tid = slot->tts_tid;
	return tid;
}

static Size
header_size(const CsRowSource *source)
{
	Size		bitmap = source->hasnull ? BITMAPLEN(source->binding->tupdesc->natts) : 0;

	return MAXALIGN(offsetof(HeapTupleHeaderData, t_bits) + bitmap);
}

/*
 * How large the value of a row in a slot is, whose columns 'map' (or NULL)
 * converts.  Returns false if it is larger than the store can keep.  The
 * source is valid as long as the slot has the row.
 */
bool
cs_rowvalue_measure(const CsBinding *binding, TupleTableSlot *slot, AttrMap *map,
					CsRowSource *source)
{
	HeapTuple	tuple = map == NULL ? slot_tuple(slot) : NULL;

	source->binding = binding;
	source->header = row_header(binding);
	source->tuple = NULL;
	source->tid = tid_of(slot);
	slot_getallattrs(slot);
	if (tuple != NULL && is_flat(binding->tupdesc, tuple, slot))
	{
		source->tuple = tuple;
		source->rowlen = tuple->t_len;
	}
	else if (collect_values(source, slot, map))
		source->rowlen = header_size(source) +
			heap_compute_data_size(binding->tupdesc, source->values, source->nulls);
	else
		return false;
	source->len = MAXALIGN(source->rowlen) + sizeof(Trailer);
	return true;
}

/*
 * The same for the absence of a row.
 */
void
cs_rowvalue_measure_absence(const CsBinding *binding, CsRowSource *source)
{
	source->binding = binding;
	source->rowlen = 0;
	source->len = sizeof(Trailer);
}

/* In t_infomask: what is of the row, and not of its being a datum. */
#define OF_ROW		(HEAP_HASNULL | HEAP_HASVARWIDTH | HEAP_HASEXTERNAL)

/* A composite datum at 'row', without a copy in between. */
static void
write_row(const CsRowSource *source, HeapTupleHeader row)
{
	const HeapTupleHeaderData *header = source->header;
	TupleDesc	tupdesc = source->binding->tupdesc;

	if (source->tuple != NULL)
		memcpy(row, source->tuple->t_data, source->rowlen);
	else
	{
		Size		hoff = header_size(source);

		memset(row, 0, source->rowlen);
		row->t_hoff = hoff;
		heap_fill_tuple(tupdesc, source->values, source->nulls, (char *) row + hoff,
						source->rowlen - hoff, &row->t_infomask,
						source->hasnull ? row->t_bits : NULL);
	}
	row->t_choice = header->t_choice;
	row->t_ctid = source->tid;
	row->t_infomask = (row->t_infomask & OF_ROW) | (header->t_infomask & ~OF_ROW);
	row->t_infomask2 = header->t_infomask2;
	HeapTupleHeaderSetDatumLength(row, source->rowlen);
}

/*
 * Write the value, which is source->len bytes, to 'place', which is aligned.
 */
void
cs_rowvalue_write(const CsRowSource *source, char *place)
{
	Trailer		trailer = {source->rowlen, source->binding->shape};

	if (source->rowlen > 0)
		write_row(source, (HeapTupleHeader) place);
	memcpy(place + MAXALIGN(source->rowlen), &trailer, sizeof(Trailer));
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
