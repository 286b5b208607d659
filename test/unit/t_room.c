/*-------------------------------------------------------------------------
 *
 * t_room.c
 *		Dirty entries when memory is short: none is lost, the share is kept to
 *		unless force is used, and what is there can always be made smaller.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "unit.h"

#define TABLES		4
#define DIRTY		0			/* the table with dirty entries */
#define CLEAN		1			/* one without */
#define MAX_LEN		50000

/* Lengths and versions of the dirty entries; 0: there is none. */
#define KEYS		30000

static Size len_of[KEYS];
static uint64 version_of[KEYS];

static void
make_key(uint32 owner, const int *id, CsKey *key)
{
	key->hash = cs_mix(*id + 1);
	key->owner = owner;
	key->len = sizeof(int);
	key->data = (const char *) id;
}

static void
reset(int memory_mb, int partitions)
{
	shim_new_store(memory_mb, partitions, TABLES);
	memset(len_of, 0, sizeof(len_of));
	memset(version_of, 0, sizeof(version_of));
}

/* The version, and then bytes of the pool that depend on key and version. */
static const char *
rest_of(int id, uint64 version)
{
	return unit_pool + (id * 31 + version * 1009) % (POOL_SIZE - MAX_LEN);
}

static CsSwap
swap(int id, Size len, bool force)
{
	char		value[MAX_LEN];
	uint64		version = version_of[id] + 1;
	CsMeta		meta = {0};
	CsKey		key;
	CsSwap		result;

	make_key(DIRTY, &id, &key);
	memcpy(value, &version, sizeof(version));
	memcpy(value + 8, rest_of(id, version), len - 8);
	result = cs_store_swap(&key, &meta, value, len, version_of[id], force);
	expect(result == CS_SWAP_DONE || result == CS_SWAP_FULL);
	if (result == CS_SWAP_DONE)
	{
		len_of[id] = len;
		version_of[id] = version;
	}
	return result;
}

static CsInstall
install(int id, Size len, Size quota, uint32 owner)
{
	CsMeta		meta = {0};
	CsKey		key;

	make_key(owner, &id, &key);
	return cs_store_install(&key, &meta, unit_pool, len, quota, NULL, NULL);
}

