/*-------------------------------------------------------------------------
 *
 * mergepath.c
 *		Paths that merge the rows of a table with their deferred changes.
 *
 * Each path of a table whose writes can be deferred is replaced by one around
 * it, of the same cost.  Whether there is anything to merge is decided when
 * the plan is executed (mergescan.c).  A path that is ordered by a column that
 * can be deferred counts as one that finds its rows by it.
 *
 * The table that an UPDATE, DELETE or MERGE changes is one of these if a
 * condition uses such a column: then other rows may satisfy it than the table
 * has.  If that is a condition on the table alone, the rows are given as the
 * table has them.  If a join uses the column, they are given merged, and what
 * the statement sets is computed once more (recheck.c).  Scans by parallel
 * workers are not offered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "guc.h"
#include "mergescan/mergeleave.h"
#include "mergescan/mergepath.h"
#include "mergescan/mergeplan.h"
#include "mergescan/mergescan.h"
#include "mergescan/mergestart.h"
#include "mergescan/mergeview.h"
#include "relation/binding.h"
#include "shmem.h"
#include "writeback/merge.h"
#include "writeback/recheck.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* The table. */
typedef struct Table
{
	PlannerInfo *root;
	RelOptInfo *rel;
	Bitmapset  *columns;		/* that can be deferred; attribute numbers */
	bool		changes;		/* the statement changes rows of the table */
	bool		joins;			/* and joins them by such columns */
	bool		locks;			/* or locks them */
} Table;

static const CustomPathMethods path_methods;

/* ----- columns ----- */

static bool
is_deferrable(const Table *table, AttrNumber attnum)
{
	return attnum == InvalidAttrNumber || bms_is_member(attnum, table->columns);
}

/*
 * Whether the expression uses a column of the table that can be deferred.
 */
static bool
uses_deferrable(const Table *table, Node *node, Index varno)
{
	Bitmapset  *used = NULL;
	int			i = -1;

	pull_varattnos(node, varno, &used);
	while ((i = bms_next_member(used, i)) >= 0)
	{
		AttrNumber	attnum = i + FirstLowInvalidHeapAttributeNumber;

		if (attnum >= 0 && is_deferrable(table, attnum))
			return true;
	}
	return false;
}

/* ----- how a path finds rows ----- */

static bool
index_uses_deferrable(const Table *table, const IndexPath *path)
{
	const IndexOptInfo *index = path->indexinfo;
	ListCell   *lc;

	if (index->indpred != NIL &&
		uses_deferrable(table, (Node *) index->indpred, table->rel->relid))
		return true;
	foreach(lc, path->indexclauses)
	{
		const IndexClause *clause = lfirst_node(IndexClause, lc);

		if (uses_deferrable(table, (Node *) clause->rinfo->clause, table->rel->relid))
			return true;
	}
	return path->indexorderbys != NIL &&
		uses_deferrable(table, (Node *) path->indexorderbys, table->rel->relid);
}

static bool any_uses_deferrable(const Table *table, List *paths);

/*
 * Whether the path finds its rows by a column that can be deferred.
 */
static bool
finds_by_deferrable(const Table *table, const Path *path)
{
	if (IsA(path, IndexPath))
		return index_uses_deferrable(table, (const IndexPath *) path);
	if (IsA(path, BitmapHeapPath))
		return finds_by_deferrable(table, ((const BitmapHeapPath *) path)->bitmapqual);
	if (IsA(path, BitmapAndPath))
		return any_uses_deferrable(table, ((const BitmapAndPath *) path)->bitmapquals);
	if (IsA(path, BitmapOrPath))
		return any_uses_deferrable(table, ((const BitmapOrPath *) path)->bitmapquals);
	return false;
}

static bool
any_uses_deferrable(const Table *table, List *paths)
{
	ListCell   *lc;

	foreach(lc, paths)
		if (finds_by_deferrable(table, lfirst(lc)))
		return true;
	return false;
}

/* ----- order ----- */

/*
 * A column of the table that has the value by which the path is ordered; NULL
 * if there is none.  *late is set if one that can be deferred has it.
 */
static const Var *
ordering_column(const Table *table, const PathKey *key, Oid *type, bool *late)
{
	const Var  *found = NULL;
	ListCell   *lc;

	*late = false;
	foreach(lc, key->pk_eclass->ec_members)
	{
		const EquivalenceMember *member = lfirst_node(EquivalenceMember, lc);
		const Var  *var = (const Var *) member->em_expr;

		if (!IsA(var, Var) || var->varno != table->rel->relid || var->varlevelsup != 0 ||
			var->varattno <= 0)
			continue;
		*late |= is_deferrable(table, var->varattno);
		if (found != NULL)
			continue;
		*type = member->em_datatype;
		found = var;
	}
	return found;
}

