/*-------------------------------------------------------------------------
 *
 * sha256.h
 *		SHA-256, which may fail.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SHA256_H
#define CS_SHA256_H

#include "common/sha2.h"

extern bool cs_sha256(const void *data, Size len, uint8 *digest);

#endif							/* CS_SHA256_H */
