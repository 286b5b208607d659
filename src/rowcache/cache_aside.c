/*-------------------------------------------------------------------------
 *
 * cache_aside.c
 *		Strategy cache_aside: the application looks up, loads and fills.
 *
 * cache.lookup() and cache.fill() do that in separate steps, cache.read() in
 * one. Several sessions that miss the same key each load it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rowcache/strategy.h"

static void
needs(const CsBinding *binding, CsTriggerNeeds *needs)
{
	needs->on_insert = binding->options.negative_ttl > 0;
	needs->by_statement = false;
}

static void
miss(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	cs_access_load(access, rowkey, true, answer);
}

const CsStrategy cs_cache_aside = {
	.name = "cache_aside",
	.needs = needs,
	.miss = miss,
	.changed = cs_strategy_invalidate,
	.effect = "invalidates"
};
