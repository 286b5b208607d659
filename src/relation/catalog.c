/*-------------------------------------------------------------------------
 *
 * catalog.c
 *		The extension's own tables and functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "relation/catalog.h"
#include "relation/owner.h"

/*
 * OID of one of the extension's tables; InvalidOid if the extension does not
 * exist.
 */
Oid
cs_catalog_relid(const char *table)
{
	Oid			schema = InvalidOid;

	if (OidIsValid(get_extension_oid("cache_strategies", true)))
		schema = get_namespace_oid("cache", true);
	return OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;
}

/*
 * Whether the relation belongs to the extension.
 */
bool
cs_catalog_is_own(Oid relid)
{
	Oid			extension = getExtensionOfObject(RelationRelationId, relid);

	return OidIsValid(extension) && extension == get_extension_oid("cache_strategies", true);
}

/*
 * Whether one of the extension's tables has a row for a relation, in its
 * column "relation".  The table is read like a catalogue, in its latest state,
 * whatever snapshot the caller has.
 */
bool
cs_catalog_lists(const char *table, Oid relid)
{
	return cs_catalog_has(table, relid, NULL);
}

/*
 * Whether it has such a row in which the boolean column 'flag', if given, is
 * true.
 */
bool
cs_catalog_has(const char *table, Oid relid, const char *flag)
{
	Oid			schema = get_namespace_oid("cache", true);
	Oid			catalog = OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;
	AttrNumber	attnum;
	Relation	rel;
	Oid			index = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	if (!OidIsValid(catalog))
		return false;
	attnum = get_attnum(catalog, "relation");
	/* the table may be gone, if DROP EXTENSION was waited for */
	rel = try_table_open(catalog, AccessShareLock);
	if (rel == NULL)
		return false;
	/* if it is the primary key, it is the first column */
	list_free(RelationGetIndexList(rel));
	if (attnum == 1)
		index = rel->rd_pkindex;
	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found && flag != NULL)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, get_attnum(catalog, flag), RelationGetDescr(rel),
										 &isnull);

		found = !isnull && DatumGetBool(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * The first columns of a row of one of the extension's tables.  The database
 * may have the objects of an older version of the extension, without a column
 * that was added since: that is NULL.
 */
void
cs_catalog_deform(HeapTuple tuple, TupleDesc desc, int columns, Datum *values, bool *nulls)
{
	for (int i = 0; i < columns; i++)
	{
		values[i] = (Datum) 0;
		nulls[i] = true;
		if (i < desc->natts)
			values[i] = heap_getattr(tuple, i + 1, desc, &nulls[i]);
	}
}

/*
 * Add an argument to a query.
 */
void
cs_catalog_arg(CsCatalogQuery *query, Oid type, Datum value, bool isnull)
{
	Assert(query->nargs < lengthof(query->types));
	query->types[query->nargs] = type;
	query->values[query->nargs] = value;
	query->nulls[query->nargs++] = isnull ? 'n' : ' ';
}

/*
 * Execute a query as the owner of the extension's table of this name,
 * independent of the current role's privileges.  Returns the number of rows
 * changed.  The caller is connected to SPI.
 */
uint64
cs_catalog_change(const char *table, CsCatalogQuery *query)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(cs_catalog_relid(table)));
	CsAsOwner	saved;
	Oid			owner;
	int			rc;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table cache.%s does not exist", table),
				 errhint("It is part of the extension: ALTER EXTENSION cache_strategies UPDATE.")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	cs_owner_begin(&saved, owner);
	rc = SPI_execute_with_args(query->text, query->nargs, query->types, query->values,
							   query->nulls, false, 0);
	cs_owner_end(&saved);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", query->text, SPI_result_code_string(rc));
	return SPI_processed;
}

/* Whether the SQL function is implemented by this C function. */
bool
cs_catalog_is_function(Oid function, const char *symbol)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		bool		isnull;
		Datum		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);

		result = !isnull && strcmp(TextDatumGetCString(source), symbol) == 0;
	}
	ReleaseSysCache(tuple);
	return result;
}
