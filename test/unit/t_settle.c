/*-------------------------------------------------------------------------
 *
 * t_settle.c
 *		Staged and immediate changes, by threads, while others read.
 *
 * A writer has transactions of its own, each of which changes all keys of one
 * of its groups to the same version, or removes the fleeting ones, and is
 * rolled back as often as not.  Versions of those are never to be seen.  A
 * reader who asks in the right way must find every lasting key of a group,
 * always, not older than what had been committed before, and all of a group to
 * agree if the group has the same version before and after.  Counters are
 * incremented at once by all writers: no increment may get lost.  Keys that
 * are there all the time must be met by every scan.  Values change their size,
 * so that the dead ones keep the logs turning and entries move.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "store/staged.h"
#include "unit.h"

#define WRITERS		2
#define READERS		3
#define SCANNERS	1
#define THREADS		(WRITERS + READERS + SCANNERS)

#define GROUPS		24			/* even ones are the first writer's */
#define LASTING		3			/* keys of a group that always have a value */
#define FLEETING	2			/* and those that do in every other version */
#define MEMBERS		(LASTING + FLEETING)
#define COUNTERS	16
#define KEYS		(GROUPS * MEMBERS + COUNTERS)
#define MAX_WORDS	60
#define SECONDS		5.0

/* An aborted transaction's version is odd; so is none that is ever seen. */
#define COMMITS(version)	((version) % 2 == 0)
#define HAS_FLEETING(version) ((version) % 4 == 0)

/*
 * What transaction a writer is in: its serial number, and whether it is over.
 */
typedef struct Flag
{
	pg_atomic_uint64 word;		/* serial * 2 + committed */
	char		pad[120];
} Flag;

static Flag flags[WRITERS];
static pg_atomic_uint64 oldest[GROUPS];
static pg_atomic_uint64 increments[COUNTERS];
static pg_atomic_uint32 stop;

typedef struct Worker
{
	pthread_t	thread;
	int			n;
	uint64		random;
	uint64		commits;
	uint64		aborts;
	uint64		increments;
	uint64		conflicts;
	uint64		reads;
	uint64		staged;			/* of them, those that met a tag */
	uint64		agreed;
	uint64		scans;
} Worker;

static uint64
word_of(int id, uint64 version)
{
	return (version + 1) * KEYS + id;
}

static void
fill(uint64 *value, int id, uint64 version, Size words)
{
	Size		i;

	for (i = 0; i < words; i++)
		value[i] = word_of(id, version);
}

static uint64
version_in(int id, const CsFound *found)
{
	const uint64 *words = (const uint64 *) found->value;
	Size		i;

	if (found->len == 0 || found->len % sizeof(uint64) != 0)
		fail("key %d: a length of %zu", id, found->len);
	for (i = 0; i < found->len / sizeof(uint64); i++)
	{
		if (words[i] != words[0] || words[i] % KEYS != id)
			fail("key %d: a torn value", id);
	}
	return words[0] / KEYS - 1;
}

static bool
untagged(const CsMeta *meta, void *arg)
{
	if (meta->wxid != 0 && (meta->flags & CS_ENTRY_STAGED) == 0)
		fail("accept() was shown a pending entry");
	return meta->wxid == 0;
}

static bool
committed(uint64 tag, void *arg)
{
	return pg_atomic_read_u64(&flags[tag % WRITERS].word) == tag / WRITERS * 2 + 1;
}

/* False: there is no such key. */
static bool
read_key(Worker *w, int id, uint64 *version)
{
	CsKey		key;
	CsFound		found;
	CsLookup	result;

	unit_key(&id, &key);
	w->reads++;
	result = cs_store_lookup(&key, untagged, NULL, &found);
	if (result == CS_LOOKUP_REFUSED)
	{
		expect(found.meta.wxid != 0);
		result = cs_store_lookup_staged(&key, committed, NULL, untagged, NULL, &found);
		w->staged++;
	}
	if (result == CS_LOOKUP_MISS)
		return false;
	expect(result == CS_LOOKUP_HIT);
	*version = version_in(id, &found);
	pfree(found.value);
	return true;
}

static void
stage_key(Worker *w, int id, uint64 tag, uint64 version, bool remove)
{
	Size		words = 1 + unit_random(&w->random) % MAX_WORDS;
	uint64		value[MAX_WORDS];
	CsMeta		meta = {0};
	CsKey		key;

	unit_key(&id, &key);
	fill(value, id, version, words);
	expect(cs_store_stage(&key, tag, &meta, remove ? NULL : (char *) value,
						  words * sizeof(uint64), 0) == CS_STAGE_DONE);
	shim_overtake();
}

