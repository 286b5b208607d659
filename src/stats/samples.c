/*-------------------------------------------------------------------------
 *
 * samples.c
 *		The function behind cache.history.  Like cache.stats it returns sums
 *		over all databases, so every role may call it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/timestamp.h"

#include "shmem.h"
#include "stats/statscolumns.h"
#include "store/history.h"

PG_FUNCTION_INFO_V1(cs_history_samples);

/* Columns of cache.history_samples() */
enum
{
	SAMPLE_TIME,
	SAMPLE_SECONDS,
	SAMPLE_READS,
	SAMPLE_HIT_RATIO,
	SAMPLE_ENTRIES,
	SAMPLE_BYTES,
	SAMPLE_EVICTIONS,
	SAMPLE_UNREAD,
	SAMPLE_EXPIRATIONS,
	SAMPLE_DEAD,
	SAMPLE_DIRTY_ENTRIES,
	SAMPLE_DIRTY_BYTES,
	SAMPLE_COUNTS,
	SAMPLE_RESET = SAMPLE_COUNTS + CS_N_STATS_COLUMNS,
	N_SAMPLE
};

/*
 * Put the columns about the time since the sample before.
 */
static void
put_span(const CsHistorySample *sample, const CsHistorySample *before,
		 Datum *values, bool *nulls)
{
	CsHistorySample span = *sample;
	uint64		reads;

	nulls[SAMPLE_SECONDS] = nulls[SAMPLE_READS] = nulls[SAMPLE_HIT_RATIO] = true;
	if (before == NULL)
		return;
	cs_history_subtract(&span, before);
	reads = cs_history_reads(&span);
	values[SAMPLE_SECONDS] = Float8GetDatum((sample->time - before->time) / 1000000.0);
	values[SAMPLE_READS] = Int64GetDatum((int64) reads);
	values[SAMPLE_HIT_RATIO] =
		Float8GetDatum((double) cs_history_hits(&span) / Max(reads, 1));
	nulls[SAMPLE_SECONDS] = nulls[SAMPLE_READS] = false;
	nulls[SAMPLE_HIT_RATIO] = reads == 0;
}

static void
put_sample(ReturnSetInfo *result, const CsHistorySample *sample,
		   const CsHistorySample *before)
{
	Datum		values[N_SAMPLE];
	bool		nulls[N_SAMPLE] = {0};

	values[SAMPLE_TIME] = TimestampTzGetDatum(sample->time);
	put_span(sample, before, values, nulls);
	values[SAMPLE_ENTRIES] = Int64GetDatum((int64) sample->usage.entries);
	values[SAMPLE_BYTES] = Int64GetDatum((int64) sample->usage.bytes);
	values[SAMPLE_EVICTIONS] = Int64GetDatum((int64) sample->usage.evictions);
	values[SAMPLE_UNREAD] = Int64GetDatum((int64) sample->usage.unread);
	values[SAMPLE_EXPIRATIONS] = Int64GetDatum((int64) sample->usage.expirations);
	values[SAMPLE_DEAD] = Int64GetDatum((int64) sample->dead);
	values[SAMPLE_DIRTY_ENTRIES] = Int64GetDatum((int64) sample->usage.dirty_entries);
	values[SAMPLE_DIRTY_BYTES] = Int64GetDatum((int64) sample->usage.dirty_bytes);
	cs_statscolumns_put(sample->counts, &values[SAMPLE_COUNTS]);
	values[SAMPLE_RESET] = TimestampTzGetDatum(sample->since);
	nulls[SAMPLE_RESET] = sample->since == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * cache.history_samples()
 */
Datum
cs_history_samples(PG_FUNCTION_ARGS)
{
	CsHistorySample samples[2];
	uint64		taken;
	bool		have_before = false;
	int			now = 0;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	taken = cs_history_taken();
	for (uint64 i = taken - Min(taken, CS_HISTORY_SAMPLES); i < taken; i++)
	{
		if (!cs_history_read(i, &samples[now]))
			continue;			/* replaced meanwhile */
		put_sample((ReturnSetInfo *) fcinfo->resultinfo, &samples[now],
				   have_before ? &samples[1 - now] : NULL);
		have_before = true;
		now = 1 - now;
	}
	PG_RETURN_NULL();
}
