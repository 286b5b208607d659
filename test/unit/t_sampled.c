/*-------------------------------------------------------------------------
 *
 * t_sampled.c
 *		The miniatures: which keys are sampled, what becomes of them, and how well
 *		they predict.
 *
 * test_predict() plays the files of requests of bench/policy.d/generate.c,
 * which the Makefile has written to build/.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guc.h"
#include "predict.h"
#include "unit.h"

#undef snprintf

/* A prediction may be wrong by so much. */
#define TOLERANCE	0.02

static CsKey
key_of(const uint64 *id)
{
	CsKey		key = {cs_mix(*id + 1), 0, sizeof(*id), (const char *) id};

	return key;
}

/*
 * Sampled keys are as many as they should be, and spread over partitions and
 * buckets as all keys are: no place has more than twice its share.
 */
static void
sampled_spread(void)
{
	enum
	{
		keys = 4000000,
		classes = 64
	};
	uint32		parts[classes] = {0};
	uint32		sampled_buckets[classes] = {0};
	uint32		n = 0;
	double		share;

	for (uint64 id = 0; id < keys; id++)
	{
		CsKey		key = key_of(&id);
		CsPlace		place;

		if (!cs_miniature_sampled(key.hash))
			continue;
		cs_place(key.hash, key.owner, &place);
		n++;
		parts[place.part * classes / cs_store.npartitions]++;
		sampled_buckets[(uint64) place.bucket[0] * classes / cs_store.nbuckets]++;
	}
	share = (double) keys / cs_miniature_rate();
	expect(n > share * 0.98 && n < share * 1.02);
	for (int i = 0; i < classes; i++)
	{
		expect(sampled_buckets[i] > n / classes * 0.8 && sampled_buckets[i] < n / classes * 1.2);
		if (cs_store.npartitions == classes)
			expect(parts[i] > n / classes * 0.8 && parts[i] < n / classes * 1.2);
	}
	unit_ok("sampled", "one key in %u, %u of %d, evenly over partitions and buckets",
			cs_miniature_rate(), n, keys);
}

/* A sampled key. */
static uint64
sampled_id(uint64 after)
{
	for (;; after++)
	{
		CsKey		key = key_of(&after);

		if (cs_miniature_sampled(key.hash))
			return after;
	}
}

/* What the last read has added to the misses: 1 in each miniature, or 0. */
static int
missed(const CsSamples * before)
{
	CsSamples	now;

	cs_miniature_samples(0, &now);
	expect(now.reads == before->reads + 1);
	for (int n = 1; n < CS_MINIATURES; n++)
		expect(now.misses[n] - before->misses[n] == now.misses[0] - before->misses[0]);
	return (int) (now.misses[0] - before->misses[0]);
}

static int
read_miss(const CsKey *key)
{
	CsSamples	before;

	cs_miniature_samples(0, &before);
	cs_miniature_note_miss(key);
	return missed(&before);
}

static int
read_hit(const CsKey *key, const CsMeta *meta)
{
	CsSamples	before;

	cs_miniature_samples(0, &before);
	cs_miniature_note_hit(key, meta, 100);
	return missed(&before);
}

