/*-------------------------------------------------------------------------
 *
 * t_share.c
 *		Guarded owners: what is theirs, and what becomes of the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/staged.h"
#include "unit.h"

#define OWNERS		6
#define SPACE		0			/* guarded, most of the time */
#define OTHER		1			/* likewise */
#define TABLE		3			/* never */
#define DIRTY		4

static void
make_key(uint32 owner, const uint64 *id, CsKey *key)
{
	key->hash = cs_mix(*id + 1);
	key->owner = owner;
	key->len = sizeof(uint64);
	key->data = (const char *) id;
}

static CsInstall
install(uint32 owner, uint64 id, Size len)
{
	CsMeta		meta = {0};
	CsKey		key;

	make_key(owner, &id, &key);
	return cs_store_install(&key, &meta, unit_pool, len, 0, NULL, NULL);
}

/* Without reading it. */
static bool
present(uint32 owner, uint64 id)
{
	CsPlace		place;
	CsSlot		slot;
	CsKey		key;

	make_key(owner, &id, &key);
	cs_place(key.hash, owner, &place);
	return cs_index_find(&place, &key, CS_WHICH_VALID, &slot);
}

static void
read_entry(uint32 owner, uint64 id)
{
	CsFound		found;
	CsKey		key;

	make_key(owner, &id, &key);
	if (cs_store_lookup(&key, NULL, NULL, &found) == CS_LOOKUP_HIT)
		pfree(found.value);
}

static CsUsage
usage_of(uint32 owner)
{
	CsUsage		usage;

	cs_store_usage(owner, &usage);
	return usage;
}

static double
part_of_memory(uint32 owner)
{
	CsStoreInfo info;

	cs_store_info(&info);
	return (double) usage_of(owner).bytes / info.value_memory;
}

/*
 * New entries of a table, many times the memory; few or none are refused.
 * Every other one is read, so that it goes on to the main log.
 */
static void
flood(int memory_mb, Size len)
{
	static uint64 id = 0;
	uint64		n = memory_mb * UNIT_MB * 4 / (len + 60);
	uint64		done = 0;
	uint64		i;

	for (i = 0; i < n; i++, id++)
	{
		done += install(TABLE, id, len) == CS_INSTALL_DONE;
		if (id % 2 == 0)
			read_entry(TABLE, id);
	}
	if (done < n / 100 * 99)
		fail(UINT64_FORMAT " of " UINT64_FORMAT " entries of a table refused", n - done, n);
}

/* Returns the first that is not there any more. */
static uint64
fill(uint32 owner, uint64 id, double part, Size len)
{
	while (part_of_memory(owner) < part)
		expect(install(owner, id++, len) == CS_INSTALL_DONE);
	return id;
}

static void
expect_part(uint32 owner, double least, double most)
{
	double		part = part_of_memory(owner);

	if (part < least || part > most)
		fail("owner %u has %.1f %% of the memory", owner, 100 * part);
}

/*
 * Within its share: none is lost, whether the others lack room in the logs or
 * in the index.
 */
static void
within(Size len, Size flood_len)
{
	uint64		n;
	uint64		i;

	shim_new_store(4, 4, OWNERS);
	flood(4, 300);
	cs_store_guard(SPACE, true);
	n = fill(SPACE, 0, 0.2, len);
	for (i = 0; i < n; i++)
		expect(present(SPACE, i));
	flood(4, flood_len);
	for (i = 0; i < n; i++)
		expect(present(SPACE, i));
	expect(usage_of(SPACE).evictions == 0);
	expect(usage_of(TABLE).evictions > 0);
	unit_consistent();

	cs_store_guard(SPACE, false);
	unit_consistent();
	flood(4, flood_len);
	expect_part(SPACE, 0, 0.02);
	unit_consistent();
	unit_ok("share, within", UINT64_FORMAT " entries of %zu bytes, others of %zu", n, len,
			flood_len);
}

/* Beyond its share, it is like others; down to it. */
static void
beyond(void)
{
	uint64		id;

	shim_new_store(4, 4, OWNERS);
	cs_store_guard(SPACE, true);
	id = fill(SPACE, 0, 0.7, 200);
	flood(4, 200);
	expect_part(SPACE, 0.245, 0.2505);
	/* its own make room for its own as well */
	for (; id < 100000; id++)
		expect(install(SPACE, id, 200) == CS_INSTALL_DONE);
	flood(4, 200);
	expect_part(SPACE, 0.245, 0.2505);
	unit_consistent();
	unit_ok("share, beyond", "%.1f %% of the memory left", 100 * part_of_memory(SPACE));
}

