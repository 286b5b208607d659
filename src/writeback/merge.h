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

/* A column that may be deferred, with what combining it takes. */
typedef struct CsMergeColumn
{
	AttrNumber	attnum;
	CsRule		rule;
	Oid			type;			/* of the column, domains looked through */
	int32		typmod;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Oid			collation;
	Oid			delta_type;		/* what CS_RULE_ADD adds: int8 for the
								 * integers, else the type itself; other
								 * rules: type */
	FmgrInfo	cmp;			/* CS_RULE_MAX, CS_RULE_MIN */
} CsMergeColumn;

typedef struct CsMerge
{
	int			n;
	CsMergeColumn *columns;		/* by attnum */
	Bitmapset  *attnums;		/* of all of them, as attribute numbers */
	bool		constrained;	/* a CHECK, or a domain, or a typmod, may
								 * refuse a value of one of them */
} CsMerge;

/*
 * The binding's merge rules, resolved when first needed.  Columns named in
 * cache.bindings.merge that the table does not have are left out.
 */
extern const CsMerge *cs_merge_get(CsBinding *binding);
extern const CsMergeColumn *cs_merge_column(const CsMerge *merge, AttrNumber attnum);
extern void cs_merge_check(Relation rel, Jsonb *merge);

#endif							/* CS_MERGE_H */
