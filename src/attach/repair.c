/*-------------------------------------------------------------------------
 *
 * repair.c
 *		Triggers that are no longer in force: warning about them, and restoring
 *		them.
 *
 * A table whose triggers do not see every change is bypassed, and its writes
 * are not deferred.  That is safe but slow, so the role that causes it gets a
 * WARNING.  ENABLE TRIGGER ALL, as used by fixtures and restores after DISABLE
 * TRIGGER ALL, leaves triggers ENABLE that were ENABLE ALWAYS; these are
 * restored at once.  When triggers are about to be disabled, deferred writes
 * are flushed first, because changes made without triggers would not cancel
 * them.  Everything else can be restored by cache.repair().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "attach/detach.h"
#include "attach/parts.h"
#include "attach/repair.h"
#include "compat.h"
#include "relation/attached.h"
#include "relation/owned.h"
#include "relation/owner.h"
#include "relation/tracked.h"
#include "relation/triggers.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/slot.h"
#include "writeback/flush.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"

PG_FUNCTION_INFO_V1(cs_repair);
PG_FUNCTION_INFO_V1(cs_binding_problem);

/* ----- warnings ----- */

typedef struct Note
{
	Oid			relid;
	bool		attached;		/* otherwise the table is tracked */
	char	   *problem;		/* NULL: none */
} Note;

/*
 * Before a relation is altered: append the tables that see changes of it,
 * including itself, with the problems of those that are attached or tracked.
 */
List *
cs_repair_note(List *notes, Oid relid)
{
	List	   *chain = list_make1_oid(relid);
	ListCell   *lc;

	if (get_rel_relispartition(relid))
		chain = list_concat(chain, get_partition_ancestors(relid));
	foreach(lc, chain)
	{
		bool		attached = cs_attached_is_listed(lfirst_oid(lc));
		bool		mend;
		Note	   *note;

		if (!attached && !cs_tracked_is_listed(lfirst_oid(lc)))
			continue;
		note = palloc(sizeof(Note));
		note->relid = lfirst_oid(lc);
		note->attached = attached;
		note->problem = cs_triggers_problem(note->relid, attached, &mend);
		notes = lappend(notes, note);
	}
	return notes;
}

/* "it is partitioned" -> "It is partitioned." */
static char *
sentence(const char *text)
{
	char	   *result = psprintf("%s.", text);

	result[0] = pg_toupper((unsigned char) result[0]);
	return result;
}

/*
 * Whether writes of the table are still deferred.  Inheritance children do not
 * prevent that: an UPDATE of them is not deferred.
 */
static bool
still_defers(Oid relid)
{
	CsBinding  *binding = cs_binding_get(relid);

	return binding != NULL && binding->nkeys > 0 && binding->slot >= 0 &&
		cs_triggers_settle(binding);
}

static void
warn(const Note *note, const char *problem, bool mend)
{
	CsOptions	options;
	char	   *name = get_rel_name(note->relid);
	bool		defers = note->attached && cs_attached_read(note->relid, &options) &&
	strcmp(options.strategy, cs_write_back.name) == 0 && !still_defers(note->relid);

	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 !note->attached ? errmsg("changes of table \"%s\" are no longer noted", name) :
			 defers ? errmsg("table \"%s\" is no longer read from the cache, and its writes are no longer deferred",
							 name) :
			 errmsg("table \"%s\" is no longer read from the cache", name),
			 errdetail_internal("%s", sentence(problem)),
			 mend ? errhint("cache.repair() puts its triggers in force again, as does ENABLE TRIGGER for one that is disabled.") : 0));
}

/*
 * After the relation was altered: a WARNING for each table that has a new
 * problem.
 */
void
cs_repair_warn(const List *notes)
{
	ListCell   *lc;

	foreach(lc, notes)
	{
		const Note *note = lfirst(lc);
		bool		mend;
		char	   *problem = cs_triggers_problem(note->relid, note->attached, &mend);

		if (problem != NULL && (note->problem == NULL || strcmp(problem, note->problem) != 0))
			warn(note, problem, mend);
	}
}

/* The reason why the table has no slot and cannot get one; otherwise NULL. */
static const char *
slot_problem(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;
	CsSlotDenial denial;

	/* no lock is held on the table, which may be dropped */
	if (!HeapTupleIsValid(tuple))
		return NULL;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid) >= 0)
		return NULL;
	denial = cs_slot_denies(owner, !superuser_arg(owner));
	return denial == CS_SLOT_GRANTED ? NULL : cs_slot_denial_text(denial);
}