/* Who has no entries has no share; who has takes from the others'. */
static void
several(void)
{
	CsKey		key;
	uint64		id;
	uint64		n;

	shim_new_store(4, 4, OWNERS);
	cs_store_guard(SPACE, true);
	cs_store_guard(SPACE, true);
	cs_store_guard(OTHER, true);
	cs_store_guard(OTHER + 1, true);
	fill(SPACE, 0, 0.4, 200);
	flood(4, 200);
	expect_part(SPACE, 0.245, 0.2505);

	n = fill(OTHER, 0, 0.1, 200);
	flood(4, 200);
	expect_part(SPACE, 0.12, 0.1255);
	expect_part(OTHER, 0.1, 0.11);
	unit_consistent();

	for (id = 0; id < n; id++)
	{
		make_key(OTHER, &id, &key);
		expect(cs_store_unlink(OTHER, key.hash));
	}
	fill(SPACE, 1 << 20, 0.24, 200);
	flood(4, 200);
	expect_part(SPACE, 0.235, 0.2505);
	unit_consistent();

	fill(OTHER, 0, 0.1, 200);
	cs_store_guard(OTHER, false);
	unit_consistent();
	fill(SPACE, 1 << 20, 0.24, 200);
	flood(4, 200);
	expect_part(SPACE, 0.235, 0.2505);
	expect_part(OTHER, 0, 0.01);
	unit_consistent();
	unit_ok("share, several", "%.1f %% of the memory left", 100 * part_of_memory(SPACE));
}

/* Owners come and go, guarded and not: the number of them stays right. */
static void
counting(void)
{
	uint64		random = 3;
	int			i;

	shim_new_store(1, 2, OWNERS);
	for (i = 0; i < 20000; i++)
	{
		uint64		r = unit_random(&random);
		uint32		owner = r % OWNERS;

		if ((r >> 8) % 3 == 0)
			cs_store_guard(owner, (r >> 16) % 2);
		else if ((r >> 8) % 3 == 1)
			install(owner, (r >> 16) % 4, 100);
		else
			cs_store_unlink(owner, cs_mix((r >> 16) % 4 + 1));
		if (i % 100 == 0)
			unit_consistent();
	}
	unit_ok("share, counting", "%d changes", i);
}

static CsSwap
swap(uint64 id, Size len)
{
	CsMeta		meta = {0};
	CsKey		key;

	make_key(DIRTY, &id, &key);
	memcpy(unit_pool, &id, sizeof(id));
	return cs_store_swap(&key, &meta, unit_pool, len, 0, true);
}

/*
 * When there are only dirty and guarded entries, tables get nothing.  Dirty
 * ones take the place of guarded ones, but not while there are others.
 */
static void
last_resort(void)
{
	uint64		n;
	uint64		ndirty = 1;
	uint64		i;

	shim_new_store(1, 1, OWNERS);
	cs_store_guard(SPACE, true);
	n = fill(SPACE, 0, 0.24, 200);
	flood(1, 200);
	while (usage_of(TABLE).entries > 0)
	{
		expect(usage_of(SPACE).evictions == 0);
		expect(swap(ndirty, 150 + ndirty % 100) == CS_SWAP_DONE);
		ndirty++;
	}
	for (i = 0; i < n; i++)
		expect(present(SPACE, i));
	for (i = 0; i < 100; i++)
		expect(install(TABLE, i, 2000) == CS_INSTALL_FULL);
	unit_consistent();

	while (swap(ndirty, 150 + ndirty % 100) == CS_SWAP_DONE)
		ndirty++;
	expect(usage_of(SPACE).entries == 0);
	expect(usage_of(DIRTY).dirty_entries == ndirty - 1);
	expect(install(SPACE, 0, 2000) == CS_INSTALL_FULL);
	unit_consistent();
	unit_ok("share, last resort", UINT64_FORMAT " dirty entries", ndirty);
}

static CsStage
put(uint64 id, uint64 tag, Size len, Size quota)
{
	CsMeta		meta = {0};
	CsKey		key;

	make_key(SPACE, &id, &key);
	if (tag != 0)
		return cs_store_stage(&key, tag, &meta, unit_pool, len, quota);
	return cs_store_replace(&key, &meta, unit_pool, len, quota, 0, NULL, NULL);
}

