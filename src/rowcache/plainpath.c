/*-------------------------------------------------------------------------
 *
 * plainpath.c
 *		Paths for plain SELECTs by key of attached tables.
 *
 * The path is one of the table's own, beside its index scans, and competes
 * with them by cost.  So what is above it (LIMIT, joins, aggregates, cursors)
 * needs no code here.  It is offered when conditions determine the primary
 * key (plainmatch.c) and the cache is estimated to be faster (plaincost.c).
 * Values of other tables make it the inner side of a nested loop.
 *
 * A partition is read from the cache of the table that is attached, if rows
 * have the same layout in both.  So a SELECT of a partitioned table by key has
 * the path in the place of a partition's index scan, below its Append.
 *
 * It is not offered
 *
 *		for UPDATE, DELETE and MERGE, nor with FOR UPDATE and its like, which
 *		find a row again by its ctid and have to lock it
 *		if the statement uses xmax, cmin or cmax, which change without a
 *		trigger, or pg_column_size() and its like: the cache has values
 *		uncompressed
 *		by conditions that a condition of a policy or a security barrier has to
 *		precede
 *		for tables whose cache has something else than the table: write_back,
 *		and those with a loader function
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/partition.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "compat.h"
#include "guc.h"
#include "relation/binding.h"
#include "rowcache/plainanswer.h"
#include "rowcache/plaincost.h"
#include "rowcache/plainmatch.h"
#include "rowcache/plainpath.h"
#include "rowcache/plainscan.h"
#include "shmem.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* It must be at least so much better, or the index scan is used. */
#define WORTH_RATIO		0.97

/* ----- the path ----- */

/* Elements of the path's custom_private. */
enum
{
	PRIVATE_SOURCE,				/* OIDs, as in CsPlainSource */
	PRIVATE_FORM,				/* integers: CsPlainKey's rows, whether the
								 * conditions say no more than the key, and
								 * CsPlainKey's lists */
	PRIVATE_VALUES,
	PRIVATE_GIVEN,
	PRIVATE_CLAUSES				/* RestrictInfos that the keys are made of */
};

/*
 * The conditions that the keys are made of, with the column on the left side,
 * as an index scan shows them.
 */
static List *
shown_clauses(PlannerInfo *root, Index relid, List *used)
{
	List	   *clauses = extract_actual_clauses(used, false);
	ListCell   *lc;

	foreach(lc, clauses)
	{
		OpExpr	   *clause = lfirst(lc);

		if (!IsA(clause, OpExpr) ||
			bms_is_member(relid, pull_varnos(root, linitial(clause->args))))
			continue;
		lfirst(lc) = clause = copyObject(clause);
		CommuteOpExpr(clause);
	}
	return clauses;
}

/*
 * Make the plan node.  The conditions that the key is made of hold for each
 * row that has it.
 */
static Plan *
plan_plain(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		   List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	List	   *oids = list_nth(path->custom_private, PRIVATE_SOURCE);
	List	   *form = list_nth(path->custom_private, PRIVATE_FORM);
	List	   *used = list_nth(path->custom_private, PRIVATE_CLAUSES);
	CsPlainSource source = {linitial_oid(oids), lsecond_oid(oids), lthird_oid(oids)};
	CsPlainKey	key;

	key.rows = linitial_int(form) != 0;
	key.lists = list_copy_tail(form, 2);
	key.values = list_nth(path->custom_private, PRIVATE_VALUES);
	key.given = list_nth(path->custom_private, PRIVATE_GIVEN);
	if (lsecond_int(form) != 0)
		clauses = list_difference(clauses, used);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->scan.scanrelid = rel->relid;
	scan->flags = path->flags;
	cs_plainscan_set_key(scan, &source, &key, shown_clauses(root, rel->relid, used));
	return &scan->scan.plan;
}

/*
 * Translate what refers to a table that a partition takes the place of, for a
 * join of the single partitions.
 */
static List *
reparameterize_plain(PlannerInfo *root, List *custom_private, RelOptInfo *child)
{
	List	   *result = list_copy(custom_private);

	lfirst(list_nth_cell(result, PRIVATE_VALUES)) =
		cs_adjust_attrs(root, list_nth(custom_private, PRIVATE_VALUES), child);
	lfirst(list_nth_cell(result, PRIVATE_CLAUSES)) =
		cs_adjust_attrs(root, list_nth(custom_private, PRIVATE_CLAUSES), child);
	return result;
}

