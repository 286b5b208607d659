/*-------------------------------------------------------------------------
 *
 * analysis.c
 *		Analysis of a query: what its result depends on, and whether it may be
 *		kept. This file walks over rewritten queries.
 *
 * In a rewritten query views have become subqueries, and row-level security
 * policies have become quals.  Partitions and children are not expanded yet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "queryresult/analysis.h"
#include "queryresult/timely.h"
#include "relation/catalog.h"

static bool walk(Node *node, void *arg);

/*
 * Throw 0A000: the result cannot be kept.  'detail' is a format; 'hint' may be
 * NULL.
 */
void
cs_analysis_refuse(const char *hint, const char *detail,...)
{
	va_list		args;
	char		buf[1024];

	va_start(args, detail);
	vsnprintf(buf, sizeof(buf), detail, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the result of this query cannot be remembered"),
			 errdetail_internal("%s", buf),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/*
 * Throw 40001: an object that the query was found to use does not exist any
 * more.
 */
void
cs_analysis_dropped_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("something that the query uses was changed or dropped concurrently"),
			 errhint("Try again.")));
}

/*
 * Add to the fingerprint the version of a catalogue row that this session's
 * caches have.
 */
void
cs_analysis_tuple(CsAnalysis *analysis, HeapTuple tuple)
{
	TransactionId xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);

	cs_analysis_value(analysis, tuple->t_tableOid);
	cs_analysis_value(analysis, tuple->t_self);
	cs_analysis_value(analysis, xmin);
}

/* ----- errors in texts ----- */

/*
 * Error context callback: report a position within the text.
 */
static void
text_context(void *arg)
{
	CsTextContext *context = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(context->text);
	}
	if (context->function != NULL)
		errcontext("SQL function \"%s\"", context->function);
	else if (position <= 0)
		errcontext("SQL statement \"%s\"", context->text);
}

/*
 * Make errors report their position within a text, until
 * cs_analysis_pop_text(). 'function' names the function whose body it is; NULL
 * for a query.
 */
void
cs_analysis_push_text(CsTextContext *context, const char *text, const char *function)
{
	context->text = text;

	context->function = function;
	context->callback.callback = text_context;
	context->callback.arg = context;
	context->callback.previous = error_context_stack;
	error_context_stack = &context->callback;
}

void
cs_analysis_pop_text(CsTextContext *context)
{
	error_context_stack = context->callback.previous;
}

/* ----- relations ----- */

static char *
qualified_name(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *name = get_rel_name(relid);

	if (schema == NULL || name == NULL)
		return psprintf("with OID %u", relid);
	return quote_qualified_identifier(schema, name);
}

/* Refuse relations whose changes triggers cannot report. */
static void
check_table(Form_pg_class form, Oid relid)
{
	if (relid < FirstNormalObjectId)
		cs_analysis_refuse(NULL, "It reads the system catalogue %s.", qualified_name(relid));
	if (cs_catalog_is_own(relid))
		cs_analysis_refuse(NULL, "It reads %s, one of cache_strategies' own tables.",
						   qualified_name(relid));
	switch (form->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_FOREIGN_TABLE:
			cs_analysis_refuse(NULL, "It reads the foreign table %s.", qualified_name(relid));
			break;
		case RELKIND_MATVIEW:
			cs_analysis_refuse("Its query can be remembered instead.",
							   "It reads the materialized view %s.", qualified_name(relid));
			break;
		default:
			cs_analysis_refuse(NULL, "It reads %s, which is not a table.", qualified_name(relid));
	}
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		cs_analysis_refuse(NULL, "It reads the temporary table %s.", qualified_name(relid));
}

/*
 * Note that the query reads a table.
 */
static void
note_table(CsAnalysis *analysis, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	form = (Form_pg_class) GETSTRUCT(tuple);
	check_table(form, relid);
	if (form->relrowsecurity)
		analysis->secured = true;
	analysis->tables = list_append_unique_oid(analysis->tables, relid);
	if (analysis->depth > 0)
		analysis->opened = list_append_unique_oid(analysis->opened, relid);
	analysis->relations = list_append_unique_oid(analysis->relations, relid);
	ReleaseSysCache(tuple);
}

/*
 * Note the partitions of a partitioned table.  Their changes are changes of
 * the table, but their definitions matter, and foreign tables are refused.
 */
