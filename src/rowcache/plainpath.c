/*-------------------------------------------------------------------------
 *
 * plainpath.c
 *		Paths for plain SELECTs by key of attached tables.
 *
 * The path is one of the table's own, beside its index scans, and competes
 * with them by cost.  So what is above it (LIMIT, joins, aggregates, cursors)
 * needs no code here.  It is offered when equality with known values is
 * required for all columns of the primary key, by operators that mean the
 * same as equality of keys in the cache; for a key of one column, also
 * equality with any element of an array.  Values of other tables make it the
 * inner side of a nested loop.
 *
 * It is not offered
 *
 *		for UPDATE, DELETE and MERGE, nor with FOR UPDATE and its like, which
 *		find a row again by its ctid and have to lock it
 *		if the statement uses xmax, cmin or cmax, which change without a
 *		trigger, or pg_column_size() and its like: the cache has values
 *		uncompressed
 *		for tables with row-level security, and by conditions that a condition
 *		of a security barrier has to precede
 *		for tables whose cache has something else than the table: write_back,
 *		and those with a loader function
 *
 * Cost.  The planner's cost of an index scan is what reading pages from disk
 * costs, so it is no measure of what a hit in the cache saves.  The path's
 * cost is the cost of the same index scan times the estimated ratio of CPU
 * times (see ratio_to_index_scan).  So it changes little in what joins and
 * other tables are compared with, and is less than the index scan's only if
 * the cache is estimated to be faster.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "guc.h"
#include "relation/binding.h"
#include "rowcache/plainpath.h"
#include "rowcache/plainscan.h"
#include "shmem.h"
#include "store/counters.h"
#include "store/store.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* The table and its key. */
typedef struct Table
{
	PlannerInfo *root;
	RelOptInfo *rel;
	CsBinding  *binding;
	IndexOptInfo *index;
	double		ratio;			/* of CPU times, to the index scan; 0: not yet
								 * known */
} Table;

/* A condition on a column of the key. */
typedef struct Match
{
	RestrictInfo *clause;
	Expr	   *value;
	Oid			given;			/* as in CsPlainKey */
	bool		list;
	bool		commuted;		/* the column is on the right side */
} Match;

/* ----- conditions ----- */

/*
 * Whether the expression is this column of the table.
 */
static bool
is_column(const Table *table, Node *node, AttrNumber attnum)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node != NULL && IsA(node, Var) && ((Var *) node)->varno == table->rel->relid &&
		((Var *) node)->varattno == attnum && ((Var *) node)->varlevelsup == 0;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Whether "column operator value" means that the key's column has this value.
 * A row whose type has no name is not of the column's type: comparing it can
 * be an error, and only if there is a row to compare it with.
 * *given is set if the value has another integer type than the column.
 */
static bool
is_key_equality(const CsKeyColumn *column, Oid operator, Oid type, Oid collation, Oid *given)
{
	type = getBaseType(type);
	*given = InvalidOid;
	if (OidIsValid(column->collation) && column->collation != collation)
		return false;
	if (operator == column->equality)
		return type == column->type || column->operand != column->type;
	*given = type;
	return is_integer(type) && is_integer(column->type) &&
		operator < FirstGenbkiObjectId &&
		get_op_opfamily_strategy(operator, column->opfamily) == BTEqualStrategyNumber;
}

/*
 * Whether the value is known before the table is read, and the same for all
 * rows.
 */
static bool
is_value(const Table *table, Node *value)
{
	return !bms_is_member(table->rel->relid, pull_varnos(table->root, value)) &&
		!contain_volatile_functions(value);
}

static bool
match_operator(const Table *table, const CsKeyColumn *column, OpExpr *clause, Match *match)
{
	Oid			operator = clause->opno;
	Node	   *value;

	if (list_length(clause->args) != 2)
		return false;
	match->commuted = !is_column(table, linitial(clause->args), column->attnum);
	if (match->commuted && !is_column(table, lsecond(clause->args), column->attnum))
		return false;
	if (match->commuted)
		operator = get_commutator(operator);
	value = match->commuted ? linitial(clause->args) : lsecond(clause->args);
	match->value = (Expr *) value;
	match->list = false;
	return OidIsValid(operator) && is_value(table, value) &&
		is_key_equality(column, operator, exprType(value), clause->inputcollid, &match->given);
}

/*
 * "column = ANY (array)", for a key of one column.  Duplicates among the
 * elements are found by the order of the column's type, so that has to be the
 * order of the index.
 */
