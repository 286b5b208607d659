/*-------------------------------------------------------------------------
 *
 * plan_result.h
 *		The plan node CachedResult: planning.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAN_RESULT_H
#define CS_PLAN_RESULT_H

#include "nodes/extensible.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "queryresult/comment.h"
#include "queryresult/shape.h"

/* What a node knows of its statement; for its custom_private and back. */
typedef struct CsPlannedResult
{
	Query	   *query;			/* as it was rewritten */
	uint8		digest[CS_DIGEST_LENGTH];	/* cs_digest_query() */
	uint64		news;			/* cs_query_news() before it was planned */
	CsStatementTerms terms;
	bool		single;			/* one row at most */
	uint64		late;			/* number of a node that has no child; 0: it
								 * has one */
	List	   *conditions;		/* of CsOccurrence; of this plan.  Written by
								 * cs_conditions_write() in the node */
} CsPlannedResult;

typedef enum CsNodeKind
{
	CS_NODE_RESULT,
	CS_NODE_ALONE,				/* its shape was left alone when it was
								 * planned: the rest is not in the node */
	CS_NODE_CANDIDATE,			/* it reads a table that is not tracked: the
								 * same */
	CS_NODE_REFUSED				/* it is not eligible: only EXPLAIN has the
								 * node, which says why */
} CsNodeKind;

/* What can be read of a node at a glance. */
typedef struct CsPlannedShape
{
	uint64		jumble;
	uint64		values;			/* a hash of a candidate's constants */
	CsNodeKind	kind;
	bool		whole;			/* the child is a plan by itself */
} CsPlannedShape;

extern void cs_plan_result_shape(const CustomScan *scan, CsPlannedShape *shape);
extern void cs_plan_result_read(const CustomScan *scan, CsPlannedResult *planned);
extern const char *cs_plan_result_refusal(const CustomScan *scan);

extern PlannedStmt *cs_plan_result_after_all(CsPlannedResult *planned, const char *text,
											 ParamListInfo params);

/* What was found about a statement, for cache.explain_result(). */
typedef struct CsVerdict
{
	bool		eligible;		/* exactness can be shown */
	const char *reason;			/* why its result is not kept; NULL: it is */
	const char *hint;
	const CsShape *shape;		/* or NULL; good until the next planning */
	List	   *conditions;		/* "table (column = value)", of char * */
	CsStatementTerms terms;
} CsVerdict;

/* The next statement to be planned fills this in; NULL: none. */
extern CsVerdict *cs_plan_result_verdict;

extern void cs_plan_result_init(void);

#endif							/* CS_PLAN_RESULT_H */