/*
 * The part of the path's order that merging keeps, and how to compare rows by
 * it.  If a column of it can be deferred, all rows with deferred changes are
 * given apart, as if the scan found its rows by that column.
 */
static List *
kept_order(const Table *table, List *pathkeys, CsMergePlan *plan)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, pathkeys)
	{
		PathKey    *key = lfirst_node(PathKey, lc);
		bool		late;
		Oid			type;
		const Var  *var = ordering_column(table, key, &type, &late);
		Oid			operator;

		if (var == NULL)
			break;
		operator = cs_pathkey_operator(key, type);
		if (!OidIsValid(operator))
			break;
		kept = lappend(kept, key);
		plan->by_deferrable |= late;
		plan->attnums = lappend_int(plan->attnums, var->varattno);
		plan->operators = lappend_oid(plan->operators, operator);
		plan->collations = lappend_oid(plan->collations, key->pk_eclass->ec_collation);
		plan->nulls_first = lappend_int(plan->nulls_first, key->pk_nulls_first);
	}
	return kept;
}

/* ----- wrapping a path ----- */

static bool
is_scan(const Path *path)
{
	switch (path->pathtype)
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
			return true;
		default:
			return false;
	}
}

/*
 * The paths that the node chooses from.
 */
static List *
children(const Table *table, Path *path, CsMergePlan *plan)
{
	List	   *paths = list_make1(path);

	if (path->pathtype == T_IndexOnlyScan)
	{
		IndexPath  *copy = makeNode(IndexPath);

		memcpy(copy, path, sizeof(IndexPath));
		copy->path.pathtype = T_IndexScan;
		paths = lappend(paths, copy);
		plan->merging = true;
	}
	if (plan->by_deferrable)
	{
		paths = lappend(paths, create_seqscan_path(table->root, table->rel,
												   PATH_REQ_OUTER(path), 0));
		plan->whole = true;
	}
	return paths;
}

/*
 * The path around another one.  An index-only scan returns what the index has,
 * so nothing else can be asked of the node above it.
 */
static Path *
wrap(const Table *table, Path *path)
{
	CustomPath *merge = makeNode(CustomPath);
	CsMergePlan *plan = palloc0(sizeof(CsMergePlan));
	int			attnum = -1;

	plan->by_deferrable = finds_by_deferrable(table, path);
	plan->sampled = path->pathtype == T_SampleScan;
	plan->changes = table->changes && !table->joins;
	/* what is not in the table cannot be changed or locked */
	plan->adds = !table->changes && !table->locks && !plan->sampled;
	while ((attnum = bms_next_member(table->columns, attnum)) >= 0)
		plan->columns = lappend_int(plan->columns, attnum);
	merge->path = *path;
	merge->path.type = T_CustomPath;
	merge->path.pathtype = T_CustomScan;
	merge->path.parallel_aware = false;
	merge->path.parallel_safe = false;
	merge->path.parallel_workers = 0;
	merge->path.pathkeys = kept_order(table, path->pathkeys, plan);
	merge->custom_paths = children(table, path, plan);
	if (path->pathtype != T_IndexOnlyScan)
		merge->flags |= CUSTOMPATH_SUPPORT_PROJECTION;
	/* never copied: it is used when the plan is made */
	merge->custom_private = (List *) plan;
	merge->methods = &path_methods;
	return &merge->path;
}

/* ----- the plan ----- */

/*
 * The scan below a node for conditions that do not depend on rows, which the
 * planner puts above this node as well.
 */
static Plan *
below_gate(Plan *plan)
{
	while (IsA(plan, Result) && outerPlan(plan) != NULL)
		plan = outerPlan(plan);
	return plan;
}

/*
 * Make the plan node.
 */
static Plan *
plan_merge(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
		   List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	CsMergePlan *plan = (CsMergePlan *) path->custom_private;
	ListCell   *lc;

	foreach(lc, custom_plans)
		lfirst(lc) = below_gate(lfirst(lc));
	scan->scan.plan.targetlist = tlist;
	scan->scan.scanrelid = rel->relid;
	scan->flags = path->flags;
	if (ExecSupportsBackwardScan(linitial(custom_plans)))
		scan->flags |= CUSTOMPATH_SUPPORT_BACKWARD_SCAN;
	scan->custom_plans = custom_plans;
	plan->clauses = extract_actual_clauses(clauses, false);
	cs_mergeplan_set(scan, plan);
	scan->methods = &cs_mergescan_methods;
	cs_mergeleave_planned = true;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "MergeDeferred",
	.PlanCustomPath = plan_merge
};

