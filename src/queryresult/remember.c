/*-------------------------------------------------------------------------
 *
 * remember.c
 *		Results of queries, kept until a table changes from which they were
 *		computed.
 *
 * The protocol, with S for the caller's snapshot and F for a fresh one:
 *
 *		token	watch every table, and read the versions of the tags; then W,
 *				the
 *				newest xid that has changed any of the tables
 *		miss	token, then F, then compute under F.  The result answers the
 *				call if
 *				S shows the tables as F does: if S sees whatever F sees; or if
 *				S sees all of that up to W, and the watches still stood when F
 *				had been taken.  Otherwise compute under S, and keep nothing
 *		keep	under the partition lock: the watches stand, and no prepared
 *				transaction can be involved
 *		hit		the watches stand, the tags hold, and S sees whatever F saw, up
 *				to W
 *
 * Why a hit is exact: suppose that a transaction has changed one of the tables
 * and is seen by only one of S and F.  If S sees it, it marked the table
 * before S was taken.  If F sees it, either it is not newer than W, and then S
 * would see it, or it marked the table after the token.  In each case the
 * watch has fallen.
 *
 * The role, its privileges, and the meaning of the query are in the key
 * (query.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "guc.h"
#include "kv/kv.h"
#include "kv/tag.h"
#include "queryresult/recompute.h"
#include "queryresult/recompute_query.h"
#include "queryresult/remember.h"
#include "relation/binding.h"
#include "relation/track.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/flight.h"
#include "store/latency.h"
#include "store/slot.h"
#include "store/trace.h"
#include "testpoint.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

/* State of a call. */
typedef struct Call
{
	CsQuery    *query;
	const CsTerms *terms;
	CsOutput   *output;
	Datum	   *values;			/* of the parameters */
	bool	   *nulls;
	Snapshot	snapshot;		/* S */
	CsSpace		space;
	CsKvKey		key;			/* of the entry */
	int64		began;			/* 0: not timed */
	CsCount		miss;			/* why no result was found, for the counters;
								 * CS_N_COUNTS: none was looked for, or could
								 * be used */
} Call;

/* ----- running the query ----- */

static void
trace(const Call *call, const char *outcome, const char *reason, int64 nanos)
{
	CsTraced	traced = {0};

	traced.strategy = "remember";
	traced.object = call->space.own ? "(private)" : call->space.name;
	traced.key = text_to_cstring(call->terms->key);
	traced.operation = "remember";
	traced.outcome = outcome;
	traced.reason = reason;
	traced.nanos = nanos;
	cs_trace_emit(&traced);
}

static const char *
miss_text(CsCount miss)
{
	switch (miss)
	{
		case CS_COUNT_MISS_COLD:
			return "not in the cache";
		case CS_COUNT_MISS_EXPIRED:
			return "the result has expired";
		case CS_COUNT_MISS_FALLEN:
			return "a table has changed";
		case CS_COUNT_MISS_TAG:
			return "a tag was invalidated";
		case CS_COUNT_MISS_ANEW:
			return "the result is computed anew";
		default:
			return "no result could be used";
	}
}

static void
count_run(const Call *call, int64 nanos)
{
	if (cs_trace_wants(1))
		trace(call, call->miss == CS_N_COUNTS ? "bypass" : "miss", miss_text(call->miss), nanos);
	cs_counters_add(call->space.slot, CS_COUNT_LOAD, 1);
	cs_counters_add(call->space.slot, CS_COUNT_LOAD_TIME, nanos);
	cs_latency_add(CS_LATENCY_RESULT_LOAD, nanos);
	if (cs_latency_is_slow(nanos))
		ereport(LOG,
				(errmsg("computing a remembered result took %.3f ms", (double) nanos / 1000000),
				 errdetail("The query is \"%s\".", call->query->text),
				 errhidestmt(true), errhidecontext(true)));
}

static void
run(Call *call, Snapshot snapshot)
{
	int64		began = cs_clock_nanos();

	cs_query_execute(call->query, call->values, call->nulls, snapshot,
					 cs_result_output_receiver(call->output));
	cs_result_output_end(call->output);
	count_run(call, cs_clock_nanos() - began);
}

/* Run the query without searching for a result or keeping one. */
static void
run_plainly(Call *call)
{
	call->miss = CS_N_COUNTS;
	cs_counters_add(call->space.slot, CS_COUNT_BYPASS_RESULT, 1);
	run(call, call->snapshot);
}

/* ----- conditions for using results ----- */

/*
 * Whether this transaction may have changed one of the tables.
 */
