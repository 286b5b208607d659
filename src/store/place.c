/*-------------------------------------------------------------------------
 *
 * place.c
 *		Which columns of a table are watched, and changes of it as a whole.
 *
 * See place.h.  What writers read for each row, and hits, lies together in one
 * cache line; the rest is in the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "compat.h"
#include "guc.h"
#include "store/atomicmax.h"
#include "store/place.h"
#include "store/stripe.h"

#define ONE_GENERATION	(UINT64CONST(1) << CS_PLACE_COLUMN_BITS)

typedef struct CsSharedPlaces
{
	pg_atomic_uint64 word[CS_N_PLACES]; /* atomic, changed under the slots
										 * lock; generation, column; never
										 * reset */
	pg_atomic_uint64 whole;		/* atomic; version and writers; never reset */
	char		pad[PG_CACHE_LINE_SIZE - (CS_N_PLACES + 1) * sizeof(pg_atomic_uint64)];
	pg_atomic_uint64 whole_prepared_xid;	/* atomic; only grows */
	pg_atomic_uint64 whole_last_xid;	/* atomic; only grows */
	pg_atomic_uint64 since[CS_N_PLACES];	/* atomic, changed under the slots
											 * lock; see place.h */
	pg_atomic_uint64 unsettled[CS_N_PLACES];	/* atomic, changed under the
												 * slots lock; see place.h */
	pg_atomic_uint64 used[CS_N_PLACES]; /* atomic; a hint */
	char		pad2[PG_CACHE_LINE_SIZE -
					 (2 + 3 * CS_N_PLACES) * sizeof(pg_atomic_uint64)];
} CsSharedPlaces;

static CsSharedPlaces *places;

Size
cs_place_shmem_size(void)
{
	return mul_size(cs_max_tables, sizeof(CsSharedPlaces));
}

void
cs_place_shmem_init(void)
{
	bool		found;

	places = ShmemInitStruct("cache_strategies places", cs_place_shmem_size(), &found);
	if (found)
		return;
	for (int i = 0; i < cs_max_tables; i++)
	{
		pg_atomic_init_u64(&places[i].whole, 0);
		pg_atomic_init_u64(&places[i].whole_prepared_xid, 0);
		pg_atomic_init_u64(&places[i].whole_last_xid, 0);
		for (int n = 0; n < CS_N_PLACES; n++)
		{
			pg_atomic_init_u64(&places[i].word[n], 0);
			pg_atomic_init_u64(&places[i].since[n], 0);
			pg_atomic_init_u64(&places[i].unsettled[n], 0);
			pg_atomic_init_u64(&places[i].used[n], 0);
		}
	}
}

static void
give(int slot, int place, AttrNumber column)
{
	uint64		word = pg_atomic_read_u64(&places[slot].word[place]);

	word = (word & ~(ONE_GENERATION - 1)) + ONE_GENERATION;
	pg_atomic_write_u64(&places[slot].word[place], word | (uint64) column);
}

void
cs_place_reset(int slot, uint64 newest)
{
	for (int n = 0; n < CS_N_PLACES; n++)
		give(slot, n, 0);
	cs_place_prepared_whole(slot, newest);
	cs_place_raise_whole_last_xid(slot, newest);
}

uint64
cs_place_read(int slot, int place)
{
	return pg_atomic_read_u64(&places[slot].word[place]);
}

int
cs_place_find(int slot, AttrNumber column, uint64 *word)
{
	for (int n = 0; n < CS_N_PLACES; n++)
	{
		*word = pg_atomic_read_u64(&places[slot].word[n]);
		if (cs_place_column(*word) == column)
			return n;
	}
	return -1;
}

uint64
cs_place_since(int slot, int place)
{
	pg_read_barrier();
	return pg_atomic_read_u64(&places[slot].since[place]);
}

uint64
cs_place_unsettled(int slot, int place)
{
	pg_read_barrier();
	return pg_atomic_read_u64(&places[slot].unsettled[place]);
}

/* ----- places for columns ----- */

int
cs_place_vacant(int slot, TimestampTz idle)
{
	int			found = -1;
	TimestampTz least = idle;

	for (int n = 0; n < CS_N_PLACES; n++)
	{
		TimestampTz used = (TimestampTz) pg_atomic_read_u64(&places[slot].used[n]);

		if (cs_place_column(cs_place_read(slot, n)) == 0)
			return n;
		if (used < least)
		{
			found = n;
			least = used;
		}
	}
	return found;
}

/*
 * The xid is read when writers can see the column.  Until it is there, the
 * column counts as one that no result relies on.
 */
void
cs_place_publish(int slot, int place, AttrNumber column, TimestampTz now)
{
	uint64		newest;

	pg_atomic_write_u64(&places[slot].since[place], PG_UINT64_MAX);
	pg_atomic_write_u64(&places[slot].unsettled[place], PG_UINT64_MAX);
	pg_atomic_write_u64(&places[slot].used[place], (uint64) now);
	pg_memory_barrier();
	give(slot, place, column);
	pg_memory_barrier();
	newest = U64FromFullTransactionId(CsTransamVariables->nextXid) - 1;
	pg_atomic_write_u64(&places[slot].since[place], newest);
	pg_atomic_write_u64(&places[slot].unsettled[place], newest);
}

void
cs_place_settle(int slot, int place, uint64 word)
{
	if (cs_place_read(slot, place) == word)
		pg_atomic_write_u64(&places[slot].unsettled[place], 0);
}

/* A line that all hits read is not written by each. */
void
cs_place_use(int slot, int place, TimestampTz now)
{
	if (now - (TimestampTz) pg_atomic_read_u64(&places[slot].used[place]) >
		10 * USECS_PER_SEC)
		pg_atomic_write_u64(&places[slot].used[place], (uint64) now);
}

/* ----- changes of the whole table ----- */

uint64
cs_place_whole(int slot)
{
	return pg_atomic_read_u64(&places[slot].whole);
}

uint64
cs_place_whole_prepared_xid(int slot)
{
	return pg_atomic_read_u64(&places[slot].whole_prepared_xid);
}

uint64
cs_place_whole_last_xid(int slot)
{
	return pg_atomic_read_u64(&places[slot].whole_last_xid);
}

void
cs_place_raise_whole_last_xid(int slot, uint64 xid)
{
	cs_atomic_max(&places[slot].whole_last_xid, xid);
}

void
cs_place_mark_whole(int slot)
{
	cs_stripe_mark_word(&places[slot].whole);
}

void
cs_place_unmark_whole(int slot)
{
	cs_stripe_unmark_word(&places[slot].whole);
}

void
cs_place_prepared_whole(int slot, uint64 xid)
{
	cs_atomic_max(&places[slot].whole_prepared_xid, xid);
}
