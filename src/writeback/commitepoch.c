/*-------------------------------------------------------------------------
 *
 * commitepoch.c
 *		Stamps, and the commit epochs that tell which stamps belong to
 *		transactions that have ended.
 *
 * Shared memory contains: 'next', the next stamp, whose upper bits are the
 * present commit epoch; 'writers', the number of backends in a commit epoch,
 * counted by the epoch's parity; 'closed', for each parity p a bound: every
 * commit epoch of that parity below closed[p] has been seen to have no
 * writers.  All are atomics, and no lock is held.  A backend that waits for
 * writers sleeps on 'moved', which is broadcast when a count falls to 0 in a
 * commit epoch that is over, and when the commit epoch changes.
 *
 * A writer counts itself under the parity of the commit epoch that it read,
 * then draws its stamp; if the stamp is of a later commit epoch, it undoes the
 * count and begins again.  A flusher in commit epoch c waits for the count of
 * the other parity to be 0, moves 'next' to the beginning of commit epoch c +
 * 1, and waits for the count of c's parity.
 *
 * Correctness.  Suppose a backend reads commit epoch c in 'next', and then 0
 * in the count of parity p, the other parity than c's.  A writer of a commit
 * epoch x < c of parity p counted itself before it drew its stamp, and drew it
 * before 'next' reached c.  So it was counted before the 0 was read, and has
 * left since; and no stamp of x is drawn any more.  Hence all commit epochs of
 * parity p below c have ended for good, and closed[p] = c + 1 (c itself is not
 * of parity p).  The count may also contain backends that read a commit epoch
 * which was over when they drew their stamp; they leave it at once.  This
 * assumes nothing about how 'next' reached c, or about what other flushers do
 * or have left unfinished.
 *
 * Every commit epoch below both closed[] words has ended.  So the smaller word
 * is a boundary: each stamp below it belongs to a transaction whose COMMIT or
 * ABORT callback has run.  A flusher needs a boundary above the commit epoch
 * in which it began, whichever backend has established it: a transaction that
 * had ended by then had a stamp of at most that commit epoch.
 *
 * At most two commit epochs are open.  A flusher begins a commit epoch only
 * after it has seen the count of the new epoch's parity at 0, and by a single
 * compare-and-swap from the commit epoch in which it saw that.  Correctness of
 * the boundary does not require this, but termination of the wait does: new
 * writers must not increment the count that is waited for.
 *
 * The counter of a commit epoch may overflow if no flusher comes for a long
 * time. The next commit epoch then begins without a wait, and three or more
 * may be open. The boundary remains correct, as shown; the next flusher may
 * wait a little longer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/shmem.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "store/atomicmax.h"
#include "writeback/commitepoch.h"
#include "writeback/journal.h"

#define FIRST_EPOCH		1

/* Stamps are stored in tables as bigint, and compared as such. */
#define LAST_EPOCH		cs_stamp_epoch((uint64) PG_INT64_MAX)

#define JOURNAL_CHOICES	64

typedef struct CsSharedCommitEpochs
{
	pg_atomic_uint64 next;		/* atomic; see above */
	pg_atomic_uint32 writers[2];	/* atomic */
	pg_atomic_uint64 closed[2]; /* atomic */
	ConditionVariable moved;	/* has its own lock */
	pg_atomic_uint32 journal[JOURNAL_CHOICES];	/* atomic; the journal in use,
												 * by database; a hint */
} CsSharedCommitEpochs;

static CsSharedCommitEpochs *epochs;
static uint32 epoch_event = 0;	/* see cs_wait_event() */
static uint64 my_stamp = 0;		/* 0 if this backend is in no commit epoch */

Size
cs_commitepoch_shmem_size(void)
{
	return sizeof(CsSharedCommitEpochs);
}

