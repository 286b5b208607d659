/*-------------------------------------------------------------------------
 *
 * keytable.h
 *		A hash table (hashtable.h) by key: elements have a CsKey "name",
 *		whose bytes must stay where they are.
 *
 * Included where hashtable.h would be, after CS_HASHTABLE, SH_ELEMENT_TYPE and
 * SH_SCOPE, for each table anew.
 *
 *-------------------------------------------------------------------------
 */
#include "common/hashfn.h"

#include "store/store.h"

#define SH_KEY_TYPE		CsKey
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) ((uint32) ((key).hash ^ ((key).hash >> 32)))
#define SH_EQUAL(tb, a, b) \
	((a).hash == (b).hash && (a).owner == (b).owner && (a).len == (b).len && \
	 memcmp((a).data, (b).data, (a).len) == 0)
#include "hashtable.h"
