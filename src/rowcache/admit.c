/*-------------------------------------------------------------------------
 *
 * admit.c
 *		Whether a row that was loaded after a miss is worth keeping.
 *
 * Keeping a row costs more than reading it.  A table of which little fits, and
 * whose keys are seldom read again, has little of what it keeps: so while its
 * hit ratio is low and entries of it are evicted, a key is kept on its second
 * read only.  A strategy may want that always.
 *
 * The ratio is the one of all sessions, in the time in which this session had
 * LOOK misses.  What is decided is local to the session's binding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rowcache/admit.h"
#include "rowcache/strategy.h"
#include "store/counters.h"
#include "store/store.h"

/* Misses of this session from one look at the counters to the next. */
#define LOOK		256

/*
 * Fewer hits than this share of the reads are few.  Where more than half are
 * hits, evicting by frequency does as well without a second read.
 */
#define FEW			0.5

/*
 * Look at the table's counters, and decide anew.  Without evictions there is
 * room, and a low ratio means that the table has not been read for long.  Once
 * keys are admitted on their second read few entries are evicted, so that
 * alone is no reason to go back; that most entries have gone is one.
 */
static void
look(CsBinding *binding)
{
	CsAdmission *admission = &binding->admission;
	uint64		counts[CS_N_COUNTS];
	CsUsage		usage;
	uint64		hits;
	uint64		reads;
	bool		few;

	cs_counters_flush();
	cs_counters_read(binding->slot, counts);
	cs_store_usage(binding->slot, &usage);
	hits = counts[CS_COUNT_HIT] + counts[CS_COUNT_HIT_ABSENT];
	reads = hits + cs_counters_sum(counts, CS_EVENT_MISS);
	few = hits - admission->hits < FEW * (reads - admission->reads);
	if (!few || usage.entries < admission->entries / 2)
		admission->second_read = false;
	else if (!admission->second_read && usage.evictions != admission->evictions)
	{
		admission->second_read = true;
		admission->entries = usage.entries;
	}
	admission->hits = hits;
	admission->reads = reads;
	admission->evictions = usage.evictions;
}

/*
 * Whether to keep what is loaded for this key, which was not in the cache.
 * Notes that it was asked for.
 */
bool
cs_admit_key(CsBinding *binding, const CsRowKey *rowkey)
{
	CsAdmission *admission = &binding->admission;

	if (binding->slot < 0)
		return true;
	if (!cs_strategy_of(binding)->second_read)
	{
		/* what a function has computed is worth more than its place */
		if (binding->options.loader != NULL)
			return true;
		if (++admission->misses % LOOK == 0)
			look(binding);
		if (!admission->second_read)
			return true;
	}
	return cs_store_seen(rowkey->key.hash);
}
