/*-------------------------------------------------------------------------
 *
 * declare_sql.c
 *		SQL functions cache.declare_query() and cache.undeclare_query(), and
 *		the trigger of their table.
 *
 * A declaration concerns the statements of all roles, and with max_age they
 * get results that are not exact.  So only a role that owns all tables that
 * the statement reads may declare it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "queryresult/declared.h"
#include "queryresult/verdict.h"
#include "relation/catalog.h"
#include "relation/owned.h"
#include "relation/span.h"
#include "rowcache/trigger.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_declare_query);
PG_FUNCTION_INFO_V1(cs_undeclare_query_id);
PG_FUNCTION_INFO_V1(cs_undeclare_query_text);
PG_FUNCTION_INFO_V1(cs_declared_query_problem);
PG_FUNCTION_INFO_V1(cs_declared_changed);

static void
require_writable(const char *function)
{
	cs_shmem_require();
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
}

/* One declaration after the other, as their statements must differ. */
static void
lock_store(void)
{
	Oid			store = cs_declared_catalog();

	if (OidIsValid(store))
		LockRelationOid(store, ShareRowExclusiveLock);
}

/* ----- declaring ----- */

static void
check_statement(const char *text, CsVerdict *verdict)
{
	cs_verdict_find(text, verdict);
	if (verdict->eligible && verdict->shape == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the statement"),
				 errdetail("%s", verdict->reason)));
	if (!verdict->eligible)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the result of the statement cannot be kept"),
				 verdict->reason != NULL ? errdetail("%s", verdict->reason) : 0,
				 verdict->hint != NULL ? errhint("%s", verdict->hint) : 0));
	for (int i = 0; i < verdict->shape->ntables; i++)
		pfree(cs_owned_check(verdict->shape->tables[i]));
}

static void
check_new(const char *text)
{
	const CsDeclared *other = cs_declared_find(cs_verdict_statement(text));

	if (other != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("the statement is already declared"),
				 errdetail("Its number in cache.declared_queries is " INT64_FORMAT ".", other->id),
				 errhint("Use cache.undeclare_query(" INT64_FORMAT ") first.", other->id)));
}

/* The schemas of the search path, without that of temporary tables. */
static char *
search_path_text(void)
{
	StringInfoData path;
	ListCell   *lc;

	initStringInfo(&path);
	foreach(lc, fetch_search_path(true))
	{
		char	   *name = get_namespace_name(lfirst_oid(lc));

		if (name != NULL && !isAnyTempNamespace(lfirst_oid(lc)))
			appendStringInfo(&path, "%s%s", path.len > 0 ? ", " : "", quote_identifier(name));
	}
	return path.data;
}

static void
add_span(CsCatalogQuery *query, int64 usecs)
{
	Interval   *span = palloc0(sizeof(Interval));

	span->time = usecs;
	cs_catalog_arg(query, INTERVALOID, IntervalPGetDatum(span), usecs <= 0);
}

static int64
insert(const char *text, int64 ttl, int64 max_age)
{
	CsCatalogQuery query = {.text =
		"INSERT INTO cache.declared_store (query, ttl, max_age, declared_by, search_path) "
	"VALUES ($1, $2, $3, $4, $5) RETURNING id"};
	char	   *path = search_path_text();
	Oid			role = GetUserId();
	bool		isnull;
	int64		id;

	SPI_connect();
	cs_catalog_arg(&query, TEXTOID, CStringGetTextDatum(text), false);
	add_span(&query, ttl);
	add_span(&query, max_age);
	cs_catalog_arg(&query, REGROLEOID, ObjectIdGetDatum(role), false);
	cs_catalog_arg(&query, TEXTOID, CStringGetTextDatum(path), false);
	(void) cs_catalog_change("declared_store", &query);
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return id;
}

Datum
cs_declare_query(PG_FUNCTION_ARGS)
{
	CsVerdict	verdict = {.terms.declared = true};
	char	   *string;

	require_writable("cache.declare_query()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be NULL")));
	string = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (!PG_ARGISNULL(1))
		verdict.terms.ttl = cs_span_positive(fcinfo, 1, "ttl",
											 "Without one the result is kept until a table changes.");
	if (!PG_ARGISNULL(2))
		verdict.terms.max_age = cs_span_positive(fcinfo, 2, "max_age",
												 "Without one the result is exact.");
	check_statement(string, &verdict);
	lock_store();
	check_new(string);
	PG_RETURN_INT64(insert(string, verdict.terms.ttl, verdict.terms.max_age));
}

/* ----- undeclaring ----- */

static void
remove_declaration(const CsDeclared *declared)
{
	CsCatalogQuery query = {.text =
	"DELETE FROM cache.declared_store WHERE id OPERATOR(pg_catalog.=) $1"};
	int64		id = declared->id;

	if (!has_privs_of_role(GetUserId(), declared->role) &&
		!cs_declared_owned(id, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for declared statement " INT64_FORMAT, id),
				 errhint("The role that has declared it can undeclare it, and the owner of all its tables.")));
	SPI_connect();
	cs_catalog_arg(&query, INT8OID, Int64GetDatum(id), false);
	(void) cs_catalog_change("declared_store", &query);
	SPI_finish();
}

cs_noreturn static void
missing_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("the statement is not declared"),
			 errhint("Declared statements are in cache.declared_queries.")));
}

Datum
cs_undeclare_query_id(PG_FUNCTION_ARGS)
{
	const CsDeclared *declared;

	require_writable("cache.undeclare_query()");
	lock_store();
	declared = cs_declared_get(PG_GETARG_INT64(0));
	if (declared == NULL)
		missing_error();
	remove_declaration(declared);
	PG_RETURN_VOID();
}

Datum
cs_undeclare_query_text(PG_FUNCTION_ARGS)
{
	char	   *string = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const CsDeclared *declared;

	require_writable("cache.undeclare_query()");
	lock_store();
	declared = cs_declared_get_text(string);
	if (declared == NULL)
	{
		Query	   *query = cs_verdict_statement(string);

		if (query != NULL && query->commandType == CMD_SELECT)
			declared = cs_declared_find(query);
	}
	if (declared == NULL)
		missing_error();
	remove_declaration(declared);
	PG_RETURN_VOID();
}

/* ----- the view and the table ----- */

Datum
cs_declared_query_problem(PG_FUNCTION_ARGS)
{
	const char *problem;

	cs_shmem_require();
	problem = cs_declared_problem(PG_GETARG_INT64(0));
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}

/*
 * Trigger function cache.declared_changed(): tell all sessions.
 */
Datum
cs_declared_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = cs_trigger_data(fcinfo, "cache.declared_changed");

	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigdata->tg_relation));
	return PointerGetDatum(NULL);
}
