/*-------------------------------------------------------------------------
 *
 * recompute_query.h
 *		Comparing a result of cache.remember() with what the query returns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RECOMPUTE_QUERY_H
#define CS_RECOMPUTE_QUERY_H

#include "queryresult/query.h"
#include "queryresult/result.h"

/* A call that has found a result. */
typedef struct CsAnswered
{
	const CsQuery *query;
	const Datum *values;		/* of the parameters */
	const bool *nulls;
	Snapshot	snapshot;
	const CsKvKey *key;
	const CsSpace *space;
} CsAnswered;

extern void cs_recompute_query(const CsAnswered *answered, const CsOutput *output, CsKept *kept);

#endif							/* CS_RECOMPUTE_QUERY_H */
