/*-------------------------------------------------------------------------
 *
 * quarantine.c
 *		Quarantine: tables whose flush takes too long are flushed by a separate
 *		process.
 *
 * A flush runs the table's triggers, which may take any time.  The flush
 * worker of a database gives each attempt cache_strategies.worker_timeout.  A
 * table that exceeds it is quarantined: it is then flushed by a process that
 * is started for one attempt, with more time, and no other table waits for it.
 * When an attempt succeeds within the ordinary time, or the slot goes to
 * another table, the quarantine ends.
 *
 * A trigger can catch the cancellation and continue.  Then the process is
 * ended, and the next one finds in "attempt" what it was doing.
 *
 * Shared memory holds one element per slot, consisting of atomics that are
 * independent of each other.  They are written by the database's flush worker,
 * by the process that makes an attempt, and by the launcher.  A stale value
 * can only cause an attempt in the wrong process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "store/clock.h"
#include "store/queue.h"
#include "writeback/quarantine.h"

#define MIN_DELAY_MS	1000
#define MAX_DELAY_MS	300000

typedef struct CsSharedQuarantine
{
	pg_atomic_uint32 attempt;	/* atomic; the table being flushed, 0 if none */
	pg_atomic_uint32 relation;	/* atomic; the quarantined table, 0 if none */
	pg_atomic_uint32 owner;		/* atomic; its owner */
	pg_atomic_uint32 asked;		/* atomic; 1 if a process is requested */
	pg_atomic_uint32 delay;		/* atomic; milliseconds, after the last
								 * failure */
	pg_atomic_uint64 not_before;	/* atomic; a TimestampTz */
} CsSharedQuarantine;

static CsSharedQuarantine *elements;

Size
cs_quarantine_shmem_size(void)
{
	return mul_size(cs_max_tables, sizeof(CsSharedQuarantine));
}

void
cs_quarantine_shmem_init(void)
{
	bool		found;

	elements = ShmemInitStruct("cache_strategies quarantine", cs_quarantine_shmem_size(),
							   &found);
	if (found)
		return;
	for (int i = 0; i < cs_max_tables; i++)
	{
		CsSharedQuarantine *e = &elements[i];

		pg_atomic_init_u32(&e->attempt, InvalidOid);
		pg_atomic_init_u32(&e->relation, InvalidOid);
		pg_atomic_init_u32(&e->owner, InvalidOid);
		pg_atomic_init_u32(&e->asked, 0);
		pg_atomic_init_u32(&e->delay, 0);
		pg_atomic_init_u64(&e->not_before, 0);
	}
}

/* ----- attempts ----- */

/*
 * Note that the flush worker is about to work on the table.
 */
void
cs_quarantine_begin(int slot, Oid relid)
{
	pg_atomic_write_u32(&elements[slot].attempt, relid);
}

/*
 * Note that the attempt has ended.
 */
void
cs_quarantine_end(int slot)
{
	pg_atomic_write_u32(&elements[slot].attempt, InvalidOid);
}

/*
 * Whether the process that worked on the table did not survive the attempt.
 */
bool
cs_quarantine_was_interrupted(int slot, Oid relid)
{
	return pg_atomic_read_u32(&elements[slot].attempt) == relid;
}

/* ----- quarantine ----- */

/*
 * Quarantine a table.  Of the tables of one owner, one at a time gets a
 * process.
 */
void
cs_quarantine_add(int slot, Oid relid, Oid owner)
{
	CsSharedQuarantine *e = &elements[slot];

	pg_atomic_write_u32(&e->owner, owner);
	pg_atomic_write_u32(&e->asked, 0);
	pg_atomic_write_u32(&e->delay, 0);
	pg_atomic_exchange_u32(&e->relation, relid);
	cs_quarantine_failed(slot);
}

/*
 * End the quarantine.
 */
void
cs_quarantine_lift(int slot)
{
	pg_atomic_exchange_u32(&elements[slot].relation, InvalidOid);
}

bool
cs_quarantine_has(int slot, Oid relid)
{
	return pg_atomic_read_u32(&elements[slot].relation) == relid;
}

/* Request an attempt in a separate process; wakes the launcher. */
void
cs_quarantine_ask(int slot)
{
	if (pg_atomic_exchange_u32(&elements[slot].asked, 1) == 0)
		cs_queue_wake_launcher();
}

/*
 * For the launcher: whether an attempt is requested, and for which table.
 */
bool
cs_quarantine_is_asked(int slot, Oid *relid, Oid *owner)
{
	CsSharedQuarantine *e = &elements[slot];

	*relid = pg_atomic_read_u32(&e->relation);
	*owner = pg_atomic_read_u32(&e->owner);
	return OidIsValid(*relid) && pg_atomic_read_u32(&e->asked) != 0;
}

/*
 * For the launcher: the request is being served.
 */
void
cs_quarantine_taken(int slot)
{
	pg_atomic_exchange_u32(&elements[slot].asked, 0);
}

/*
 * Note that an attempt has failed: the delay to the next one is doubled.
 */
void
cs_quarantine_failed(int slot)
{
	CsSharedQuarantine *e = &elements[slot];
	uint32		delay = pg_atomic_read_u32(&e->delay);

	delay = Min(Max(delay * 2, MIN_DELAY_MS), MAX_DELAY_MS);
	pg_atomic_write_u32(&e->delay, delay);
	pg_atomic_write_u64(&e->not_before,
						(uint64) TimestampTzPlusMilliseconds(cs_clock_steady(), delay));
}

/*
 * Earliest time of the next attempt.
 */
TimestampTz
cs_quarantine_not_before(int slot)
{
	return (TimestampTz) pg_atomic_read_u64(&elements[slot].not_before);
}
