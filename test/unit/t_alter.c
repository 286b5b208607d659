/*-------------------------------------------------------------------------
 *
 * t_alter.c
 *		Changes in place, swaps and scans, by threads.
 *
 * Every word of a value is the key's number and version, as in t_threads.c,
 * and a change in place is overtaken between one word and the next.  A key of
 * the first kind belongs to one writer, is always there, and must be found by
 * every lookup and once by every scan, not older than what had been announced
 * before.  Shared keys are counters that all writers increment, in place or by
 * swapping: no increment may get lost.  Keys of the third kind come and go.  A
 * flood of clean entries moves them all about.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "unit.h"

#define WRITERS		2
#define READERS		2
#define FLOODERS	1
#define SCANNERS	1
#define THREADS		(WRITERS + READERS + FLOODERS + SCANNERS)

#define OWNED		400			/* 0 .. OWNED - 1 */
#define SHARED		16			/* from there on */
#define FLEETING	100			/* and from there on */
#define KEYS		(OWNED + SHARED + FLEETING)
#define MAX_WORDS	100
#define SECONDS		5.0

static pg_atomic_uint64 oldest[OWNED];
static pg_atomic_uint64 increments[SHARED];
static pg_atomic_uint32 stop;

typedef struct Worker
{
	pthread_t	thread;
	int			n;
	uint64		random;
	uint64		altered;
	uint64		swapped;
	uint64		conflicts;
	uint64		lookups;
	uint64		scans;
} Worker;

static uint64
word_of(int id, uint64 version)
{
	return version * KEYS + id;
}

static void
make_key(const int *id, CsKey *key)
{
	key->hash = cs_mix(*id + 1);
	key->owner = 0;
	key->len = 2 + *id % 3;		/* of values that are not aligned by chance */
	key->data = (const char *) id;
}

static CsSwap
swap(int id, uint64 expected, uint64 version, Size words)
{
	uint64		value[MAX_WORDS];
	CsMeta		meta = {0};
	CsKey		key;
	Size		i;

	for (i = 0; i < words; i++)
		value[i] = word_of(id, version);
	make_key(&id, &key);
	return cs_store_swap(&key, &meta, (char *) value, words * sizeof(uint64),
						 expected == 0 ? 0 : word_of(id, expected), true);
}

/* Is the value whole?  Returns its version. */
static uint64
version_in(int id, const char *value, Size len)
{
	const uint64 *words = (const uint64 *) value;
	Size		i;

	if (len == 0 || len % sizeof(uint64) != 0)
		fail("key %d: a length of %zu", id, len);
	for (i = 0; i < len / sizeof(uint64); i++)
	{
		if (words[i] != words[0] || words[i] % KEYS != id)
			fail("key %d: a torn value", id);
	}
	return words[0] / KEYS;
}

typedef struct Change
{
	int			id;
	CsAlter		what;
	uint64		version;		/* what was found */
} Change;

static CsAlter
change(char *value, Size len, void *arg)
{
	Change	   *c = arg;
	uint64	   *words = (uint64 *) value;
	Size		i;

	c->version = version_in(c->id, value, len);
	if (c->what == CS_ALTER_NOTHING)
		return c->what;
	for (i = 0; i < len / sizeof(uint64); i++)
	{
		((volatile uint64 *) words)[i] = c->what == CS_ALTER_REMOVE ? 0 :
			word_of(c->id, c->version + 1);
		shim_overtake();
	}
	return c->what;
}

static bool
alter(int id, CsAlter what, uint64 *version)
{
	Change		c = {id, what, 0};
	CsKey		key;
	bool		found;

	make_key(&id, &key);
	found = cs_store_alter(&key, change, &c);
	*version = c.version;
	return found;
}

static void
change_owned(Worker *w, int id)
{
	uint64		version = pg_atomic_read_u64(&oldest[id]);
	uint64		found;

	if (unit_random(&w->random) % 2 == 0)
	{
		CsAlter		what = unit_random(&w->random) % 8 == 0 ? CS_ALTER_NOTHING : CS_ALTER_CHANGED;

		expect(alter(id, what, &found));
		expect(found == version);
		version += what == CS_ALTER_CHANGED;
		w->altered++;
	}
	else
	{
		Size		words = 1 + unit_random(&w->random) % MAX_WORDS;

		expect(swap(id, version + 1, version + 2, words) == CS_SWAP_CONFLICT);
		expect(swap(id, version, version + 1, words) == CS_SWAP_DONE);
		version++;
		w->swapped++;
	}
	pg_memory_barrier();
	pg_atomic_write_u64(&oldest[id], version);
}