static const CustomPathMethods path_methods = {
	.CustomName = "CacheRead",
	.PlanCustomPath = plan_plain,
	.ReparameterizeCustomPathByChild = reparameterize_plain
};

/*
 * The index scan for the same key, or for one of the keys, for its cost.
 */
static IndexPath *
index_path(const CsPlainTable *table, const CsPlainMatch *match, Relids outer)
{
	List	   *clauses = NIL;
	double		loops = 0;
	int			relid = -1;

	for (int i = 0; i < table->binding->nkeys; i++)
	{
		IndexClause *clause = makeNode(IndexClause);
		RestrictInfo *info = match[i].clause;

		clause->rinfo = info;
		if (match[i].commuted)
			info = commute_restrictinfo(info, get_commutator(((OpExpr *) info->clause)->opno));
		clause->indexquals = list_make1(info);
		clause->indexcol = i;
		clauses = lappend(clauses, clause);
	}
	while ((relid = bms_next_member(outer, relid)) >= 0)
	{
		const RelOptInfo *other = relid < table->root->simple_rel_array_size ?
		table->root->simple_rel_array[relid] : NULL;

		if (other != NULL && other->rows > 0 && (loops == 0 || other->rows < loops))
			loops = other->rows;
	}
	return create_index_path(table->root, table->index, clauses, NIL, NIL, NIL,
							 ForwardScanDirection, false, outer, Max(loops, 1), false);
}

/* What an index scan costs more before 18 if it is disabled. */
#define DISABLED_COST	1.0e10

/*
 * The cost of the planner's own scan of the index by the same OR, if there is
 * one and it is cheaper: from 18 on the planner makes a list of it.
 */
static Cost
cost_as_list(const CsPlainTable *table, const CsPlainMatches *matches,
			 const ParamPathInfo *param, Cost cost)
{
	ListCell   *lc;

	foreach(lc, table->rel->pathlist)
	{
		IndexPath  *path = lfirst(lc);

		if (IsA(path, IndexPath) && path->indexinfo == table->index &&
			path->path.param_info == param && list_length(path->indexclauses) == 1 &&
			linitial_node(IndexClause, path->indexclauses)->rinfo == linitial(matches->clauses))
			cost = Min(cost, path->path.total_cost);
	}
	return cost;
}

/*
 * What the path has to know of the key.
 */
static List *
private_of(const CsPlainTable *table, const CsPlainMatches *matches)
{
	List	   *form = list_make2_int(matches->rows, matches->exact);
	List	   *values = NIL;
	List	   *given = NIL;

	for (int i = 0; i < matches->n; i++)
	{
		values = lappend(values, matches->match[i].value);
		given = lappend_oid(given, matches->match[i].given);
		if (!matches->rows)
			form = lappend_int(form, matches->match[i].list);
	}
	return list_make5(list_make3_oid(table->binding->relid, table->binding->key_index,
									 table->index->indexoid),
					  form, values, given, matches->clauses);
}

/*
 * Add the path with these keys.
 */
static void
add_plain_path(CsPlainTable *table, const CsPlainMatches *matches, Relids outer,
			   ParamPathInfo *param)
{
	CustomPath *path = makeNode(CustomPath);
	IndexPath  *index = index_path(table, matches->match, outer);
	Cost		cost = index->path.total_cost;

	if (cost >= DISABLED_COST)
		cost -= DISABLED_COST;
	if (matches->rows)
		cost = cost_as_list(table, matches, param, cost * matches->n / table->binding->nkeys);
	path->path.pathtype = T_CustomScan;
	path->path.parent = table->rel;
	path->path.pathtarget = table->rel->reltarget;
	path->path.param_info = param;
	path->path.rows = index->path.rows;
	path->path.startup_cost = 0;
	path->path.total_cost = Max(cost * table->ratio,
								path->path.rows * (cpu_tuple_cost + cpu_operator_cost));
	path->flags = CUSTOMPATH_SUPPORT_BACKWARD_SCAN | CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = private_of(table, matches);
	path->methods = &path_methods;
	add_path(table->rel, &path->path);
}

/*
 * Offer the path with values of these other tables, if there are any, for
 * conditions on the whole key.  Returns false if there are not.
 */