static uint8
flags_of(uint64 id)
{
	CsFound		found;
	CsKey		key;

	make_key(SPACE, &id, &key);
	expect(cs_store_lookup(&key, NULL, NULL, &found) == CS_LOOKUP_HIT);
	expect((found.meta.wxid != 0) == (found.meta.flags != 0));
	pfree(found.value);
	return found.meta.flags;
}

static void
settle(uint64 id, uint64 tag, bool commit)
{
	CsKey		key;

	make_key(SPACE, &id, &key);
	cs_store_settle(&key, tag, commit);
}

/* Both buckets of a place are full of a guarded owner's entries. */
static void
crowd(CsKey *key, uint64 *id, uint64 tag)
{
	CsMeta		meta = {0};

	for (*id = 0; *id < 2 * CS_BUCKET_SLOTS; (*id)++)
	{
		make_key(SPACE, id, key);
		key->hash = 1;
		if (tag == 0)
			expect(cs_store_install(key, &meta, unit_pool, 100, 0, NULL, NULL) == CS_INSTALL_DONE);
		else
			expect(cs_store_stage(key, tag, &meta, unit_pool, 100, 0) == CS_STAGE_DONE);
	}
	expect(usage_of(SPACE).entries == 2 * CS_BUCKET_SLOTS);
}

/* A hash by which another owner's key has the same two buckets. */
static uint64
same_buckets(uint32 owner)
{
	CsPlace		wanted;
	CsPlace		place;
	uint64		hash = 0;

	cs_place(1, SPACE, &wanted);
	do
		cs_place(++hash, owner, &place);
	while (place.part != wanted.part ||
		   Min(place.bucket[0], place.bucket[1]) != Min(wanted.bucket[0], wanted.bucket[1]) ||
		   Max(place.bucket[0], place.bucket[1]) != Max(wanted.bucket[0], wanted.bucket[1]));
	return hash;
}

/*
 * A share is one of memory.  A role whose entries fill both buckets of another
 * one's key does not keep it out, be they valid or pending; a fill waits.
 */
static void
crowded(uint64 tag)
{
	CsMeta		meta = {0};
	CsKey		key;
	uint64		id;

	shim_new_store(1, 1, OWNERS);
	cs_store_guard(SPACE, true);
	cs_store_guard(OTHER, true);
	crowd(&key, &id, tag);
	make_key(TABLE, &id, &key);
	key.hash = same_buckets(TABLE);
	expect(cs_store_install(&key, &meta, unit_pool, 100, 0, NULL, NULL) == CS_INSTALL_FULL);
	expect(usage_of(SPACE).entries == 2 * CS_BUCKET_SLOTS);

	make_key(OTHER, &id, &key);
	key.hash = same_buckets(OTHER);
	expect(cs_store_stage(&key, 9, &meta, unit_pool, 100, 0) == CS_STAGE_DONE);
	expect(cs_store_replace(&key, &meta, unit_pool, 100, 0, CS_ANY_VERSION, NULL, NULL) ==
		   CS_STAGE_CONFLICT);
	cs_store_settle(&key, 9, true);
	expect(cs_store_replace(&key, &meta, unit_pool, 100, 0, CS_ANY_VERSION, NULL, NULL) ==
		   CS_STAGE_DONE);
	expect(usage_of(SPACE).entries == 2 * CS_BUCKET_SLOTS - 1);
	expect(usage_of(OTHER).entries == 1);
	unit_consistent();
	unit_ok("share, crowded", tag == 0 ? "by valid entries" : "by pending ones");
}

/*
 * Who is told that there is no room has asked everywhere: a small space in a
 * large store, whose entries are hard to find.
 */
static void
small_quota(void)
{
	const Size	quota = 20000;
	uint64		id;
	int			back;

	shim_new_store(16, 16, OWNERS);
	flood(16, 100);
	memset(unit_pool, 1, sizeof(uint64));
	for (id = 0; id < 2000; id++)
	{
		expect(put(id, 0, 500 + id % 1000, quota) == CS_STAGE_DONE);
		expect(usage_of(SPACE).bytes <= quota);
	}
	expect(usage_of(SPACE).bytes > quota - 3000);
	for (; id < 3000; id++)
	{
		expect(put(id, id, 500 + id % 1000, quota) == CS_STAGE_DONE);
		expect(usage_of(SPACE).bytes <= quota);
		settle(id, id, true);
		expect(present(SPACE, id));
		/* however popular the others are */
		for (back = 0; back < 40; back++)
			read_entry(SPACE, id - back);
	}
	expect(put(id, 0, quota, quota) == CS_STAGE_FULL);
	unit_consistent();
	unit_ok("quota, hard to find", "%zu of %zu bytes", (Size) usage_of(SPACE).bytes, quota);
}

