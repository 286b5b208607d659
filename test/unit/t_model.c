/*-------------------------------------------------------------------------
 *
 * t_model.c
 *		Random operations against a plain map.
 *
 * A clean entry may be missing at any time; what is there must be what was
 * installed last, and a dirty entry must be there until it is removed.  Some
 * keys have the same hash as their neighbour; in the collide test all do, in
 * runs of 64.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "unit.h"

#define KEYS			20000
#define TABLES			5
#define DIRTY_MAX		200
#define OPS_PER_CHECK	20000

typedef struct ModelEntry
{
	bool		present;		/* may be in the store */
	Size		len;
	Size		offset;			/* into the pool */
	CsMeta		meta;
	CsVacated	vacated;		/* of the first of a run: when it was unlinked */
} ModelEntry;

typedef struct Model
{
	uint64		random;
	int			same_hash;		/* keys in a run with one hash */
	int			ndirty;
	int64		hits;
	int64		lookups;
	int64		installs;
	int64		full;
	int64		vacated;		/* installs with a place to take */
	ModelEntry	entry[KEYS];
} Model;

static Model m;

typedef struct KeyBytes
{
	CsKey		key;
	char		data[64];
} KeyBytes;

/* Runs of keys share a hash: of 16 the first 'same_hash', or all of 64. */
static int
first_of_run(int id)
{
	int			run = Max(16, m.same_hash);

	return id % run < m.same_hash ? id - id % run : id;
}

static void
make_key(int id, KeyBytes *k)
{
	uint64		state = first_of_run(id);

	k->key.hash = unit_random(&state);
	k->key.owner = (id / 64) % TABLES;
	k->key.len = 4 + id % 40;
	k->key.data = k->data;
	memset(k->data, id % 251, sizeof(k->data));
	memcpy(k->data, &id, sizeof(id));
}

static Size
random_len(Size most)
{
	uint64		r = unit_random(&m.random);
	uint64		kind = r % 1000;
	Size		len;

	r >>= 16;
	if (kind < 600)
		len = r % 200;
	else if (kind < 950)
		len = r % 2000;
	else if (kind < 998)
		len = r % 20000;
	else
		len = r % 300000;
	return Min(len, most);
}

static bool
yes(void *arg)
{
	return true;
}

static bool
no(void *arg)
{
	return false;
}

static bool
accept_odd_epochs(const CsMeta *meta, void *arg)
{
	return meta->epoch % 2 == 1;
}

static bool
is_dirty(const ModelEntry *e)
{
	return e->present && (e->meta.flags & CS_ENTRY_DIRTY) != 0;
}

/* As an installation would call it. */
static CsInstall
swap(const CsKey *key, const ModelEntry *e, const ModelEntry *new)
{
	uint64		expected = 0;
	CsSwap		result;

	if (is_dirty(e))
		memcpy(&expected, unit_pool + e->offset, sizeof(expected));
	result = cs_store_swap(key, &new->meta, unit_pool + new->offset, new->len,
						   expected, false);
	if (result != CS_SWAP_DONE && result != CS_SWAP_FULL)
		fail("swap of %zu bytes returned %d", new->len, result);
	return result == CS_SWAP_DONE ? CS_INSTALL_DONE : CS_INSTALL_FULL;
}

/* In the place of what was unlinked, perhaps long ago. */
static CsInstall
reinstall(int id, const CsKey *key, const ModelEntry *new, CsCheck check)
{
	CsVacated  *last = &m.entry[first_of_run(id)].vacated;
	CsVacated	vacated = *last;

	if (vacated.size == 0 || unit_random(&m.random) % 4 == 0)
		return cs_store_install(key, &new->meta, unit_pool + new->offset, new->len,
								0, check, NULL);
	m.vacated++;
	memset(last, 0, sizeof(CsVacated));
	return cs_store_reinstall(key, &new->meta, unit_pool + new->offset, new->len,
							  0, &vacated, check, NULL);
}

static void
do_install(int id, bool dirty)
{
	ModelEntry *e = &m.entry[id];
	ModelEntry	new;
	KeyBytes	k;
	CsInstall	result;
	bool		refuse = !dirty && unit_random(&m.random) % 50 == 0;

	make_key(id, &k);
	new.present = true;
	/* also for one that has gone: it may have left a place of this size */
	new.len = unit_random(&m.random) % 3 == 0 ? e->len :
		random_len(dirty ? 2000 : 300000);
	if (dirty)
		new.len = Max(new.len, sizeof(uint64));
	new.offset = unit_random(&m.random) % (POOL_SIZE - 300000);
	new.meta.epoch = unit_random(&m.random) & CS_EPOCH_MASK;
	new.meta.wxid = unit_random(&m.random);
	new.meta.expires = unit_random(&m.random) >> 1;
	new.meta.flags = dirty ? CS_ENTRY_DIRTY : unit_random(&m.random) & 3;

	if (dirty)
		result = swap(&k.key, e, &new);
	else
		result = reinstall(id, &k.key, &new, refuse ? no : yes);
	m.installs++;
	if (result == CS_INSTALL_FULL)
		m.full++;
	if (refuse || (is_dirty(e) && !dirty) ? result != CS_INSTALL_REFUSED :
		result != CS_INSTALL_DONE && result != CS_INSTALL_FULL)
		fail("install of %zu bytes returned %d", new.len, result);
	if (result == CS_INSTALL_DONE)
	{
		m.ndirty += dirty - is_dirty(e);
		new.vacated = e->vacated;
		*e = new;
	}
}

