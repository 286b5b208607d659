/*-------------------------------------------------------------------------
 *
 * doorkeeper.c
 *		Was this hash asked for lately?
 *
 * One table of fingerprints for the whole store, direct mapped, read and
 * written without any lock.  A fingerprint stays until another hash claims its
 * place, so "lately" means about as many misses ago as there are places.
 * Losing one to a race only means that a key is admitted one read later.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"

bool
cs_store_seen(uint64 hash)
{
	uint64		h = cs_mix(hash);
	pg_atomic_uint32 *place = &cs_store.seen[h & (cs_store.nseen - 1)];
	uint32		fingerprint = (uint32) (h >> 32) | 1;

	if (pg_atomic_read_u32(place) == fingerprint)
		return true;
	pg_atomic_write_u32(place, fingerprint);
	return false;
}
