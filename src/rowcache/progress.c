/*-------------------------------------------------------------------------
 *
 * progress.c
 *		Progress of cache.warm(), cache.verify() and the loading of saved keys,
 *		for the view cache.progress.
 *
 * Shared memory holds one record for each process that can run it, indexed by
 * the number of its PGPROC.  A record is written only by its process.  All
 * fields are protected by the record's spinlock, which is held while a few
 * words are copied.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "rowcache/progress.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_warm_progress);

typedef struct Progress
{
	int			pid;			/* 0 if nothing is running */
	Oid			database;
	Oid			role;
	Oid			relation;
	char		phase[32];
	int64		total;
	int64		done;
	int64		filled;
	TimestampTz started;
} Progress;

typedef struct CsSharedProgress
{
	slock_t		mutex;			/* protects the following */
	Progress	progress;		/* spinlock; written by one process, which
								 * reads it without */
} CsSharedProgress;

static CsSharedProgress *places;

/* Number of records, one for each PGPROC of an ordinary backend. */
static int
n_places(void)
{
	return MaxBackends + NUM_AUXILIARY_PROCS;
}

Size
cs_progress_shmem_size(void)
{
	return mul_size(n_places(), sizeof(CsSharedProgress));
}

void
cs_progress_shmem_init(void)
{
	bool		found;

	places = ShmemInitStruct("cache_strategies progress", cs_progress_shmem_size(),
							 &found);
	if (found)
		return;
	memset(places, 0, cs_progress_shmem_size());
	for (int i = 0; i < n_places(); i++)
		SpinLockInit(&places[i].mutex);
}

/* ----- reporting ----- */

static CsSharedProgress *
my_place(void)
{
	int			n = cs_my_procno();

	Assert(n >= 0 && n < n_places());
	return &places[n];
}

/*
 * Write this process's record.
 */
static void
set_progress(const Progress *progress)
{
	CsSharedProgress *place = my_place();

	SpinLockAcquire(&place->mutex);
	place->progress = *progress;
	SpinLockRelease(&place->mutex);
}

/*
 * Start reporting; 'total' is an estimate, 0 if unknown.
 */
void
cs_progress_start(Oid relation, const char *phase, int64 total)
{
	cs_progress_start_in(MyDatabaseId, relation, phase, total);
}

/*
 * The same for a process that has work done in another database; without a
 * table if 'relation' is InvalidOid.
 */
void
cs_progress_start_in(Oid database, Oid relation, const char *phase, int64 total)
{
	Progress	progress = {
		.pid = MyProcPid,
		.database = database,
		.role = GetSessionUserId(),
		.relation = relation,
		.total = total,
		.started = GetCurrentTimestamp()
	};

	strlcpy(progress.phase, phase, sizeof(progress.phase));
	set_progress(&progress);
}

/*
 * Report a new phase.  This process is the only writer, so it reads without
 * the lock.
 */
void
cs_progress_phase(const char *phase)
{
	Progress	progress = my_place()->progress;

	strlcpy(progress.phase, phase, sizeof(progress.phase));
	set_progress(&progress);
}

/* Report that so many more rows were visited, and so many of them filled. */
void
cs_progress_advance(int64 rows, int64 filled)
{
	Progress	progress = my_place()->progress;

	progress.done += rows;
	progress.filled += filled;
	set_progress(&progress);
}

/*
 * Stop reporting.  Idempotent; safe in error cleanup and at exit.
 */
void
cs_progress_end(void)
{
	Progress	nothing = {0};

	set_progress(&nothing);
}

/* ----- viewing ----- */

enum
{
	Anum_pid,
	Anum_relation,
	Anum_phase,
	Anum_rows_total,
	Anum_rows_done,
	Anum_rows_filled,
	Anum_started,
	Natts_progress
};

/*
 * As the pg_stat_progress views: a role sees only the pid of other roles'
 * sessions.
 */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), role);
}

static void
put_row(ReturnSetInfo *rsinfo, const Progress *progress)
{
	Datum		values[Natts_progress] = {0};
	bool		nulls[Natts_progress];

	memset(nulls, !may_see(progress->role), sizeof(nulls));
	nulls[Anum_pid] = false;
	values[Anum_pid] = Int32GetDatum(progress->pid);
	values[Anum_relation] = ObjectIdGetDatum(progress->relation);
	if (!OidIsValid(progress->relation))
		nulls[Anum_relation] = true;
	values[Anum_phase] = CStringGetTextDatum(progress->phase);
	values[Anum_rows_total] = Int64GetDatum(progress->total);
	if (progress->total == 0)
		nulls[Anum_rows_total] = true;
	values[Anum_rows_done] = Int64GetDatum(progress->done);
	values[Anum_rows_filled] = Int64GetDatum(progress->filled);
	values[Anum_started] = TimestampTzGetDatum(progress->started);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * The function behind cache.progress.
 */
Datum
cs_warm_progress(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n_places(); i++)
	{
		Progress	progress;

		SpinLockAcquire(&places[i].mutex);
		progress = places[i].progress;
		SpinLockRelease(&places[i].mutex);
		if (progress.pid != 0 && progress.database == MyDatabaseId)
			put_row((ReturnSetInfo *) fcinfo->resultinfo, &progress);
	}
	return (Datum) 0;
}
