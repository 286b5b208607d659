/*-------------------------------------------------------------------------
 *
 * conditions_values.c
 *		The values of conditions by which a query reads its tables: for the
 *		parameters of one execution, in the node of a plan, and as text.
 *
 * Conditions of a plain statement go into its plan as nodes.  When a run
 * begins, the parameters are replaced by their values, as the watches are
 * taken after the run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "queryresult/conditions.h"
#include "queryresult/query.h"

/* ----- values ----- */

/* False: NULL, which equals nothing. */
static bool
value_of(Node *node, ParamListInfo params, Datum *value)
{
	const Const *constant = (const Const *) cs_conditions_unlabeled(node);
	const Param *param = (const Param *) constant;
	const ParamExternData *given;
	ParamExternData space;

	if (IsA(constant, Const))
	{
		*value = constant->constvalue;
		return !constant->constisnull;
	}
	given = cs_query_param(params, param->paramid, false, &space);
	if (given == NULL)
		elog(ERROR, "no value found for parameter %d", param->paramid);
	*value = given->value;
	return !given->isnull;
}

static int
values_of_array(const CsCondition *condition, Datum array, Datum *values)
{
	ArrayType  *type = DatumGetArrayTypeP(array);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			count = 0;

	if (ArrayGetNItems(ARR_NDIM(type), ARR_DIMS(type)) > CS_MAX_VALUES)
		return -1;
	deconstruct_array(type, condition->type, condition->typlen, condition->typbyval,
					  condition->typalign, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			values[count++] = elements[i];
	return count;
}

int
cs_conditions_values(const CsCondition *condition, ParamListInfo params, Datum *values)
{
	ListCell   *lc;
	Datum		array;
	int			count = 0;

	if (condition->list && IsA(condition->value, ArrayExpr))
	{
		foreach(lc, ((ArrayExpr *) condition->value)->elements)
			count += value_of(lfirst(lc), params, &values[count]);
		return count;
	}
	if (!condition->list)
		return value_of(condition->value, params, values);
	return value_of(condition->value, params, &array) ?
		values_of_array(condition, array, values) : 0;
}

/* Is there a parameter without a value, as in EXPLAIN of a generic plan? */
static bool
is_unbound(Node *node, void *params)
{
	const Param *param = (const Param *) node;
	const ParamExternData *given;
	ParamExternData space;

	if (node == NULL)
		return false;
	if (!IsA(node, Param))
		return expression_tree_walker(node, is_unbound, params);
	given = cs_query_param(params, param->paramid, false, &space);
	return given == NULL || given->ptype != param->paramtype;
}

static Node *
bind_params(Node *node, void *params)
{
	const Param *param = (const Param *) node;
	int16		typlen;
	bool		typbyval;
	Datum		value;
	bool		isnull;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Param))
		return expression_tree_mutator(node, bind_params, params);
	get_typlenbyval(param->paramtype, &typlen, &typbyval);
	isnull = !value_of(node, params, &value);
	return (Node *) makeConst(param->paramtype, param->paramtypmod, param->paramcollid,
							  typlen, isnull ? (Datum) 0 : datumCopy(value, typbyval, typlen),
							  isnull, typbyval);
}

List *
cs_conditions_bind(List *occurrences, ParamListInfo params)
{
	List	   *bound = NIL;
	ListCell   *lc;
	ListCell   *each;

	foreach(lc, occurrences)
	{
		const CsOccurrence *from = lfirst(lc);
		CsOccurrence *to = palloc0(sizeof(CsOccurrence));

		to->relid = from->relid;
		foreach(each, from->conditions)
		{
			CsCondition *condition;

			if (is_unbound(((const CsCondition *) lfirst(each))->value, params))
				continue;
			condition = palloc(sizeof(CsCondition));
			*condition = *(const CsCondition *) lfirst(each);
			condition->value = bind_params(condition->value, params);
			to->conditions = lappend(to->conditions, condition);
		}
		bound = lappend(bound, to);
	}
	return bound;
}

/*
 * What functions read is not in the plan: it is watched as a whole.
 */
List *
cs_conditions_add_whole(List *occurrences, const Oid *tables, int ntables)
{
	for (int i = 0; i < ntables; i++)
	{
		CsOccurrence *occurrence = palloc0(sizeof(CsOccurrence));

		occurrence->relid = tables[i];
		occurrences = lappend(occurrences, occurrence);
	}
	return occurrences;
}

