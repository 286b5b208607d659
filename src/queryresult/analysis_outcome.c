/*-------------------------------------------------------------------------
 *
 * analysis_outcome.c
 *		What an analysis of a query leaves behind: whether all that it does is
 *		allowed to the role, and what it depends on, in the form in which
 *		invalidations are compared with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "queryresult/analysis.h"

bool
cs_analysis_is_permitted(const CsAnalysis *analysis)
{
	ListCell   *lc;

	foreach(lc, analysis->queries)
		if (!cs_query_is_permitted(lfirst_node(Query, lc)))
		return false;
	foreach(lc, analysis->uses)
	{
		const CsUse *use = lfirst(lc);

		if (cs_proc_aclcheck(use->function, use->role, ACL_EXECUTE) != ACLCHECK_OK)
			return false;
	}
	return true;
}

int
cs_analysis_compare_oids(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

Oid *
cs_analysis_sorted(MemoryContext context, const List *list, int *n)
{
	Oid		   *result = MemoryContextAlloc(context, list_length(list) * sizeof(Oid) + 1);
	ListCell   *lc;

	*n = 0;
	foreach(lc, list)
		result[(*n)++] = lfirst_oid(lc);
	qsort(result, *n, sizeof(Oid), cs_analysis_compare_oids);
	return result;
}

uint32 *
cs_analysis_type_hashes(MemoryContext context, const List *types, int *n)
{
	uint32	   *result = cs_analysis_sorted(context, types, n);

	for (int i = 0; i < *n; i++)
		result[i] = GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(result[i]));
	qsort(result, *n, sizeof(uint32), cs_analysis_compare_oids);
	return result;
}
