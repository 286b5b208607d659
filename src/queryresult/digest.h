/*-------------------------------------------------------------------------
 *
 * digest.h
 *		Digests of rewritten statements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DIGEST_H
#define CS_DIGEST_H

#include "nodes/parsenodes.h"

#define CS_DIGEST_LENGTH	16

extern void cs_digest_query(const Query *query, const char *text, uint8 *digest);

#endif							/* CS_DIGEST_H */
