/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		Work that may fail: in a subtransaction, or in a transaction of the
 *		flush worker.
 *
 * Each attempt of the flush worker is a transaction of its own, so an error
 * undoes only that, and the process continues.  The error is logged, but the
 * same one only once in a while, as a failure will often repeat.  The next
 * attempt follows after a delay that grows.
 *
 * The caller keeps a CsTrouble for each thing that can fail individually, so
 * that the troubles of one table do not delay another.
 *
 * The work runs code of users: it may take any time, catch the cancellation
 * caused by a limit, take session locks and change settings.
 *
 * Everything here is local to the process, and no lock is held between
 * attempts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "store/clock.h"
#include "xact/attempt.h"
#include "xact/xact.h"

/*
 * A flush worker waits no longer than this for a lock.  It searches for
 * deadlocks early, so that the worker is cancelled rather than the
 * transactions that wait for it.
 */
#define LOCK_TIMEOUT	"1s"
#define DEADLOCK_TIMEOUT "100ms"

#define MIN_DELAY_MS	100		/* delay after an error */
#define MAX_DELAY_MS	30000
#define LOG_AGAIN_MS	60000	/* interval of logging the same error */

#define INSIST_MS		2000	/* from the cancellation to the end of the
								 * process */

volatile sig_atomic_t cs_attempt_busy = false;
volatile sig_atomic_t cs_attempt_timed_out = false;

static TimeoutId cancellation = MAX_TIMEOUTS;
static TimeoutId insistence;

/* ----- in a subtransaction ----- */

typedef struct Progress
{
	ProgressCommandType command;
	Oid			target;
	int64		param[PGSTAT_NUM_PROGRESS_PARAM];
} Progress;

static void
read_progress(Progress *progress)
{
	progress->command = PROGRESS_COMMAND_INVALID;
	if (MyBEEntry == NULL)
		return;
	progress->command = MyBEEntry->st_progress_command;
	progress->target = MyBEEntry->st_progress_command_target;
	for (int i = 0; i < PGSTAT_NUM_PROGRESS_PARAM; i++)
		progress->param[i] = MyBEEntry->st_progress_param[i];
}

/*
 * The end of any subtransaction by an error ends the report of progress, also
 * that of a COPY whose trigger has run a statement that was looked at.
 */
static void
restore_progress(const Progress *progress)
{
	if (progress->command == PROGRESS_COMMAND_INVALID)
		return;
	pgstat_progress_start_command(progress->command, progress->target);
	for (int i = 0; i < PGSTAT_NUM_PROGRESS_PARAM; i++)
		pgstat_progress_update_param(i, progress->param[i]);
}

/*
 * Execute work(arg) in a subtransaction, in the caller's memory context.
 *
 * Returns NULL on success.  On failure nothing is done, and the error is
 * returned in the caller's memory context.  Every error is returned: the
 * caller rethrows, with ReThrowError(), what it must not handle, such as a
 * cancellation.
 */
