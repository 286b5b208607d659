/*-------------------------------------------------------------------------
 *
 * plan_result.h
 *		The plan node CachedResult: planning.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAN_RESULT_H
#define CS_PLAN_RESULT_H

#include "common/sha2.h"
#include "nodes/extensible.h"
#include "nodes/parsenodes.h"

#include "queryresult/comment.h"
#include "queryresult/shape.h"

/* What a node knows of its statement; for its custom_private and back. */
typedef struct CsPlannedResult
{
	Query	   *query;			/* as it was rewritten */
	uint8		digest[PG_SHA256_DIGEST_LENGTH];	/* cs_shape_digest() */
	uint64		news;			/* cs_query_news() before it was planned */
	CsStatementTerms terms;
	bool		single;			/* one row at most */
	List	   *conditions;		/* of CsOccurrence; of this plan.  Written by
								 * cs_conditions_write() in the node */
} CsPlannedResult;

extern void cs_plan_result_read(const CustomScan *scan, CsPlannedResult *planned);

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
