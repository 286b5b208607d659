/*-------------------------------------------------------------------------
 *
 * attached.h
 *		The list of attached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ATTACHED_H
#define CS_ATTACHED_H

#include "nodes/pg_list.h"

#include "relation/binding.h"

/* Columns of cache.binding_store. */
typedef enum CsAttachedColumn
{
	CS_ATTACHED_RELATION = 1,
	CS_ATTACHED_STRATEGY,
	CS_ATTACHED_TTL,
	CS_ATTACHED_TTL_JITTER,
	CS_ATTACHED_NEGATIVE_TTL,
	CS_ATTACHED_MAX_MEMORY,
	CS_ATTACHED_LOADER,
	CS_ATTACHED_REFRESH_AHEAD,
	CS_ATTACHED_DURABLE,
	CS_ATTACHED_FLUSH_INTERVAL,
	CS_ATTACHED_FLUSH_BATCH,
	CS_ATTACHED_MERGE,
	CS_ATTACHED_SETTINGS,
	CS_ATTACHED_PLAIN_READS,
	CS_ATTACHED_COLUMNS = CS_ATTACHED_PLAIN_READS
} CsAttachedColumn;

extern bool cs_attached_is_listed(Oid relid);
extern bool cs_attached_read(Oid relid, CsOptions *options);
extern bool cs_attached_texts(Oid relid, char *texts[CS_ATTACHED_COLUMNS]);
extern List *cs_attached_deferring(void);

#endif							/* CS_ATTACHED_H */
