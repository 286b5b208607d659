/*-------------------------------------------------------------------------
 *
 * atonce.c
 *		Triggers that report a change at once.
 *
 * PostgreSQL queues an event for each row that an AFTER ROW trigger is to get,
 * and at the end of the statement fetches both versions of the row again to
 * call the function.  That is most of what an attached table costs its
 * writers.  But PostgreSQL evaluates the trigger's WHEN condition right after
 * the change, with both versions at hand, and queues nothing if it is false.
 * So when a statement starts, the triggers of the tables that it changes get a
 * condition that reports the change and is false.  It is in the executor's own
 * copy of the trigger's description, and no catalogue has it.  A statement
 * trigger of a tracked table gets one, too, unless it has transition tables.
 *
 * The condition is true, and the trigger is called as always, where a strategy
 * needs more than the two versions (cs_trigger_report()).  Nothing is changed
 * where the executor is not in between, or sets up a table later than at the
 * statement's start: COPY, logical replication, rows that are routed to a
 * partition.
 *
 * A change is reported earlier than by an event, so that reads of the same
 * statement that see it find it reported.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "inval.h"
#include "relation/catalog.h"
#include "relation/triggers.h"
#include "rowcache/atonce.h"
#include "rowcache/trigger.h"

/* The condition of one trigger, for one statement. */
typedef struct Condition
{
	ExprState	state;			/* first, since this is what the executor
								 * knows */
	Relation	rel;			/* the executor keeps it open */
	bool		attached;		/* which function it takes the place of:
								 * cs_row_changed(), or cs_table_changed() */
} Condition;

/* The trigger functions; InvalidOid: not known, and no trigger's. */
static Oid	row_changed = InvalidOid;
static Oid	table_changed = InvalidOid;

static ExecutorStart_hook_type next_executor_start = NULL;

/* Hook of changes of pg_proc. */
static void
function_changed(uint32 hash)
{
	row_changed = table_changed = InvalidOid;
}

/*
 * Whether the function is one of the two, which are looked up once.
 */
static bool
is_known(Oid function)
{
	if (function == row_changed || function == table_changed)
		return true;
	if (cs_catalog_is_function(function, "cs_row_changed"))
		row_changed = function;
	else if (cs_catalog_is_function(function, "cs_table_changed"))
		table_changed = function;
	else
		return false;
	return true;
}

/*
 * What the executor calls for the condition: false if the change is reported.
 */
static Datum
report(ExprState *state, ExprContext *econtext, bool *isnull)
{
	Condition  *condition = (Condition *) state;

	*isnull = false;
	return BoolGetDatum(!cs_trigger_report(condition->rel, condition->attached,
										   econtext->ecxt_innertuple,
										   econtext->ecxt_outertuple));
}

/*
 * Whether a condition may report what the trigger does.  Triggers of any table
 * come here, and each time.  So the catalogue is read only for one whose name
 * and kind could be that of a trigger with one of the two functions.
 */
static bool
is_ours(const Trigger *trigger, bool *attached)
{
	if (strncmp(trigger->tgname, CS_TRIGGER_PREFIX, strlen(CS_TRIGGER_PREFIX)) != 0 ||
		!TRIGGER_FOR_AFTER(trigger->tgtype) || TRIGGER_FOR_TRUNCATE(trigger->tgtype) ||
		trigger->tgoldtable != NULL || trigger->tgnewtable != NULL ||
		!is_known(trigger->tgfoid))
		return false;
	*attached = trigger->tgfoid == row_changed;
	return TRIGGER_FOR_ROW(trigger->tgtype) || !*attached;
}

/*
 * Give a trigger the condition.
 */
static void
set_condition(ResultRelInfo *info, int which, bool attached)
{
	Condition  *condition = palloc0(sizeof(Condition));

	condition->state.type = T_ExprState;
	condition->state.flags = EEO_FLAG_IS_QUAL;
	condition->state.evalfunc = report;
	condition->rel = info->ri_RelationDesc;
	condition->attached = attached;
	/* this text is not read, as there is a state made of it */
	info->ri_TrigDesc->triggers[which].tgqual = "true";
	info->ri_TrigWhenExprs[which] = &condition->state;
}

/*
 * Hook of ExecutorStart_hook.
 */
static void
executor_start(QueryDesc *query, int eflags)
{
	ListCell   *lc;
	MemoryContext old;
	bool		attached;

	if (next_executor_start)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->estate->es_opened_result_relations == NIL)
		return;
	old = MemoryContextSwitchTo(query->estate->es_query_cxt);
	foreach(lc, query->estate->es_opened_result_relations)
	{
		ResultRelInfo *info = lfirst(lc);

		/* a row that moves is an event of the partitioned table, too */
		if (info->ri_TrigDesc == NULL ||
			info->ri_RelationDesc->rd_rel->relkind != RELKIND_RELATION)
			continue;
		for (int i = 0; i < info->ri_TrigDesc->numtriggers; i++)
			if (is_ours(&info->ri_TrigDesc->triggers[i], &attached))
				set_condition(info, i, attached);
	}
	MemoryContextSwitchTo(old);
}

void
cs_atonce_init(void)
{
	cs_inval_on_syscache(PROCOID, function_changed);
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}
