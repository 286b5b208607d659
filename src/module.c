/*-------------------------------------------------------------------------
 *
 * module.c
 *		Entry point of the library.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "attach/alter.h"
#include "attach/bindings_trigger.h"
#include "bgworker/launcher.h"
#include "bgworker/rounds.h"
#include "guc.h"
#include "kv/commitflag.h"
#include "kv/keylock.h"
#include "kv/kv.h"
#include "mergescan/mergelock.h"
#include "mergescan/mergepath.h"
#include "mergescan/mergestart.h"
#include "queryresult/conditions.h"
#include "queryresult/declared.h"
#include "queryresult/herd.h"
#include "queryresult/late.h"
#include "queryresult/leave_result.h"
#include "queryresult/plan_result.h"
#include "queryresult/tally.h"
#include "queryresult/worth.h"
#include "relation/binding.h"
#include "relation/ddl.h"
#include "relation/track.h"
#include "rowcache/atonce.h"
#include "rowcache/keyformat.h"
#include "rowcache/plainpath.h"
#include "rowcache/plan.h"
#include "rowcache/progress.h"
#include "rowcache/scan.h"
#include "rowcache/strategy.h"
#include "rowcache/untyped.h"
#include "rowcache/verified.h"
#include "shmem.h"
#include "signature.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/flight.h"
#include "store/history.h"
#include "store/keyhash.h"
#include "store/latency.h"
#include "store/miniature.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"
#include "store/trace.h"
#include "store/watchword.h"
#include "writeback/commitepoch.h"
#include "writeback/deferred.h"
#include "writeback/guard.h"
#include "writeback/quarantine.h"
#include "writeback/removal.h"
#include "writeback/state.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"
#include "xact/participant.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* A new strategy is a new file and a line here. */
static const CsStrategy *const strategies[] = {
	&cs_cache_aside,
	&cs_read_through,
	&cs_write_through,
	&cs_write_around,
	&cs_write_back,
	NULL
};

/* The parts of shared memory. */
static const CsShmemPart shmem_parts[] = {
	{cs_store_shmem_request, NULL, cs_store_shmem_init},
	{cs_slot_shmem_request, cs_slot_shmem_size, cs_slot_shmem_init},
	{cs_queue_shmem_request, cs_queue_shmem_size, cs_queue_shmem_init},
	{NULL, cs_clock_shmem_size, cs_clock_shmem_init},
	{NULL, cs_keyhash_shmem_size, cs_keyhash_shmem_init},
	{NULL, cs_stripe_shmem_size, cs_stripe_shmem_init},
	{NULL, cs_watchword_shmem_size, cs_watchword_shmem_init},
	{NULL, cs_place_shmem_size, cs_place_shmem_init},
	{NULL, cs_flight_shmem_size, cs_flight_shmem_init},
	{NULL, cs_snapshot_shmem_size, cs_snapshot_shmem_init},
	{NULL, cs_counters_shmem_size, cs_counters_shmem_init},
	{NULL, cs_latency_shmem_size, cs_latency_shmem_init},
	{NULL, cs_history_shmem_size, cs_history_shmem_init},
	{NULL, cs_trace_shmem_size, cs_trace_shmem_init},
	{cs_miniature_shmem_request, cs_miniature_shmem_size, cs_miniature_shmem_init},
	{NULL, cs_progress_shmem_size, cs_progress_shmem_init},
	{NULL, cs_verified_shmem_size, cs_verified_shmem_init},
	{NULL, cs_keyformat_shmem_size, cs_keyformat_shmem_init},
	{NULL, cs_rounds_shmem_size, cs_rounds_shmem_init},
	{NULL, cs_quarantine_shmem_size, cs_quarantine_shmem_init},
	{NULL, cs_deferred_shmem_size, cs_deferred_shmem_init},
	{NULL, cs_commitepoch_shmem_size, cs_commitepoch_shmem_init},
	{NULL, cs_state_shmem_size, cs_state_shmem_init},
	{NULL, cs_removal_shmem_size, cs_removal_shmem_init},
	{NULL, cs_commitflag_shmem_size, cs_commitflag_shmem_init},
	{NULL, cs_keylock_shmem_size, cs_keylock_shmem_init},
	{NULL, cs_tally_shmem_size, cs_tally_shmem_init},
	{NULL, cs_herd_shmem_size, cs_herd_shmem_init},
};

/* Counting is below the protocol, and cannot take part by itself. */
static const CsParticipant counters = {.before_marks = cs_counters_before_commit};

/*
 * Load the library.  If this is not done by shared_preload_libraries there is
 * no shared memory; the SQL functions then throw.
 */
void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	cs_guc_define();
	cs_shmem_hook(shmem_parts, lengthof(shmem_parts));
	cs_signature_init();
	cs_slot_taken_hook = cs_state_reset;
	cs_xactdelta_init();
	cs_kv_init();
	cs_space_init();
	cs_xact_init();
	cs_binding_init();
	cs_ddl_init();
	cs_track_init();
	cs_strategy_init(strategies);
	cs_xact_join(&counters);
	cs_xact_at_end(cs_flight_at_end);
	cs_xact_at_end(cs_counters_flush_if_due);
	cs_latency_init();
	cs_trace_init();
	cs_launcher_init();
	cs_guard_init();
	cs_alter_init();
	cs_bindings_trigger_init();
	cs_atonce_init();
	cs_scan_init();
	cs_plainpath_init();
	cs_mergepath_init();
	cs_mergestart_init();
	cs_mergelock_init();
	cs_plan_init();
	cs_conditions_init();
	cs_untyped_init();
	cs_declared_init();
	cs_plan_result_init();
	cs_late_init();
	cs_tally_init();
	cs_worth_init();
	cs_leave_result_init();
}
