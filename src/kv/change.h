/*-------------------------------------------------------------------------
 *
 * change.h
 *		Functions shared by reading and changing keys. Private to this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CHANGE_H
#define CS_CHANGE_H

#include "kv/kv.h"
#include "kv/xactkeys.h"

extern void cs_kv_key_in(CsKvKey *result, const CsSpace *space, char kind,
						 const char *data, Size len, char *bytes);
extern bool cs_kv_holds(const CsKvKey *key, const CsKvValue *value);
extern bool cs_kv_tags_changed(const CsSpace *space, const CsKvTag *tags, int ntags);
extern bool cs_kv_peek_own(const CsKvKey *key, const CsXactKeyState *state,
						   CsKvValue *value);
extern bool cs_kv_read_store(const CsKvKey *key, bool pass, CsKvValue *value);
extern bool cs_kv_change_any(const CsKvKey *key, CsKvHow how, CsKvChangeFn change,
							 void *arg);

#endif							/* CS_CHANGE_H */
