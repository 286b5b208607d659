/*-------------------------------------------------------------------------
 *
 * report.c
 *		SQL function cache.report(): what the views show, as one page of HTML.
 *
 * The page is a list of sections.  Each asks one query of the views, and shows
 * its rows as a table or a chart.  The queries run as the caller, so the page
 * shows what the caller may see in the views, and nothing else.
 *
 * A report is asked for when something is wrong.  So a section that fails,
 * such as advice that waits for a table that DDL has locked, says why in its
 * place, and the others are there all the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "guc.h"
#include "shmem.h"
#include "stats/chart.h"
#include "stats/html.h"
#include "stats/human.h"
#include "stats/report_page.h"
#include "xact/attempt.h"

PG_FUNCTION_INFO_V1(cs_report);

/* A section waits no longer for a lock, in milliseconds. */
#define LOCK_TIMEOUT_MS	1000

typedef struct Section
{
	const char *id;				/* of the element */
	const char *title;			/* NULL: it belongs to the section above */
	const char *note;			/* below the title; may be NULL */
	const char *empty;			/* instead of no rows; NULL: nothing */
	const char *query;
	void		(*draw) (StringInfo out, const CsHtmlRows *rows);
	const CsHtmlColumn *columns;	/* of a table, if draw is NULL */
	int			ncolumns;
} Section;

#define COLUMNS(array)	NULL, array, lengthof(array)
#define DRAWN(function)	function, NULL, 0

/* ----- in numbers ----- */

static const CsHtmlColumn total_columns[] = {
	{"hit ratio of all reads", CS_HTML_RATIO},
	{"reads", CS_HTML_COUNT},
	{"entries", CS_HTML_COUNT},
	{"memory in use", CS_HTML_BYTES},
	{"memory for entries", CS_HTML_BYTES},
	{"evictions", CS_HTML_COUNT},
	{"rows with deferred writes", CS_HTML_COUNT},
	{"dead letters", CS_HTML_COUNT}
};

static const char total_query[] =
"SELECT (hits + absent_hits)::float8 / nullif(hits + absent_hits + misses + bypasses, 0),"
" hits + absent_hits + misses + bypasses, entries, bytes, value_memory, evictions, dirty_entries,"
" (SELECT coalesce(sum(dead_letters), 0) FROM cache.flush_status)"
" FROM cache.stats";

static void
draw_totals(StringInfo out, const CsHtmlRows *rows)
{
	cs_html_tiles(out, rows, total_columns, lengthof(total_columns));
}

/* ----- over time ----- */

/*
 * Draw the second column of the rows over the first.
 */
static void
draw_line(StringInfo out, const CsHtmlRows *rows, const char *title, CsHtmlKind kind,
		  double least_top)
{
	double	   *x = palloc(rows->n * sizeof(double));
	double	   *y = palloc(rows->n * sizeof(double));
	CsChartLine chart = {0};

	for (int i = 0; i < rows->n; i++)
	{
		x[i] = cs_html_number(rows, i, 0);
		y[i] = cs_html_number(rows, i, 1);
	}
	chart.title = title;
	chart.kind = kind;
	chart.least_top = least_top;
	chart.n = rows->n;
	chart.x = x;
	chart.y = y;
	cs_chart_line(out, &chart);
}

static const char ratio_query[] =
"SELECT extract(epoch FROM \"time\"), hit_ratio FROM cache.history ORDER BY \"time\"";

static void
draw_ratio(StringInfo out, const CsHtmlRows *rows)
{
	draw_line(out, rows, "Hit ratio over time", CS_HTML_RATIO, 1);
}

static const char reads_query[] =
"SELECT extract(epoch FROM \"time\"), reads / nullif(seconds, 0) FROM cache.history ORDER BY \"time\"";

static void
draw_reads(StringInfo out, const CsHtmlRows *rows)
{
	draw_line(out, rows, "Reads per second over time", CS_HTML_COUNT, 5);
}

