/*-------------------------------------------------------------------------
 *
 * t_refill.c
 *		A store that was full, and whose entries have become useless, fills up
 *		again as an empty one does: with entries that have not been read yet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/clock.h"
#include "unit.h"

#define VALUE_LEN	100
#define KEYS		(8 * UNIT_MB / (VALUE_LEN + 40))

static void
fill(int first, uint64 epoch, TimestampTz expires)
{
	int			i;

	for (i = first; i < first + KEYS; i++)
	{
		CsKey		key = {cs_mix(i + 1), 0, sizeof(i), (const char *) &i};
		CsMeta		meta = {.epoch = epoch,.expires = expires};

		cs_store_install(&key, &meta, unit_pool, VALUE_LEN, 0, NULL, NULL);
	}
}

/* How many of them are there?  Reads nothing, so that none is popular. */
static int
there(int first)
{
	int			n = 0;
	int			i;

	for (i = first; i < first + KEYS; i++)
	{
		CsKey		key = {cs_mix(i + 1), 0, sizeof(i), (const char *) &i};
		CsPlace		place;
		CsSlot		slot;

		cs_place(key.hash, 0, &place);
		n += cs_index_find(&place, &key, CS_WHICH_VALID, &slot);
	}
	return n;
}

/* Entries of an earlier epoch; expired ones; what was removed singly. */
void
test_refill(void)
{
	int			first;
	int			outdated;
	int			expired;
	int			removed;
	int			i;

	shim_new_store(8, 0, 64);
	cs_store_outdate(0, 1);
	fill(0, 1, cs_clock_after(USECS_PER_SEC));
	first = there(0);

	cs_store_outdate(0, 2);
	fill(KEYS, 2, cs_clock_after(USECS_PER_SEC));
	outdated = there(KEYS);
	expect(outdated > first / 10 * 9);

	shim_elapsed += 2 * USECS_PER_SEC;
	fill(2 * KEYS, 2, 0);
	expired = there(2 * KEYS);
	expect(expired > first / 10 * 9);

	for (i = 2 * KEYS; i < 3 * KEYS; i++)
		cs_store_unlink(0, cs_mix(i + 1));
	fill(3 * KEYS, 2, 0);
	removed = there(3 * KEYS);
	expect(removed > first / 10 * 9);
	unit_consistent();
	unit_ok("refill", "%d entries; then %d in place of outdated, %d of expired, %d of removed ones",
			first, outdated, expired, removed);
}

/* A key that is asked for again and again is seen, whatever else is. */
void
test_doorkeeper(void)
{
	int			keys;
	int			unseen = 0;
	int			pass;
	int			i;

	shim_new_store(8, 0, 64);
	keys = cs_store.nseen / 8;
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < keys; i++)
			unseen += !cs_store_seen(cs_mix(i + 1)) && pass > 0;
	expect(unseen <= keys / 1000);
	unit_ok("doorkeeper", "%d of %d keys not seen the second time", unseen, keys);
}
