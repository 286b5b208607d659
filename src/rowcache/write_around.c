/*-------------------------------------------------------------------------
 *
 * write_around.c
 *		Strategy write_around: writes bypass the cache, and a key is admitted
 *		on its second read.
 *
 * For tables that are written in bulk and read little.  Statement triggers
 * with transition tables cost almost nothing per row, and a scan of many keys
 * does not displace those that are read repeatedly.  Partitioned tables have
 * row triggers instead (see triggers.c).
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

/*
 * Whether the key was read recently.
 */
static bool
admits(const CsRowKey *rowkey)
{
	return cs_store_seen(rowkey->key.hash);
}

static void
miss(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	if (admits(rowkey))
		cs_access_load_once(access, rowkey, answer);
	else
		cs_access_table(access, rowkey, answer);
}

const CsStrategy cs_write_around = {
	.name = "write_around",
	.needs = needs,
	.miss = miss,
	.admits = admits,
	.changed = cs_strategy_invalidate,
	.effect = "invalidates"
};
