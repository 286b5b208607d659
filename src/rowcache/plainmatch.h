/*-------------------------------------------------------------------------
 *
 * plainmatch.h
 *		Which conditions of a plain SELECT determine keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAINMATCH_H
#define CS_PLAINMATCH_H

#include "nodes/pathnodes.h"
#include "relation/binding.h"

/* The table and its key. */
typedef struct CsPlainTable
{
	PlannerInfo *root;
	RelOptInfo *rel;
	CsBinding  *binding;
	IndexOptInfo *index;		/* on the primary key */
	double		ratio;			/* of CPU times, to the index scan; 0: not yet
								 * known */
} CsPlainTable;

/* A condition on a column of the key. */
typedef struct CsPlainMatch
{
	RestrictInfo *clause;
	Expr	   *value;
	Oid			given;			/* as in CsPlainKey */
	bool		list;
	bool		commuted;		/* the column is on the right side */
} CsPlainMatch;

/* Conditions that determine keys. */
typedef struct CsPlainMatches
{
	bool		rows;			/* one key after the other; else a match for
								 * each column, of a value or a list */
	int			n;
	CsPlainMatch *match;
	List	   *clauses;		/* of the statement, that they are in */
	bool		exact;			/* these hold for each row that has such a key */
} CsPlainMatches;

extern bool cs_plainmatch_is_column(const CsPlainTable *table, Node *node, int column);
extern bool cs_plainmatch_clause(const CsPlainTable *table, int column,
								 RestrictInfo *clause, CsPlainMatch *match);
extern bool cs_plainmatch_key(const CsPlainTable *table, List *clauses,
							  CsPlainMatches *matches);

#endif							/* CS_PLAINMATCH_H */