/* Each dirty entry is there as it was put there last. */
static void
expect_all(void)
{
	int			id;
	uint64		n = 0;
	CsUsage		usage;

	for (id = 0; id < KEYS; id++)
	{
		CsKey		key;
		CsFound		found;

		make_key(DIRTY, &id, &key);
		if (cs_store_lookup(&key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		{
			if (len_of[id] > 0)
				fail("dirty entry %d is missing", id);
			continue;
		}
		n++;
		expect(len_of[id] > 0 && found.len == len_of[id]);
		expect((found.meta.flags & CS_ENTRY_DIRTY) != 0);
		expect(memcmp(found.value, &version_of[id], 8) == 0);
		expect(memcmp(found.value + 8, rest_of(id, version_of[id]), found.len - 8) == 0);
		pfree(found.value);
	}
	cs_store_usage(DIRTY, &usage);
	expect(usage.dirty_entries == n && usage.entries == n);
	expect(usage.evictions == 0);
	unit_consistent();
}

static CsAlter
remove_entry(char *value, Size len, void *arg)
{
	return CS_ALTER_REMOVE;
}

static void
remove_one(int id)
{
	CsKey		key;

	make_key(DIRTY, &id, &key);
	expect(cs_store_alter(&key, remove_entry, NULL) == (len_of[id] > 0));
	len_of[id] = 0;
	version_of[id] = 0;
}

/* A third of the memory is dirty; clean entries pass by, of several sizes. */
static void
survive(void)
{
	CsStoreInfo info;
	uint64		random = 21;
	int			done = 0;
	int			i;

	reset(4, 4);
	cs_store_info(&info);
	for (i = 0; i < KEYS; i++)
	{
		CsUsage		usage;

		expect(swap(i, 8 + unit_random(&random) % 500, false) == CS_SWAP_DONE);
		expect(install(i, unit_random(&random) % 300, 0, CLEAN) == CS_INSTALL_DONE);
		cs_store_usage(DIRTY, &usage);
		if (usage.dirty_bytes > info.value_memory / 3)
			break;
	}
	expect(i < KEYS);
	for (i = 0; i < 200000; i++)
		done += install(i, unit_random(&random) % 1000, 0, CLEAN + i % 2) == CS_INSTALL_DONE;
	expect(done > 200000 / 100 * 99);
	expect_all();
	cs_store_info(&info);
	expect(info.usage.evictions > 100000);
	unit_ok("room, flood", UINT64_FORMAT " dirty entries among %d clean ones, "
			UINT64_FORMAT " evictions", info.usage.dirty_entries, done,
			info.usage.evictions);
}

/*
 * Read what is there of the first clean ones, so that they seem worth keeping.
 */
static void
read_clean(void)
{
	int			id;

	for (id = 0; id < 2000; id++)
	{
		CsKey		key;
		CsFound		found;

		make_key(CLEAN, &id, &key);
		if (cs_store_lookup(&key, NULL, NULL, &found) == CS_LOOKUP_HIT)
			pfree(found.value);
	}
}

static CsSwap
add_one(int id, bool force)
{
	return swap(id, 120 + id % 200, force);
}

/* New ones until there is no room; returns the first that did not fit. */
static int
add_until_full(int id, bool force)
{
	do
	{
		if (force || id % 20 == 0)
			read_clean();
	} while (add_one(id++, force) == CS_SWAP_DONE);
	return id - 1;
}

static double
share_of_logs(void)
{
	CsStoreInfo info;

	cs_store_info(&info);
	return (double) info.usage.dirty_bytes / info.value_memory;
}

static void
expect_no_clean(void)
{
	CsStoreInfo info;

	cs_store_info(&info);
	expect(info.usage.entries == info.usage.dirty_entries);
}

/* No clean entry is left to go, and what is there can only shrink. */
static void
when_full(int n)
{
	int			i;

	for (i = 0; i < 100; i++)
		expect(install(i, 1000, 0, CLEAN) == CS_INSTALL_FULL);
	for (i = 0; i < n; i++)
	{
		if (i % 3 == 0)
			expect(swap(i, len_of[i], false) == CS_SWAP_DONE);
		else if (i % 3 == 1)
			expect(swap(i, len_of[i] - 50, false) == CS_SWAP_DONE);
		else
			expect(swap(i, len_of[i] + 50, false) == CS_SWAP_FULL);
	}
	expect_all();
}

static void
full_and_force(void)
{
	CsUsage		usage;
	CsStoreInfo info;
	double		share;
	int			within;
	int			n;
	int			i;

	reset(1, 1);
	for (i = 0; i < 2000; i++)
		expect(install(i, 200, 0, CLEAN) == CS_INSTALL_DONE);
	cs_store_info(&info);
	within = add_until_full(0, false);
	cs_store_usage(DIRTY, &usage);
	expect(usage.dirty_bytes <= info.dirty_limit);
	expect(usage.dirty_bytes + 400 > info.dirty_limit);
	expect_all();

	n = add_until_full(within, true);
	share = share_of_logs();
	expect(share > 0.98);
	expect_no_clean();
	expect_all();
	when_full(n);

	/* as much as goes comes back */
	for (i = 0; i < 500; i++)
		remove_one(i);
	expect(swap(0, 100, false) == CS_SWAP_FULL);
	for (i = 0; i < 400; i++)
		expect(swap(i, 120, true) == CS_SWAP_DONE);
	expect_all();
	for (i = 0; i < n / 2; i++)
		remove_one(i);
	for (i = 0; i < n / 4; i++)
		expect(swap(i, 120, false) == CS_SWAP_DONE);
	expect_all();
	unit_ok("room, full", "%d dirty entries within the share, %d with force: "
			"%.1f %% of the logs", within, n, 100 * share);
}

/*
 * A clean entry that is worth keeping is still not kept where the last byte is
 * asked for, nor does it matter in which log that byte is: those in the main
 * log grow until both are full.
 */
static void
grow(void)
{
	int			n;
	int			i;

	reset(1, 1);
	n = add_until_full(0, true);
	for (i = n - 200; i < n; i++)
		remove_one(i);
	expect(share_of_logs() < 0.95);
	for (i = 0; i < 2000; i++)
		install(i, 20, 0, CLEAN);
	for (i = 0; i < n - 200; i++)
	{
		if (i % 20 == 0)
			read_clean();
		swap(i, len_of[i] + 200, true);
	}
	expect(share_of_logs() > 0.97);
	expect_no_clean();
	expect_all();
	unit_ok("room, growth", "%.1f %% of the logs", 100 * share_of_logs());
}

/*
 * Many dirty entries in a row at the tail, more than one try may pass, and
 * behind them lots of room.
 */
static void
long_run(void)
{
	const int	big = KEYS - 1;
	const int	gap = 800;
	int			n;
	int			i;
	int			from;

	reset(1, 1);
	n = add_until_full(0, true);
	for (from = 0; from + gap < n; from += 100)
	{
		for (i = from; i < from + gap; i++)
			remove_one(i);
		/* so large that it must go to the main log */
		expect(MAX_LEN > cs_store.log_size[CS_LOG_SMALL] / 2);
		expect(swap(big, MAX_LEN, true) == CS_SWAP_DONE);
		remove_one(big);
		for (i = from; i < from + gap; i++)
			add_one(i, true);
	}
	expect_all();
	unit_ok("room, long run", "%d dirty entries in one partition", n);
}

/*
 * Dirty entries count for the owner's quota but are never evicted for it, and
 * are not bound by it.
 */
static void
under_quota(void)
{
	CsUsage		usage;
	int			done = 0;
	int			i;

	reset(4, 2);
	for (i = 0; i < 500; i++)
		expect(swap(i, 120, false) == CS_SWAP_DONE);
	cs_store_usage(DIRTY, &usage);
	for (i = 0; i < 5000; i++)
	{
		CsInstall	result = install(KEYS + i, 100, usage.dirty_bytes + 50000, DIRTY);
		CsUsage		now;

		expect(result == CS_INSTALL_DONE || result == CS_INSTALL_FULL);
		done += result == CS_INSTALL_DONE;
		cs_store_usage(DIRTY, &now);
		expect(now.bytes <= usage.dirty_bytes + 50000);
		expect(now.dirty_entries == 500 && now.dirty_bytes == usage.dirty_bytes);
	}
	expect(done > 4000);
	for (i = 0; i < 100; i++)
		expect(install(2 * KEYS + i, 100, usage.dirty_bytes, DIRTY) == CS_INSTALL_FULL);
	for (i = 0; i < 500; i++)
		expect(swap(i, 200, false) == CS_SWAP_DONE);
	for (i = 0; i < 5000; i++)
		cs_store_unlink(DIRTY, cs_mix(KEYS + i + 1));
	cs_store_reset_evictions(DIRTY);
	expect_all();
	unit_ok("room, quota", "%d of 5000 clean ones beside 500 dirty ones", done);
}

static void
too_large(void)
{
	static char value[2 * UNIT_MB];
	int			id = 1;
	uint64		version = 1;
	CsMeta		meta = {0};
	CsKey		key;
	CsFound		found;
	Size		len;

	reset(1, 1);
	memcpy(value, &version, sizeof(version));
	make_key(DIRTY, &id, &key);
	/* the key takes eight bytes, as the value is aligned */
	len = cs_store_max_value() - 8;
	expect(cs_store_swap(&key, &meta, value, SIZE_MAX, 0, true) == CS_SWAP_TOO_LARGE);
	expect(cs_store_swap(&key, &meta, value, len + 1, 0, true) == CS_SWAP_TOO_LARGE);
	expect(cs_store_swap(&key, &meta, value, len, 0, false) == CS_SWAP_DONE);
	expect(cs_store_swap(&key, &meta, value, len, 0, true) == CS_SWAP_CONFLICT);
	expect(cs_store_swap(&key, &meta, value, 8, 1, false) == CS_SWAP_DONE);
	expect(cs_store_lookup(&key, NULL, NULL, &found) == CS_LOOKUP_HIT);
	expect(found.len == 8);
	pfree(found.value);
	unit_consistent();
}

void
test_room(void)
{
	survive();
	full_and_force();
	grow();
	long_run();
	under_quota();
	too_large();
}
