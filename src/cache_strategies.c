/*-------------------------------------------------------------------------
 *
 * cache_strategies.c
 *		Entry of the library.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "api/alter.h"
#include "api/guard.h"
#include "api/plan.h"
#include "api/scan.h"
#include "api/trigger.h"
#include "api/untyped.h"
#include "flush/own.h"
#include "flush/state.h"
#include "guc.h"
#include "kv/kv.h"
#include "observe/counters.h"
#include "shmem.h"
#include "store/slot.h"
#include "strategy/strategy.h"
#include "table/binding.h"
#include "table/ddl.h"
#include "table/track.h"
#include "txn/txn.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Loaded later than at server start there is no shared memory, and the SQL
 * functions say so.
 */
void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	cs_guc_define();
	cs_shmem_hook();
	cs_slot_taken_hook = cs_state_reset;
	cs_own_init();
	cs_kv_init();
	cs_space_init();
	cs_txn_init();
	cs_binding_init();
	cs_ddl_init();
	cs_track_init();
	cs_strategy_init();
	cs_counters_init();
	cs_worker_init();
	cs_guard_init();
	cs_alter_init();
	cs_trigger_init();
	cs_scan_init();
	cs_plan_init();
	cs_untyped_init();
}
