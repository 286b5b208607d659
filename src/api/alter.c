/*-------------------------------------------------------------------------
 *
 * alter.c
 *		ALTER TABLE of tables that are attached or tracked.
 *
 * Nothing here is needed for reads to be exact: ddl.c sees what has happened
 * to a table, whoever did it and however, and triggers.c whether its triggers
 * are in force.  Here is what makes DDL work on such a table, or leaves it
 * cached: a partition gives up its own binding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"

#include "api/alter.h"
#include "api/parts.h"
#include "shmem.h"
#include "table/binding.h"

static ProcessUtility_hook_type prev_process_utility = NULL;

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

static void
before(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst(lc);

		if (cmd->subtype == AT_AttachPartition)
			cs_parts_before_attach(stmt->relation, moved_table(stmt, cmd));
	}
}

static void
after(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const RangeVar *table = moved_table(stmt, lfirst(lc));

		if (table == NULL)
			continue;
		CommandCounterIncrement();
		cs_parts_after_move(table);
	}
}

static bool
is_of_interest(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		if (moved_table(stmt, lfirst(lc)) != NULL)
			return true;
	}
	return false;
}

/*
 * A copy of the statement, as executing it may change it, if it may concern us.
 * What cannot be done is for others to say.
 */
static const AlterTableStmt *
our_statement(const PlannedStmt *stmt)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) stmt->utilityStmt;

	if (!IsA(alter, AlterTableStmt) || alter->objtype != OBJECT_TABLE ||
		!is_of_interest(alter) || !cs_shmem_ready() || RecoveryInProgress() ||
		XactReadOnly || !OidIsValid(cs_binding_catalog()))
		return NULL;
	return copyObject(alter);
}

static void
process_utility(PlannedStmt *stmt, const char *query, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	const AlterTableStmt *alter = our_statement(stmt);

	if (alter != NULL)
		before(alter);
	if (prev_process_utility)
		prev_process_utility(stmt, query, read_only, context, params, environment,
							 dest, completion);
	else
		standard_ProcessUtility(stmt, query, read_only, context, params, environment,
								dest, completion);
	if (alter != NULL)
		after(alter);
}

void
cs_alter_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
