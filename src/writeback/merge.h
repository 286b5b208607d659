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

extern const CsMerge *cs_merge_get(CsBinding *binding);
extern const CsMergeColumn *cs_merge_column(const CsMerge *merge, AttrNumber attnum);
extern void cs_merge_check(Relation rel, Jsonb *merge);

#endif							/* CS_MERGE_H */
