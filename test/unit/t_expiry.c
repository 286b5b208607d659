/*-------------------------------------------------------------------------
 *
 * t_expiry.c
 *		The clock, and what has expired making room for what has not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/clock.h"
#include "store/staged.h"
#include "unit.h"
#include "utils/timestamp.h"

#define OWNERS		3
#define KEPT		0
#define FLEETING	1			/* expires after a second */
#define FLOOD		2
#define SECOND		INT64CONST(1000000)

static void
make_key(uint32 owner, const uint64 *id, CsKey *key)
{
	key->hash = cs_mix(*id + 1);
	key->owner = owner;
	key->len = sizeof(uint64);
	key->data = (const char *) id;
}

static CsInstall
install(uint32 owner, uint64 id, Size len, Size quota)
{
	CsMeta		meta = {.expires = owner == FLEETING ? cs_clock_after(SECOND) : 0};
	CsKey		key;

	make_key(owner, &id, &key);
	return cs_store_install(&key, &meta, unit_pool, len, quota, NULL, NULL);
}

static bool
present(uint32 owner, uint64 id, int reads)
{
	bool		found = false;
	CsKey		key;
	CsPlace		place;
	CsSlot		slot;

	make_key(owner, &id, &key);
	cs_place(key.hash, owner, &place);
	for (; reads > 0; reads--)
	{
		CsFound		f;

		if (cs_store_lookup(&key, NULL, NULL, &f) == CS_LOOKUP_HIT)
			pfree(f.value);
	}
	found = cs_index_find(&place, &key, CS_WHICH_VALID, &slot);
	return found;
}

static CsUsage
usage_of(uint32 owner)
{
	CsUsage		usage;

	cs_store_usage(owner, &usage);
	return usage;
}

/* Only the passing of time changes it. */
static void
clock_itself(void)
{
	TimestampTz now;

	shim_new_store(1, 1, OWNERS);
	shim_elapsed = 10 * SECOND;
	now = cs_clock_now();
	expect(now == shim_time_of_day + shim_elapsed);
	shim_time_of_day -= 3600 * SECOND;
	expect(cs_clock_now() == now);
	expect(cs_clock_after(5) == now + 5);
	expect(cs_clock_time_of_day(now + 5) == now + 5 - 3600 * SECOND);
	shim_elapsed += 7;
	expect(cs_clock_now() == now + 7);
	expect(cs_clock_time_of_day(now + 5) == now + 5 - 3600 * SECOND);

	expect(cs_clock_after(0) == 0);
	expect(cs_clock_after(1) == now + 8);
	expect(cs_clock_after(PG_INT64_MAX) == 0);
	expect(cs_clock_after(END_TIMESTAMP - now - 7) == 0);
	expect(cs_clock_after(END_TIMESTAMP - now - 8) == END_TIMESTAMP - 1);
	shim_elapsed = -shim_time_of_day - 3600 * SECOND - 5;
	expect(cs_clock_now() == -5);
	expect(cs_clock_after(5) == 1 && cs_clock_after(4) == -1);
	unit_ok("expiry, clock", "%d s", 3600);
}

/*
 * However popular it was, it goes before anything else does; and not before it
 * has expired.
 */
static void
at_the_tail(Size len)
{
	const int	n = 4000;
	int			fleeting = 0;
	int			i;

	shim_new_store(1, 1, OWNERS);
	for (i = 0; i < n / 2; i++)
	{
		expect(install(KEPT, i, len, 0) == CS_INSTALL_DONE);
		expect(present(KEPT, i, 3));
		expect(install(FLEETING, i, len, 0) == CS_INSTALL_DONE);
		expect(present(FLEETING, i, 3));
	}
	shim_elapsed += SECOND - 1;
	for (i = 0; i < 3 * n; i++)
		expect(install(FLOOD, i, len, 0) == CS_INSTALL_DONE);
	for (i = 0; i < n / 2; i++)
		fleeting += present(FLEETING, i, 0);
	expect(fleeting > n / 2 / 10 * 9);
	expect(usage_of(FLOOD).evictions > n);

	shim_elapsed++;
	for (i = 0; i < n; i++)
	{
		present(KEPT, i % (n / 2), 3);
		present(FLEETING, i % (n / 2), 3);
		expect(install(FLOOD, 3 * n + i, len, 0) == CS_INSTALL_DONE);
		present(FLOOD, 3 * n + i, 3);
	}
	expect(usage_of(FLEETING).entries < fleeting / 20);
	for (i = 0; i < n / 2; i++)
		expect(present(KEPT, i, 0));
	expect(usage_of(KEPT).evictions == 0);
	expect(usage_of(FLEETING).evictions <= n / 2 - fleeting);
	unit_consistent();
	unit_ok("expiry, logs", "%d of %zu bytes, " UINT64_FORMAT " left", fleeting, len,
			usage_of(FLEETING).entries);
}

