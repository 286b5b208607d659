/*-------------------------------------------------------------------------
 *
 * delta.c
 *		Deltas as values: their encoding in memory, and combining two in
 *		sequence.
 *
 * The flat encoding is one chunk without pointers:
 *
 *		FlatHead
 *		FlatColumn[n]	contains by-value datums
 *		int16[]			the cancelled columns
 *		datums			by reference, detoasted and uncompressed, each aligned
 *
 * It begins at a MAXALIGNed address and is decoded in place: datums point into
 * it.  It contains the lengths of datums, so decoding reads no catalogues.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "writeback/combine.h"
#include "writeback/merge.h"

#define FLAT_CANCEL		0x01
#define FLAT_WHOLE		0x02

typedef struct FlatHead
{
	uint32		len;			/* of everything */
	uint16		ncolumns;
	uint16		ncancelled;
	uint32		flags;
	uint32		unused;
} FlatHead;

typedef struct FlatColumn
{
	uint64		stamp;
	uint64		value;			/* the datum, or its offset */
	Oid			type;
	int16		attnum;
	uint8		rule;
	bool		isnull;
	bool		byval;
	uint8		unused;
	int16		typlen;
	uint16		unused2[2];
} FlatColumn;

StaticAssertDecl(sizeof(FlatHead) % MAXIMUM_ALIGNOF == 0 &&
				 sizeof(FlatColumn) % MAXIMUM_ALIGNOF == 0,
				 "what follows must be aligned");

/* ----- flat encoding ----- */

/* A datum being encoded. */
typedef struct FlatDatum
{
	bool		byval;
	int16		typlen;
	Datum		value;			/* detoasted */
	Size		len;			/* if by reference */
} FlatDatum;

/*
 * Determine the size of a datum, and detoast it.
 */
static void
measure(const CsColumnDelta *column, FlatDatum *flat)
{
	flat->value = column->value;
	flat->len = 0;
	flat->byval = column->flat_byval;
	flat->typlen = column->flat_typlen;
	if (column->flat_type != column->type)
		get_typlenbyval(column->type, &flat->typlen, &flat->byval);
	if (column->isnull || flat->byval)
		return;
	if (flat->typlen == -1)
	{
		flat->value = PointerGetDatum(detoast_attr((struct varlena *)
												   DatumGetPointer(column->value)));
		flat->len = VARSIZE(DatumGetPointer(flat->value));
	}
	else if (flat->typlen == -2)
		flat->len = strlen(DatumGetCString(column->value)) + 1;
	else
		flat->len = flat->typlen;
}

static Size
cancelled_size(int n)
{
	return MAXALIGN(n * sizeof(int16));
}

static void
write_cancelled(char *place, const Bitmapset *cancelled)
{
	int16	   *attnums = (int16 *) place;
	int			attnum = -1;

	while ((attnum = bms_next_member(cancelled, attnum)) >= 0)
		*attnums++ = (int16) attnum;
}

static void
write_column(char *data, FlatColumn *place, const CsColumnDelta *column,
			 const FlatDatum *flat, Size *end)
{
	place->stamp = column->stamp;
	place->type = column->type;
	place->attnum = column->attnum;
	place->rule = (uint8) column->rule;
	place->isnull = column->isnull;
	place->byval = flat->byval;
	place->typlen = flat->typlen;
	if (column->isnull)
		return;
	if (flat->byval)
	{
		place->value = (uint64) flat->value;
		return;
	}
	place->value = *end;
	memcpy(data + *end, DatumGetPointer(flat->value), flat->len);
	*end += MAXALIGN(flat->len);
}

/*
 * Encode a delta.  The result is palloc'd, in one chunk.
 */
