/*-------------------------------------------------------------------------
 *
 * triggers_inforce.c
 *		Whether the triggers that report changes are in force.
 *
 * A table is filled and read only while its slot is ACTIVE, and any DDL makes
 * it UNKNOWN; the same applies to TRACKED.  A backend that needs the flag then
 * examines the triggers under the locks of cs_tree_lock().  Once it has the
 * locks, the last DDL has ended, and processing invalidations makes its
 * effects known.
 *
 * A fault is also described in words, for cache.bindings and cache.explain(),
 * and for the session that has caused it (attach/alter.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "relation/attached.h"
#include "relation/catalog.h"
#include "relation/rellock.h"
#include "relation/tree.h"
#include "relation/triggers.h"
#include "store/slot.h"

/*
 * Interval after which a table is examined again whose triggers were not in
 * force.
 */
#define LOOK_AGAIN_MS	500

/*
 * With more partitions, a lock that was not available is not tried again at
 * once.
 */
#define MANY_RECORDS		16

/* ----- examining triggers ----- */

/*
 * OID of a trigger function, independent of the current role's rights on the
 * schema.
 */
static Oid
trigger_function(const char *name)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid("cache", true)));
}

/*
 * Events that triggers of this function, level and enablement report
 * completely.
 */
static int16
events_seen(Relation rel, Oid function, int16 level, char enabled)
{
	/* read before: the list of triggers may be another one after that */
	bool		transitions = level == TRIGGER_TYPE_STATEMENT &&
		function == trigger_function("rows_changed");
	int16		events = 0;

	if (rel->trigdesc == NULL || !OidIsValid(function))
		return 0;
	for (int i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		if (t->tgfoid != function || t->tgenabled != enabled ||
			t->tgqual != NULL || t->tgnattr != 0 || t->tgdeferrable ||
			!TRIGGER_FOR_AFTER(t->tgtype) ||
			(t->tgtype & TRIGGER_TYPE_LEVEL_MASK) != level)
			continue;
		if (transitions &&
			((TRIGGER_FOR_UPDATE(t->tgtype) && (!t->tgoldtable || !t->tgnewtable)) ||
			 (TRIGGER_FOR_DELETE(t->tgtype) && !t->tgoldtable) ||
			 (TRIGGER_FOR_INSERT(t->tgtype) && !t->tgnewtable)))
			continue;
		events |= t->tgtype & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
							   TRIGGER_TYPE_DELETE);
	}
	return events;
}

/*
 * Whether there is such a trigger, enabled if 'in_force'.
 */
static bool
has_trigger(Relation rel, const char *function, int16 type, bool in_force)
{
	Oid			wanted = trigger_function(function);

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		if (t->tgfoid == wanted && t->tgtype == type && t->tgqual == NULL && t->tgnattr == 0 &&
			(!in_force || t->tgenabled == TRIGGER_FIRES_ALWAYS))
			return true;
	}
	return false;
}

/*
 * Whether direct changes are combined with deferred ones, or, unless
 * 'in_force', would be if the triggers were not disabled.
 */
static bool
settles(Relation rel, bool in_force)
{
	return has_trigger(rel, "row_deferred", TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE |
					   TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE,
					   in_force) &&
		has_trigger(rel, "table_truncated", TRIGGER_TYPE_TRUNCATE, in_force);
}

/*
 * Throw an error if the triggers for deferred writes do not exist.  They may
 * be disabled.
 */
void
cs_triggers_require(const CsBinding *binding)
{
	Relation	rel = table_open(binding->relid, NoLock);
	bool		there = settles(rel, false);

	table_close(rel, NoLock);
	if (!there)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" lacks the triggers for deferred writes", binding->name),
				 errhint("Use cache.repair() to make them.")));
}

/*
 * Whether the triggers report all changes that the binding needs.
 */
static bool
sees_all_changes(const CsBinding *binding, Relation rel)
{
	int16		needed = TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	Oid			by_row = trigger_function("row_changed");
	int16		seen;

	if (binding->needs.on_insert)
		needed |= TRIGGER_TYPE_INSERT;
	if (binding->needs.settling && !settles(rel, true))
		return false;
	seen = events_seen(rel, by_row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS);
	if ((seen & needed) == needed)
		return true;
	if (!binding->needs.by_statement || cs_tree_has_parents(RelationGetRelid(rel)))
		return false;
	seen = events_seen(rel, trigger_function("rows_changed"),
					   TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	return (seen & needed) == needed &&
		(events_seen(rel, by_row, TRIGGER_TYPE_ROW,
					 TRIGGER_FIRES_ON_REPLICA) & needed) == needed;
}

/*
 * Whether all direct changes are combined with the deferred ones.  The caller
 * holds RowExclusiveLock on the table, or more.  A positive result is kept,
 * because DDL that changes it retires the binding.
 */
bool
cs_triggers_settle(CsBinding *binding)
{
	Relation	rel;

	if (binding->settles)
		return true;
	rel = table_open(binding->relid, NoLock);
	binding->settles = sees_all_changes(binding, rel);
	table_close(rel, NoLock);
	return binding->settles;
}

/*
 * Whether this trigger defers UPDATEs, under whatever name, and is in force.
 * This is called for triggers of all kinds, so the catalogues are read only
 * for one that, like ours, always fires.
 */
bool
cs_triggers_defers(const Trigger *trigger)
{
	return TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								TRIGGER_TYPE_UPDATE) &&
		trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
		(cs_triggers_is_settling(trigger->tgname) ||
		 cs_catalog_is_function(trigger->tgfoid, "cs_row_deferred"));
}

