/*-------------------------------------------------------------------------
 *
 * journalread.h
 *		Reading the journal of durable deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_JOURNALREAD_H
#define CS_JOURNALREAD_H

#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* cache.flush_state and the journals, independent of the current role */
extern uint64 cs_journalread_flushed(Oid relid);
extern bool cs_journalread_is_unclean(Oid relid);
extern bool cs_journalread_has_pending(Oid relid);
extern List *cs_journalread_pending(void);
extern uint64 cs_journalread_last(void);

/*
 * Reads all unflushed deltas of a table under a fresh snapshot, in stamp
 * order; those before its last truncation are omitted.  The callback gets
 * each.  Returns how many there were.
 */
typedef void (*CsJournalRead) (uint64 stamp, Oid written_for, bytea *portable, void *arg);
extern uint64 cs_journalread_table(Oid relid, CsJournalRead read, void *arg);

/* A look at a journal whose rows are all in their tables. */
typedef struct CsJournalLook
{
	uint64		rows;
	uint64		fingerprint;	/* of the set of rows, in any order */
	uint64		flushed_by;		/* newest transaction that wrote a flush_state
								 * of theirs; 0 if visible to all */
} CsJournalLook;

extern bool cs_journalread_is_consumed(Relation journal, Snapshot snapshot,
									   CsJournalLook *look);

#endif							/* CS_JOURNALREAD_H */
