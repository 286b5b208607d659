/*-------------------------------------------------------------------------
 *
 * recompute.c
 *		Comparing a kept result that answers with what its statement returns.
 *
 * An entry of a result has hashes of the statement, the role and the settings,
 * so only a session that asks for the result can compute it.  Of the hits of a
 * session one in cache_strategies.audit_results is compared: the statement is
 * run as well, under the snapshot of the hit, as the role that asks, and with
 * its settings.
 *
 * That is done in a subtransaction.  If it fails the result answers, as it
 * would have without.
 *
 * Most changes of a table are not seen by the snapshot.  TRUNCATE and commands
 * that rewrite a table are, and so are changes of what the statement uses.  So
 * a difference only counts if the result would answer once more after that:
 * then its watches have stood all the while, and nothing of the kind has been
 * committed.
 *
 * A result that differs is removed, and what was computed answers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "queryresult/recompute.h"
#include "rowcache/mismatch.h"
#include "store/place.h"
#include "store/slot.h"
#include "store/stripe.h"
#include "store/watchword.h"
#include "testpoint.h"
#include "xact/attempt.h"

/* Of a statement, so many bytes are logged. */
#define MAX_TEXT	2048

typedef struct Attempt
{
	CsRecompute *recompute;
	bool		computed;
	bool		same;
	CsRowDifference difference;
	StringInfoData values;		/* for the log */
} Attempt;

bool
cs_recompute_chosen(void)
{
	return pg_prng_uint64_range(&pg_global_prng_state, 1, cs_audit_results) == 1;
}

/* ----- the log ----- */

/* What output functions may refuse to show, and catalogues not have. */
static void
append_values(void *arg)
{
	Attempt    *attempt = arg;
	CsRecompute *recompute = attempt->recompute;
	StringInfo	buf = &attempt->values;

	if (attempt->difference.kept != NULL || attempt->difference.computed != NULL)
	{
		appendStringInfoString(buf, ": kept ");
		cs_rowset_append_row(buf, &recompute->kept, attempt->difference.kept);
		appendStringInfoString(buf, ", computed ");
		cs_rowset_append_row(buf, &recompute->computed, attempt->difference.computed);
	}
	appendStringInfoString(buf, ". Depends on ");
	recompute->describe(recompute, buf);
	appendStringInfoChar(buf, '.');
}

/* A watch, with the words of the protocol as they are now. */
static void
append_watch(StringInfo buf, const CsWatch *watch)
{
	uint64		slot = cs_slot_read(watch->slot);
	uint64		changes = watch->place == 0 ? cs_slot_modcount(watch->slot) :
	cs_place_whole(watch->slot);

	appendStringInfo(buf, " Watch of table %u: slot %d, epoch " UINT64_FORMAT " (now " UINT64_FORMAT
					 "), version " UINT64_FORMAT " (now " UINT64_FORMAT ", writers " UINT64_FORMAT
					 "), newest xid " UINT64_FORMAT,
					 watch->relid, watch->slot, watch->epoch, cs_slot_epoch(slot),
					 watch->version, cs_stripe_version(changes), cs_stripe_writers(changes),
					 cs_track_last_xid(watch));
	if (watch->place != 0 && watch->word != CS_NO_WORD)
	{
		uint64		word = cs_watchword_read(watch->word);

		appendStringInfo(buf, ", column %d, word %u, version " UINT64_FORMAT " (now " UINT64_FORMAT
						 ", writers " UINT64_FORMAT ")",
						 cs_place_column(watch->place), watch->word, watch->word_version,
						 cs_stripe_version(word), cs_stripe_writers(word));
	}
	appendStringInfoChar(buf, '.');
}

