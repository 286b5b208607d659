/*-------------------------------------------------------------------------
 *
 * shim.c
 *		What the store needs of a server: memory, locks, shared memory.
 *
 * LWLocks are pthread locks here, and a backend is a thread.  Allocating while
 * a lock is held, or in a critical section, is an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>

#include "guc.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "store/clock.h"
#include "store/miniature.h"
#include "unit.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define SHIM_LOCKS	1024

int			cs_memory_mb = 1;
int			cs_partitions = 0;
int			cs_typical_entry = 64;
int			cs_max_tables = 1;

volatile uint32 CritSectionCount = 0;
LWLockPadded *MainLWLockArray = NULL;
bool		shim_noise = false;
bool		shim_no_memory = false;
int64		shim_elapsed = 0;
TimestampTz shim_time_of_day = 0;

static LWLockPadded lwlocks[SHIM_LOCKS];
static pthread_rwlock_t locks[SHIM_LOCKS];
static char *shared = NULL;
static Size requested;
static __thread int locks_held = 0;

void
shim_new_store(int memory_mb, int partitions, int tables)
{
	int			i;

	cs_memory_mb = memory_mb;
	cs_partitions = partitions;
	cs_max_tables = tables;
	for (i = 0; i < SHIM_LOCKS; i++)
		pthread_rwlock_init(&locks[i], NULL);
	MainLWLockArray = lwlocks;
	cs_store_shmem_request();
	cs_store_shmem_init();
	shim_elapsed = 0;
	shim_time_of_day = 800000000 * USECS_PER_SEC;
	cs_clock_shmem_init();
	cs_miniature_below = 0;
	if (cs_store_shmem_size() > memory_mb * UNIT_MB)
		fail("%zu bytes of %d MB", cs_store_shmem_size(), memory_mb);
}

/* Begin to sample.  Without this, no key is. */
void
shim_new_miniatures(void)
{
	cs_miniature_shmem_request();
	cs_miniature_shmem_init();
}

void
RequestAddinShmemSpace(Size size)
{
	requested = size;
}

Size
add_size(Size s1, Size s2)
{
	return s1 + s2;
}

Size
mul_size(Size s1, Size s2)
{
	return s1 * s2;
}

/* Full of garbage, since a server does not promise zeroes either. */
void *
ShmemInitStruct(const char *name, Size size, bool *foundPtr)
{
	static int64 clock[2];
	static uint64 secret[2];
	static char *miniatures = NULL;
	bool		is_clock = strcmp(name, "cache_strategies clock") == 0;

	if (is_clock || strcmp(name, "cache_strategies hash secret") == 0)
	{
		expect(size <= (is_clock ? sizeof(clock) : sizeof(secret)));
		*foundPtr = false;
		return is_clock ? (void *) clock : (void *) secret;
	}
	if (strcmp(name, "cache_strategies miniatures") == 0)
	{
		free(miniatures);
		miniatures = malloc(size);
		memset(miniatures, 0x5a, size);
		*foundPtr = false;
		return miniatures;
	}
	if (size > requested)
		fail("%zu bytes of shared memory, %zu requested", size, requested);
	free(shared);
	if (posix_memalign((void **) &shared, 128, size) != 0)
		fail("out of memory");
	memset(shared, 0x5a, size);
	*foundPtr = false;
	return shared;
}

/* The first locks stand for the server's own. */
void
RequestNamedLWLockTranche(const char *tranche_name, int num_lwlocks)
{
	if (num_lwlocks > SHIM_LOCKS / 2)
		fail("%d locks requested", num_lwlocks);
}

LWLockPadded *
GetNamedLWLockTranche(const char *tranche_name)
{
	if (strcmp(tranche_name, "cache_strategies_miniature") == 0)
		return lwlocks + SHIM_LOCKS / 2 - 1;
	return lwlocks + SHIM_LOCKS / 2;
}

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	pthread_rwlock_t *l = &locks[(LWLockPadded *) lock - lwlocks];

	/* a thread that has it would wait for itself, and is told so */
	expect((mode == LW_SHARED ? pthread_rwlock_rdlock(l) : pthread_rwlock_wrlock(l)) == 0);
	locks_held++;
	return true;
}

bool
LWLockConditionalAcquire(LWLock *lock, LWLockMode mode)
{
	expect(mode == LW_EXCLUSIVE);
	if (pthread_rwlock_trywrlock(&locks[(LWLockPadded *) lock - lwlocks]) != 0)
		return false;
	locks_held++;
	return true;
}

void
LWLockRelease(LWLock *lock)
{
	locks_held--;
	pthread_rwlock_unlock(&locks[(LWLockPadded *) lock - lwlocks]);
}

extern int	__wrap_clock_gettime(clockid_t clock, struct timespec *t);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	t->tv_sec = shim_elapsed / USECS_PER_SEC;
	t->tv_nsec = shim_elapsed % USECS_PER_SEC * 1000;
	return 0;
}

TimestampTz
GetCurrentTimestamp(void)
{
	return shim_time_of_day + shim_elapsed;
}

/* Give way, once in a while. */
void
shim_overtake(void)
{
	static __thread uint64 random = 0;

	if (shim_noise && unit_random(&random) % 16 == 0)
		sched_yield();
}

/* Between the header and the value: a good moment for being overtaken. */
void *
palloc(Size size)
{
	if (locks_held > 0)
		fail("palloc while a lock is held");
	shim_overtake();
	return malloc(size);
}

void *
palloc0(Size size)
{
	if (locks_held > 0)
		fail("palloc while a lock is held");
	return calloc(1, size);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return palloc0(size);
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	if (shim_no_memory && (flags & MCXT_ALLOC_NO_OOM) != 0)
		return NULL;
	if (shim_no_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return palloc0(size);
}

void
pfree(void *pointer)
{
	free(pointer);
}

size_t
strlcpy(char *dst, const char *src, size_t siz)
{
	size_t		len = strlen(src);

	if (siz > 0)
	{
		size_t		n = Min(len, siz - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

bool
pg_strong_random(void *buf, size_t len)
{
	FILE	   *random = fopen("/dev/urandom", "r");
	bool		done = random != NULL && fread(buf, 1, len, random) == len;

	if (random != NULL)
		fclose(random);
	return done;
}
