/*-------------------------------------------------------------------------
 *
 * declared.c
 *		Statements that were declared with cache.declare_query().
 *
 * cache.declared_store has the text of each, the search path under which it
 * was declared, and the role.  A session reads the table when it plans the
 * first SELECT that may have been declared, and again when it has changed: a
 * trigger sends an invalidation of the table.  Cached plans are then made
 * anew.
 *
 * A statement is compared with the declarations as the planner gets it, that
 * is rewritten, without its constants (jumble.c).  Analysed statements would
 * do as well, but are not at hand when a cached statement is planned again.
 * What a declaration means is found out by each session for itself, since
 * OIDs change with DDL and a restore, and policies differ between roles:
 *
 *		resolve		which tables do the names in the text stand for?  This
 *					needs no lock.
 *		analyse		only if the statement at hand reads all these tables, so
 *					that no table is locked that it has not locked itself
 *
 * Analysing reads literals, and so may run code of the declaring role: input
 * functions evaluate the constraints of domains in arrays.  Both steps run as
 * that role, in a security-restricted operation, under the search path of the
 * declaration.  Rewriting is for the session's role, and runs no code.
 *
 * Both steps may fail: tables are dropped and privileges revoked.  They run in
 * a subtransaction, and the declaration is without effect until something has
 * changed.
 *
 * All of this is local to the session; there is no locking.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guc.h"
#include "inval.h"
#include "queryresult/analysis.h"
#include "queryresult/declared.h"
#include "queryresult/jumble.h"
#include "queryresult/names.h"
#include "queryresult/query.h"
#include "relation/catalog.h"
#include "relation/owner.h"
#include "relation/span.h"
#include "xact/attempt.h"

/* Columns of cache.declared_store */
enum
{
	Store_id = 1,
	Store_query,
	Store_ttl,
	Store_max_age,
	Store_declared_by,
	Store_search_path
};

typedef struct Declaration
{
	CsDeclared	what;
	char	   *text;
	char	   *path;

	/* what it means, in a context of its own; NULL: not known */
	MemoryContext context;
	uint64		checked;		/* cs_query_news() up to which it holds */
	char	   *problem;		/* NULL: none so far */
	List	   *named;			/* relations that the text names */
	Query	   *tree;			/* without constants; NULL: not analysed */
	uint64		jumble;
	CsFootprint footprint;
	bool		secured;		/* the tree is that of this role: */
	Oid			role;
	bool		row_security;
} Declaration;

static Oid	store = InvalidOid;
static bool known = false;		/* the list is what the table has */
static List *declarations = NIL;
static MemoryContext list_context = NULL;
static bool busy = false;		/* code that is run meanwhile sees none */

/* ----- the list ----- */

/*
 * Relcache callback.  Plans contain what was declared.
 */
static void
relation_changed(Oid relid)
{
	if (OidIsValid(relid) && relid != store)
		return;
	known = false;
	store = InvalidOid;
	if (cs_results != CS_RESULTS_OFF)
		ResetPlanCache();
}

/* Syscache callback: a role may have ceased to own a table. */
static void
roles_changed(uint32 hash)
{
	if (declarations != NIL && cs_results != CS_RESULTS_OFF)
		ResetPlanCache();
}

void
cs_declared_init(void)
{
	cs_inval_on_relation(relation_changed);
	cs_inval_on_syscache(AUTHOID, roles_changed);
	cs_inval_on_syscache(AUTHMEMMEMROLE, roles_changed);
}

Oid
cs_declared_catalog(void)
{
	if (!OidIsValid(store))
		store = cs_catalog_relid("declared_store");
	return store;
}

static int64
span_of(Datum value, bool isnull)
{
	return isnull ? 0 : cs_span_usecs(DatumGetIntervalP(value));
}

static void
add_row(Relation rel, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum		values[Store_search_path];
	bool		nulls[Store_search_path];
	Declaration *declaration = palloc0(sizeof(Declaration));

	heap_deform_tuple(tuple, desc, values, nulls);
	declaration->what.id = DatumGetInt64(values[Store_id - 1]);
	declaration->what.role = DatumGetObjectId(values[Store_declared_by - 1]);
	declaration->what.ttl = span_of(values[Store_ttl - 1], nulls[Store_ttl - 1]);
	declaration->what.max_age = span_of(values[Store_max_age - 1], nulls[Store_max_age - 1]);
	declaration->text = TextDatumGetCString(values[Store_query - 1]);
	declaration->path = TextDatumGetCString(values[Store_search_path - 1]);
	declarations = lappend(declarations, declaration);
}

/* The table is read like a catalogue, in its latest state. */
static void
read_store(Relation rel)
{
	MemoryContext old;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (list_context == NULL)
		list_context = AllocSetContextCreate(CacheMemoryContext,
											 "cache_strategies declared statements",
											 ALLOCSET_SMALL_SIZES);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	old = MemoryContextSwitchTo(list_context);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		add_row(rel, tuple);
	MemoryContextSwitchTo(old);
	systable_endscan(scan);
}

