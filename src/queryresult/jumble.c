/*-------------------------------------------------------------------------
 *
 * jumble.c
 *		Statements without their constants.
 *
 * Two analysed statements are of the same shape if they differ in nothing but
 * constants and parameters, and in how the text was written: white space,
 * comments, letter case, aliases.  Tables, functions, operators and types
 * count by OID.  A constant, a parameter, an implicit cast of one, and an
 * array made of them alone are the same when they are of the same type.  So
 * the length of an IN list does not count, and neither does whether a driver
 * sends values as parameters or as literals.
 *
 * cs_jumble_query() is a hash of the shape, made without copying the
 * statement, since it is computed when a statement is planned.  PostgreSQL's
 * own query identifier is not computed with every configuration, and tells
 * parameters from constants.  Fields that seldom make a difference are left
 * out, so different shapes may have the same hash.  Roles write the
 * statements, so the hash is under the secret of this server start.  Where
 * only the same shape will do, cs_jumble_normalised() makes trees for equal().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "queryresult/jumble.h"
#include "store/keyhash.h"

#define JUMBLE_TWEAK	UINT64CONST(0x6a756d626c65)

#define mix(jumble, value) \
	appendBinaryStringInfo((jumble), (const char *) &(value), sizeof(value))

/* ----- constants ----- */

static Oid	constant_type(const Node *node);

static bool
all_constant(const List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
		if (!OidIsValid(constant_type(lfirst(lc))))
		return false;
	return nodes != NIL;
}

static Oid
cast_type(const Node *arg, CoercionForm form, Oid type)
{
	return form == COERCE_IMPLICIT_CAST && OidIsValid(constant_type(arg)) ? type : InvalidOid;
}

/*
 * The type of what counts as a constant; else InvalidOid.
 */
static Oid
constant_type(const Node *node)
{
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Const:
			return ((const Const *) node)->consttype;
		case T_Param:
			return ((const Param *) node)->paramkind == PARAM_EXTERN ?
				((const Param *) node)->paramtype : InvalidOid;
		case T_FuncExpr:
			{
				const FuncExpr *cast = (const FuncExpr *) node;

				return cast->funcformat == COERCE_IMPLICIT_CAST && all_constant(cast->args) ?
					cast->funcresulttype : InvalidOid;
			}
		case T_RelabelType:
			return cast_type((Node *) ((const RelabelType *) node)->arg,
							 ((const RelabelType *) node)->relabelformat,
							 ((const RelabelType *) node)->resulttype);
		case T_CoerceViaIO:
			return cast_type((Node *) ((const CoerceViaIO *) node)->arg,
							 ((const CoerceViaIO *) node)->coerceformat,
							 ((const CoerceViaIO *) node)->resulttype);
		case T_ArrayCoerceExpr:
			return cast_type((Node *) ((const ArrayCoerceExpr *) node)->arg,
							 ((const ArrayCoerceExpr *) node)->coerceformat,
							 ((const ArrayCoerceExpr *) node)->resulttype);
		case T_ArrayExpr:
			return all_constant(((const ArrayExpr *) node)->elements) ?
				((const ArrayExpr *) node)->array_typeid : InvalidOid;
		default:
			return InvalidOid;
	}
}

/* ----- the hash ----- */

static bool jumble(Node *node, void *arg);

static void
mix_entry(StringInfo to, const RangeTblEntry *entry)
{
	mix(to, entry->rtekind);
	mix(to, entry->relid);
	mix(to, entry->inh);
	mix(to, entry->jointype);
	mix(to, entry->ctelevelsup);
	mix(to, entry->lateral);
	if (entry->ctename != NULL)
		appendBinaryStringInfo(to, entry->ctename, strlen(entry->ctename) + 1);
}

static void
mix_list(StringInfo to, const List *list)
{
	int			length = list_length(list);
	ListCell   *lc;

	mix(to, length);
	if (list == NIL || IsA(list, List))
		return;
	foreach(lc, list)
	{
		Oid			member = IsA(list, IntList) ? (Oid) lfirst_int(lc) : lfirst_oid(lc);

		mix(to, member);
	}
}

/* What is in expressions. */
static void
mix_expression(StringInfo to, const Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
			mix(to, ((const Var *) node)->varno);
			mix(to, ((const Var *) node)->varattno);
			mix(to, ((const Var *) node)->varlevelsup);
			break;
		case T_Aggref:
			mix(to, ((const Aggref *) node)->aggfnoid);
			mix(to, ((const Aggref *) node)->aggstar);
			break;
		case T_WindowFunc:
			mix(to, ((const WindowFunc *) node)->winfnoid);
			mix(to, ((const WindowFunc *) node)->winref);
			break;
		case T_FuncExpr:
			mix(to, ((const FuncExpr *) node)->funcid);
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			mix(to, ((const OpExpr *) node)->opno);
			break;
		case T_ScalarArrayOpExpr:
			mix(to, ((const ScalarArrayOpExpr *) node)->opno);
			mix(to, ((const ScalarArrayOpExpr *) node)->useOr);
			break;
		case T_BoolExpr:
			mix(to, ((const BoolExpr *) node)->boolop);
			break;
		case T_SubLink:
			mix(to, ((const SubLink *) node)->subLinkType);
			break;
		case T_FieldSelect:
			mix(to, ((const FieldSelect *) node)->fieldnum);
			break;
		case T_MinMaxExpr:
			mix(to, ((const MinMaxExpr *) node)->op);
			break;
		case T_NullTest:
			mix(to, ((const NullTest *) node)->nulltesttype);
			break;
		case T_BooleanTest:
			mix(to, ((const BooleanTest *) node)->booltesttype);
			break;
		case T_SQLValueFunction:
			mix(to, ((const SQLValueFunction *) node)->op);
			break;
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
			{
				Oid			type = exprType(node);

				mix(to, type);
				break;
			}
		default:
			break;
	}
}