/* All keys of a group, one version on, or not. */
static void
transaction(Worker *w, int group, bool commit)
{
	uint64		version = pg_atomic_read_u64(&oldest[group]) + (commit ? 2 : 1);
	uint64		serial = pg_atomic_read_u64(&flags[w->n].word) / 2 + 1;
	uint64		tag = serial * WRITERS + w->n;
	int			i;

	expect(COMMITS(version) == commit);
	pg_atomic_write_u64(&flags[w->n].word, serial * 2);
	pg_memory_barrier();
	for (i = 0; i < MEMBERS; i++)
	{
		bool		remove = i >= LASTING && !HAS_FLEETING(version);

		if (unit_random(&w->random) % 8 == 0)	/* something else, first */
			stage_key(w, group * MEMBERS + i, tag, version | 1, !remove);
		stage_key(w, group * MEMBERS + i, tag, version, remove);
	}
	if (commit)
	{
		pg_memory_barrier();
		pg_atomic_write_u64(&flags[w->n].word, serial * 2 + 1);
		pg_memory_barrier();
		pg_atomic_write_u64(&oldest[group], version);
	}
	for (i = 0; i < MEMBERS; i++)
	{
		int			id = group * MEMBERS + i;
		CsKey		key;

		unit_key(&id, &key);
		cs_store_settle(&key, tag, commit);
		shim_overtake();
	}
	if (commit)
		w->commits++;
	else
		w->aborts++;
}

/* Others must be refused while a transaction is at it, and change nothing. */
static void
disturb(Worker *w)
{
	int			id = (int) (unit_random(&w->random) % (GROUPS * MEMBERS));
	uint64		value[1] = {word_of(id, 1)};
	CsMeta		meta = {0};
	CsKey		key;

	unit_key(&id, &key);
	expect(cs_store_replace(&key, &meta, (char *) value, sizeof(value), 0, 1, NULL, NULL) ==
		   CS_STAGE_CONFLICT);
	cs_store_settle(&key, 1, unit_random(&w->random) % 2);
}

static void
increment(Worker *w, int n)
{
	int			id = GROUPS * MEMBERS + n;
	uint64		value[MAX_WORDS];
	CsMeta		meta = {0};
	CsStage		result;
	CsKey		key;

	unit_key(&id, &key);
	do
	{
		Size		words = 1 + unit_random(&w->random) % MAX_WORDS;
		uint64		version;

		expect(read_key(w, id, &version));
		fill(value, id, version + 1, words);
		result = cs_store_replace(&key, &meta, (char *) value, words * sizeof(uint64), 0,
								  word_of(id, version), NULL, NULL);
		w->conflicts += result == CS_STAGE_CONFLICT;
	} while (result == CS_STAGE_CONFLICT);
	expect(result == CS_STAGE_DONE);
	pg_atomic_fetch_add_u64(&increments[n], 1);
	w->increments++;
}

static void *
writer(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		uint64		r = unit_random(&w->random);

		if (r % 4 < 2)
			transaction(w, (int) ((r >> 8) % GROUPS) / WRITERS * WRITERS + w->n, r % 4 == 0);
		else if (r % 4 == 2)
			increment(w, (int) ((r >> 8) % COUNTERS));
		else
			disturb(w);
		if (r >> 60 == 0)
			sched_yield();
	}
	return NULL;
}

static void
read_group(Worker *w, int group)
{
	uint64		least = pg_atomic_read_u64(&oldest[group]);
	uint64		version[MEMBERS];
	bool		there[MEMBERS];
	uint64		again;
	int			from = (int) (unit_random(&w->random) % LASTING);
	int			i;

	pg_memory_barrier();
	for (i = 0; i < MEMBERS; i++)
	{
		int			n = (from + i) % MEMBERS;

		there[n] = read_key(w, group * MEMBERS + n, &version[n]);
		if (!there[n] && n < LASTING)
			fail("group %d: key %d is missing", group, n);
		if (!there[n])
			continue;
		if (!COMMITS(version[n]))
			fail("group %d: a version that was rolled back", group);
		if (version[n] < least)
			fail("group %d: version " UINT64_FORMAT " seen after " UINT64_FORMAT,
				 group, version[n], least);
		least = version[n];
	}
	expect(read_key(w, group * MEMBERS + from, &again));
	if (again != version[from])
		return;
	w->agreed++;
	for (i = 0; i < MEMBERS; i++)
	{
		if (there[i] != (i < LASTING || HAS_FLEETING(again)) ||
			(there[i] && version[i] != again))
			fail("group %d: key %d does not go with version " UINT64_FORMAT, group, i, again);
	}
}

