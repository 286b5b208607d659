/*-------------------------------------------------------------------------
 *
 * t_threads.c
 *		Readers against writers.
 *
 * Each value names its key and version in every word, so a torn copy shows.
 * Each key belongs to one writer, who announces the oldest version that may
 * still be seen as soon as install or unlink has returned.  Some keys are
 * always dirty and never unlinked; they must never be missed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "unit.h"

#define WRITERS		2
#define READERS		4
#define KEYS		3000
#define SECONDS		6.0
#define POPULAR		64
#define MAX_WORDS	500

static pg_atomic_uint64 oldest[KEYS];
static pg_atomic_uint32 stop;

typedef struct Worker
{
	pthread_t	thread;
	int			n;
	uint64		random;
	uint64		lookups;
	uint64		hits;
	uint64		changes;
} Worker;

static uint64
word_of(int id, uint64 version)
{
	return version * KEYS + id;
}

/* Number of words and version, to go with xid and value. */
static uint64
epoch_of(Size words, uint64 version)
{
	return words | (version & 0xffff) << 16;
}

/* These are among the popular ones. */
static bool
always_dirty(int id)
{
	return id < POPULAR && id % 4 < 2;
}

/* A quarter of the keys never change size, and are overwritten in place. */
static Size
words_of(int id, uint64 random)
{
	return id % 4 == 0 ? 1 + id % 64 : 1 + random % MAX_WORDS;
}

static void
announce(int id, uint64 version)
{
	pg_memory_barrier();
	pg_atomic_write_u64(&oldest[id], version);
}

static void
install_next(int id, uint64 version, Size words)
{
	uint64		value[MAX_WORDS];
	CsMeta		meta = {0};
	CsKey		key;
	Size		i;

	for (i = 0; i < words; i++)
		value[i] = word_of(id, version);
	meta.wxid = word_of(id, version);
	meta.epoch = epoch_of(words, version);
	unit_key(&id, &key);
	if (always_dirty(id))
	{
		uint64		last = pg_atomic_read_u64(&oldest[id]);
		CsSwap		result = cs_store_swap(&key, &meta, (char *) value,
										   words * sizeof(uint64),
										   last == 0 ? 0 : word_of(id, last), false);

		expect(result == CS_SWAP_DONE || result == CS_SWAP_FULL);
		if (result == CS_SWAP_DONE)
			announce(id, version);
	}
	else if (cs_store_install(&key, &meta, (char *) value, words * sizeof(uint64), 0,
							  NULL, NULL) == CS_INSTALL_DONE)
		announce(id, version);
}

static void *
writer(void *arg)
{
	Worker	   *w = arg;
	uint64	   *version = calloc(KEYS, sizeof(uint64));

	while (pg_atomic_read_u32(&stop) == 0)
	{
		uint64		r = unit_random(&w->random);
		int			id = (int) (r % KEYS) / WRITERS * WRITERS + w->n;

		if (unit_random(&w->random) % 4 == 0)
			id %= POPULAR;

		/* later, when both of their buckets are in use */
		if (always_dirty(id) && w->changes < KEYS)
			continue;

		version[id]++;
		if ((r >> 32) % 4 == 0 && !always_dirty(id))
		{
			cs_store_unlink(0, cs_mix(id + 1));
			announce(id, version[id]);
		}
		else
			install_next(id, version[id], words_of(id, r >> 40));
		w->changes++;
		if (w->changes % 16 == 0)
			sched_yield();
	}
	free(version);
	return NULL;
}

static bool
plausible(const CsMeta *meta, void *arg)
{
	int			id = *(int *) arg;
	Size		words = meta->epoch & 0xffff;

	if (meta->wxid % KEYS != id || words == 0 || words > MAX_WORDS ||
		meta->epoch != epoch_of(words, meta->wxid / KEYS))
		fail("accept() was shown a torn header");
	return true;
}

static void
read_one(Worker *w)
{
	int			id = (int) (unit_random(&w->random) % KEYS);
	uint64		least;
	CsFound		found;
	CsKey		key;
	uint64	   *words;
	Size		nwords;
	Size		i;

	if (unit_random(&w->random) % 2 == 0)
		id %= POPULAR;
	unit_key(&id, &key);
	least = pg_atomic_read_u64(&oldest[id]);
	pg_memory_barrier();
	w->lookups++;
	if (cs_store_lookup(&key, plausible, &id, &found) != CS_LOOKUP_HIT)
	{
		if (always_dirty(id) && least > 0)
			fail("key %d: dirty, and missing", id);
		return;
	}
	w->hits++;
	words = (uint64 *) found.value;
	nwords = found.meta.epoch & 0xffff;
	if (found.len != nwords * sizeof(uint64))
		fail("length and header do not belong together");
	if (found.meta.wxid / KEYS < least)
		fail("key %d: version " UINT64_FORMAT " seen after " UINT64_FORMAT,
			 id, found.meta.wxid / KEYS, least);
	for (i = 0; i < nwords; i++)
	{
		if (words[i] != found.meta.wxid)
			fail("key %d: a torn value", id);
	}
	pfree(found.value);
}

static void *
reader(void *arg)
{
	while (pg_atomic_read_u32(&stop) == 0)
		read_one(arg);
	return NULL;
}

void
test_threads(void)
{
	Worker		workers[WRITERS + READERS] = {0};
	Worker		sum = {0};
	double		start;
	int			i;
	CsStoreInfo info;

	shim_new_store(2, 2, 1);
	shim_noise = true;
	pg_atomic_init_u32(&stop, 0);
	for (i = 0; i < KEYS; i++)
		pg_atomic_init_u64(&oldest[i], 0);
	start = unit_clock();
	for (i = 0; i < WRITERS + READERS; i++)
	{
		workers[i].n = i;
		workers[i].random = i * 1000;
		pthread_create(&workers[i].thread, NULL, i < WRITERS ? writer : reader,
					   &workers[i]);
	}
	while (unit_clock() - start < SECONDS)
		usleep(10000);
	pg_atomic_write_u32(&stop, 1);
	for (i = 0; i < WRITERS + READERS; i++)
	{
		pthread_join(workers[i].thread, NULL);
		sum.lookups += workers[i].lookups;
		sum.hits += workers[i].hits;
		sum.changes += workers[i].changes;
	}
	shim_noise = false;
	unit_consistent();
	cs_store_info(&info);
	unit_ok("threads", UINT64_FORMAT " lookups, " UINT64_FORMAT " hits, "
			UINT64_FORMAT " changes, " UINT64_FORMAT " evictions",
			sum.lookups, sum.hits, sum.changes, info.usage.evictions);
}
