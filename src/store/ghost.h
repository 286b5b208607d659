/*-------------------------------------------------------------------------
 *
 * ghost.h
 *		Which entries were evicted lately: a table of fingerprints.
 *
 * The table consists of sets of CS_GHOST_WAYS 16-bit fingerprints; each set is
 * a queue.  It is meant to remember about as many keys as there are entries,
 * so only that many sets are in use.  When the number of sets in use changes,
 * some fingerprints are not found any more, which is harmless.
 *
 * The caller holds the lock that protects the table.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_GHOST_H
#define CS_GHOST_H

#include "port/pg_bitutils.h"
#include "store/partition.h"

/*
 * The set of a place in a table of 'nsets', when there are so many entries. As
 * in linear hashing, sets beyond the last one in use are folded onto the lower
 * half.
 */
static inline uint16 *
cs_ghost_set(uint16 *table, uint32 nsets, uint64 entries, const CsPlace *place)
{
	uint64		want = entries / CS_GHOST_WAYS;
	uint32		used = (uint32) Min(Max(want, 1), nsets);
	uint32		mask = pg_nextpower2_32(used) - 1;
	uint32		set = place->ghost_set & mask;

	if (set >= used)
		set &= mask >> 1;
	return table + (Size) set * CS_GHOST_WAYS;
}

static inline void
cs_ghost_note(uint16 *set, uint16 fingerprint)
{
	memmove(set + 1, set, (CS_GHOST_WAYS - 1) * sizeof(uint16));
	set[0] = fingerprint;
}

/* If the fingerprint is in the set, remove it and return true. */
static inline bool
cs_ghost_take(uint16 *set, uint16 fingerprint)
{
	int			i;

	for (i = 0; i < CS_GHOST_WAYS; i++)
	{
		if (set[i] == fingerprint)
		{
			set[i] = 0;
			return true;
		}
	}
	return false;
}

#endif							/* CS_GHOST_H */