static void *
reader(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
		read_group(w, (int) (unit_random(&w->random) % GROUPS));
	return NULL;
}

static void
note_keys(CsKeyScan *scan, bool *seen)
{
	CsKey		key;
	int			id;

	while (cs_store_keys_next(scan, &key))
	{
		memcpy(&id, key.data, sizeof(id));
		expect(id >= 0 && id < KEYS && key.len == sizeof(id));
		expect(key.hash == cs_mix(id + 1) && key.owner == 0);
		seen[id] = true;
		pfree((char *) key.data);
	}
}

/* In one go, or one place after the other. */
static void
scan_once(bool by_place)
{
	bool		seen[KEYS] = {0};
	CsKeyScan	scan;
	uint64		place;
	int			id;

	if (!by_place)
	{
		cs_store_keys_begin(&scan, 0, NULL, 0);
		note_keys(&scan, seen);
	}
	for (place = 0; by_place && place < cs_store_places(); place++)
	{
		cs_store_keys_begin_at(&scan, 0, NULL, 0, place);
		note_keys(&scan, seen);
	}
	for (id = 0; id < KEYS; id++)
	{
		if (!seen[id] && (id >= GROUPS * MEMBERS || id % MEMBERS < LASTING))
			fail("key %d: not in a scan", id);
	}
}

static void *
scanner(void *arg)
{
	Worker	   *w = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		scan_once(w->scans % 2 == 1);
		w->scans++;
	}
	return NULL;
}

static void *(*const role[THREADS]) (void *) =
{
	writer, writer, reader, reader, reader, scanner
};

static void
start(Worker *workers)
{
	int			i;

	shim_new_store(1, 2, 2);
	pg_atomic_init_u32(&stop, 0);
	for (i = 0; i < WRITERS; i++)
		pg_atomic_init_u64(&flags[i].word, 0);
	for (i = 0; i < GROUPS; i++)
		pg_atomic_init_u64(&oldest[i], 0);
	for (i = 0; i < COUNTERS; i++)
		pg_atomic_init_u64(&increments[i], 0);
	for (i = 0; i < KEYS; i++)
	{
		uint64		value = word_of(i, 0);
		CsMeta		meta = {0};
		CsKey		key;

		unit_key(&i, &key);
		expect(cs_store_replace(&key, &meta, (char *) &value, sizeof(value), 0, 0, NULL,
								NULL) == CS_STAGE_DONE);
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
	uint64		staged = 0;
	uint64		agreed = 0;
	uint64		scans = 0;

	for (int i = 0; i < THREADS; i++)
	{
		staged += workers[i].staged;
		agreed += workers[i].agreed;
		scans += workers[i].scans;
	}
	return staged > 0 && agreed > 0 && scans > 0;
}

void
test_settle(void)
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
		sum.commits += workers[i].commits;
		sum.aborts += workers[i].aborts;
		sum.increments += workers[i].increments;
		sum.conflicts += workers[i].conflicts;
		sum.reads += workers[i].reads;
		sum.staged += workers[i].staged;
		sum.agreed += workers[i].agreed;
		sum.scans += workers[i].scans;
	}
	shim_noise = false;
	for (i = 0; i < COUNTERS; i++)
	{
		uint64		version;

		expect(read_key(&sum, GROUPS * MEMBERS + i, &version));
		expect(version == pg_atomic_read_u64(&increments[i]));
	}
	for (i = 0; i < GROUPS; i++)
		read_group(&sum, i);
	unit_consistent();
	cs_store_info(&info);
	expect(info.usage.evictions == 0);
	unit_ok("settle", UINT64_FORMAT " commits, " UINT64_FORMAT " aborts, " UINT64_FORMAT
			" increments, " UINT64_FORMAT " conflicts, " UINT64_FORMAT " reads, "
			UINT64_FORMAT " of them staged, " UINT64_FORMAT " groups agreed, " UINT64_FORMAT
			" scans", sum.commits, sum.aborts, sum.increments, sum.conflicts, sum.reads,
			sum.staged, sum.agreed, sum.scans);
}
