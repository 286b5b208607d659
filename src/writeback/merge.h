/*-------------------------------------------------------------------------
 *
 * merge.h
 *		Merge rules: how concurrent changes of a column combine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGE_H
#define CS_MERGE_H

#include "utils/jsonb.h"

#include "relation/binding.h"

/* How concurrent changes of a column combine. */
typedef enum CsRule
{
	CS_RULE_ADD,
	CS_RULE_MAX,
	CS_RULE_MIN,
	CS_RULE_REPLACE
} CsRule;

/* A column that can be deferred, with what combining requires. */
typedef struct CsMergeColumn
{
	AttrNumber	attnum;
	CsRule		rule;
	Oid			type;			/* base type of a domain */
	int32		typmod;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Oid			collation;
	Oid			delta_type;		/* type of CS_RULE_ADD deltas: int8 for
								 * integers, else the type itself; 'type' for
								 * other rules */
	FmgrInfo	cmp;			/* for CS_RULE_MAX and CS_RULE_MIN */
} CsMergeColumn;

typedef struct CsMerge
{
	int			n;
	CsMergeColumn *columns;		/* ordered by attnum */
	Bitmapset  *attnums;		/* of all columns, as attribute numbers */
	bool		constrained;	/* a CHECK, domain or typmod may refuse a
								 * value of one of them */
} CsMerge;

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

struct CsColumnDelta;

extern const CsMerge *cs_merge_get(CsBinding *binding);
extern const CsMergeColumn *cs_merge_column(const CsMerge *merge, AttrNumber attnum);
extern void cs_merge_check(Relation rel, Jsonb *merge);
extern CsMergeState *cs_merge_state(CsBinding *binding);
extern bool cs_merge_resolve(CsMergeColumn *column, CsRule rule, Oid type);
extern const CsMergeColumn *cs_merge_resolve_change(CsBinding *binding,
													const struct CsColumnDelta *change,
													CsMergeColumn *space);
extern const char *cs_merge_rule_name(CsRule rule);

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

#endif							/* CS_MERGE_H */
