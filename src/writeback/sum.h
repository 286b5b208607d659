/*-------------------------------------------------------------------------
 *
 * sum.h
 *		Sums and differences of values, of any type that can be added.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SUM_H
#define CS_SUM_H

#include "utils/numeric.h"

#include "writeback/delta.h"

/* What is added to a column of this type; InvalidOid: nothing can be. */
extern Oid	cs_sum_delta_type(Oid type);

/* Neither infinite nor NaN? */
extern bool cs_sum_is_finite(Oid type, Datum value);

/* So close to the ends of its type that changes may go beyond them together? */
extern bool cs_sum_is_near_end(Oid type, Datum value);

extern int64 cs_sum_to_integer(Numeric number, bool *overflow);

/*
 * acc becomes acc + change, which is of CS_RULE_ADD.  acc may also be a value,
 * that of a row or one that was set.  Does not fail.
 */
extern void cs_sum_fold(CsColumnDelta *acc, const CsColumnDelta *change);

/* A sum that cannot be added to a row: the text of its addends. */
extern bool cs_sum_is_unwieldy(const CsColumnDelta *change);

/*
 * What has to be added to get from one value of the column to the other.  False:
 * there is nothing that does so exactly, to the last digit that is shown.
 */
extern bool cs_sum_difference(const CsMergeColumn *column, Datum new, Datum old,
							  CsColumnDelta *change);

/* Does this change get from one value to the other, exactly? */
extern bool cs_sum_is_exact(const CsMergeColumn *column, Datum from,
							const CsColumnDelta *change, Datum to);

#endif							/* CS_SUM_H */
