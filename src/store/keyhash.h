/*-------------------------------------------------------------------------
 *
 * keyhash.h
 *		The hash of a key, under a secret of this server start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYHASH_H
#define CS_KEYHASH_H

typedef struct CsHashSecret
{
	uint64		k0;
	uint64		k1;
} CsHashSecret;

/* Seeds that cs_keyhash_seed() has. */
#define CS_KEYHASH_SEEDS	2

extern Size cs_keyhash_shmem_size(void);
extern void cs_keyhash_shmem_init(void);
extern uint64 cs_keyhash(const void *data, Size len, uint64 tweak);
extern uint64 cs_keyhash_under(const CsHashSecret *secret, const void *data, Size len);
extern uint64 cs_keyhash_seed(int n);

#endif							/* CS_KEYHASH_H */
