/*-------------------------------------------------------------------------
 *
 * track_sql.c
 *		SQL functions cache.track(), cache.untrack() and cache.tracking().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "attach/parts.h"
#include "attach/track_table.h"
#include "compat.h"
#include "relation/owned.h"
#include "relation/track.h"
#include "relation/tracked.h"
#include "relation/triggers.h"
#include "shmem.h"
#include "store/place.h"
#include "store/slot.h"
#include "xact/snapshot.h"

PG_FUNCTION_INFO_V1(cs_track);
PG_FUNCTION_INFO_V1(cs_untrack);
PG_FUNCTION_INFO_V1(cs_tracking);
PG_FUNCTION_INFO_V1(cs_watched_columns);

Datum
cs_track(PG_FUNCTION_ARGS)
{
	bool		by_value = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	cs_shmem_require();
	PreventCommandDuringRecovery("cache.track()");
	PreventCommandIfReadOnly("cache.track()");
	cs_track_table(PG_GETARG_OID(0), PG_ARGISNULL(1) ? NULL : &by_value, false);
	PG_RETURN_VOID();
}

/*
 * cache.untrack()
 */
Datum
cs_untrack(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *name;

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.untrack()");
	PreventCommandIfReadOnly("cache.untrack()");
	name = cs_owned_lock(relid);
	if (!cs_tracked_drop(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not tracked", name),
				 errhint("Tables that were tracked with cache.track() are in cache.tracked.")));
	cs_parts_renew(relid);
	cs_tracked_refuse(relid);
	PG_RETURN_VOID();
}

/* ----- cache.tracking() ----- */

static const char *
state_name(CsTracking state)
{
	switch (state)
	{
		case CS_TRACKING_YES:
			return "tracked";
		case CS_TRACKING_UNTRACKED:
			return "untracked";
		case CS_TRACKING_BLIND:
			return "blind";
		case CS_TRACKING_WRITERS:
			return "in flux";
		case CS_TRACKING_WHOLE:
			break;				/* of a column */
	}
	return "";
}

static const char *
state_reason(CsTracking state)
{
	switch (state)
	{
		case CS_TRACKING_YES:
			return "every change is noted";
		case CS_TRACKING_UNTRACKED:
			return "neither cache.track() nor cache.attach() was called for it";
		case CS_TRACKING_BLIND:
			return "its triggers are not all in force, or DDL is under way";
		case CS_TRACKING_WRITERS:
			return "a transaction that changes it is about to commit";
		case CS_TRACKING_WHOLE:
			break;
	}
	return "";
}

/*
 * Throw an error unless the current role may read the table: how often it
 * changes is not public.
 */
static void
check_may_watch(Oid relid)
{
	AclResult	result;

	if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return;
	result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (result != ACLCHECK_OK)
	{
		char	   *name = get_rel_name(relid);

		if (name == NULL)
			cs_owned_missing_error(relid);
		aclcheck_error(result, get_relkind_objtype(get_rel_relkind(relid)), name);
	}
}

/*
 * cache.tracking()
 */
Datum
cs_tracking(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};
	CsWatch		watch;
	CsTracking	state;
	char	   *problem = NULL;
	bool		mend;

	cs_shmem_require();
	if (get_rel_name(relid) == NULL)
		cs_owned_missing_error(relid);
	check_may_watch(relid);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	state = cs_track_watch(relid, &watch);
	/* the table may have been dropped while the watch waited for a lock */
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		cs_owned_missing_error(relid);
	if (state == CS_TRACKING_BLIND)
		problem = cs_triggers_problem(relid, false, &mend);
	values[0] = CStringGetTextDatum(state_name(state));
	values[1] = CStringGetTextDatum(problem != NULL ? problem : state_reason(state));
	values[2] = Int64GetDatum(state == CS_TRACKING_YES ? (int64) watch.version : 0);
	nulls[2] = state != CS_TRACKING_YES;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * What is watched shows which queries are asked; so only a role that may read
 * the table sees it.
 */
Datum
cs_watched_columns(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = PG_GETARG_OID(0);
	int			slot;

	cs_shmem_require();
	if (get_rel_name(relid) == NULL)
		cs_owned_missing_error(relid);
	check_may_watch(relid);
	InitMaterializedSRF(fcinfo, 0);
	slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);
	for (int i = 0; slot >= 0 && i < CS_N_PLACES; i++)
	{
		AttrNumber	column = cs_place_column(cs_place_read(slot, i));
		char	   *attname = column != 0 ? get_attname(relid, column, true) : NULL;
		NameData	name;
		Datum		values[2];
		bool		nulls[2] = {false};

		if (attname == NULL)
			continue;
		namestrcpy(&name, attname);
		values[0] = NameGetDatum(&name);
		values[1] = BoolGetDatum(cs_place_unsettled(slot, i) <
								 cs_snapshot_widen(GetActiveSnapshot()->xmin));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
