/*-------------------------------------------------------------------------
 *
 * t_quota.c
 *		Quotas, limits and the accounting of owners.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "port/pg_bitutils.h"
#include "unit.h"

#define TABLES		8
#define QUOTA		(200 * 1024)

static CsInstall
install(uint32 owner, uint64 id, Size len, Size quota, uint8 flags)
{
	CsKey		key = {cs_mix(id + 1), owner, sizeof(id), (const char *) &id};
	CsMeta		meta = {1, 0, 0, flags};

	if (flags & CS_ENTRY_DIRTY)
	{
		CsSwap		result = cs_store_swap(&key, &meta, unit_pool, len, 0, false);

		expect(result == CS_SWAP_DONE || result == CS_SWAP_FULL);
		return result == CS_SWAP_DONE ? CS_INSTALL_DONE : CS_INSTALL_FULL;
	}
	return cs_store_install(&key, &meta, unit_pool, len, quota, NULL, NULL);
}

static bool
present(uint32 owner, uint64 id)
{
	CsKey		key = {cs_mix(id + 1), owner, sizeof(id), (const char *) &id};
	CsFound		found;

	if (cs_store_lookup(&key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		return false;
	pfree(found.value);
	return true;
}

static CsAlter
remove_entry(char *value, Size len, void *arg)
{
	return CS_ALTER_REMOVE;
}

static bool
no(void *arg)
{
	return false;
}

/* A refused installation changes nothing. */
static void
refused(void)
{
	uint64		id = 1 << 30;
	CsKey		key = {cs_mix(id), 0, sizeof(id), (const char *) &id};
	CsMeta		meta = {1, 0, 0, 0};
	CsStoreInfo before;
	CsStoreInfo after;

	cs_store_info(&before);
	expect(cs_store_install(&key, &meta, unit_pool, cs_store_max_value() - 8, 0,
							no, NULL) == CS_INSTALL_REFUSED);
	cs_store_info(&after);
	expect(memcmp(&before, &after, sizeof(CsStoreInfo)) == 0);
}

/*
 * One owner with a quota among others without: it never exceeds it, and goes
 * on getting new entries.
 */
static void
converges(int len, const char *name)
{
	uint64		random = 7;
	int			full = 0;
	int			fresh = 0;
	int			i;
	CsUsage		usage;

	shim_new_store(8, 4, TABLES);
	for (i = 0; i < 60000; i++)
		expect(install(1 + i % 3, i, unit_random(&random) % 300, 0, 0) ==
			   CS_INSTALL_DONE);
	for (i = 0; i < 20000; i++)
	{
		CsInstall	result = install(0, i, len, QUOTA, 0);

		expect(result == CS_INSTALL_DONE || result == CS_INSTALL_FULL);
		full += result == CS_INSTALL_FULL;
		cs_store_usage(0, &usage);
		expect(usage.bytes <= QUOTA);
		if (i % 4 == 0)
			expect(install(1 + i % 3, i + 100000, 100, 0, 0) == CS_INSTALL_DONE);
	}
	for (i = 19000; i < 20000; i++)
		fresh += present(0, i);
	cs_store_usage(0, &usage);
	expect(full < 20000 / 4);
	expect(fresh > 0);
	expect(usage.bytes > QUOTA / 2);
	unit_consistent();
	unit_ok(name, "%d of 20000 refused, %.0f %% of the quota used, %d of the last 1000 there",
			full, 100.0 * usage.bytes / QUOTA, fresh);
}

/* Dirty entries up to the limit, none lost; clean ones still get in. */
static void
dirty(void)
{
	int			ndirty = 0;
	int			clean = 0;
	int			i;

	shim_new_store(1, 0, TABLES);
	for (i = 0; i < 4000; i++)
		expect(install(1, i, 300, 0, 0) == CS_INSTALL_DONE);
	while (install(2, ndirty, 100, 0, CS_ENTRY_DIRTY) == CS_INSTALL_DONE)
		ndirty++;
	expect(ndirty > 3000);
	for (i = 0; i < 20000; i++)
		clean += install(3, i, 200, 0, 0) == CS_INSTALL_DONE;
	expect(clean > 10000);
	for (i = 0; i < ndirty; i++)
		expect(present(2, i));
	unit_consistent();

	/* flushed: clean ones take their place, and new dirty ones fit */
	expect(cs_store_alter_all(2, remove_entry, NULL) == ndirty);
	for (i = 0; i < ndirty; i++)
		expect(install(2, i, 100, 0, 0) == CS_INSTALL_DONE);
	for (i = 0; i < ndirty / 2; i++)
		expect(install(4, i, 100, 0, CS_ENTRY_DIRTY) == CS_INSTALL_DONE);
	for (i = 0; i < ndirty / 2; i++)
		expect(present(4, i));
	unit_consistent();
	unit_ok("dirty", "%d of 100 B in 1 MB, then %d of 20000 clean ones", ndirty, clean);
}

