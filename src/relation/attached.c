/*-------------------------------------------------------------------------
 *
 * attached.c
 *		The list of attached tables: the reader of cache.binding_store.
 *
 * cache.binding_store is an ordinary table that is read like a catalogue, in
 * its latest state, whatever snapshot the caller has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "relation/attached.h"
#include "relation/catalog.h"

typedef void (*Take) (HeapTuple tuple, TupleDesc desc, void *arg);

/* ----- rows ----- */

/*
 * Open cache.binding_store; returns NULL if the extension does not exist.
 */
static Relation
open_store(void)
{
	Oid			catalog = cs_binding_catalog();

	/* the table may be gone, if DROP EXTENSION was waited for */
	return OidIsValid(catalog) ? try_table_open(catalog, AccessShareLock) : NULL;
}

/*
 * Call 'take', unless it is NULL, with a table's row; returns false if it has
 * none.
 */
static bool
take_row(Oid relid, Take take, void *arg)
{
	Relation	rel = open_store();
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return false;
	ScanKeyInit(&key, CS_ATTACHED_RELATION, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	list_free(RelationGetIndexList(rel));	/* determines the primary key */
	scan = systable_beginscan(rel, rel->rd_pkindex, OidIsValid(rel->rd_pkindex), NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) && take != NULL)
		take(tuple, RelationGetDescr(rel), arg);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

/*
 * Whether the table is attached.
 */
bool
cs_attached_is_listed(Oid relid)
{
	return take_row(relid, NULL, NULL);
}

/* ----- options ----- */

/*
 * Microseconds of an interval, with months of 30 days.
 */
static int64
interval_usecs(Datum value)
{
	Interval   *span = DatumGetIntervalP(value);

	return span->time + (span->day + span->month * INT64CONST(30)) * USECS_PER_DAY;
}

static void
take_options(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CsOptions  *options = arg;
	Datum		values[CS_ATTACHED_COLUMNS];
	bool		nulls[CS_ATTACHED_COLUMNS];

	cs_catalog_deform(tuple, desc, CS_ATTACHED_COLUMNS, values, nulls);
	memset(options, 0, sizeof(*options));
	options->strategy = TextDatumGetCString(values[CS_ATTACHED_STRATEGY - 1]);
	if (!nulls[CS_ATTACHED_TTL - 1])
		options->ttl = interval_usecs(values[CS_ATTACHED_TTL - 1]);
	if (!nulls[CS_ATTACHED_TTL_JITTER - 1])
		options->ttl_jitter = DatumGetFloat4(values[CS_ATTACHED_TTL_JITTER - 1]);
	if (!nulls[CS_ATTACHED_NEGATIVE_TTL - 1])
		options->negative_ttl = interval_usecs(values[CS_ATTACHED_NEGATIVE_TTL - 1]);
	if (!nulls[CS_ATTACHED_MAX_MEMORY - 1])
		options->max_memory = DatumGetInt64(values[CS_ATTACHED_MAX_MEMORY - 1]);
	if (!nulls[CS_ATTACHED_LOADER - 1])
		options->loader = TextDatumGetCString(values[CS_ATTACHED_LOADER - 1]);
	if (!nulls[CS_ATTACHED_REFRESH_AHEAD - 1])
		options->refresh_ahead = DatumGetFloat4(values[CS_ATTACHED_REFRESH_AHEAD - 1]);
	options->durable = nulls[CS_ATTACHED_DURABLE - 1] || DatumGetBool(values[CS_ATTACHED_DURABLE - 1]);
	options->flush_interval = CS_FLUSH_INTERVAL;
	if (!nulls[CS_ATTACHED_FLUSH_INTERVAL - 1])
		options->flush_interval = interval_usecs(values[CS_ATTACHED_FLUSH_INTERVAL - 1]);
	options->flush_batch = CS_FLUSH_BATCH;
	if (!nulls[CS_ATTACHED_FLUSH_BATCH - 1])
		options->flush_batch = DatumGetInt32(values[CS_ATTACHED_FLUSH_BATCH - 1]);
	if (!nulls[CS_ATTACHED_MERGE - 1])
		options->merge = DatumGetJsonbPCopy(values[CS_ATTACHED_MERGE - 1]);
	if (!nulls[CS_ATTACHED_SETTINGS - 1])
		options->settings = DatumGetArrayTypePCopy(values[CS_ATTACHED_SETTINGS - 1]);
	options->plain_reads = CS_PLAIN_AS_SET;
	if (!nulls[CS_ATTACHED_PLAIN_READS - 1])
		options->plain_reads = DatumGetBool(values[CS_ATTACHED_PLAIN_READS - 1]) ?
			CS_PLAIN_ON : CS_PLAIN_OFF;
}

/*
 * Read a table's options; returns false if it is not attached.  Allocates in
 * the current context.
 */
bool
cs_attached_read(Oid relid, CsOptions *options)
{
	return take_row(relid, take_options, options);
}

static void
take_texts(HeapTuple tuple, TupleDesc desc, void *arg)
{
	char	  **texts = arg;

	for (int i = 0; i < CS_ATTACHED_COLUMNS; i++)
		texts[i] = SPI_getvalue(tuple, desc, i + 1);
}

/*
 * Read a table's row as text, with NULL for a column that is null; returns
 * false if it is not attached.  Allocates in the current context.
 */
bool
cs_attached_texts(Oid relid, char *texts[CS_ATTACHED_COLUMNS])
{
	return take_row(relid, take_texts, texts);
}

/* ----- all of them ----- */

/*
 * OIDs of the tables whose writes are deferred, in ascending order.  The list
 * is in the current context.
 */
List *
cs_attached_deferring(void)
{
	Relation	rel = open_store();
	List	   *relids = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		relation = heap_getattr(tuple, CS_ATTACHED_RELATION, RelationGetDescr(rel), &isnull);
		Datum		strategy = heap_getattr(tuple, CS_ATTACHED_STRATEGY, RelationGetDescr(rel), &isnull);

		if (strcmp(TextDatumGetCString(strategy), "write_back") == 0)
			relids = lappend_oid(relids, DatumGetObjectId(relation));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(relids, list_oid_cmp);
	return relids;
}