/* ----- as nodes ----- */

List *
cs_conditions_write(List *occurrences)
{
	List	   *nodes = NIL;
	bool		any = false;
	ListCell   *lc;
	ListCell   *each;

	foreach(lc, occurrences)
	{
		const CsOccurrence *occurrence = lfirst(lc);
		List	   *node = list_make1(list_make1_oid(occurrence->relid));

		foreach(each, occurrence->conditions)
		{
			const CsCondition *condition = lfirst(each);

			any = true;
			node = lappend(node,
						   list_make4(makeInteger(condition->column),
									  makeInteger(condition->list),
									  list_make3_oid(condition->hash.function->fn_oid,
													 condition->hash.collation,
													 condition->type),
									  condition->value));
		}
		nodes = lappend(nodes, node);
	}
	return any ? nodes : NIL;
}

static CsCondition *
read_condition(const List *node)
{
	CsCondition *condition = palloc0(sizeof(CsCondition));
	const List *oids = lthird(node);

	condition->column = intVal(linitial(node));
	condition->list = intVal(lsecond(node)) != 0;
	condition->hash.function = palloc(sizeof(FmgrInfo));
	fmgr_info(linitial_oid(oids), condition->hash.function);
	condition->hash.collation = lsecond_oid(oids);
	condition->type = lthird_oid(oids);
	condition->value = lfourth(node);
	if (condition->list)
		get_typlenbyvalalign(condition->type, &condition->typlen, &condition->typbyval,
							 &condition->typalign);
	return condition;
}

List *
cs_conditions_read(List *nodes)
{
	List	   *occurrences = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		const List *node = lfirst(lc);
		CsOccurrence *occurrence = palloc0(sizeof(CsOccurrence));

		occurrence->relid = linitial_oid(linitial(node));
		for (int i = 1; i < list_length(node); i++)
			occurrence->conditions = lappend(occurrence->conditions,
											 read_condition(list_nth(node, i)));
		occurrences = lappend(occurrences, occurrence);
	}
	return occurrences;
}

/* ----- as text ----- */

static char *
value_text(Node *node)
{
	const Const *constant = (const Const *) cs_conditions_unlabeled(node);
	Oid			output;
	bool		varlena;

	if (IsA(constant, Param))
		return psprintf("$%d", ((const Param *) constant)->paramid);
	if (constant->constisnull)
		return pstrdup("NULL");
	getTypeOutputInfo(constant->consttype, &output, &varlena);
	return OidOutputFunctionCall(output, constant->constvalue);
}

static char *
condition_text(Oid relid, const CsCondition *condition)
{
	const char *column = quote_identifier(get_attname(relid, condition->column, false));
	StringInfoData list;
	ListCell   *lc;

	if (!condition->list)
		return psprintf("%s = %s", column, value_text(condition->value));
	initStringInfo(&list);
	if (!IsA(condition->value, ArrayExpr))
		appendStringInfoString(&list, value_text(condition->value));
	else
	{
		foreach(lc, ((ArrayExpr *) condition->value)->elements)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", value_text(lfirst(lc)));
	}
	return psprintf("%s = ANY (%s)", column, list.data);
}

static bool
is_by_value(List *occurrences, Oid relid)
{
	ListCell   *lc;

	foreach(lc, occurrences)
	{
		const CsOccurrence *occurrence = lfirst(lc);

		if (occurrence->relid == relid && occurrence->conditions == NIL)
			return false;
	}
	return true;
}

List *
cs_conditions_names(List *occurrences)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, occurrences)
	{
		const CsOccurrence *occurrence = lfirst(lc);
		Oid			relid = occurrence->relid;
		char	   *schema = get_namespace_name(get_rel_namespace(relid));
		char	   *name = get_rel_name(relid);

		if (name == NULL || schema == NULL || !is_by_value(occurrences, relid))
			continue;
		names = lappend(names, psprintf("%s (%s)", quote_qualified_identifier(schema, name),
										condition_text(relid, linitial(occurrence->conditions))));
	}
	return names;
}

char *
cs_conditions_text(const CsCondition *condition, Datum value)
{
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(condition->type, &output, &varlena);
	return OidOutputFunctionCall(output, value);
}
