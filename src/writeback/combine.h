/*-------------------------------------------------------------------------
 *
 * combine.h
 *		Combining two values of a column, and converting values between types.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMBINE_H
#define CS_COMBINE_H

#include "writeback/delta.h"

extern void cs_combine(const CsBinding *binding, const CsMergeColumn *column,
					   CsColumnDelta *value, const CsColumnDelta *change);
extern void cs_combine_fold(const CsBinding *binding, const CsMergeColumn *column,
							CsColumnDelta *value, const CsColumnDelta *change);

/* conversion of types; code of a type's owner runs as the table's owner */

extern Datum cs_combine_convert(const CsBinding *binding, Datum value, Oid from, Oid to);
extern Datum cs_combine_through_text(const CsBinding *binding, Datum value, Oid from,
									 Oid to, int32 typmod);
extern Datum cs_combine_length(const CsBinding *binding, FmgrInfo *function, Datum value,
							   int32 typmod);

extern char *cs_combine_to_text(const CsBinding *binding, Oid type, Datum value);
extern Datum cs_combine_from_text(const CsBinding *binding, Oid type, int32 typmod,
								  char *text);
extern bool cs_combine_type_exists(Oid type);
extern bool cs_combine_holds_rows(Oid type);

#endif							/* CS_COMBINE_H */
