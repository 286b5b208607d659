/*-------------------------------------------------------------------------
 *
 * mergestart.c
 *		Snapshots that show what has left deferred entries.
 *
 * A statement of a READ COMMITTED transaction takes its snapshot before it
 * looks at deferred entries.  A flush that ends in between takes its records
 * away, and the snapshot does not show what it has written.  So if the
 * snapshot may be too old when a statement starts that reads such a table, a
 * later one takes its place, for all tables of the statement: it is as if the
 * statement had begun a little later.  How often records had been removed is
 * read before that, and the statement's scans look whether that is still so.
 * If it is not when a scan begins, the statement is started once more.  Else a
 * row that is only in the cache, and that a flush moves then, would be missed.
 *
 * A snapshot is not replaced if another statement uses it as well: a read-only
 * function sees what its caller sees.  Nor is that of a transaction, above
 * READ COMMITTED.  A scan that finds its snapshot too old reads its rows once
 * more (mergeview.c).
 *
 * A parallel worker merges rows as its leader does, but does not know what the
 * transaction has deferred.  Only functions read such tables in workers.  So a
 * transaction that has deferred something uses no workers for statements that
 * call functions.
 *
 * For statements that read no such table the cost is a look at one shared
 * word, and while a flush has ended that not all running transactions see, a
 * look at each of their tables.
 *
 * Everything is local to the session, and valid while a statement starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "guc.h"
#include "mergescan/mergeleave.h"
#include "mergescan/mergestart.h"
#include "mergescan/mergeview.h"
#include "relation/triggers.h"
#include "shmem.h"
#include "testpoint.h"
#include "writeback/removal.h"
#include "writeback/xactdelta.h"
#include "xact/snapshot.h"

static ExecutorStart_hook_type next_executor_start = NULL;

/* A table of the statement. */
typedef struct Counted
{
	int			slot;
	uint64		removals;
	struct Counted *next;
} Counted;

/* The statement that starts, if its snapshot was replaced. */
static struct
{
	Snapshot	snapshot;
	Counted    *tables;
}			started;

/* A scan of the statement that starts has found its snapshot too old. */
static bool found_old = false;

/*
 * The table's binding if its writes may be deferred, else NULL.  Bindings are
 * looked up only for tables with our trigger.
 */
CsBinding *
cs_mergestart_binding(Oid relid)
{
	Relation	rel = cs_binding_is_bare(relid) ? NULL : RelationIdGetRelation(relid);
	bool		may_defer = rel != NULL && cs_triggers_may_defer(rel);
	CsBinding  *binding;

	if (rel != NULL)
		RelationClose(rel);
	binding = may_defer ? cs_binding_peek(relid) : NULL;
	return binding != NULL && cs_binding_defers(binding) && binding->nkeys > 0 &&
		binding->slot >= 0 ? binding : NULL;
}

/*
 * How often records of the table had been removed before the snapshot of the
 * statement that starts was taken.  Returns false if that is not known.
 */
bool
cs_mergestart_removals(Snapshot snapshot, int slot, uint64 *removals)
{
	if (started.snapshot == NULL || snapshot != started.snapshot)
		return false;
	for (const Counted *table = started.tables; table != NULL; table = table->next)
	{
		if (table->slot != slot)
			continue;
		*removals = table->removals;
		return true;
	}
	return false;
}

/*
 * Whether the snapshot can be replaced: it is that of a READ COMMITTED
 * statement, and of no other.  DECLARE CURSOR is the one statement that has it
 * twice, for itself and for its query.
 */
static bool
may_replace(const QueryDesc *query)
{
	Snapshot	snapshot = query->snapshot;

	return !IsolationUsesXactSnapshot() && !IsInParallelMode() && ActiveSnapshotSet() &&
		snapshot == GetActiveSnapshot() && IsMVCCSnapshot(snapshot) && snapshot->copied &&
		snapshot->active_count <= 2 && snapshot->regd_count == 1 &&
		(ActivePortal == NULL || ActivePortal->portalSnapshot != snapshot);
}

/*
 * The tables with deferred writes for which the snapshot may be too old; all
 * tables with deferred writes, if there are any such.
 */
static Counted *
find_tables(const QueryDesc *query)
{
	uint64		xmin = cs_snapshot_widen(query->snapshot->xmin);
	Counted    *tables = NULL;
	bool		old = false;
	ListCell   *lc;

	foreach(lc, query->plannedstmt->relationOids)
	{
		const CsBinding *binding = lfirst_oid(lc) < FirstNormalObjectId ? NULL :
		cs_mergestart_binding(lfirst_oid(lc));
		Counted    *table;

		if (binding == NULL)
			continue;
		table = palloc(sizeof(Counted));
		table->slot = binding->slot;
		table->removals = cs_removal_count(binding->slot);
		table->next = tables;
		tables = table;
		old |= cs_removal_xid(binding->slot) >= xmin;
	}
	return old ? tables : NULL;
}

/*
 * Replace the statement's snapshot by a later one.
 */
static void
replace_snapshot(QueryDesc *query)
{
	Snapshot	old = query->snapshot;
	CommandId	curcid = old->curcid;

	PopActiveSnapshot();
	PushCopiedSnapshot(GetLatestSnapshot());
	GetActiveSnapshot()->curcid = curcid;
	query->snapshot = RegisterSnapshot(GetActiveSnapshot());
	UnregisterSnapshot(old);
}