/* ----- the hook ----- */

/*
 * Whether rows of the table may have to be merged at all; the cheapest
 * questions first, as they are asked for each table of each statement.
 */
static bool
may_merge(const RelOptInfo *rel, const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_RELATION && !rte->inh &&
		rte->relid >= FirstNormalObjectId && rel->pathlist != NIL &&
		(cs_merge_deferred || cs_mergeview_forced > 0);
}

/*
 * Whether pg_dump reads the table to write its rows as INSERTs.  The journal
 * is dumped as well, under the same snapshot, so what is deferred would be in
 * the dump twice.
 */
static bool
is_dumped(void)
{
	static const char dump[] = "DECLARE _pg_dump_cursor ";

	return debug_query_string != NULL && strncmp(debug_query_string, dump, strlen(dump)) == 0;
}

/*
 * Whether the statement locks rows of the table.
 */
static bool
locks_rows(const PlannerInfo *root, Index rti)
{
	ListCell   *lc;

	foreach(lc, root->rowMarks)
	{
		const PlanRowMark *mark = lfirst_node(PlanRowMark, lc);

		if (mark->rti == rti)
			return RowMarkRequiresRowShareLock(mark->markType);
	}
	return false;
}

/*
 * Whether a condition on the table alone uses a column that can be deferred.
 */
static bool
has_late_condition(const Table *table)
{
	ListCell   *lc;

	foreach(lc, table->rel->baserestrictinfo)
		if (uses_deferrable(table, (Node *) lfirst_node(RestrictInfo, lc)->clause,
							table->rel->relid))
		return true;
	return false;
}

/*
 * Whether the column of a table, 0 for the row, is used above the table's scan
 * by more than the statement's result.
 */
static bool
is_joined_by(const PlannerInfo *root, Index rti, AttrNumber attnum)
{
	const RelOptInfo *rel = root->simple_rel_array[rti];
	const Bitmapset *needed;
	int			i = -1;

	/* it is known for the table that the statement names */
	while (IS_OTHER_REL(rel))
	{
		const		AppendRelInfo *info = root->append_rel_array[rti];

		if (attnum > 0 && (attnum = info->parent_colnos[attnum - 1]) == 0)
			return false;
		rti = info->parent_relid;
		rel = root->simple_rel_array[rti];
	}
	needed = rel->attr_needed[attnum - rel->min_attr];
	while ((i = bms_next_member(needed, i)) >= 0)
		if (i != 0 && i != rti)
			return true;
	return false;
}

static bool
has_late_join(const Table *table)
{
	int			attnum = -1;

	while ((attnum = bms_next_member(table->columns, attnum)) >= 0)
		if (is_joined_by(table->root, table->rel->relid, attnum))
			return true;
	return is_joined_by(table->root, table->rel->relid, InvalidAttrNumber);
}

/*
 * Hook of set_rel_pathlist_hook: wrap the paths.
 */
static void
wrap_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	Table		table = {.root = root,.rel = rel};
	CsBinding  *binding;
	ListCell   *lc;

	if (next_pathlist_hook != NULL)
		next_pathlist_hook(root, rel, rti, rte);
	if (!may_merge(rel, rte) || !cs_shmem_ready())
		return;
	binding = cs_mergestart_binding(rte->relid);
	if (binding == NULL || is_dumped())
		return;
	table.columns = bms_copy(cs_merge_get(binding)->attnums);
	table.changes = bms_is_member(rti, root->all_result_relids);
	table.locks = locks_rows(root, rti);
	table.joins = table.changes && has_late_join(&table);
	if (table.changes && !table.joins && !has_late_condition(&table))
		return;
	foreach(lc, rel->pathlist)
		if (is_scan(lfirst(lc)))
		lfirst(lc) = wrap(&table, lfirst(lc));
	rel->partial_pathlist = NIL;
}

void
cs_mergepath_init(void)
{
	RegisterCustomScanMethods(&cs_mergescan_methods);
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = wrap_paths;
	cs_recheck_gives_merged = cs_mergescan_gives_merged;
}