static bool
match_list(const Table *table, const CsKeyColumn *column, ScalarArrayOpExpr *clause,
		   Match *match)
{
	Node	   *array = lsecond(clause->args);
	Oid			element = get_base_element_type(exprType(array));

	match->commuted = false;
	match->list = true;
	match->value = (Expr *) array;
	return clause->useOr && table->binding->nkeys == 1 && OidIsValid(element) &&
		!table->binding->hashed &&
		is_column(table, linitial(clause->args), column->attnum) && is_value(table, array) &&
		is_key_equality(column, clause->opno, element, clause->inputcollid, &match->given) &&
		lookup_type_cache(column->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf == column->opfamily;
}

/*
 * Whether the condition determines a column of the key.
 */
static bool
match_clause(const Table *table, int column, RestrictInfo *clause, Match *match)
{
	const CsKeyColumn *key = &table->binding->keys[column];

	match->clause = clause;
	if (clause->pseudoconstant || !restriction_is_securely_promotable(clause, table->rel))
		return false;
	if (IsA(clause->clause, OpExpr))
		return match_operator(table, key, (OpExpr *) clause->clause, match);
	if (IsA(clause->clause, ScalarArrayOpExpr))
		return match_list(table, key, (ScalarArrayOpExpr *) clause->clause, match);
	return false;
}

/*
 * Find a condition for each column of the key; a single value rather than a
 * list of them.
 */
static bool
match_key(const Table *table, List *clauses, Match *matches)
{
	for (int i = 0; i < table->binding->nkeys; i++)
	{
		bool		found = false;
		ListCell   *lc;

		foreach(lc, clauses)
		{
			Match		match;

			if (!match_clause(table, i, lfirst_node(RestrictInfo, lc), &match) ||
				(found && match.list))
				continue;
			matches[i] = match;
			found = true;
			if (!match.list)
				break;
		}
		if (!found)
			return false;
	}
	return true;
}

/* ----- cost ----- */

/*
 * CPU times, in the planner's units.  They are of the order of what the two
 * nodes take for a small row whose pages are in shared buffers, and only their
 * ratios matter: a hit takes three quarters of an index scan (HIT), and
 * keeping a row that was missed nearly as much again as the scan itself
 * (FILL).
 */
#define SCAN_COST		(120 * cpu_operator_cost)
#define HIT_COST		(90 * cpu_operator_cost)
#define FILL_COST		(110 * cpu_operator_cost)
#define BYPASS_COST		(20 * cpu_operator_cost)
#define COPY_COST		(cpu_operator_cost / 512)	/* of a byte */
#define CHUNK_COST		(20 * cpu_operator_cost)	/* of a TOAST chunk */
#define CHUNK_SIZE		2000

/*
 * What is assumed of a table before it is known: PRIOR_READS reads, nine of
 * ten of them hits.  plain_reads is off unless it is set for the table or the
 * session, and setting it expects hits.  A path that had to prove itself first
 * would never be used, because reads that do not go through the cache are not
 * counted.  What is measured outweighs it after some hundred reads.
 */
#define PRIOR_READS		100.0
#define PRIOR_HITS		90.0

/* Shares are rounded, so that plans do not change with each read. */
#define STEPS			20

/* It must be at least so much better, or the index scan is used. */
#define WORTH_RATIO		0.97

/*
 * Shares of hits and of misses in the table's reads.  A miss that has filled
 * an entry which is still there is not counted: a table that is read for the
 * first time has nothing but these, and what counts is what comes later.
 */
static void
measured_shares(const CsBinding *binding, double *hits, double *misses)
{
	uint64		counts[CS_N_COUNTS];
	CsUsage		usage;
	double		hit;
	double		miss;
	double		reads;

	cs_counters_read(binding->slot, counts);
	cs_store_usage(binding->slot, &usage);
	hit = (double) counts[CS_COUNT_HIT] + (double) counts[CS_COUNT_HIT_ABSENT];
	miss = Max((double) counts[CS_COUNT_MISS] - (double) usage.entries, 0);
	reads = hit + miss + (double) counts[CS_COUNT_BYPASS];
	*hits = rint((hit + PRIOR_HITS) / (reads + PRIOR_READS) * STEPS) / STEPS;
	*misses = (1 - *hits) * (miss + PRIOR_READS - PRIOR_HITS) /
		(reads - hit + PRIOR_READS - PRIOR_HITS);
}

/*
 * Average size of a cached row.
 */
static double
cached_size(const Table *table)
{
	CsUsage		usage;
	double		size = 0;

	cs_store_usage(table->binding->slot, &usage);
	if (usage.entries > 0)
		return (double) usage.bytes / usage.entries;
	for (int i = 1; i <= table->rel->max_attr; i++)
		size += Max(get_attavgwidth(table->binding->relid, i), 0);
	return Max(size, 32);
}

/* Average size of a row in the table, without what is in TOAST. */
static double
heap_size(const RelOptInfo *rel)
{
	return rel->tuples > 0 && rel->pages > 0 ?
		Min((double) rel->pages * BLCKSZ / rel->tuples, BLCKSZ) : 0;
}

/*
 * Whether statistics say that the column's values are long: ANALYZE keeps no
 * values of more than 1 kB, so there is no statistic but the width.  Without
 * statistics any value may be long.
 */
static bool
is_long(Oid relid, const FormData_pg_attribute *att)
{
	HeapTuple	tuple;
	bool		result;

	if (att->attisdropped || att->attlen != -1 || att->attstorage == TYPSTORAGE_PLAIN)
		return false;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
							Int16GetDatum(att->attnum), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple))
		return true;
	result = ((Form_pg_statistic) GETSTRUCT(tuple))->stakind1 == 0;
	ReleaseSysCache(tuple);
	return result;
}

