/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The clock by which entries expire, and by which processes wait.
 *
 * It starts at the time of day of the server start and advances at its own
 * pace.  When the machine's clock is set, no entry expires early, no expired
 * entry becomes valid again, and nothing that is due later is put off.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CLOCK_H
#define CS_CLOCK_H

#include "datatype/timestamp.h"

extern Size cs_clock_shmem_size(void);
extern void cs_clock_shmem_init(void);
extern TimestampTz cs_clock_steady(void);
extern TimestampTz cs_clock_now(void);
extern TimestampTz cs_clock_after(int64 usecs);
extern TimestampTz cs_clock_of(TimestampTz time_of_day);
extern TimestampTz cs_clock_time_of_day(TimestampTz expires);
extern int64 cs_clock_nanos(void);

#ifdef CS_TEST_POINTS
extern TimestampTz cs_clock_stop(int64 ahead);
extern void cs_clock_run(void);
#endif

#endif							/* CS_CLOCK_H */