ErrorData *
cs_attempt_run(CsAttempt work, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	Progress	progress;

	read_progress(&progress);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		restore_progress(&progress);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

/* ----- limits ----- */

/* Timeout handler: cancel the work, as a cancel request does. */
static void
cancel_work(void)
{
	cs_attempt_timed_out = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* Timeout handler: end the process, as SIGTERM does. */
static void
end_process(void)
{
	InterruptPending = true;
	ProcDiePending = true;
	SetLatch(MyLatch);
}

/*
 * Start the time limit; 0 for none.
 */
static void
start_limit(int limit)
{
	EnableTimeoutParams timeouts[2] = {{0}};

	if (cancellation == MAX_TIMEOUTS)
	{
		cancellation = RegisterTimeout(USER_TIMEOUT, cancel_work);
		insistence = RegisterTimeout(USER_TIMEOUT, end_process);
	}
	cs_attempt_timed_out = false;
	if (limit == 0)
		return;
	timeouts[0].id = cancellation;
	timeouts[1].id = insistence;
	timeouts[0].type = timeouts[1].type = TMPARAM_AFTER;
	timeouts[0].delay_ms = limit;
	timeouts[1].delay_ms = limit + INSIST_MS;
	enable_timeouts(timeouts, 2);
}

/*
 * End the time limit.
 */
static void
end_limit(void)
{
	disable_timeout(cancellation, false);
	disable_timeout(insistence, false);
	QueryCancelPending = false;
}

/* Undo what a trigger may have left in the session, as DISCARD would. */
static void
reset_session(void)
{
	LockReleaseAll(USER_LOCKMETHOD, true);
	ResetAllOptions();
}

/*
 * Say in the error that the limit was exceeded.
 */
static void
explain_timeout(ErrorData *error, int limit)
{
	if (!cs_attempt_timed_out || error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return;
	error->message = psprintf("it took longer than %d ms", limit);
	error->hint = pstrdup("Look at the table's triggers and at locks on its rows, or increase cache_strategies.worker_timeout.");
}

/* ----- in a transaction ----- */

/*
 * Execute work(arg) in a transaction of its own, with an active snapshot.
 * Returns NULL on success, else the error, in the caller's memory context,
 * which must not be the transaction's.
 *
 * After 'limit' milliseconds (0 for no limit) the work is cancelled and
 * cs_attempt_timed_out is set; if it continues nevertheless, the process ends.
 * Session locks and settings that a trigger has left are reset.
 */
ErrorData *
cs_attempt_make(CsAttempt work, void *arg, int limit)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	cs_attempt_busy = true;
	SetCurrentStatementStartTimestamp();
	start_limit(limit);
	PG_TRY();
	{
		StartTransactionCommand();
		cs_xact_note_use();
		PushActiveSnapshot(GetTransactionSnapshot());
		work(arg);
		PopActiveSnapshot();
		CommitTransactionCommand();
		end_limit();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		end_limit();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		explain_timeout(error, limit);
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	reset_session();
	cs_attempt_busy = false;
	MemoryContextSwitchTo(caller);
	return error;
}

/*
 * Set the options of a session that flushes, after connecting to the database.
 * They override what is configured for the server or the database.
 */
void
cs_attempt_set_options(void)
{
	static const char *const options[][2] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"lock_timeout", LOCK_TIMEOUT},
		{"deadlock_timeout", DEADLOCK_TIMEOUT},
		{"statement_timeout", "0"},
		{"transaction_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},
	};
	char		most[16];

	for (int i = 0; i < lengthof(options); i++)
		/* older versions lack some of them */
		if (GetConfigOption(options[i][0], true, false) != NULL)
			SetConfigOption(options[i][0], options[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	/* a flush of many rows must not count as a change of the whole table */
	snprintf(most, sizeof(most), "%d", INT_MAX);
	SetConfigOption("cache_strategies.bulk_threshold", most, PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Log an error, unless the same one was logged recently.
 */
static void
log_error(CsTrouble *t, const char *table, const ErrorData *error)
{
	TimestampTz now = cs_clock_steady();

	if (error->sqlerrcode == t->code &&
		!TimestampDifferenceExceeds(t->logged, now, LOG_AGAIN_MS))
		return;
	t->code = error->sqlerrcode;
	t->logged = now;
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 table == NULL ? errmsg("could not look after deferred writes: %s", error->message) :
			 errmsg("could not flush deferred writes of table \"%s\": %s", table, error->message),
			 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			 error->hint != NULL ? errhint("%s", error->hint) : 0,
			 error->context != NULL ? errcontext_msg("%s", error->context) : 0));
}

/*
 * Compute when the next attempt may be made.  The delay is random, so that
 * tables that fail together are not always tried together.
 */
static void
back_off(CsTrouble *t)
{
	double		part = 0.5 + 0.5 * pg_prng_double(&pg_global_prng_state);

	t->delay = Min(Max(t->delay * 2, MIN_DELAY_MS), MAX_DELAY_MS);
	t->not_before = TimestampTzPlusMilliseconds(cs_clock_steady(),
												(int64) (t->delay * part));
}

/*
 * Log the error, unless the same one was logged recently, and delay the next
 * attempt.  'table' is the table's name, NULL if the attempt concerned no
 * single table.
 */
void
cs_attempt_failed(CsTrouble *t, const char *table, const ErrorData *error)
{
	log_error(t, table, error);
	back_off(t);
}

void
cs_attempt_went_well(CsTrouble *t)
{
	t->delay = 0;
	t->not_before = 0;
}

bool
cs_attempt_is_too_early(const CsTrouble *t)
{
	return t->not_before > cs_clock_steady();
}

/*
 * Attempt something that concerns no single table; returns false if it failed.
 */
bool
cs_attempt_common(CsAttempt work, CsTrouble *t)
{
	ErrorData  *error = cs_attempt_make(work, NULL, 0);

	if (error == NULL)
		cs_attempt_went_well(t);
	else
		cs_attempt_failed(t, NULL, error);
	return error == NULL;
}
