/*-------------------------------------------------------------------------
 *
 * access_reason.c
 *		How a read was, or would be, answered, in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rowcache/access.h"

/*
 * Text of a reason, for cache.explain().
 */
const char *
cs_access_reason_text(CsReason reason)
{
	switch (reason)
	{
		case CS_HIT:
			return "the cached row is the one this snapshot sees";
		case CS_HIT_ABSENT:
			return "the cached absence is what this snapshot sees";
		case CS_MISS_COLD:
			return "not in the cache";
		case CS_MISS_EXPIRED:
			return "the entry has expired";
		case CS_MISS_EPOCH:
			return "the table was changed as a whole since the entry was made";
		case CS_BYPASS_TOO_NEW:
			return "the entry is newer than this snapshot";
		case CS_BYPASS_WRITERS:
			return "a transaction that changes it is about to commit";
		case CS_BYPASS_OWN:
			return "this transaction has changed the table";
		case CS_BYPASS_TRIGGERS:
			return "the table's triggers are not in force, or DDL is under way";
		case CS_BYPASS_SERIALIZABLE:
			return "serializable transactions always read the table";
		case CS_BYPASS_RECOVERY:
			return "the server is in recovery";
		case CS_BYPASS_RLS:
			return "row-level security applies to the current role";
		case CS_BYPASS_PARALLEL:
			return "a parallel query is running";
		case CS_BYPASS_SNAPSHOT:
			return "the snapshot is not an ordinary one";
		case CS_BYPASS_KEY:
			return "the key is too long to be kept";
		case CS_BYPASS_HASH:
			return "another key that has the same hash is cached";
		case CS_BYPASS_SLOT:
			return cs_slot_denial_text(CS_SLOT_ALL_USED);
		case CS_BYPASS_SHARE:
			return cs_slot_denial_text(CS_SLOT_SHARE_USED);
		case CS_BYPASS_DISABLED:
			return "cache_strategies.enabled is off";
		case CS_BYPASS_SIZE:
			return "the row is too large to be kept";
	}
	return "";
}
