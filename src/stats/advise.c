/*-------------------------------------------------------------------------
 *
 * advise.c
 *		SQL function cache.advise(): whether caching a table pays, and how.
 *
 * With R reads by key and W changed rows, a hit ratio h, and what each costs
 * (advise_cost.c), caching saves
 *
 *		R * (direct - h * hit - (1 - h) * miss) - W * change
 *
 * and the h at which that is 0 is the break-even hit ratio.  R and W have been
 * counted (advise_mix.c).  So has h, if the table is attached and was read
 * often enough.  Otherwise it is estimated, rather too low: all rows are taken
 * to be read equally often, each first read of a row misses, and so does a
 * read after each change, unless new rows are published.  A table that is
 * larger than shared_buffers is taken to be read as unevenly as its blocks are
 * found there, if the store has room for a row of each of these blocks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "attach/eligible.h"
#include "guc.h"
#include "relation/owned.h"
#include "shmem.h"
#include "stats/advise_cost.h"
#include "stats/advise_mix.h"

PG_FUNCTION_INFO_V1(cs_advise);
PG_FUNCTION_INFO_V1(cs_advise_all);

/* Reads of the cache from which on their hit ratio is taken. */
#define ENOUGH_READS	1000

/* What an entry takes beside its row, key and index included. */
#define ENTRY_BYTES		70

/* Caching has to save this part of the time of reading, at least. */
#define LEAST_SAVING	0.02

/* From so many hits' time on, a load should be done by one session only. */
#define EXPENSIVE_LOAD	10

/* For what a loader function has made, which no trigger invalidates. */
#define LOADER_TTL		(5 * USECS_PER_MINUTE)

/* Columns of cache.advise() */
enum
{
	ADVISE_RELATION,
	ADVISE_ATTACHED,
	ADVISE_STRATEGY,
	ADVISE_TTL,
	ADVISE_MEMORY,
	ADVISE_SAVED_MS,
	ADVISE_SAVING,
	ADVISE_READS,
	ADVISE_WRITES,
	ADVISE_ROWS,
	ADVISE_ROW_BYTES,
	ADVISE_DIRECT,
	ADVISE_HIT,
	ADVISE_MISS,
	ADVISE_CHANGE,
	ADVISE_BREAK_EVEN,
	ADVISE_HIT_RATIO,
	ADVISE_HIT_RATIO_IS,
	ADVISE_REASON,
	N_ADVISE
};

typedef struct Advice
{
	const CsAdviseMix *mix;
	CsAdviseCost cost;
	double		reads;
	double		writes;
	double		distinct;		/* rows that are read, at most */
	double		hit_ratio;		/* with the strategy */
	double		change;			/* what a change costs with it */
	double		break_even;
	double		saved;			/* microseconds, of all reads and writes */
	bool		counted;		/* the hit ratio is */
	const char *strategy;		/* NULL: do not cache */
	const char *reason;
} Advice;

/* ----- hit ratios ----- */

static double
entry_bytes(const Advice *a)
{
	return a->cost.row_bytes + ENTRY_BYTES;
}

/* Which part of the reads is of rows that fit into the store. */
static double
fitting_part(const Advice *a)
{
	const CsAdviseMix *mix = a->mix;
	double		room = cs_memory_mb * 1024.0 * 1024.0 / entry_bytes(a);
	double		part = mix->rows > room ? room / mix->rows : 1;

	if (mix->blocks > mix->buffers && room >= mix->buffers)
		part = Max(part, 1 - mix->disk_share);
	return part;
}

/*
 * The hit ratio if entries are removed by changes, or replaced by them.
 */
static double
expected_hit_ratio(const Advice *a, bool published)
{
	double		after_changes = Min(a->writes, a->reads);
	double		misses;

	if (a->counted)
	{
		bool		now = strcmp(a->mix->strategy, "write_through") == 0;

		misses = a->reads * (1 - a->mix->cache_hits / a->mix->cache_reads);
		if (published && !now)
			misses = Max(misses - after_changes, 0);
		if (!published && now)
			misses = Min(misses + after_changes, a->reads);
		return 1 - misses / a->reads;
	}
	misses = a->distinct + (published ? 0 : after_changes);
	return fitting_part(a) * Max(1 - misses / a->reads, 0);
}

/* ----- what to do ----- */

