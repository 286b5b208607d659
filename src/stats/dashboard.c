/*-------------------------------------------------------------------------
 *
 * dashboard.c
 *		SQL function cache.dashboard(): what happened since the last call, for
 *		psql's \watch.
 *
 * The first call of a session is about the time since the counts were reset,
 * or since the server's start, as vmstat's first line is.  The session
 * remembers what it has seen then.
 *
 * Everything here is local to the process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shmem.h"
#include "stats/histograms.h"
#include "stats/human.h"
#include "store/history.h"

PG_FUNCTION_INFO_V1(cs_dashboard);

/* Columns of cache.dashboard() */
enum
{
	DASHBOARD_ITEM,
	DASHBOARD_VALUE,
	DASHBOARD_DETAIL,
	N_DASHBOARD
};

typedef struct Seen
{
	CsHistorySample sample;
	uint64		timed[CS_N_LATENCIES][CS_LATENCY_BUCKETS];
} Seen;

static Seen last;				/* all 0 before the first call */

/* ----- rows ----- */

static void
put_row(ReturnSetInfo *result, const char *item, const char *value, const char *detail)
{
	Datum		values[N_DASHBOARD];
	bool		nulls[N_DASHBOARD] = {0};

	values[DASHBOARD_ITEM] = CStringGetTextDatum(item);
	values[DASHBOARD_VALUE] = CStringGetTextDatum(value);
	values[DASHBOARD_DETAIL] = CStringGetTextDatum(detail);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_span(ReturnSetInfo *result, const CsHistorySample *now, double seconds)
{
	const char *since = "since the last call";

	if (last.sample.time == 0)
		since = now->since != 0 ? "since the counts were reset" : "since the server's start";
	else if (last.sample.since != now->since)
		since = "since the last call; the counts have been reset meanwhile";
	put_row(result, "time", cs_human_time(seconds * 1000), since);
}

/*
 * 'span' has what was counted in so many seconds.
 */
static void
put_counts(ReturnSetInfo *result, const CsHistorySample *span, double seconds)
{
	const uint64 *counts = span->counts;
	uint64		hits = cs_history_hits(span);
	uint64		reads = cs_history_reads(span);

	put_row(result, "reads", cs_human_rate(reads / seconds),
			psprintf("%s: %s hits, %s misses, %s bypasses", cs_human_count(reads), cs_human_count(hits),
					 cs_human_count(cs_counters_sum(counts, CS_EVENT_MISS)),
					 cs_human_count(cs_counters_sum(counts, CS_EVENT_BYPASS))));
	put_row(result, "hit ratio", reads == 0 ? "-" : cs_human_percent((double) hits / reads), "");
	put_row(result, "changes",
			cs_human_rate((counts[CS_COUNT_PUBLISH] + counts[CS_COUNT_INVALIDATION]) / seconds),
			psprintf("%s published, %s invalidated, %s tables as a whole",
					 cs_human_count(counts[CS_COUNT_PUBLISH]),
					 cs_human_count(counts[CS_COUNT_INVALIDATION]),
					 cs_human_count(counts[CS_COUNT_TABLE_INVALIDATION])));
}

/*
 * Evictions are not reset with the counts, so the first call has those since
 * the server's start.
 */
static void
put_evictions(ReturnSetInfo *result, const CsHistorySample *span)
{
	TimestampTz from = last.sample.time != 0 ? last.sample.time : cs_history_began();
	double		seconds = Max((span->time - from) / 1000000.0, 0.001);

	put_row(result, "evictions", cs_human_rate(span->usage.evictions / seconds),
			psprintf("%s: %s of entries that were never read", cs_human_count(span->usage.evictions),
					 cs_human_count(span->usage.unread)));
}

static void
put_contents(ReturnSetInfo *result, const CsHistorySample *now)
{
	CsStoreInfo info;

	cs_store_info(&info);
	put_row(result, "memory", cs_human_percent((double) now->usage.bytes / info.value_memory),
			psprintf("%s of %s, %s entries", cs_human_bytes(now->usage.bytes),
					 cs_human_bytes(info.value_memory), cs_human_count(now->usage.entries)));
	put_row(result, "deferred", psprintf("%s rows", cs_human_count(now->usage.dirty_entries)),
			psprintf("%s not yet in their tables", cs_human_bytes(now->usage.dirty_bytes)));
}

/*
 * A row for what was timed, if it was; remember it.
 */
static void
put_latency(ReturnSetInfo *result, CsLatency what, bool reset)
{
	uint64		count[CS_LATENCY_BUCKETS];
	uint64		n = 0;

	(void) cs_latency_read(what, count);
	for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
	{
		uint64		before = reset ? 0 : last.timed[what][b];

		last.timed[what][b] = count[b];
		count[b] -= Min(before, count[b]);
		n += count[b];
	}
	if (n > 0)
		put_row(result, cs_histograms_name(what),
				psprintf("p99 %s", cs_human_time(cs_histograms_percentile(count, n, 0.99) / 1e6)),
				psprintf("p50 %s, %s timed", cs_human_time(cs_histograms_percentile(count, n, 0.5) / 1e6),
						 cs_human_count(n)));
}

/*
 * cache.dashboard()
 */
Datum
cs_dashboard(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CsHistorySample now;
	CsHistorySample span;
	TimestampTz from;
	double		seconds;
	bool		reset;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	cs_history_now(&now);
	span = now;
	cs_history_subtract(&span, &last.sample);
	from = last.sample.time != 0 ? last.sample.time : now.since != 0 ? now.since : cs_history_began();
	seconds = Max((now.time - from) / 1000000.0, 0.001);
	reset = last.sample.since != now.since;
	put_span(result, &now, seconds);
	put_counts(result, &span, seconds);
	put_evictions(result, &span);
	for (int i = 0; i < CS_N_LATENCIES; i++)
		put_latency(result, i, reset);
	put_contents(result, &now);
	last.sample = now;
	PG_RETURN_NULL();
}