void
cs_commitepoch_shmem_init(void)
{
	bool		found;

	epochs = ShmemInitStruct("cache_strategies commit epochs", cs_commitepoch_shmem_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&epochs->next, cs_stamp_first(FIRST_EPOCH) + 1);
	for (int parity = 0; parity < 2; parity++)
	{
		pg_atomic_init_u32(&epochs->writers[parity], 0);
		pg_atomic_init_u64(&epochs->closed[parity], FIRST_EPOCH);
	}
	ConditionVariableInit(&epochs->moved);
	for (int i = 0; i < JOURNAL_CHOICES; i++)
		pg_atomic_init_u32(&epochs->journal[i], CS_JOURNAL_A);
}

/*
 * The journal that this database writes to.  Correctness does not depend on
 * the choice.  It remains the same until the other journal is empty, so that a
 * journal gets no new rows for some time, however many tables are flushed and
 * however long transactions last.
 */
CsJournalTable
cs_commitepoch_chosen(void)
{
	return pg_atomic_read_u32(&epochs->journal[MyDatabaseId % JOURNAL_CHOICES]);
}

void
cs_commitepoch_choose(CsJournalTable which)
{
	pg_atomic_write_u32(&epochs->journal[MyDatabaseId % JOURNAL_CHOICES], which);
}

/*
 * The present commit epoch.
 */
static uint64
present_epoch(void)
{
	return cs_stamp_epoch(pg_atomic_read_u64(&epochs->next));
}

/*
 * Whether a stamp is the first one of its commit epoch.
 */
static bool
begins_epoch(uint64 stamp)
{
	return stamp == cs_stamp_first(cs_stamp_epoch(stamp));
}

/*
 * Every commit epoch below the result has ended.  Each word is read once,
 * since they change.
 */
static uint64
ended_before(void)
{
	uint64		even = pg_atomic_read_u64(&epochs->closed[0]);
	uint64		odd = pg_atomic_read_u64(&epochs->closed[1]);

	return Min(even, odd);
}

/* ----- writers ----- */

/*
 * Draw a stamp without entering the commit epoch, for a volatile table.
 *
 * The first stamp of a commit epoch is not used for writes: it is a boundary,
 * and the stamp of what a flusher carries over.  Drawing it means that the
 * counter has overflowed.
 */
uint64
cs_commitepoch_draw(void)
{
	for (;;)
	{
		uint64		stamp = pg_atomic_fetch_add_u64(&epochs->next, 1);

		if (!begins_epoch(stamp))
			return stamp;
		ConditionVariableBroadcast(&epochs->moved);
	}
}

/*
 * Undo the count.  A backend that waits for this count is in another commit
 * epoch than the counted ones, so there is none to wake while the commit epoch
 * is still ours. If it changes after this check, the backend that changes it
 * wakes them.
 */
static void
leave_epoch(uint64 epoch)
{
	if (pg_atomic_fetch_sub_u32(&epochs->writers[epoch & 1], 1) == 1 &&
		present_epoch() != epoch)
		ConditionVariableBroadcast(&epochs->moved);
}

/*
 * Enter the present commit epoch and draw a stamp of it; returns the same one
 * if this backend is in it already.  A backend in a commit epoch must not wait
 * for a flusher.  Errors are not possible between counting and remembering
 * that.
 */
uint64
cs_commitepoch_enter(void)
{
	while (my_stamp == 0)
	{
		uint64		epoch = present_epoch();
		uint64		stamp;

		pg_atomic_fetch_add_u32(&epochs->writers[epoch & 1], 1);
		stamp = cs_commitepoch_draw();
		if (cs_stamp_epoch(stamp) == epoch)
			my_stamp = stamp;
		else
			leave_epoch(epoch);
	}
	return my_stamp;
}

/*
 * Leave the commit epoch, at COMMIT or ABORT.  Does nothing if this backend is
 * in none.  Does not throw.
 */
void
cs_commitepoch_leave(void)
{
	uint64		stamp = my_stamp;

	if (stamp == 0)
		return;
	my_stamp = 0;
	leave_epoch(cs_stamp_epoch(stamp));
}

