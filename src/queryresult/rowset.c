/*-------------------------------------------------------------------------
 *
 * rowset.c
 *		Rows of two results, and whether they are the same.
 *
 * Values are compared by their images.  A value may be compressed, or out of
 * line, in one of them only.
 *
 * The order of rows is compared in the columns of ORDER BY.  Apart from that
 * the rows are those of a multiset: what is not the same at the same place is
 * sorted by hash, and compared in that order.
 *
 * The bytes of a kept result are the suspect, so it is made sure that a tuple
 * can be taken apart before that is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "utils/datum.h"

#include "queryresult/rowset.h"
#include "rowcache/mismatch.h"

/* ----- sets ----- */

void
cs_rowset_begin(CsRowSet *set, TupleDesc columns)
{
	set->columns = columns;
	set->n = 0;
	set->max = 64;
	set->rows = palloc(set->max * sizeof(CsRow));
}

/*
 * Add a row, which has to stay where it is.
 */
void
cs_rowset_add(CsRowSet *set, const char *data, Size len)
{
	CsRow	   *row;

	if (set->n == set->max)
	{
		set->max *= 2;
		set->rows = repalloc_huge(set->rows, set->max * sizeof(CsRow));
	}
	row = &set->rows[set->n++];
	row->data = data;
	row->len = len;
	row->hash = 0;
}

/*
 * Add minimal tuples that lie one after the other, aligned; false: these are
 * none.
 */
bool
cs_rowset_add_minimal(CsRowSet *set, const char *data, Size len)
{
	for (Size place = 0; place < len;)
	{
		uint32		size = ((const MinimalTupleData *) (data + place))->t_len;

		if (size < SizeofMinimalTupleHeader || size > len - place)
			return false;
		cs_rowset_add(set, data + place - MINIMAL_TUPLE_OFFSET, size + MINIMAL_TUPLE_OFFSET);
		place += MAXALIGN(size);
	}
	return true;
}

/* ----- rows ----- */

static void
take_apart(const CsRowSet *set, const CsRow *row, Datum **values, bool **nulls)
{
	HeapTupleData tuple = {.t_len = row->len,.t_data = (HeapTupleHeader) row->data};

	*values = palloc(set->columns->natts * sizeof(Datum) + 1);
	*nulls = palloc(set->columns->natts * sizeof(bool) + 1);
	heap_deform_tuple(&tuple, set->columns, *values, *nulls);
}

static bool
same_column(TupleDesc columns, int column, const Datum *a, const bool *anulls,
			const Datum *b, const bool *bnulls)
{
	Form_pg_attribute att = TupleDescAttr(columns, column);

	if (att->attisdropped)
		return true;
	return anulls[column] == bnulls[column] &&
		(anulls[column] || datum_image_eq(a[column], b[column], att->attbyval, att->attlen));
}

/* In these columns, or in all if they are NIL. */
static bool
same_in(const CsRowSet *set, const CsRow *a, const CsRow *b, const List *columns)
{
	Datum	   *avalues;
	Datum	   *bvalues;
	bool	   *anulls;
	bool	   *bnulls;
	bool		same = true;
	ListCell   *lc;

	take_apart(set, a, &avalues, &anulls);
	take_apart(set, b, &bvalues, &bnulls);
	foreach(lc, columns)
		same = same && same_column(set->columns, lfirst_int(lc) - 1, avalues, anulls, bvalues, bnulls);
	for (int i = 0; columns == NIL && same && i < set->columns->natts; i++)
		same = same_column(set->columns, i, avalues, anulls, bvalues, bnulls);
	pfree(avalues);
	pfree(bvalues);
	pfree(anulls);
	pfree(bnulls);
	return same;
}

static bool
same_row(const CsRowSet *set, const CsRow *a, const CsRow *b)
{
	if (set->columns == NULL)
		return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
	return same_in(set, a, b, NIL);
}

static uint64
hash_row(const CsRowSet *set, const CsRow *row)
{
	Datum	   *values;
	bool	   *nulls;
	uint64		hash = 0;

	if (set->columns == NULL)
		return hash_bytes_extended((const unsigned char *) row->data, row->len, 0);
	take_apart(set, row, &values, &nulls);
	for (int i = 0; i < set->columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(set->columns, i);
		uint32		value = 0;

		if (!att->attisdropped && !nulls[i])
			value = datum_image_hash(values[i], att->attbyval, att->attlen);
		hash = hash_combine64(hash, nulls[i] ? 1 : (uint64) value << 1);
	}
	pfree(values);
	pfree(nulls);
	return hash;
}

