/*-------------------------------------------------------------------------
 *
 * track_schema.h
 *		Schemas whose tables are tracked: cache.tracked_schemas.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACK_SCHEMA_H
#define CS_TRACK_SCHEMA_H

#include "nodes/pg_list.h"

typedef struct CsTrackedSchema
{
	Oid			schema;
	Oid			role;			/* whose tables are tracked */
	bool		by_value;
} CsTrackedSchema;

/* All of them, of CsTrackedSchema. */
extern List *cs_track_schema_list(void);

/* The one by which a table is tracked; NULL: none. */
extern const CsTrackedSchema *cs_track_schema_of(List *schemas, Oid relid);

/*
 * Track a table because its schema is tracked, unless there is a reason
 * against it.  'level' is that of a message about an error of it; the message
 * about what cannot be tracked is a NOTICE.
 */
extern bool cs_track_schema_table(Oid relid, const bool *by_value, int level);

#endif							/* CS_TRACK_SCHEMA_H */