static const char depth_query[] =
"SELECT extract(epoch FROM \"time\"), dirty_entries FROM cache.history ORDER BY \"time\"";

static void
draw_depth(StringInfo out, const CsHtmlRows *rows)
{
	draw_line(out, rows, "Rows with deferred writes over time", CS_HTML_COUNT, 5);
}

/* ----- latencies ----- */

static const CsHtmlColumn latency_columns[] = {
	{"Kind", CS_HTML_TEXT},
	{"Operation", CS_HTML_TEXT},
	{"Timed", CS_HTML_COUNT},
	{"Mean", CS_HTML_TIME},
	{"p50", CS_HTML_TIME},
	{"p95", CS_HTML_TIME},
	{"p99", CS_HTML_TIME},
	{"p99.9", CS_HTML_TIME}
};

static const char latency_query[] =
"SELECT kind, operation, timed, mean_ms, p50_ms, p95_ms, p99_ms, p999_ms"
" FROM cache.latency WHERE timed > 0";

/* Buckets, those of one kind and operation one after the other. */
enum
{
	BUCKET_NAME,
	BUCKET_BELOW,
	BUCKET_COUNT,
	BUCKET_P50,
	BUCKET_P99
};

static const char histogram_query[] =
"SELECT l.kind || ', ' || l.operation, h.below_ms, h.count, l.p50_ms, l.p99_ms"
" FROM cache.latency l JOIN cache.latency_histogram h USING (kind, operation)"
" WHERE l.timed > 0 ORDER BY 1, 2";

static void
draw_histogram(StringInfo out, const CsHtmlRows *rows, int first, int n, const char *name)
{
	double	   *below = palloc(n * sizeof(double));
	double	   *count = palloc(n * sizeof(double));
	CsChartHistogram chart = {0};

	for (int i = 0; i < n; i++)
	{
		below[i] = cs_html_number(rows, first + i, BUCKET_BELOW);
		count[i] = cs_html_number(rows, first + i, BUCKET_COUNT);
	}
	chart.title = name;
	chart.n = n;
	chart.below = below;
	chart.count = count;
	chart.p50 = cs_html_number(rows, first, BUCKET_P50);
	chart.p99 = cs_html_number(rows, first, BUCKET_P99);
	appendStringInfo(out, "<figure><figcaption>%s</figcaption><span class=\"percentile\">p50 %s, p99 %s</span>\n",
					 name, cs_human_time(chart.p50), cs_human_time(chart.p99));
	cs_chart_histogram(out, &chart);
	appendStringInfoString(out, "</figure>\n");
}

static void
draw_histograms(StringInfo out, const CsHtmlRows *rows)
{
	appendStringInfoString(out, "<div class=\"small\">\n");
	for (int first = 0, end; first < rows->n; first = end)
	{
		char	   *name = cs_html_string(rows, first, BUCKET_NAME);

		for (end = first + 1; end < rows->n; end++)
			if (strcmp(name, cs_html_string(rows, end, BUCKET_NAME)) != 0)
				break;
		draw_histogram(out, rows, first, end - first, name);
	}
	appendStringInfoString(out, "</div>\n");
}

/* ----- memory ----- */

static const CsHtmlColumn memory_columns[] = {
	{"Table or space", CS_HTML_TEXT},
	{"Strategy", CS_HTML_TEXT},
	{"Memory", CS_HTML_BAR},
	{"Entries", CS_HTML_COUNT},
	{"Hits", CS_HTML_COUNT},
	{"Misses", CS_HTML_COUNT},
	{"Bypasses", CS_HTML_COUNT},
	{"Hit ratio", CS_HTML_RATIO},
	{"Evictions", CS_HTML_COUNT}
};