/* ----- parallel workers ----- */

/*
 * Whether the statement calls functions that are not PostgreSQL's own.
 */
static bool
calls_functions(const PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->invalItems)
		if (lfirst_node(PlanInvalItem, lc)->cacheId == PROCOID)
		return true;
	return false;
}

/*
 * Have the statement executed without workers.  The plan may be in the plan
 * cache, so a copy is changed.
 */
static void
use_no_workers(QueryDesc *query)
{
	PlannedStmt *stmt = palloc(sizeof(PlannedStmt));

	memcpy(stmt, query->plannedstmt, sizeof(PlannedStmt));
	stmt->parallelModeNeeded = false;
	query->plannedstmt = stmt;
}

/* ----- the hook ----- */

/*
 * Start a statement with its snapshot, without nodes that it does not need.
 */
static void
start(QueryDesc *query, int eflags)
{
	PlannedStmt *planned = query->plannedstmt;
	MemoryContext changed = NULL;

	if (cs_mergeleave_planned && query->snapshot != InvalidSnapshot && cs_shmem_ready() &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		changed = cs_mergeleave_take_place(query);
	if (next_executor_start != NULL)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (changed == NULL)
		return;
	MemoryContextSetParent(changed, query->estate->es_query_cxt);
	query->plannedstmt = planned;
}

/*
 * Start a statement under a later snapshot.
 */
static void
start_later(QueryDesc *query, int eflags, Counted *tables)
{
	Snapshot	snapshot = started.snapshot;
	Counted    *outer = started.tables;

	/* the counts were read before */
	pg_read_barrier();
	replace_snapshot(query);
	started.snapshot = query->snapshot;
	started.tables = tables;
	PG_TRY();
	{
		start(query, eflags);
	}
	PG_FINALLY();
	{
		started.snapshot = snapshot;
		started.tables = outer;
	}
	PG_END_TRY();
}

/*
 * Start a statement that may have deferred changes to merge.
 */
static void
start_merging(QueryDesc *query, int eflags)
{
	Counted    *tables = NULL;

	CS_TEST_POINT("merge_start");
	if (cs_removal_last_xid() >= cs_snapshot_widen(query->snapshot->xmin) &&
		may_replace(query))
		tables = find_tables(query);
	if (tables == NULL)
		start(query, eflags);
	else
		start_later(query, eflags, tables);
}

/*
 * A scan that begins has found the snapshot of its statement too old, or
 * cannot tell.
 */
void
cs_mergestart_found_old(void)
{
	found_old = true;
}

/*
 * Whether the statement, which has started, should be started once more.  What
 * this transaction has flushed is not seen better by a later snapshot.
 */
static bool
is_worth_another_start(const QueryDesc *query)
{
	return found_old && !cs_xactdelta_has_flushed() && find_tables(query) != NULL;
}

/*
 * End a statement of which nothing has been executed, nor is now: not the
 * statements in its WITH either.  What the hooks of others have noted is in
 * its memory.
 */
static void
end_unexecuted(QueryDesc *query)
{
	query->estate->es_auxmodifytables = NIL;
	standard_ExecutorFinish(query);
	standard_ExecutorEnd(query);
}

/*
 * Start a statement until none of its scans has found its snapshot too old.
 */
static void
start_as_late_as_needed(QueryDesc *query, int eflags)
{
	bool		outer = found_old;

	for (;;)
	{
		bool		replaceable = may_replace(query);

		found_old = false;
		start_merging(query, eflags);
		if (!replaceable || !is_worth_another_start(query))
			break;
		end_unexecuted(query);
		CHECK_FOR_INTERRUPTS();
	}
	found_old = outer;
}

/*
 * Hook of ExecutorStart_hook.
 */
static void
executor_start(QueryDesc *query, int eflags)
{
	if (query->plannedstmt->parallelModeNeeded && cs_xactdelta_has_any() &&
		calls_functions(query->plannedstmt))
		use_no_workers(query);
	if (cs_merge_deferred && cs_shmem_ready() && query->snapshot != InvalidSnapshot &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		start_as_late_as_needed(query, eflags);
	else
		start(query, eflags);
}

/*
 * Open a cursor for a plan that reads a table with deferred writes, under a
 * snapshot that is taken for it, with what is deferred whatever the settings.
 */
Portal
cs_mergestart_open(const CsBinding *binding, SPIPlanPtr plan)
{
	Snapshot	snapshot = started.snapshot;
	Counted    *outer = started.tables;
	Counted		counted = {.slot = binding->slot,.removals = cs_removal_count(binding->slot)};
	Snapshot	fresh;
	Portal		portal;

	pg_read_barrier();
	fresh = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(fresh);
	started.snapshot = fresh;
	started.tables = &counted;
	cs_mergeview_forced++;
	PG_TRY();
	{
		portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	}
	PG_FINALLY();
	{
		cs_mergeview_forced--;
		started.snapshot = snapshot;
		started.tables = outer;
	}
	PG_END_TRY();
	PopActiveSnapshot();
	UnregisterSnapshot(fresh);
	return portal;
}

void
cs_mergestart_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}
