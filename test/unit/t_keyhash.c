/*-------------------------------------------------------------------------
 *
 * t_keyhash.c
 *		The hash of keys: SipHash-1-3 under a secret.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/keyhash.h"
#include "unit.h"

/*
 * Of the bytes 0, 1, 2 ...  Under the key of zeroes they are CPython's
 * hash(bytes) with PYTHONHASHSEED=0.
 */
static void
vectors(void)
{
	static const struct
	{
		CsHashSecret key;
		Size		len;
		uint64		hash;
	}			expected[] =

	{
		{{0, 0}, 1, UINT64CONST(0x68a914128e01e473)},
		{{0, 0}, 7, UINT64CONST(0x2f098ab0c751325a)},
		{{0, 0}, 8, UINT64CONST(0xead411e67ebe2eea)},
		{{0, 0}, 15, UINT64CONST(0xf30eb725bb91c9ea)},
		{{0, 0}, 16, UINT64CONST(0x8972188433a5c5b7)},
		{{0, 0}, 31, UINT64CONST(0x169739443111d49b)},
		{{UINT64CONST(0x0706050403020100), UINT64CONST(0x0f0e0d0c0b0a0908)}, 0,
		UINT64CONST(0xabac0158050fc4dc)},
		{{UINT64CONST(0x0706050403020100), UINT64CONST(0x0f0e0d0c0b0a0908)}, 1,
		UINT64CONST(0xc9f49bf37d57ca93)},
	};
	unsigned char bytes[32];

	for (int i = 0; i < lengthof(bytes); i++)
		bytes[i] = (unsigned char) i;
	for (int i = 0; i < lengthof(expected); i++)
	{
		uint64		hash = cs_keyhash_under(&expected[i].key, bytes, expected[i].len);

		if (hash != expected[i].hash)
			fail("hash of %zu bytes is " UINT64_FORMAT, expected[i].len, hash);
	}
	unit_ok("keyhash, vectors", "%d", (int) lengthof(expected));
}

/* Each start has another secret, and tweaks give other hashes. */
static void
secrets(void)
{
	uint64		first;

	cs_keyhash_shmem_init();
	first = cs_keyhash("a key", 5, 0);
	expect(first == cs_keyhash("a key", 5, 0));
	expect(first != cs_keyhash("a key", 5, 1));
	expect(first != cs_keyhash("a kez", 5, 0));
	expect(cs_keyhash_seed(0) != cs_keyhash_seed(1));
	cs_keyhash_shmem_init();
	expect(first != cs_keyhash("a key", 5, 0));
	unit_ok("keyhash, secrets", "another one at each start");
}

void
test_keyhash(void)
{
	vectors();
	secrets();
}
