/*-------------------------------------------------------------------------
 *
 * space_trigger.c
 *		The trigger of cache.spaces and cache.space_grants.
 *
 * However these tables are changed, all sessions are notified, and dropped
 * spaces lose their keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "kv/space.h"
#include "kv/spacedrop.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_spaces_changed);

static Oid
id_of(TupleTableSlot *row)
{
	bool		isnull;

	return DatumGetObjectId(slot_getattr(row, 1, &isnull));
}

/*
 * Note which spaces a change of cache.spaces has created or dropped.
 */
static void
note_spaces(TriggerData *trigdata)
{
	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		cs_spacedrop_dropped(InvalidOid);
	else if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		cs_spacedrop_created(id_of(trigdata->tg_trigslot));
	else if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		cs_spacedrop_dropped(id_of(trigdata->tg_trigslot));
	else if (id_of(trigdata->tg_trigslot) != id_of(trigdata->tg_newslot))
	{
		cs_spacedrop_dropped(id_of(trigdata->tg_trigslot));
		cs_spacedrop_created(id_of(trigdata->tg_newslot));
	}
}

/*
 * Trigger function cache.spaces_changed().
 */
Datum
cs_spaces_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s must be called as a trigger", "cache.spaces_changed")));
	/* otherwise no session has read anything */
	if (!cs_shmem_ready())
		return PointerGetDatum(NULL);
	cs_space_changed();
	if (RelationGetRelid(trigdata->tg_relation) == cs_space_catalog())
		note_spaces(trigdata);
	return PointerGetDatum(NULL);
}
