/*-------------------------------------------------------------------------
 *
 * clock.c
 *		The time by which entries expire.
 *
 * A clock of the system that nobody can set, if there is one that also counts
 * while the machine sleeps, and an offset that is chosen when the server starts.
 * The offset does not change afterwards, so reading it takes no lock.
 *
 * In builds with -DCS_TEST_POINTS a test can stop the clock and move it ahead,
 * for all sessions at once: what is to be there is then there however slow the
 * machine is, and what is to expire need not be waited for.
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
	int64		offset;			/* microseconds */
#ifdef CS_TEST_POINTS
	pg_atomic_uint64 stopped;	/* at this time; 0: it runs */
#endif
}			CsSharedClock;

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

TimestampTz
cs_clock_now(void)
{
#ifdef CS_TEST_POINTS
	if (pg_atomic_read_u64(&shared->stopped) != 0)
		return (TimestampTz) pg_atomic_read_u64(&shared->stopped);
#endif
	return shared->offset + elapsed();
}

TimestampTz
cs_clock_after(int64 usecs)
{
	TimestampTz now = cs_clock_now();

	Assert(usecs >= 0);
	if (usecs <= 0 || usecs >= END_TIMESTAMP - now)
		return 0;
	/* 0 is a time too, if not one that it is likely to be */
	return now + usecs != 0 ? now + usecs : 1;
}

TimestampTz
cs_clock_time_of_day(TimestampTz expires)
{
	return expires + (GetCurrentTimestamp() - cs_clock_now());
}

#ifdef CS_TEST_POINTS

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
