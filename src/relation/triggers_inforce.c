/*-------------------------------------------------------------------------
 *
 * triggers_inforce.c
 *		Are the triggers that tell the cache of changes in force?
 *
 * A table is only filled and read while its slot is ACTIVE, and any DDL makes
 * it UNKNOWN; the same goes for TRACKED.  Whoever wants to use it then looks at
 * the triggers anew, under the locks of cs_tree_lock().  Having got them means
 * that the last DDL has ended, and absorbed means its invalidations have been
 * read.
 *
 * What is wrong is said in words, for cache.bindings and cache.explain(), and
 * by whoever has just done it (attach/alter.c).
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
#include "relation/catalog.h"
#include "relation/triggers.h"
#include "store/slot.h"

/* A table whose triggers are not in force is not looked at again before. */
#define LOOK_AGAIN_MS	500

/* With more, a lock that could not be had is not tried again at once. */
#define MANY_RECORDS		16

/* ----- what is there ----- */

/* Whatever rights the current role has in our schema. */
static Oid
trigger_function(const char *name)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid("cache", true)));
}

/* The events for which triggers of this kind, so enabled, see everything. */
static int16
events_seen(Relation rel, Oid function, int16 level, char enabled)
{
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
		if (level == TRIGGER_TYPE_STATEMENT && function == trigger_function("rows_changed") &&
			((TRIGGER_FOR_UPDATE(t->tgtype) && (!t->tgoldtable || !t->tgnewtable)) ||
			 (TRIGGER_FOR_DELETE(t->tgtype) && !t->tgoldtable) ||
			 (TRIGGER_FOR_INSERT(t->tgtype) && !t->tgnewtable)))
			continue;
		events |= t->tgtype & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
							   TRIGGER_TYPE_DELETE);
	}
	return events;
}

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

/* Do direct changes meet the deferred ones, or would they if that were not disabled? */
static bool
settles(Relation rel, bool in_force)
{
	return has_trigger(rel, "row_deferred", TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE |
					   TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE,
					   in_force) &&
		has_trigger(rel, "table_truncated", TRIGGER_TYPE_TRUNCATE, in_force);
}

/*
 * Are the triggers for deferred writes there, in force or not?  Raises an
 * error if they are not.
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
	if (!binding->needs.by_statement || cs_relation_has_parents(RelationGetRelid(rel)))
		return false;
	seen = events_seen(rel, trigger_function("rows_changed"),
					   TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	return (seen & needed) == needed &&
		(events_seen(rel, by_row, TRIGGER_TYPE_ROW,
					 TRIGGER_FIRES_ON_REPLICA) & needed) == needed;
}

/*
 * The caller has RowExclusiveLock on the table or more: do all direct changes
 * meet the deferred ones?
 *
 * Found out once: whatever changes it retires the binding.
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
 * The same lock: is there a trigger, enabled or not, that defers an UPDATE?
 *
 * Asked for tables of all kinds, so the catalogues are looked into only if
 * there is a trigger of that kind, and nothing of ours is.
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

/* The same by any of our triggers, whatever they are there for. */
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
	if (cs_relation_has_parents(RelationGetRelid(rel)))
		return false;
	by_statement = events_seen(rel, rows, TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS) |
		events_seen(rel, table, TRIGGER_TYPE_STATEMENT, TRIGGER_FIRES_ALWAYS);
	replicated = events_seen(rel, row, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA) |
		events_seen(rel, table, TRIGGER_TYPE_ROW, TRIGGER_FIRES_ON_REPLICA);
	return ((by_row | (by_statement & replicated)) & needed) == needed;
}

/* ----- what is wrong ----- */

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

