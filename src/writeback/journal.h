/*-------------------------------------------------------------------------
 *
 * journal.h
 *		Stamps, commit epochs, and the journal of durable deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_JOURNAL_H
#define CS_JOURNAL_H

#include "nodes/pg_list.h"

/* Write a delta, in this transaction, to the journal. */
extern void cs_journal_write(Oid relid, uint64 stamp, bytea *portable);

/* A TRUNCATE: what the journal has of the table with smaller stamps is void. */
extern void cs_journal_write_truncate(Oid relid, uint64 stamp);

/* cache.flush_state, in this transaction, whoever the current user is. */
extern void cs_journal_set_flushed(Oid relid, uint64 boundary);
extern void cs_journal_set_unclean(Oid relid, bool unclean);
extern bool cs_journal_is_unclean(Oid relid);
extern void cs_journal_forget(Oid relid);	/* detach: takes its row out */

/* Has the journal deltas of the table that have not been flushed? */
extern bool cs_journal_has_pending(Oid relid);

/* The relations of which it has, as a list of OIDs (those that exist). */
extern List *cs_journal_pending(void);

/*
 * All unflushed deltas of a table under a fresh snapshot, in stamp order; those
 * before its last truncation are left out.  The callback gets each.
 */
typedef void (*CsJournalRead) (uint64 stamp, Oid written_for, bytea *portable, void *arg);
extern uint64 cs_journal_read(Oid relid, CsJournalRead read, void *arg);	/* how many */

/* The largest stamp in journals and flush_state; 0: none. */
extern uint64 cs_journal_last(void);

/*
 * Empty the journals that hold nothing but flushed deltas and that nobody is
 * using; in a transaction of its own.  Never waits for a lock.
 */
extern void cs_journal_empty(void);

/* Bytes on disk of both journals. */
extern uint64 cs_journal_bytes(void);

#ifdef CS_TEST_POINTS
/* Backends that are in a commit epoch */
extern uint64 cs_journal_writers(void);
#endif

#endif							/* CS_JOURNAL_H */
