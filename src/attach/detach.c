/*-------------------------------------------------------------------------
 *
 * detach.c
 *		SQL function cache.detach().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "attach/detach.h"
#include "compat.h"
#include "relation/catalog.h"
#include "relation/owned.h"
#include "relation/tracked.h"
#include "relation/triggers.h"
#include "shmem.h"
#include "writeback/commitepoch.h"
#include "writeback/deferred.h"
#include "writeback/flush.h"
#include "writeback/journal.h"
#include "writeback/journalread.h"
#include "writeback/state.h"
#include "writeback/xactdelta.h"

PG_FUNCTION_INFO_V1(cs_detach);

/*
 * Flush the deferred writes of a table, by its present options.  The caller
 * holds ShareRowExclusiveLock.
 */
void
cs_detach_flush(Oid relid)
{
	CsBinding  *binding = cs_binding_get(relid);

	if (binding == NULL || !cs_binding_defers(binding) || binding->slot < 0)
		return;
	if (cs_xactdelta_has_deferred(binding->slot))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("this transaction has deferred writes of table \"%s\" itself",
						binding->name),
				 errhint("Commit it first.")));
	/* a transaction that has changed rows can flush nothing */
	if (cs_xactdelta_has_cancels(binding->slot) && cs_state_is_open(binding->slot) &&
		!cs_deferred_any(binding->slot))
		return;
	if (!cs_state_is_open(binding->slot))
		cs_commitepoch_raise(cs_journalread_last());
	if (!cs_state_is_open(binding->slot) && cs_journalread_has_pending(relid))
		cs_flush_replay(relid);
	cs_flush_table(relid, false);
}

/*
 * Discard the deferred writes, including those in the journal.  The lock
 * prevents others from deferring.
 */
static void
discard_all(Oid relid)
{
	CsBinding  *binding = cs_binding_get(relid);

	if (binding != NULL && cs_binding_defers(binding) && binding->slot >= 0)
		cs_xactdelta_truncate(binding);
}

/*
 * Remove the table from cache.bindings, with its journal state and triggers.
 * Returns whether it was there.  The caller is connected to SPI.
 */
bool
cs_detach_forget(Oid relid, const char *qualified_name)
{
	CsCatalogQuery s = {.text = "DELETE FROM cache.binding_store WHERE relation OPERATOR(pg_catalog.=) $1"};

	cs_journal_forget(relid);
	cs_catalog_arg(&s, REGCLASSOID, ObjectIdGetDatum(relid), false);
	if (cs_catalog_change("binding_store", &s) == 0)
		return false;
	cs_triggers_drop(relid, qualified_name);
	return true;
}

/*
 * cache.detach(relation, discard)
 */
Datum
cs_detach(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *name;
	char	   *table;

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.detach()");
	PreventCommandIfReadOnly("cache.detach()");
	cs_flush_require_idle(relid);
	name = cs_owned_lock(relid);
	table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);

	SPI_connect();
	if (PG_GETARG_BOOL(1))
		discard_all(relid);
	else
		cs_detach_flush(relid);
	if (!cs_detach_forget(relid, table))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not attached to the cache", name),
				 errhint("Attached tables are in cache.bindings.")));
	cs_tracked_renew_triggers(relid, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}