#ifdef CS_TEST_POINTS
/* Number of backends in a commit epoch. */
uint64
cs_commitepoch_writers(void)
{
	return (uint64) pg_atomic_read_u32(&epochs->writers[0]) +
		pg_atomic_read_u32(&epochs->writers[1]);
}
#endif

/* ----- flushers ----- */

/*
 * Wait until the commit epochs of the other parity below this one, the present
 * one, have ended.  Returns false if it is not the present one any more.
 */
static bool
close_others(uint64 epoch)
{
	int			parity = (epoch + 1) & 1;
	bool		closed;

	ConditionVariablePrepareToSleep(&epochs->moved);
	for (;;)
	{
		/* after reading the commit epoch; see also leave_epoch() */
		pg_memory_barrier();
		closed = pg_atomic_read_u32(&epochs->writers[parity]) == 0;
		/* makes what its writers did before they left visible from here on */
		pg_memory_barrier();
		if (closed || present_epoch() != epoch)
			break;
		ConditionVariableSleep(&epochs->moved, cs_wait_event(&epoch_event, "CacheCommitEpoch"));
	}
	ConditionVariableCancelSleep();
	if (closed)
		cs_atomic_max(&epochs->closed[parity], epoch + 1);
	return closed;
}

/*
 * Begin a later commit epoch of the other parity.  close_others() has
 * established that all of the new one's parity below the old one have ended;
 * those in between never existed.  Returns false if the old one is not the
 * present commit epoch any more.
 */
static bool
begin_epoch(uint64 from, uint64 to)
{
	uint64		word = pg_atomic_read_u64(&epochs->next);

	Assert(((from ^ to) & 1) == 1);
	if (to > LAST_EPOCH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("no more commit epochs for deferred writes"),
				 errdetail("The last one has been reached, or a stamp in the journal is not one of this extension's.")));
	while (cs_stamp_epoch(word) == from)
	{
		if (!pg_atomic_compare_exchange_u64(&epochs->next, &word, cs_stamp_first(to) + 1))
			continue;
		cs_atomic_max(&epochs->closed[to & 1], to);
		ConditionVariableBroadcast(&epochs->moved);
		return true;
	}
	return false;
}

static void
check_outside(void)
{
	if (my_stamp != 0)
		elog(ERROR, "cannot wait for the end of a commit epoch from within one");
}

/*
 * End the present commit epoch and wait, interruptibly, for the backends in
 * it. Returns the boundary: stamps of the writers that were waited for are
 * below it. Must not be called by a backend that is in a commit epoch.
 *
 * A commit epoch of which no stamp was drawn need not be ended: its beginning
 * is the boundary.  So flushes without writers in between use no commit
 * epochs.
 */
uint64
cs_commitepoch_switch(void)
{
	uint64		word = pg_atomic_read_u64(&epochs->next);
	uint64		epoch = cs_stamp_epoch(word);
	uint64		wanted = begins_epoch(word - 1) ? epoch : epoch + 1;
	uint64		ended;

	check_outside();
	while ((ended = ended_before()) < wanted)
	{
		epoch = present_epoch();
		if (close_others(epoch) && ended_before() < wanted)
			(void) begin_epoch(epoch, epoch + 1);
	}
	return cs_stamp_first(ended);
}

/*
 * The present boundary: stamps drawn from now on are not below it.
 */
uint64
cs_commitepoch_boundary(void)
{
	return cs_stamp_first(present_epoch());
}

/*
 * Make later commit epochs exceed that of this stamp.  Other databases may
 * have writers, so this also waits as cs_commitepoch_switch(), and may skip
 * one commit epoch so that the parity changes.
 */
void
cs_commitepoch_raise(uint64 stamp)
{
	uint64		least = cs_stamp_epoch(stamp) + 1;
	uint64		epoch;

	check_outside();
	while ((epoch = present_epoch()) < least)
		if (close_others(epoch))
			(void) begin_epoch(epoch, ((least ^ epoch) & 1) == 1 ? least : least + 1);
}
