/*-------------------------------------------------------------------------
 *
 * commitepoch.h
 *		Stamps, and the commit epochs that tell which of them are of
 *		transactions that have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMITEPOCH_H
#define CS_COMMITEPOCH_H

#include "writeback/journalread.h"

/* A stamp: commit epoch above, counter below.  Never 0. */
#define CS_STAMP_COUNTER_BITS	28
#define cs_stamp_epoch(stamp)		((stamp) >> CS_STAMP_COUNTER_BITS)
#define cs_stamp_first(epoch)		((uint64) (epoch) << CS_STAMP_COUNTER_BITS)

extern Size cs_commitepoch_shmem_size(void);
extern void cs_commitepoch_shmem_init(void);

/* For a volatile table: just a stamp. */
extern uint64 cs_commitepoch_draw(void);

/*
 * Enter the present commit epoch and draw a stamp of it; the same one if this
 * backend is in it already.  Between the two nothing waits for a flusher.
 */
extern uint64 cs_commitepoch_enter(void);

/* At COMMIT or ABORT: does nothing if not entered; does not throw. */
extern void cs_commitepoch_leave(void);

/*
 * End the present commit epoch and wait (cancellably) for those who are in it;
 * returns the boundary: stamps of writers that were waited for are below it.
 * Must not be called by a backend that is in a commit epoch.
 */
extern uint64 cs_commitepoch_switch(void);

/* The present boundary: stamps drawn from now on are not below it. */
extern uint64 cs_commitepoch_boundary(void);

/* Make sure that commit epochs from now on are later than this stamp's. */
extern void cs_commitepoch_raise(uint64 stamp);

/*
 * The journal that this database writes to.  Any choice is right; it stays until
 * the other journal is empty, so that a journal gets a time without new rows,
 * however many tables are flushed and however long transactions last.
 */
extern CsJournalTable cs_commitepoch_chosen(void);
extern void cs_commitepoch_choose(CsJournalTable which);

#endif							/* CS_COMMITEPOCH_H */
