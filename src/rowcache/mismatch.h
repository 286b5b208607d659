/*-------------------------------------------------------------------------
 *
 * mismatch.h
 *		Does a cached row have the image of the table's row, and what to log if
 *		it has not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MISMATCH_H
#define CS_MISMATCH_H

#include "lib/stringinfo.h"

#include "relation/loader.h"
#include "rowcache/access.h"

/* Where the two differ. */
typedef enum CsDifference
{
	CS_SAME,
	CS_DIFFERS_EXISTENCE,		/* one has the row, the other has not */
	CS_DIFFERS_FORM,			/* the cached bytes are no row of the table */
	CS_DIFFERS_COLUMN
} CsDifference;

typedef struct CsMismatch
{
	CsDifference difference;
	int			column;			/* CS_DIFFERS_COLUMN: the first, from 0 */
} CsMismatch;

extern bool cs_mismatch_fits(TupleDesc tupdesc, HeapTupleHeader row, Size len, bool compressed);
extern bool cs_mismatch_is_formed(const CsBinding *binding, HeapTupleHeader row, Size len);
extern bool cs_mismatch_find(const CsBinding *binding, const CsAnswer *answer,
							 const CsLoaded *loaded, CsMismatch *mismatch);
extern void cs_mismatch_log(const CsAccess *access, const CsRowKey *rowkey,
							const CsAnswer *answer, const CsLoaded *loaded,
							const CsMismatch *mismatch);
extern void cs_mismatch_append_value(StringInfo buf, Oid type, Datum value, bool isnull);
extern void cs_mismatch_append_snapshot(StringInfo buf, Snapshot snapshot);

#endif							/* CS_MISMATCH_H */