static bool
offer(CsPlainTable *table, Relids outer)
{
	CsPlainMatches matches;
	ParamPathInfo *param = get_baserel_parampathinfo(table->root, table->rel, outer);
	List	   *clauses = table->rel->baserestrictinfo;

	if (param != NULL)
		clauses = list_concat_copy(clauses, param->ppi_clauses);
	if (!cs_plainmatch_key(table, clauses, &matches))
		return false;
	if (table->ratio == 0)
		table->ratio = cs_plaincost_ratio(table);
	if (table->ratio <= WORTH_RATIO)
		add_plain_path(table, &matches, outer, param);
	return true;
}

/* ----- values of other tables ----- */

typedef struct Wanted
{
	const CsPlainTable *table;
	int			column;
} Wanted;

/* Callback of generate_implied_equalities_for_column(). */
static bool
is_wanted(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em,
		  void *arg)
{
	const Wanted *wanted = arg;

	return cs_plainmatch_is_column(wanted->table, (Node *) em->em_expr, wanted->column);
}

/*
 * Conditions on columns of the key with values of other tables.
 */
static List *
joining_clauses(const CsPlainTable *table)
{
	RelOptInfo *rel = table->rel;
	List	   *found = NIL;
	ListCell   *lc;

	for (int i = 0; i < table->binding->nkeys; i++)
	{
		Wanted		wanted = {table, i};
		CsPlainMatch match;

		foreach(lc, rel->joininfo)
		{
			RestrictInfo *clause = lfirst_node(RestrictInfo, lc);

			if (join_clause_is_movable_to(clause, rel) && cs_plainmatch_clause(table, i, clause, &match))
				found = lappend(found, clause);
		}
		if (rel->has_eclass_joins)
			found = list_concat(found,
								generate_implied_equalities_for_column(table->root, rel, is_wanted,
																	   &wanted, rel->lateral_referencers));
	}
	return found;
}

/* Add the set to the list, unless an equal one is there. */
static List *
add_set(List *sets, Relids set)
{
	ListCell   *lc;

	foreach(lc, sets)
		if (bms_equal(lfirst(lc), set))
		return sets;
	return lappend(sets, set);
}

/*
 * Offer paths with values of other tables: of those that one condition needs,
 * and of all together.
 */
static void
offer_joined(CsPlainTable *table)
{
	List	   *tried = NIL;
	Relids		all = bms_copy(table->rel->lateral_relids);
	ListCell   *lc;

	foreach(lc, joining_clauses(table))
	{
		Relids		outer = bms_difference(lfirst_node(RestrictInfo, lc)->clause_relids,
										   table->rel->relids);

		outer = bms_difference(bms_union(outer, table->rel->lateral_relids),
							   cs_outer_joins(table->root));
		all = bms_union(all, outer);
		tried = add_set(tried, outer);
	}
	if (tried != NIL && table->binding->nkeys > 1)
		tried = add_set(tried, all);
	foreach(lc, tried)
		if (!bms_is_empty(lfirst(lc)))
		(void) offer(table, lfirst(lc));
}

/* ----- the hook ----- */

/*
 * Whether a path may be offered for the table at all; the cheapest questions
 * first, as they are asked for each table of each statement.
 */
static bool
may_offer(const PlannerInfo *root, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	const Query *query = root->parse;

	return rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_RELATION &&
		rte->relid >= FirstNormalObjectId && IS_SIMPLE_REL(rel) &&
		rel->indexlist != NIL && !rte->inh && rte->tablesample == NULL &&
		(query->commandType == CMD_SELECT || query->commandType == CMD_INSERT) &&
		query->rowMarks == NIL && root->rowMarks == NIL &&
		(rel->baserestrictinfo != NIL || rel->joininfo != NIL || rel->has_eclass_joins);
}

/* Whether the statement uses a system column that the cache does not have. */
static bool
uses_other_system_columns(const RelOptInfo *rel)
{
	Bitmapset  *used = NULL;
	ListCell   *lc;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, rel->relid, &used);
	for (AttrNumber attnum = FirstLowInvalidHeapAttributeNumber + 1; attnum < 0; attnum++)
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used) &&
			attnum != SelfItemPointerAttributeNumber &&
			attnum != MinTransactionIdAttributeNumber && attnum != TableOidAttributeNumber)
			return true;
	return false;
}