/* Loaded, read, changed, published, expired, and dropped with its table. */
static void
sampled_life(void)
{
	uint64		id = sampled_id(0);
	CsKey		key = key_of(&id);
	CsMeta		meta = {0};
	CsSamples	none;
	LWLock	   *lock;

	expect(read_miss(&key) == 1);
	expect(read_miss(&key) == 1);
	expect(cs_store_install(&key, &meta, unit_pool, 100, 0, NULL, NULL) == CS_INSTALL_DONE);
	expect(read_hit(&key, &meta) == 0);
	expect(cs_store_unlink(0, key.hash));
	expect(read_miss(&key) == 1);

	/* a hit that it does not know, as the report of the load was lost */
	expect(read_hit(&key, &meta) == 1);
	expect(read_hit(&key, &meta) == 0);

	/* of another size, and soon to expire */
	meta.expires = shim_time_of_day + 3 * USECS_PER_SEC;
	cs_miniature_note_put(&key, &meta, 5000, true);
	expect(read_hit(&key, &meta) == 0);
	shim_elapsed += 4 * USECS_PER_SEC;
	expect(read_miss(&key) == 1);
	meta.expires = 0;
	cs_miniature_note_put(&key, &meta, 100, false);
	expect(read_hit(&key, &meta) == 0);

	/* entries of an earlier epoch are gone */
	cs_store_outdate(0, 1);
	expect(read_miss(&key) == 1);
	meta.epoch = 1;
	cs_miniature_note_put(&key, &meta, 100, false);
	expect(read_hit(&key, &meta) == 0);

	/* reports do not wait for the lock */
	lock = &GetNamedLWLockTranche("cache_strategies_miniature")->lock;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	alarm(30);
	cs_miniature_note_hit(&key, &meta, 100);
	cs_miniature_note_miss(&key);
	cs_miniature_note_put(&key, &meta, 100, true);
	cs_miniature_note_removal(0, key.hash);
	alarm(0);
	LWLockRelease(lock);
	expect(read_hit(&key, &meta) == 0);

	cs_miniature_samples(0, &none);
	expect(none.reads == 12 && none.misses[0] == 6);
	cs_miniature_reset(0);
	cs_miniature_samples(0, &none);
	expect(none.reads == 0 && none.misses[0] == 0);
	unit_ok("sampled", "a key's life is that of its entry");
}

/* A scan of keys that are read once fills them, and leaves no larger than it. */
static void
sampled_full(void)
{
	uint64		random = 5;

	for (int i = 0; i < 200000; i++)
	{
		uint64		id = sampled_id(unit_random(&random) >> 8);
		CsKey		key = key_of(&id);
		CsMeta		meta = {0};

		if (unit_random(&random) % 8 == 0)
			cs_miniature_note_removal(0, key.hash);
		cs_miniature_note_put(&key, &meta, unit_random(&random) % 20000, true);
	}
	unit_ok("sampled", "200,000 keys of all sizes in full miniatures");
}

void
test_sampled(void)
{
	shim_new_store(512, 0, 64);
	shim_new_miniatures();
	sampled_spread();
	shim_new_store(1, 0, 64);
	shim_new_miniatures();
	sampled_life();
	sampled_full();
}

/* ----- predictions ----- */

static Requested
read_requests(const char *path)
{
	int			fd = open(path, O_RDONLY);
	Requested	r;
	struct stat st;
	const uint32 *map;

	if (fd < 0 || fstat(fd, &st) != 0)
		fail("%s: there is no such file", path);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		fail("%s: cannot be read", path);
	close(fd);
	r.n = map[0];
	r.key = map + 2;
	r.size = r.key + r.n;
	return r;
}

static void
predict_file(const char *name, int memory_mb, int entry_size)
{
	char		path[64];
	Requested	r;
	Prediction	p[CS_MINIATURES];
	CsSamples	samples;

	snprintf(path, sizeof(path), "build/%s.req", name);
	r = read_requests(path);
	cs_typical_entry = entry_size;
	predict(&r, memory_mb, p, &samples);
	cs_typical_entry = 64;
	for (int n = 0; n < CS_MINIATURES; n++)
	{
		unit_ok("predict", "%s, 1 in %u, from %d MB for %g MB: %.2f %%, measured %.2f %%",
				name, cs_miniature_rate(), memory_mb,
				n < 2 ? memory_mb / (double) (4 >> n) : memory_mb * (double) (1 << (n - 2)),
				100 * p[n].predicted, 100 * p[n].measured);
		if (p[n].predicted < p[n].measured - TOLERANCE ||
			p[n].predicted > p[n].measured + TOLERANCE)
			fail("%s: %.4f predicted, %.4f measured", name, p[n].predicted, p[n].measured);
	}
}

void
test_predict(void)
{
	predict_file("zipf07", 8, 64);
	predict_file("zipf099", 8, 64);
	predict_file("trace", 100, 24000);
}
