/*-------------------------------------------------------------------------
 *
 * history.c
 *		Samples of what the store holds and of the counts over all databases.
 *
 * Counters say what has happened since the server's start.  What changed when,
 * is seen from samples of them.  The launcher takes one every
 * cache_strategies.history_interval, also when nothing happens, so that the
 * time axis has no holes.  Sessions do nothing for it.
 *
 * Shared memory holds the last CS_HISTORY_SAMPLES of them as a ring.  A
 * spinlock protects it: a sample is copied in or out under the lock, and
 * taken from the counters without it.  Samples are numbered from the server's
 * start; sample n is in place n modulo CS_HISTORY_SAMPLES.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "store/history.h"

typedef struct CsSharedHistory
{
	TimestampTz began;			/* set once; when the counters were 0 */
	slock_t		lock;			/* protects the rest */
	uint64		taken;			/* spinlock; samples since then */
	CsHistorySample sample[CS_HISTORY_SAMPLES]; /* spinlock */
} CsSharedHistory;

static CsSharedHistory *shared;

Size
cs_history_shmem_size(void)
{
	return sizeof(CsSharedHistory);
}

void
cs_history_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies history", cs_history_shmem_size(), &found);
	if (found)
		return;
	shared->began = GetCurrentTimestamp();
	SpinLockInit(&shared->lock);
	shared->taken = 0;
}

/* When counting began, if the counts have not been reset since. */
TimestampTz
cs_history_began(void)
{
	return shared->began;
}

/*
 * A sample of this moment, which is not kept.  The caller flushes its counts
 * first if it wants to see them.
 */
void
cs_history_now(CsHistorySample *sample)
{
	CsStoreInfo info;

	cs_store_info(&info);
	sample->time = GetCurrentTimestamp();
	sample->since = cs_counters_total_since();
	sample->usage = info.usage;
	sample->dead = info.dead;
	cs_counters_total(sample->counts);
}

/*
 * Take a sample.
 */
void
cs_history_take(void)
{
	CsHistorySample sample;

	cs_history_now(&sample);
	SpinLockAcquire(&shared->lock);
	shared->sample[shared->taken++ % CS_HISTORY_SAMPLES] = sample;
	SpinLockRelease(&shared->lock);
}

/* How many have been taken; the number of the next one. */
uint64
cs_history_taken(void)
{
	uint64		taken;

	SpinLockAcquire(&shared->lock);
	taken = shared->taken;
	SpinLockRelease(&shared->lock);
	return taken;
}

/*
 * Copy a sample.  Returns false if there is none of that number, or none any
 * more.
 */
bool
cs_history_read(uint64 number, CsHistorySample *sample)
{
	bool		found;

	SpinLockAcquire(&shared->lock);
	found = number < shared->taken && number + CS_HISTORY_SAMPLES >= shared->taken;
	if (found)
		*sample = shared->sample[number % CS_HISTORY_SAMPLES];
	SpinLockRelease(&shared->lock);
	return found;
}

/* ----- differences ----- */

/* A sum over slots may miss one for a moment, and then seem to have fallen. */
static uint64
growth(uint64 now, uint64 before)
{
	return now > before ? now - before : 0;
}

/*
 * Replace what a sample counts by what was counted since an earlier one.  If
 * the counts have been reset in between, that is what was counted since then.
 */
void
cs_history_subtract(CsHistorySample *sample, const CsHistorySample *before)
{
	sample->usage.evictions = growth(sample->usage.evictions, before->usage.evictions);
	sample->usage.unread = growth(sample->usage.unread, before->usage.unread);
	sample->usage.expirations = growth(sample->usage.expirations, before->usage.expirations);
	if (sample->since != before->since)
		return;
	for (int c = 0; c < CS_N_COUNTS; c++)
		sample->counts[c] = growth(sample->counts[c], before->counts[c]);
}

/* Reads that were answered from the cache. */
uint64
cs_history_hits(const CsHistorySample *sample)
{
	return sample->counts[CS_COUNT_HIT] + sample->counts[CS_COUNT_HIT_ABSENT];
}

/* All reads. */
uint64
cs_history_reads(const CsHistorySample *sample)
{
	return cs_history_hits(sample) + cs_counters_sum(sample->counts, CS_EVENT_MISS) +
		cs_counters_sum(sample->counts, CS_EVENT_BYPASS);
}