/* Which of our triggers is not as it should be; one will do. */
static char *
trigger_fault(Relation rel, const CsBinding *binding)
{
	for (const CsOwnTrigger *own = cs_triggers_list; own->name != NULL; own++)
	{
		const Trigger *t;

		if (!is_needed(binding, own->purpose))
			continue;
		t = find_trigger(rel, own->name);
		/* which of those for tracking there are depends on the table */
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
	char	   *text;			/* allocated; NULL: none */
	bool		mend;			/* by making the triggers anew */
} Fault;

static bool
find_fault(Fault *fault, char *text, bool mend)
{
	fault->text = text;

	fault->mend = mend;
	return true;
}

/*
 * One relation, root or partition.  Without a binding it is asked whether every
 * change is noted.
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
	if (cs_relation_is_prepared(relid))
		return find_fault(fault, pstrdup("a prepared transaction has locked it for DDL"), false);
	if (binding == NULL)
		return !notes_all_changes(rel) &&
			find_fault(fault, trigger_fault(rel, binding), true);
	if (cs_relation_has_children(relid))
		return find_fault(fault, pstrdup("it has inheritance children"), false);
	if (sees_all_changes(binding, rel))
		return false;
	if (binding->needs.by_statement && cs_relation_has_parents(relid))
		return find_fault(fault,
						  pstrdup("its statement triggers do not see what is changed through its parent"),
						  false);
	return find_fault(fault, trigger_fault(rel, binding), true);
}

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

/* ----- a look at them ----- */

/*
 * Children of a tracked table are read beside it, and tracked by themselves;
 * which there are must be known.  Whoever adds the first takes no lock that
 * conflicts with those we have, but has marked the table before its child is in
 * the catalogue for us to see; all others are kept away by this lock.
 */
static bool
children_are_known(const CsTree *tree)
{
	bool		known;

	if (tree->partitioned || !cs_relation_has_children(tree->relid))
		return true;
	known = cs_relation_try_lock(tree->relid, ShareUpdateExclusiveLock);
	if (known)
	{
		AcceptInvalidationMessages();
		UnlockRelationOid(tree->relid, ShareUpdateExclusiveLock);
	}
	return known;
}

/*
 * Under locks that hold DDL off, and with all that has ended known: do the
 * triggers of a table and all its partitions see what the binding needs, or,
 * without one, note every change?  Not if 'outdated' becomes true on the way.
 */
CsInForce
cs_triggers_look(const CsTree *tree, const CsBinding *binding, const bool *outdated)
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
	cs_tree_unlock(tree, locks);
	return result;
}

/* Not now; and not again with every read. */
static void
refuse(CsBinding *binding, uint64 word)
{
	binding->refused = word;
	binding->refused_until =
		TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), LOOK_AGAIN_MS);
}

/*
 * Have the slot ACTIVE if the triggers see every change of the table; false if
 * they do not, or if that cannot be said without waiting.
 *
 * The word is read before the locks: DDL that marks the slot in between makes
 * the activation fail.
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
	/* if the table has changed since the binding was made, another time */
	found = cs_triggers_look(&binding->tree, binding, &binding->retired);
	if (found == CS_NOT_IN_FORCE ||
		(found == CS_NOT_TO_BE_SEEN && binding->tree.nparts > MANY_RECORDS))
		refuse(binding, word);
	return found == CS_IN_FORCE && !binding->retired &&
		cs_slot_activate(binding->slot, word, CS_SLOT_ACTIVE);
}

/* ----- in words ----- */

static bool
lock_for_a_look(const CsTree *tree)
{
	for (int i = 0; i < tree->nparts; i++)
		if (!cs_relation_try_lock(tree->parts[i], AccessShareLock))
		{
			while (i-- > 0)
				UnlockRelationOid(tree->parts[i], AccessShareLock);
			return false;
		}
	return true;
}

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
 * As much of a binding as is looked at here.  A real one would take a slot, and
 * somebody may be looking at all tables there are.
 */
static bool
sketch(CsBinding *binding, Relation rel)
{
	memset(binding, 0, sizeof(*binding));
	binding->relid = RelationGetRelid(rel);
	if (!cs_binding_read_options(binding->relid, &binding->options))
		return false;
	cs_tree_list(&binding->tree, rel);
	cs_binding_made_hook(binding);
	return true;
}

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
 * Why reads of an attached table bypass the cache, or why not all changes of a
 * tracked one are noted: a sentence without its end, NULL if that is not so.
 * 'mend': cache.repair() helps.  Waits for no lock.
 */
char *
cs_triggers_problem(Oid relid, bool attached, bool *mend)
{
	Fault		fault = {NULL, false};
	Relation	rel;

	if (!cs_relation_try_lock(relid, AccessShareLock))
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
