/*-------------------------------------------------------------------------
 *
 * miniature.h
 *		What the hit ratio would be with less memory, or with more.
 *
 * Readers report what they have found, and the store what was put into it and
 * removed, for keys that are sampled.  None of these functions throws,
 * allocates or waits, so COMMIT callbacks may call them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MINIATURE_H
#define CS_MINIATURE_H

#include "store/store.h"

#define CS_MINIATURES			5
#define CS_MINIATURE_PRESENT	2	/* the one of the store's own size */

/* Reads of an owner's sampled keys, and how many each miniature has missed. */
typedef struct CsSamples
{
	uint64		reads;
	uint64		misses[CS_MINIATURES];
} CsSamples;

/* Keys whose hashes are below this are sampled; 0 where there is no store. */
extern uint64 cs_miniature_below;

extern Size cs_miniature_shmem_size(void);
extern void cs_miniature_shmem_request(void);
extern void cs_miniature_shmem_init(void);
extern void cs_miniature_note_hit(const CsKey *key, const CsMeta *meta, Size len);
extern void cs_miniature_note_miss(const CsKey *key);
extern void cs_miniature_note_put(const CsKey *key, const CsMeta *meta, Size len,
								  bool changed);
extern void cs_miniature_note_removal(uint32 owner, uint64 hash);
extern void cs_miniature_reset(uint32 owner);
extern void cs_miniature_samples(uint32 owner, CsSamples *samples);
extern double cs_miniature_hit_ratio(const CsSamples *samples, int n,
									 uint64 reads, uint64 misses);
extern Size cs_miniature_memory(int n);
extern uint32 cs_miniature_rate(void);

/* Whether a key is sampled.  All that the others pay. */
static inline bool
cs_miniature_sampled(uint64 hash)
{
	return unlikely(hash < cs_miniature_below);
}

#endif							/* CS_MINIATURE_H */
