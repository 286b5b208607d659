/*-------------------------------------------------------------------------
 *
 * guard.c
 *		Hooks for statements on tables with deferred writes, and refusing drops
 *		that would lose deferred writes.
 *
 * The trigger that defers an UPDATE suppresses it, so the executor continues
 * without the row, and checks no policy.  So nothing is deferred once a
 * statement has started whose rows policies check.  Statements that may change
 * a table with deferred writes are remembered (execution.c) and, if they look
 * at rows that are not an UPDATE's, given the merged rows (mergedrow.c).  For
 * other statements the cost is a check of their kind, and for statements of
 * that kind a check of the table's triggers.
 *
 * The same hooks observe NOTIFY, for keys and values, and DROP ROLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "guc.h"
#include "hooks.h"
#include "kv/commit.h"
#include "relation/attached.h"
#include "relation/ddl.h"
#include "relation/dropped.h"
#include "relation/triggers.h"
#include "store/slot.h"
#include "store/store.h"
#include "writeback/deferred.h"
#include "writeback/delta.h"
#include "writeback/execution.h"
#include "writeback/guard.h"
#include "writeback/journalread.h"
#include "writeback/mergedrow.h"
#include "writeback/state.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"

static ExecutorStart_hook_type prev_executor_start = NULL;
static ProcessUtility_hook_type prev_process_utility = NULL;

#define EXTENSION	"cache_strategies"

/* ----- statements ----- */

/* Whether there is a check of a policy. */
static bool
has_policy_check(List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		if (lfirst_node(WithCheckOption, lc)->kind != WCO_VIEW_CHECK)
			return true;
	}
	return false;
}

/*
 * Whether the table may defer.  Bindings are looked up only for tables with
 * the trigger.
 */
static bool
may_defer(Oid relid)
{
	Relation	rel = relation_open(relid, NoLock);
	bool		result = cs_triggers_may_defer(rel);

	relation_close(rel, NoLock);
	return result;
}

/*
 * Stop deferring writes of the tables that the plan node changes under checks
 * of policies.  Those of the role count whose policies apply, which for a view
 * is its owner.
 */
static void
check_plan(const PlannedStmt *stmt, const Plan *plan)
{
	const ModifyTable *modify = (const ModifyTable *) plan;
	ListCell   *lc;
	int			n = 0;

	if (plan == NULL || !IsA(plan, ModifyTable) || modify->operation != CMD_UPDATE ||
		modify->withCheckOptionLists == NIL)
		return;
	foreach(lc, modify->resultRelations)
	{
		Oid			relid = rt_fetch(lfirst_int(lc), stmt->rtable)->relid;
		CsBinding  *binding;

		if (!has_policy_check(list_nth(modify->withCheckOptionLists, n++)) || !may_defer(relid))
			continue;
		binding = cs_binding_get(relid);
		if (binding != NULL && cs_binding_defers(binding) && binding->slot >= 0)
			cs_write_back_stop(binding);
	}
}

/*
 * Hook of ExecutorStart_hook.
 */
static void
executor_start(QueryDesc *query, int eflags)
{
	const PlannedStmt *stmt = query->plannedstmt;

	if ((query->operation != CMD_SELECT || stmt->hasModifyingCTE) && cs_xactdelta_direct == 0 &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
	{
		ListCell   *lc;

		check_plan(stmt, stmt->planTree);
		foreach(lc, stmt->subplans)
			check_plan(stmt, lfirst(lc));
	}
	if (prev_executor_start)
		prev_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (cs_execution_started(query) && cs_xactdelta_direct == 0)
		cs_mergedrow_started(query);
}

/* ----- drops ----- */

/*
 * Whether there are deferred writes.  The caller has locked the table, so none
 * are added.
 */
static bool
has_deferred(int slot, Oid relid)
{
	if (slot >= 0 && (cs_deferred_any(slot) || cs_xactdelta_has_deferred(slot)))
		return true;
	return cs_journalread_has_pending(relid);
}

/*
 * Throw 55006 if the table has deferred writes.
 */
static void
check_drop_table(Oid relid)
{
	CsOptions	options;

	if (!cs_attached_read(relid, &options) ||
		strcmp(options.strategy, "write_back") != 0 ||
		!has_deferred(cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid), relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot drop table \"%s\" because it has deferred writes that have not been flushed",
					get_rel_name(relid)),
			 errhint("Use cache.flush() or cache.detach() first.")));
}

