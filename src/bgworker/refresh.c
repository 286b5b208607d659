/*-------------------------------------------------------------------------
 *
 * refresh.c
 *		The refresh worker of one database: reloads entries before they expire.
 *
 * Each request is a transaction of its own.  It runs as the table's owner in a
 * security-restricted context, because the loader function is the owner's and
 * no session has called it.  A request that fails is logged and forgotten; the
 * entry then expires as it would without refresh-ahead.
 *
 * A loader function may take any time.  It is cancelled after
 * cache_strategies.worker_timeout.  Requests of its table are then skipped for
 * a minute, so that those of other tables are served.
 *
 * The worker ends when there has been nothing to do for IDLE_MS.  CREATE
 * DATABASE with this database as the template, ALTER DATABASE and similar
 * commands wait five seconds for other sessions to leave, so IDLE_MS must be
 * less.  DROP DATABASE sends SIGTERM (launcher.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "bgworker/refresh.h"
#include "compat.h"
#include "guc.h"
#include "relation/owner.h"
#include "rowcache/strategy.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/queue.h"
#include "xact/attempt.h"

#define IDLE_MS		3000
#define MAX_LEFT_OUT	32
#define LEFT_OUT_MS	60000

static MemoryContext scratch;	/* memory of one request */
static uint32 main_event = 0;	/* see cs_wait_event() */

/* an operation is in progress that may take long and must be interrupted */
static volatile sig_atomic_t busy = true;

/*
 * Signal handler for SIGTERM.
 */
static void
stop(SIGNAL_ARGS)
{
	if (busy)
		die(postgres_signal_arg);
	else
		SignalHandlerForShutdownRequest(postgres_signal_arg);
}

/* ----- one request ----- */

/*
 * Begin the access and lock the table.  The binding may change until the table
 * is locked.
 */
bool
cs_refresh_begin_access(CsAccess *access, CsBinding *binding)
{
	do
	{
		cs_access_begin(access, binding, GetActiveSnapshot());
		if (access->bypass != CS_HIT)
			return false;
		binding = access->binding;
		if (cs_access_lock(access))
			return true;
		binding = cs_binding_get(binding->relid);
	} while (binding != NULL && binding->nkeys > 0);
	return false;
}

/*
 * Reload one row, as the table's owner.
 */
static void
reload_as_owner(CsBinding *binding, const CsRefresh *request)
{
	CsAccess	access;
	CsAnswer	answer;
	CsRowKey	rowkey;

	if (!cs_binding_may_select(binding) || !cs_refresh_begin_access(&access, binding) ||
		!cs_key_decode(access.binding, request->key, request->keylen, &rowkey) ||
		rowkey.key.hash != request->hash)
		return;
	memset(&answer, 0, sizeof(answer));
	cs_access_load(&access, &rowkey, true, &answer);
	if (answer.fill == CS_FILL_DONE)
		cs_counters_add(access.binding->slot, CS_COUNT_REFRESH, 1);
}

/*
 * Switch to the table's owner, and reload.
 */
static void
reload(const CsRefresh *request)
{
	CsBinding  *binding = cs_binding_get(request->relation);
	CsAsOwner	saved;

	if (binding == NULL || binding->nkeys == 0 || binding->strategy == NULL ||
		binding->options.refresh_ahead <= 0)
		return;
	cs_owner_begin_loading(&saved, binding->owner, true);
	reload_as_owner(binding, request);
	cs_owner_end(&saved);
}

static void
reload_request(void *arg)
{
	reload(arg);
}

/* ----- loaders that hang ----- */

/* Tables whose requests are skipped until then; local to the process. */
static struct
{
	Oid			relation;
	TimestampTz until;
}			left_out[MAX_LEFT_OUT];

static bool
is_left_out(Oid relation)
{
	TimestampTz now = cs_clock_steady();

	for (int i = 0; i < MAX_LEFT_OUT; i++)
		if (left_out[i].relation == relation && left_out[i].until > now)
			return true;
	return false;
}

/* Skip requests of a table, in place of the entry that ends first. */
static void
leave_out(Oid relation)
{
	int			first = 0;

	for (int i = 1; i < MAX_LEFT_OUT; i++)
		if (left_out[i].until < left_out[first].until)
			first = i;
	left_out[first].relation = relation;
	left_out[first].until = TimestampTzPlusMilliseconds(cs_clock_steady(), LEFT_OUT_MS);
}

/* Execute a request in a transaction.  Returns false if it failed. */
static bool
try_request(CsRefresh *request)
{
	ErrorData  *error = cs_attempt_make(reload_request, request, cs_worker_timeout);

	if (error == NULL)
		return true;
	if (cs_attempt_timed_out)
		leave_out(request->relation);
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("could not refresh a cached row of the table with OID %u ahead of its expiry: %s",
					request->relation, error->message),
			 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			 error->hint != NULL ? errhint("%s", error->hint) : 0,
			 error->context != NULL ? errcontext_msg("%s", error->context) : 0));
	return false;
}

/* ----- the process ----- */

/*
 * Execute all requests of the database.
 */
static void
serve_all(Oid database)
{
	CsRefresh	request;

	while (!ShutdownRequestPending && cs_queue_take(database, &request))
	{
		busy = true;
		/* a signal just before this found us idle */
		if (ShutdownRequestPending)
			break;
		CHECK_FOR_INTERRUPTS();
		pgstat_report_activity(STATE_RUNNING, "refreshing cached rows");
		MemoryContextReset(scratch);
		if (!is_left_out(request.relation) && try_request(&request))
			cs_queue_done(&request);
		busy = false;
	}
	busy = false;
	cs_counters_flush();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
leave(int code, Datum arg)
{
	cs_queue_leave();
}

static void
set_up(Oid database)
{
	pqsignal(SIGTERM, stop);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	busy = false;
	before_shmem_exit(leave, (Datum) 0);
	if (!cs_queue_serve(database))
		proc_exit(0);
	/* serializable transactions do not fill */
	SetConfigOption("default_transaction_isolation", "read committed",
					PGC_SUSET, PGC_S_OVERRIDE);
	scratch = AllocSetContextCreate(TopMemoryContext, "cache_strategies worker",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
}

/*
 * Main function of the refresh worker.
 */
void
cs_refresh_main(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);
	int			events = WL_LATCH_SET;

	set_up(database);
	while (events & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending)
			break;
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		serve_all(database);
		events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						   IDLE_MS, cs_wait_event(&main_event, "CacheRefresherMain"));
	}
	proc_exit(0);
}