/* Whether the statement uses a column whose values are long. */
static bool
uses_long_column(const Table *table)
{
	Bitmapset  *used = NULL;
	int			member = -1;
	ListCell   *lc;

	pull_varattnos((Node *) table->rel->reltarget->exprs, table->rel->relid, &used);
	foreach(lc, table->rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, table->rel->relid, &used);
	while ((member = bms_next_member(used, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum == InvalidAttrNumber)
			return true;
		if (attnum > 0 && is_long(table->binding->relid,
								  TupleDescAttr(table->binding->tupdesc, attnum - 1)))
			return true;
	}
	return false;
}

/*
 * CPU time of the path, divided by that of the index scan.
 *
 * What the cached row is longer than the one in the table is in TOAST, or
 * compressed; the index scan fetches that only if the statement uses it.  What
 * does not fit into shared buffers costs the index scan a page more.
 */
static double
ratio_to_index_scan(const Table *table)
{
	double		size = cached_size(table);
	double		hidden = Max(size - heap_size(table->rel), 0);
	double		pages = table->rel->pages + table->index->pages;
	double		scan = SCAN_COST;
	double		copy = size * COPY_COST;
	double		hits;
	double		misses;

	if (hidden > CHUNK_SIZE && uses_long_column(table))
	{
		scan += (1 + hidden / CHUNK_SIZE) * CHUNK_COST;
		pages += table->rel->tuples * hidden / BLCKSZ;
	}
	if (pages > NBuffers)
		scan += (1 - NBuffers / pages) * random_page_cost;
	measured_shares(table->binding, &hits, &misses);
	return (hits * (HIT_COST + copy) +
			misses * (scan + FILL_COST + 2 * copy) +
			(1 - hits - misses) * (scan + BYPASS_COST)) / scan;
}

/* ----- the path ----- */

static Plan *plan_plain(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
						List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "CacheRead",
	.PlanCustomPath = plan_plain
};

/*
 * Make the plan node.  The conditions that the key is made of hold for each
 * row that has it.
 */
static Plan *
plan_plain(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		   List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	CsPlainKey	key = {
		.index = linitial_oid(linitial(path->custom_private)),
		.list = linitial_int(lsecond(path->custom_private)) != 0,
		.values = lthird(path->custom_private),
		.given = lfourth(path->custom_private)
	};
	List	   *used = list_nth(path->custom_private, 4);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(list_difference_ptr(clauses, used), false);
	scan->scan.scanrelid = rel->relid;
	scan->flags = path->flags;
	key.clauses = extract_actual_clauses(used, false);
	cs_plainscan_set_key(scan, &key);
	return &scan->scan.plan;
}

/*
 * The index scan for the same conditions, for its cost.
 */
static IndexPath *
index_path(const Table *table, const Match *matches, Relids outer)
{
	List	   *clauses = NIL;
	double		loops = 0;
	int			relid = -1;

	for (int i = 0; i < table->binding->nkeys; i++)
	{
		IndexClause *clause = makeNode(IndexClause);
		RestrictInfo *info = matches[i].clause;

		clause->rinfo = info;
		if (matches[i].commuted)
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
 * Add the path with this key.
 */
static void
add_plain_path(Table *table, const Match *matches, Relids outer, ParamPathInfo *param)
{
	CustomPath *path = makeNode(CustomPath);
	IndexPath  *index = index_path(table, matches, outer);
	Cost		cost = index->path.total_cost;
	List	   *values = NIL;
	List	   *given = NIL;
	List	   *clauses = NIL;

	if (cost >= DISABLED_COST)
		cost -= DISABLED_COST;
	for (int i = 0; i < table->binding->nkeys; i++)
	{
		values = lappend(values, matches[i].value);
		given = lappend_oid(given, matches[i].given);
		clauses = list_append_unique_ptr(clauses, matches[i].clause);
	}
	path->path.pathtype = T_CustomScan;
	path->path.parent = table->rel;
	path->path.pathtarget = table->rel->reltarget;
	path->path.param_info = param;
	path->path.rows = index->path.rows;
	path->path.startup_cost = 0;
	path->path.total_cost = Max(cost * table->ratio,
								path->path.rows * (cpu_tuple_cost + cpu_operator_cost));
	path->flags = CUSTOMPATH_SUPPORT_BACKWARD_SCAN | CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = list_make5(list_make1_oid(table->binding->key_index),
									  list_make1_int(matches[0].list), values, given, clauses);
	path->methods = &path_methods;
	add_path(table->rel, &path->path);
}

/*
 * Offer the path with values of these other tables, if there are any, for
 * conditions on the whole key.  Returns false if there are not.
 */
static bool
offer(Table *table, Relids outer)
{
	Match		matches[INDEX_MAX_KEYS];
	ParamPathInfo *param = get_baserel_parampathinfo(table->root, table->rel, outer);
	List	   *clauses = table->rel->baserestrictinfo;

	if (param != NULL)
		clauses = list_concat_copy(clauses, param->ppi_clauses);
	if (!match_key(table, clauses, matches))
		return false;
	if (table->ratio == 0)
		table->ratio = ratio_to_index_scan(table);
	if (table->ratio <= WORTH_RATIO)
		add_plain_path(table, matches, outer, param);
	return true;
}

/* ----- values of other tables ----- */

typedef struct Wanted
{
	const Table *table;
	int			column;
} Wanted;

/* Callback of generate_implied_equalities_for_column(). */
static bool
is_wanted(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em,
		  void *arg)
{
	const Wanted *wanted = arg;
	const Table *table = wanted->table;

	return is_column(table, (Node *) em->em_expr, table->binding->keys[wanted->column].attnum);
}

/*
 * Conditions on columns of the key with values of other tables.
 */
static List *
joining_clauses(const Table *table)
{
	RelOptInfo *rel = table->rel;
	List	   *found = NIL;
	ListCell   *lc;

	for (int i = 0; i < table->binding->nkeys; i++)
	{
		Wanted		wanted = {table, i};
		Match		match;

		foreach(lc, rel->joininfo)
		{
			RestrictInfo *clause = lfirst_node(RestrictInfo, lc);

			if (join_clause_is_movable_to(clause, rel) && match_clause(table, i, clause, &match))
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
offer_joined(Table *table)
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
		rte->relid >= FirstNormalObjectId && rel->reloptkind == RELOPT_BASEREL &&
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

/*
 * Walker: whether functions are used that tell how a value is stored, which is
 * not how the cache keeps it.
 */
static bool
asks_for_storage(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		Oid			function = ((FuncExpr *) node)->funcid;

		if (function == F_PG_COLUMN_SIZE || function == F_PG_COLUMN_COMPRESSION ||
			function == CS_F_PG_COLUMN_TOAST_CHUNK_ID)
			return true;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, asks_for_storage, context, 0);
	return expression_tree_walker(node, asks_for_storage, context);
}

/*
 * Whether the query of the table, or one that it is part of, asks how values
 * are stored.
 */
static bool
shows_storage(const PlannerInfo *root)
{
	for (; root != NULL; root = root->parent_root)
		if (asks_for_storage((Node *) root->parse, NULL))
			return true;
	return false;
}

/* The planner's description of the primary key's index; NULL if not usable. */
static IndexOptInfo *
find_index(const RelOptInfo *rel, Oid index)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (lfirst_node(IndexOptInfo, lc)->indexoid == index)
		return lfirst_node(IndexOptInfo, lc);
	return NULL;
}

/*
 * Hook of set_rel_pathlist_hook: offer the paths.
 */
static void
add_plain_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	Table		table = {.root = root,.rel = rel};

	if (next_pathlist_hook != NULL)
		next_pathlist_hook(root, rel, rti, rte);
	if (!may_offer(root, rel, rte) || !cs_shmem_ready())
		return;
	table.binding = cs_binding_peek(rte->relid);
	if (table.binding == NULL || table.binding->options.plain_reads == CS_PLAIN_OFF ||
		(table.binding->options.plain_reads == CS_PLAIN_AS_SET && !cs_plain_reads))
		return;
	table.index = find_index(rel, table.binding->key_index);
	if (table.index == NULL || !cs_enabled || !cs_plainscan_serves(table.binding) ||
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
