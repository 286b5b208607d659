/*-------------------------------------------------------------------------
 *
 * memory_advice.c
 *		The function behind cache.memory_advice: hit ratios with less memory,
 *		and with more.
 *
 * The counts of all databases make the total.  Of tables one sees those of the
 * database, of spaces those that one may read.  What is shown are counts, as
 * in cache.table_stats and cache.space_stats.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "guc.h"
#include "kv/space.h"
#include "shmem.h"
#include "store/counters.h"
#include "store/miniature.h"
#include "store/slot.h"

PG_FUNCTION_INFO_V1(cs_memory_advice);

/* Columns of cache.memory_predictions() */
enum
{
	ADVICE_RELATION,
	ADVICE_SPACE,
	ADVICE_MEMORY,
	ADVICE_HIT_RATIO,
	ADVICE_READS,
	ADVICE_SAMPLED,
	N_ADVICE
};

/* What was read of one owner, or of all. */
typedef struct Reads
{
	uint64		hits;
	uint64		misses;
	uint64		bypasses;
	CsSamples	samples;
} Reads;

static void
add_owner(int slot, Reads *reads)
{
	uint64		counts[CS_N_COUNTS];
	CsSamples	samples;

	cs_counters_read(slot, counts);
	reads->hits += counts[CS_COUNT_HIT] + counts[CS_COUNT_HIT_ABSENT];
	reads->misses += cs_counters_sum(counts, CS_EVENT_MISS);
	reads->bypasses += cs_counters_sum(counts, CS_EVENT_BYPASS);
	cs_miniature_samples((uint32) slot, &samples);
	reads->samples.reads += samples.reads;
	for (int n = 0; n < CS_MINIATURES; n++)
		reads->samples.misses[n] += samples.misses[n];
}

/*
 * Add a row for each size.  Bypasses do not depend on the memory.
 */
static void
put_sizes(ReturnSetInfo *result, Oid relation, const char *space, const Reads *reads)
{
	uint64		all = reads->hits + reads->misses + reads->bypasses;

	for (int n = 0; n < CS_MINIATURES; n++)
	{
		Datum		values[N_ADVICE];
		bool		nulls[N_ADVICE] = {0};
		double		ratio = cs_miniature_hit_ratio(&reads->samples, n,
												   reads->hits + reads->misses, reads->misses);

		values[ADVICE_RELATION] = ObjectIdGetDatum(relation);
		nulls[ADVICE_RELATION] = !OidIsValid(relation);
		nulls[ADVICE_SPACE] = space == NULL;
		values[ADVICE_SPACE] = space == NULL ? (Datum) 0 : CStringGetTextDatum(space);
		values[ADVICE_MEMORY] = Int64GetDatum((int64) cs_miniature_memory(n));
		nulls[ADVICE_HIT_RATIO] = reads->samples.reads == 0 || all == 0;
		values[ADVICE_HIT_RATIO] = Float8GetDatum(all == 0 ? 0 :
												  ratio * (reads->hits + reads->misses) / all);
		values[ADVICE_READS] = Int64GetDatum((int64) all);
		values[ADVICE_SAMPLED] = Int64GetDatum((int64) reads->samples.reads);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
put_total(ReturnSetInfo *result)
{
	Reads		reads = {0};

	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		CsSlotKind	kind;
		Oid			database;

		if (OidIsValid(cs_slot_name(slot, &database, &kind)))
			add_owner(slot, &reads);
	}
	put_sizes(result, InvalidOid, NULL, &reads);
}

static void
put_tables(ReturnSetInfo *result)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(MyDatabaseId, slots);

	for (int i = 0; i < n; i++)
	{
		Reads		reads = {0};
		Oid			database;
		Oid			relation = cs_slot_relation(slots[i], &database);

		if (!OidIsValid(relation) || database != MyDatabaseId)
			continue;			/* freed meanwhile */
		add_owner(slots[i], &reads);
		if (reads.hits + reads.misses + reads.bypasses > 0)
			put_sizes(result, relation, NULL, &reads);
	}
}

static void
put_spaces(ReturnSetInfo *result)
{
	ListCell   *lc;

	foreach(lc, cs_space_list(has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)))
	{
		const CsSpace *space = lfirst(lc);
		Reads		reads = {0};

		if (space->slot < 0)
			continue;
		add_owner(space->slot, &reads);
		put_sizes(result, InvalidOid, space->own ? "(private)" : space->name, &reads);
	}
}

/*
 * cache.memory_predictions()
 */
Datum
cs_memory_advice(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	put_total(result);
	put_tables(result);
	put_spaces(result);
	PG_RETURN_NULL();
}
