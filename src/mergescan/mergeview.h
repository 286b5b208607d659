/*-------------------------------------------------------------------------
 *
 * mergeview.h
 *		What is deferred for a table, as one scan of it sees that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGEVIEW_H
#define CS_MERGEVIEW_H

#include "access/relscan.h"
#include "executor/tuptable.h"
#include "relation/key.h"
#include "utils/snapshot.h"
#include "writeback/delta.h"
#include "writeback/xactlook.h"

/* How a scan learns what is deferred for a row. */
typedef enum CsMergeMode
{
	CS_MERGE_NONE,				/* nothing is deferred */
	CS_MERGE_NOTED,				/* all keys were noted when the scan began */
	CS_MERGE_LIVE,				/* it looks at the entry of each row */
	CS_MERGE_LATEST				/* the snapshot is too old: it reads each row
								 * once more */
} CsMergeMode;

/* A key with deferred changes. */
typedef struct CsMergeKey
{
	CsKey		name;
	CsDelta    *sum;			/* what the snapshot does not show, with own
								 * changes */
	bool		apart;			/* the scan's conditions and order may be
								 * others for its row */
	char		status;			/* for simplehash */
} CsMergeKey;

#define CS_HASHTABLE	cs_mergekeys
#define SH_ELEMENT_TYPE CsMergeKey
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "store/keytable.h"

typedef struct CsMergeView
{
	Relation	rel;
	CsBinding  *binding;		/* NULL: nothing can be deferred */
	Snapshot	snapshot;
	bool		counted;		/* removals was read before the snapshot was
								 * taken */
	uint64		removals;
	Bitmapset  *columns;		/* that can be deferred; attribute numbers */
	bool		all_apart;		/* the scan finds rows by such a column */
	bool		sampled;		/* the scan gives a sample of the rows */
	bool		adds;			/* rows that the table does not have are given */
	CsMergeMode mode;
	MemoryContext context;
	const CsXactLook *look;		/* from when on own changes are not seen; NULL
								 * with CS_MERGE_NONE */
	cs_mergekeys_hash *keys;	/* all of them, with CS_MERGE_NOTED; may be
								 * NULL */
	uint64		nnoted;			/* how many there are */
	bool		truncated;		/* by this transaction */

	Relation	index;			/* of the primary key; NULL: not opened yet */
	TupleTableSlot *row;		/* of the table, found by its key */
} CsMergeView;

/* What merging has done with a row. */
typedef enum CsMerged
{
	CS_MERGED_SAME,				/* nothing is deferred for it */
	CS_MERGED_PUT,				/* the merged row is in the slot */
	CS_MERGED_APART				/* the row belongs to those that are given
								 * apart */
} CsMerged;

/* What a scan has seen of a row that has been locked since; by precedence. */
typedef enum CsMergeLocked
{
	CS_MERGE_LOCKED_SAME,		/* all that is deferred for it */
	CS_MERGE_LOCKED_CHANGED,	/* other transactions have deferred changes
								 * meanwhile */
	CS_MERGE_LOCKED_OWN			/* this transaction has */
} CsMergeLocked;

/* If positive, rows are merged although the settings are against it. */
extern int	cs_mergeview_forced;

extern CsBinding *cs_mergeview_binding(Oid relid);
extern bool cs_mergeview_is_idle(const CsMergeView *view);
extern void cs_mergeview_begin(CsMergeView *view, double rows);
extern void cs_mergeview_end(CsMergeView *view);
extern CsMerged cs_mergeview_merge(CsMergeView *view, TupleTableSlot *base,
								   TupleTableSlot *merged);
extern void cs_mergeview_merge_again(CsMergeView *view, TupleTableSlot *slot);
extern bool cs_mergeview_is_as_locked(TupleTableSlot *slot);
extern void cs_mergeview_merge_locked(CsMergeView *view, TupleTableSlot *slot);
extern CsMergeLocked cs_mergeview_locked(CsMergeView *view, TupleTableSlot *slot,
										 CommandId command);
extern void cs_mergeview_set_added(HeapTuple row, int number);
extern bool cs_mergeview_is_added(const ItemPointerData *place);
extern int	cs_mergeview_added(const ItemPointerData *place);
extern HeapTuple cs_mergeview_apart(CsMergeView *view, const CsMergeKey *key);

#endif							/* CS_MERGEVIEW_H */
