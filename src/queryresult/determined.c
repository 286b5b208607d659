/*-------------------------------------------------------------------------
 *
 * determined.c
 *		What of a statement's result does not depend on how it is run.
 *
 * Two runs of a statement under one snapshot may return other rows, and both
 * be right: LIMIT takes any of the rows that ORDER BY does not tell apart, an
 * aggregate such as array_agg gets its input in any order, and of values that
 * are equal but look different GROUP BY shows any.  A result can only be
 * compared with what is computed where that is not so.
 *
 * So this is a list of what is known to be determined, for rewritten queries.
 * What is not in it counts as not determined.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "queryresult/determined.h"
#include "relation/key.h"

/* ----- values ----- */

/*
 * Have equal values the same bytes?  'eqop' is the equality that is used, or
 * InvalidOid for the type's own.
 */
static bool
has_image(Oid type, Oid collation, Oid eqop)
{
	TypeCacheEntry *entry;

	if (getBaseType(type) == BPCHAROID)
		return false;
	entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_EQ_OPR);
	return OidIsValid(entry->btree_opf) &&
		(!OidIsValid(eqop) || eqop == entry->eq_opr) &&
		cs_key_is_equalimage(entry->btree_opf, entry->btree_opintype, collation);
}

static bool
clause_has_image(const SortGroupClause *clause, List *targets)
{
	const Node *expr = get_sortgroupclause_expr((SortGroupClause *) clause, targets);

	return has_image(exprType(expr), exprCollation(expr), clause->eqop);
}

static bool
clauses_have_images(const List *clauses, List *targets)
{
	ListCell   *lc;

	foreach(lc, clauses)
		if (!clause_has_image(lfirst_node(SortGroupClause, lc), targets))
		return false;
	return true;
}

/*
 * Is a value of the type always computed with the same bytes?  A row has some
 * that say how it was made.
 */
static bool
type_is_determined(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	if (OidIsValid(element))
		return type_is_determined(element);
	switch (get_typtype(base))
	{
		case TYPTYPE_BASE:
		case TYPTYPE_ENUM:
			return true;
		case TYPTYPE_RANGE:
			return type_is_determined(get_range_subtype(base));
		default:
			return false;
	}
}

/*
 * The same of rows, by their columns.
 */
bool
cs_determined_columns(TupleDesc columns)
{
	for (int i = 0; i < columns->natts; i++)
		if (!TupleDescAttr(columns, i)->attisdropped &&
			!type_is_determined(TupleDescAttr(columns, i)->atttypid))
			return false;
	return true;
}

/* ----- expressions ----- */

static bool
is_exact_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
}

/* Does the order of its input make no difference? */
static bool
is_exact_aggregate(const Aggref *aggregate)
{
	static const char *const exact[] = {"count", "bool_and", "bool_or", "every",
	"bit_and", "bit_or", "bit_xor"};
	char	   *name;
	Oid			type;

	if (aggregate->aggfnoid >= FirstNormalObjectId || aggregate->aggkind != AGGKIND_NORMAL ||
		(name = get_func_name(aggregate->aggfnoid)) == NULL)
		return false;
	for (int i = 0; i < lengthof(exact); i++)
		if (strcmp(name, exact[i]) == 0)
			return true;
	if (list_length(aggregate->aggargtypes) != 1)
		return false;
	type = linitial_oid(aggregate->aggargtypes);
	if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		return has_image(type, aggregate->inputcollid, InvalidOid);
	return (strcmp(name, "sum") == 0 || strcmp(name, "avg") == 0) && is_exact_number(type) &&
		(aggregate->aggdistinct == NIL || type != NUMERICOID);
}

/* What a role's function returns may depend on the order of what it reads. */
static bool
is_unknown_function(Oid function, void *arg)
{
	return function >= FirstNormalObjectId && func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

static bool
is_exact_set(const SetOperationStmt *set)
{
	ListCell   *type;
	ListCell   *collation;

	if (set->op == SETOP_UNION && set->all)
		return true;
	forboth(type, set->colTypes, collation, set->colCollations)
		if (!has_image(lfirst_oid(type), lfirst_oid(collation), InvalidOid))
		return false;
	return true;
}

/* ----- queries ----- */

/* As to its rows, but for LIMIT and what is below. */
static bool
is_exact_level(const Query *query)
{
	return !query->hasWindowFuncs && !query->hasDistinctOn &&
		clauses_have_images(query->groupClause, query->targetList) &&
		clauses_have_images(query->distinctClause, query->targetList);
}

/* Returns true for what is not determined. */
static bool
walk(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			{
				Query	   *query = (Query *) node;

				return query->limitCount != NULL || query->limitOffset != NULL ||
					!is_exact_level(query) || query_tree_walker(query, walk, arg, 0);
			}
		case T_Aggref:
			return !is_exact_aggregate((Aggref *) node) ||
				expression_tree_walker(node, walk, arg);
		case T_SetOperationStmt:
			return !is_exact_set((SetOperationStmt *) node) ||
				expression_tree_walker(node, walk, arg);
		case T_SubLink:
			if (((SubLink *) node)->subLinkType == ARRAY_SUBLINK)
				return true;
			break;
		case T_WindowFunc:
		case T_TableSampleClause:
			return true;
		default:
			break;
	}
	return check_functions_in_node(node, is_unknown_function, arg) ||
		expression_tree_walker(node, walk, arg);
}

/* The columns of ORDER BY, as long as equal values have the same bytes. */
static List *
order_columns(const Query *query)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, query->sortClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);

		if (!clause_has_image(clause, query->targetList))
			break;
		columns = lappend_int(columns, get_sortgroupclause_tle(clause, query->targetList)->resno);
	}
	return columns;
}

/*
 * Is the result determined, and in which respects?  'query' is rewritten.
 */
bool
cs_determined_query(const Query *query, CsDetermined *determined)
{
	determined->order = order_columns(query);
	determined->first_open = query->limitOffset != NULL;
	determined->last_open = query->limitCount != NULL &&
		query->limitOption == LIMIT_OPTION_COUNT;
	if ((query->limitOffset != NULL || query->limitCount != NULL) &&
		(query->sortClause == NIL ||
		 list_length(determined->order) < list_length(query->sortClause)))
		return false;
	return is_exact_level(query) && !query_tree_walker((Query *) query, walk, NULL, 0);
}
