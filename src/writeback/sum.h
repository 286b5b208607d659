/*-------------------------------------------------------------------------
 *
 * sum.h
 *		Sums and differences of values, for all types that can be added.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SUM_H
#define CS_SUM_H

#include "utils/numeric.h"

#include "writeback/delta.h"

extern Oid	cs_sum_delta_type(Oid type);
extern bool cs_sum_is_finite(Oid type, Datum value);
extern bool cs_sum_is_near_end(Oid type, Datum value);
extern int64 cs_sum_to_integer(Numeric number, bool *overflow);
extern void cs_sum_fold(CsColumnDelta *acc, const CsColumnDelta *change);
extern bool cs_sum_is_unwieldy(const CsColumnDelta *change);
extern bool cs_sum_difference(const CsMergeColumn *column, Datum new, Datum old,
							  CsColumnDelta *change);
extern bool cs_sum_is_exact(const CsMergeColumn *column, Datum from,
							const CsColumnDelta *change, Datum to);

#endif							/* CS_SUM_H */
