/*-------------------------------------------------------------------------
 *
 * combine.h
 *		Definitions shared by the files that implement deltas: combining two
 *		values of a column, and converting values between types.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMBINE_H
#define CS_COMBINE_H

#include "utils/numeric.h"
#include "writeback/delta.h"

/* How a value is converted to a column's type; looked up when first needed. */
typedef struct CsCast
{
	bool		known;
	Oid			type;			/* base type of a domain */
	int32		typmod;
	bool		by_text;		/* the typmod is applied by the input function */
	FmgrInfo	length;			/* fn_oid is InvalidOid if there is no typmod */
} CsCast;

/* A column of a domain type. */
typedef struct CsDomain
{
	AttrNumber	attnum;
	Oid			type;
	bool		by_text;		/* domain_check() does not accept its base
								 * type */
	void	   *state;			/* state of domain_check() */
} CsDomain;

/* What deltas keep with a binding: the merge rules and related lookups. */
typedef struct CsMergeState
{
	CsMerge		merge;			/* must be first */
	CsCast	   *casts;			/* one for each column of the table */
	bool		checks_known;	/* the following are set */
	bool		is_partition;
	int			ndomains;
	CsDomain   *domains;
} CsMergeState;

extern CsMergeState *cs_merge_state(CsBinding *binding);
extern bool cs_merge_resolve(CsMergeColumn *column, CsRule rule, Oid type);
extern const CsMergeColumn *cs_merge_resolve_change(CsBinding *binding,
													const CsColumnDelta *change,
													CsMergeColumn *space);

/* The column, NULL if the table does not have it any more. */
static inline Form_pg_attribute
cs_merge_attribute(const CsBinding *binding, AttrNumber attnum)
{
	Form_pg_attribute att;

	if (attnum < 1 || attnum > binding->tupdesc->natts)
		return NULL;
	att = TupleDescAttr(binding->tupdesc, attnum - 1);
	return att->attisdropped ? NULL : att;
}

extern const char *cs_merge_rule_name(CsRule rule);
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
