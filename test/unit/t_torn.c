/*-------------------------------------------------------------------------
 *
 * t_torn.c
 *		What a lookup without a lock may see in the worst case: refs and
 *		headers that make no sense.  It may hit or miss, but must stay within
 *		the store; the sanitizer watches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "unit.h"

#define ROUNDS		20000
#define KEY_LEN		16

static const uint32 wild[] = {1, 100, 100000, 1000000, 0x7fffffff, 0xffffffff};

static void
scribble(CsSlot *slot, CsRecord *rec, uint64 random)
{
	uint32		n = (uint32) (random >> 32);

	if (random & 1)
		n = wild[n % lengthof(wild)];
	switch ((random >> 8) % 4)
	{
		case 0:
			slot->bucket->ref[slot->n] = n;
			break;
		case 1:
			rec->len = n;
			break;
		case 2:
			rec->keylen = (uint16) n;
			break;
		default:
			slot->bucket->ref[slot->n] = cs_store.area_size / 8 - n % 16;
	}
}

void
test_torn(void)
{
	char		data[KEY_LEN] = "0123456789abcde";
	uint64		random = 5;
	int			hits = 0;
	int			i;

	shim_new_store(1, 1, 1);
	/* the value area ends where the memory does */
	for (i = 0; i < ROUNDS; i++)
	{
		CsKey		key = {unit_random(&random), 0, KEY_LEN, data};
		CsMeta		meta = {0};
		Size		len = unit_random(&random) % 2000;
		CsPlace		place;
		CsSlot		slot;
		CsRecord   *rec;
		CsRecord	saved;
		uint32		ref;
		CsFound		found;

		expect(cs_store_install(&key, &meta, unit_pool, len, 0, NULL, NULL) == CS_INSTALL_DONE);
		cs_place(key.hash, 0, &place);
		expect(cs_index_find(&place, &key, CS_WHICH_VALID, &slot));
		ref = slot.bucket->ref[slot.n];
		rec = cs_slot_record(0, &slot);
		saved = *rec;

		scribble(&slot, rec, unit_random(&random));
		if (cs_store_lookup(&key, NULL, NULL, &found) == CS_LOOKUP_HIT)
		{
			hits++;
			expect(found.len <= cs_store.area_size);
			pfree(found.value);
		}
		slot.bucket->ref[slot.n] = ref;
		*rec = saved;
	}
	unit_consistent();
	unit_ok("torn", "%d lookups of scribbled entries, %d hits", ROUNDS, hits);
}
