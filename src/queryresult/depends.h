/*-------------------------------------------------------------------------
 *
 * depends.h
 *		What a result depends on: watches of the tables that it was computed
 *		from, as a whole or by value.
 *
 *		take		before the snapshot under which the result is computed, if
 *					it is computed under a fresh one
 *		may_keep	under the lock under which the result is kept
 *		stand		when the result is to be used, after the reader's snapshot
 *					was taken; cs_snapshot_sees_up_to() then says whether it
 *					is for this snapshot, by what the other one saw and by
 *					'newest'
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DEPENDS_H
#define CS_DEPENDS_H

#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "relation/track.h"

typedef struct CsDepends
{
	uint64		newest;			/* W: xids up to this one may have changed
								 * them */
	int			nwatches;
	CsWatch    *watches;		/* each table's together, in the tables' order */
} CsDepends;

/* The same in words, one for each watch. */
typedef struct CsDependence
{
	Oid			relid;
	AttrNumber	column;			/* 0: the whole table */
	char	   *value;			/* NULL: none, which no row has */
} CsDependence;

/*
 * Watch the tables: by value where each of the table's occurrences has a
 * condition that allows it, for these parameters, else as a whole.  'snapshot'
 * is one that the session has already.  Anything but CS_TRACKING_YES: the
 * result could not be kept; 'relid' says because of which table.
 */
extern CsTracking cs_depends_take(CsDepends *depends, const Oid *tables, int ntables,
								  List *occurrences, ParamListInfo params,
								  Snapshot snapshot, Oid *relid);

/* The same, and have it in words. */
extern CsTracking cs_depends_describe(const Oid *tables, int ntables, List *occurrences,
									  ParamListInfo params, Snapshot snapshot,
									  Oid *relid, CsDependence **words, int *n);

/* All watches stand, and are those of these tables. */
extern bool cs_depends_stand(const CsDepends *depends, const Oid *tables, int ntables);

/* The same for the same versions of the same data. */
extern uint64 cs_depends_hash(const CsDepends *depends);

/* Why one of the watches does not stand, and of which table; or none. */
extern CsFall cs_depends_fall(const CsDepends *depends, Oid *relid);

/*
 * What was computed under this snapshot can be kept with respect to prepared
 * transactions.  Neither throws nor allocates.
 */
extern bool cs_depends_may_fill(const CsDepends *depends, Snapshot snapshot);

/* The watches stand, and it can.  Neither throws nor allocates. */
extern bool cs_depends_may_keep(const CsDepends *depends, const Oid *tables, int ntables,
								Snapshot snapshot);

#endif							/* CS_DEPENDS_H */