static const char memory_query[] =
"SELECT relation::text, strategy, bytes, entries, hits + absent_hits, misses, bypasses, hit_ratio, evictions"
" FROM cache.table_stats"
" UNION ALL "
"SELECT space, 'space', bytes, entries, hits, misses, bypasses,"
" round(hits::numeric / nullif(hits + misses + bypasses, 0), 4), evictions"
" FROM cache.space_stats"
" ORDER BY 3 DESC NULLS LAST, 1 LIMIT 50";

static const char curve_query[] =
"SELECT log(2, factor::numeric), hit_ratio, pg_size_pretty(memory), factor = 1"
" FROM cache.memory_advice"
" WHERE relation IS NULL AND space IS NULL AND hit_ratio IS NOT NULL ORDER BY 1";

static void
draw_curve(StringInfo out, const CsHtmlRows *rows)
{
	double	   *x = palloc(rows->n * sizeof(double));
	double	   *y = palloc(rows->n * sizeof(double));
	char	  **labels = palloc(rows->n * sizeof(char *));
	CsChartLine chart = {0};

	for (int i = 0; i < rows->n; i++)
	{
		x[i] = cs_html_number(rows, i, 0);
		y[i] = cs_html_number(rows, i, 1);
		labels[i] = psprintf("%s%s", cs_html_string(rows, i, 2),
							 strcmp(cs_html_string(rows, i, 3), "t") == 0 ? " (now)" : "");
	}
	chart.title = "Predicted hit ratio by memory";
	chart.kind = CS_HTML_RATIO;
	chart.least_top = 1;
	chart.n = rows->n;
	chart.x = x;
	chart.y = y;
	chart.labels = labels;
	cs_chart_line(out, &chart);
}

static const CsHtmlColumn sizes_columns[] = {
	{"Table or space", CS_HTML_TEXT},
	{"Reads", CS_HTML_COUNT},
	{"a quarter", CS_HTML_RATIO},
	{"half", CS_HTML_RATIO},
	{"as it is", CS_HTML_RATIO},
	{"double", CS_HTML_RATIO},
	{"four times", CS_HTML_RATIO}
};

static const char sizes_query[] =
"SELECT coalesce(relation::text, space), max(reads),"
" max(hit_ratio) FILTER (WHERE factor = 0.25), max(hit_ratio) FILTER (WHERE factor = 0.5),"
" max(hit_ratio) FILTER (WHERE factor = 1), max(hit_ratio) FILTER (WHERE factor = 2),"
" max(hit_ratio) FILTER (WHERE factor = 4)"
" FROM cache.memory_advice WHERE relation IS NOT NULL OR space IS NOT NULL"
" GROUP BY relation, space HAVING max(hit_ratio) IS NOT NULL ORDER BY 2 DESC, 1 LIMIT 20";

/* ----- deferred writes ----- */

static const CsHtmlColumn flush_columns[] = {
	{"Table", CS_HTML_TEXT},
	{"Rows", CS_HTML_COUNT},
	{"Memory", CS_HTML_BAR},
	{"Oldest", CS_HTML_TIME},
	{"Deferred", CS_HTML_COUNT},
	{"Flushed", CS_HTML_COUNT},
	{"Coalesced", CS_HTML_COUNT},
	{"Retries", CS_HTML_COUNT},
	{"Dead letters", CS_HTML_COUNT},
	{"State", CS_HTML_TEXT},
	{"Last error", CS_HTML_TEXT}
};

static const char flush_query[] =
"SELECT relation::text, dirty_entries, dirty_bytes, extract(epoch FROM oldest) * 1000, deferred,"
" rows_flushed, coalesced, retries, dead_letters,"
" CASE WHEN quarantined THEN 'quarantined' WHEN open THEN 'open' ELSE 'closed' END, last_error"
" FROM cache.flush_status ORDER BY 2 DESC NULLS LAST, 1 LIMIT 50";

/* ----- statements ----- */

