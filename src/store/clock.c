/*-------------------------------------------------------------------------
 *
 * clock.c
 *		The clock by which entries expire, and by which processes wait.
 *
 * It is a system clock that cannot be set, one that also counts while the
 * machine is suspended if there is such a clock, plus an offset that is
 * computed at server start.  The offset never changes afterwards, so reading
 * it takes no lock.
 *
 * In builds with -DCS_TEST_POINTS a test can stop the clock and advance it for
 * all sessions at once, so that the outcome of a test does not depend on the
 * speed of the machine and no test waits for an entry to expire.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "store/clock.h"

#ifdef CLOCK_BOOTTIME
#define CS_CLOCK	CLOCK_BOOTTIME
#else
#define CS_CLOCK	CLOCK_MONOTONIC
#endif

typedef struct CsSharedClock
{
	int64		offset;			/* set once, at server start; microseconds */
#ifdef CS_TEST_POINTS
	pg_atomic_uint64 stopped;	/* atomic; the time it shows while stopped, 0
								 * if it runs */
#endif
} CsSharedClock;

static CsSharedClock *shared;

static int64
elapsed(void)
{
	struct timespec t;

	clock_gettime(CS_CLOCK, &t);
	return (int64) t.tv_sec * USECS_PER_SEC + t.tv_nsec / 1000;
}

Size
cs_clock_shmem_size(void)
{
	return sizeof(CsSharedClock);
}

void
cs_clock_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies clock", cs_clock_shmem_size(), &found);
	if (found)
		return;
	shared->offset = GetCurrentTimestamp() - elapsed();
#ifdef CS_TEST_POINTS
	pg_atomic_init_u64(&shared->stopped, 0);
#endif
}

/*
 * The clock for delays, deadlines and ages within a server's life: what the
 * machine's clock is set to makes no process wait longer or shorter.  Tests do
 * not stop it.  May be called anywhere.
 */
TimestampTz
cs_clock_steady(void)
{
	return shared->offset + elapsed();
}

/*
 * Current time of the clock by which entries expire.  May be called anywhere,
 * also under locks and in critical sections.
 */
TimestampTz
cs_clock_now(void)
{
#ifdef CS_TEST_POINTS
	if (pg_atomic_read_u64(&shared->stopped) != 0)
		return (TimestampTz) pg_atomic_read_u64(&shared->stopped);
#endif
	return cs_clock_steady();
}

/*
 * The time 'usecs' from now, or 0 (never) if usecs is 0 or the result is
 * beyond all timestamps.
 */
TimestampTz
cs_clock_after(int64 usecs)
{
	TimestampTz now = cs_clock_now();

	Assert(usecs >= 0);
	if (usecs <= 0 || usecs >= END_TIMESTAMP - now)
		return 0;
	/* 0 is also a valid, if improbable, time */
	return now + usecs != 0 ? now + usecs : 1;
}

/*
 * Convert a past time of day to the time of cs_clock_steady(), which is not
 * later than now.
 */
TimestampTz
cs_clock_of(TimestampTz time_of_day)
{
	return cs_clock_steady() - Max(GetCurrentTimestamp() - time_of_day, 0);
}

/*
 * Convert a time of this clock to the system's time of day, for display.
 */
TimestampTz
cs_clock_time_of_day(TimestampTz expires)
{
	return expires + (GetCurrentTimestamp() - cs_clock_now());
}

/*
 * Nanoseconds since some time; for measuring spans.  Tests do not stop it.
 */
int64
cs_clock_nanos(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * INT64CONST(1000000000) + t.tv_nsec;
}

#ifdef CS_TEST_POINTS

/*
 * Stop the clock at so many microseconds from now.  Returns that time.
 */
TimestampTz
cs_clock_stop(int64 ahead)
{
	TimestampTz at = cs_clock_now() + ahead;

	pg_atomic_write_u64(&shared->stopped, (uint64) at);
	return at;
}

void
cs_clock_run(void)
{
	pg_atomic_write_u64(&shared->stopped, 0);
}

#endif
