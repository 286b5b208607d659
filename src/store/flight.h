/*-------------------------------------------------------------------------
 *
 * flight.h
 *		Single flight: of all who miss the same key, one loads it and the
 *		others wait.
 *
 * Waiting cannot deadlock: who leads never follows, so what a leader waits for
 * in the end are heavyweight locks, and a follower, who may be the one that
 * holds them, does not wait for a leader that waits for such a lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLIGHT_H
#define CS_FLIGHT_H

typedef enum CsFlight
{
	CS_FLIGHT_LEAD,				/* load it, then cs_flight_land() */
	CS_FLIGHT_FOLLOW,			/* somebody else loads it: cs_flight_wait() */
	CS_FLIGHT_ALONE				/* no place, or loading another key already:
								 * load it without telling anyone */
} CsFlight;

typedef enum CsLanding
{
	CS_LANDING_DONE,			/* it has been loaded */
	CS_LANDING_FAILED,			/* the leader had an error, or was terminated */
	CS_LANDING_LATE				/* it is not to be waited for any longer */
} CsLanding;

extern Size cs_flight_shmem_size(void);
extern void cs_flight_shmem_init(void);

extern CsFlight cs_flight_start(uint64 hash);

/* Idempotent and safe in error cleanup and at exit. */
extern void cs_flight_land(bool failed);

/* Wait for the flight that this session follows; timeout_ms < 0: for ever. */
extern CsLanding cs_flight_wait(int timeout_ms);

#ifdef CS_TEST_POINTS
/* Flights under way */
extern int	cs_flight_count(void);
#endif

#endif							/* CS_FLIGHT_H */
