/*-------------------------------------------------------------------------
 *
 * track.h
 *		Tracking: whether anything has changed in a table. For results that
 *		were computed from whole tables.
 *
 * A result may be kept if its tables are watched first, then a fresh snapshot
 * is taken, the result is computed under that, and at the end all watches
 * stand and cs_snapshot_may_fill() allows it for the largest prepared xid.
 * The result is valid while the watches stand, for all snapshots that see what
 * the fresh one saw, or that see all xids up to the largest last_xid at the
 * time of watching.
 *
 * Watching processes invalidations, so the tables that a plan reads must be
 * determined again after it.  Children of plain inheritance are watched as
 * separate tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACK_H
#define CS_TRACK_H

#include "utils/rel.h"

/* State of a table at one moment; every later change invalidates it. */
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
	CS_TRACKING_UNTRACKED,		/* neither attached nor passed to
								 * cache.track() */
	CS_TRACKING_BLIND,			/* triggers are not in force, or DDL is in
								 * progress */
	CS_TRACKING_WRITERS			/* a change is being committed */
} CsTracking;

extern void cs_track_init(void);
extern CsTracking cs_track_watch(Oid relid, CsWatch *watch);
extern bool cs_track_stands(const CsWatch *watch);
extern uint64 cs_track_prepared_xid(const CsWatch *watch);
extern uint64 cs_track_last_xid(const CsWatch *watch);
extern bool cs_track_is_own(Oid relid);
extern void cs_track_note(Relation rel);

/* in tracked.c */
extern void cs_tracked_create(Oid relid);
extern bool cs_tracked_drop(Oid relid);

#endif							/* CS_TRACK_H */
