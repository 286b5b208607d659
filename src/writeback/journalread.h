/*-------------------------------------------------------------------------
 *
 * journalread.h
 *		The journal's tables, as shared by journal.c and journalread.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_JOURNALREAD_H
#define CS_JOURNALREAD_H

#include "utils/rel.h"
#include "utils/snapshot.h"

typedef enum CsJournalTable
{
	CS_JOURNAL_A,
	CS_JOURNAL_B,
	CS_JOURNAL_STATE,			/* cache.flush_state */
	CS_JOURNAL_TABLES
} CsJournalTable;

/* Columns of cache.journal_a and cache.journal_b. */
enum
{
	Anum_journal_stamp = 1,
	Anum_journal_relation,
	Anum_journal_written_for,
	Anum_journal_change,
	Natts_journal = Anum_journal_change
};

/* Columns of cache.flush_state. */
enum
{
	Anum_state_relation = 1,
	Anum_state_flushed,
	Anum_state_unclean,
	Natts_state = Anum_state_unclean
};

extern Relation cs_journal_open(CsJournalTable which, LOCKMODE lockmode);
extern uint64 cs_journal_flushed(Oid relid);

/* A look at a journal whose rows are all in their tables. */
typedef struct CsJournalLook
{
	uint64		rows;
	uint64		fingerprint;	/* of the set of rows, in any order */
	uint64		flushed_by;		/* newest transaction that wrote a flush_state
								 * of theirs; 0 if visible to all */
} CsJournalLook;

extern bool cs_journal_is_consumed(Relation journal, Snapshot snapshot,
								   CsJournalLook *look);

#endif							/* CS_JOURNALREAD_H */
