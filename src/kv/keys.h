/*-------------------------------------------------------------------------
 *
 * keys.h
 *		The keys of a space.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYS_H
#define CS_KEYS_H

#include "kv/kv.h"

extern List *cs_keys_list(const CsSpace *space, const char *prefix, Size prefix_len,
						  const text *after, int64 max);
extern bool cs_keys_scan(const CsSpace *space, const char *prefix, Size prefix_len,
						 int64 count, uint64 *place, List **keys);

#endif							/* CS_KEYS_H */