static bool
is_own(const CsQuery *query)
{
	return OidIsValid(cs_track_own(query->tables, query->ntables));
}

/* Whether opaque functions may find temporary tables of this session. */
static bool
is_shadowed(const CsQuery *query)
{
	Oid			schema;
	Oid			toast;

	if (!query->opaque)
		return false;
	GetTempNamespaceState(&schema, &toast);
	return OidIsValid(schema);
}

/*
 * Whether the query sees deferred writes, with which results do not fall.
 */
static bool
sees_deferred(const CsQuery *query)
{
	return cs_merge_deferred && cs_binding_deferring(query->tables, query->ntables) != NULL;
}

/*
 * Whether results can be neither used nor kept in this call.
 */
static bool
is_bypassed(const Call *call)
{
	return !cs_enabled || IsolationIsSerializable() || RecoveryInProgress() ||
		call->snapshot->snapshot_type != SNAPSHOT_MVCC ||
		call->snapshot->takenDuringRecovery ||
		call->query->secured || !call->query->permitted ||
		call->space.slot < 0 || is_shadowed(call->query) || is_own(call->query) ||
		sees_deferred(call->query);
}

/* ----- hits ----- */

typedef enum Finding
{
	FOUND_NOTHING,
	FOUND_OTHER,				/* a valid result, but not for S */
	FOUND_DUE,					/* usable, but one session should compute it
								 * anew */
	FOUND
} Finding;

/* Whether all watches stand and belong to the query as it is now. */
static bool
watches_stand(const CsQuery *query, const CsKept *kept)
{
	return cs_depends_stand(&kept->depends, query->tables, query->ntables);
}

static bool
is_visible(const Call *call, const CsSeen *seen, uint64 newest)
{
	return cs_snapshot_sees_up_to(call->snapshot, seen, newest);
}

/*
 * Whether to compute before the result is due.  The probability increases
 * towards that time and with the cost, so that of many callers one, on
 * average, computes in time.
 */
static bool
is_early(const Call *call, const CsKept *kept, int64 left)
{
	double		lead;

	if (call->terms->beta <= 0)
		return false;
	lead = -kept->cost * call->terms->beta *
		log(1.0 - pg_prng_double(&pg_global_prng_state));
	return lead >= left;
}

/*
 * Whether the result is to be computed anew.
 */
static bool
is_due(const Call *call, const CsKept *kept)
{
	int64		left;

	if (kept->due == 0)
		return false;
	left = kept->due - cs_clock_now();
	return left <= 0 || is_early(call, kept, left);
}

/*
 * Search for a result.
 */
static Finding
find(Call *call, CsKept *kept)
{
	if (!cs_kept_find(&call->key, &call->space, kept))
	{
		call->miss = kept->expired ? CS_COUNT_MISS_EXPIRED : CS_COUNT_MISS_COLD;
		return FOUND_NOTHING;
	}
	call->miss = CS_COUNT_MISS_FALLEN;
	if (!watches_stand(call->query, kept))
		return FOUND_NOTHING;
	call->miss = CS_COUNT_MISS_TAG;
	if (!cs_tag_all_hold(&call->space, kept->tags, kept->ntags))
		return FOUND_NOTHING;
	call->miss = CS_COUNT_MISS_ANEW;
	if (!is_visible(call, kept->seen, kept->depends.newest))
		return FOUND_OTHER;
	return is_due(call, kept) ? FOUND_DUE : FOUND;
}

/*
 * Answer the call with a kept result.
 */
static void
answer(Call *call, CsKept *kept)
{
	if (cs_recompute_wants())
	{
		const CsAnswered answered = {call->query, call->values, call->nulls, call->snapshot,
		&call->key, &call->space};

		cs_recompute_query(&answered, call->output, kept);
	}
	cs_kept_sample_hit(&call->key, &call->space, kept->len, kept->expires);
	cs_counters_add(call->space.slot, CS_COUNT_HIT, 1);
	for (int i = 0; i < kept->depends.nwatches; i++)
		cs_track_use(&kept->depends.watches[i]);
	cs_result_output_replay(call->output, kept);
	if (unlikely(call->began != 0))
	{
		int64		nanos = cs_clock_nanos() - call->began;

		cs_latency_add(CS_LATENCY_RESULT_HIT, nanos);
		if (cs_trace_wants(CS_LATENCY_EVERY))
			trace(call, "hit", NULL, nanos);
	}
}

/* ----- computing ----- */

static void
untracked_error(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *qualified;

	if (name == NULL || schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	qualified = quote_qualified_identifier(schema, name);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the result of this query cannot be remembered"),
			 errdetail("It reads table %s, whose changes are not tracked.", qualified),
			 errhint("Its owner can use cache.track('%s').", qualified)));
}

