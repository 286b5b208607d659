/*-------------------------------------------------------------------------
 *
 * t_dirty.c
 *		Random operations on dirty entries, among clean ones, against a map.
 *
 * A value is made from its version: that is its first word, and names the key
 * and the change that made it; the rest follows from it.  So whatever turns up
 * in a lookup, a change in place or a scan can be told to be the newest,
 * whole.  A flood of clean entries keeps moving the dirty ones through the
 * logs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "unit.h"

#define KEYS			3000
#define TABLES			4
#define MAX_LEN			1200
#define SAME_HASH		3
#define FLOOD_LEN		3000

typedef struct ModelEntry
{
	bool		dirty;
	bool		clean;			/* may be there */
	uint64		version;
	Size		len;
	CsMeta		meta;
	bool		visited;
} ModelEntry;

typedef struct Model
{
	uint64		random;
	uint64		versions;		/* given out */
	uint64		flood;
	int64		done;
	int64		conflicts;
	int64		full;
	int64		refused;
	int64		altered;
	int64		scanned;
	uint64		entries[TABLES];	/* dirty */
	uint64		bytes[TABLES];
	uint64		marked[TABLES];
	ModelEntry	entry[KEYS];
} Model;

static Model m;

typedef struct KeyBytes
{
	CsKey		key;
	uint64		data[8];
} KeyBytes;

/* Runs of keys of one table share a hash. */
static void
make_key(int id, KeyBytes *k)
{
	uint64		state = id / SAME_HASH;

	k->key.hash = unit_random(&state);
	k->key.owner = (id / SAME_HASH) % TABLES;
	k->key.len = 4 + id % 40;
	k->key.data = (char *) k->data;
	memset(k->data, id % 251, sizeof(k->data));
	memcpy(k->data, &id, sizeof(id));
}

static uint64
new_version(int id)
{
	return (++m.versions << 16) | id;
}

static void
fill(char *value, Size len, uint64 version)
{
	Size		at;

	for (at = 0; at < len; at += sizeof(uint64))
	{
		uint64		word = at == 0 ? version : cs_mix(version + at);

		memcpy(value + at, &word, Min(sizeof(word), len - at));
	}
}

static void
expect_value(const ModelEntry *e, const char *value, Size len)
{
	static char expected[MAX_LEN];

	expect(len == e->len);
	fill(expected, len, e->version);
	expect(memcmp(value, expected, len) == 0);
}

static void
expect_meta(const ModelEntry *e, const CsMeta *meta)
{
	expect(meta->epoch == e->meta.epoch && meta->wxid == e->meta.wxid);
	expect(meta->expires == e->meta.expires && meta->flags == e->meta.flags);
}

static void
random_meta(CsMeta *meta)
{
	meta->epoch = unit_random(&m.random) & CS_EPOCH_MASK;
	meta->wxid = unit_random(&m.random);
	meta->expires = unit_random(&m.random) >> 1;
	meta->flags = unit_random(&m.random) & (CS_ENTRY_ABSENT | CS_ENTRY_MARKED);
}

static Size
random_len(void)
{
	uint64		r = unit_random(&m.random);

	return sizeof(uint64) + (r >> 8) % (r % 4 == 0 ? MAX_LEN - 8 : 200);
}

/* What the entry takes in the logs, worked out anew. */
static Size
bytes_of(int id, Size len)
{
	return 40 + MAXALIGN(4 + id % 40) + MAXALIGN(len);
}

static void
count_dirty(int id, int sign)
{
	uint32		owner = (id / SAME_HASH) % TABLES;

	m.entries[owner] += sign;
	m.bytes[owner] += sign * (int64) bytes_of(id, m.entry[id].len);
	if (m.entry[id].meta.flags & CS_ENTRY_MARKED)
		m.marked[owner] += sign;
}

static void
check_usage(void)
{
	CsUsage		sum = {0};
	CsStoreInfo info;
	int			i;

	for (i = 0; i < TABLES; i++)
	{
		CsUsage		usage;

		cs_store_usage(i, &usage);
		expect(usage.dirty_entries == m.entries[i]);
		expect(usage.dirty_bytes == m.bytes[i]);
		expect(cs_store_dirty_entries(i) == m.entries[i]);
		expect(cs_store_marked_entries(i) == m.marked[i]);
		expect(usage.entries >= usage.dirty_entries);
		expect(usage.bytes >= usage.dirty_bytes);
		sum.dirty_entries += usage.dirty_entries;
		sum.dirty_bytes += usage.dirty_bytes;
	}
	cs_store_info(&info);
	expect(info.usage.dirty_entries == sum.dirty_entries);
	expect(info.usage.dirty_bytes == sum.dirty_bytes);
}