static CsAlter
remove_entry(char *value, Size len, void *arg)
{
	ModelEntry *e = arg;

	expect(len == e->len && memcmp(value, unit_pool + e->offset, len) == 0);
	return CS_ALTER_REMOVE;
}

static void
do_remove(int id)
{
	ModelEntry *e = &m.entry[id];
	KeyBytes	k;

	make_key(id, &k);
	expect(cs_store_alter(&k.key, remove_entry, e) == is_dirty(e));
	if (!is_dirty(e))
		return;
	e->present = false;
	m.ndirty--;
}

static void
do_unlink(int id)
{
	int			i = first_of_run(id);
	int			first = i;
	KeyBytes	k;

	make_key(id, &k);
	if (unit_random(&m.random) % 2 == 0)
		cs_store_unlink(k.key.owner, k.key.hash);
	else
	{
		CsVacated	vacated;

		if (cs_store_vacate(k.key.owner, k.key.hash, &vacated))
			m.entry[first].vacated = vacated;
		else
			expect(vacated.size == 0);
	}
	for (; i < KEYS && first_of_run(i) == first; i++)
		m.entry[i].present = is_dirty(&m.entry[i]);
}

static void
do_lookup(int id)
{
	ModelEntry *e = &m.entry[id];
	bool		picky = unit_random(&m.random) % 4 == 0;
	CsLookup	result;
	CsFound		found;
	KeyBytes	k;

	make_key(id, &k);
	result = cs_store_lookup(&k.key, picky ? accept_odd_epochs : NULL, NULL, &found);
	m.lookups++;
	if (result == CS_LOOKUP_MISS)
	{
		if (is_dirty(e))
			fail("a dirty entry is missing");
		expect(found.value == NULL);
		return;
	}
	m.hits++;
	expect(e->present);
	expect(found.meta.epoch == e->meta.epoch && found.meta.wxid == e->meta.wxid);
	expect(found.meta.expires == e->meta.expires && found.meta.flags == e->meta.flags);
	expect((result == CS_LOOKUP_REFUSED) == (picky && e->meta.epoch % 2 == 0));
	if (result == CS_LOOKUP_REFUSED)
	{
		expect(found.value == NULL);
		return;
	}
	expect(found.len == e->len);
	expect(memcmp(found.value, unit_pool + e->offset, e->len) == 0);
	pfree(found.value);
}

static void
run(int64 ops, int keys)
{
	int64		i;

	for (i = 0; i < ops; i++)
	{
		uint64		r = unit_random(&m.random);
		uint64		kind = r % 100;
		int			id = (int) ((r >> 8) % keys);

		/* popular keys, so that the logs have something to move */
		if (r >> 62 != 0)
			id %= keys / 20;
		if (kind < 30)
			do_install(id, is_dirty(&m.entry[id]) && kind < 15);
		else if (kind < 32 && m.ndirty < DIRTY_MAX)
			do_install(id, true);
		else if (kind < 42)
			do_unlink(id);
		else if (kind < 52)
			do_remove(id);
		else
			do_lookup(id);
		if (i % OPS_PER_CHECK == 0)
			unit_consistent();
	}
	unit_consistent();
}

static void
report(const char *name)
{
	CsStoreInfo info;

	cs_store_info(&info);
	unit_ok(name, "%d partitions, " INT64_FORMAT " installs, " INT64_FORMAT
			" full, " INT64_FORMAT " with a vacated place, " INT64_FORMAT
			" lookups, %.1f %% there, " UINT64_FORMAT " evictions", info.partitions,
			m.installs, m.full, m.vacated, m.lookups, 100.0 * m.hits / m.lookups,
			info.usage.evictions);
}

static void
reset(uint64 seed, int same_hash)
{
	memset(&m, 0, sizeof(m));
	m.random = seed;
	m.same_hash = same_hash;
}

void
test_model(void)
{
	/* one partition of 1 MB */
	shim_new_store(1, 0, TABLES);
	reset(1, 2);
	run(700000, KEYS);
	report("model, 1 MB");

	shim_new_store(8, 0, TABLES);
	reset(2, 2);
	run(1300000, KEYS);
	report("model, 8 MB");
}

/* Whatever the number of keys, two buckets hold sixteen of them. */
void
test_collide(void)
{
	shim_new_store(1, 0, TABLES);
	reset(3, 64);
	run(200000, 640);
	report("collide, 64 keys a hash");
}
