/*-------------------------------------------------------------------------
 *
 * doorkeeper.c
 *		Whether a hash was requested recently.
 *
 * One table of fingerprints serves the whole store.  It consists of sets of
 * four; each set is a queue.  It is read and written without a lock.  A
 * fingerprint stays until four others have entered its set, so "recently"
 * means within about as many misses as the table has places.  With sets of
 * one, two keys that are requested alternately would displace each other
 * forever. Losing a fingerprint to a race only means that a key is admitted
 * one read later.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/partition.h"

/*
 * Whether this hash was requested recently; also notes this request.  Used to
 * admit a key on its second read.
 */
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
