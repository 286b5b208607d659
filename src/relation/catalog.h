/*-------------------------------------------------------------------------
 *
 * catalog.h
 *		The extension's own tables and functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CATALOG_H
#define CS_CATALOG_H

#include "access/htup.h"
#include "access/tupdesc.h"

typedef struct CsCatalogQuery
{
	const char *text;
	int			nargs;
	Oid			types[16];
	Datum		values[16];
	char		nulls[16];
} CsCatalogQuery;

extern void cs_catalog_arg(CsCatalogQuery *query, Oid type, Datum value, bool isnull);
extern uint64 cs_catalog_change(const char *table, CsCatalogQuery *query);
extern Oid	cs_catalog_relid(const char *table);
extern bool cs_catalog_is_own(Oid relid);
extern bool cs_catalog_lists(const char *table, Oid relid);
extern bool cs_catalog_has(const char *table, Oid relid, const char *flag);
extern void cs_catalog_deform(HeapTuple tuple, TupleDesc desc, int columns, Datum *values, bool *nulls);
extern bool cs_catalog_is_function(Oid function, const char *symbol);

#endif							/* CS_CATALOG_H */
