/*-------------------------------------------------------------------------
 *
 * bindings_trigger.c
 *		The trigger of cache.bindings: notifies all sessions of a change, and
 *		makes the launcher start a flush worker for tables that defer writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "attach/bindings_trigger.h"
#include "guc.h"
#include "relation/ddl.h"
#include "rowcache/trigger.h"
#include "shmem.h"
#include "store/slot.h"
#include "writeback/state.h"
#include "writeback/write_back.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_bindings_changed);

/* a table needs a flush worker when this is committed */
static bool worker_wanted = false;

/*
 * Transaction callback: request a flush worker for each table of the database.
 * A worker that has nothing to do ends.
 */
static void
want_worker(bool committed)
{
	for (int i = 0; committed && worker_wanted && i < cs_max_tables; i++)
	{
		Oid			database;

		if (OidIsValid(cs_slot_relation(i, &database)) && database == MyDatabaseId)
			cs_state_note_table(i, MyDatabaseId);
	}
	worker_wanted = false;
}

void
cs_bindings_trigger_init(void)
{
	cs_xact_at_end(want_worker);
}

/*
 * Invalidate the bindings of the table in a row.
 */
static void
tell_sessions(TupleTableSlot *row)
{
	bool		isnull;
	Oid			relid = DatumGetObjectId(slot_getattr(row, 1, &isnull));
	char	   *strategy;
	bool		defers;
	CsSlotDenial denial;
	int			slot;

	if (isnull || get_rel_relkind(relid) == '\0')
		return;
	strategy = TextDatumGetCString(slot_getattr(row, 2, &isnull));
	defers = strcmp(strategy, cs_write_back.name) == 0;
	CacheInvalidateRelcacheByRelid(relid);
	if (!cs_shmem_ready())
		return;
	/* other options may need other triggers */
	slot = defers ? cs_ddl_make_slot(relid, &denial) :
		cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);
	if (slot < 0)
		return;
	cs_xact_touch_table(slot, true);
	worker_wanted |= defers;
}

/*
 * Trigger function cache.bindings_changed().
 */
Datum
cs_bindings_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = cs_trigger_data(fcinfo, "cache.bindings_changed");

	tell_sessions(trigdata->tg_trigslot);
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		tell_sessions(trigdata->tg_newslot);
	return PointerGetDatum(NULL);
}
