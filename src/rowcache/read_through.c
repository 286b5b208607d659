/*-------------------------------------------------------------------------
 *
 * read_through.c
 *		Strategy read_through: the cache loads missing rows.
 *
 * One session loads a key, and the others that miss it wait.  A loader
 * function and refresh-ahead are implemented where loading is, for all
 * strategies.
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

const CsStrategy cs_read_through = {
	.name = "read_through",
	.needs = needs,
	.miss = cs_access_load_once,
	.changed = cs_strategy_invalidate,
	.effect = "invalidates"
};
