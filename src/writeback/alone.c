/*-------------------------------------------------------------------------
 *
 * alone.c
 *		The process that makes one attempt to flush a quarantined table.
 *
 * The launcher starts it when the database's flush worker asks for it
 * (quarantine.c).  It has a longer time limit (flushtables.c), and SIGTERM
 * ends it at once: durable writes are in the journal, and volatile ones are
 * flushed once more by the flush worker when the server stops.
 *
 * Local to the process, except for its entry in the queue's list, by which
 * DROP DATABASE finds it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "store/queue.h"
#include "store/slot.h"
#include "writeback/alone.h"
#include "writeback/flushtables.h"
#include "xact/attempt.h"

static void
leave(int code, Datum arg)
{
	cs_queue_alone_leave();
}

/*
 * Main function; the argument is the table's slot.
 */
void
cs_alone_main(Datum arg)
{
	Oid			database;
	Oid			relid = cs_slot_relation(DatumGetInt32(arg), &database);
	MemoryContext scratch;

	if (!OidIsValid(relid))
		proc_exit(0);
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	before_shmem_exit(leave, (Datum) 0);
	if (!cs_queue_alone_enter(database))
		proc_exit(0);
	cs_attempt_set_options();
	scratch = AllocSetContextCreate(TopMemoryContext, "cache_strategies quarantined table",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	cs_flushtables_alone(relid);
	proc_exit(0);
}
