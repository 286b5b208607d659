/*-------------------------------------------------------------------------
 *
 * catalog.c
 *		The extension's own tables: changing them for whoever asks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "table/catalog.h"

Oid
cs_catalog_relid(const char *table)
{
	Oid			schema = InvalidOid;

	if (OidIsValid(get_extension_oid("cache_strategies", true)))
		schema = get_namespace_oid("cache", true);
	return OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;
}

void
cs_catalog_arg(CsCatalogQuery *query, Oid type, Datum value, bool isnull)
{
	Assert(query->nargs < lengthof(query->types));
	query->types[query->nargs] = type;
	query->values[query->nargs] = value;
	query->nulls[query->nargs++] = isnull ? 'n' : ' ';
}

uint64
cs_catalog_change(const char *table, CsCatalogQuery *query)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(cs_catalog_relid(table)));
	Oid			owner;
	Oid			role;
	int			security;
	int			rc;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table cache.%s does not exist", table)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	GetUserIdAndSecContext(&role, &security);
	SetUserIdAndSecContext(owner, security | SECURITY_LOCAL_USERID_CHANGE);
	rc = SPI_execute_with_args(query->text, query->nargs, query->types, query->values,
							   query->nulls, false, 0);
	SetUserIdAndSecContext(role, security);
	if (rc < 0)
		elog(ERROR, "could not change cache.%s: %s", table, SPI_result_code_string(rc));
	return SPI_processed;
}