/* The version that the entry has, or sometimes another one. */
static uint64
random_expected(const ModelEntry *e)
{
	uint64		actual = e->dirty ? e->version : 0;

	switch (unit_random(&m.random) % 8)
	{
		case 0:
			return 0;
		case 1:
			return e->version;	/* perhaps of a clean one, or one that is gone */
		case 2:
			return actual + 1;
		default:
			return actual;
	}
}

static void
do_swap(int id)
{
	ModelEntry *e = &m.entry[id];
	ModelEntry	new = {.dirty = true};
	char		value[MAX_LEN];
	uint64		expected = random_expected(e);
	uint64		actual = e->dirty ? e->version : 0;
	Size		oldsize = e->dirty ? bytes_of(id, e->len) : 0;
	bool		force = unit_random(&m.random) % 4 == 0;
	KeyBytes	k;
	CsPlace		place;
	uint64		bytes;
	CsSwap		result;
	Size		size;

	make_key(id, &k);
	cs_place(k.key.hash, k.key.owner, &place);
	bytes = cs_store.partitions[place.part].dirty_bytes;
	new.version = new_version(id);
	new.len = unit_random(&m.random) % 4 == 0 && e->dirty ? e->len : random_len();
	random_meta(&new.meta);
	fill(value, new.len, new.version);
	size = bytes_of(id, new.len);

	result = cs_store_swap(&k.key, &new.meta, value, new.len, expected, force);
	expect((result == CS_SWAP_CONFLICT) == (expected != actual));
	switch (result)
	{
		case CS_SWAP_CONFLICT:
			m.conflicts++;
			return;
		case CS_SWAP_FULL:
			m.full++;
			expect(size > oldsize);
			if (force)
				expect(bytes + size + MAX_LEN > cs_store.area_size / 10 * 9);
			else
				expect(bytes + size - oldsize > CS_DIRTY_LIMIT);
			return;
		default:
			expect(result == CS_SWAP_DONE);
			expect(force || size <= oldsize || bytes + size - oldsize <= CS_DIRTY_LIMIT);
	}
	m.done++;
	if (e->dirty)
		count_dirty(id, -1);
	*e = new;
	e->meta.flags |= CS_ENTRY_DIRTY;
	count_dirty(id, 1);
}

/* A change in place: which one follows from the version that it finds. */
static CsAlter
alter(char *value, Size len, void *arg)
{
	uint64		version;
	ModelEntry *e;
	int			id;

	expect((uintptr_t) value % MAXIMUM_ALIGNOF == 0);
	memcpy(&version, value, sizeof(version));
	id = version & 0xffff;
	e = &m.entry[id];
	expect(arg == NULL || arg == e);
	expect(e->dirty && !e->visited);
	expect_value(e, value, len);
	e->visited = true;
	m.altered++;
	switch (cs_mix(version) % 4)
	{
		case 0:
			return CS_ALTER_NOTHING;
		case 1:
			count_dirty(id, -1);
			e->dirty = false;
			memset(value, 0, len);
			return CS_ALTER_REMOVE;
		default:
			e->version = new_version(id);
			fill(value, len, e->version);
			return CS_ALTER_CHANGED;
	}
}

static void
do_alter(int id)
{
	ModelEntry *e = &m.entry[id];
	bool		dirty = e->dirty;
	KeyBytes	k;

	make_key(id, &k);
	e->visited = false;
	expect(cs_store_alter(&k.key, alter, e) == dirty);
	expect(e->visited == dirty);
	e->visited = false;
}

/* Each entry that was wanted must have been met, and no other. */
static void
expect_all_visited(const bool *wanted)
{
	int			id;

	for (id = 0; id < KEYS; id++)
	{
		expect(m.entry[id].visited == wanted[id]);
		m.entry[id].visited = false;
	}
}

static void
note_wanted(uint32 owner, bool *wanted)
{
	int			id;

	for (id = 0; id < KEYS; id++)
		wanted[id] = m.entry[id].dirty && (id / SAME_HASH) % TABLES == owner;
}

static void
do_alter_all(uint32 owner)
{
	bool		wanted[KEYS];
	uint64		had = m.entries[owner];

	note_wanted(owner, wanted);
	expect(cs_store_alter_all(owner, alter, NULL) == had);
	expect_all_visited(wanted);
}

static void
do_scan(uint32 owner)
{
	bool		wanted[KEYS];
	CsDirtyScan scan;
	CsKey		key;
	CsFound		found;

	note_wanted(owner, wanted);
	cs_store_scan_begin(&scan, owner);
	while (cs_store_scan_next(&scan, &key, &found))
	{
		uint64		version;
		KeyBytes	k;
		ModelEntry *e;

		memcpy(&version, found.value, sizeof(version));
		e = &m.entry[version & 0xffff];
		make_key(version & 0xffff, &k);
		expect(e->dirty && !e->visited);
		e->visited = true;
		expect(key.hash == k.key.hash && key.owner == owner && key.len == k.key.len);
		expect(memcmp(key.data, k.key.data, key.len) == 0);
		expect_meta(e, &found.meta);
		expect_value(e, found.value, found.len);
		pfree((char *) key.data);
		pfree(found.value);
		m.scanned++;
	}
	expect(!cs_store_scan_next(&scan, &key, &found));
	expect_all_visited(wanted);
}

