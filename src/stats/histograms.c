/*-------------------------------------------------------------------------
 *
 * histograms.c
 *		The functions behind cache.latency and cache.latency_histogram.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "shmem.h"
#include "stats/histograms.h"
#include "store/counters.h"
#include "store/latency.h"

PG_FUNCTION_INFO_V1(cs_latency_counters);
PG_FUNCTION_INFO_V1(cs_latency_buckets);

static const struct
{
	const char *kind;
	const char *operation;
}			names[CS_N_LATENCIES] =

{
	{"rows", "hit"},
	{"rows", "miss"},
	{"rows", "load"},
	{"rows", "write"},
	{"rows", "flush"},
	{"keys", "hit"},
	{"keys", "write"},
	{"results", "hit"},
	{"results", "load"}
};

/* Kind and operation, such as "rows hit". */
char *
cs_histograms_name(CsLatency what)
{
	return psprintf("%s %s", names[what].kind, names[what].operation);
}

static double
milliseconds(double nanos)
{
	return nanos / 1000000;
}

/* ----- percentiles ----- */

/* Columns of cache.latency_counters(). */
enum
{
	LATENCY_KIND,
	LATENCY_OPERATION,
	LATENCY_TIMED,
	LATENCY_TOTAL,
	LATENCY_MEAN,
	LATENCY_PERCENTILES,
	N_LATENCY = LATENCY_PERCENTILES + 4
};

static const double percentiles[] = {0.5, 0.95, 0.99, 0.999};

/*
 * The time below which a part of the operations was, in nanoseconds.  Within a
 * bucket they are taken as evenly distributed; of those in the last one only
 * the lower bound is known.
 */
double
cs_histograms_percentile(const uint64 *count, uint64 n, double part)
{
	double		rank = part * n;
	double		below = 0;

	for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
	{
		double		low = b > 0 ? cs_latency_bound(b - 1) : 0;

		if (below + count[b] >= rank && count[b] > 0)
			return b == CS_LATENCY_BUCKETS - 1 ? low :
				low + (cs_latency_bound(b) - low) * (rank - below) / count[b];
		below += count[b];
	}
	return 0;
}

static void
put_latency(ReturnSetInfo *result, CsLatency what)
{
	Datum		values[N_LATENCY];
	bool		nulls[N_LATENCY] = {0};
	uint64		count[CS_LATENCY_BUCKETS];
	uint64		nanos = cs_latency_read(what, count);
	uint64		n = 0;

	for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
		n += count[b];
	values[LATENCY_KIND] = CStringGetTextDatum(names[what].kind);
	values[LATENCY_OPERATION] = CStringGetTextDatum(names[what].operation);
	values[LATENCY_TIMED] = Int64GetDatum((int64) n);
	values[LATENCY_TOTAL] = Float8GetDatum(milliseconds(nanos));
	values[LATENCY_MEAN] = Float8GetDatum(milliseconds((double) nanos / Max(n, 1)));
	for (int i = 0; i < lengthof(percentiles); i++)
	{
		values[LATENCY_PERCENTILES + i] =
			Float8GetDatum(milliseconds(cs_histograms_percentile(count, n, percentiles[i])));
		nulls[LATENCY_PERCENTILES + i] = n == 0;
	}
	nulls[LATENCY_MEAN] = n == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.latency_counters()
 */
Datum
cs_latency_counters(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	for (int i = 0; i < CS_N_LATENCIES; i++)
		put_latency((ReturnSetInfo *) fcinfo->resultinfo, i);
	PG_RETURN_NULL();
}

/* ----- buckets ----- */

/* Columns of cache.latency_buckets(). */
enum
{
	BUCKET_KIND,
	BUCKET_OPERATION,
	BUCKET_BELOW,
	BUCKET_COUNT,
	BUCKET_CUMULATIVE,
	N_BUCKET
};

/*
 * Add rows for the buckets that are not empty, and for the one above all
 * bounds.
 */
static void
put_buckets(ReturnSetInfo *result, CsLatency what)
{
	uint64		count[CS_LATENCY_BUCKETS];
	uint64		cumulative = 0;

	(void) cs_latency_read(what, count);
	for (int b = 0; b < CS_LATENCY_BUCKETS; b++)
	{
		Datum		values[N_BUCKET];
		bool		nulls[N_BUCKET] = {0};
		bool		last = b == CS_LATENCY_BUCKETS - 1;

		cumulative += count[b];
		if (count[b] == 0 && !last)
			continue;
		values[BUCKET_KIND] = CStringGetTextDatum(names[what].kind);
		values[BUCKET_OPERATION] = CStringGetTextDatum(names[what].operation);
		values[BUCKET_BELOW] = Float8GetDatum(last ? get_float8_infinity() :
											  milliseconds(cs_latency_bound(b)));
		values[BUCKET_COUNT] = Int64GetDatum((int64) count[b]);
		values[BUCKET_CUMULATIVE] = Int64GetDatum((int64) cumulative);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * cache.latency_buckets()
 */
Datum
cs_latency_buckets(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	for (int i = 0; i < CS_N_LATENCIES; i++)
		put_buckets((ReturnSetInfo *) fcinfo->resultinfo, i);
	PG_RETURN_NULL();
}
