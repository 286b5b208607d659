/*-------------------------------------------------------------------------
 *
 * journal.h
 *		The journal of durable deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_JOURNAL_H
#define CS_JOURNAL_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

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

extern void cs_journal_write(Oid relid, uint64 stamp, bytea *portable);
extern void cs_journal_write_truncate(Oid relid, uint64 stamp);

/* cache.flush_state, in this transaction, independent of the current role */
extern void cs_journal_set_flushed(Oid relid, uint64 boundary);
extern void cs_journal_set_unclean(Oid relid, bool unclean);
extern void cs_journal_forget(Oid relid);	/* for detach */

extern void cs_journal_empty(void);
extern bool cs_journal_bytes(uint64 *bytes);

#endif							/* CS_JOURNAL_H */
