/*-------------------------------------------------------------------------
 *
 * t_unlink.c
 *		Writers that unlink against fillers of the same keys.
 *
 * The commit protocol in small, with a stripe for each key: a writer marks it,
 * unlinks the key, makes its change visible, may publish it, and takes the mark
 * back; a filler reads the stripe, loads what is visible, and installs that if
 * the version is still the same.  Once a change is visible no thread may find
 * an older version in the store, however long ago that was loaded.
 *
 * Fillers of keys that no writer changes keep records moving in the log.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "unit.h"

#define FILLERS		3
#define WRITERS		2
#define KEYS		16			/* that writers change */
#define OTHERS		2000
#define SECONDS		4.0
#define WORDS		40

/* version << 8 | writers */
static pg_atomic_uint64 stripe[KEYS];
static pg_atomic_uint64 visible[KEYS];
static pthread_mutex_t row[KEYS];
static pg_atomic_uint32 stop;

typedef struct Thread
{
	pthread_t	thread;
	uint64		random;
	uint64		changes;
	uint64		fills;
	uint64		found;
} Thread;

typedef struct Expected
{
	int			id;
	uint64		version;
} Expected;

static bool
is_same_version(void *arg)
{
	Expected   *expected = arg;
	bool		same = pg_atomic_read_u64(&stripe[expected->id]) >> 8 == expected->version;

	shim_overtake();
	return same;
}

/* No version that is older than what was visible before the look. */
static void
look(Thread *t, int id)
{
	uint64		least = pg_atomic_read_u64(&visible[id]);
	CsKey		key;
	CsFound		found;

	unit_key(&id, &key);
	pg_memory_barrier();
	if (cs_store_lookup(&key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		return;
	expect(((uint64 *) found.value)[0] >= least);
	pfree(found.value);
	t->found++;
}

static bool
install(int id, uint64 value, CsCheck check, Expected *expected)
{
	uint64		words[WORDS] = {value};
	CsMeta		meta = {0};
	CsKey		key;

	unit_key(&id, &key);
	return cs_store_install(&key, &meta, (char *) words, sizeof(words), 0, check,
							expected) == CS_INSTALL_DONE;
}

static void
fill(Thread *t, int id)
{
	uint64		token = pg_atomic_read_u64(&stripe[id]);
	Expected	expected = {id, token >> 8};
	uint64		loaded;

	if ((token & 0xff) != 0)
		return;
	pg_memory_barrier();
	loaded = pg_atomic_read_u64(&visible[id]);
	shim_overtake();
	t->fills += install(id, loaded, is_same_version, &expected);
}

static void
change(Thread *t, int id)
{
	Expected	expected = {id, 0};
	uint64		version;

	pthread_mutex_lock(&row[id]);
	expected.version = (pg_atomic_fetch_add_u64(&stripe[id], (1 << 8) + 1) >> 8) + 1;
	(void) cs_store_unlink(0, cs_mix(id + 1));
	version = pg_atomic_add_fetch_u64(&visible[id], 1);
	pthread_mutex_unlock(&row[id]);
	if (unit_random(&t->random) % 4 == 0)
		(void) install(id, version, is_same_version, &expected);
	pg_atomic_fetch_sub_u64(&stripe[id], 1);
	t->changes++;
}

static void *
filler(void *arg)
{
	Thread	   *t = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		int			id = unit_random(&t->random) % KEYS;

		fill(t, id);
		look(t, id);
		if (unit_random(&t->random) % 8 == 0)
			(void) install(KEYS + unit_random(&t->random) % OTHERS, 0, NULL, NULL);
	}
	return NULL;
}

static void *
writer(void *arg)
{
	Thread	   *t = arg;

	while (pg_atomic_read_u32(&stop) == 0)
	{
		int			id = unit_random(&t->random) % KEYS;

		change(t, id);
		look(t, id);
		if (t->changes % 64 == 0)
			sched_yield();
	}
	return NULL;
}

void
test_unlink(void)
{
	Thread		threads[FILLERS + WRITERS] = {0};
	Thread		sum = {0};
	double		start;

	shim_new_store(1, 1, 1);
	shim_noise = true;
	pg_atomic_init_u32(&stop, 0);
	for (int i = 0; i < KEYS; i++)
	{
		pg_atomic_init_u64(&stripe[i], 0);
		pg_atomic_init_u64(&visible[i], 0);
		pthread_mutex_init(&row[i], NULL);
	}
	start = unit_clock();
	for (int i = 0; i < FILLERS + WRITERS; i++)
	{
		threads[i].random = 1000 + i;
		pthread_create(&threads[i].thread, NULL, i < WRITERS ? writer : filler, &threads[i]);
	}
	while (unit_clock() - start < SECONDS)
		usleep(10000);
	pg_atomic_write_u32(&stop, 1);
	for (int i = 0; i < FILLERS + WRITERS; i++)
	{
		pthread_join(threads[i].thread, NULL);
		sum.changes += threads[i].changes;
		sum.fills += threads[i].fills;
		sum.found += threads[i].found;
	}
	shim_noise = false;
	unit_consistent();
	expect(sum.changes > 0 && sum.fills > 0 && sum.found > 0);
	unit_ok("unlink", UINT64_FORMAT " changes, " UINT64_FORMAT " fills, " UINT64_FORMAT " found",
			sum.changes, sum.fills, sum.found);
}
