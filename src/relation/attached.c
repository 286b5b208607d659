/*-------------------------------------------------------------------------
 *
 * attached.c
 *		The list of attached tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/memutils.h"

#include "relation/attached.h"

/*
 * OIDs of the tables whose writes are deferred, in ascending order, as the
 * current snapshot shows cache.bindings.  The list is in the current context.
 */
List *
cs_attached_deferring(void)
{
	List	   *relids = NIL;
	MemoryContext old = CurrentMemoryContext;

	SPI_connect();
	if (SPI_execute("SELECT relation FROM cache.bindings WHERE strategy OPERATOR(pg_catalog.=) 'write_back' "
					"ORDER BY relation::pg_catalog.oid", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read cache.bindings");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
														   SPI_tuptable->tupdesc, 1, &isnull));
		MemoryContext mine = MemoryContextSwitchTo(old);

		relids = lappend_oid(relids, relid);
		MemoryContextSwitchTo(mine);
	}
	SPI_finish();
	return relids;
}
