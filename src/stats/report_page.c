/*-------------------------------------------------------------------------
 *
 * report_page.c
 *		The page around the sections of cache.report(): its head, its style,
 *		and its title.
 *
 * The page stands by itself: no script, no font, no image, nothing that is
 * loaded.  Its policy (Content-Security-Policy) has the browser refuse
 * whatever else might be in it.  It follows the reader's choice of light or
 * dark.  It is well-formed XML as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "stats/html.h"
#include "stats/report_page.h"

static const char head[] =
"<!DOCTYPE html>\n"
"<html lang=\"en\">\n"
"<head>\n"
"<meta charset=\"utf-8\"/>\n"
"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
"<title>cache_strategies</title>\n";

static const char style[] =
"<style>\n"
":root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--line:#d5dae0;--back:#fff;--tile:#f4f6f8;--blue:#1f6feb;--red:#b3261e}\n"
"@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa4af;--line:#363d46;--back:#14171b;--tile:#1d2228;--blue:#58a6ff;--red:#ff8a80}}\n"
"*{box-sizing:border-box}\n"
"body{margin:0 auto;max-width:60rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}\n"
"h1{font-size:1.5rem;margin:0}\n"
"h2{font-size:1.15rem;margin:2.2rem 0 .3rem;border-top:1px solid var(--line);padding-top:1rem}\n"
"p{margin:.3rem 0 .8rem}p,.note{color:var(--soft)}\n"
".failed{color:var(--red)}\n"
".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0}\n"
".tiles div{background:var(--tile);border-radius:6px;padding:.6rem .8rem}\n"
"dt{color:var(--soft);font-size:.8rem}dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}\n"
".scroll{overflow-x:auto}\n"
"table{border-collapse:collapse;width:100%;font-size:.87rem;margin:.4rem 0}\n"
"th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);unicode-bidi:isolate;overflow-wrap:break-word}\n"
"th{color:var(--soft);font-weight:600;white-space:nowrap}\n"
"td:not(.n){min-width:6rem}\n"
".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
"code{font:.82rem/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;display:block;min-width:16rem;max-height:9rem;overflow-y:auto}\n"
".bar{height:5px;background:var(--blue);border-radius:2px;margin:3px 0 0 auto}\n"
"svg{display:block;width:100%;height:auto;margin:.4rem 0}\n"
"section{overflow-x:auto}section svg{min-width:36rem}section .small svg{min-width:0}#advice td:nth-child(-n+3){min-width:11rem}\n"
".small{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.8rem}\n"
"figure{margin:0}figcaption{font-size:.85rem;font-weight:600}\n"
"svg text{font:11px system-ui,sans-serif;fill:var(--soft);font-variant-numeric:tabular-nums;paint-order:stroke;stroke:var(--back);stroke-width:3px;stroke-linejoin:round}\n"
"svg .y,svg .end{text-anchor:end}svg .x,svg .point{text-anchor:middle}svg .point{fill:var(--ink)}\n"
"svg .grid{stroke:var(--line)}svg .axis,svg .tick{stroke:var(--soft)}\n"
"svg .line{fill:none;stroke:var(--blue);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
"svg circle,svg rect{fill:var(--blue)}\n"
"svg .percentile{stroke:var(--red);stroke-dasharray:3 2}span.percentile{font-size:.8rem;color:var(--soft);border-bottom:1px dashed var(--red)}\n"
"</style>\n"
"</head>\n";

/*
 * Append all that comes before the first section.
 */
void
cs_report_page_begin(StringInfo out)
{
	appendStringInfoString(out, head);
	appendStringInfoString(out, style);
	appendStringInfoString(out, "<body>\n<h1>cache_strategies</h1>\n<p>Database <b>");
	cs_html_text(out, get_database_name(MyDatabaseId));
	appendStringInfoString(out, "</b>, seen by role <b>");
	cs_html_text(out, GetUserNameFromId(GetUserId(), false));
	appendStringInfoString(out, "</b>, on PostgreSQL " PG_VERSION ", at <time>");
	cs_html_text(out, timestamptz_to_str(GetCurrentTimestamp()));
	appendStringInfoString(out, "</time>.</p>\n");
}

void
cs_report_page_end(StringInfo out)
{
	appendStringInfoString(out,
						   "<p class=\"note\">Each number is one of a view: "
						   "cache.stats, cache.history, cache.latency, cache.latency_histogram, "
						   "cache.table_stats, cache.space_stats, cache.memory_advice, "
						   "cache.flush_status, cache.result_stats, cache.stats_reasons; "
						   "the advice is that of cache.advise(). "
						   "What the role may not see there is not here.</p>\n"
						   "</body>\n</html>\n");
}
