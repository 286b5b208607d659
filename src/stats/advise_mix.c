/*-------------------------------------------------------------------------
 *
 * advise_mix.c
 *		How a table is read and written, as far as the server has counted it.
 *
 * PostgreSQL counts the scans of each index.  Those of the primary key's are
 * reads by key, and the rows that UPDATEs and DELETEs look for, so these are
 * taken off.  If pg_stat_statements is loaded and the caller may see its
 * statements, the SELECTs whose text reads the table alone, by all columns of
 * the key, are counted instead: an index scan in a join is no read that a
 * cache by key would answer.
 *
 * A hit does not touch the table, so those of an attached table are counted in
 * addition.  The counts begin at different times if the statistics were reset
 * at different times.
 *
 * Only counts and sizes are read, and no table.  In a list of all tables those
 * with row-level security that applies to the caller are left out: reading
 * them runs code of their owners, which the caller has not asked for by name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "stats/advise_mix.h"
#include "store/counters.h"

/*
 * Tables that could be attached: of a partitioned one the sums over its
 * partitions.  $1 is one table, or 0 for all that the caller may read.
 */
static const char mix_query[] =
"SELECT c.oid, b.strategy, b.loader IS NOT NULL, b.ttl IS NOT NULL,"
" coalesce(k.indimmediate AND k.indisvalid, false),"
" s.rows, s.blocks, s.key_scans, s.other_scans, s.inserts, s.updates, s.deletes,"
" s.fetched, s.hit, t.hits + t.absent_hits, t.misses + t.bypasses, t.bytes,"
" n.nspname, c.relname,"
" ARRAY(SELECT a.attname FROM pg_catalog.unnest(k.indkey) i JOIN pg_catalog.pg_attribute a"
"  ON a.attrelid = c.oid AND a.attnum = i)::pg_catalog.text[]"
" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" LEFT JOIN pg_catalog.pg_index k ON k.indrelid = c.oid AND k.indisprimary"
" LEFT JOIN cache.bindings b ON b.relation = c.oid"
" LEFT JOIN cache.table_counters() t ON t.relation = c.oid"
" CROSS JOIN LATERAL (SELECT"
"  sum(greatest(p.reltuples, 0)) AS rows, sum(p.relpages) AS blocks,"
"  sum((SELECT sum(pg_catalog.pg_stat_get_numscans(i.indexrelid)) FROM pg_catalog.pg_index i"
"   WHERE i.indrelid = p.oid AND i.indisprimary)) AS key_scans,"
"  sum(pg_catalog.pg_stat_get_numscans(p.oid)) + coalesce(sum((SELECT"
"   sum(pg_catalog.pg_stat_get_numscans(i.indexrelid)) FROM pg_catalog.pg_index i"
"   WHERE i.indrelid = p.oid AND NOT i.indisprimary)), 0) AS other_scans,"
"  sum(pg_catalog.pg_stat_get_tuples_inserted(p.oid)) AS inserts,"
"  sum(pg_catalog.pg_stat_get_tuples_updated(p.oid)) AS updates,"
"  sum(pg_catalog.pg_stat_get_tuples_deleted(p.oid)) AS deletes,"
"  sum(pg_catalog.pg_stat_get_blocks_fetched(p.oid)) AS fetched,"
"  sum(pg_catalog.pg_stat_get_blocks_hit(p.oid)) AS hit"
"  FROM pg_catalog.pg_class p WHERE p.oid = c.oid AND c.relkind = 'r' OR c.relkind = 'p'"
"   AND p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) WHERE isleaf)) s"
" WHERE CASE WHEN $1 <> 0 THEN c.oid = $1 ELSE"
"  c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'"
"  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'cache')"
"  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
"  AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
"  AND NOT pg_catalog.row_security_active(c.oid)"
"  AND (c.relkind = 'p' OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i"
"   WHERE i.inhparent = c.oid OR i.inhrelid = c.oid)) END"
" ORDER BY 1";

enum
{
	MIX_RELATION = 1,
	MIX_STRATEGY,
	MIX_LOADER,
	MIX_TTL,
	MIX_KEY,
	MIX_ROWS,
	MIX_BLOCKS,
	MIX_KEY_SCANS,
	MIX_OTHER_SCANS,
	MIX_INSERTS,
	MIX_UPDATES,
	MIX_DELETES,
	MIX_FETCHED,
	MIX_HIT,
	MIX_CACHE_HITS,
	MIX_CACHE_OTHERS,
	MIX_CACHE_BYTES,
	MIX_SCHEMA,
	MIX_NAME,
	MIX_COLUMNS
};

static double
number(SPITupleTable *table, int row, int column)
{
	char	   *digits = SPI_getvalue(table->vals[row], table->tupdesc, column);

	return digits == NULL ? 0 : strtod(digits, NULL);
}

static bool
flag(SPITupleTable *table, int row, int column)
{
	bool		isnull;

	return DatumGetBool(SPI_getbinval(table->vals[row], table->tupdesc, column, &isnull));
}

/* ----- pg_stat_statements ----- */

/* Append a name as a regular expression: quoted or not. */
static void
append_name(StringInfo regexp, const char *name)
{
	appendStringInfoString(regexp, "\"?");
	for (; *name != '\0'; name++)
	{
		if (strchr("\\.^$*+?()[]{}|", *name) != NULL)
			appendStringInfoChar(regexp, '\\');
		appendStringInfoChar(regexp, *name);
	}
	appendStringInfoString(regexp, "\"?");
}