static void
consider(Advice *a, const char *strategy, bool published)
{
	const CsAdviseCost *cost = &a->cost;
	double		change = published ? cost->publish : cost->change;
	double		h = expected_hit_ratio(a, published);
	double		saved = a->reads * (cost->direct - h * cost->hit - (1 - h) * cost->miss) -
	a->writes * change;

	if (a->strategy != NULL && saved <= a->saved)
		return;
	a->strategy = strategy;
	a->hit_ratio = h;
	a->change = change;
	a->saved = saved;
	a->break_even = (cost->miss - cost->direct + a->writes / a->reads * change) /
		(cost->miss - cost->hit);
}

static const char *
without_publishing(const Advice *a)
{
	if (a->mix->inserts > a->reads)
		return "write_around";
	if (a->mix->has_loader || a->cost.direct > EXPENSIVE_LOAD * a->cost.hit)
		return "read_through";
	return "cache_aside";
}

/* Why not, in words. */
static const char *
reason_against(const Advice *a)
{
	const CsAdviseCost *cost = &a->cost;

	if (cost->hit >= cost->direct)
		return "a hit would take as long as the SELECT, which finds its rows in memory";
	if (a->break_even >= 1)
		return psprintf("%.1f rows are changed for each read by key: that costs more than hits can save%s",
						a->writes / a->reads,
						a->mix->updates > 10 * Max(a->mix->rows, 1) ?
						"; if counters or last values are what is changed, see write_back" : "");
	if (!a->counted)
		return psprintf("it pays from %.0f %% hits on; there would be %.0f %% if all its rows are read equally often: if they are not, attach it for a while, and they are counted",
						100 * a->break_even, 100 * a->hit_ratio);
	return psprintf("it pays from %.0f %% hits on, and has %.0f %%",
					100 * a->break_even, 100 * a->hit_ratio);
}

static void
decide(Advice *a)
{
	const CsAdviseMix *mix = a->mix;
	bool		write_back = mix->strategy != NULL && strcmp(mix->strategy, "write_back") == 0;

	if (!write_back)
	{
		consider(a, without_publishing(a), false);
		if (!mix->has_loader)
			consider(a, "write_through", true);
	}
	else
		consider(a, "write_back", true);
	if (a->saved >= LEAST_SAVING * a->reads * a->cost.direct)
		a->reason = psprintf("it pays from %.0f %% hits on, and %s %.0f %%",
							 100 * Max(a->break_even, 0), a->counted ? "has" : "there would be",
							 100 * a->hit_ratio);
	else if (write_back)
		a->reason = "its deferred writes have to pay, as its reads do not: see cache.flush_status";
	else
	{
		a->reason = reason_against(a);
		a->strategy = NULL;
	}
}

static void
advise(const CsAdviseMix *mix, Advice *a)
{
	memset(a, 0, sizeof(*a));
	a->mix = mix;
	a->reads = mix->key_reads;
	a->writes = mix->updates + mix->deletes;
	if (!mix->has_key)
		a->reason = "it has no primary key";
	else if (a->reads < 1)
		a->reason = mix->other_reads > 0 ?
			"it is not read by key; for other statements see cache.result_candidates" :
			"it is not read";
	if (a->reason != NULL)
		return;
	cs_advise_cost_measure(mix->relid, mix->disk_share, &a->cost);
	if (!a->cost.measured)
	{
		a->reason = "it has no rows";
		return;
	}
	a->counted = mix->strategy != NULL && mix->cache_reads >= ENOUGH_READS;
	a->distinct = mix->rows < 1 ? 1 : mix->rows * (1 - exp(-a->reads / mix->rows));
	decide(a);
}

/* ----- the result ----- */

static Datum
rounded(double value, int digits)
{
	double		scale = pow(10, digits);

	return Float8GetDatum(rint(value * scale) / scale);
}

static Datum
ttl_datum(int64 usecs)
{
	Interval   *span = palloc0(sizeof(Interval));

	span->time = usecs;
	return IntervalPGetDatum(span);
}

/* Of its rows, those that are read; and not more than there is. */
static double
memory_for(const Advice *a)
{
	double		bytes = a->counted ? a->mix->cache_bytes * 1.1 :
	Min(a->distinct, Max(a->mix->rows, 1)) * entry_bytes(a);

	return Min(bytes, cs_memory_mb * 1024.0 * 1024.0);
}