static void
do_install(int id)
{
	ModelEntry *e = &m.entry[id];
	ModelEntry	new = {.clean = true};
	char		value[MAX_LEN];
	KeyBytes	k;
	CsInstall	result;

	make_key(id, &k);
	new.version = new_version(id);
	new.len = random_len();
	random_meta(&new.meta);
	fill(value, new.len, new.version);
	result = cs_store_install(&k.key, &new.meta, value, new.len, 0, NULL, NULL);
	expect((result == CS_INSTALL_REFUSED) == e->dirty);
	expect(result != CS_INSTALL_TOO_LARGE);
	m.refused += e->dirty;
	if (result == CS_INSTALL_DONE)
		*e = new;
}

static void
do_unlink(int id)
{
	int			first = id - id % SAME_HASH;
	bool		may = false;
	KeyBytes	k;
	int			i;

	make_key(id, &k);
	for (i = first; i < first + SAME_HASH; i++)
	{
		may |= m.entry[i].clean;
		m.entry[i].clean = false;
	}
	expect(!cs_store_unlink(k.key.owner, k.key.hash) || may);
	expect(!cs_store_unlink(k.key.owner, k.key.hash));
}

static void
do_lookup(int id)
{
	ModelEntry *e = &m.entry[id];
	KeyBytes	k;
	CsFound		found;

	make_key(id, &k);
	if (cs_store_lookup(&k.key, NULL, NULL, &found) != CS_LOOKUP_HIT)
	{
		expect(!e->dirty);
		return;
	}
	expect(e->dirty || e->clean);
	expect_meta(e, &found.meta);
	expect_value(e, found.value, found.len);
	pfree(found.value);
}

static void
do_flood(void)
{
	KeyBytes	k;
	CsMeta		meta = {0};
	Size		len = unit_random(&m.random) % FLOOD_LEN;
	CsInstall	result;

	make_key(0, &k);
	k.key.hash = cs_mix(++m.flood);
	k.key.owner = TABLES;
	result = cs_store_install(&k.key, &meta, unit_pool, len, 0, NULL, NULL);
	expect(result == CS_INSTALL_DONE || result == CS_INSTALL_FULL);
}

/* Waves: at times more comes than goes, until there is no room. */
static void
run(int ops)
{
	int			i;

	for (i = 0; i < ops; i++)
	{
		uint64		r = unit_random(&m.random);
		int			id = (int) ((r >> 16) % KEYS);
		int			kind = r % 100;
		int			swaps = i / 20000 % 2 == 0 ? 30 : 5;

		if (kind < swaps)
			do_swap(id);
		else if (kind < 40)
			do_alter(id);
		else if (kind < 55)
			do_install(id);
		else if (kind < 60)
			do_unlink(id);
		else if (kind < 80)
			do_lookup(id);
		else
			do_flood();
		if (i % 500 == 0)
			do_scan(i / 500 % TABLES);
		if (i % 5000 == 4999)
			do_alter_all(i / 5000 % TABLES);
		if (i % 1000 == 0)
			check_usage();
		if (i % 10000 == 0)
			unit_consistent();
	}
	for (i = 0; i < KEYS; i++)
		do_lookup(i);
	check_usage();
	unit_consistent();
}

static void
against_model(uint64 seed, int memory_mb, int partitions, int ops)
{
	CsStoreInfo info;

	shim_new_store(memory_mb, partitions, TABLES + 1);
	memset(&m, 0, sizeof(m));
	m.random = seed;
	run(ops);
	cs_store_info(&info);
	unit_ok("dirty", "%d partitions, " INT64_FORMAT " swaps, " INT64_FORMAT
			" conflicts, " INT64_FORMAT " full, " INT64_FORMAT " altered, "
			INT64_FORMAT " scanned, " INT64_FORMAT " clean ones refused, "
			UINT64_FORMAT " evictions", info.partitions, m.done, m.conflicts,
			m.full, m.altered, m.scanned, m.refused, info.usage.evictions);
	expect(m.done > 0 && m.conflicts > 0 && m.refused > 0 && m.altered > 0);
	expect(m.scanned > 0 && info.usage.evictions > 0);
}

void
test_dirty(void)
{
	against_model(11, 1, 1, 400000);
	expect(m.full > 0);
	against_model(12, 1, 8, 400000);
	expect(m.full > 0);
	against_model(13, 4, 4, 400000);
}
