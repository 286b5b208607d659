/*-------------------------------------------------------------------------
 *
 * verdict.c
 *		Is the result of a statement kept, and if not, why?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tcop/tcopprot.h"

#include "queryresult/verdict.h"

/*
 * The types of its parameters are found out.
 */
Query *
cs_verdict_statement(const char *text)
{
	List	   *raw = pg_parse_query(text);
	List	   *queries;
	Oid		   *types = NULL;
	int			ntypes = 0;

	if (list_length(raw) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the text must be one statement"),
				 errdetail("It has %d statements.", list_length(raw))));
	queries = pg_analyze_and_rewrite_varparams(linitial_node(RawStmt, raw), text, &types,
											   &ntypes, NULL);
	return list_length(queries) == 1 ? linitial_node(Query, queries) : NULL;
}

void
cs_verdict_find(const char *text, CsVerdict *verdict)
{
	Query	   *query = cs_verdict_statement(text);

	if (query == NULL || query->commandType == CMD_UTILITY)
	{
		verdict->reason = "It is not a SELECT.";
		return;
	}
	/* unless something better is found */
	verdict->reason = "It is not planned as a statement of its own.";
	cs_plan_result_verdict = verdict;
	PG_TRY();
	{
		(void) pg_plan_query(query, text, 0, NULL);
	}
	PG_FINALLY();
	{
		cs_plan_result_verdict = NULL;
	}
	PG_END_TRY();
	if (verdict->shape != NULL && !verdict->shape->permitted)
	{
		verdict->shape = NULL;
		verdict->reason = "A privilege is missing.";
	}
}