/*
 * The problem of an attached table, for cache.bindings.
 */
Datum
cs_binding_problem(PG_FUNCTION_ARGS)
{
	bool		mend;
	const char *problem;

	/* cache.bindings can be read even so */
	if (!cs_shmem_ready())
		PG_RETURN_TEXT_P(cstring_to_text("cache_strategies is not preloaded"));
	if (!cs_attached_is_listed(PG_GETARG_OID(0)))
		PG_RETURN_NULL();
	problem = cs_triggers_problem(PG_GETARG_OID(0), true, &mend);
	if (problem == NULL)
		problem = slot_problem(PG_GETARG_OID(0));
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}

/* ----- before triggers are disabled ----- */

/*
 * Whether the table can be flushed: not if this transaction has deferred or
 * cancelled writes of it, nor under a transaction snapshot.
 */
static bool
can_flush(Oid relid)
{
	CsBinding  *binding = cs_binding_get(relid);

	return binding != NULL && cs_binding_defers(binding) && binding->slot >= 0 &&
		!cs_xactdelta_has_deferred(binding->slot) && !cs_xactdelta_has_cancels(binding->slot) &&
		!IsolationUsesXactSnapshot();
}

static void
flush_at(void *arg)
{
	cs_detach_flush(*(Oid *) arg);
}

/*
 * Flush deferred writes, if possible.  An error is reported as a WARNING.
 */
void
cs_repair_try_flush(Oid relid)
{
	if (can_flush(relid))
		(void) cs_flush_or_warn(relid, flush_at, &relid);
}

/*
 * Triggers are about to be disabled: flush deferred writes, if possible.  An
 * error of that is not an error of the command.
 */
void
cs_repair_flush(Oid relid)
{
	if (!cs_class_ownercheck(relid, GetUserId()))
		return;					/* the command will report it */
	LockRelationOid(relid, ShareRowExclusiveLock);
	cs_repair_try_flush(relid);
}

/* ----- restoring ----- */

static void
restore(Oid relid)
{
	CsAsOwner	saved;

	cs_owner_begin(&saved, cs_parts_owner(relid));
	(void) cs_triggers_restore(relid, cs_parts_name(relid));
	cs_owner_end(&saved);
}

/*
 * Triggers of this relation were enabled, but not ALWAYS: restore them, and
 * those of its partitions.
 */
void
cs_repair_restore(Oid relid)
{
	ListCell   *lc;

	/* in a restore, the row in cache.bindings may not be there yet */
	LockRelationOid(relid, ShareRowExclusiveLock);
	if (!cs_triggers_any(relid))
		return;
	SPI_connect();
	foreach(lc, cs_parts_list(relid, ShareRowExclusiveLock))
		restore(lfirst_oid(lc));
	SPI_finish();
}

/*
 * Drop and create all triggers of the table.
 */
static void
make_anew(Oid relid, bool attached)
{
	CsBinding  *binding = attached ? cs_strategy_require(relid) : NULL;
	char	   *table = cs_parts_name(relid);
	CsAsOwner	saved;

	SPI_connect();
	cs_owner_begin(&saved, cs_parts_owner(relid));
	if (binding != NULL)
	{
		cs_triggers_drop(relid, table);
		cs_triggers_create(binding);
	}
	cs_tracked_renew_triggers(relid, binding);
	cs_owner_end(&saved);
	SPI_finish();
}

/*
 * Throws if the table still has a problem.
 */
static void
check_mended(Oid relid, bool attached)
{
	bool		mend;
	char	   *problem = cs_triggers_problem(relid, attached, &mend);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cache.repair() cannot put table \"%s\" in order", get_rel_name(relid)),
				 errdetail_internal("%s", sentence(problem))));
}

/*
 * cache.repair(relation).
 */
Datum
cs_repair(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *name;
	bool		attached;
	bool		mend;

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.repair()");
	PreventCommandIfReadOnly("cache.repair()");
	name = cs_owned_lock(relid);
	attached = cs_attached_is_listed(relid);
	if (!attached && !cs_tracked_is_listed(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is neither attached to the cache nor tracked", name)));
	if (cs_triggers_problem(relid, attached, &mend) == NULL)
		PG_RETURN_BOOL(false);
	make_anew(relid, attached);
	CommandCounterIncrement();
	check_mended(relid, attached);
	PG_RETURN_BOOL(true);
}
