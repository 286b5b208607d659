/*-------------------------------------------------------------------------
 *
 * change.h
 *		What reading and changing keys have in common.  Private to the files of
 *		this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CHANGE_H
#define CS_CHANGE_H

#include "kv/kv.h"
#include "kv/xactkeys.h"

/* cs_kv_key() with the caller's memory, of len + 1 bytes. */
extern void cs_kv_key_in(CsKvKey *result, const CsSpace *space, char kind,
						 const char *data, Size len, char *bytes);

/* Do the value's tags hold? */
extern bool cs_kv_holds(const CsKvKey *key, const CsKvValue *value);

/* Has this transaction invalidated one of them? */
extern bool cs_kv_tags_changed(const CsSpace *space, const CsKvTag *tags, int ntags);

/* What this transaction has made of the key; the data are not copied. */
extern bool cs_kv_peek_own(const CsKvKey *key, const CsXactKeyState *state,
						   CsKvValue *value);

/* What the store holds.  'pass': see cs_commitflag_lookup(). */
extern bool cs_kv_read_store(const CsKvKey *key, bool pass, CsKvValue *value);

/* cs_kv_change() without a look at whether the transaction may write. */
extern bool cs_kv_change_any(const CsKvKey *key, CsKvHow how, CsKvChangeFn change,
							 void *arg);

#endif							/* CS_CHANGE_H */
