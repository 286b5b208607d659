/*-------------------------------------------------------------------------
 *
 * flight.h
 *		Single flight: of all who miss the same key, one loads it and the
 *		others wait.
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

extern Size cs_flight_shmem_size(void);
extern void cs_flight_shmem_init(void);

extern CsFlight cs_flight_start(uint64 hash);

/* Idempotent and safe in error cleanup and at exit. */
extern void cs_flight_land(void);

/* Wait until the key has landed; false after timeout_ms.  Cancellable. */
extern bool cs_flight_wait(uint64 hash, int timeout_ms);

#endif							/* CS_FLIGHT_H */