/*
 * Whether there is a trigger, enabled or not, that defers an UPDATE.  The
 * caller holds RowExclusiveLock, or more.  This is called for tables of all
 * kinds, so the catalogues are read only if there is a trigger for that event.
 */
bool
cs_triggers_may_defer(Relation rel)
{
	if (rel->trigdesc == NULL || !rel->trigdesc->trig_update_before_row)
		return false;
	for (int i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		if (TRIGGER_TYPE_MATCHES(t->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								 TRIGGER_TYPE_UPDATE) &&
			cs_catalog_is_function(t->tgfoid, "cs_row_deferred"))
			return true;
	}
	return false;
}

/* Whether all changes are noted by any of our triggers. */
static bool
notes_all_changes(Relation rel)
{
	const int16 needed = TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE
	| TRIGGER_TYPE_INSERT
			   ;
	Oid			row = trigger_function("row_changed");
	Oid			rows = trigger_function("rows_changed");
	Oid			table = trigger_function("table_changed");
	int16		by_row;
	int16		by_statement;
	int16		replicated;

	by_row = events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS) |
		events_seen(rel, table, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS);
	if ((by_row & needed) == needed)
		return true;
	if (cs_tree_has_parents(RelationGetRelid(rel)))
		return false;
	by_statement = events_seen(rel, rows, TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS) |
		events_seen(rel, table, TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	replicated = events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA) |
		events_seen(rel, table, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA);
	return ((by_row | (by_statement & replicated)) & needed) == needed;
}

/*
 * With the values of each row, which a statement trigger has in transition
 * tables.
 */
static bool
sees_all_values(Relation rel)
{
	const int16 needed = TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_INSERT;
	Oid			row = trigger_function("row_changed");
	int16		by_row;
	int16		by_statement;

	by_row = events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ALWAYS) |
		events_seen(rel, trigger_function("table_changed"), TRIGGER_TYPE_ROW,
					TRIGGER_FIRES_ALWAYS);
	if ((by_row & needed) == needed)
		return true;
	if (cs_tree_has_parents(RelationGetRelid(rel)))
		return false;
	by_statement = events_seen(rel, trigger_function("rows_changed"),
							   TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS) &
		events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA);
	return ((by_row | by_statement) & needed) == needed;
}

/* ----- faults ----- */

/*
 * Whether a table with this binding needs triggers of this purpose.
 */
static bool
is_needed(const CsBinding *binding, CsPurpose purpose)
{
	const CsTriggerNeeds *needs;

	if (binding == NULL)
		return purpose == CS_FOR_TRACKING;
	needs = &binding->needs;
	switch (purpose)
	{
		case CS_FOR_ROWS:
			return !needs->by_statement;
		case CS_FOR_STATEMENTS:
			return needs->by_statement;
		case CS_FOR_INSERTS:
			return needs->by_statement && needs->on_insert;
		case CS_FOR_SETTLING:
			return needs->settling;
		case CS_FOR_TRACKING:
		case CS_FOR_CATALOG:
			break;
	}
	return false;
}

static const Trigger *
find_trigger(Relation rel, const char *name)
{
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		if (strcmp(rel->trigdesc->triggers[i].tgname, name) == 0)
			return &rel->trigdesc->triggers[i];
	return NULL;
}

/* Describe one of our triggers that is not as required. */
static char *
trigger_fault(Relation rel, const CsBinding *binding)
{
	for (const CsOwnTrigger *own = cs_triggers_list; own->name != NULL; own++)
	{
		const Trigger *t;

		if (!is_needed(binding, own->purpose))
			continue;
		t = find_trigger(rel, own->name);
		/* which ones exist for tracking depends on the table */
		if (t == NULL && binding != NULL)
			return psprintf("trigger \"%s\" is missing", own->name);
		if (t == NULL || t->tgenabled == own->enabled)
			continue;
		if (t->tgenabled == TRIGGER_DISABLED)
			return psprintf("trigger \"%s\" is disabled", own->name);
		return psprintf("trigger \"%s\" is not ENABLE %s", own->name,
						own->enabled == TRIGGER_FIRES_ALWAYS ? "ALWAYS" : "REPLICA");
	}
	return pstrdup("its triggers do not see every change");
}

