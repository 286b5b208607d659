/*-------------------------------------------------------------------------
 *
 * t_staged.c
 *		Random replacements, stages and settlements against a map.
 *
 * With memory to spare, what the store holds is known exactly, and so is the
 * answer of every call.  With little, a valid entry may be missing, but
 * nothing may come up that is not in the map, and what is staged may not be
 * lost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/clock.h"
#include "store/staged.h"
#include "unit.h"

#define KEYS			600
#define TABLES			3
#define MAX_LEN			1500
#define SAME_HASH		3
#define EPOCHS			3

typedef struct Version
{
	bool		present;
	uint64		version;
	Size		len;
	CsMeta		meta;
} Version;

typedef struct ModelEntry
{
	Version		valid;
	uint64		tag;			/* 0: nothing is staged */
	Version		pending;		/* !present: its removal is staged */
} ModelEntry;

typedef struct Model
{
	uint64		random;
	uint64		numbers;		/* given out, as versions and tags */
	bool		tight;			/* entries may be evicted */
	uint64		epoch;
	int64		replaced;
	int64		conflicts;
	int64		full;
	int64		staged;
	int64		settled;
	int64		scans;
	int64		missing;
	ModelEntry	entry[KEYS];
} Model;

static Model m;

typedef struct KeyBytes
{
	CsKey		key;
	char		data[48];
} KeyBytes;

static uint64
rnd(uint64 n)
{
	return unit_random(&m.random) % n;
}