static const CsHtmlColumn statement_columns[] = {
	{"Statement", CS_HTML_CODE},
	{"Role", CS_HTML_TEXT},
	{"Calls", CS_HTML_COUNT},
	{"Hits", CS_HTML_COUNT},
	{"Hit ratio", CS_HTML_RATIO},
	{"Saved", CS_HTML_TIME},
	{"Spent", CS_HTML_TIME},
	{"Results are", CS_HTML_TEXT}
};

static const char statement_query[] =
"SELECT coalesce(query, '(of another role)'), role::text, calls, hits,"
" hits::float8 / nullif(hits + misses, 0), saved_ms, spent_ms, state"
" FROM cache.result_stats ORDER BY saved_ms DESC, calls DESC LIMIT 20";

static const CsHtmlColumn candidate_columns[] = {
	{"Statement over tables that are not tracked", CS_HTML_CODE},
	{"Role", CS_HTML_TEXT},
	{"Calls", CS_HTML_COUNT},
	{"Repeated", CS_HTML_RATIO},
	{"Could save", CS_HTML_TIME},
	{"Tables", CS_HTML_TEXT}
};

static const char candidate_query[] =
"SELECT coalesce(query, '(of another role)'), role::text, calls, repeated, saving_ms,"
" array_to_string(tables, ', ')"
" FROM cache.result_candidates ORDER BY saving_ms DESC NULLS LAST, calls DESC LIMIT 10";

/* ----- reasons and advice ----- */

static const CsHtmlColumn reason_columns[] = {
	{"Table or space", CS_HTML_TEXT},
	{"Event", CS_HTML_TEXT},
	{"Reason", CS_HTML_TEXT},
	{"Count", CS_HTML_COUNT}
};

static const char reason_query[] =
"SELECT coalesce(relation::text, space), event, reason, count"
" FROM cache.stats_reasons ORDER BY count DESC, 1, 2, 3 LIMIT 20";

static const CsHtmlColumn advice_columns[] = {
	{"Table", CS_HTML_TEXT},
	{"Advice", CS_HTML_TEXT},
	{"Why", CS_HTML_TEXT},
	{"Reads by key", CS_HTML_COUNT},
	{"Changes", CS_HTML_COUNT},
	{"Hit ratio", CS_HTML_RATIO},
	{"Would save", CS_HTML_TIME}
};

static const char advice_query[] =
"SELECT \"table\"::text,"
" CASE WHEN strategy IS NULL AND attached IS NULL THEN 'Leave it as it is, not attached.'"
"  WHEN strategy IS NULL THEN 'Detach it.'"
"  WHEN attached IS NULL THEN 'Attach it as ' || strategy || '.'"
"  WHEN attached = strategy THEN 'Keep it attached as ' || attached || '.'"
"  ELSE 'Attach it as ' || strategy || ' instead of ' || attached || '.' END"
" || CASE WHEN ttl IS NULL THEN '' ELSE ' Give it a time to live of ' || ttl || '.' END,"
" reason, reads, writes, hit_ratio, saved_ms"
" FROM cache.advise() LIMIT 50";

