/*-------------------------------------------------------------------------
 *
 * conditions.c
 *		By which values a query reads its tables.
 *
 * Of a relation the planner's restriction clauses say what its scan returns at
 * all: what WHERE says of it alone, what follows from equivalence classes (t.c
 * = u.d AND u.d = 5), and an outer join's own condition on its nullable side.
 * Join clauses, and those that come after an outer join, are not among them.
 * So a row that does not satisfy one of them makes no difference to the
 * result, however the query is executed.  So the plan that is made of a query
 * to be remembered can be thrown away; that of a plain statement is the one
 * that is executed, and the values of its parameters may be in it.
 *
 * A clause counts if it is Var = x or Var = ANY (x), Var is a user column of
 * the relation, x is constant or an external parameter, "=" belongs to the
 * default hash operator family of the column's type, and it compares by the
 * column's collation or both are deterministic.  Partitions are covered by
 * their partitioned table; children of plain inheritance and members of UNION
 * ALL are occurrences of their own.  A relation that was removed from the
 * query is none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/typcache.h"

#include "queryresult/conditions.h"
#include "xact/attempt.h"

static create_upper_paths_hook_type next_upper_paths = NULL;

/* While a statement is planned whose levels are noted: these. */
static CsLevels *collecting = NULL;

/* ----- clauses ----- */

Node *
cs_conditions_unlabeled(Node *node)
{
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

static bool
is_value(Node *node)
{
	node = cs_conditions_unlabeled(node);
	return IsA(node, Const) ||
		(IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN);
}

static bool
is_list(Node *node)
{
	ArrayExpr  *array;
	ListCell   *lc;

	node = cs_conditions_unlabeled(node);
	if (!IsA(node, ArrayExpr))
		return is_value(node);
	array = (ArrayExpr *) node;
	if (array->multidims)
		return false;
	foreach(lc, array->elements)
		if (!is_value(lfirst(lc)))
		return false;
	return list_length(array->elements) <= CS_MAX_VALUES;
}

/* Equality under one is equality under the other, as far as hashes tell. */
static bool
collations_agree(Oid compared, Oid column, Oid opfamily)
{
	if (compared == column)
		return true;
	return opfamily < FirstNormalObjectId && OidIsValid(compared) && OidIsValid(column) &&
		get_collation_isdeterministic(compared) && get_collation_isdeterministic(column);
}

/*
 * Does the operator compare by the hash family of the column's type?  Then the
 * values are hashed as those of its other side's type are in it.
 */
static bool
compares_by_hash(Oid operator, Oid collation, Form_pg_attribute column, CsValueHash *hash)
{
	TypeCacheEntry *type = lookup_type_cache(getBaseType(column->atttypid),
											 TYPECACHE_HASH_OPFAMILY);
	int			strategy;
	Oid			left;
	Oid			right;
	Oid			function;

	if (!OidIsValid(type->hash_opf) || !op_in_opfamily(operator, type->hash_opf) ||
		!collations_agree(collation, column->attcollation, type->hash_opf))
		return false;
	get_op_opfamily_properties(operator, type->hash_opf, false, &strategy, &left, &right);
	if (strategy != HTEqualStrategyNumber || left != type->hash_opintype ||
		!op_strict(operator))
		return false;
	/* the hash of a name, say, knows no collation */
	if (right != left && OidIsValid(column->attcollation) &&
		!get_collation_isdeterministic(column->attcollation))
		return false;
	function = get_opfamily_proc(type->hash_opf, right, right, HASHEXTENDED_PROC);
	if (!OidIsValid(function))
		return false;
	hash->function = palloc(sizeof(FmgrInfo));
	fmgr_info(function, hash->function);
	hash->collation = column->attcollation;
	return true;
}

/* The column of this relation, if that is all there is on this side. */
static AttrNumber
column_of(Node *node, Index relation)
{
	const Var  *var = (const Var *) cs_conditions_unlabeled(node);

	return IsA(var, Var) && var->varno == (int) relation && var->varlevelsup == 0 &&
		var->varattno > 0 ? var->varattno : 0;
}

static CsCondition *
make_condition(Relation rel, AttrNumber attnum, Oid operator, Oid collation, Node *value)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	CsCondition *condition = palloc0(sizeof(CsCondition));

	/* values of a kind that writers do not note */
	if (!cs_values_hash(column, &condition->hash) ||
		!compares_by_hash(operator, collation, column, &condition->hash))
		return NULL;
	condition->column = attnum;
	condition->value = copyObject(cs_conditions_unlabeled(value));
	condition->type = exprType(condition->value);
	return condition;
}

