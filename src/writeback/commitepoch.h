/*-------------------------------------------------------------------------
 *
 * commitepoch.h
 *		Stamps, and the commit epochs that tell which stamps belong to
 *		transactions that have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMITEPOCH_H
#define CS_COMMITEPOCH_H

#include "writeback/journal.h"

/* A stamp: commit epoch in the upper bits, counter in the lower.  Never 0. */
#define CS_STAMP_COUNTER_BITS	28
#define cs_stamp_epoch(stamp)		((stamp) >> CS_STAMP_COUNTER_BITS)
#define cs_stamp_first(epoch)		((uint64) (epoch) << CS_STAMP_COUNTER_BITS)

extern Size cs_commitepoch_shmem_size(void);
extern void cs_commitepoch_shmem_init(void);
extern uint64 cs_commitepoch_draw(void);
extern uint64 cs_commitepoch_enter(void);
extern void cs_commitepoch_leave(void);
extern uint64 cs_commitepoch_switch(void);
extern uint64 cs_commitepoch_boundary(void);
extern void cs_commitepoch_raise(uint64 stamp);

extern CsJournalTable cs_commitepoch_chosen(void);
extern void cs_commitepoch_choose(CsJournalTable which);

#ifdef CS_TEST_POINTS
extern uint64 cs_commitepoch_writers(void);
#endif

#endif							/* CS_COMMITEPOCH_H */