static void
put_costs(const Advice *a, Datum *values, bool *nulls)
{
	int			costs[] = {ADVISE_SAVED_MS, ADVISE_SAVING, ADVISE_ROW_BYTES, ADVISE_DIRECT,
		ADVISE_HIT, ADVISE_MISS, ADVISE_CHANGE, ADVISE_BREAK_EVEN, ADVISE_HIT_RATIO,
	ADVISE_HIT_RATIO_IS};

	if (!a->cost.measured)
	{
		for (int i = 0; i < lengthof(costs); i++)
			nulls[costs[i]] = true;
		return;
	}
	values[ADVISE_SAVED_MS] = rounded(a->saved / 1000, 1);
	values[ADVISE_SAVING] = rounded(a->saved / (a->reads * a->cost.direct), 3);
	values[ADVISE_ROW_BYTES] = Int64GetDatum((int64) a->cost.row_bytes);
	values[ADVISE_DIRECT] = rounded(a->cost.direct, 2);
	values[ADVISE_HIT] = rounded(a->cost.hit, 2);
	values[ADVISE_MISS] = rounded(a->cost.miss, 2);
	values[ADVISE_CHANGE] = rounded(a->change, 2);
	values[ADVISE_BREAK_EVEN] = rounded(a->break_even, 3);
	values[ADVISE_HIT_RATIO] = rounded(a->hit_ratio, 3);
	values[ADVISE_HIT_RATIO_IS] = CStringGetTextDatum(a->counted ? "counted" : "estimated");
}

static void
put_advice(ReturnSetInfo *result, const Advice *a)
{
	Datum		values[N_ADVISE] = {0};
	bool		nulls[N_ADVISE] = {0};
	bool		ttl = a->strategy != NULL && a->mix->has_loader && !a->mix->has_ttl;

	values[ADVISE_RELATION] = ObjectIdGetDatum(a->mix->relid);
	nulls[ADVISE_ATTACHED] = a->mix->strategy == NULL;
	if (a->mix->strategy != NULL)
		values[ADVISE_ATTACHED] = CStringGetTextDatum(a->mix->strategy);
	nulls[ADVISE_STRATEGY] = nulls[ADVISE_MEMORY] = a->strategy == NULL;
	if (a->strategy != NULL)
	{
		values[ADVISE_STRATEGY] = CStringGetTextDatum(a->strategy);
		values[ADVISE_MEMORY] = Int64GetDatum((int64) memory_for(a));
	}
	nulls[ADVISE_TTL] = !ttl;
	if (ttl)
		values[ADVISE_TTL] = ttl_datum(LOADER_TTL);
	values[ADVISE_READS] = Int64GetDatum((int64) a->reads);
	values[ADVISE_WRITES] = Int64GetDatum((int64) a->writes);
	values[ADVISE_ROWS] = Int64GetDatum((int64) a->mix->rows);
	put_costs(a, values, nulls);
	values[ADVISE_REASON] = CStringGetTextDatum(a->reason);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static int
by_saving(const void *x, const void *y)
{
	double		a = ((const Advice *) x)->saved;
	double		b = ((const Advice *) y)->saved;

	return (a < b) - (a > b);
}

/*
 * Advise on one table, or on all; names in what is executed mean what they do
 * in pg_catalog, whatever the caller's search_path.
 */
static void
advise_on(FunctionCallInfo fcinfo, Oid relid)
{
	int			nestlevel = NewGUCNestLevel();
	Advice	   *advices;
	List	   *mixes;
	int			n = 0;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_guc_set_constant("search_path", "pg_catalog, pg_temp");
	mixes = cs_advise_mix_list(relid);
	advices = palloc(Max(list_length(mixes), 1) * sizeof(Advice));
	for (; n < list_length(mixes); n++)
		advise(list_nth(mixes, n), &advices[n]);
	AtEOXact_GUC(true, nestlevel);
	qsort(advices, n, sizeof(Advice), by_saving);
	for (int i = 0; i < n; i++)
		put_advice((ReturnSetInfo *) fcinfo->resultinfo, &advices[i]);
}

/*
 * cache.advise(relation)
 */
Datum
cs_advise(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Relation	rel;
	AclResult	acl;

	cs_shmem_require();
	/* before the lock; an error if there is no such table */
	acl = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
	rel = try_table_open(relid, AccessShareLock);
	if (rel == NULL)
		cs_owned_missing_error(relid);
	cs_eligible_check_relation(rel, true);
	advise_on(fcinfo, relid);
	table_close(rel, AccessShareLock);
	PG_RETURN_NULL();
}

/*
 * cache.advise()
 */
Datum
cs_advise_all(PG_FUNCTION_ARGS)
{
	advise_on(fcinfo, InvalidOid);
	PG_RETURN_NULL();
}
