/*-------------------------------------------------------------------------
 *
 * clock.c
 *		CLOCK in place of src/store/policy.c: one log, at whose tail an entry that
 *		was read since the last time goes round again and another is evicted.
 *
 * Every entry starts in the main log.  The small log is never used; the build
 * shrinks it to 1/4096 of the logs (CS_SMALL_SHARE).  There is no ghost, though
 * the layout still has room for one (0.8 % of the memory).  A read counts once,
 * as in the textbook, though the bucket would count to three.
 *
 *-------------------------------------------------------------------------
 */
#include "alternative.h"

CsLogId
cs_policy_admit(const CsPlace *place, Size size)
{
	return CS_LOG_MAIN;
}

CsTail
cs_policy_tail(int part, CsLogId logid, const CsRecord *rec, Size want,
			   const CsClaim *claim, uint8 *freq)
{
	if (cs_record_useless(rec, claim->now))
		return CS_TAIL_EVICT;
	if (*freq > 0 || is_guarded(cs_stamp_owner(rec->stamp)))
	{
		*freq = 0;
		return CS_TAIL_STAY;
	}
	return much_is_dead(part, logid, want) ? CS_TAIL_STAY : CS_TAIL_EVICT;
}

void
cs_policy_evicted(const CsPlace *place, CsLogId logid)
{
}
