/*-------------------------------------------------------------------------
 *
 * sha256.c
 *		SHA-256, which may fail.
 *
 * The library that PostgreSQL uses for it may be of no use any more in a
 * process that was once short of memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"

#include "sha256.h"

/*
 * SHA-256 of some bytes, PG_SHA256_DIGEST_LENGTH bytes.  Returns false if it
 * could not be computed; what is in 'digest' then is not said.
 */
bool
cs_sha256(const void *data, Size len, uint8 *digest)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	bool		done = ctx != NULL && pg_cryptohash_init(ctx) >= 0 &&
		pg_cryptohash_update(ctx, data, len) >= 0 &&
		pg_cryptohash_final(ctx, digest, PG_SHA256_DIGEST_LENGTH) >= 0;

	pg_cryptohash_free(ctx);
	return done;
}