/*
 * Watch all tables.  Returns false if a change is in progress, so that a
 * result could not be kept now.  Throws if changes of a table are not tracked.
 */
static bool
watch_tables(const Call *call, CsDepends *depends)
{
	const CsQuery *query = call->query;
	Oid			relid;
	CsTracking	tracking = cs_depends_take(depends, query->tables, query->ntables,
										   query->occurrences,
										   cs_query_params(query, call->values, call->nulls),
										   call->snapshot, &relid);

	if (tracking == CS_TRACKING_UNTRACKED)
		untracked_error(relid);
	return tracking == CS_TRACKING_YES;
}

/*
 * Get the versions of the tags.  The user's key is also a tag, for
 * cs_remember_forget().
 */
static bool
get_tags(const Call *call, CsKvTag *tags)
{
	const CsTerms *terms = call->terms;

	if (!cs_tag_try(&call->space, CS_KV_NAME, VARDATA_ANY(terms->key),
					VARSIZE_ANY_EXHDR(terms->key), &tags[0]))
		return false;
	for (int i = 0; i < terms->ntags; i++)
		if (!cs_tag_try(&call->space, CS_KV_TAG, VARDATA_ANY(terms->tags[i]),
						VARSIZE_ANY_EXHDR(terms->tags[i]), &tags[i + 1]))
			return false;
	return true;
}

/*
 * Take the token.  Returns false if the result could not be kept, or not now.
 * The token precedes F, and nothing in it may be looked up again later.
 */
static bool
take_token(Call *call, CsKept *kept)
{
	cs_snapshot_boot();
	if (IsInParallelMode() || cs_snapshot_boot_xid() == 0 ||
		!cs_space_may(call->terms->space, CS_SPACE_WRITE))
		return false;
	kept->ntags = call->terms->ntags + 1;
	kept->tags = palloc(kept->ntags * sizeof(CsKvTag));
	if (!watch_tables(call, &kept->depends) || !get_tags(call, kept->tags))
		return false;
	/* watching and reading catalogues may have processed invalidations */
	return cs_query_stands(call->query);
}

/* Take F, which must be newer than the token. */
static Snapshot
fresh_snapshot(const Call *call)
{
	return RegisterSnapshot(GetLatestSnapshot());
}

typedef struct KeepCheck
{
	const Call *call;
	const CsKept *kept;
	Snapshot	fresh;
} KeepCheck;

/* Whether the result may be kept.  Called under the partition lock. */
static bool
may_keep(void *arg)
{
	const KeepCheck *check = arg;
	const CsQuery *query = check->call->query;

	return cs_depends_may_keep(&check->kept->depends, query->tables, query->ntables,
							   check->fresh) &&
		cs_slot_epoch(cs_slot_peek(check->call->space.slot)) == check->call->space.epoch;
}

/*
 * Time to live of the result, in microseconds.
 */
static int64
lifetime(const Call *call)
{
	return call->terms->has_ttl ? call->terms->ttl : call->space.ttl;
}

/*
 * Keep the result in the store, if it is allowed.
 */
static void
keep(Call *call, CsKept *kept, Snapshot fresh)
{
	KeepCheck	check = {call, kept, fresh};
	TimestampTz expires = 0;
	CsInstall	installed = CS_INSTALL_TOO_LARGE;
	int64		ttl = lifetime(call);
	int64		grace = call->terms->grace;

	/* functions that the query called may have changed anything */
	if (is_own(call->query) || !cs_query_stands(call->query))
		return;
	if (call->output->data != NULL)
	{
		kept->data = call->output->data;
		kept->len = call->output->len;
		kept->due = cs_clock_after(ttl);
		if (kept->due != 0)
			expires = cs_clock_after(ttl > PG_INT64_MAX - grace ? PG_INT64_MAX : ttl + grace);
		CS_TEST_POINT("remember_before_install");
		installed = cs_kept_install(&call->key, &call->space, kept, expires, may_keep, &check);
	}
	else
		cs_kept_count(&call->space, installed);
	call->query->oversized = installed == CS_INSTALL_TOO_LARGE;
	call->query->outrun = installed == CS_INSTALL_REFUSED ? call->query->outrun + 1 : 0;
}

/*
 * Whether S shows the tables as F does.  A change that F sees and that is
 * newer than the token was marked before F was taken.
 */