/* Runs of keys of one table share a hash. */
static void
make_key(int id, KeyBytes *k)
{
	uint64		state = id / SAME_HASH;

	k->key.hash = unit_random(&state);
	k->key.owner = (id / SAME_HASH) % TABLES;
	k->key.len = 4 + id % 40;
	k->key.data = k->data;
	memset(k->data, 'a' + id % 3, sizeof(k->data));
	memcpy(k->data + 1, &id, 3);
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
random_version(Version *v, char *value)
{
	uint64		r = rnd(1 << 20);

	v->present = true;
	v->version = ++m.numbers;
	v->len = sizeof(uint64) + (r >> 8) % (r % 4 == 0 ? MAX_LEN - 8 : 100);
	v->meta.epoch = m.epoch;
	v->meta.wxid = unit_random(&m.random);	/* of no account */
	v->meta.expires = rnd(3) == 0 ? cs_clock_after(1 + rnd(1000)) : 0;
	v->meta.flags = rnd(2) ? CS_ENTRY_ABSENT : 0;
	fill(value, v->len, v->version);
}

static bool
expired(const Version *v)
{
	return v->meta.expires != 0 && v->meta.expires <= cs_clock_now();
}

static void
expect_found(const Version *v, const CsFound *found, CsLookup result)
{
	static char expected[MAX_LEN];

	expect(found->meta.epoch == v->meta.epoch && found->meta.expires == v->meta.expires);
	if (result != CS_LOOKUP_HIT)
		return;
	expect(found->len == v->len);
	fill(expected, v->len, v->version);
	expect(memcmp(found->value, expected, v->len) == 0);
	pfree(found->value);
}

static bool
untagged(const CsMeta *meta, void *arg)
{
	return meta->wxid == 0;
}

/* May its valid entry have been evicted? */
static bool
may_miss(const ModelEntry *e)
{
	return e->valid.present && (m.tight || expired(&e->valid));
}

/* As the store would have it, in spite of evictions. */
static void
note_missing(ModelEntry *e)
{
	expect(may_miss(e));
	m.missing += !expired(&e->valid);
	e->valid.present = false;
}

static void
do_lookup(int id)
{
	ModelEntry *e = &m.entry[id];
	CsAccept	accept = rnd(2) ? untagged : NULL;
	KeyBytes	k;
	CsFound		found;
	CsLookup	result;

	make_key(id, &k);
	result = cs_store_lookup(&k.key, accept, NULL, &found);
	if (e->valid.present && (result == CS_LOOKUP_MISS ||
							 (found.meta.flags & CS_ENTRY_PENDING)))
		note_missing(e);
	if (e->valid.present)
	{
		expect(found.meta.wxid == e->tag);
		expect(found.meta.flags == (e->valid.meta.flags | (e->tag ? CS_ENTRY_STAGED : 0)));
		expect(result == (e->tag != 0 && accept ? CS_LOOKUP_REFUSED : CS_LOOKUP_HIT));
		expect_found(&e->valid, &found, result);
	}
	else if (e->tag != 0 && e->pending.present)
	{
		expect(result == CS_LOOKUP_REFUSED && found.meta.wxid == e->tag);
		expect(found.meta.flags == (e->pending.meta.flags | CS_ENTRY_PENDING));
		expect(found.value == NULL);
	}
	else
		expect(result == CS_LOOKUP_MISS);
}

typedef struct Committed
{
	const CsKey *key;
	uint64		tag;
	bool		answer;
	bool		settle;			/* before the caller gets the answer */
	int			asked;
} Committed;

static bool
committed(uint64 tag, void *arg)
{
	Committed  *c = arg;

	expect(tag == c->tag && (c->asked == 0 || !c->settle));
	c->asked++;
	if (c->settle)
	{
		cs_store_settle(c->key, tag, c->answer);
		return !c->answer;
	}
	return c->answer;
}

static void
do_lookup_staged(int id)
{
	ModelEntry *e = &m.entry[id];
	KeyBytes	k;
	Committed	c = {&k.key, e->tag, rnd(2) == 0, rnd(4) == 0, 0};
	bool		pending = e->tag != 0 && c.answer;
	const Version *v = pending ? &e->pending : &e->valid;
	CsFound		found;
	CsLookup	result;

	make_key(id, &k);
	result = cs_store_lookup_staged(&k.key, committed, &c, untagged, NULL, &found);
	if (e->valid.present && result == CS_LOOKUP_MISS &&
		(!pending || (!e->pending.present && c.asked == 0)))
		note_missing(e);
	expect(result == (v->present ? CS_LOOKUP_HIT : CS_LOOKUP_MISS));
	if (result == CS_LOOKUP_HIT)
	{
		expect((c.asked > 0) == (e->tag != 0));
		expect(found.meta.wxid == (pending && !c.settle ? e->tag : 0));
		expect(found.meta.flags == v->meta.flags);
		expect_found(v, &found, result);
	}
	if (c.settle && c.asked > 0)
	{
		e->tag = 0;
		e->valid = *v;
	}
}

static bool
check(void *arg)
{
	return *(bool *) arg;
}

/* Is the key as it must be for this, with or without its valid entry? */
static bool
as_expected(const ModelEntry *e, bool there, uint64 expected, const CsMeta *meta)
{
	uint64		actual = there ? e->valid.version : 0;

	/* the removal of what is not there leaves no trace */
	if (e->tag != 0 && (there || e->pending.present))
		return false;
	if (expired(&e->valid) || (meta != NULL && meta->epoch != e->valid.meta.epoch))
		actual = 0;
	return expected == CS_ANY_VERSION || expected == actual;
}

static void
do_replace(int id)
{
	ModelEntry *e = &m.entry[id];
	bool		there = e->valid.present;
	uint64		expected = there ? e->valid.version : 0;
	bool		remove = rnd(4) == 0;
	bool		yes = rnd(8) != 0;
	char		value[MAX_LEN];
	const CsMeta *meta;
	Version		new;
	KeyBytes	k;
	CsStage		result;
	bool		done;

	if (there && (expired(&e->valid) || e->valid.meta.epoch != m.epoch))
		expected *= rnd(2);
	if (rnd(4) == 0)
		expected = rnd(2) ? 0 : e->valid.version;
	if (rnd(8) == 0)
		expected = CS_ANY_VERSION;
	make_key(id, &k);
	random_version(&new, value);
	meta = remove && rnd(2) ? NULL : &new.meta;
	result = cs_store_replace(&k.key, meta, remove ? NULL : value, new.len, 0, expected,
							  rnd(2) && yes ? NULL : check, &yes);
	done = result != CS_STAGE_CONFLICT;
	if (yes && done != as_expected(e, there, expected, meta))
	{
		expect(there && done == as_expected(e, false, expected, meta));
		note_missing(e);
	}
	expect(yes || !done);
	if (!done)
		m.conflicts++;
	else if (result == CS_STAGE_FULL)
	{
		expect(m.tight);
		m.full++;
	}
	else
	{
		expect(result == CS_STAGE_DONE);
		m.replaced++;
		e->tag = 0;
		e->valid = new;
		e->valid.present = !remove;
	}
}

static void
do_stage(int id)
{
	ModelEntry *e = &m.entry[id];
	bool		remove = rnd(4) == 0;
	uint64		tag = e->tag == 0 || rnd(4) == 0 ? ++m.numbers : e->tag;
	char		value[MAX_LEN];
	Version		new;
	KeyBytes	k;
	CsStage		result;

	make_key(id, &k);
	random_version(&new, value);
	result = cs_store_stage(&k.key, tag, remove ? NULL : &new.meta, remove ? NULL : value,
							new.len, 0);
	if (e->tag != 0 && e->tag != tag)
	{
		if (result == CS_STAGE_CONFLICT)
		{
			m.conflicts++;
			return;
		}
		/* no trace was left of a removal */
		expect(!e->pending.present);
		if (e->valid.present)
			note_missing(e);
	}
	if (result == CS_STAGE_FULL)
	{
		expect(m.tight);
		m.full++;
		if (e->tag != tag)
			e->tag = 0;
		return;
	}
	expect(result == CS_STAGE_DONE);
	m.staged++;
	e->tag = tag;
	e->pending = new;
	e->pending.present = !remove;
}

static void
do_settle(int id)
{
	ModelEntry *e = &m.entry[id];
	bool		commit = rnd(2) == 0;
	KeyBytes	k;

	make_key(id, &k);
	if (e->tag == 0 || rnd(8) == 0)
	{
		cs_store_settle(&k.key, ++m.numbers, commit);	/* an unused tag */
		return;
	}
	cs_store_settle(&k.key, e->tag, commit);
	m.settled++;
	e->tag = 0;
	if (commit)
		e->valid = e->pending;
}

/* Others of the store's functions leave what is staged alone. */
static void
do_install(int id)
{
	ModelEntry *e = &m.entry[id];
	char		value[MAX_LEN];
	Version		new;
	KeyBytes	k;
	CsInstall	result;

	make_key(id, &k);
	random_version(&new, value);
	new.meta.wxid = 0;
	result = cs_store_install(&k.key, &new.meta, value, new.len, 0, NULL, NULL);
	if (e->tag != 0 && (e->pending.present || (e->valid.present && !may_miss(e))))
		expect(result == CS_INSTALL_REFUSED);
	if (result == CS_INSTALL_REFUSED)
	{
		expect(e->tag != 0);
		expect(cs_store_swap(&k.key, &new.meta, value, new.len, 0, false) == CS_SWAP_CONFLICT);
		return;
	}
	if (result == CS_INSTALL_FULL)
	{
		expect(m.tight);
		return;
	}
	if (e->tag != 0)
		e->tag = 0;				/* of the removal, there was no trace */
	e->valid = new;
}

/*
 * Settle first: what the removal of one of two entries does is not the point.
 */
static void
do_unlink(int id)
{
	int			first = id / SAME_HASH * SAME_HASH;
	bool		any = false;
	bool		sure = false;
	KeyBytes	k;
	bool		found;

	make_key(id, &k);
	for (id = first; id < first + SAME_HASH; id++)
	{
		ModelEntry *e = &m.entry[id];

		any |= e->valid.present || (e->tag != 0 && e->pending.present);
		sure |= (e->valid.present && !may_miss(e)) || (e->tag != 0 && e->pending.present);
		e->valid.present = false;
		e->tag = 0;
	}
	found = cs_store_unlink(k.key.owner, k.key.hash);
	expect(found ? any : !sure);
}

/*
 * Count the keys that a scan returns; they belong to 'place', if that is one.
 */
static void
count_keys(CsKeyScan *scan, uint32 owner, char prefix, Size prefix_len, int64 place,
		   int *seen)
{
	CsKey		key;

	while (cs_store_keys_next(scan, &key))
	{
		int			id = 0;
		KeyBytes	k;

		memcpy(&id, key.data + 1, 3);
		expect(id < KEYS);
		make_key(id, &k);
		expect(key.owner == owner && k.key.owner == owner);
		expect(key.hash == k.key.hash && key.len == k.key.len);
		expect(memcmp(key.data, k.key.data, key.len) == 0);
		expect(prefix_len == 0 || key.data[0] == prefix);
		expect(place < 0 || cs_store_place_of(&key) == (uint64) place);
		seen[id]++;
		pfree((char *) key.data);
	}
}

/*
 * Every key once for each of its entries, in one scan or in one of each place.
 */
static void
do_scan(void)
{
	static int	seen[KEYS];
	uint32		owner = rnd(TABLES);
	char		prefix = 'a' + rnd(3);
	Size		prefix_len = rnd(2);
	CsKeyScan	scan;
	int			id;

	memset(seen, 0, sizeof(seen));
	m.scans++;
	if (rnd(2) == 0)
	{
		cs_store_keys_begin(&scan, owner, &prefix, prefix_len);
		count_keys(&scan, owner, prefix, prefix_len, -1, seen);
	}
	else
		for (uint64 place = 0; place < cs_store_places(); place++)
		{
			cs_store_keys_begin_at(&scan, owner, &prefix, prefix_len, place);
			count_keys(&scan, owner, prefix, prefix_len, place, seen);
		}
	for (id = 0; id < KEYS; id++)
	{
		ModelEntry *e = &m.entry[id];
		KeyBytes	k;
		int			n = 0;

		make_key(id, &k);
		if (k.key.owner == owner && (prefix_len == 0 || k.data[0] == prefix))
			n = e->valid.present + (e->tag != 0 && e->pending.present);
		expect(seen[id] == n || (seen[id] == n - 1 && may_miss(e)));
	}
}

static void
run(int memory_mb, int partitions, bool tight, int rounds)
{
	const char *name = tight ? "staged, tight" : "staged";
	uint64		flood = 0;
	int			i;

	memset(&m, 0, sizeof(m));
	m.random = 77;
	m.tight = tight;
	m.epoch = 5;
	shim_new_store(memory_mb, partitions, TABLES + 1);
	for (i = 0; i < rounds; i++)
	{
		int			id = rnd(KEYS);

		switch (rnd(tight ? 12 : 11))
		{
			case 0:
			case 1:
				do_replace(id);
				break;
			case 2:
			case 3:
				do_stage(id);
				break;
			case 4:
			case 5:
				do_settle(id);
				break;
			case 6:
			case 7:
				do_lookup(id);
				break;
			case 8:
				do_lookup_staged(id);
				break;
			case 9:
				do_install(id);
				break;
			case 10:
				if (rnd(50) == 0)
					do_unlink(id);
				if (rnd(1000) == 0)
					do_scan();
				if (rnd(1000) == 0)
					m.epoch++;
				shim_elapsed += rnd(2);
				break;
			default:
				{
					uint64		r = flood++;
					CsKey		key = {cs_mix(r), TABLES, sizeof(r), (const char *) &r};
					CsMeta		meta = {0};

					cs_store_install(&key, &meta, unit_pool, 3000 + r % 10000, 0, NULL, NULL);
				}
		}
		if (i % (rounds / 100) == 0)
			unit_consistent();
	}
	unit_consistent();
	expect(m.replaced > 0 && m.conflicts > 0 && m.staged > 0 && m.settled > 0 && m.scans > 0);
	expect((m.missing > 0) == tight);
	unit_ok(name, INT64_FORMAT " replaced, " INT64_FORMAT " staged, " INT64_FORMAT
			" settled, " INT64_FORMAT " conflicts, " INT64_FORMAT " full, " INT64_FORMAT
			" scans, " INT64_FORMAT " missing", m.replaced, m.staged, m.settled, m.conflicts,
			m.full, m.scans, m.missing);
}

/*
 * Keys so long that few fit into a batch, and one that does not begin alike.
 */
static void
long_keys(void)
{
	const int	n = 200;
	static char data[CS_MAX_KEY_LEN];
	bool		seen[200] = {0};
	uint64		value = 1;
	CsMeta		meta = {0};
	CsKeyScan	scan;
	CsKey		key = {0, 0, CS_MAX_KEY_LEN, data};
	int			count = 0;
	int			i;

	shim_new_store(4, 1, 1);
	memset(data, 'x', sizeof(data));
	for (i = 0; i < n; i++)
	{
		key.hash = cs_mix(i + 1);
		data[CS_MAX_KEY_LEN - 1] = i;
		expect(cs_store_replace(&key, &meta, (char *) &value, 8, 0, 0, NULL, NULL) ==
			   CS_STAGE_DONE);
	}
	data[CS_MAX_KEY_LEN - 2] = 'y';
	expect(cs_store_replace(&key, &meta, (char *) &value, 8, 0, 0, NULL, NULL) ==
		   CS_STAGE_DONE);
	data[CS_MAX_KEY_LEN - 2] = 'x';
	cs_store_keys_begin(&scan, 0, data, CS_MAX_KEY_LEN - 1);
	for (; cs_store_keys_next(&scan, &key); count++)
	{
		seen[(uint8) key.data[CS_MAX_KEY_LEN - 1]] = true;
		pfree((char *) key.data);
	}
	expect(count == n);
	for (i = 0; i < n; i++)
		expect(seen[i]);
	unit_ok("staged, scan", "%d long keys", n);
}

void
test_staged(void)
{
	long_keys();
	run(4, 2, false, 1000000);
	run(1, 1, true, 1000000);
}
