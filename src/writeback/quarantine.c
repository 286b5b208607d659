/*-------------------------------------------------------------------------
 *
 * quarantine.c
 *		Tables whose flush takes too long, each flushed by a process of its own.
 *
 * A flush runs the table's triggers, which may take any time.  The flush worker
 * of a database gives each attempt cache_strategies.worker_timeout; a table that
 * exceeds it is quarantined: from then on it is flushed by a process that is
 * started for one attempt, with more time, and no other table waits for it.
 * When an attempt succeeds in less than the ordinary time, the quarantine ends.
 * It ends as well when the slot goes to another table.
 *
 * A trigger can catch the cancellation and go on.  Then the process is ended,
 * and what it was doing is found in "attempt" by the next one.
 *
 * Shared: one element per slot, of atomics, each of which stands for itself.
 * They are written by the database's flush worker, by the process that makes an
 * attempt, and by the launcher; a value that is old costs an attempt in the
 * wrong process and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "store/queue.h"
#include "writeback/quarantine.h"

#define MIN_DELAY_MS	1000
#define MAX_DELAY_MS	300000

typedef struct CsSharedQuarantine
{
	pg_atomic_uint32 attempt;	/* the table that is being worked on; 0: none */
	pg_atomic_uint32 relation;	/* that is quarantined; 0: none */
	pg_atomic_uint32 owner;		/* its owner */
	pg_atomic_uint32 asked;		/* 1: a process is asked for */
	pg_atomic_uint32 delay;		/* ms, after the last failure */
	pg_atomic_uint64 not_before;	/* a TimestampTz */
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

void
cs_quarantine_begin(int slot, Oid relid)
{
	pg_atomic_write_u32(&elements[slot].attempt, relid);
}

void
cs_quarantine_end(int slot)
{
	pg_atomic_write_u32(&elements[slot].attempt, InvalidOid);
}

bool
cs_quarantine_was_interrupted(int slot, Oid relid)
{
	return pg_atomic_read_u32(&elements[slot].attempt) == relid;
}

/* ----- quarantine ----- */

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

/*
 * An attempt in a process of its own is due; the launcher is woken.
 */
void
cs_quarantine_ask(int slot)
{
	if (pg_atomic_exchange_u32(&elements[slot].asked, 1) == 0)
		cs_queue_wake_launcher();
}

bool
cs_quarantine_is_asked(int slot, Oid *relid, Oid *owner)
{
	CsSharedQuarantine *e = &elements[slot];

	*relid = pg_atomic_read_u32(&e->relation);
	*owner = pg_atomic_read_u32(&e->owner);
	return OidIsValid(*relid) && pg_atomic_read_u32(&e->asked) != 0;
}

void
cs_quarantine_taken(int slot)
{
	pg_atomic_exchange_u32(&elements[slot].asked, 0);
}

void
cs_quarantine_failed(int slot)
{
	CsSharedQuarantine *e = &elements[slot];
	uint32		delay = pg_atomic_read_u32(&e->delay);

	delay = Min(Max(delay * 2, MIN_DELAY_MS), MAX_DELAY_MS);
	pg_atomic_write_u32(&e->delay, delay);
	pg_atomic_write_u64(&e->not_before,
						(uint64) TimestampTzPlusMilliseconds(GetCurrentTimestamp(), delay));
}

TimestampTz
cs_quarantine_not_before(int slot)
{
	return (TimestampTz) pg_atomic_read_u64(&elements[slot].not_before);
}