static bool
shows_the_same(const Call *call, const CsKept *kept)
{
	if (cs_snapshot_sees_all(call->snapshot, kept->seen))
		return true;
	pg_memory_barrier();
	return watches_stand(call->query, kept) &&
		cs_snapshot_sees_up_to(call->snapshot, kept->seen, kept->depends.newest);
}

/* Compute the result, after the token was taken, and keep it. */
static void
compute_and_keep(Call *call, CsKept *kept)
{
	Snapshot	fresh;
	instr_time	begin;
	instr_time	end;

	CS_TEST_POINT("remember_token");
	fresh = fresh_snapshot(call);
	CS_TEST_POINT("remember_snapshot");
	kept->seen = cs_snapshot_seen(fresh);
	if (shows_the_same(call, kept))
	{
		INSTR_TIME_SET_CURRENT(begin);
		run(call, fresh);
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_SUBTRACT(end, begin);
		kept->cost = (int64) INSTR_TIME_GET_MICROSEC(end);
		keep(call, kept, fresh);
	}
	else
		run(call, call->snapshot);
	UnregisterSnapshot(fresh);
}

/*
 * Answer a call for which there is no result.
 */
static void
compute(Call *call)
{
	CsKept		kept = {0};

	cs_kept_sample_miss(&call->key, call->miss == CS_COUNT_MISS_FALLEN ||
						call->miss == CS_COUNT_MISS_TAG);
	cs_counters_add(call->space.slot, call->miss, 1);
	if (cs_query_lock(call->query) && take_token(call, &kept))
		compute_and_keep(call, &kept);
	else
		run(call, call->snapshot);
}

/* ----- single flight ----- */

/*
 * Number of flights of the same key whose result was not kept, after which a
 * caller computes by itself.
 */
#define MAX_FLIGHTS		2

/*
 * Error cleanup of the flight's leader.
 */
static void
land(int code, Datum arg)
{
	cs_flight_land(true);
}

/*
 * Whether another session has computed a result since the old one was found.
 */
static bool
is_newer(Finding finding, const CsKept *kept, const CsKept *old)
{
	return (finding == FOUND || finding == FOUND_DUE) &&
		(old == NULL || kept->due != old->due);
}

/* Compute as the flight's leader, unless another session has just done so. */
static void
lead(Call *call, const CsKept *old)
{
	CsKept		kept;

	PG_ENSURE_ERROR_CLEANUP(land, (Datum) 0);
	{
		CS_TEST_POINT("remember_lead");
		if (is_newer(find(call, &kept), &kept, old))
			answer(call, &kept);
		else
			compute(call);
	}
	PG_END_ENSURE_ERROR_CLEANUP(land, (Datum) 0);
	cs_flight_land(false);
}

static CsFlight
start_flight(const Call *call)
{
	return cs_flight_start(call->key.key.hash);
}

/*
 * Wait for the flight's leader, and search again.  If the leader waits for a
 * lock, it may wait for one that this session holds; otherwise this session
 * waits for the same lock before it computes.
 */
static Finding
follow(Call *call, CsKept *kept, CsLanding *landing)
{
	int64		began = cs_clock_nanos();

	cs_counters_add(call->space.slot, CS_COUNT_WAIT, 1);
	*landing = cs_flight_wait(-1);
	cs_counters_add(call->space.slot, CS_COUNT_WAIT_TIME, cs_clock_nanos() - began);
	if (*landing == CS_LANDING_LATE)
		(void) cs_query_lock(call->query);
	return find(call, kept);
}

/* Whether a result is likely to be kept. */
static bool
is_worth_waiting(const CsQuery *query)
{
	return !query->oversized && query->outrun < MAX_FLIGHTS;
}

/*
 * Compute the result, or wait for another session to do so.  Returns false if
 * there is a result now, but not for S.
 */
static bool
compute_once(Call *call)
{
	int			nflights = 0;

	while (nflights < MAX_FLIGHTS && is_worth_waiting(call->query))
	{
		CsFlight	flight = start_flight(call);
		CsLanding	landing;
		Finding		finding;
		CsKept		kept;

		if (flight == CS_FLIGHT_LEAD)
		{
			lead(call, NULL);
			return true;
		}
		if (flight == CS_FLIGHT_ALONE)
			break;
		finding = follow(call, &kept, &landing);
		if (finding == FOUND_OTHER)
			return false;
		if (finding != FOUND_NOTHING)
		{
			answer(call, &kept);
			return true;
		}
		if (landing == CS_LANDING_LATE)
			break;
		if (landing == CS_LANDING_DONE)
			nflights++;
	}
	compute(call);
	return true;
}

/*
 * Whether a result could be kept now.  Otherwise waiting for it is pointless.
 */