/* What holds expressions together. */
static void
mix_clause(StringInfo to, const Node *node)
{
	switch (nodeTag(node))
	{
		case T_TargetEntry:
			mix(to, ((const TargetEntry *) node)->resno);
			mix(to, ((const TargetEntry *) node)->ressortgroupref);
			break;
		case T_RangeTblRef:
			mix(to, ((const RangeTblRef *) node)->rtindex);
			break;
		case T_JoinExpr:
			mix(to, ((const JoinExpr *) node)->jointype);
			mix(to, ((const JoinExpr *) node)->rtindex);
			break;
		case T_SortGroupClause:
			mix(to, ((const SortGroupClause *) node)->tleSortGroupRef);
			mix(to, ((const SortGroupClause *) node)->sortop);
			mix(to, ((const SortGroupClause *) node)->nulls_first);
			break;
		case T_WindowClause:
			mix(to, ((const WindowClause *) node)->winref);
			mix(to, ((const WindowClause *) node)->frameOptions);
			break;
		case T_SetOperationStmt:
			mix(to, ((const SetOperationStmt *) node)->op);
			mix(to, ((const SetOperationStmt *) node)->all);
			break;
		case T_CommonTableExpr:
			mix(to, ((const CommonTableExpr *) node)->ctematerialized);
			break;
		default:
			mix_expression(to, node);
			break;
	}
}

static bool
jumble_level(Query *query, StringInfo to)
{
	int			locks = list_length(query->rowMarks);

	mix(to, query->commandType);
	mix(to, query->resultRelation);
	mix(to, query->limitOption);
	mix(to, query->groupDistinct);
	mix(to, locks);
	(void) jumble((Node *) query->groupingSets, to);
	/* the walker leaves out where lists end */
	mix_list(to, query->rtable);
	mix_list(to, query->targetList);
	mix_list(to, query->groupClause);
	mix_list(to, query->sortClause);
	mix_list(to, query->distinctClause);
	return query_tree_walker(query, jumble, to,
							 QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP |
							 QTW_IGNORE_JOINALIASES);
}

static bool
jumble(Node *node, void *arg)
{
	StringInfo	to = arg;
	int16		tag = node == NULL ? 0 : (int16) nodeTag(node);
	Oid			type;

	if (node == NULL)
	{
		mix(to, tag);
		return false;
	}
	type = constant_type(node);
	if (OidIsValid(type))
	{
		tag = T_Const;
		mix(to, tag);
		mix(to, type);
		return false;
	}
	mix(to, tag);
	switch (nodeTag(node))
	{
		case T_Query:
			return jumble_level((Query *) node, to);
		case T_RangeTblEntry:
			/* the walker goes on to what is in it */
			mix_entry(to, (RangeTblEntry *) node);
			return false;
		case T_GroupingSet:
			/* the walker does not know it */
			mix(to, ((GroupingSet *) node)->kind);
			return jumble((Node *) ((GroupingSet *) node)->content, to);
		case T_IntList:
		case T_OidList:
			mix_list(to, (List *) node);
			return false;
		case T_List:
			mix_list(to, (List *) node);
			break;
		default:
			mix_clause(to, node);
			break;
	}
	return expression_tree_walker(node, jumble, arg);
}

/*
 * A hash of the statement without its constants, as analysed or as rewritten;
 * those of the two differ.  It holds until the server stops.
 */
uint64
cs_jumble_query(const Query *query)
{
	StringInfoData bytes;
	uint64		hash;

	initStringInfo(&bytes);
	(void) jumble((Node *) query, &bytes);
	hash = cs_keyhash(bytes.data, bytes.len, JUMBLE_TWEAK);
	pfree(bytes.data);
	return hash;
}

/* ----- the tree ----- */

static void
drop_names(Query *query)
{
	ListCell   *lc;

	query->queryId = 0;
	query->stmt_location = query->stmt_len = 0;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		entry->alias = entry->eref = NULL;
	}
	foreach(lc, query->targetList)
		lfirst_node(TargetEntry, lc)->resname = NULL;
}

static Node *
without_constants(Node *node, void *arg)
{
	Oid			type;

	if (node == NULL)
		return NULL;
	type = constant_type(node);
	if (OidIsValid(type))
	{
		Param	   *param = makeNode(Param);

		param->paramkind = PARAM_EXTERN;
		param->paramtype = type;
		param->paramtypmod = -1;
		return (Node *) param;
	}
	if (IsA(node, Query))
	{
		Query	   *query = query_tree_mutator((Query *) node, without_constants, arg,
											   QTW_IGNORE_JOINALIASES);

		drop_names(query);
		return (Node *) query;
	}
	return expression_tree_mutator(node, without_constants, arg);
}

/*
 * The statement without its constants: equal() compares such trees, and what
 * it leaves aside does not count.  It shares parts with 'query'.
 */
Query *
cs_jumble_normalised(const Query *query)
{
	return (Query *) without_constants((Node *) query, NULL);
}