typedef struct Fault
{
	char	   *text;			/* allocated; NULL if none */
	bool		mend;			/* creating the triggers again helps */
} Fault;

static bool
find_fault(Fault *fault, char *text, bool mend)
{
	fault->text = text;

	fault->mend = mend;
	return true;
}

/*
 * Whether one relation, root or partition, has a fault.  Without a binding,
 * whether it fails to note every change.
 */
static bool
has_fault(const CsTree *tree, const CsBinding *binding, Relation rel, Fault *fault)
{
	Oid			relid = RelationGetRelid(rel);

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return !tree->partitioned && find_fault(fault, pstrdup("it is partitioned"), false);
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		return find_fault(fault, pstrdup("it is not a table"), false);
	if (rel->rd_rel->relam != HEAP_TABLE_AM_OID)
		return find_fault(fault, pstrdup("it does not use the heap access method"), false);
	if (cs_rellock_is_prepared(relid))
		return find_fault(fault, pstrdup("a prepared transaction has locked it for DDL"), false);
	if (binding == NULL)
		return !notes_all_changes(rel) &&
			find_fault(fault, trigger_fault(rel, binding), true);
	if (cs_tree_has_children(relid))
		return find_fault(fault, pstrdup("it has inheritance children"), false);
	if (sees_all_changes(binding, rel))
		return false;
	if (binding->needs.by_statement && cs_tree_has_parents(relid))
		return find_fault(fault,
						  pstrdup("its statement triggers do not see what is changed through its parent"),
						  false);
	return find_fault(fault, trigger_fault(rel, binding), true);
}

/*
 * As has_fault(), for an OID.
 */
static bool
has_fault_in(const CsTree *tree, const CsBinding *binding, Oid relid, Fault *fault)
{
	Relation	rel = try_relation_open(relid, NoLock);
	bool		found;

	if (rel == NULL)
		return find_fault(fault, pstrdup("DDL is under way"), false);
	found = has_fault(tree, binding, rel, fault);
	if (found && relid != tree->relid)
		fault->text = psprintf("partition \"%s\": %s", RelationGetRelationName(rel), fault->text);
	relation_close(rel, NoLock);
	return found;
}

/*
 * Whether the table or one of its partitions has a fault.
 */
static bool
any_fault(const CsTree *tree, const CsBinding *binding, Fault *fault)
{
	if (has_fault_in(tree, binding, tree->relid, fault))
		return true;
	for (int i = 0; i < tree->nparts; i++)
		if (has_fault_in(tree, binding, tree->parts[i], fault))
			return true;
	return false;
}

/* ----- examination under locks ----- */

/*
 * Whether it is known which children the table has.  Children of a tracked
 * table are read along with it, and tracked by themselves.  A transaction that
 * adds the first child takes no lock that conflicts with ours, but marks the
 * table before the child becomes visible in the catalogue.  For further
 * children this lock excludes it.
 */
static bool
children_are_known(const CsTree *tree)
{
	bool		known;

	if (tree->partitioned || !cs_tree_has_children(tree->relid))
		return true;
	known = cs_rellock_try(tree->relid, ShareUpdateExclusiveLock);
	if (known)
	{
		AcceptInvalidationMessages();
		UnlockRelationOid(tree->relid, ShareUpdateExclusiveLock);
	}
	return known;
}

static bool
all_see_values(const CsTree *tree)
{
	for (int i = -1; i < tree->nparts; i++)
	{
		Relation	rel = try_relation_open(i < 0 ? tree->relid : tree->parts[i], NoLock);
		bool		sees;

		if (rel == NULL)
			return false;
		sees = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || sees_all_values(rel);
		relation_close(rel, NoLock);
		if (!sees)
			return false;
	}
	return true;
}

/*
 * Whether the triggers of a table and all its partitions report what the
 * binding needs or, without one, note every change.  Examined under locks that
 * exclude DDL, with all earlier changes known.  Not if *outdated becomes true
 * meanwhile.
 */
CsInForce
cs_triggers_look(const CsTree *tree, const CsBinding *binding, const bool *outdated,
				 bool *keyed)
{
	CsInForce	result = CS_NOT_IN_FORCE;
	int			locks = cs_tree_lock(tree);
	Fault		fault;

	if (locks == 0)
		return CS_NOT_TO_BE_SEEN;
	AcceptInvalidationMessages();
	if (binding == NULL && !*outdated && !children_are_known(tree))
		result = CS_NOT_TO_BE_SEEN;
	else if (!*outdated && !any_fault(tree, binding, &fault))
		result = CS_IN_FORCE;
	if (keyed != NULL)
		*keyed = result == CS_IN_FORCE && all_see_values(tree);
	cs_tree_unlock(tree, locks);
	return result;
}

