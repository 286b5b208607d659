/*-------------------------------------------------------------------------
 *
 * alter.c
 *		DDL on tables that are attached or tracked.
 *
 * Exactness of reads does not depend on this file: ddl.c sees every change of
 * a table, and triggers_inforce.c determines whether its triggers are in
 * force. This file makes DDL work on such a table, keeps it cached, or at
 * least reports that it no longer is:
 *
 *		ATTACH PARTITION		the partition gives up its own binding
 *		DETACH, INHERIT			the table gets the triggers that it needs now
 *		DISABLE TRIGGER			deferred writes are flushed before
 *		ENABLE TRIGGER			our triggers fire ALWAYS again
 *		other commands that		a WARNING
 *		leave them out of force
 *		constraints, types		deferred writes are flushed before
 *		rules, SET UNLOGGED		refused while writes are deferred
 *
 * For any other statement the cost is a check of its kind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

#include "attach/alter.h"
#include "attach/constrain.h"
#include "attach/parts.h"
#include "attach/repair.h"
#include "relation/binding.h"
#include "relation/triggers.h"
#include "shmem.h"

/* A statement in progress. */
typedef struct Altering
{
	const Node *statement;		/* a copy, since execution may change the
								 * original */
	List	   *notes;			/* for cs_repair_warn() */
	Oid			enabled;		/* relation whose triggers it enables */
} Altering;

static ProcessUtility_hook_type prev_process_utility = NULL;

/* ----- classification ----- */

/* The table that becomes, or ceases to be, a partition or a child. */
static const RangeVar *
moved_table(const AlterTableStmt *stmt, const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			return ((PartitionCmd *) cmd->def)->name;
		case AT_AddInherit:
		case AT_DropInherit:
			return stmt->relation;
		default:
			return NULL;
	}
}

static bool
disables(const AlterTableCmd *cmd)
{
	return cmd->subtype == AT_DisableTrigAll || cmd->subtype == AT_DisableTrigUser ||
		(cmd->subtype == AT_DisableTrig && cs_triggers_own(cmd->name) != NULL);
}

static bool
enables(const AlterTableCmd *cmd)
{
	return cmd->subtype == AT_EnableTrigAll || cmd->subtype == AT_EnableTrigUser ||
		(cmd->subtype == AT_EnableTrig && cs_triggers_own(cmd->name) != NULL);
}

/* Whether reads may bypass the cache after the command. */
static bool
may_break(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
			return cs_triggers_own(cmd->name) != NULL;
		case AT_AddInherit:
		case AT_AttachPartition:
		case AT_DropConstraint:
		case AT_SetAccessMethod:
			return true;
		default:
			return disables(cmd) || enables(cmd);
	}
}

/*
 * Whether an ALTER TYPE changes columns of tables of that type.
 */
static bool
alters_typed(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	if (stmt->objtype != OBJECT_TYPE)
		return false;
	foreach(lc, stmt->cmds)
	{
		if (((const AlterTableCmd *) lfirst(lc))->subtype == AT_AlterColumnType)
			return true;
	}
	return false;
}

/*
 * Whether an ALTER TABLE is relevant.
 */
static bool
alter_is_of_interest(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	if (stmt->objtype != OBJECT_TABLE)
		return alters_typed(stmt);
	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst(lc);

		if (moved_table(stmt, cmd) != NULL || may_break(cmd) ||
			cmd->subtype == AT_SetUnLogged || cs_constrain_constrains(cmd))
			return true;
	}
	return false;
}

/*
 * Whether a statement is relevant.
 */
static bool
is_of_interest(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return alter_is_of_interest((const AlterTableStmt *) statement);
		case T_CreateStmt:
			return ((const CreateStmt *) statement)->inhRelations != NIL &&
				((const CreateStmt *) statement)->partbound == NULL;
		case T_CreateTrigStmt:
			return ((const CreateTrigStmt *) statement)->replace;
		case T_DropStmt:
			return ((const DropStmt *) statement)->removeType == OBJECT_TRIGGER;
		case T_RuleStmt:
			return true;
		case T_IndexStmt:
			/* the index of a constraint belongs to a new table */
			return ((const IndexStmt *) statement)->unique &&
				!((const IndexStmt *) statement)->isconstraint;
		case T_AlterDomainStmt:
			return cs_constrain_alters((const AlterDomainStmt *) statement);
		default:
			return false;
	}
}

/* ----- before execution ----- */

/*
 * Note a table for cs_repair_warn().
 */
static void
note(Altering *altering, const RangeVar *table)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);

	if (OidIsValid(relid))
		altering->notes = cs_repair_note(altering->notes, relid);
}

/*
 * Foreign keys among the constraints that a command adds.
 */
static List *
new_foreign_keys(const AlterTableCmd *cmd)
{
	List	   *constraints = NIL;
	List	   *keys = NIL;
	ListCell   *lc;

	if (cmd->subtype == AT_AddConstraint)
		constraints = list_make1(cmd->def);
	else if (cmd->subtype == AT_AddColumn)
		constraints = ((const ColumnDef *) cmd->def)->constraints;
	foreach(lc, constraints)
	{
		if (((const Constraint *) lfirst(lc))->contype == CONSTR_FOREIGN)
			keys = lappend(keys, lfirst(lc));
	}
	return keys;
}

/* Flush the tables that new foreign keys of a table refer to. */
static void
flush_referenced(Oid relid, const AlterTableCmd *cmd, LOCKMODE lockmode)
{
	ListCell   *lc;

	foreach(lc, new_foreign_keys(cmd))
	{
		Oid			referenced = RangeVarGetRelid(((const Constraint *) lfirst(lc))->pktable,
												  NoLock, true);

		if (OidIsValid(referenced) && referenced != relid)
			cs_constrain_referenced(relid, referenced, lockmode);
	}
}