/*
 * To replace all entries of a space that is at its quota costs none; those
 * beside them are not to be had, however; and when it is rolled back, all is
 * as it was.
 */
static void
staged_quota(bool commit)
{
	const uint64 n = 100;
	const Size	size = MAXALIGN(40 + 8 + 200);
	const Size	quota = n * size;
	const uint64 tag = 7;
	uint64		evictions;
	uint64		id;

	shim_new_store(4, 4, OWNERS);
	for (id = 0; id < n; id++)
		expect(put(id, 0, 200, quota) == CS_STAGE_DONE);
	evictions = usage_of(SPACE).evictions;
	expect(evictions == 0 && usage_of(SPACE).bytes == quota);

	for (id = 1; id < n; id++)
	{
		expect(put(id, tag, 190 + id % 8, quota) == CS_STAGE_DONE);
		expect(put(id, tag, 200, quota) == CS_STAGE_DONE);
	}
	expect(put(0, tag, 300, quota) == CS_STAGE_FULL);
	expect(flags_of(0) == 0);
	expect(put(0, tag, 200, quota) == CS_STAGE_DONE);
	expect(flags_of(0) == CS_ENTRY_STAGED);
	expect(put(n, tag, 8, quota) == CS_STAGE_FULL);
	expect(put(0, tag, 300, quota) == CS_STAGE_FULL);
	expect(put(n, 0, 8, quota) == CS_STAGE_FULL);
	expect(usage_of(SPACE).evictions == 0 && usage_of(SPACE).bytes == 2 * quota);
	unit_consistent();
	for (id = 0; id <= n; id++)
		settle(id, tag, commit);
	expect(usage_of(SPACE).entries == n && usage_of(SPACE).bytes == quota);
	for (id = 0; id < n; id++)
		expect(present(SPACE, id));
	unit_consistent();

	expect(put(n, tag, 200, quota) == CS_STAGE_DONE);
	expect(usage_of(SPACE).evictions == 1 && usage_of(SPACE).bytes == quota);
	unit_consistent();
	unit_ok("quota, staged", commit ? "committed" : "rolled back");
}

/*
 * All of the memory can become pending, even if what can go lies behind more
 * entries that cannot than one try may pass.
 */
static void
no_room(Size len)
{
	uint64		id;
	uint64		n;

	shim_new_store(1, 1, OWNERS);
	flood(1, 200);
	for (n = 0; put(n, 5, len, 0) == CS_STAGE_DONE; n++)
		;
	expect(part_of_memory(SPACE) > 0.97);
	expect(usage_of(SPACE).entries == n && usage_of(SPACE).evictions == 0);
	expect(put(n, 0, len, 0) == CS_STAGE_FULL);
	expect(install(TABLE, 1, len) == CS_INSTALL_FULL);
	unit_consistent();

	/* for dirty entries, pending ones go */
	expect(swap(1, len) == CS_SWAP_DONE);
	expect(usage_of(SPACE).entries < n);
	for (id = 0; id < n; id++)
		settle(id, 5, true);
	for (id = 2; swap(id, len) == CS_SWAP_DONE; id++)
		;
	expect(usage_of(SPACE).entries == 0);
	unit_consistent();
	unit_ok("staged, no room", UINT64_FORMAT " pending entries in 1 MB", n);
}

/* Popular entries of other owners at the tail, and pending ones all around. */
static void
long_run(void)
{
	uint64		n;
	int			i;

	shim_new_store(1, 1, OWNERS);
	for (n = 0; part_of_memory(SPACE) < 0.6; n++)
		expect(put(n, 5, 40, 0) == CS_STAGE_DONE);
	for (i = 0; i < 10; i++)
	{
		flood(1, 200);
		expect(put(n + i, 5, 40000, 0) == CS_STAGE_DONE);
		settle(n + i, 5, false);
	}
	expect(usage_of(SPACE).evictions == 0);
	unit_consistent();
	unit_ok("staged, long run", UINT64_FORMAT " pending entries", n);
}

void
test_share(void)
{
	within(100, 200);
	within(100, 8);
	within(8, 8);
	within(20000, 500);
	beyond();
	several();
	counting();
	last_resort();
	crowded(0);
	crowded(7);
	small_quota();
	staged_quota(true);
	staged_quota(false);
	no_room(1000);
	no_room(100);
	long_run();
}
