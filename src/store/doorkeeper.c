/*-------------------------------------------------------------------------
 *
 * doorkeeper.c
 *		Was this hash asked for lately?
 *
 * One table of fingerprints for the whole store, in sets of four, each a queue,
 * read and written without any lock.  A fingerprint stays until four others have
 * come to its set, so "lately" means about as many misses ago as there are
 * places.  With sets of one, keys that are asked for in turns would forget each
 * other for good.  Losing one to a race only means that a key is admitted one
 * read later.
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
	uint32		sets = cs_store.nseen / CS_SEEN_WAYS;
	pg_atomic_uint32 *set = &cs_store.seen[(h & (sets - 1)) * CS_SEEN_WAYS];
	uint32		fingerprint = (uint32) (h >> 32) | 1;
	int			i;

	for (i = 0; i < CS_SEEN_WAYS; i++)
		if (pg_atomic_read_u32(&set[i]) == fingerprint)
			return true;
	for (i = CS_SEEN_WAYS - 1; i > 0; i--)
		pg_atomic_write_u32(&set[i], pg_atomic_read_u32(&set[i - 1]));
	pg_atomic_write_u32(&set[0], fingerprint);
	return false;
}