static void
note_partitions(CsAnalysis *analysis, Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			cs_analysis_refuse(NULL, "It reads the foreign table %s.",
							   qualified_name(lfirst_oid(lc)));
		analysis->relations = list_append_unique_oid(analysis->relations, lfirst_oid(lc));
	}
}

/*
 * Note that the query reads a table, and its children if 'children'.  The
 * caller holds a lock on it.
 */
void
cs_analysis_table(CsAnalysis *analysis, Oid relid, bool children)
{
	note_table(analysis, relid);
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		note_partitions(analysis, relid);
	else if (children && has_subclass(relid))
	{
		ListCell   *lc;

		foreach(lc, find_all_inheritors(relid, NoLock, NULL))
			note_table(analysis, lfirst_oid(lc));
	}
}

static void
note_view(CsAnalysis *analysis, Oid relid)
{
	analysis->views = list_append_unique_oid(analysis->views, relid);
	analysis->relations = list_append_unique_oid(analysis->relations, relid);
}

static void
check_sample(const CsAnalysis *analysis, const TableSampleClause *sample)
{
	if (analysis->plain)
		cs_analysis_refuse(NULL, "It reads a sample of a table.");
	if (sample->repeatable == NULL)
		cs_analysis_refuse("Add REPEATABLE.",
						   "TABLESAMPLE takes another sample each time.");
	if (sample->tsmhandler >= FirstNormalObjectId)
		cs_analysis_refuse(NULL, "It uses the sampling method %s.",
						   format_procedure(sample->tsmhandler));
}

/*
 * Note what a range table entry refers to.
 */
static void
note_rte(CsAnalysis *analysis, const RangeTblEntry *rte)
{
	ListCell   *lc;

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (get_rel_relkind(rte->relid) == RELKIND_VIEW)
				note_view(analysis, rte->relid);
			else
				cs_analysis_table(analysis, rte->relid, rte->inh);
			if (rte->tablesample != NULL)
				check_sample(analysis, rte->tablesample);
			break;
		case RTE_SUBQUERY:
			if (OidIsValid(rte->relid))
				note_view(analysis, rte->relid);
			break;
		case RTE_FUNCTION:
			foreach(lc, rte->functions)
			{
				RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);
				ListCell   *type;

				foreach(type, function->funccoltypes)
				{
					cs_analysis_type(analysis, lfirst_oid(type), true);
					analysis->timely |= cs_timely_type(lfirst_oid(type));
				}
			}
			break;
		case RTE_TABLEFUNC:
			foreach(lc, rte->tablefunc->coltypes)
			{
				cs_analysis_type(analysis, lfirst_oid(lc), true);
				analysis->timely |= cs_timely_type(lfirst_oid(lc));
			}
			break;
		case RTE_NAMEDTUPLESTORE:
			cs_analysis_refuse(NULL, "It reads the transition table %s.", rte->enrname);
			break;
		default:
			break;
	}
}

/* ----- expressions ----- */

/* Refuse system columns whose contents change without a change of the row. */
static void
check_column(const Var *var)
{
	if (var->varattno == MaxTransactionIdAttributeNumber ||
		var->varattno == MinCommandIdAttributeNumber ||
		var->varattno == MaxCommandIdAttributeNumber)
		cs_analysis_refuse(NULL, "It reads the system column %s.",
						   var->varattno == MaxTransactionIdAttributeNumber ? "xmax" :
						   var->varattno == MinCommandIdAttributeNumber ? "cmin" : "cmax");
}

/*
 * Note a constant.  One of a type that stands for a name was looked up when
 * the query was analysed.  Text search configurations are frequent in queries,
 * so they are not refused: the fingerprint contains their identity and
 * definition.
 */
static void
note_constant(CsAnalysis *analysis, const Const *constant)
{
	bool		is_config = constant->consttype == REGCONFIGOID;

	if (!is_config && constant->consttype != REGDICTIONARYOID)
		cs_analysis_type(analysis, constant->consttype, false);
	else if (constant->constisnull)
		return;
	else if (is_config)
		cs_analysis_text_search(analysis, DatumGetObjectId(constant->constvalue));
	else
		cs_analysis_dictionary(analysis, DatumGetObjectId(constant->constvalue));
}

/*
 * Refuse SQL value functions that depend on the session.
 */
