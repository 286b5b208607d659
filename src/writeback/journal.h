/*-------------------------------------------------------------------------
 *
 * journal.h
 *		The journal of durable deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_JOURNAL_H
#define CS_JOURNAL_H

#include "nodes/pg_list.h"

extern void cs_journal_write(Oid relid, uint64 stamp, bytea *portable);
extern void cs_journal_write_truncate(Oid relid, uint64 stamp);

/* cache.flush_state, in this transaction, independent of the current role */
extern void cs_journal_set_flushed(Oid relid, uint64 boundary);
extern void cs_journal_set_unclean(Oid relid, bool unclean);
extern bool cs_journal_is_unclean(Oid relid);
extern void cs_journal_forget(Oid relid);	/* for detach */
extern bool cs_journal_has_pending(Oid relid);
extern List *cs_journal_pending(void);

/*
 * Reads all unflushed deltas of a table under a fresh snapshot, in stamp
 * order; those before its last truncation are omitted.  The callback gets
 * each.  Returns how many there were.
 */
typedef void (*CsJournalRead) (uint64 stamp, Oid written_for, bytea *portable, void *arg);
extern uint64 cs_journal_read(Oid relid, CsJournalRead read, void *arg);
extern uint64 cs_journal_last(void);
extern void cs_journal_empty(void);
extern uint64 cs_journal_bytes(void);

#ifdef CS_TEST_POINTS
extern uint64 cs_journal_writers(void);
#endif

#endif							/* CS_JOURNAL_H */
