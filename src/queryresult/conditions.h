/*-------------------------------------------------------------------------
 *
 * conditions.h
 *		By which values a query reads its tables: the equality conditions of
 *		each place where it reads one, as the planner has found them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CONDITIONS_H
#define CS_CONDITIONS_H

#include "nodes/params.h"
#include "nodes/pathnodes.h"
#include "optimizer/planner.h"

#include "relation/values.h"

/* A longer list of values is not looked at. */
#define CS_MAX_VALUES	8

/* column = value, or column = ANY (value). */
typedef struct CsCondition
{
	AttrNumber	column;
	CsValueHash hash;			/* of the values */
	double		selectivity;
	bool		list;			/* values of an array */
	Oid			type;			/* of a value, like the next three */
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Node	   *value;			/* Const or external Param; or ArrayExpr of
								 * such */
} CsCondition;

/* A place where a query reads a table. */
typedef struct CsOccurrence
{
	Oid			relid;
	List	   *conditions;		/* of CsCondition, the most selective first;
								 * each holds for all rows that matter */
} CsOccurrence;

/* The query levels of a statement that is being planned; in this context. */
typedef struct CsLevels
{
	MemoryContext context;
	List	   *roots;			/* of PlannerInfo * */
	void		(*finish) (struct CsLevels *levels, PlannerInfo *top, RelOptInfo *final);
	void	   *arg;			/* of 'finish', which is called with the paths
								 * of the outermost level; NULL: no need */
} CsLevels;

/*
 * Plan a statement, and note its levels.  Statements that are planned on the
 * way do not count, nor what comes after 'finish'.  NULL: note none.
 */
extern PlannedStmt *cs_conditions_plan(CsLevels *levels, planner_hook_type planner,
									   Query *query, const char *text, int options,
									   ParamListInfo params);

/* Is a statement being planned whose levels are noted? */
extern bool cs_conditions_collecting(void);

/*
 * The occurrences of all levels, in the current memory context.  To be called
 * by 'finish': when the plan is completed, the positions of tables in what the
 * levels hold become those of the plan.
 */
extern List *cs_conditions_of_levels(const CsLevels *levels);

/*
 * Are there tables whose triggers may see values?  The caller has locks on
 * them.
 */
extern bool cs_conditions_matter(const Oid *tables, int n);

/*
 * Occurrences as nodes of a plan, and back; NIL if none of them has a
 * condition.
 */
extern List *cs_conditions_write(List *occurrences);
extern List *cs_conditions_read(List *nodes);

/*
 * A copy in which parameters are constants, without the conditions of which a
 * parameter has no value.
 */
extern List *cs_conditions_bind(List *occurrences, ParamListInfo params);

/* More tables, of which all rows matter. */
extern List *cs_conditions_add_whole(List *occurrences, const Oid *tables, int ntables);

/*
 * "column = value" for each table that can be watched by value, with its name;
 * of char *.
 */
extern List *cs_conditions_names(List *occurrences);

/*
 * Those of all levels of a rewritten query, which is planned for it, into this
 * context.
 */
extern List *cs_conditions_of_query(const Query *query, const char *text,
									MemoryContext context);

/*
 * The values, NULLs left out, for these parameters; how many, or -1: too many.
 * 'values' has room for CS_MAX_VALUES.
 */
extern int	cs_conditions_values(const CsCondition *condition, ParamListInfo params,
								 Datum *values);

extern char *cs_conditions_text(const CsCondition *condition, Datum value);

/* Without casts that change nothing but the type's name. */
extern Node *cs_conditions_unlabeled(Node *node);

extern void cs_conditions_init(void);

#endif							/* CS_CONDITIONS_H */
