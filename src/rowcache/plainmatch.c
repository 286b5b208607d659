/*-------------------------------------------------------------------------
 *
 * plainmatch.c
 *		Which conditions of a plain SELECT determine keys.
 *
 * Equality with known values for all columns of the primary key, by operators
 * that mean the same as equality of keys in the cache.  A column may also be
 * equal to any element of an array; lists of several columns mean all their
 * combinations.  Or one condition is an OR, each part of which determines a
 * key.
 *
 * No key may be read twice, so keys of which there are several are sorted when
 * they are made (plainkeys.c).  That takes an order in which equal values are
 * neighbours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "rowcache/plainmatch.h"

/*
 * Whether the expression is this column of the key.
 */
bool
cs_plainmatch_is_column(const CsPlainTable *table, Node *node, int column)
{
	AttrNumber	attnum = table->index->indexkeys[column];

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
is_value(const CsPlainTable *table, Node *value)
{
	return !bms_is_member(table->rel->relid, pull_varnos(table->root, value)) &&
		!contain_volatile_functions(value);
}

static bool
match_operator(const CsPlainTable *table, int column, OpExpr *clause, CsPlainMatch *match)
{
	Oid			operator = clause->opno;
	Node	   *value;

	if (list_length(clause->args) != 2)
		return false;
	match->commuted = !cs_plainmatch_is_column(table, linitial(clause->args), column);
	if (match->commuted && !cs_plainmatch_is_column(table, lsecond(clause->args), column))
		return false;
	if (match->commuted)
		operator = get_commutator(operator);
	value = match->commuted ? linitial(clause->args) : lsecond(clause->args);
	match->value = (Expr *) value;
	match->list = false;
	return OidIsValid(operator) && is_value(table, value) &&
		is_key_equality(&table->binding->keys[column], operator, exprType(value),
						clause->inputcollid, &match->given);
}

/*
 * Whether values of the column can be brought into an order in which equal
 * ones are neighbours: that of the column's type is the index's.
 */
static bool
is_sortable(const CsKeyColumn *column)
{
	return lookup_type_cache(column->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf == column->opfamily;
}

/*
 * "column = ANY (array)".
 */
static bool
match_list(const CsPlainTable *table, int column, ScalarArrayOpExpr *clause,
		   CsPlainMatch *match)
{
	const CsKeyColumn *key = &table->binding->keys[column];
	Node	   *array = lsecond(clause->args);
	Oid			element = get_base_element_type(exprType(array));

	match->commuted = false;
	match->list = true;
	match->value = (Expr *) array;
	return clause->useOr && OidIsValid(element) &&
		cs_plainmatch_is_column(table, linitial(clause->args), column) &&
		is_value(table, array) &&
		is_key_equality(key, clause->opno, element, clause->inputcollid, &match->given) &&
		is_sortable(key);
}

/* Whether a condition may be tested before all others. */
static bool
is_usable(const CsPlainTable *table, RestrictInfo *clause)
{
	return !clause->pseudoconstant && restriction_is_securely_promotable(clause, table->rel);
}

/*
 * Whether the condition determines a column of the key.
 */
bool
cs_plainmatch_clause(const CsPlainTable *table, int column, RestrictInfo *clause,
					 CsPlainMatch *match)
{
	match->clause = clause;
	if (!is_usable(table, clause))
		return false;
	if (IsA(clause->clause, OpExpr))
		return match_operator(table, column, (OpExpr *) clause->clause, match);
	if (IsA(clause->clause, ScalarArrayOpExpr))
		return match_list(table, column, (ScalarArrayOpExpr *) clause->clause, match);
	return false;
}

/*
 * Find a condition for each column of the key; a single value rather than a
 * list of them.
 */
static bool
match_columns(const CsPlainTable *table, List *clauses, CsPlainMatches *matches)
{
	for (int i = 0; i < table->binding->nkeys; i++)
	{
		bool		found = false;
		ListCell   *lc;

		foreach(lc, clauses)
		{
			CsPlainMatch match;

			if (!cs_plainmatch_clause(table, i, lfirst_node(RestrictInfo, lc), &match) ||
				(found && match.list))
				continue;
			matches->match[i] = match;
			found = true;
			if (!match.list)
				break;
		}
		if (!found)
			return false;
		matches->clauses = list_append_unique_ptr(matches->clauses, matches->match[i].clause);
	}
	matches->n = table->binding->nkeys;
	return true;
}

/*
 * Whether a condition of an OR determines a whole key.  Clears *exact if it
 * says more than that.
 */
static bool
match_row(const CsPlainTable *table, Node *condition, CsPlainMatch *match, bool *exact)
{
	List	   *clauses = is_andclause(condition) ? ((BoolExpr *) condition)->args :
	list_make1(condition);

	for (int i = 0; i < table->binding->nkeys; i++)
	{
		bool		found = false;
		ListCell   *lc;

		foreach(lc, clauses)
		{
			RestrictInfo *clause = lfirst(lc);

			if (!IsA(clause, RestrictInfo) || !IsA(clause->clause, OpExpr))
				continue;
			match[i].clause = clause;
			found = match_operator(table, i, (OpExpr *) clause->clause, &match[i]);
			if (found)
				break;
		}
		if (!found)
			return false;
	}
	if (list_length(clauses) > table->binding->nkeys)
		*exact = false;
	return true;
}

/*
 * Find an OR each of whose conditions determines a whole key: what the parser
 * makes of "(a, b) IN ((1, 2), (3, 4))".
 */
static bool
match_rows(const CsPlainTable *table, RestrictInfo *clause, CsPlainMatches *matches)
{
	int			nkeys = table->binding->nkeys;
	ListCell   *lc;

	if (clause->orclause == NULL || !is_orclause(clause->orclause) || !is_usable(table, clause))
		return false;
	for (int i = 0; i < nkeys; i++)
		if (!is_sortable(&table->binding->keys[i]))
			return false;
	matches->match = palloc(list_length(((BoolExpr *) clause->orclause)->args) * nkeys *
							sizeof(CsPlainMatch));
	matches->n = 0;
	matches->exact = true;
	foreach(lc, ((BoolExpr *) clause->orclause)->args)
	{
		if (!match_row(table, lfirst(lc), &matches->match[matches->n], &matches->exact))
			return false;
		matches->n += nkeys;
	}
	matches->rows = true;
	matches->clauses = list_make1(clause);
	return true;
}

/*
 * Find conditions that determine the key, or several of them.
 */
bool
cs_plainmatch_key(const CsPlainTable *table, List *clauses, CsPlainMatches *matches)
{
	ListCell   *lc;

	memset(matches, 0, sizeof(*matches));
	matches->exact = true;
	matches->match = palloc(table->binding->nkeys * sizeof(CsPlainMatch));
	if (match_columns(table, clauses, matches))
		return true;
	foreach(lc, clauses)
		if (match_rows(table, lfirst_node(RestrictInfo, lc), matches))
		return true;
	return false;
}
