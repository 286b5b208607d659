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

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#define CS_NO_WORD	PG_UINT32_MAX

/*
 * State of a table at one moment; every later change invalidates it.  Or of
 * its rows with one value in one column, which a change of such a row
 * invalidates, or one of the whole table.
 */
typedef struct CsWatch
{
	Oid			relid;
	int			slot;
	uint64		epoch;			/* of the slot */
	uint64		version;		/* of changes of any kind; by value: of the
								 * whole table */
	uint64		place;			/* of the column, its word; 0: the whole table */
	uint64		since;			/* xids up to this one may have noted nothing */
	uint64		unsettled;		/* and may be under way; or 0 */
	uint64		word_version;
	uint32		word;			/* of the value; CS_NO_WORD: of none */
	int			nplace;
} CsWatch;

typedef enum CsTracking
{
	CS_TRACKING_YES,
	CS_TRACKING_UNTRACKED,		/* neither attached nor passed to
								 * cache.track() */
	CS_TRACKING_BLIND,			/* triggers are not in force, or DDL is in
								 * progress */
	CS_TRACKING_WRITERS,		/* a change is being committed */
	CS_TRACKING_WHOLE			/* only the whole table can be watched:
								 * triggers do not see values, or there is no
								 * place for the column, or none yet */
} CsTracking;

/* Why a watch does not stand. */
typedef enum CsFall
{
	CS_FALL_NONE,				/* it does */
	CS_FALL_VALUE,				/* a row with the value has changed */
	CS_FALL_TABLE,				/* a row has changed */
	CS_FALL_WHOLE				/* the table as a whole has, or the column is
								 * not watched any more */
} CsFall;

extern void cs_track_init(void);
extern CsTracking cs_track_watch(Oid relid, CsWatch *watch);
extern CsTracking cs_track_watch_column(Oid relid, AttrNumber column, Snapshot snapshot,
										bool give, CsWatch *watch);
extern bool cs_track_watch_word(CsWatch *watch, uint32 word);
extern void cs_track_use(const CsWatch *watch);
extern bool cs_track_stands(const CsWatch *watch);
extern CsFall cs_track_fall(const CsWatch *watch);
extern uint64 cs_track_prepared_xid(const CsWatch *watch);
extern uint64 cs_track_last_xid(const CsWatch *watch);
extern Oid	cs_track_own(const Oid *tables, int ntables);
extern void cs_track_note(Relation rel);

extern bool cs_track_note_row(Relation rel, TupleTableSlot *old, TupleTableSlot *new);

#endif							/* CS_TRACK_H */
