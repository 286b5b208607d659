/*-------------------------------------------------------------------------
 *
 * trace.c
 *		A log of operations: as notices to a session that wants them
 *		(cache_strategies.trace), and in shared memory the last ones of all
 *		sessions (cache.trace_log).
 *
 * For shared memory operations are chosen at random, one in
 * cache_strategies.trace_log_sample.  A hit can only be traced if it is timed
 * (latency.c), so that those which are not need not look here.
 *
 * Shared memory holds a ring of entries.  An atomic says how many there have
 * been; a spinlock protects each entry.  A backend that is overtaken by a
 * whole round leaves the newer entry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "store/trace.h"

typedef struct CsSharedTraceEntry
{
	slock_t		lock;			/* protects the entry */
	CsTraceEntry entry;			/* spinlock */
} CsSharedTraceEntry;

typedef struct CsSharedTrace
{
	pg_atomic_uint64 n;			/* atomic; entries there have been */
	CsSharedTraceEntry ring[FLEXIBLE_ARRAY_MEMBER]; /* their own locks */
} CsSharedTrace;

static CsSharedTrace *shared;

Size
cs_trace_shmem_size(void)
{
	return add_size(offsetof(CsSharedTrace, ring),
					mul_size(cs_trace_log_size, sizeof(CsSharedTraceEntry)));
}

void
cs_trace_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies trace", cs_trace_shmem_size(), &found);
	if (found)
		return;
	memset(shared, 0, cs_trace_shmem_size());
	pg_atomic_init_u64(&shared->n, 0);
	for (int i = 0; i < cs_trace_log_size; i++)
		SpinLockInit(&shared->ring[i].lock);
}

/* The next hit is one to look at with the new setting. */
static void
setting_changed(void)
{
	cs_latency_left = 1;
}

void
cs_trace_init(void)
{
	cs_trace_changed = setting_changed;
}

/* ----- choosing ----- */

/*
 * Whether an operation is for shared memory, chosen with what has chosen it
 * before.
 */
static bool
is_sampled(int every)
{
	int			of = cs_trace_log_sample / every;

	return cs_trace_log_sample > 0 && cs_trace_log_size > 0 &&
		(of <= 1 || pg_prng_uint64_range(&pg_global_prng_state, 1, of) == 1);
}

static bool for_log;
static bool for_session;

/*
 * Whether an operation is traced, and where; see cs_trace_wants().  A session
 * is not told what a function does that runs as another role.
 */
bool
cs_trace_choose(int every)
{
	for_log = is_sampled(every);
	for_session = cs_trace && GetUserId() == GetOuterUserId();
	return for_log || for_session;
}

/* ----- emitting ----- */

static void
copy_text(char *to, Size size, const char *from)
{
	if (from == NULL)
		from = "";
	memset(to, 0, size);
	memcpy(to, from, pg_mbcliplen(from, strlen(from), size - 1));
}

static void
put_entry(const CsTraced *traced)
{
	CsTraceEntry new;
	CsSharedTraceEntry *place;

	new.number = pg_atomic_fetch_add_u64(&shared->n, 1) + 1;
	new.time = GetCurrentTimestamp();
	new.pid = MyProcPid;
	new.database = MyDatabaseId;
	new.role = GetUserId();
	new.nanos = traced->nanos;
	copy_text(new.strategy, sizeof(new.strategy), traced->strategy);
	copy_text(new.object, sizeof(new.object), traced->object);
	copy_text(new.key, sizeof(new.key), traced->key);
	copy_text(new.operation, sizeof(new.operation), traced->operation);
	copy_text(new.outcome, sizeof(new.outcome), traced->outcome);
	copy_text(new.reason, sizeof(new.reason), traced->reason);
	place = &shared->ring[new.number % cs_trace_log_size];
	SpinLockAcquire(&place->lock);
	if (place->entry.number < new.number)
		place->entry = new;
	SpinLockRelease(&place->lock);
}

static void
notify(const CsTraced *traced)
{
	ereport(NOTICE,
			(errmsg_internal("cache: %s %s%s%s under %s: %s%s%s",
							 traced->operation, traced->object,
							 traced->key != NULL ? " " : "",
							 traced->key != NULL ? traced->key : "",
							 traced->strategy, traced->outcome,
							 traced->reason != NULL ? ", " : "",
							 traced->reason != NULL ? traced->reason : ""),
			 traced->nanos >= 0 ?
			 errdetail_internal("It took %.3f ms.", (double) traced->nanos / 1000000) : 0,
			 errhidestmt(true), errhidecontext(true)));
}

/*
 * Trace an operation for which cs_trace_wants() was true.
 */
void
cs_trace_emit(const CsTraced *traced)
{
	if (for_log)
		put_entry(traced);
	if (for_session && !traced->hidden)
		notify(traced);
}

/*
 * Copy the entry at a place of the ring; returns false if there is none.
 */
bool
cs_trace_read(int n, CsTraceEntry *entry)
{
	CsSharedTraceEntry *place = &shared->ring[n];

	SpinLockAcquire(&place->lock);
	*entry = place->entry;
	SpinLockRelease(&place->lock);
	return entry->number != 0;
}