char *
cs_delta_encode(const CsDelta *delta, Size *len)
{
	FlatDatum  *flat = palloc(Max(delta->n, 1) * sizeof(FlatDatum));
	int			ncancelled = bms_num_members(delta->cancelled);
	Size		end = sizeof(FlatHead) + delta->n * sizeof(FlatColumn);
	Size		size = end + cancelled_size(ncancelled);
	FlatHead   *head;
	FlatColumn *columns;
	char	   *data;

	for (int i = 0; i < delta->n; i++)
	{
		measure(&delta->columns[i], &flat[i]);
		size += MAXALIGN(flat[i].len);
	}
	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("deferred write is too large")));
	data = palloc0(size);
	head = (FlatHead *) data;
	head->len = (uint32) size;
	head->ncolumns = (uint16) delta->n;
	head->ncancelled = (uint16) ncancelled;
	head->flags = (delta->cancel ? FLAT_CANCEL : 0) | (delta->whole ? FLAT_WHOLE : 0);
	columns = (FlatColumn *) (data + sizeof(FlatHead));
	write_cancelled(data + end, delta->cancelled);
	end += cancelled_size(ncancelled);
	for (int i = 0; i < delta->n; i++)
	{
		write_column(data, &columns[i], &delta->columns[i], &flat[i], &end);
		if (flat[i].value != delta->columns[i].value)
			pfree(DatumGetPointer(flat[i].value));
	}
	pfree(flat);
	*len = size;
	return data;
}

/*
 * Decode a delta; its datums point into the data.
 */
void
cs_delta_decode(const char *data, Size len, CsDelta *delta)
{
	const FlatHead *head = (const FlatHead *) data;
	const FlatColumn *columns = (const FlatColumn *) (data + sizeof(FlatHead));
	const int16 *cancelled;

	Assert((uintptr_t) data % MAXIMUM_ALIGNOF == 0);
	if (len < sizeof(FlatHead) || head->len > len)
		elog(ERROR, "deferred write is damaged");
	memset(delta, 0, sizeof(*delta));
	delta->cancel = (head->flags & FLAT_CANCEL) != 0;
	delta->whole = (head->flags & FLAT_WHOLE) != 0;
	delta->n = head->ncolumns;
	cancelled = (const int16 *) (columns + delta->n);
	for (int i = 0; i < head->ncancelled; i++)
		delta->cancelled = bms_add_member(delta->cancelled, cancelled[i]);
	if (delta->n > 0)
		delta->columns = palloc(delta->n * sizeof(CsColumnDelta));
	for (int i = 0; i < delta->n; i++)
	{
		CsColumnDelta *column = &delta->columns[i];

		column->attnum = columns[i].attnum;
		column->rule = (CsRule) columns[i].rule;
		column->type = columns[i].type;
		column->isnull = columns[i].isnull;
		column->stamp = columns[i].stamp;
		column->flat_type = columns[i].type;
		column->flat_typlen = columns[i].typlen;
		column->flat_byval = columns[i].byval;
		column->value = (Datum) 0;
		if (column->isnull)
			continue;
		column->value = columns[i].byval ? (Datum) columns[i].value :
			PointerGetDatum(data + columns[i].value);
	}
}

/* ----- combining in sequence ----- */

/*
 * Order of a stamp; 0, which is not known yet, is the newest.
 */
static uint64
order_of(uint64 stamp)
{
	return stamp == 0 ? PG_UINT64_MAX : stamp;
}

static bool
is_newer(uint64 stamp, uint64 than)
{
	return order_of(stamp) > order_of(than);
}

/*
 * Combine two changes of the same column into acc.  Sums, maxima and minima do
 * not depend on the order.  If a value is set, the stamps determine which
 * changes apply to it.  A set value keeps its own stamp when something is
 * added to it, so an addition with a smaller stamp than the last one still
 * counts.
 */
static void
fold_column(CsBinding *binding, CsColumnDelta *acc, const CsColumnDelta *later)
{
	CsMergeColumn space;
	CsColumnDelta first = *acc;
	CsColumnDelta second = *later;

	if (acc->rule == later->rule && acc->rule != CS_RULE_REPLACE)
	{
		cs_combine_fold(binding, cs_merge_resolve_change(binding, later, &space), acc, later);
		if (is_newer(later->stamp, acc->stamp))
			acc->stamp = later->stamp;
		return;
	}
	if (is_newer(acc->stamp, later->stamp))
	{
		first = *later;
		second = *acc;
	}
	if (second.rule == CS_RULE_REPLACE)
	{
		*acc = second;
		return;
	}
	if (first.rule != CS_RULE_REPLACE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("deferred writes of table \"%s\" under merge rules \"%s\" and \"%s\" of a column cannot be combined",
						binding->name, cs_merge_rule_name(first.rule),
						cs_merge_rule_name(second.rule)),
				 errhint("Flush the table before its merge rules are changed.")));
	*acc = first;
	cs_combine_fold(binding, cs_merge_resolve_change(binding, &second, &space), acc,
					&second);
}

/*
 * Remove the cancelled columns.
 */