static uint64
read_version(int id)
{
	CsKey		key;
	CsFound		found;
	uint64		version;

	make_key(&id, &key);
	if (cs_store_lookup(&key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		return 0;
	expect(found.meta.flags == CS_ENTRY_DIRTY);
	version = version_in(id, found.value, found.len);
	pfree(found.value);
	return version;
}

static void
increment(Worker *w, int n)
{
	int			id = OWNED + n;
	uint64		version;

	if (unit_random(&w->random) % 2 == 0)
	{
		expect(alter(id, CS_ALTER_CHANGED, &version));
		w->altered++;
	}
	else
	{
		CsSwap		result;

		do
		{
			version = read_version(id);
			expect(version > 0);
			result = swap(id, version, version + 1, 1 + w->random % MAX_WORDS);
			w->conflicts += result == CS_SWAP_CONFLICT;
		} while (result == CS_SWAP_CONFLICT);
		expect(result == CS_SWAP_DONE);
		w->swapped++;
	}
	pg_atomic_fetch_add_u64(&increments[n], 1);
}

/* The owner does not matter: the first one makes or removes an entry. */
static void
come_or_go(Worker *w, int id)
{
	uint64		version;

	if (unit_random(&w->random) % 2 == 0)
		alter(id, CS_ALTER_REMOVE, &version);
	else
		swap(id, 0, 1 + unit_random(&w->random) % 1000, 1 + w->random % MAX_WORDS);
}

static void *
writer(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		uint64		r = unit_random(&w->random);

		if (r % 4 < 2)
			change_owned(w, (int) ((r >> 8) % OWNED) / WRITERS * WRITERS + w->n);
		else if (r % 4 == 2)
			increment(w, (int) ((r >> 8) % SHARED));
		else
			come_or_go(w, OWNED + SHARED + (int) ((r >> 8) % FLEETING));
		if (r >> 60 == 0)
			sched_yield();
	}
	return NULL;
}

static void *
flooder(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		uint64		r = unit_random(&w->random);
		CsKey		key = {r, 1, sizeof(r), (const char *) &r};
		CsMeta		meta = {0};

		/* and some of the dirty keys, who must not take notice */
		if (r % 4 == 0)
		{
			int			id = (int) ((r >> 8) % OWNED);

			make_key(&id, &key);
			expect(cs_store_install(&key, &meta, unit_pool, 100, 0, NULL, NULL) ==
				   CS_INSTALL_REFUSED);
			expect(!cs_store_unlink(0, key.hash));
		}
		else
			cs_store_install(&key, &meta, unit_pool, (r >> 8) % 2000, 0, NULL, NULL);
	}
	return NULL;
}

static void *
reader(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		int			id = (int) (unit_random(&w->random) % KEYS);
		uint64		least = id < OWNED ? pg_atomic_read_u64(&oldest[id]) : 0;
		uint64		version;

		pg_memory_barrier();
		version = read_version(id);
		w->lookups++;
		if (id < OWNED + SHARED && version == 0)
			fail("key %d: dirty, and missing", id);
		if (version < least)
			fail("key %d: version " UINT64_FORMAT " seen after " UINT64_FORMAT,
				 id, version, least);
	}
	return NULL;
}

static void
scan_once(void)
{
	static uint64 least[OWNED];
	bool		seen[KEYS] = {0};
	CsDirtyScan scan;
	CsKey		key;
	CsFound		found;
	int			id;

	for (id = 0; id < OWNED; id++)
		least[id] = pg_atomic_read_u64(&oldest[id]);
	pg_memory_barrier();
	cs_store_scan_begin(&scan, 0);
	while (cs_store_scan_next(&scan, &key, &found))
	{
		uint64		version;

		id = (int) (*(uint64 *) found.value % KEYS);
		version = version_in(id, found.value, found.len);
		expect(key.hash == cs_mix(id + 1) && key.owner == 0 && key.len == 2 + id % 3);
		expect(memcmp(key.data, &id, key.len) == 0);
		expect(id >= OWNED || version >= least[id]);
		expect(id >= OWNED + SHARED || !seen[id]);
		seen[id] = true;
		pfree((char *) key.data);
		pfree(found.value);
	}
	for (id = 0; id < OWNED + SHARED; id++)
	{
		if (!seen[id])
			fail("key %d: not in a scan", id);
	}
}

static void *
scanner(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		scan_once();
		w->scans++;
	}
	return NULL;
}

static void *(*const role[THREADS]) (void *) =
{
	writer, writer, reader, reader, flooder, scanner
};

static void
start(Worker *workers)
{
	int			i;

	shim_new_store(1, 2, 2);
	pg_atomic_init_u32(&stop, 0);
	for (i = 0; i < OWNED + SHARED; i++)
	{
		expect(swap(i, 0, 1, 1) == CS_SWAP_DONE);
		pg_atomic_init_u64(i < OWNED ? &oldest[i] : &increments[i - OWNED], 1);
	}
	shim_noise = true;
	for (i = 0; i < THREADS; i++)
	{
		workers[i].n = i;
		workers[i].random = i * 1000;
		pthread_create(&workers[i].thread, NULL, role[i], &workers[i]);
	}
}

/* A slow machine may need longer until everything has happened. */
static bool
all_met(const volatile Worker *workers)
{
	uint64		scans = 0;
	CsStoreInfo info;

	for (int i = 0; i < THREADS; i++)
		scans += workers[i].scans;
	cs_store_info(&info);
	return scans > 0 && info.usage.evictions > 0;
}

void
test_alter(void)
{
	Worker		workers[THREADS] = {0};
	Worker		sum = {0};
	double		began = unit_clock();
	CsStoreInfo info;
	int			i;

	start(workers);
	while (unit_clock() - began < SECONDS || !all_met(workers))
		usleep(10000);
	pg_atomic_write_u32(&stop, 1);
	for (i = 0; i < THREADS; i++)
	{
		pthread_join(workers[i].thread, NULL);
		sum.altered += workers[i].altered;
		sum.swapped += workers[i].swapped;
		sum.conflicts += workers[i].conflicts;
		sum.lookups += workers[i].lookups;
		sum.scans += workers[i].scans;
	}
	shim_noise = false;
	for (i = 0; i < OWNED + SHARED; i++)
		expect(read_version(i) == pg_atomic_read_u64(i < OWNED ? &oldest[i] :
													 &increments[i - OWNED]));
	unit_consistent();
	cs_store_info(&info);
	unit_ok("alter", UINT64_FORMAT " altered, " UINT64_FORMAT " swapped, "
			UINT64_FORMAT " conflicts, " UINT64_FORMAT " lookups, " UINT64_FORMAT
			" scans, " UINT64_FORMAT " evictions", sum.altered, sum.swapped,
			sum.conflicts, sum.lookups, sum.scans, info.usage.evictions);
}