static CsCondition *
condition_of_operator(const OpExpr *clause, Relation rel, Index relation)
{
	Node	   *left;
	Node	   *right;

	if (list_length(clause->args) != 2)
		return NULL;
	left = linitial(clause->args);
	right = lsecond(clause->args);
	if (column_of(left, relation) > 0 && is_value(right))
		return make_condition(rel, column_of(left, relation), clause->opno,
							  clause->inputcollid, right);
	if (column_of(right, relation) > 0 && is_value(left) &&
		OidIsValid(get_commutator(clause->opno)))
		return make_condition(rel, column_of(right, relation), get_commutator(clause->opno),
							  clause->inputcollid, left);
	return NULL;
}

static CsCondition *
condition_of_list(const ScalarArrayOpExpr *clause, Relation rel, Index relation)
{
	Node	   *column = linitial(clause->args);
	Node	   *array = lsecond(clause->args);
	CsCondition *condition;

	if (!clause->useOr || column_of(column, relation) == 0 || !is_list(array))
		return NULL;
	condition = make_condition(rel, column_of(column, relation), clause->opno,
							   clause->inputcollid, array);
	if (condition == NULL)
		return NULL;
	condition->list = true;
	condition->type = get_element_type(getBaseType(exprType(condition->value)));
	if (!OidIsValid(condition->type))
		return NULL;
	get_typlenbyvalalign(condition->type, &condition->typlen, &condition->typbyval,
						 &condition->typalign);
	return condition;
}

/* ----- levels ----- */

static int
compare_selectivity(const ListCell *a, const ListCell *b)
{
	double		x = ((const CsCondition *) lfirst(a))->selectivity;
	double		y = ((const CsCondition *) lfirst(b))->selectivity;

	return x < y ? -1 : x > y ? 1 : 0;
}

static List *
conditions_of_relation(PlannerInfo *root, RelOptInfo *relation, Relation rel)
{
	List	   *conditions = NIL;
	ListCell   *lc;

	foreach(lc, relation->baserestrictinfo)
	{
		RestrictInfo *restriction = lfirst_node(RestrictInfo, lc);
		Node	   *clause = (Node *) restriction->clause;
		CsCondition *condition = NULL;

		if (IsA(clause, OpExpr))
			condition = condition_of_operator((OpExpr *) clause, rel, relation->relid);
		else if (IsA(clause, ScalarArrayOpExpr))
			condition = condition_of_list((ScalarArrayOpExpr *) clause, rel, relation->relid);
		if (condition == NULL)
			continue;
		condition->selectivity = clause_selectivity(root, (Node *) restriction, 0,
													JOIN_INNER, NULL);
		conditions = lappend(conditions, condition);
	}
	list_sort(conditions, compare_selectivity);
	return conditions;
}

/* Is it a partition that was made of a partitioned table of the query? */
static bool
is_covered(PlannerInfo *root, Index relation)
{
	AppendRelInfo *info = root->append_rel_array != NULL ?
	root->append_rel_array[relation] : NULL;
	const RangeTblEntry *parent;

	if (info == NULL)
		return false;
	parent = root->simple_rte_array[info->parent_relid];
	return parent->rtekind == RTE_RELATION && parent->relkind == RELKIND_PARTITIONED_TABLE;
}

/* Of a value before and after: writers' row triggers, or transition tables. */
static bool
may_see_values(Relation rel)
{
	for (int t = 0; rel->trigdesc != NULL && t < rel->trigdesc->numtriggers; t++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[t];

		if (trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
			TRIGGER_FOR_AFTER(trigger->tgtype) && TRIGGER_FOR_INSERT(trigger->tgtype) &&
			(TRIGGER_FOR_ROW(trigger->tgtype) || trigger->tgnewtable != NULL))
			return true;
	}
	return false;
}

static CsOccurrence *
occurrence_of(PlannerInfo *root, RelOptInfo *relation, const RangeTblEntry *rte)
{
	CsOccurrence *occurrence = palloc0(sizeof(CsOccurrence));
	Relation	rel;

	occurrence->relid = rte->relid;
	if (rte->tablesample != NULL)
		return occurrence;		/* a sample is taken of all rows */
	rel = table_open(rte->relid, NoLock);
	if (may_see_values(rel))
		occurrence->conditions = conditions_of_relation(root, relation, rel);
	table_close(rel, NoLock);
	return occurrence;
}