/*
 * Have the list.  An invalidation that comes in while it is read has it read
 * again the next time.
 */
static void
know(void)
{
	Oid			relid = cs_declared_catalog();
	Relation	rel;

	declarations = NIL;
	if (list_context != NULL)
		MemoryContextReset(list_context);
	if (!OidIsValid(relid))
		return;
	known = true;
	rel = try_table_open(relid, AccessShareLock);
	if (rel == NULL)
		return;
	PG_TRY();
	{
		read_store(rel);
	}
	PG_CATCH();
	{
		known = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	table_close(rel, AccessShareLock);
}

static inline bool
is_any(void)
{
	if (!known && !busy)
		know();
	return declarations != NIL && !busy;
}

/* ----- the names in a text ----- */

typedef struct Names
{
	List	   *tables;			/* of RangeVar */
	List	   *queries;		/* names in WITH, of char * */
} Names;

static bool
find_names(Node *node, void *arg)
{
	Names	   *names = arg;

	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
		names->tables = lappend(names->tables, node);
	if (IsA(node, CommonTableExpr))
		names->queries = lappend(names->queries, ((CommonTableExpr *) node)->ctename);
	return raw_expression_tree_walker(node, find_names, arg);
}

/* It may be a table all the same; then that is not asked for. */
static bool
is_of_with(const Names *names, const RangeVar *name)
{
	ListCell   *lc;

	if (name->schemaname != NULL)
		return false;
	foreach(lc, names->queries)
		if (strcmp(lfirst(lc), name->relname) == 0)
		return true;
	return false;
}

static RawStmt *
parse(const char *text)
{
	List	   *raw = pg_parse_query(text);

	if (list_length(raw) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the text must be one statement")));
	return linitial_node(RawStmt, raw);
}

/* As the declaring role, under the search path of the declaration. */
static void
become_declarer(CsAsOwner *saved, const Declaration *declaration)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(declaration->what.role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that has declared it does not exist any more")));
	cs_owner_begin(saved, declaration->what.role);
	(void) set_config_option("search_path", psprintf("%s, pg_temp", declaration->path),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
resolve(void *arg)
{
	Declaration *declaration = arg;
	CsAsOwner	saved;
	Names		names = {NIL};
	RawStmt    *raw;
	ListCell   *lc;
	List	   *relids = NIL;
	MemoryContext old;

	become_declarer(&saved, declaration);
	raw = parse(declaration->text);
	(void) cs_names_note(list_make1(raw));
	(void) find_names(raw->stmt, &names);
	foreach(lc, names.tables)
		if (!is_of_with(&names, lfirst(lc)))
		relids = list_append_unique_oid(relids,
										RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, false));
	cs_owner_end(&saved);
	old = MemoryContextSwitchTo(declaration->context);
	declaration->named = list_copy(relids);
	MemoryContextSwitchTo(old);
}

/* ----- the tree ----- */

static Query *
analysed(const Declaration *declaration)
{
	CsAsOwner	saved;
	Oid		   *types = NULL;
	int			ntypes = 0;
	Query	   *query;
	List	   *queries;

	become_declarer(&saved, declaration);
	query = parse_analyze_varparams(parse(declaration->text), declaration->text, &types,
									&ntypes, NULL);
	cs_owner_end(&saved);
	queries = query->commandType == CMD_SELECT ? QueryRewrite(query) : NIL;
	if (list_length(queries) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("it is not a SELECT")));
	return linitial_node(Query, queries);
}

static void
analyse(void *arg)
{
	Declaration *declaration = arg;
	Query	   *query = analysed(declaration);
	List	   *relids = NIL;
	List	   *ignored = NIL;
	MemoryContext old;

	declaration->role = GetUserId();
	declaration->row_security = row_security;
	declaration->jumble = cs_jumble_query(query);
	extract_query_dependencies((Node *) query, &relids, &ignored, &declaration->secured);
	old = MemoryContextSwitchTo(declaration->context);
	declaration->footprint.relations =
		cs_analysis_sorted(declaration->context, list_concat_unique_oid(relids, declaration->named),
						   &declaration->footprint.nrelations);
	declaration->tree = copyObject(cs_jumble_normalised(query));
	MemoryContextSwitchTo(old);
}

/* ----- what a declaration means ----- */

static void
forget(Declaration *declaration)
{
	MemoryContextDelete(declaration->context);
	declaration->context = NULL;
	declaration->problem = NULL;
	declaration->named = NIL;
	declaration->tree = NULL;
	memset(&declaration->footprint, 0, sizeof(CsFootprint));
}

/*
 * Is it still so?  A text that could not be analysed is tried again after any
 * change.
 */
static bool
is_current(Declaration *declaration)
{
	uint64		news = cs_query_news();

	if (declaration->context == NULL)
		return false;
	if (declaration->tree != NULL && declaration->secured &&
		(declaration->role != GetUserId() || declaration->row_security != row_security))
		return false;
	if (declaration->checked == news)
		return true;
	if (declaration->problem != NULL ||
		cs_query_news_concern(&declaration->footprint, declaration->checked))
		return false;
	declaration->checked = news;
	return true;
}

/* Not a fault of the text: the session is to end, or the statement. */
static bool
is_interrupt(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

static void
try(Declaration *declaration, CsAttempt step)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies declared statement",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorContextCallback *contexts = error_context_stack;
	ErrorData  *error;

	/* errors here are not of the statement at hand */
	error_context_stack = NULL;
	busy = true;
	error = cs_attempt_run(step, declaration);
	busy = false;
	error_context_stack = contexts;
	if (error != NULL && is_interrupt(error))
		ReThrowError(error);
	if (error != NULL)
		declaration->problem = MemoryContextStrdup(declaration->context, error->message);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Find out which tables it names. */
static bool
is_resolved(Declaration *declaration)
{
	if (is_current(declaration))
		return declaration->problem == NULL;
	if (declaration->context != NULL)
		forget(declaration);
	declaration->context = AllocSetContextCreate(list_context,
												 "cache_strategies declared statement",
												 ALLOCSET_SMALL_SIZES);
	declaration->checked = cs_query_news();
	try(declaration, resolve);
	declaration->footprint.relations = cs_analysis_sorted(declaration->context,
														  declaration->named,
														  &declaration->footprint.nrelations);
	return declaration->problem == NULL;
}

static bool
is_analysed(Declaration *declaration)
{
	if (declaration->tree == NULL)
		try(declaration, analyse);
	return declaration->problem == NULL;
}

/* ----- looking one up ----- */

static bool
names_none_but(const Declaration *declaration, const List *relids)
{
	ListCell   *lc;

	foreach(lc, declaration->named)
		if (!list_member_oid(relids, lfirst_oid(lc)))
		return false;
	return true;
}

const CsDeclared *
cs_declared_find(const Query *query)
{
	List	   *relids = NIL;
	List	   *ignored = NIL;
	bool		secured;
	uint64		jumble;
	Query	   *tree = NULL;
	ListCell   *lc;

	if (!is_any())
		return NULL;
	extract_query_dependencies((Node *) query, &relids, &ignored, &secured);
	jumble = cs_jumble_query(query);
	foreach(lc, declarations)
	{
		Declaration *declaration = lfirst(lc);

		if (!is_resolved(declaration) || !names_none_but(declaration, relids) ||
			!is_analysed(declaration) || declaration->jumble != jumble)
			continue;
		if (tree == NULL)
			tree = cs_jumble_normalised(query);
		if (equal(declaration->tree, tree))
			return &declaration->what;
	}
	return NULL;
}

static Declaration *
get(int64 id, const char *text)
{
	ListCell   *lc;

	if (!is_any())
		return NULL;
	foreach(lc, declarations)
	{
		Declaration *declaration = lfirst(lc);

		if (text == NULL ? declaration->what.id == id : strcmp(declaration->text, text) == 0)
			return declaration;
	}
	return NULL;
}

const CsDeclared *
cs_declared_get(int64 id)
{
	Declaration *declaration = get(id, NULL);

	return declaration != NULL ? &declaration->what : NULL;
}

/* By its text as it was given, whatever that means by now. */
const CsDeclared *
cs_declared_get_text(const char *text)
{
	Declaration *declaration = get(0, text);

	return declaration != NULL ? &declaration->what : NULL;
}

/* ----- owners ----- */

bool
cs_declared_owns(Oid role, const Oid *tables, int ntables)
{
	for (int i = 0; i < ntables; i++)
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(tables[i]));
		bool		owns;

		if (!HeapTupleIsValid(tuple))
			return false;
		owns = has_privs_of_role(role, ((Form_pg_class) GETSTRUCT(tuple))->relowner);
		ReleaseSysCache(tuple);
		if (!owns)
			return false;
	}
	return true;
}

/* Views do not count: what they read is in the footprint. */
static bool
owns_all(const Declaration *declaration, Oid role)
{
	for (int i = 0; i < declaration->footprint.nrelations; i++)
	{
		Oid			relid = declaration->footprint.relations[i];

		if (get_rel_relkind(relid) != RELKIND_VIEW && !cs_declared_owns(role, &relid, 1))
			return false;
	}
	return true;
}

bool
cs_declared_owned(int64 id, Oid role)
{
	Declaration *declaration = get(id, NULL);

	return declaration != NULL && is_resolved(declaration) && is_analysed(declaration) &&
		owns_all(declaration, role);
}

const char *
cs_declared_problem(int64 id)
{
	Declaration *declaration = get(id, NULL);

	if (declaration == NULL)
		return NULL;
	if (!is_resolved(declaration) || !is_analysed(declaration))
		return declaration->problem;
	if (!owns_all(declaration, declaration->what.role))
		return "the role that has declared it does not own all its tables any more";
	return NULL;
}