/* What is known without running anything. */
static void
append_facts(StringInfo buf, const CsRecompute *recompute)
{
	CsKept		kept;

	appendStringInfo(buf, " Statement: \"%.*s\".",
					 pg_mbcliplen(recompute->text, strlen(recompute->text), MAX_TEXT),
					 recompute->text);
	appendStringInfo(buf, " Role: %s (OID %u). Rows: kept " INT64_FORMAT ", computed " INT64_FORMAT ".",
					 GetUserNameFromId(GetUserId(), true), GetUserId(),
					 recompute->kept.n, recompute->computed.n);
	appendStringInfo(buf, " Entry: hash %016llx, epoch " UINT64_FORMAT,
					 (unsigned long long) recompute->key->key.hash, recompute->space->epoch);
	if (cs_kept_find(recompute->key, recompute->space, &kept))
	{
		appendStringInfo(buf, ", %zu bytes, newest change " UINT64_FORMAT ", computed under "
						 UINT64_FORMAT ":",
						 kept.len, kept.depends.newest, kept.seen->xmax);
		for (uint32 i = 0; i < kept.seen->nxip; i++)
			appendStringInfo(buf, "%s%u", i > 0 ? "," : "", kept.seen->xip[i]);
		appendStringInfoChar(buf, '.');
		for (int i = 0; i < kept.depends.nwatches; i++)
			append_watch(buf, &kept.depends.watches[i]);
	}
	cs_mismatch_append_snapshot(buf, recompute->snapshot);
}

static void
log_mismatch(Attempt *attempt)
{
	StringInfoData facts;
	ErrorData  *error;

	initStringInfo(&attempt->values);
	initStringInfo(&facts);
	error = cs_attempt_run(append_values, attempt);
	if (error != NULL)
		appendStringInfo(&attempt->values, " (cannot be shown: %s).", error->message);
	append_facts(&facts, attempt->recompute);
	ereport(LOG_SERVER_ONLY,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a kept result is not what its statement returns"),
			 errdetail_internal("They differ in %s%s%s", attempt->difference.what,
								attempt->values.data, facts.data),
			 errhint("The entry is removed, and the statement has returned what was computed.  If the tables were changed by ordinary commands, this is a fault of cache_strategies: keep this message.")));
}

/* ----- comparing ----- */

/* Reads by key, too, are to come from the tables. */
static void
run_uncached(CsRecompute *recompute)
{
	bool		enabled = cs_enabled;

	PG_TRY();
	{
		cs_enabled = false;
		recompute->run(recompute);
	}
	PG_FINALLY();
	{
		cs_enabled = enabled;
	}
	PG_END_TRY();
}

static void
run_and_compare(void *arg)
{
	Attempt    *attempt = arg;
	CsRecompute *recompute = attempt->recompute;

	CS_TEST_POINT("result_compared");
	run_uncached(recompute);
	attempt->computed = true;
	attempt->difference.what = "the form";
	attempt->same = !recompute->malformed &&
		cs_rowset_same(&recompute->kept, &recompute->computed, recompute->determined,
					   &attempt->difference);
}

/*
 * Was the session told to end the statement?  At the end of statement_timeout
 * the result is there to answer.
 */
static bool
is_cancelled(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		(error->message_id == NULL ||
		 strcmp(error->message_id, "canceling statement due to statement timeout") != 0);
}

static CsOutcome
outcome_of(Attempt *attempt, ErrorData *error)
{
	if (error != NULL && is_cancelled(error))
		ReThrowError(error);
	if (error != NULL && !attempt->computed)
	{
		ereport(DEBUG1,
				(errcode(error->sqlerrcode),
				 errmsg_internal("could not compare a kept result: %s", error->message)));
		return CS_OUTCOME_RESULT_FAILED;
	}
	if (attempt->same)
		return CS_OUTCOME_RESULT_VERIFIED;
	return attempt->recompute->stands(attempt->recompute) ? CS_OUTCOME_RESULT_MISMATCHED :
		CS_OUTCOME_RESULT_CHANGED;
}

/*
 * Run the statement and compare.  Returns false if the result is not what it
 * returns: then 'computed' is the answer.
 */
bool
cs_recompute_is_right(CsRecompute *recompute)
{
	Attempt		attempt = {.recompute = recompute};
	ErrorData  *error = cs_attempt_run(run_and_compare, &attempt);
	CsOutcome	outcome = outcome_of(&attempt, error);

	cs_verified_note(outcome);
	if (outcome != CS_OUTCOME_RESULT_MISMATCHED)
		return true;
	log_mismatch(&attempt);
	(void) cs_store_unlink(recompute->key->key.owner, recompute->key->key.hash);
	return false;
}
