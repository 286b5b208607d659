/*-------------------------------------------------------------------------
 *
 * write_around.c
 *		Write around: writes go past the cache, and a key is let in on its
 *		second read.
 *
 * For tables that are written in bulk and read little: statement triggers with
 * transition tables cost next to nothing per row, and a scan over many keys
 * does not push out those that are read again and again.  Partitioned tables
 * have row triggers instead (see triggers.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rowcache/strategy.h"
#include "store/store.h"

static void
needs(const CsBinding *binding, CsTriggerNeeds *needs)
{
	needs->on_insert = binding->options.negative_ttl > 0;
	needs->by_statement = !binding->tree.partitioned;
}

static bool
admits(const CsRowKey *rowkey)
{
	return cs_store_seen(rowkey->key.hash);
}

static void
miss(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	if (admits(rowkey))
		cs_strategy_load_once(access, rowkey, answer);
	else
		cs_access_table(access, rowkey, answer);
}

const CsStrategy cs_write_around = {
	.name = "write_around",
	.needs = needs,
	.miss = miss,
	.admits = admits,
	.changed = cs_strategy_invalidate
};