static const Section sections[] = {
	{"total", "In numbers", "Over all databases; dead letters of this one.", NULL, total_query, DRAWN(draw_totals)},
	{"hit-ratio", "Hit ratio over time", "Of the reads between two samples of cache.history.",
	"There are no samples yet: cache_strategies.history_interval says how often one is taken.", ratio_query, DRAWN(draw_ratio)},
	{"reads", "Reads per second", NULL, "There are no samples yet.", reads_query, DRAWN(draw_reads)},
	{"latency", "Latencies", "Over all databases, since the last reset; of hits one in 64 is timed.",
	"Nothing has been timed yet.", latency_query, COLUMNS(latency_columns)},
	{"histograms", NULL, NULL, NULL, histogram_query, DRAWN(draw_histograms)},
	{"memory", "Memory by table", "Tables and spaces of this database, the largest first.",
	"No table is attached.", memory_query, COLUMNS(memory_columns)},
	{"reasons", "Why reads missed, and what was not kept", NULL, "Nothing has missed yet.", reason_query, COLUMNS(reason_columns)},
	{"memory-advice", "Hit ratio with other memory", "As predicted from a sample of the keys that were read.",
	"Nothing has been sampled yet.", curve_query, DRAWN(draw_curve)},
	{"sizes", NULL, NULL, NULL, sizes_query, COLUMNS(sizes_columns)},
	{"depth", "Write buffer", "Rows with deferred writes, over all databases.", "There are no samples yet.", depth_query, DRAWN(draw_depth)},
	{"flush", NULL, NULL, "No table of this database is write_back.", flush_query, COLUMNS(flush_columns)},
	{"statements", "Statements", "Those whose results have saved most time.", "No results of plain statements have been kept.", statement_query, COLUMNS(statement_columns)},
	{"candidates", NULL, NULL, NULL, candidate_query, COLUMNS(candidate_columns)},
	{"advice", "Advice", "Does caching a table by key pay? Of the tables that the role may read.",
	"There is no table that may be read.", advice_query, COLUMNS(advice_columns)}
};

/* ----- the page ----- */

typedef struct Work
{
	StringInfo	out;
	const Section *section;
} Work;

/* An attempt: ask the query of a section, and show its rows. */
static void
put_rows(void *arg)
{
	Work	   *work = arg;
	const Section *section = work->section;
	CsHtmlRows	rows;

	if (SPI_execute(section->query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the rows of section %s", section->id);
	rows.table = SPI_tuptable;
	rows.n = (int) SPI_processed;
	if (rows.n == 0 && section->empty != NULL)
		appendStringInfo(work->out, "<p class=\"note\">%s</p>\n", section->empty);
	else if (rows.n > 0 && section->draw != NULL)
		section->draw(work->out, &rows);
	else if (rows.n > 0)
		cs_html_table(work->out, &rows, section->columns, section->ncolumns);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Append a section.  If it fails, its error stands in its place; a
 * cancellation ends the report.
 */
static void
put_section(StringInfo out, const Section *section)
{
	Work		work = {out, section};
	ErrorData  *error;
	int			begin;

	if (section->title != NULL)
		appendStringInfo(out, "<h2>%s</h2>\n", section->title);
	if (section->note != NULL)
		appendStringInfo(out, "<p class=\"note\">%s</p>\n", section->note);
	appendStringInfo(out, "<section id=\"%s\">\n", section->id);
	begin = out->len;
	error = cs_attempt_run(put_rows, &work);
	if (error != NULL)
	{
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		out->len = begin;
		out->data[begin] = '\0';
		appendStringInfoString(out, "<p class=\"failed\">This could not be asked for: ");
		cs_html_text(out, error->message);
		appendStringInfoString(out, ".</p>\n");
	}
	appendStringInfoString(out, "</section>\n");
}

/*
 * Names in the queries mean what they do in pg_catalog, whatever the caller's
 * search_path, and no section waits long for a lock.
 */
static void
set_options(void)
{
	cs_guc_set_constant("search_path", "pg_catalog, pg_temp");
	if (LockTimeout == 0 || LockTimeout > LOCK_TIMEOUT_MS)
		cs_guc_set_constant("lock_timeout", psprintf("%d", LOCK_TIMEOUT_MS));
}

/*
 * cache.report()
 */
Datum
cs_report(PG_FUNCTION_ARGS)
{
	StringInfoData out;
	int			nestlevel;

	cs_shmem_require();
	initStringInfo(&out);
	nestlevel = NewGUCNestLevel();
	set_options();
	SPI_connect();
	cs_report_page_begin(&out);
	for (int i = 0; i < lengthof(sections); i++)
		put_section(&out, &sections[i]);
	cs_report_page_end(&out);
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
