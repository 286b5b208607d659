/*-------------------------------------------------------------------------
 *
 * flush_sql.c
 *		cache.flush().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guc.h"
#include "relation/attached.h"
#include "relation/owned.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "writeback/flush.h"
#include "writeback/state.h"

PG_FUNCTION_INFO_V1(cs_flush);

#define SHORT_MS	1000		/* time to wait for one of many tables */

/*
 * Flush one table, after waiting for its gate.
 */
static uint64
flush_one(CsBinding *binding, int patience)
{
	cs_flush_require_idle(binding->relid);
	if (!cs_state_is_open(binding->slot))
	{
		cs_state_note_table(binding->slot, MyDatabaseId);
		cs_state_wait_open(binding->slot, patience);
	}
	return cs_flush_table(binding->relid, false);
}

typedef struct OneOfMany
{
	CsBinding  *binding;
	uint64		rows;
} OneOfMany;

static void
flush_one_of_many(void *arg)
{
	OneOfMany  *one = arg;

	one->rows = flush_one(one->binding, SHORT_MS);
}

/*
 * Flush one of many tables.  An error is reported as a WARNING, so that the
 * others are flushed.  A table whose replay fails is not waited for.
 */
static uint64
flush_or_warn(CsBinding *binding)
{
	OneOfMany	one = {binding, 0};

	return cs_flush_or_warn(binding->relid, flush_one_of_many, &one) ? one.rows : 0;
}

/*
 * Whether the table can have deferred writes.
 */
static bool
is_deferring(const CsBinding *binding)
{
	return binding != NULL && binding->nkeys > 0 && cs_binding_defers(binding) &&
		binding->slot >= 0;
}

/*
 * Flush all tables of the current role.
 */
static uint64
flush_owned(void)
{
	uint64		rows = 0;
	ListCell   *lc;

	cs_flush_require_level();
	foreach(lc, cs_attached_deferring())
	{
		CsBinding  *binding;

		/* a table that is dropped meanwhile has nothing to flush */
		if (!cs_owned_is(lfirst_oid(lc)))
			continue;
		binding = cs_binding_get(lfirst_oid(lc));
		if (is_deferring(binding))
			rows += flush_or_warn(binding);
	}
	return rows;
}

/*
 * cache.flush(relation).
 */
Datum
cs_flush(PG_FUNCTION_ARGS)
{
	Oid			relid;
	CsBinding  *binding;
	uint64		rows = 0;

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.flush()");
	PreventCommandIfReadOnly("cache.flush()");
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(flush_owned());
	relid = PG_GETARG_OID(0);
	(void) cs_owned_check(relid);
	binding = cs_strategy_require(relid);
	if (is_deferring(binding))
		rows = flush_one(binding, cs_worker_timeout);
	/* dropped while waiting for its lock */
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		cs_owned_missing_error(relid);
	PG_RETURN_INT64(rows);
}
