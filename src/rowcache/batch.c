/*-------------------------------------------------------------------------
 *
 * batch.c
 *		Many keys of one table, answered together.
 *
 * Each key is answered as access.c would answer it alone.  Those that miss are
 * loaded with one query or index scan:
 *
 *		missed	no usable entry: take all tokens, then one fresh snapshot, then
 *				load; the rows are kept
 *		direct	cannot be answered or kept by the cache, or found under the
 *				fresh snapshot to be newer than the caller's: the caller reads
 *				them under its own snapshot
 *
 * Nothing is locked until something must be loaded, and a change of the
 * table's shape is noticed at the first lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "relation/fetch.h"
#include "relation/loader.h"
#include "rowcache/batch.h"
#include "rowcache/call.h"
#include "rowcache/rowtrace.h"
#include "rowcache/sample.h"
#include "rowcache/strategy.h"
#include "store/clock.h"
#include "testpoint.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

/*
 * Make a batch with room for n keys, in the current memory context.
 */
CsBatch *
cs_batch_create(int n)
{
	CsBatch    *batch = palloc0(sizeof(CsBatch));

	batch->keys = palloc(n * sizeof(CsRowKey));
	batch->answers = palloc0(n * sizeof(CsAnswer));
	batch->missed = palloc(n * sizeof(int));
	batch->tokens = palloc(n * sizeof(CsToken));
	batch->direct = palloc(n * sizeof(int));
	return batch;
}

/*
 * Look up all keys.
 */
static void
look_up(CsAccess *access, CsBatch *batch)
{
	CsReason	bypass = access->bypass;

	for (int i = 0; i < batch->n; i++)
	{
		CsAnswer   *answer = &batch->answers[i];
		int64		began = cs_latency_begin();

		access->bypass = bypass;
		if (cs_sample_lookup(access, &batch->keys[i], answer))
		{
			if (unlikely(began != 0))
				cs_access_timed_hit(access, &batch->keys[i], answer,
									cs_clock_nanos() - began);
			cs_call_refresh_if_due(access->binding, &batch->keys[i], answer);
		}
		else if (access->bypass == CS_HIT)
			batch->missed[batch->nmissed++] = i;
		else
			batch->direct[batch->ndirect++] = i;
	}
	access->bypass = bypass;
}

/*
 * Take a token for each missed key; those that could not be kept become
 * direct.
 */
static void
take_tokens(CsAccess *access, CsBatch *batch)
{
	const CsStrategy *strategy = cs_strategy_of(access->binding);
	int			n = 0;

	for (int j = 0; j < batch->nmissed; j++)
	{
		int			i = batch->missed[j];
		const CsRowKey *key = &batch->keys[i];
		bool		keep = true;

		if (strategy->admits != NULL && !strategy->admits(key))
			keep = false;
		else if (IsInParallelMode())
		{
			batch->answers[i].reason = CS_BYPASS_PARALLEL;
			keep = false;
		}
		else if (!cs_access_token(access, key->key.hash, &batch->tokens[n]))
		{
			batch->answers[i].reason = CS_BYPASS_WRITERS;
			keep = false;
		}
		if (keep)
			batch->missed[n++] = i;
		else
			batch->direct[batch->ndirect++] = i;
	}
	batch->nmissed = n;
}

/*
 * Load the rows of the missed keys under the fresh snapshot; NULL if only the
 * caller can read them.
 */
static CsLoaded *
load(CsAccess *access, CsBatch *batch, Snapshot fresh)
{
	int			n = batch->nmissed;
	CsRowKey  **keys = palloc(n * sizeof(CsRowKey *));
	CsLoaded   *loaded = palloc0(n * sizeof(CsLoaded));
	int64		began = cs_clock_nanos();

	for (int j = 0; j < n; j++)
		keys[j] = &batch->keys[batch->missed[j]];
	if (!access->by_scan)
		cs_loader_load_many(access->binding, keys, n, fresh, loaded);
	else if (!cs_fetch_raw_rows(access->binding, access->part, access->part_index,
								(const CsRowKey *const *) keys, n, fresh, loaded))
		return NULL;
	cs_access_count_load(access->binding, n, began);
	return loaded;
}

/*
 * Keep what was loaded for a missed key, and answer with it if the caller's
 * snapshot shows it.
 */
static bool
take_loaded(CsAccess *access, CsBatch *batch, int j, CsLoaded *loaded, Snapshot fresh,
			bool shows_absences)
{
	int			i = batch->missed[j];
	CsAnswer   *answer = &batch->answers[i];

	answer->fill = cs_access_fill(access, &batch->keys[i], &batch->tokens[j], fresh,
								  &loaded->row, loaded->has_xmin ? &loaded->xmin : NULL);
	cs_access_count_fill(access->binding, answer->fill);
	if (!(loaded->has_xmin ? cs_access_shows(access, loaded->xmin) : shows_absences))
		return false;
	answer->row = loaded->row;
	answer->wxid = loaded->has_xmin ? cs_snapshot_row_xid(loaded->xmin) : 0;
	return true;
}

/*
 * Load the missed keys under a fresh snapshot, and fill.
 */
static void
load_missed(CsAccess *access, CsBatch *batch)
{
	CsLoaded   *loaded;
	Snapshot	fresh;
	bool		shows_absences;

	if (batch->nmissed == 0)
		return;
	CS_TEST_POINT("after_token");
	fresh = cs_access_fresh_snapshot(access);
	CS_TEST_POINT("after_snapshot");
	loaded = load(access, batch, fresh);
	shows_absences = cs_snapshot_sees_all(access->snapshot, cs_snapshot_seen(fresh));
	for (int j = 0; j < batch->nmissed; j++)
		if (loaded == NULL ||
			!take_loaded(access, batch, j, &loaded[j], fresh, shows_absences))
			batch->direct[batch->ndirect++] = batch->missed[j];
	UnregisterSnapshot(fresh);
}

/*
 * Answer the keys, except for the direct ones.  Returns false if the table has
 * changed since they were made; the caller then begins again.
 */
bool
cs_batch_answer(CsAccess *access, CsBatch *batch)
{
	cs_xact_note_use();
	look_up(access, batch);
	if (batch->nmissed + batch->ndirect > 0)
	{
		if (!cs_access_lock(access))
			return false;
		take_tokens(access, batch);
		load_missed(access, batch);
	}
	for (int i = 0; i < batch->n; i++)
	{
		CsReason	reason = batch->answers[i].reason;

		cs_access_count(access->binding, reason);
		if (!cs_is_hit(reason) && cs_trace_wants(1))
			cs_rowtrace_read(access->binding, &batch->keys[i], reason, -1);
	}
	for (int j = 0; access->by_scan && j < batch->ndirect; j++)
		batch->answers[batch->direct[j]].unread = true;
	return true;
}
