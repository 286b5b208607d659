/*-------------------------------------------------------------------------
 *
 * rowset.h
 *		Rows of two results, and whether they are the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ROWSET_H
#define CS_ROWSET_H

#include "access/tupdesc.h"
#include "lib/stringinfo.h"

#include "queryresult/determined.h"

typedef struct CsRow
{
	const char *data;			/* a HeapTupleHeader, or bytes */
	Size		len;
	uint64		hash;			/* while the rows are compared */
} CsRow;

typedef struct CsRowSet
{
	TupleDesc	columns;		/* NULL: rows are bytes */
	int64		n;
	int64		max;
	CsRow	   *rows;
} CsRowSet;

/* The first rows that differ; NULL: there is none, or rows do not say it. */
typedef struct CsRowDifference
{
	const char *what;
	const CsRow *kept;
	const CsRow *computed;
} CsRowDifference;

extern void cs_rowset_begin(CsRowSet *set, TupleDesc columns);
extern void cs_rowset_add(CsRowSet *set, const char *data, Size len);
extern bool cs_rowset_add_minimal(CsRowSet *set, const char *data, Size len);
extern bool cs_rowset_same(const CsRowSet *kept, const CsRowSet *computed,
						   const CsDetermined *determined, CsRowDifference *difference);
extern void cs_rowset_append_row(StringInfo buf, const CsRowSet *set, const CsRow *row);

#endif							/* CS_ROWSET_H */