/*
 * Whether a table of this database has deferred writes.
 */
static bool
any_dirty(void)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(MyDatabaseId, slots);
	bool		dirty = false;

	for (int i = 0; i < n && !dirty; i++)
		dirty = cs_deferred_any(slots[i]);
	pfree(slots);
	return dirty;
}

/*
 * Throw 55006 if there are deferred writes.
 */
static void
check_drop_extension(bool has_journal)
{
	if (!any_dirty() && !(has_journal && cs_journalread_pending() != NIL))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot drop extension \"%s\" because there are deferred writes that have not been flushed",
					EXTENSION),
			 errhint("Use cache.flush() first.")));
}

/*
 * Hook of object_access_hook.  The extension is dropped last, when its tables
 * are gone.
 */
static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, Oid auxiliary)
{
	if (access == OAT_FUNCTION_EXECUTE && object == F_PG_NOTIFY)
		cs_commit_note_notify();
	if (access != OAT_DROP || sub != 0)
		return;
	if (class == RelationRelationId && cs_dropped_note(object))
		check_drop_table(object);
	else if (class == NamespaceRelationId)
		cs_dropped_note_schema();
	else if (class == ExtensionRelationId && object == get_extension_oid(EXTENSION, true))
		check_drop_extension(false);
}

/*
 * Whether the statement drops the extension or its schema.
 */
static bool
drops_us(Node *statement)
{
	DropStmt   *drop = (DropStmt *) statement;
	ListCell   *lc;

	if (!IsA(statement, DropStmt) ||
		(drop->removeType != OBJECT_EXTENSION && drop->removeType != OBJECT_SCHEMA))
		return false;
	foreach(lc, drop->objects)
	{
		if (strcmp(strVal(lfirst(lc)),
				   drop->removeType == OBJECT_EXTENSION ? EXTENSION : "cache") == 0)
			return true;
	}
	return false;
}

/* Whether the role may drop the extension.  Others get the usual error. */
static bool
may_drop_us(void)
{
	Oid			extension = get_extension_oid(EXTENSION, true);

	return OidIsValid(extension) && cs_extension_ownercheck(extension, GetUserId());
}

/*
 * Hook of ProcessUtility_hook.
 */
static void
process_utility(PlannedStmt *stmt, const char *query, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	if (drops_us(stmt->utilityStmt) && may_drop_us())
		check_drop_extension(true);
	if (IsA(stmt->utilityStmt, NotifyStmt))
		cs_commit_note_notify();
	if (prev_process_utility)
		prev_process_utility(stmt, query, read_only, context, params, environment,
							 dest, completion);
	else
		standard_ProcessUtility(stmt, query, read_only, context, params, environment,
								dest, completion);
	cs_dropped_after(stmt->utilityStmt);
}

/*
 * Throw 55006 if the primary key changes while there are deferred entries,
 * since their keys refer to the primary key of their time.
 */
static void
check_key(Oid relid, int slot)
{
	CsBinding  *binding;

	if (!cs_state_key_is_set(slot) || !cs_deferred_any(slot))
		return;
	binding = cs_binding_get(relid);
	if (binding == NULL || !cs_binding_defers(binding) ||
		cs_state_key_is(slot, cs_binding_key_shape(binding)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot change the primary key of table \"%s\" because it has deferred writes that have not been flushed",
					binding->name),
			 errhint("Lock the table in ACCESS EXCLUSIVE MODE and use cache.flush() before, in the same transaction.")));
}

void
cs_guard_init(void)
{
	cs_ddl_check_hook = check_key;
	prev_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	cs_hooks_on_object(CS_ACCESS(OAT_DROP) | CS_ACCESS(OAT_FUNCTION_EXECUTE), object_access);
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