/*
 * A regular expression for SELECTs from one table by all columns of its key,
 * as pg_stat_statements writes them; each condition begins with its column, in
 * the order of the key.
 */
static char *
statement_pattern(const char *schema, const char *name, ArrayType *columns)
{
	StringInfoData regexp;
	Datum	   *values;
	int			n;

	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	initStringInfo(&regexp);
	appendStringInfoString(&regexp, "\\mselect\\M[^;]*\\mfrom\\s+(only\\s+)?(");
	append_name(&regexp, schema);
	appendStringInfoString(&regexp, "\\s*\\.\\s*)?");
	append_name(&regexp, name);
	appendStringInfoString(&regexp, "(\\s+(as\\s+)?\"?\\w+\"?)?\\s+where\\s");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(&regexp, "((?!\\mor\\M)[^,])*");
		append_name(&regexp, TextDatumGetCString(values[i]));
		appendStringInfoString(&regexp, "\\s*=\\s*\\$\\d+");
	}
	appendStringInfoString(&regexp, "\\s*([;)/]|$|\\m(and|order|limit|offset|fetch|for)\\M)");
	return regexp.data;
}

/* The view's name; NULL if it is not there. */
static char *
statements_view(void)
{
	if (GetConfigOption("pg_stat_statements.max", true, false) == NULL ||
		SPI_execute("SELECT pg_catalog.quote_ident(n.nspname) || '.pg_stat_statements'"
					" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n"
					" ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'"
					" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')", true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Calls of the SELECTs that match; negative if there are none. */
static double
statement_calls(const char *view, const char *pattern)
{
	char	   *query = psprintf("SELECT sum(calls) FROM %s s, pg_catalog.pg_database d"
								 " WHERE s.dbid = d.oid AND d.datname = pg_catalog.current_database()"
								 " AND s.query ~* $1", view);
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(pattern);

	if (SPI_execute_with_args(query, 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return -1;
	if (SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) == NULL)
		return -1;
	return number(SPI_tuptable, 0, 1);
}

/* ----- a table ----- */

static CsAdviseMix *
take_table(SPITupleTable *table, int row, MemoryContext context)
{
	CsAdviseMix *mix = MemoryContextAllocZero(context, sizeof(CsAdviseMix));
	char	   *strategy = SPI_getvalue(table->vals[row], table->tupdesc, MIX_STRATEGY);
	double		fetched = number(table, row, MIX_FETCHED);
	double		others = number(table, row, MIX_CACHE_OTHERS);

	mix->relid = (Oid) number(table, row, MIX_RELATION);
	mix->strategy = strategy != NULL ? MemoryContextStrdup(context, strategy) : NULL;
	mix->has_loader = flag(table, row, MIX_LOADER);
	mix->has_ttl = flag(table, row, MIX_TTL);
	mix->has_key = flag(table, row, MIX_KEY);
	mix->rows = number(table, row, MIX_ROWS);
	mix->blocks = number(table, row, MIX_BLOCKS);
	mix->inserts = number(table, row, MIX_INSERTS);
	mix->updates = number(table, row, MIX_UPDATES);
	mix->deletes = number(table, row, MIX_DELETES);
	mix->other_reads = number(table, row, MIX_OTHER_SCANS);
	mix->disk_share = fetched > 0 ? 1 - number(table, row, MIX_HIT) / fetched : 0;
	mix->cache_hits = number(table, row, MIX_CACHE_HITS);
	mix->cache_reads = mix->cache_hits + others;
	mix->cache_bytes = number(table, row, MIX_CACHE_BYTES);
	mix->key_reads = Max(number(table, row, MIX_KEY_SCANS) - mix->updates - mix->deletes, 0);
	mix->buffers = NBuffers;
	return mix;
}

/* Count by statements, where these are known. */
static void
count_statements(CsAdviseMix *mix, const char *view, SPITupleTable *table, int row)
{
	bool		isnull;
	Datum		columns = SPI_getbinval(table->vals[row], table->tupdesc, MIX_COLUMNS, &isnull);
	double		calls;

	if (view == NULL || isnull || !mix->has_key)
		return;
	calls = statement_calls(view, statement_pattern(SPI_getvalue(table->vals[row], table->tupdesc, MIX_SCHEMA),
													SPI_getvalue(table->vals[row], table->tupdesc, MIX_NAME),
													DatumGetArrayTypeP(columns)));
	if (calls >= 0)
		mix->key_reads = calls;
}

/*
 * The mixes of one table, or of all that the caller may read, in the current
 * context.
 */
List *
cs_advise_mix_list(Oid relid)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(relid);
	List	   *result = NIL;
	SPITupleTable *table;
	uint64		n;
	char	   *view;

	SPI_connect();
	cs_counters_flush();
	if (SPI_execute_with_args(mix_query, 1, &type, &value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the statistics of tables");
	table = SPI_tuptable;
	n = SPI_processed;
	view = statements_view();
	for (uint64 i = 0; i < n; i++)
	{
		CsAdviseMix *mix = take_table(table, (int) i, context);
		MemoryContext old;

		count_statements(mix, view, table, (int) i);
		mix->key_reads = Max(mix->key_reads, mix->cache_reads - mix->cache_hits) + mix->cache_hits;
		old = MemoryContextSwitchTo(context);
		result = lappend(result, mix);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}
