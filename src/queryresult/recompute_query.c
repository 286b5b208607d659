/*-------------------------------------------------------------------------
 *
 * recompute_query.c
 *		Comparing a result of cache.remember() with what the query returns.
 *
 * The columns of the result are not those of the query's ORDER BY, so rows are
 * compared in any order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "queryresult/recompute.h"
#include "queryresult/recompute_query.h"
#include "xact/snapshot.h"

typedef struct Run
{
	const CsAnswered *answered;
	const CsKept *kept;
	CsOutput	output;
} Run;

static void
run_query(CsRecompute *recompute)
{
	Run		   *run = recompute->arg;
	const CsAnswered *answered = run->answered;
	CsOutput   *output = &run->output;

	cs_result_output_begin(output, answered->query->asked.rowtype);
	if (OidIsValid(output->rowtype))
		output->rows = tuplestore_begin_heap(false, false, work_mem);
	cs_query_execute(answered->query, answered->values, answered->nulls, answered->snapshot,
					 cs_result_output_receiver(output));
	cs_result_output_end(output);
	/* its file would belong to the subtransaction */
	if (output->rows != NULL)
		tuplestore_end(output->rows);
	if (output->data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the result is too large to be kept")));
	(void) cs_result_output_rows(output, output->data, output->len, &recompute->computed);
}

static bool
would_answer(CsRecompute *recompute)
{
	const Run  *run = recompute->arg;
	const CsAnswered *answered = run->answered;
	const CsQuery *query = answered->query;
	CsKept		again;

	return cs_query_stands(query) && cs_kept_find(answered->key, answered->space, &again) &&
		again.len == run->kept->len && memcmp(again.data, run->kept->data, again.len) == 0 &&
		cs_depends_stand(&again.depends, query->tables, query->ntables) &&
		cs_snapshot_sees_up_to(answered->snapshot, again.seen, again.depends.newest);
}

static void
describe(CsRecompute *recompute, StringInfo buf)
{
	const CsAnswered *answered = ((Run *) recompute->arg)->answered;
	const CsQuery *query = answered->query;
	CsDependence *words;
	Oid			relid;
	int			n;

	if (cs_depends_describe(query->tables, query->ntables, query->occurrences,
							cs_query_params(query, answered->values, answered->nulls),
							answered->snapshot, &relid, &words, &n) != CS_TRACKING_YES)
		return;
	for (int i = 0; i < n; i++)
	{
		appendStringInfo(buf, "%s%s", i > 0 ? ", " : "", get_rel_name(words[i].relid));
		if (words[i].column != 0)
			appendStringInfo(buf, " (%s = %s)", get_attname(words[i].relid, words[i].column, false),
							 words[i].value != NULL ? words[i].value : "NULL");
	}
}

/* Why it cannot be compared; CS_OUTCOME_RESULT_VERIFIED: it can be. */
static CsOutcome
why_not(const CsQuery *query, const CsOutput *output, CsDetermined *determined)
{
	if (query->timely)
		return CS_OUTCOME_RESULT_AGED;
	if (!cs_query_stands(query))
		return CS_OUTCOME_RESULT_CHANGED;
	/* of what functions read nothing is known; LIMIT would need the order */
	if (query->opaque || !cs_determined_query(linitial_node(Query, query->trees), determined) ||
		determined->first_open || determined->last_open)
		return CS_OUTCOME_RESULT_OPEN;
	determined->order = NIL;
	return !OidIsValid(output->rowtype) || cs_determined_columns(output->tupdesc) ?
		CS_OUTCOME_RESULT_VERIFIED : CS_OUTCOME_RESULT_FORMLESS;
}

/*
 * Compare a result with what the query returns.  If it is not the same, that
 * takes its place in '*kept'.
 */
void
cs_recompute_query(const CsAnswered *answered, const CsOutput *output, CsKept *kept)
{
	Run			run = {.answered = answered,.kept = kept};
	CsDetermined determined;
	CsOutcome	outcome = why_not(answered->query, output, &determined);
	CsRecompute recompute = {.text = answered->query->text,.key = answered->key,
		.space = answered->space,.snapshot = answered->snapshot,.determined = &determined,
		.run = run_query,.stands = would_answer,.describe = describe,.arg = &run
	};

	if (outcome != CS_OUTCOME_RESULT_VERIFIED)
	{
		cs_verified_note(outcome);
		return;
	}
	recompute.malformed = !cs_result_output_rows(output, kept->data, kept->len,
												 &recompute.kept);
	if (cs_recompute_is_right(&recompute))
		return;
	kept->data = run.output.data;
	kept->len = run.output.len;
}
