/*-------------------------------------------------------------------------
 *
 * predict.c
 *		What the miniatures predict, against stores of the sizes that they stand
 *		for.
 *
 * A store plays the requests; a miss is installed.  Once it does so with
 * miniatures, and then once in each of their sizes.  Nothing depends on time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "predict.h"
#include "unit.h"

static char *value;

static bool
read_or_install(uint64 id, uint32 len)
{
	CsKey		key = {cs_mix(id + 1), 0, sizeof(id), (const char *) &id};
	CsMeta		meta = {0};
	CsFound		found;

	if (cs_store_lookup(&key, NULL, NULL, &found) == CS_LOOKUP_HIT)
	{
		if (cs_miniature_sampled(key.hash))
			cs_miniature_note_hit(&key, &found.meta, found.len);
		pfree(found.value);
		return true;
	}
	if (cs_miniature_sampled(key.hash))
		cs_miniature_note_miss(&key);
	(void) cs_store_install(&key, &meta, value, len, 0, NULL, NULL);
	return false;
}

static uint64
play(const Requested *requests)
{
	uint64		misses = 0;

	for (uint32 i = 0; i < requests->n; i++)
	{
		uint32		id = requests->key[i];

		if (!read_or_install(id, requests->size[id]))
			misses++;
	}
	return misses;
}

void
predict(const Requested *requests, int memory_mb, Prediction *result, CsSamples * samples)
{
	uint32		longest = 1;
	uint64		misses;

	for (uint32 i = 0; i < requests->n; i++)
		longest = Max(longest, requests->size[requests->key[i]]);
	value = calloc(1, longest);

	shim_new_store(memory_mb, 0, 64);
	shim_new_miniatures();
	misses = play(requests);
	cs_miniature_samples(0, samples);
	for (int n = 0; n < CS_MINIATURES; n++)
		result[n].predicted = cs_miniature_hit_ratio(samples, n, requests->n, misses);
	for (int n = 0; n < CS_MINIATURES; n++)
	{
		if (n != CS_MINIATURE_PRESENT)
		{
			shim_new_store(n < CS_MINIATURE_PRESENT ? memory_mb >> (CS_MINIATURE_PRESENT - n) :
						   memory_mb << (n - CS_MINIATURE_PRESENT), 0, 64);
			result[n].measured = 1 - (double) play(requests) / requests->n;
		}
		else
			result[n].measured = 1 - (double) misses / requests->n;
	}
	free(value);
}
