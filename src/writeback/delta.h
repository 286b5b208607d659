/*-------------------------------------------------------------------------
 *
 * delta.h
 *		Deltas: what a transaction has deferred for one key, and how deltas
 *		combine with each other and with the table's row.
 *
 * A delta is a value: it is independent of transactions, entries and journals.
 *
 * It has two encodings.  The flat one (in memory) contains datums of the types
 * that the columns had; a column whose type has changed since is converted
 * through text.  The portable one (journal, dead letters) contains everything
 * as text, with column names, and outlives dump and restore.
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
	Oid			type;			/* type of value */
	bool		isnull;
	Datum		value;			/* to add, to compare with, or to set */
	uint64		stamp;			/* of the transaction; 0 if not known yet */
	Oid			flat_type;		/* of the decoded value, with its length: the
								 * type may not exist any more */
	int16		flat_typlen;
	bool		flat_byval;
} CsColumnDelta;

/* A change of one key.  Its parts take effect in the order of the fields. */
typedef struct CsDelta
{
	bool		cancel;			/* everything deferred before is void */
	Bitmapset  *cancelled;		/* or only these columns of it: attribute
								 * numbers */
	bool		whole;			/* the columns are a whole row, to be inserted
								 * or updated */
	int			n;
	CsColumnDelta *columns;		/* ordered by attnum */
} CsDelta;

extern char *cs_delta_encode(const CsDelta *delta, Size *len);
extern void cs_delta_decode(const char *data, Size len, CsDelta *delta);
extern void cs_delta_fold(CsBinding *binding, CsDelta *acc, const CsDelta *later);
extern void cs_delta_stamp(CsDelta *delta, uint64 stamp);
extern bool cs_delta_is_empty(const CsDelta *delta);
extern Bitmapset *cs_delta_columns(const CsDelta *delta);

#endif							/* CS_DELTA_H */
