/*-------------------------------------------------------------------------
 *
 * rounds.c
 *		Rounds: work in a database that is done a little at a time.
 *
 * Loading saved keys (reload.c) takes long, and the auditor (audit.c) has no
 * end.  A worker that stayed connected would keep CREATE DATABASE from using
 * the database as a template, and DROP DATABASE waiting.  So the work is
 * divided into rounds.  Each is a worker of its own that connects, does a
 * limited amount, reports how far it has got, and ends after MAX_ROUND_MS,
 * when what it has begun is done.  The launcher starts one at a time, so all
 * rounds together take one of max_worker_processes.  The audit waits until all
 * saved keys are loaded.
 *
 * Shared memory has the round that is running.  The launcher writes it before
 * the worker is started and reads it after the worker has ended; in between it
 * is the worker's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "bgworker/launcher.h"
#include "bgworker/reload.h"
#include "bgworker/rounds.h"
#include "guc.h"
#include "store/clock.h"
#include "store/slot.h"
#include "store/staged.h"
#include "xact/attempt.h"

#define RELOAD_PAUSE_MS	1000
#define AUDIT_PAUSE_MS	2000	/* from one round of a database to the next */
#define RETRY_MS		5000	/* when no worker could be registered */
#define MAX_ROUND_MS	2000	/* DROP DATABASE waits five seconds */

#define FOREVER			PG_INT64_MAX

typedef struct CsSharedRound
{
	CsRound		round;			/* no lock; written by one process at a time,
								 * see above */
} CsSharedRound;

/* How far the auditor has got in a database.  Local to the launcher. */
typedef struct Audit
{
	Oid			database;
	uint64		place;
} Audit;

static CsSharedRound *shared;

static BackgroundWorkerHandle *running = NULL;
static Oid	running_in;
static bool reloading;			/* it loads saved keys */
static TimestampTz next_reload = 0;
static Audit *audits = NULL;
static int	naudits = 0;
static Oid	last_audited = InvalidOid;
static TimestampTz next_cycle = 0;
static bool complained = false;
static TimestampTz end_of_round;

Size
cs_rounds_shmem_size(void)
{
	return sizeof(CsSharedRound);
}

void
cs_rounds_shmem_init(void)
{
	bool		found;

	shared = ShmemInitStruct("cache_strategies round", cs_rounds_shmem_size(), &found);
	if (!found)
		memset(shared, 0, sizeof(CsSharedRound));
}

/* ----- in the launcher ----- */

/*
 * How far the auditor has got in a database; it begins anywhere.
 */
static Audit *
audit_of(Oid database)
{
	for (int i = 0; i < naudits; i++)
		if (audits[i].database == database)
			return &audits[i];
	audits = audits == NULL ? MemoryContextAlloc(TopMemoryContext, sizeof(Audit)) :
		repalloc(audits, (naudits + 1) * sizeof(Audit));
	audits[naudits].database = database;
	audits[naudits].place = pg_prng_uint64_range(&pg_global_prng_state, 0,
												 cs_store_places() - 1);
	return &audits[naudits++];
}

static void
forget_audit(Oid database)
{
	for (int i = 0; i < naudits; i++)
		if (audits[i].database == database)
			audits[i] = audits[--naudits];
}

/*
 * The database after this one whose tables have entries; InvalidOid if there
 * is none.
 */
static Oid
next_database(Oid after)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(InvalidOid, slots);
	Oid			next = InvalidOid;

	for (int i = 0; i < n; i++)
	{
		CsUsage		usage;
		Oid			database;

		cs_store_usage((uint32) slots[i], &usage);
		if (usage.entries == 0 || !OidIsValid(cs_slot_relation(slots[i], &database)))
			continue;
		if (database > after && (!OidIsValid(next) || database < next))
			next = database;
	}
	pfree(slots);
	return next;
}

static void
complain(void)
{
	if (!complained)
		ereport(LOG,
				(errmsg("could not start a worker that loads or compares cached rows"),
				 errhint("You might need to increase max_worker_processes.")));
	complained = true;
}

/* Start a round.  Returns false if no worker can be registered. */
static bool
start_round(Oid database, const char *function, const char *kind)
{
	running = cs_launcher_register(database, function, kind, ObjectIdGetDatum(database));
	if (running == NULL)
	{
		complain();
		return false;
	}
	complained = false;
	running_in = database;
	return true;
}

/*
 * Take what the round that has ended reports.
 */
static void
take_report(void)
{
	pfree(running);
	running = NULL;
	if (reloading)
		cs_reload_ended(&shared->round);
	else
		audit_of(running_in)->place = shared->round.position;
}

/*
 * Start loading the next saved keys, if that is due.  Returns when to look
 * again.
 */
static TimestampTz
see_to_reload(TimestampTz now)
{
	Oid			database;

	if (next_reload > now)
		return next_reload;
	memset(&shared->round, 0, sizeof(CsRound));
	database = cs_reload_next(&shared->round);
	if (!cs_launcher_database_exists(database))
	{
		cs_reload_skip();
		return now;
	}
	shared->round.limit = Max((int64) cs_reload_rate * RELOAD_PAUSE_MS / 1000, 1);
	next_reload = TimestampTzPlusMilliseconds(now, RELOAD_PAUSE_MS);
	reloading = true;
	if (start_round(database, "cs_reload_main", "loader"))
		return FOREVER;
	return TimestampTzPlusMilliseconds(now, RETRY_MS);
}

/* Start the next audit that is due.  Returns when to look again. */
static TimestampTz
see_to_audit(TimestampTz now)
{
	Oid			database;

	if (cs_audit_rate == 0)
		return FOREVER;
	if (next_cycle > now)
		return next_cycle;
	database = next_database(last_audited);
	if (!OidIsValid(database))
	{
		last_audited = InvalidOid;
		next_cycle = TimestampTzPlusMilliseconds(now, AUDIT_PAUSE_MS);
		return next_cycle;
	}
	last_audited = database;
	if (!cs_launcher_database_exists(database))
	{
		forget_audit(database);
		return now;
	}
	memset(&shared->round, 0, sizeof(CsRound));
	reloading = false;
	shared->round.position = audit_of(database)->place;
	shared->round.limit = (int64) cs_audit_rate * AUDIT_PAUSE_MS / 1000;
	if (start_round(database, "cs_audit_main", "auditor"))
		return FOREVER;
	return TimestampTzPlusMilliseconds(now, RETRY_MS);
}

/*
 * Start the next round that is due, unless one is running.  Returns when to
 * look again.  The end of a round wakes the launcher.
 */
TimestampTz
cs_rounds_see_to(void)
{
	pid_t		pid;

	if (running != NULL)
	{
		if (GetBackgroundWorkerPid(running, &pid) != BGWH_STOPPED)
			return FOREVER;
		take_report();
	}
	if (cs_reload_is_pending())
		return see_to_reload(cs_clock_steady());
	return see_to_audit(cs_clock_steady());
}

/* ----- in the worker ----- */

/*
 * Connect to the database for a round.
 */
void
cs_rounds_connect(Oid database)
{
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	cs_attempt_set_options();
}

void
cs_rounds_begin(CsRound *round)
{
	*round = shared->round;
	end_of_round = TimestampTzPlusMilliseconds(cs_clock_steady(), MAX_ROUND_MS);
}

/*
 * Report how far the round has got.
 */
void
cs_rounds_report(const CsRound *round)
{
	shared->round = *round;
}

/*
 * Whether the round has to end, whatever it has done.
 */
bool
cs_rounds_is_over(void)
{
	return ShutdownRequestPending || cs_clock_steady() >= end_of_round;
}