static void
limits(void)
{
	Size		max;
	uint64		i;
	CsUsage		usage;

	shim_new_store(1, 0, TABLES);
	max = cs_store_max_value();
	for (i = 0; i < 1000; i++)
		expect(install(1, i, i % 3 == 0 ? max - 8 : i * 13 % 5000, 0, 0) == CS_INSTALL_DONE);
	expect(present(1, 999));
	expect(install(1, 1, max - 7, 0, 0) == CS_INSTALL_TOO_LARGE);
	expect(install(1, 1, SIZE_MAX, 0, 0) == CS_INSTALL_TOO_LARGE);
	refused();
	unit_consistent();

	for (i = 0; i < 1000; i++)
	{
		bool		there = present(1, i);

		expect(cs_store_unlink(1, cs_mix(i + 1)) == there);
		expect(!cs_store_unlink(1, cs_mix(i + 1)));
	}
	cs_store_usage(1, &usage);
	expect(usage.entries == 0 && usage.bytes == 0);
	unit_consistent();

	expect(!cs_store_seen(42));
	expect(cs_store_seen(42));
	unit_ok("limits", "1 MB holds values up to %zu bytes", max);
}

/* The parts fit into the whole; many owners come on top. */
static void
cut(int memory, int partitions, int entry_size, int tables)
{
	Size		all = memory * UNIT_MB;
	Size		owners = tables * sizeof(CsSharedOwner);
	Size		least = 30 * 1024;
	Size		size;

	cs_memory_mb = memory;
	cs_partitions = partitions;
	cs_typical_entry = entry_size;
	cs_max_tables = tables;
	if (owners > all / 4)
	{
		all += owners;
		least = 25 * 1024;
	}
	size = cs_store_shmem_size() + cs_store.npartitions * sizeof(LWLockPadded);
	expect(size <= all);
	expect(size > all / 10 * 9);
	expect(pg_nextpower2_32(cs_store.npartitions) == cs_store.npartitions);
	expect(cs_store.area_size / 8 <= PG_UINT32_MAX);
	expect(cs_store.area_at < cs_store.partition_size);
	expect(cs_store.area_at + cs_store.area_size == cs_store.partition_size);
	expect(cs_store.log_at[CS_LOG_MAIN] + cs_store.log_size[CS_LOG_MAIN] <=
		   cs_store.area_size);
	expect(cs_store_max_value() > least);
}

static void
sizes(void)
{
	static const int memory[] = {1, 2, 3, 4, 7, 128, 1000, 65536, 4 * 1024 * 1024};
	static const int partitions[] = {0, 1, 3, 16, 128, 256, 1024, 100000};
	static const int entries[] = {8, 64, 100, 10000, 1024 * 1024};
	static const int tables[] = {1, 1024, 3000, 218454, 1048575};
	int			n = 0;
	int			i;
	int			j;
	int			k;
	int			l;

	for (i = 0; i < lengthof(memory); i++)
		for (j = 0; j < lengthof(partitions); j++)
			for (k = 0; k < lengthof(entries); k++)
				for (l = 0; l < lengthof(tables); l++, n++)
					cut(memory[i], partitions[j], entries[k], tables[l]);
	cs_typical_entry = 64;
	cs_max_tables = 1024;
	unit_ok("sizes", "%d combinations of settings", n);
}

void
test_quota(void)
{
	sizes();
	converges(100, "quota, 100 B");
	converges(10000, "quota, 10 kB");
	dirty();
	limits();
}