static List *
occurrences_of_level(PlannerInfo *root)
{
	List	   *occurrences = NIL;

	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		RelOptInfo *relation = root->simple_rel_array[i];
		const RangeTblEntry *rte = root->simple_rte_array[i];

		if (relation == NULL || rte == NULL || rte->rtekind != RTE_RELATION ||
			(relation->reloptkind != RELOPT_BASEREL &&
			 relation->reloptkind != RELOPT_OTHER_MEMBER_REL) ||
			is_covered(root, i))
			continue;
		occurrences = lappend(occurrences, occurrence_of(root, relation, rte));
	}
	return occurrences;
}

static void
note_level(CsLevels *levels, PlannerInfo *root)
{
	MemoryContext old = MemoryContextSwitchTo(levels->context);

	levels->roots = lappend(levels->roots, root);
	MemoryContextSwitchTo(old);
}

List *
cs_conditions_of_levels(const CsLevels *levels)
{
	List	   *occurrences = NIL;
	ListCell   *lc;

	foreach(lc, levels->roots)
		occurrences = list_concat(occurrences, occurrences_of_level(lfirst(lc)));
	return occurrences;
}

static void
upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
			RelOptInfo *output, void *extra)
{
	CsLevels   *levels = collecting;

	if (next_upper_paths != NULL)
		next_upper_paths(root, stage, input, output, extra);
	if (levels == NULL || stage != UPPERREL_FINAL)
		return;
	note_level(levels, root);
	if (levels->finish == NULL || root->parent_root != NULL || root->query_level != 1)
		return;
	collecting = NULL;
	levels->finish(levels, root, output);
}

PlannedStmt *
cs_conditions_plan(CsLevels *levels, planner_hook_type planner, Query *query,
				   const char *text, int options, ParamListInfo params)
{
	CsLevels   *outer = collecting;
	PlannedStmt *result = NULL;

	PG_TRY();
	{
		collecting = levels;
		result = planner(query, text, options, params);
	}
	PG_FINALLY();
	{
		collecting = outer;
	}
	PG_END_TRY();
	return result;
}

bool
cs_conditions_collecting(void)
{
	return collecting != NULL;
}

void
cs_conditions_init(void)
{
	next_upper_paths = create_upper_paths_hook;
	create_upper_paths_hook = upper_paths;
}

/* ----- a query ----- */

bool
cs_conditions_matter(const Oid *tables, int n)
{
	bool		matter = false;

	for (int i = 0; i < n && !matter; i++)
	{
		Relation	rel = try_relation_open(tables[i], NoLock);

		if (rel == NULL)
			continue;
		matter = may_see_values(rel);
		relation_close(rel, NoLock);
	}
	return matter;
}

typedef struct Planning
{
	const Query *query;
	const char *text;
	MemoryContext context;		/* of the occurrences */
	List	   *occurrences;
} Planning;

static void
keep_occurrences(CsLevels *levels, PlannerInfo *top, RelOptInfo *final)
{
	Planning   *of = levels->arg;
	MemoryContext old = MemoryContextSwitchTo(of->context);

	of->occurrences = cs_conditions_of_levels(levels);
	MemoryContextSwitchTo(old);
}

/*
 * As if it were executed, with parameters of any value; functions may be
 * called.
 */
static void
plan_for_conditions(void *arg)
{
	Planning   *of = arg;
	CsLevels	levels = {.context = CurrentMemoryContext};

	levels.finish = keep_occurrences;
	levels.arg = of;
	(void) cs_conditions_plan(&levels, standard_planner,
							  (Query *) copyObjectImpl(of->query), of->text,
							  CURSOR_OPT_PARALLEL_OK, NULL);
}

/*
 * The occurrences of all levels of a rewritten query, in this memory context.
 * Planning folds constants that would not be folded with other parameters, so
 * what fails here may succeed when it is executed; and the executor decides
 * about privileges.  Without an occurrence a table is watched as a whole.
 */
List *
cs_conditions_of_query(const Query *query, const char *text, MemoryContext context)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext planning;
	Planning	of = {0};
	ErrorData  *error;

	if (IsInParallelMode())
		return NIL;
	of.query = query;
	of.text = text;

	of.context = context;
	planning = AllocSetContextCreate(old, "cache_strategies conditions",
									 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(planning);
	error = cs_attempt_run(plan_for_conditions, &of);
	MemoryContextSwitchTo(old);
	if (error != NULL && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
	MemoryContextDelete(planning);
	return error == NULL ? of.occurrences : NIL;
}