/* For check_functions_in_node(): whether it tells how a value is stored. */
static bool
tells_storage(Oid function, void *context)
{
	return function == F_PG_COLUMN_SIZE || function == F_PG_COLUMN_COMPRESSION ||
		function == CS_F_PG_COLUMN_TOAST_CHUNK_ID;
}

/*
 * Walker: whether functions are used that tell how a value is stored, which is
 * not how the cache keeps it.
 */
static bool
asks_for_storage(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, tells_storage, NULL))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, asks_for_storage, context, 0);
	return expression_tree_walker(node, asks_for_storage, context);
}

/*
 * Whether the query of the table, or one that it is part of, asks how values
 * are stored.  So may a subquery to which a value is passed, of which only its
 * plan is left in the query.
 */
static bool
shows_storage(const PlannerInfo *root)
{
	ListCell   *lc;

	foreach(lc, root->glob->subroots)
		if (asks_for_storage((Node *) lfirst_node(PlannerInfo, lc)->parse, NULL))
		return true;
	for (; root != NULL; root = root->parent_root)
		if (asks_for_storage((Node *) root->parse, NULL))
			return true;
	return false;
}

/*
 * Whether the index is the primary key's, or the part of it that a partition
 * has.
 */
static bool
is_key_index(const CsBinding *binding, IndexOptInfo *index, Oid relid)
{
	return index->indexoid == binding->key_index ||
		(relid != binding->relid && index->unique && index->immediate &&
		 get_rel_relispartition(index->indexoid) &&
		 list_member_oid(get_partition_ancestors(index->indexoid), binding->key_index));
}

/* The planner's description of the primary key's index; NULL if not usable. */
static IndexOptInfo *
find_index(const CsBinding *binding, const RelOptInfo *rel, Oid relid)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (is_key_index(binding, lfirst_node(IndexOptInfo, lc), relid))
		return lfirst_node(IndexOptInfo, lc);
	return NULL;
}

/*
 * The binding of the table that a partition is a part of; NULL if that is not
 * attached, or its rows are laid out in another way.
 */
static CsBinding *
binding_of_whole(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	CsBinding  *binding = NULL;

	if (rel == NULL)
		return NULL;
	if (rel->rd_rel->relispartition && rel->rd_rel->relhastriggers)
	{
		int			n;
		CsTarget   *targets = cs_binding_targets(rel, &n);

		for (int i = 0; i < n && binding == NULL; i++)
			if (targets[i].map == NULL && cs_tree_has(&targets[i].binding->tree, relid))
				binding = targets[i].binding;
	}
	RelationClose(rel);
	return binding;
}

/*
 * The binding whose cache has the table's rows; NULL if there is none.
 */
static CsBinding *
find_binding(Oid relid)
{
	CsBinding  *binding;

	if (cs_binding_is_bare(relid))
		return NULL;
	binding = cs_binding_peek(relid);
	return binding != NULL ? binding : binding_of_whole(relid);
}

/* Whether plain SELECTs of the table are to be answered from the cache. */
static bool
is_wanted_by_user(const CsBinding *binding)
{
	return binding->options.plain_reads == CS_PLAIN_ON ||
		(binding->options.plain_reads == CS_PLAIN_AS_SET && cs_plain_reads);
}

/*
 * Hook of set_rel_pathlist_hook: offer the paths.
 */
static void
add_plain_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	CsPlainTable table = {0};

	if (next_pathlist_hook != NULL)
		next_pathlist_hook(root, rel, rti, rte);
	if (!may_offer(root, rel, rte) || !cs_shmem_ready())
		return;
	table.root = root;
	table.rel = rel;
	table.binding = find_binding(rte->relid);
	if (table.binding == NULL || !is_wanted_by_user(table.binding))
		return;
	table.index = find_index(table.binding, rel, rte->relid);
	if (table.index == NULL || !cs_enabled || !cs_plainanswer_serves(table.binding) ||
		uses_other_system_columns(rel) || shows_storage(root) || IsParallelWorker() ||
		RecoveryInProgress())
		return;
	if (!offer(&table, rel->lateral_relids))
		offer_joined(&table);
}

void
cs_plainpath_init(void)
{
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_plain_paths;
}
