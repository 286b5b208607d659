/*-------------------------------------------------------------------------
 *
 * catalog.h
 *		The extension's own tables: changing them for whoever asks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CATALOG_H
#define CS_CATALOG_H

typedef struct CsCatalogQuery
{
	const char *text;
	int			nargs;
	Oid			types[16];
	Datum		values[16];
	char		nulls[16];
} CsCatalogQuery;

extern void cs_catalog_arg(CsCatalogQuery *query, Oid type, Datum value, bool isnull);

/*
 * Run it as the owner of the table with this name, whatever the current role
 * may do there; returns how many rows were changed.  SPI is connected.
 */
extern uint64 cs_catalog_change(const char *table, CsCatalogQuery *query);

/* The OID of a table of ours; InvalidOid: the extension is not there. */
extern Oid	cs_catalog_relid(const char *table);

/* Is it a relation of the extension? */
extern bool cs_catalog_is_own(Oid relid);

/*
 * Has this table of ours, each of which has a column "relation", a row for a
 * relation?  It is read like a catalogue: as it is now, whatever the snapshot.
 */
extern bool cs_catalog_lists(const char *table, Oid relid);

/* Is it the SQL function that has this C function? */
extern bool cs_catalog_is_function(Oid function, const char *symbol);

#endif							/* CS_CATALOG_H */
