/*-------------------------------------------------------------------------
 *
 * flight.h
 *		Single flight: of all sessions that miss the same key, one loads it and
 *		the others wait.
 *
 * Waiting cannot deadlock.  A leader never follows, so in the end a leader can
 * only wait for heavyweight locks; and a follower, which may hold such a lock,
 * stops waiting for a leader that waits for one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLIGHT_H
#define CS_FLIGHT_H

typedef enum CsFlight
{
	CS_FLIGHT_LEAD,				/* this backend loads, then calls
								 * cs_flight_land() */
	CS_FLIGHT_FOLLOW,			/* another backend loads: cs_flight_wait() */
	CS_FLIGHT_ALONE				/* no gate is free, or this backend leads
								 * already: load without a flight */
} CsFlight;

typedef enum CsLanding
{
	CS_LANDING_DONE,			/* the leader has loaded the key */
	CS_LANDING_FAILED,			/* the leader had an error, or was terminated */
	CS_LANDING_LATE,			/* timeout, or the leader waits for a lock */
	CS_LANDING_OUTRUN			/* what it loads is of no use any more */
} CsLanding;

extern Size cs_flight_shmem_size(void);
extern void cs_flight_shmem_init(void);
extern CsFlight cs_flight_start(uint64 hash);
extern void cs_flight_land(bool failed);
extern void cs_flight_at_end(bool committed);
extern CsLanding cs_flight_wait(int timeout_ms);
extern CsLanding cs_flight_wait_while(int timeout_ms, bool (*useful) (void *), void *arg);

#ifdef CS_TEST_POINTS
extern int	cs_flight_count(void);
#endif

#endif							/* CS_FLIGHT_H */
