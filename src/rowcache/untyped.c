/*-------------------------------------------------------------------------
 *
 * untyped.c
 *		Types for parameters without a declared type.
 *
 * Most drivers send a statement without the types of its parameters, and let
 * the server infer them from the context: in "id = $1", the type of id.  The
 * parser does so for arguments of all types except "any", which determines
 * nothing, so that the statement would be refused.  So after analysis the
 * types of such parameters of our functions are set: a key has the type of the
 * primary key's column, a time span is an interval.  A driver that asks gets
 * the same answer as for a SELECT, and may send the value in the binary format
 * of that type.
 *
 * Statements whose parameters are typed, or that have none, cost a comparison,
 * others a walk through the analysed query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "relation/binding.h"
#include "rowcache/untyped.h"

static post_parse_analyze_hook_type next_analyze_hook = NULL;

typedef struct Walk
{
	ParseState *pstate;
	int			nresolved;		/* parameters that got a type */
	Oid		   *types;			/* of these, by number from 1; InvalidOid for
								 * others */
	int			ntypes;
} Walk;

/* ----- determining types ----- */

/*
 * Whether the function belongs to the extension.
 */
static bool
is_ours(Oid function)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);

	return OidIsValid(extension) &&
		extension == get_extension_oid("cache_strategies", true);
}

/* Name of an argument that is declared "any"; NULL if it is not. */
static const char *
open_argument(Oid function, int argno, int *place)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid		   *types;
	char	  **names;
	char	   *modes;
	const char *name = NULL;
	int			nargs;
	int			declared;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	nargs = ((Form_pg_proc) GETSTRUCT(tuple))->pronargs;
	declared = Min(argno, nargs - 1);
	(void) get_func_arg_info(tuple, &types, &names, &modes);
	if (((Form_pg_proc) GETSTRUCT(tuple))->proargtypes.values[declared] == ANYOID)
		name = names[declared];
	*place = argno - declared;
	ReleaseSysCache(tuple);
	return name;
}

/* Binding of the table whose row type the first argument has; NULL if none. */
static CsBinding *
binding_of(const FuncExpr *call)
{
	Oid			rowtype = exprType(linitial(call->args));
	Oid			relid = lookup_type_cache(rowtype, 0)->typrelid;

	return OidIsValid(relid) ? cs_binding_get(relid) : NULL;
}

/*
 * Type of a key argument.  It is text if the table is not known; the function
 * then converts it or reports an error.
 */
static Oid
key_type(const FuncExpr *call, int column)
{
	CsBinding  *binding = binding_of(call);

	if (binding == NULL || column >= binding->nkeys)
		return TEXTOID;
	return cs_key_literal_type(&binding->keys[column]);
}

/*
 * Type of an array of keys.
 */
static Oid
keys_type(const FuncExpr *call)
{
	CsBinding  *binding = binding_of(call);
	Oid			array = InvalidOid;

	if (binding != NULL && binding->nkeys == 1)
		array = get_array_type(cs_key_literal_type(&binding->keys[0]));
	return OidIsValid(array) ? array : TEXTARRAYOID;
}

/* Names and types of arguments that do not depend on a table. */
static const struct
{
	const char *name;
	Oid			type;
}			others[] = {
	{"ttl", INTERVALOID}, {"negative_ttl", INTERVALOID}, {"flush_interval", INTERVALOID},
	{"grace", INTERVALOID}, {"params", TEXTARRAYOID}
};

/* Type of an argument; InvalidOid if unknown. */
static Oid
wanted_type(const FuncExpr *call, int argno)
{
	const char *name;
	int			place;

	if (!is_ours(call->funcid))
		return InvalidOid;
	name = open_argument(call->funcid, argno, &place);
	if (name == NULL)
		return InvalidOid;
	if (strcmp(name, "key") == 0)
		return key_type(call, place);
	if (strcmp(name, "keys") == 0)
		return keys_type(call);
	if (strcmp(name, "delta") == 0)
		return call->funcresulttype;
	for (int i = 0; i < lengthof(others); i++)
		if (strcmp(name, others[i].name) == 0)
			return others[i].type;
	return InvalidOid;
}

