/*-------------------------------------------------------------------------
 *
 * shim.c
 *		What store and commit protocol need of a server.
 *
 * Memory contexts are lists of what was allocated by a backend since its
 * transaction began.  Locks make a backend give way until they are free.  What
 * is not here is not reached.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/proclist.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "simulation.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/miniature.h"
#include "store/place.h"
#include "store/slot.h"
#include "store/stripe.h"
#include "store/watchword.h"
#include "xact/xact.h"

#define N_LOCKS		512

int			cs_memory_mb = 1;
int			cs_partitions = 1;
int			cs_typical_entry = 64;
int			cs_max_tables = 4;
int			cs_max_tables_per_role = -1;
int			cs_stripes = 16;
int			cs_bulk_threshold = 10000;

volatile uint32 CritSectionCount = 0;
volatile sig_atomic_t InterruptPending = 0;
Oid			MyDatabaseId = 1;
int			MyProcPid = 1;
LWLockPadded *MainLWLockArray = NULL;
MemoryContext TopTransactionContext = NULL;
MemoryContext TopMemoryContext = NULL;
MemoryContext CurrentMemoryContext = NULL;

uint64		sim_xid[MAX_BACKENDS];
void		(*sim_xact_callback) (int event);

static LWLockPadded lwlocks[N_LOCKS];
static int	nlocks;
static int	holders[N_LOCKS];	/* -1: exclusively */
static XactCallback xact_callback;

/* ----- memory of backends ----- */

typedef struct Chunk
{
	struct Chunk *next;
	Size		size;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} Chunk;

static Chunk *chunks[MAX_BACKENDS];

/* The transaction of the backend that runs has ended. */
void
sim_forget_memory(void)
{
	Chunk	   *chunk = chunks[sim_backend];

	while (chunk != NULL)
	{
		Chunk	   *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	chunks[sim_backend] = NULL;
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	Chunk	   *chunk = malloc(offsetof(Chunk, data) + size);

	chunk->next = chunks[sim_backend];
	chunk->size = size;
	chunks[sim_backend] = chunk;
	return chunk->data;
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return memset(MemoryContextAlloc(context, size), 0, size);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return MemoryContextAlloc(context, size);
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	return MemoryContextAllocZero(context, size);
}

void *
palloc(Size size)
{
	return MemoryContextAlloc(NULL, size);
}

void *
palloc0(Size size)
{
	return MemoryContextAllocZero(NULL, size);
}

/* Freed with the transaction. */
void
pfree(void *pointer)
{
}

void *
repalloc(void *pointer, Size size)
{
	Chunk	   *chunk = (Chunk *) ((char *) pointer - offsetof(Chunk, data));

	return memcpy(MemoryContextAlloc(NULL, size), pointer, Min(size, chunk->size));
}

void *
repalloc_huge(void *pointer, Size size)
{
	return repalloc(pointer, size);
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size minContextSize,
							  Size initBlockSize, Size maxBlockSize)
{
	return (MemoryContext) MemoryContextAlloc(NULL, 1);
}

/* ----- shared memory and locks ----- */

Size
add_size(Size a, Size b)
{
	return a + b;
}

Size
mul_size(Size a, Size b)
{
	return a * b;
}

void
RequestAddinShmemSpace(Size size)
{
}

void
RequestNamedLWLockTranche(const char *name, int n)
{
}

LWLockPadded *
GetNamedLWLockTranche(const char *name)
{
	LWLockPadded *first = &lwlocks[nlocks];

	nlocks += strcmp(name, "cache_strategies_slots") == 0 ? 1 : N_LOCKS / 2;
	return first;
}

void *
ShmemInitStruct(const char *name, Size size, bool *found)
{
	*found = false;
	return sim_memory_take(size);
}

/* The only table has the first slot, and is not looked for. */
HTAB *
ShmemInitHash(const char *name, long init_size, long max_size, HASHCTL *info, int flags)
{
	return NULL;
}

static int *
holders_of(LWLock *lock)
{
	return &holders[(LWLockPadded *) lock - lwlocks];
}

bool
LWLockConditionalAcquire(LWLock *lock, LWLockMode mode)
{
	int		   *n = holders_of(lock);

	sim_full_barrier(NULL);
	if (mode == LW_SHARED ? *n < 0 : *n != 0)
		return false;
	*n = mode == LW_SHARED ? *n + 1 : -1;
	return true;
}

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	while (!LWLockConditionalAcquire(lock, mode))
		sim_yield();
	sim_full_barrier(NULL);
	return true;
}

void
LWLockRelease(LWLock *lock)
{
	int		   *n = holders_of(lock);

	sim_full_barrier(NULL);
	expect(*n != 0);
	*n = *n < 0 ? 0 : *n - 1;
}

void
ConditionVariableInit(ConditionVariable *cv)
{
	proclist_init(&cv->wakeup);
}

void
ConditionVariableBroadcast(ConditionVariable *cv)
{
}

/* ----- transactions ----- */

void
RegisterXactCallback(XactCallback callback, void *arg)
{
	xact_callback = callback;
}

void
RegisterSubXactCallback(SubXactCallback callback, void *arg)
{
}

static void
call_xact_callback(int event)
{
	xact_callback((XactEvent) event, NULL);
}

TransactionId
GetTopTransactionIdIfAny(void)
{
	return (TransactionId) sim_xid[sim_backend];
}

FullTransactionId
GetTopFullTransactionIdIfAny(void)
{
	return FullTransactionIdFromU64(sim_xid[sim_backend]);
}

SubTransactionId
GetCurrentSubTransactionId(void)
{
	return 1;
}

void
CommandCounterIncrement(void)
{
}

/* ----- the rest ----- */

TimestampTz
GetCurrentTimestamp(void)
{
	return 800000000 * USECS_PER_SEC;
}

bool
pg_strong_random(void *buf, size_t len)
{
	for (Size i = 0; i < len; i++)
		((uint8 *) buf)[i] = (uint8) sim_random(256);
	return true;
}

#undef qsort
void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

void
cs_counters_add(int slot, CsCount what, uint64 n)
{
}

void
cs_counters_begin(int slot)
{
}

/* An empty store, in a server that has just started. */
void
sim_server_init(void)
{
	nlocks = 0;
	memset(holders, 0, sizeof(holders));
	memset(sim_xid, 0, sizeof(sim_xid));
	CritSectionCount = 0;
	MainLWLockArray = lwlocks;
	cs_miniature_below = 0;
	cs_store_shmem_request();
	cs_store_shmem_init();
	cs_clock_shmem_init();
	cs_stripe_shmem_init();
	cs_slot_shmem_init();
	cs_place_shmem_init();
	cs_watchword_shmem_init();
	if (xact_callback == NULL)
		cs_xact_init();
	sim_xact_callback = call_xact_callback;
}