/* The same where the index is full before the logs are. */
static void
in_the_index(void)
{
	const uint64 more = 2000;
	uint64		evictions;
	uint64		n;
	uint64		i;

	shim_new_store(1, 1, OWNERS);
	for (n = 0; usage_of(KEPT).evictions + usage_of(FLEETING).evictions < 200; n++)
		expect(install(n % 2, n, 8, 0) == CS_INSTALL_DONE);
	evictions = usage_of(KEPT).evictions + usage_of(FLEETING).evictions;
	shim_elapsed += SECOND;
	for (i = 0; i < more; i++)
		expect(install(KEPT, n + i, 8, 0) == CS_INSTALL_DONE);
	evictions = usage_of(KEPT).evictions + usage_of(FLEETING).evictions - evictions;
	expect(evictions < more / 20);
	unit_consistent();
	unit_ok("expiry, index", UINT64_FORMAT " others evicted for " UINT64_FORMAT, evictions,
			more);
}

/* Where would it go if it came back? */
static CsLogId
admitted(uint32 owner, uint64 id)
{
	CsPlace		place;

	cs_place(cs_mix(id + 1), owner, &place);
	return cs_policy_admit(&place, 100);
}

/* That something has expired says nothing for keeping it better next time. */
static void
no_ghost(void)
{
	const int	n = 2000;
	int			gone[2] = {0, 0};
	int			ghosts[2] = {0, 0};
	uint32		owner;
	int			made;
	int			i;

	shim_new_store(1, 1, OWNERS);
	for (i = 0; i < 10000; i++)
		install(FLOOD, i, 100, 0);
	/* as many in the small log as fit */
	for (made = 0; usage_of(KEPT).evictions == 0; made++)
	{
		install(KEPT, made, 100, 0);
		install(FLEETING, made, 100, 0);
	}
	shim_elapsed += SECOND;
	for (i = 0; i < n; i++)
		install(FLOOD, 10000 + i, 100, 0);
	for (owner = KEPT; owner <= FLEETING; owner++)
	{
		for (i = 0; i < made; i++)
		{
			if (present(owner, i, 0))
				continue;
			gone[owner]++;
			ghosts[owner] += admitted(owner, i) == CS_LOG_MAIN;
		}
	}
	expect(gone[FLEETING] >= 100 && ghosts[FLEETING] <= gone[FLEETING] / 50);
	expect(ghosts[KEPT] >= gone[KEPT] / 2);
	unit_consistent();
	unit_ok("expiry, ghosts", "%d of %d that had expired, %d of %d others", ghosts[FLEETING],
			gone[FLEETING], ghosts[KEPT], gone[KEPT]);
}

/* A quota is kept at the cost of what has expired first. */
static void
under_quota(void)
{
	const Size	quota = 400 * (40 + 8 + 104);
	int			i;

	shim_new_store(1, 1, OWNERS);
	for (i = 0; i < 400; i++)
	{
		CsMeta		meta = {.expires = i % 2 ? cs_clock_after(SECOND) : 0};
		uint64		id = i;
		CsKey		key;

		make_key(KEPT, &id, &key);
		expect(cs_store_install(&key, &meta, unit_pool, 100, quota, NULL, NULL) ==
			   CS_INSTALL_DONE);
		present(KEPT, i, 3);
	}
	expect(usage_of(KEPT).evictions == 0);
	shim_elapsed += SECOND;
	for (i = 400; i < 550; i++)
		expect(install(KEPT, i, 100, quota) == CS_INSTALL_DONE);
	expect(usage_of(KEPT).evictions == 0 && usage_of(KEPT).entries == 400);
	for (i = 0; i < 400; i += 2)
		expect(present(KEPT, i, 0));
	unit_consistent();
	unit_ok("expiry, quota", "%zu bytes", quota);
}

/* A guarded owner's too; but not what is dirty or pending. */
static void
exceptions(void)
{
	const uint64 n = 400;
	uint64		i;
	CsKey		key;

	shim_new_store(1, 1, OWNERS);
	cs_store_guard(FLEETING, true);
	for (i = 0; i < n; i++)
	{
		CsMeta		meta = {.expires = cs_clock_after(SECOND)};
		uint64		version = i + 1;

		memcpy(unit_pool, &version, sizeof(version));
		make_key(FLEETING, &i, &key);
		switch (i % 4)
		{
			case 0:
				expect(cs_store_swap(&key, &meta, unit_pool, 100, 0, true) == CS_SWAP_DONE);
				break;
			case 1:
				expect(cs_store_stage(&key, i, &meta, unit_pool, 100, 0) == CS_STAGE_DONE);
				break;
			default:
				expect(cs_store_replace(&key, &meta, unit_pool, 100, 0, 0, NULL, NULL) ==
					   CS_STAGE_DONE);
		}
	}
	shim_elapsed += SECOND;
	for (i = 0; i < 20000; i++)
	{
		install(FLOOD, i, 200, 0);
		present(FLOOD, i, i % 2);
	}
	for (i = 0; i < n; i++)
	{
		make_key(FLEETING, &i, &key);
		cs_store_settle(&key, i, true);
		expect(present(FLEETING, i, 0) == (i % 4 < 2));
	}
	expect(usage_of(FLEETING).evictions == 0);
	unit_consistent();
	unit_ok("expiry, exceptions", UINT64_FORMAT " of " UINT64_FORMAT " left",
			usage_of(FLEETING).entries, n);
}

void
test_expiry(void)
{
	clock_itself();
	at_the_tail(80);
	at_the_tail(120);
	in_the_index();
	no_ghost();
	under_quota();
	exceptions();
}
