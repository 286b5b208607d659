/*-------------------------------------------------------------------------
 *
 * lock.h
 *		The extension's LWLocks and their order.
 *
 * A backend that holds a lock of one rank may acquire only locks of a higher
 * rank, so it never holds two of the same rank.  Test builds check every
 * acquisition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LOCK_H
#define CS_LOCK_H

#include "storage/lwlock.h"

typedef enum CsLockRank
{
	CS_RANK_NONE = 0,
	CS_RANK_SLOTS,				/* the directory of slots */
	CS_RANK_QUEUE,				/* refresh requests */
	CS_RANK_PARTITION,			/* one partition of the store */
	CS_RANK_MINIATURE			/* the miniatures of the store */
} CsLockRank;

#ifdef CS_TEST_POINTS
extern int	cs_lock_ranks_held; /* bit mask of the ranks held by this process */

#define cs_lock_note(rank) \
	do { \
		if ((cs_lock_ranks_held >> (int) (rank)) != 0) \
			elog(PANIC, "lock order: rank %d taken while ranks %#x are held", \
				 (int) (rank), cs_lock_ranks_held); \
		cs_lock_ranks_held |= 1 << (int) (rank); \
	} while (0)
#define cs_lock_forget(rank)	(cs_lock_ranks_held &= ~(1 << (int) (rank)))
#else
#define cs_lock_note(rank)		((void) 0)
#define cs_lock_forget(rank)	((void) 0)
#endif

static inline void
cs_lock_acquire(LWLock *lock, CsLockRank rank, LWLockMode mode)
{
	cs_lock_note(rank);
	LWLockAcquire(lock, mode);
}

/* As cs_lock_acquire(), exclusively, but does not wait. */
static inline bool
cs_lock_conditional(LWLock *lock, CsLockRank rank)
{
	if (!LWLockConditionalAcquire(lock, LW_EXCLUSIVE))
		return false;
	cs_lock_note(rank);
	return true;
}

static inline void
cs_lock_release(LWLock *lock, CsLockRank rank)
{
	LWLockRelease(lock);
	cs_lock_forget(rank);
}

#endif							/* CS_LOCK_H */
