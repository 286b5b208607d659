/*-------------------------------------------------------------------------
 *
 * delta.h
 *		Deltas: what a transaction has deferred for one key, and how deltas
 *		combine with each other and with the row that the table has.
 *
 * A delta is a value: it knows nothing of transactions, entries or journals.
 * It has two encodings.  The flat one (memory) holds datums of the types that
 * the columns had; a column whose type has changed since is converted through
 * text.  The portable one (journal, dead letters) holds everything as text,
 * with column names, and outlives dump and restore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DELTA_H
#define CS_DELTA_H

#include "lib/stringinfo.h"
#include "relation/binding.h"
#include "writeback/merge.h"
#include "utils/jsonb.h"

/* One column of a delta. */
typedef struct CsColumnDelta
{
	AttrNumber	attnum;
	CsRule		rule;			/* CS_RULE_REPLACE in a whole row */
	Oid			type;			/* of value */
	bool		isnull;
	Datum		value;			/* to add; to compare with; to set */
	uint64		stamp;			/* of the transaction; 0: not yet known */
	Oid			flat_type;		/* of the value that was decoded, and how long
								 * those are: the type may be gone */
	int16		flat_typlen;
	bool		flat_byval;
} CsColumnDelta;

/* A change of one key.  Its parts take effect in the order of the fields. */
typedef struct CsDelta
{
	bool		cancel;			/* what was deferred before is void */
	Bitmapset  *cancelled;		/* or so much of it: attribute numbers */
	bool		whole;			/* the columns are a whole row, which is there
								 * from now on: insert or update */
	int			n;
	CsColumnDelta *columns;		/* by attnum */
} CsDelta;

/* Flat encoding: one allocation; positions of datums are aligned. */
extern char *cs_delta_encode(const CsDelta *delta, Size *len);
extern void cs_delta_decode(const char *data, Size len, CsDelta *delta);
extern void cs_delta_fold(CsBinding *binding, CsDelta *acc, const CsDelta *later);
extern void cs_delta_stamp(CsDelta *delta, uint64 stamp);
extern bool cs_delta_is_empty(const CsDelta *delta);
extern Bitmapset *cs_delta_columns(const CsDelta *delta);

#endif							/* CS_DELTA_H */