/* ----- comparing ----- */

static int
by_hash(const void *a, const void *b)
{
	uint64		x = ((const CsRow *) a)->hash;
	uint64		y = ((const CsRow *) b)->hash;

	return x < y ? -1 : x > y ? 1 : 0;
}

static bool
differs(CsRowDifference *difference, const char *what, const CsRow *kept, const CsRow *computed)
{
	difference->what = what;
	difference->kept = kept;
	difference->computed = computed;
	return false;
}

static const CsRow *
nth(const CsRowSet *set, int64 n)
{
	return n < set->n ? &set->rows[n] : NULL;
}

/* The rows that are not the same at the same place, in any order. */
static bool
same_others(const CsRowSet *kept, CsRow *a, const CsRowSet *computed, CsRow *b, int64 n,
			CsRowDifference *difference)
{
	for (int64 i = 0; i < n; i++)
	{
		a[i].hash = hash_row(kept, &a[i]);
		b[i].hash = hash_row(computed, &b[i]);
	}
	qsort(a, n, sizeof(CsRow), by_hash);
	qsort(b, n, sizeof(CsRow), by_hash);
	for (int64 i = 0; i < n; i++)
		if (a[i].hash != b[i].hash || !same_row(kept, &a[i], &b[i]))
			return differs(difference, "a row", &a[i], &b[i]);
	return true;
}

/* From the first row that is determined to the last. */
static void
find_range(const CsRowSet *set, const CsDetermined *determined, int64 *from, int64 *to)
{
	*from = 0;
	*to = set->n;
	if (determined->first_open)
		while (*from < *to && same_in(set, &set->rows[0], &set->rows[*from], determined->order))
			(*from)++;
	if (determined->last_open)
		while (*to > *from &&
			   same_in(set, &set->rows[set->n - 1], &set->rows[*to - 1], determined->order))
			(*to)--;
}

static bool
are_formed(const CsRowSet *set, CsRowDifference *difference)
{
	for (int64 i = 0; set->columns != NULL && i < set->n; i++)
		if (!cs_mismatch_fits(set->columns, (HeapTupleHeader) set->rows[i].data,
							  set->rows[i].len, true))
			return differs(difference, "the form", NULL, NULL);
	return true;
}

/*
 * Are the rows the same, as far as they are determined?
 */
bool
cs_rowset_same(const CsRowSet *kept, const CsRowSet *computed,
			   const CsDetermined *determined, CsRowDifference *difference)
{
	CsRow	   *a;
	CsRow	   *b;
	int64		from;
	int64		to;
	int64		n = 0;

	if (!are_formed(kept, difference))
		return false;
	if (kept->n != computed->n)
		return differs(difference, "the number of rows", nth(kept, computed->n),
					   nth(computed, kept->n));
	for (int64 i = 0; determined->order != NIL && i < kept->n; i++)
		if (!same_in(kept, &kept->rows[i], &computed->rows[i], determined->order))
			return differs(difference, "the order", &kept->rows[i], &computed->rows[i]);
	find_range(kept, determined, &from, &to);
	a = MemoryContextAllocHuge(CurrentMemoryContext, Max(to - from, 1) * sizeof(CsRow));
	b = MemoryContextAllocHuge(CurrentMemoryContext, Max(to - from, 1) * sizeof(CsRow));
	for (int64 i = from; i < to; i++)
		if (!same_row(kept, &kept->rows[i], &computed->rows[i]))
		{
			a[n] = kept->rows[i];
			b[n++] = computed->rows[i];
		}
	return same_others(kept, a, computed, b, n, difference);
}

/* ----- for the log ----- */

/*
 * Append a row's values, by output functions.
 */
void
cs_rowset_append_row(StringInfo buf, const CsRowSet *set, const CsRow *row)
{
	const char *separator = "(";
	Datum	   *values;
	bool	   *nulls;

	if (row == NULL)
	{
		appendStringInfoString(buf, "no row");
		return;
	}
	if (set->columns == NULL)
	{
		appendStringInfo(buf, "%zu bytes of json", row->len);
		return;
	}
	take_apart(set, row, &values, &nulls);
	for (int i = 0; i < set->columns->natts; i++)
	{
		if (TupleDescAttr(set->columns, i)->attisdropped)
			continue;
		appendStringInfoString(buf, separator);
		cs_mismatch_append_value(buf, TupleDescAttr(set->columns, i)->atttypid, values[i], nulls[i]);
		separator = ", ";
	}
	appendStringInfoChar(buf, ')');
}