/* Refuse to activate the slot, and remember that for a while. */
static void
refuse(CsBinding *binding, uint64 word)
{
	binding->refused = word;
	binding->refused_until =
		TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), LOOK_AGAIN_MS);
}

/*
 * Set the slot ACTIVE if the triggers report every change of the table.
 * Returns false if they do not, or if that cannot be determined without
 * waiting.
 *
 * The word is read before taking the locks: if DDL marks the slot in between,
 * the activation fails.
 */
bool
cs_triggers_activate(CsBinding *binding)
{
	uint64		word = cs_slot_read(binding->slot);
	CsInForce	found;

	if (cs_slot_is(word, CS_SLOT_ACTIVE))
		return true;
	if (cs_slot_writers(word) != 0 ||
		(word == binding->refused &&
		 GetCurrentStatementStartTimestamp() < binding->refused_until))
		return false;
	if (!cs_binding_owns_slot(binding))
	{
		cs_binding_forget(binding->relid);
		return false;
	}
	/* if the table has changed since the binding was made, try another time */
	found = cs_triggers_look(&binding->tree, binding, &binding->retired, NULL);
	if (found == CS_NOT_IN_FORCE ||
		(found == CS_NOT_TO_BE_SEEN && binding->tree.nparts > MANY_RECORDS))
		refuse(binding, word);
	return found == CS_IN_FORCE && !binding->retired &&
		cs_slot_activate(binding->slot, word, CS_SLOT_ACTIVE);
}

/* ----- descriptions ----- */

/*
 * Lock the partitions; returns false if one is not available.
 */
static bool
lock_for_a_look(const CsTree *tree)
{
	for (int i = 0; i < tree->nparts; i++)
		if (!cs_rellock_try(tree->parts[i], AccessShareLock))
		{
			while (i-- > 0)
				UnlockRelationOid(tree->parts[i], AccessShareLock);
			return false;
		}
	return true;
}

/*
 * Whether the table has a primary key that the cache can use.
 */
static bool
has_key(Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
		bool		usable = index->indisprimary && index->indimmediate && index->indisvalid;

		ReleaseSysCache(tuple);
		if (usable)
			return true;
	}
	return false;
}

/*
 * Set only the parts of a binding that are used here.  A complete one would
 * take a slot, and a view may describe all tables.
 */
static bool
sketch(CsBinding *binding, Relation rel)
{
	memset(binding, 0, sizeof(*binding));
	binding->relid = RelationGetRelid(rel);
	if (!cs_attached_read(binding->relid, &binding->options))
		return false;
	cs_tree_list(&binding->tree, rel);
	cs_binding_made_hook(binding);
	return true;
}

/*
 * Find a fault of a table that the caller has locked.
 */
static bool
find_problem(Relation rel, bool attached, Fault *fault)
{
	CsBinding	binding;
	bool		found;

	if (!attached)
	{
		cs_tree_list(&binding.tree, rel);
	}
	else if (!sketch(&binding, rel))
		return false;
	else if (binding.strategy == NULL)
		return find_fault(fault, psprintf("there is no strategy \"%s\"", binding.options.strategy),
						  false);
	else if (!has_key(rel))
		return find_fault(fault, pstrdup("it has no primary key that the cache can use"), false);
	if (!lock_for_a_look(&binding.tree))
		return find_fault(fault, pstrdup("DDL is under way"), false);
	found = any_fault(&binding.tree, attached ? &binding : NULL, fault);
	for (int i = 0; i < binding.tree.nparts; i++)
		UnlockRelationOid(binding.tree.parts[i], AccessShareLock);
	return found;
}

/*
 * Describe why reads of an attached table bypass the cache, or why not all
 * changes of a tracked one are noted.
 *
 * Returns a sentence without a final period, palloc'd; NULL if there is no
 * problem.  *mend says whether cache.repair() helps.  Waits for no lock.
 */
char *
cs_triggers_problem(Oid relid, bool attached, bool *mend)
{
	Fault		fault = {NULL, false};
	Relation	rel;

	if (!cs_rellock_try(relid, AccessShareLock))
		return pstrdup("DDL is under way");
	AcceptInvalidationMessages();
	rel = try_relation_open(relid, NoLock);
	if (rel != NULL)
	{
		(void) find_problem(rel, attached, &fault);
		relation_close(rel, NoLock);
	}
	UnlockRelationOid(relid, AccessShareLock);
	*mend = fault.mend;
	return fault.text;
}
