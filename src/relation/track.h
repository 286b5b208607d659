/*-------------------------------------------------------------------------
 *
 * track.h
 *		Has anything changed in a table?  For results that were computed from
 *		whole tables.
 *
 * A result may be kept if its tables are watched first, a fresh snapshot is
 * taken then, the result is computed under that, and at the end all watches
 * stand and cs_snapshot_may_fill() allows it, given the largest highest
 * prepared xid.  It is good for as long as the watches stand, for all
 * snapshots that see what the fresh one saw, or that see all xids up to the
 * largest last_xid at the time of watching.
 *
 * Watching absorbs invalidations: which tables a plan reads has to be looked at
 * again after it.  Children of plain inheritance are tables of their own there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACK_H
#define CS_TRACK_H

#include "utils/rel.h"

/* A table as it was at one moment; every change since makes it fall. */
typedef struct CsWatch
{
	Oid			relid;
	int			slot;
	uint64		epoch;			/* of the slot */
	uint64		version;		/* of changes of any kind */
} CsWatch;

typedef enum CsTracking
{
	CS_TRACKING_YES,
	CS_TRACKING_UNTRACKED,		/* neither attached nor cache.track()ed */
	CS_TRACKING_BLIND,			/* triggers are not in force, or DDL is under
								 * way */
	CS_TRACKING_WRITERS			/* a change is about to be committed */
} CsTracking;

extern void cs_track_init(void);
extern CsTracking cs_track_watch(Oid relid, CsWatch *watch);
extern bool cs_track_stands(const CsWatch *watch);
extern uint64 cs_track_prepared_xid(const CsWatch *watch);
extern uint64 cs_track_last_xid(const CsWatch *watch);
extern bool cs_track_is_own(Oid relid);
extern void cs_track_note(Relation rel);

/* Make and drop the triggers, and the row of cache.tracked (was it there?). */
extern void cs_tracked_create(Oid relid);
extern bool cs_tracked_drop(Oid relid);

#endif							/* CS_TRACK_H */