static void
check_value_function(CsAnalysis *analysis, const SQLValueFunction *function)
{
	const char *name = NULL;

	analysis->sensitive = true;
	analysis->timely |= cs_timely_value(function);
	if (analysis->plain)
		return;					/* the key has user, database and schema */
	switch (function->op)
	{
		case SVFOP_SESSION_USER:
			name = "SESSION_USER";
			break;
		case SVFOP_CURRENT_CATALOG:
			name = "CURRENT_CATALOG";
			break;
		case SVFOP_CURRENT_SCHEMA:
			name = "CURRENT_SCHEMA";
			break;
		default:
			break;
	}
	if (name != NULL)
		cs_analysis_refuse(NULL, "%s depends on the session.", name);
}

/* Note the comparison function of an operator family. */
static void
note_order(CsAnalysis *analysis, Oid opfamily, Oid left, Oid right)
{
	Oid			function = get_opfamily_proc(opfamily, left, right, BTORDER_PROC);

	if (OidIsValid(function))
		cs_analysis_function(analysis, function, NULL);
}

/* Note the operators of grouping and sorting, which are in no expression. */
static void
note_sorting(CsAnalysis *analysis, const SortGroupClause *clause)
{
	Oid			opfamily;
	Oid			type;
	CsOrderKind kind;

	if (OidIsValid(clause->eqop))
		cs_analysis_function(analysis, get_opcode(clause->eqop), NULL);
	if (!OidIsValid(clause->sortop))
		return;
	cs_analysis_function(analysis, get_opcode(clause->sortop), NULL);
	if (get_ordering_op_properties(clause->sortop, &opfamily, &type, &kind))
		note_order(analysis, opfamily, type, type);
}

/*
 * Note the operators of a row comparison.
 */
static void
note_row_comparison(CsAnalysis *analysis, const RowCompareExpr *node)
{
	ListCell   *op;
	ListCell   *opfamily;

	forboth(op, node->opnos, opfamily, node->opfamilies)
	{
		int			strategy;
		Oid			left;
		Oid			right;

		cs_analysis_function(analysis, get_opcode(lfirst_oid(op)), NULL);
		get_op_opfamily_properties(lfirst_oid(op), lfirst_oid(opfamily), false,
								   &strategy, &left, &right);
		note_order(analysis, lfirst_oid(opfamily), left, right);
	}
}

static void
note_sortings(CsAnalysis *analysis, List *clauses)
{
	ListCell   *lc;

	foreach(lc, clauses)
		note_sorting(analysis, lfirst_node(SortGroupClause, lc));
}

/*
 * Note the functions of a window's RANGE.
 */
static void
note_range(CsAnalysis *analysis, const WindowClause *window)
{
	if (OidIsValid(window->startInRangeFunc))
		cs_analysis_function(analysis, window->startInRangeFunc, NULL);
	if (OidIsValid(window->endInRangeFunc))
		cs_analysis_function(analysis, window->endInRangeFunc, NULL);
}

static bool
note_function(Oid function, void *arg)
{
	cs_analysis_function(arg, function, NULL);
	return false;
}

/*
 * Note an expression that calls a function, for which the executor checks the
 * right to execute.
 */
static void
note_call(CsAnalysis *analysis, Node *node, Oid function)
{
	cs_analysis_use(analysis, function, analysis->role);
	cs_analysis_function(analysis, function, node);
	cs_analysis_type(analysis, exprType(node), function < FirstNormalObjectId);
}

/*
 * Is the text of these values the same with all settings?  Output functions
 * that are IMMUTABLE may obey them: float8out, byteaout.
 */
static bool
is_plainly_written(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
			return true;
		default:
			return false;
	}
}

/*
 * Note the input and output functions of a conversion.
 */
static void
note_conversion(CsAnalysis *analysis, CoerceViaIO *node)
{
	cs_analysis_type(analysis, node->resulttype, true);
	analysis->sensitive |= !is_plainly_written(exprType((Node *) node->arg));
	/* 'now' and 'today' are read as times */
	analysis->timely |= cs_timely_type(node->resulttype);
	(void) check_functions_in_node((Node *) node, note_function, analysis);
}

/*
 * Whether a name is only converted to its OID, which depends on nothing but
 * the row.
 */
static bool
is_number_of_name(const RelabelType *node)
{
	return node->resulttype == OIDOID && IsA(node->arg, Var) &&
		cs_analysis_type_is_name(exprType((Node *) node->arg));
}

/* The names of such a row's columns are known to this session only. */
static void
check_param(const Param *param)
{
	if (param->paramkind == PARAM_EXTERN &&
		(param->paramtype == RECORDOID || param->paramtype == RECORDARRAYOID))
		cs_analysis_refuse("Cast it to a row type.",
						   "It has a parameter that is a row of a type without a name.");
}

