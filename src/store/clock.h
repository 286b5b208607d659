/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The time by which entries expire.
 *
 * It counts from the time of day at server start and goes on at its own pace:
 * when somebody sets the machine's clock, nothing expires early, and nothing
 * that has expired comes back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CLOCK_H
#define CS_CLOCK_H

#include "datatype/timestamp.h"

extern Size cs_clock_shmem_size(void);
extern void cs_clock_shmem_init(void);

/* May be called anywhere, under locks and in critical sections too. */
extern TimestampTz cs_clock_now(void);

/* 'usecs' from now; 0 (never) if that is beyond all timestamps or usecs is 0 */
extern TimestampTz cs_clock_after(int64 usecs);

/* When that is by the machine's clock as it is set now; for people */
extern TimestampTz cs_clock_time_of_day(TimestampTz expires);

#ifdef CS_TEST_POINTS
/* Stop the clock at so many microseconds from now; let it run again */
extern TimestampTz cs_clock_stop(int64 ahead);
extern void cs_clock_run(void);
#endif

#endif							/* CS_CLOCK_H */
