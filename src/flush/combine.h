/*-------------------------------------------------------------------------
 *
 * combine.h
 *		What the files that make up deltas know of each other: how two values
 *		of a column become one, and values of one type those of another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMBINE_H
#define CS_COMBINE_H

#include "flush/delta.h"

/* How a value is made fit for a column; looked up when first needed. */
typedef struct CsCast
{
	bool		known;
	Oid			type;			/* of the column, domains looked through */
	int32		typmod;
	bool		by_text;		/* its typmod is applied by the input function */
	FmgrInfo	length;			/* fn_oid is InvalidOid: there is no typmod */
} CsCast;

/* A column of a domain type. */
typedef struct CsDomain
{
	AttrNumber	attnum;
	Oid			type;
	bool		by_text;		/* domain_check() does not take its base type */
	void	   *state;			/* domain_check()'s */
} CsDomain;

/* All that deltas keep with a binding: the merge rules and what goes with them. */
typedef struct CsMergeState
{
	CsMerge		merge;			/* must be first */
	CsCast	   *casts;			/* one for each column of the table */
	bool		checks_known;	/* the rest: what rows are checked for */
	bool		is_partition;
	int			ndomains;
	CsDomain   *domains;
} CsMergeState;

extern CsMergeState *cs_merge_state(CsBinding *binding);

/*
 * Fill in what a rule needs for values of a type (not a domain); false if it
 * does not fit.
 */
extern bool cs_merge_resolve(CsMergeColumn *column, CsRule rule, Oid type);

/* The same for a change of a column, whatever has become of its rule or type. */
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

/*
 * value becomes what it is after the change.  It is a value, or a change by the
 * same rule; rule and stamp stay.
 */
extern void cs_combine(const CsMergeColumn *column, CsColumnDelta *value,
					   const CsColumnDelta *change);

extern Datum cs_combine_convert(Datum value, Oid from, Oid to);

/* The same through the type's text, which applies a typmod. */
extern Datum cs_combine_through_text(Datum value, Oid from, Oid to, int32 typmod);

/*
 * To and from text that means the same in every session.  An error in between
 * needs no cleaning up.
 */
extern char *cs_combine_to_text(Oid type, Datum value);
extern Datum cs_combine_from_text(Oid type, int32 typmod, char *text);

#endif							/* CS_COMBINE_H */
