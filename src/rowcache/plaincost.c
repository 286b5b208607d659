/*-------------------------------------------------------------------------
 *
 * plaincost.c
 *		What a plain SELECT by key costs that is answered from the cache.
 *
 * The planner's cost of an index scan is what reading pages from disk costs,
 * so it is no measure of what a hit in the cache saves.  The path's cost is
 * the cost of the same index scan times the estimated ratio of CPU times.  So
 * it changes little in what joins and other tables are compared with, and is
 * less than the index scan's only if the cache is estimated to be faster.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "rowcache/plaincost.h"
#include "store/counters.h"
#include "store/store.h"

/*
 * CPU times, in the planner's units.  They are of the order of what the two
 * nodes take for a small row whose pages are in shared buffers, and only their
 * ratios matter: a hit takes three quarters of an index scan (HIT), and
 * keeping a row that was missed nearly as much again as the scan itself
 * (FILL).
 */
#define SCAN_COST		(120 * cpu_operator_cost)
#define HIT_COST		(90 * cpu_operator_cost)
#define FILL_COST		(110 * cpu_operator_cost)
#define BYPASS_COST		(20 * cpu_operator_cost)
#define COPY_COST		(cpu_operator_cost / 512)	/* of a byte */
#define CHUNK_COST		(20 * cpu_operator_cost)	/* of a TOAST chunk */
#define CHUNK_SIZE		2000

/*
 * What is assumed of a table before it is known: PRIOR_READS reads, nine of
 * ten of them hits.  plain_reads is off unless it is set for the table or the
 * session, and setting it expects hits.  A path that had to prove itself first
 * would never be used, because reads that do not go through the cache are not
 * counted.  What is measured outweighs it after some hundred reads.
 */
#define PRIOR_READS		100.0
#define PRIOR_HITS		90.0

/* Shares are rounded, so that plans do not change with each read. */
#define STEPS			20

/*
 * Shares of hits and of misses in the table's reads.  A miss that has filled
 * an entry which is still there is not counted: a table that is read for the
 * first time has nothing but these, and what counts is what comes later.
 */
static void
measured_shares(const CsBinding *binding, double *hits, double *misses)
{
	uint64		counts[CS_N_COUNTS];
	CsUsage		usage;
	double		hit;
	double		miss;
	double		reads;

	cs_counters_read(binding->slot, counts);
	cs_store_usage(binding->slot, &usage);
	hit = (double) counts[CS_COUNT_HIT] + (double) counts[CS_COUNT_HIT_ABSENT];
	miss = Max((double) cs_counters_sum(counts, CS_EVENT_MISS) - (double) usage.entries, 0);
	reads = hit + miss + (double) cs_counters_sum(counts, CS_EVENT_BYPASS);
	*hits = rint((hit + PRIOR_HITS) / (reads + PRIOR_READS) * STEPS) / STEPS;
	*misses = (1 - *hits) * (miss + PRIOR_READS - PRIOR_HITS) /
		(reads - hit + PRIOR_READS - PRIOR_HITS);
}

/* The table that is read, which may be a partition of the binding's. */
static Oid
relid_of(const CsPlainTable *table)
{
	return table->root->simple_rte_array[table->rel->relid]->relid;
}

/*
 * Average size of a cached row.
 */
static double
cached_size(const CsPlainTable *table)
{
	CsUsage		usage;
	double		size = 0;

	cs_store_usage(table->binding->slot, &usage);
	if (usage.entries > 0)
		return (double) usage.bytes / usage.entries;
	for (int i = 1; i <= table->rel->max_attr; i++)
		size += Max(get_attavgwidth(relid_of(table), i), 0);
	return Max(size, 32);
}

/* Average size of a row in the table, without what is in TOAST. */
static double
heap_size(const RelOptInfo *rel)
{
	return rel->tuples > 0 && rel->pages > 0 ?
		Min((double) rel->pages * BLCKSZ / rel->tuples, BLCKSZ) : 0;
}

/*
 * Whether statistics say that the column's values are long: ANALYZE keeps no
 * values of more than 1 kB, so there is no statistic but the width.  Without
 * statistics any value may be long.
 */
static bool
is_long(Oid relid, const FormData_pg_attribute *att)
{
	HeapTuple	tuple;
	bool		result;

	if (att->attisdropped || att->attlen != -1 || att->attstorage == TYPSTORAGE_PLAIN)
		return false;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
							Int16GetDatum(att->attnum), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple))
		return true;
	result = ((Form_pg_statistic) GETSTRUCT(tuple))->stakind1 == 0;
	ReleaseSysCache(tuple);
	return result;
}

/* Whether the statement uses a column whose values are long. */
static bool
uses_long_column(const CsPlainTable *table)
{
	Bitmapset  *used = NULL;
	int			member = -1;
	ListCell   *lc;

	pull_varattnos((Node *) table->rel->reltarget->exprs, table->rel->relid, &used);
	foreach(lc, table->rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, table->rel->relid, &used);
	while ((member = bms_next_member(used, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum == InvalidAttrNumber)
			return true;
		if (attnum > 0 && is_long(relid_of(table),
								  TupleDescAttr(table->binding->tupdesc, attnum - 1)))
			return true;
	}
	return false;
}

/*
 * CPU time of the path, divided by that of the index scan.
 *
 * What the cached row is longer than the one in the table is in TOAST, or
 * compressed; the index scan fetches that only if the statement uses it.  What
 * does not fit into shared buffers costs the index scan a page more.
 */
double
cs_plaincost_ratio(const CsPlainTable *table)
{
	double		size = cached_size(table);
	double		hidden = Max(size - heap_size(table->rel), 0);
	double		pages = table->rel->pages + table->index->pages;
	double		scan = SCAN_COST;
	double		copy = size * COPY_COST;
	double		hits;
	double		misses;

	if (hidden > CHUNK_SIZE && uses_long_column(table))
	{
		scan += (1 + hidden / CHUNK_SIZE) * CHUNK_COST;
		pages += table->rel->tuples * hidden / BLCKSZ;
	}
	if (pages > NBuffers)
		scan += (1 - NBuffers / pages) * random_page_cost;
	measured_shares(table->binding, &hits, &misses);
	return (hits * (HIT_COST + copy) +
			misses * (scan + FILL_COST + 2 * copy) +
			(1 - hits - misses) * (scan + BYPASS_COST)) / scan;
}
