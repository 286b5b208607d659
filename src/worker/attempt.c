/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		What the flush worker tries, and what it does when that fails.
 *
 * Whatever it does is a transaction of its own, so that an error undoes that
 * and nothing else, and the process goes on.  The error is logged, but the same
 * one only once in a while, as what has failed will often fail again; and it is
 * tried again after a delay that grows.
 *
 * What has gone wrong is kept by whoever tries, one CsTrouble for each thing
 * that can fail by itself: the troubles of one table do not delay another.
 *
 * Everything here is process-local, and no lock is held between attempts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "txn/txn.h"
#include "worker/attempt.h"

#define MIN_DELAY_MS	100		/* after an error */
#define MAX_DELAY_MS	30000
#define LOG_AGAIN_MS	60000	/* the same error */

volatile sig_atomic_t cs_attempt_busy = false;

ErrorData *
cs_attempt_make(CsAttempt work, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	cs_attempt_busy = true;
	SetCurrentStatementStartTimestamp();
	PG_TRY();
	{
		StartTransactionCommand();
		cs_txn_note_use();
		PushActiveSnapshot(GetTransactionSnapshot());
		work(arg);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	cs_attempt_busy = false;
	MemoryContextSwitchTo(caller);
	return error;
}

static void
log_error(CsTrouble *t, const char *table, const ErrorData *error)
{
	TimestampTz now = GetCurrentTimestamp();

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

/* Tables that fail together are not to be tried together for ever. */
static void
back_off(CsTrouble *t)
{
	double		part = 0.5 + 0.5 * pg_prng_double(&pg_global_prng_state);

	t->delay = Min(Max(t->delay * 2, MIN_DELAY_MS), MAX_DELAY_MS);
	t->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												(int64) (t->delay * part));
}

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
	return t->not_before > GetCurrentTimestamp();
}

bool
cs_attempt_common(CsAttempt work, CsTrouble *t)
{
	ErrorData  *error = cs_attempt_make(work, NULL);

	if (error == NULL)
		cs_attempt_went_well(t);
	else
		cs_attempt_failed(t, NULL, error);
	return error == NULL;
}
