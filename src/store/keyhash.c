/*-------------------------------------------------------------------------
 *
 * keyhash.c
 *		The hash of a key, under a secret of this server start.
 *
 * The hash determines the two buckets that an entry may be in, the stripe that
 * its writers mark and the flight that its loaders join, and pg_locks shows it
 * for a locked key.  Roles choose their keys, so with a known function a role
 * could compute keys that overfill the buckets of another role's key.
 * PostgreSQL's hash functions are fast but not designed to keep a seed secret;
 * SipHash is (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012). It is used with one compression and three finalization rounds, as is
 * usual for hash tables.
 *
 * Data that outlives the server must not depend on a hash.
 *
 * The secret is in shared memory, and each process has a copy.  It is written
 * once, by the postmaster before there are other processes, so there is no
 * lock.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"
#include "store/keyhash.h"

static CsHashSecret secret;		/* this process's copy */
static uint64 seeds[CS_KEYHASH_SEEDS];	/* made of it */

Size
cs_keyhash_shmem_size(void)
{
	return sizeof(CsHashSecret);
}

/*
 * Choose the secret, or copy it.  Throws if the system provides no random
 * bytes, and then the server does not start.
 */
void
cs_keyhash_shmem_init(void)
{
	bool		found;
	CsHashSecret *shared = ShmemInitStruct("cache_strategies hash secret",
										   cs_keyhash_shmem_size(), &found);

	if (!found && !pg_strong_random(shared, sizeof(*shared)))
		elog(ERROR, "could not generate a random secret for cache_strategies");
	secret = *shared;
	for (int i = 0; i < CS_KEYHASH_SEEDS; i++)
		seeds[i] = cs_keyhash(&i, sizeof(i), ~UINT64CONST(0));
}

#define ROTATE(x, b)	(((x) << (b)) | ((x) >> (64 - (b))))

#define ROUND(v0, v1, v2, v3) \
	do { \
		v0 += v1; v1 = ROTATE(v1, 13); v1 ^= v0; v0 = ROTATE(v0, 32); \
		v2 += v3; v3 = ROTATE(v3, 16); v3 ^= v2; \
		v0 += v3; v3 = ROTATE(v3, 21); v3 ^= v0; \
		v2 += v1; v1 = ROTATE(v1, 17); v1 ^= v2; v2 = ROTATE(v2, 32); \
	} while (0)

/* Load up to eight bytes, the first into the lowest byte. */
static inline uint64
load(const unsigned char *bytes, Size n)
{
	uint64		word = 0;

	for (Size i = 0; i < n; i++)
		word |= (uint64) bytes[i] << (8 * i);
	return word;
}

static inline uint64
load_word(const unsigned char *bytes)
{
	uint64		word;

	/* the hash differs on big-endian machines, which does not matter */
	memcpy(&word, bytes, sizeof(word));
	return word;
}

/*
 * SipHash-1-3 of 'len' bytes.
 */
static inline uint64
siphash(uint64 k0, uint64 k1, const unsigned char *bytes, Size len)
{
	uint64		v0 = k0 ^ UINT64CONST(0x736f6d6570736575);
	uint64		v1 = k1 ^ UINT64CONST(0x646f72616e646f6d);
	uint64		v2 = k0 ^ UINT64CONST(0x6c7967656e657261);
	uint64		v3 = k1 ^ UINT64CONST(0x7465646279746573);
	uint64		last = (uint64) len << 56;

	for (; len >= sizeof(uint64); len -= sizeof(uint64), bytes += sizeof(uint64))
	{
		uint64		word = load_word(bytes);

		v3 ^= word;
		ROUND(v0, v1, v2, v3);
		v0 ^= word;
	}
	last |= load(bytes, len);
	v3 ^= last;
	ROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

/*
 * Hash under a given secret.
 */
uint64
cs_keyhash_under(const CsHashSecret *under, const void *data, Size len)
{
	return siphash(under->k0, under->k1, data, len);
}

/*
 * Hash of a key under this server's secret.  'tweak' distinguishes the keys of
 * different tables.  May be called anywhere; neither throws nor allocates.
 */
uint64
cs_keyhash(const void *data, Size len, uint64 tweak)
{
	return siphash(secret.k0, secret.k1 ^ tweak, data, len);
}

/*
 * Seed for the hash functions of types, which take one of 64 bits; n
 * distinguishes several seeds, of which there are CS_KEYHASH_SEEDS.
 */
uint64
cs_keyhash_seed(int n)
{
	Assert(n >= 0 && n < CS_KEYHASH_SEEDS);
	return seeds[n];
}