/* ----- walking the query ----- */

static bool
is_untyped(Node *node)
{
	return IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN &&
		((Param *) node)->paramtype == UNKNOWNOID;
}

/*
 * Set the type of a parameter.
 */
static void
set_type(Walk *walk, Param *param, Oid type)
{
	ParseState *pstate = walk->pstate;

	/* as where the parser infers a type; modifies the node */
	(void) pstate->p_coerce_param_hook(pstate, param, type, -1, -1);
	if (param->paramid > walk->ntypes)
	{
		int			n = param->paramid * 2;

		walk->types = walk->types == NULL ? palloc0(n * sizeof(Oid)) :
			repalloc(walk->types, n * sizeof(Oid));
		for (int i = walk->ntypes; i < n; i++)
			walk->types[i] = InvalidOid;
		walk->ntypes = n;
	}
	walk->types[param->paramid - 1] = type;
	walk->nresolved++;
}

/*
 * Set the types of a call's parameters.
 */
static void
visit_call(Walk *walk, const FuncExpr *call)
{
	ListCell   *lc;

	foreach(lc, call->args)
	{
		Node	   *arg = lfirst(lc);
		int			argno = foreach_current_index(lc);
		Oid			type;

		if (IsA(arg, NamedArgExpr))
		{
			argno = ((NamedArgExpr *) arg)->argnumber;
			arg = (Node *) ((NamedArgExpr *) arg)->arg;
		}
		if (!is_untyped(arg))
			continue;
		type = wanted_type(call, argno);
		if (OidIsValid(type))
			set_type(walk, (Param *) arg, type);
	}
}

/*
 * Query tree walker that sets types.
 */
static bool
visit(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, visit, context, 0);
	if (IsA(node, FuncExpr))
		visit_call(context, (FuncExpr *) node);
	return expression_tree_walker(node, visit, context);
}

/*
 * Query tree walker that sets the types in other places where the parameters
 * occur.
 */
static bool
visit_others(Node *node, void *context)
{
	Walk	   *walk = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, visit_others, context, 0);
	if (is_untyped(node))
	{
		Param	   *param = (Param *) node;

		if (param->paramid <= walk->ntypes && OidIsValid(walk->types[param->paramid - 1]))
			set_type(walk, param, walk->types[param->paramid - 1]);
	}
	return expression_tree_walker(node, visit_others, context);
}

/*
 * The query of an EXPLAIN or similar statement, which is analysed with it;
 * NULL if there is none.
 */
static Query *
inner_query(Query *query)
{
	Node	   *utility = query->utilityStmt;
	Node	   *inner = NULL;

	if (query->commandType != CMD_UTILITY)
		return query;
	if (IsA(utility, ExplainStmt))
		inner = ((ExplainStmt *) utility)->query;
	else if (IsA(utility, CreateTableAsStmt))
		inner = ((CreateTableAsStmt *) utility)->query;
	else if (IsA(utility, DeclareCursorStmt))
		inner = ((DeclareCursorStmt *) utility)->query;
	if (inner == NULL || !IsA(inner, Query))
		return NULL;
	return inner_query((Query *) inner);
}

static void
resolve(ParseState *pstate, Query *query)
{
	Walk		walk = {.pstate = pstate};

	(void) visit((Node *) query, &walk);
	if (walk.nresolved > 0)
		(void) visit_others((Node *) query, &walk);
}

/*
 * Hook of post_parse_analyze_hook.
 */
static void
after_analysis(ParseState *pstate, Query *query, JumbleState *jumble)
{
	/* set only if types of parameters are to be inferred */
	if (pstate->p_coerce_param_hook != NULL && pstate->p_sourcetext != NULL &&
		strchr(pstate->p_sourcetext, '$') != NULL)
	{
		Query	   *inner = inner_query(query);

		if (inner != NULL)
			resolve(pstate, inner);
	}
	if (next_analyze_hook != NULL)
		next_analyze_hook(pstate, query, jumble);
}

void
cs_untyped_init(void)
{
	next_analyze_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = after_analysis;
}