static bool
could_be_kept(Call *call)
{
	CsKept		kept = {0};

	return take_token(call, &kept);
}

/*
 * Answer with a result that is due, or compute it anew if no other session
 * does.
 */
static void
compute_anew(Call *call, CsKept *kept)
{
	if (could_be_kept(call) && start_flight(call) == CS_FLIGHT_LEAD)
		lead(call, kept);
	else
		answer(call, kept);
}

/*
 * Answer the call, if results may be used.
 */
static void
find_or_compute(Call *call)
{
	CsKept		kept;

	switch (find(call, &kept))
	{
		case FOUND:
			call->query->outrun = 0;
			answer(call, &kept);
			return;
		case FOUND_DUE:
			compute_anew(call, &kept);
			return;
		case FOUND_NOTHING:
			if (could_be_kept(call) && compute_once(call))
				return;
			break;
		case FOUND_OTHER:
			break;
	}
	run_plainly(call);
}

/* ----- entry points ----- */

/*
 * Key of the entry.
 */
static void
make_key(Call *call)
{
	const text *key = call->terms->key;
	uint32		len = VARSIZE_ANY_EXHDR(key);
	StringInfoData fingerprint;

	initStringInfo(&fingerprint);
	cs_query_fingerprint(call->query, call->values, call->nulls, &fingerprint);
	appendBinaryStringInfo(&fingerprint, (const char *) &len, sizeof(len));
	appendBinaryStringInfo(&fingerprint, VARDATA_ANY(key), len);
	if (fingerprint.len > CS_LONGEST_FINGERPRINT)
		cs_query_shorten(&fingerprint);
	cs_kv_key(&call->key, &call->space, CS_KV_RESULT, fingerprint.data, fingerprint.len);
}

/*
 * Bind the parameters, look up the space, and answer the call.
 */
static void
call_query(Call *call, ArrayType *params)
{
	call->values = palloc(call->query->nparams * sizeof(Datum) + 1);
	call->nulls = palloc(call->query->nparams * sizeof(bool) + 1);
	cs_query_bind(call->query, params, call->values, call->nulls);
	call->space = *cs_space_get_with_slot(call->terms->space);
	call->snapshot = RegisterSnapshot(ActiveSnapshotSet() ? GetActiveSnapshot() :
									  GetTransactionSnapshot());
	if (is_bypassed(call))
		run_plainly(call);
	else
	{
		make_key(call);
		find_or_compute(call);
	}
	UnregisterSnapshot(call->snapshot);
}

/*
 * Produce the query's result into 'output', from the store or by computing it.
 */
void
cs_remember(const CsAsked *asked, ArrayType *params, const CsTerms *terms,
			CsOutput *output)
{
	Call		call = {.terms = terms,.output = output,.began = cs_latency_begin()};

	call.query = cs_query_get(asked);
	PG_TRY();
	{
		call_query(&call, params);
	}
	PG_FINALLY();
	{
		cs_query_done(call.query);
	}
	PG_END_TRY();
}

/* A change that is under way makes no difference to what is said. */
static int
describe(CsQuery *query, ArrayType *params, CsDependence **words)
{
	Datum	   *values = palloc(query->nparams * sizeof(Datum) + 1);
	bool	   *nulls = palloc(query->nparams * sizeof(bool) + 1);
	CsTracking	tracking;
	Oid			relid;
	int			n;

	/* columns become watched: that is for roles that may run the query */
	if (!query->permitted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for what the query reads")));
	cs_query_bind(query, params, values, nulls);
	(void) cs_query_lock(query);
	tracking = cs_depends_describe(query->tables, query->ntables, query->occurrences,
								   cs_query_params(query, values, nulls),
								   GetActiveSnapshot(), &relid, words, &n);
	if (tracking == CS_TRACKING_UNTRACKED)
		untracked_error(relid);
	return n;
}

/*
 * What the query's result would depend on if it were kept now.  Returns the
 * number of words.
 */
int
cs_remember_depends(const CsAsked *asked, ArrayType *params, CsDependence **words)
{
	CsQuery    *query = cs_query_get(asked);
	int			n = 0;

	PG_TRY();
	{
		n = describe(query, params, words);
	}
	PG_FINALLY();
	{
		cs_query_done(query);
	}
	PG_END_TRY();
	return n;
}

/*
 * Drop all results of the key when this transaction commits.  Returns whether
 * there may have been any.
 */
bool
cs_remember_forget(const text *key, const text *space)
{
	return cs_tag_invalidate(cs_space_get(space, CS_SPACE_WRITE), CS_KV_NAME,
							 VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), false);
}