static void
note_json_query(CsAnalysis *analysis, Node *node)
{
	cs_analysis_type(analysis, exprType(node), true);
	analysis->timely |= cs_timely_type(exprType(node));
}

/* Note one node.  Returns false if its children are not to be visited. */
static bool
note_node(CsAnalysis *analysis, Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
			check_column((Var *) node);
			cs_analysis_type(analysis, exprType(node), false);
			break;
		case T_Const:
			note_constant(analysis, (Const *) node);
			break;
		case T_FuncExpr:
			note_call(analysis, node, ((FuncExpr *) node)->funcid);
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			set_opfuncid((OpExpr *) node);
			note_call(analysis, node, ((OpExpr *) node)->opfuncid);
			break;
		case T_ScalarArrayOpExpr:
			set_sa_opfuncid((ScalarArrayOpExpr *) node);
			note_call(analysis, node, ((ScalarArrayOpExpr *) node)->opfuncid);
			break;
		case T_Aggref:
			note_call(analysis, node, ((Aggref *) node)->aggfnoid);
			break;
		case T_WindowFunc:
			note_call(analysis, node, ((WindowFunc *) node)->winfnoid);
			break;
		case T_RowCompareExpr:
			note_row_comparison(analysis, (RowCompareExpr *) node);
			break;
		case T_CoerceViaIO:
			note_conversion(analysis, (CoerceViaIO *) node);
			break;
		case T_CoerceToDomain:
			cs_analysis_type(analysis, exprType(node), true);
			break;
		case T_XmlExpr:
			analysis->sensitive = true;
			cs_analysis_type(analysis, exprType(node), false);
			break;
		case T_SQLValueFunction:
			check_value_function(analysis, (SQLValueFunction *) node);
			break;
		case T_NextValueExpr:
			cs_analysis_refuse(NULL, "It takes values from a sequence.");
			break;
		case T_RelabelType:
			if (is_number_of_name((RelabelType *) node))
				return false;
			cs_analysis_type(analysis, exprType(node), false);
			break;
		case T_Param:
			check_param((Param *) node);
			cs_analysis_type(analysis, exprType(node), false);
			break;
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_FieldSelect:
		case T_SubscriptingRef:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_MinMaxExpr:
			cs_analysis_type(analysis, exprType(node), false);
			break;
		case T_SortGroupClause:
			note_sorting(analysis, (SortGroupClause *) node);
			break;
		case T_WindowClause:
			note_range(analysis, (WindowClause *) node);
			break;
		case T_SetOperationStmt:
			note_sortings(analysis, ((SetOperationStmt *) node)->groupClauses);
			break;
		default:
			if (cs_is_json_query(node))
				note_json_query(analysis, node);
			break;
	}
	return true;
}

/*
 * Expression tree walker.
 */
static bool
walk(Node *node, void *arg)
{
	CsAnalysis *analysis = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		cs_analysis_query(analysis, (Query *) node);
		return false;
	}
	if (!note_node(analysis, node))
		return false;
	return expression_tree_walker(node, walk, arg);
}

/*
 * Analyse an expression.  Throws if the result cannot be kept.
 */
void
cs_analysis_expression(CsAnalysis *analysis, Node *node)
{
	(void) walk(node, analysis);
}

/*
 * Refuse queries that do more than read.
 */
static void
check_query(const Query *query)
{
	if (query->commandType != CMD_SELECT)
		cs_analysis_refuse(NULL, "It does more than SELECT.");
	if (query->hasModifyingCTE)
		cs_analysis_refuse(NULL, "It changes data in WITH.");
	if (query->rowMarks != NIL)
		cs_analysis_refuse(NULL, "It locks rows (FOR UPDATE or FOR SHARE).");
}

/*
 * Analyse a rewritten query.  Throws if the result cannot be kept.
 */
void
cs_analysis_query(CsAnalysis *analysis, Query *query)
{
	ListCell   *lc;

	check_query(query);
	analysis->queries = lappend(analysis->queries, query);
	/* relations first, because their errors are more specific */
	foreach(lc, query->rtable)
		note_rte(analysis, lfirst_node(RangeTblEntry, lc));
	(void) query_tree_walker(query, walk, analysis, QTW_EXAMINE_SORTGROUP);
}