static void
cancel_columns(CsDelta *acc, const Bitmapset *cancelled)
{
	int			n = 0;

	for (int i = 0; i < acc->n; i++)
		if (acc->columns[i].rule != CS_RULE_REPLACE ||
			!bms_is_member(acc->columns[i].attnum, cancelled))
			acc->columns[n++] = acc->columns[i];
	acc->n = n;
	if (!acc->cancel)
		acc->cancelled = bms_union(acc->cancelled, cancelled);
}

/*
 * Stamp of a whole row: values that were set later have larger stamps.  A row
 * without columns is the newest.
 */
static uint64
whole_stamp(const CsDelta *delta)
{
	uint64		stamp = 0;

	for (int i = 0; i < delta->n; i++)
		if (is_newer(stamp, delta->columns[i].stamp))
			stamp = delta->columns[i].stamp;
	return stamp;
}

/*
 * Whether a change remains beside a whole row that lacks its column: it must
 * be newer than the row.
 */
static bool
survives(const CsColumnDelta *earlier, const CsDelta *later, uint64 stamp)
{
	return !later->whole || is_newer(earlier->stamp, stamp);
}

static bool
arrives(const CsColumnDelta *later, const CsDelta *acc, uint64 stamp)
{
	return !acc->whole || acc->n == 0 || !is_newer(stamp, later->stamp);
}

/*
 * Merge the columns of both, by attribute number.
 */
static void
fold_columns(CsBinding *binding, CsDelta *acc, const CsDelta *later)
{
	CsColumnDelta *all = palloc(Max(acc->n + later->n, 1) * sizeof(CsColumnDelta));
	uint64		acc_stamp = whole_stamp(acc);
	uint64		later_stamp = whole_stamp(later);
	int			n = 0;
	int			a = 0;
	int			b = 0;

	while (a < acc->n || b < later->n)
	{
		int			from_acc = a < acc->n ? acc->columns[a].attnum : PG_INT32_MAX;
		int			from_later = b < later->n ? later->columns[b].attnum : PG_INT32_MAX;

		if (from_acc < from_later)
		{
			if (survives(&acc->columns[a], later, later_stamp))
				all[n++] = acc->columns[a];
			a++;
			continue;
		}
		if (from_acc == from_later)
		{
			all[n] = acc->columns[a++];
			if (cs_merge_attribute(binding, from_later) != NULL)
				fold_column(binding, &all[n], &later->columns[b]);
			n++;
		}
		else if (arrives(&later->columns[b], acc, acc_stamp))
			all[n++] = later->columns[b];
		b++;
	}
	acc->columns = all;
	acc->n = n;
}

/*
 * Combine two deltas: acc, then 'later'.
 *
 * The sequence is by stamp.  For CS_RULE_REPLACE each column's own stamp
 * decides, so a late arrival with a smaller stamp loses (stamp 0 is the
 * newest).  Allocates in the current context; acc may point into 'later'.
 */
void
cs_delta_fold(CsBinding *binding, CsDelta *acc, const CsDelta *later)
{
	if (later->cancel)
	{
		memset(acc, 0, sizeof(*acc));
		acc->cancel = true;
	}
	else if (!bms_is_empty(later->cancelled))
		cancel_columns(acc, later->cancelled);
	if (later->n > 0 || later->whole)
		fold_columns(binding, acc, later);
	acc->whole |= later->whole;
}

/*
 * Columns that the delta changes; NULL for all.
 */
Bitmapset *
cs_delta_columns(const CsDelta *delta)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < delta->n && !delta->whole; i++)
		columns = bms_add_member(columns, delta->columns[i].attnum);
	return columns;
}

/*
 * Set the stamp of every column.
 */
void
cs_delta_stamp(CsDelta *delta, uint64 stamp)
{
	for (int i = 0; i < delta->n; i++)
		delta->columns[i].stamp = stamp;
}

/* Whether nothing is left to write to the table. */
bool
cs_delta_is_empty(const CsDelta *delta)
{
	if (delta->whole)
		return false;
	for (int i = 0; i < delta->n; i++)
	{
		const CsColumnDelta *column = &delta->columns[i];

		/* the maximum or minimum of a value and NULL is the value */
		if (!column->isnull ||
			(column->rule != CS_RULE_MAX && column->rule != CS_RULE_MIN))
			return false;
	}
	return true;
}
