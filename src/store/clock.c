/*-------------------------------------------------------------------------
 *
 * clock.c
 *		The time by which entries expire.
 *
 * A clock of the system that nobody can set, if there is one that also counts
 * while the machine sleeps, and an offset that is chosen when the server starts.
 * The offset does not change afterwards, so reading it takes no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "store/clock.h"

#ifdef CLOCK_BOOTTIME
#define CS_CLOCK	CLOCK_BOOTTIME
#else
#define CS_CLOCK	CLOCK_MONOTONIC
#endif

static int64 *offset;			/* in shared memory; microseconds */

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
	return sizeof(int64);
}

void
cs_clock_shmem_init(void)
{
	bool		found;

	offset = ShmemInitStruct("cache_strategies clock", cs_clock_shmem_size(), &found);
	if (!found)
		*offset = GetCurrentTimestamp() - elapsed();
}

TimestampTz
cs_clock_now(void)
{
#ifdef CS_MUTANT_WALL_CLOCK
	return GetCurrentTimestamp();
#endif
	return *offset + elapsed();
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