/*
 * Prepare an ALTER TABLE, or ALTER TYPE.
 */
static void
before_alter(Altering *altering, const AlterTableStmt *stmt)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	LOCKMODE	lockmode = AlterTableGetLockLevel(stmt->cmds);
	bool		breaks = false;
	bool		disabled = false;
	bool		constrains = false;
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	if (alters_typed(stmt))
	{
		cs_constrain_typed(relid, lockmode);
		return;
	}
	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst(lc);

		breaks |= may_break(cmd);
		disabled |= disables(cmd);
		constrains |= cs_constrain_constrains(cmd);
		if (cmd->subtype == AT_SetUnLogged)
			cs_constrain_refuse_unlogged(relid);
		if (enables(cmd))
			altering->enabled = relid;
		if (cmd->subtype == AT_AddInherit)
			note(altering, (const RangeVar *) cmd->def);
		if (cmd->subtype == AT_AttachPartition)
			cs_parts_before_attach(stmt->relation, moved_table(stmt, cmd));
	}
	if (breaks)
		note(altering, stmt->relation);
	if (disabled && altering->notes != NIL)
		cs_repair_flush(relid);
	if (constrains)
		cs_constrain_table(relid, lockmode);
	foreach(lc, stmt->cmds)
		flush_referenced(relid, lfirst(lc), lockmode);
}

/* Prepare a DROP TRIGGER. */
static void
before_drop_triggers(Altering *altering, const DropStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		List	   *name = list_copy((List *) lfirst(lc));
		RangeVar   *table;
		Oid			relid;

		if (list_length(name) < 2 || cs_triggers_own(strVal(llast(name))) == NULL)
			continue;
		table = makeRangeVarFromNameList(list_truncate(name, list_length(name) - 1));
		note(altering, table);
		relid = RangeVarGetRelid(table, NoLock, true);
		if (OidIsValid(relid) && altering->notes != NIL)
			cs_repair_flush(relid);
	}
}

static void
before_other(const RangeVar *table, void (*act) (Oid relid))
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);

	if (OidIsValid(relid))
		act(relid);
}

static void
constrain_by_index(Oid relid)
{
	cs_constrain_table(relid, ShareRowExclusiveLock);
}

/*
 * Prepare a statement.  Throws if it must be refused.
 */
static void
before(Altering *altering)
{
	const Node *statement = altering->statement;
	ListCell   *lc;

	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			before_alter(altering, (const AlterTableStmt *) statement);
			break;
		case T_CreateStmt:
			foreach(lc, ((const CreateStmt *) statement)->inhRelations)
				note(altering, lfirst(lc));
			break;
		case T_CreateTrigStmt:
			if (cs_triggers_own(((const CreateTrigStmt *) statement)->trigname) != NULL)
				note(altering, ((const CreateTrigStmt *) statement)->relation);
			break;
		case T_RuleStmt:
			before_other(((const RuleStmt *) statement)->relation, cs_constrain_refuse_rule);
			break;
		case T_IndexStmt:
			before_other(((const IndexStmt *) statement)->relation,
						 ((const IndexStmt *) statement)->concurrent ?
						 cs_constrain_concurrently : constrain_by_index);
			break;
		case T_AlterDomainStmt:
			cs_constrain_domain((const AlterDomainStmt *) statement);
			break;
		default:
			before_drop_triggers(altering, (const DropStmt *) statement);
	}
}

/* ----- after execution ----- */

/* Tell of new foreign keys of columns whose changes are deferred. */
static void
tell_foreign_keys(const AlterTableStmt *stmt, const AlterTableCmd *cmd)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	ListCell   *lc;

	foreach(lc, new_foreign_keys(cmd))
	{
		if (OidIsValid(relid))
			cs_constrain_tell_foreign_key(relid, ((const Constraint *) lfirst(lc))->fk_attrs);
	}
}

/*
 * Complete an ALTER TABLE.
 */
static void
after_alter(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const RangeVar *table = moved_table(stmt, lfirst(lc));

		if (table != NULL)
			cs_parts_after_move(table);
		tell_foreign_keys(stmt, lfirst(lc));
	}
}

/*
 * Complete a statement.
 */
static void
after(const Altering *altering)
{
	CommandCounterIncrement();
	if (IsA(altering->statement, AlterTableStmt))
		after_alter((const AlterTableStmt *) altering->statement);
	if (OidIsValid(altering->enabled))
		cs_repair_restore(altering->enabled);
	CommandCounterIncrement();
	cs_repair_warn(altering->notes);
}

/* ----- the hook ----- */

/*
 * Prepare the statement if it is relevant.  A statement that will fail is left
 * to the command itself.
 */
static void
begin(Altering *altering, const Node *statement)
{
	memset(altering, 0, sizeof(*altering));
	if (!is_of_interest(statement) || cs_triggers_making > 0 || !cs_shmem_ready() || RecoveryInProgress() ||
		XactReadOnly || !OidIsValid(cs_binding_catalog()))
		return;
	altering->statement = copyObject(statement);
	before(altering);
}

/*
 * Hook of ProcessUtility_hook.
 */
static void
process_utility(PlannedStmt *stmt, const char *query, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Altering	altering;

	begin(&altering, stmt->utilityStmt);
	if (prev_process_utility)
		prev_process_utility(stmt, query, read_only, context, params, environment,
							 dest, completion);
	else
		standard_ProcessUtility(stmt, query, read_only, context, params, environment,
								dest, completion);
	if (altering.statement != NULL)
		after(&altering);
}

void
cs_alter_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
