/*-------------------------------------------------------------------------
 *
 * sieve.c
 *		SIEVE in place of src/store/policy.c, as near as circular logs come to it.
 *
 * SIEVE is a queue with a hand that goes from the oldest entry to the newest and
 * then begins again.  Where the hand is, an entry that was read stays in its
 * place, another one is evicted; new ones are put in at the newest end.  So the
 * queue is two at any time: behind the hand survivors in their old order,
 * before it what the hand has not yet looked at.  What makes SIEVE differ from
 * CLOCK is that survivors and new entries do not mix: a survivor is looked at
 * next when the hand has been through all newer ones.
 *
 * In a log there is no room where the newest end is, for room comes about at
 * the hand.  To put new entries there would be CLOCK.  So the two logs are the two
 * queues: new entries in one, where those that were read are moved on and the
 * others are evicted; survivors in the other, in their order, where they go
 * round when they were read again.  Unlike in the original the logs cannot lend
 * each other memory: the share of the new ones is fixed (CS_SMALL_SHARE when it
 * is built).  It is a quarter here, which was the best of 1/10, 1/4 and 1/2 on most
 * of the workloads.  exact.c has the original.
 *
 *-------------------------------------------------------------------------
 */
#include "alternative.h"

/* In which log it starts; a large one must not push out all that is new. */
CsLogId
cs_policy_admit(const CsPlace *place, Size size)
{
	if (size > cs_store.log_size[CS_LOG_SMALL] / 4)
		return CS_LOG_MAIN;
	return CS_LOG_SMALL;
}

CsTail
cs_policy_tail(int part, CsLogId logid, const CsRecord *rec, Size want,
			   const CsClaim *claim, uint8 *freq)
{
	CsSharedLog *survivors = &cs_store.partitions[part].log[CS_LOG_MAIN];

	if (cs_record_useless(rec, claim->now))
		return CS_TAIL_EVICT;
	if (*freq > 0 || is_guarded(cs_stamp_owner(rec->stamp)) ||
		(logid == CS_LOG_SMALL && survivors->head + cs_record_size(rec) <=
		 cs_store.log_size[CS_LOG_MAIN]))	/* never yet full */
	{
		*freq = 0;
		return logid == CS_LOG_MAIN ? CS_TAIL_STAY : CS_TAIL_PROMOTE;
	}
	return much_is_dead(part, logid, want) ? CS_TAIL_STAY : CS_TAIL_EVICT;
}

void
cs_policy_evicted(const CsPlace *place, CsLogId logid)
{
}
