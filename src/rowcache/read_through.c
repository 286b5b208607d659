/*-------------------------------------------------------------------------
 *
 * read_through.c
 *		Read through: the cache owns loading.
 *
 * One session loads a key and the others that miss it wait.  With a loader
 * function or refresh-ahead if the table was attached so; both are handled
 * where loading is, for every strategy alike.
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
	.miss = cs_strategy_load_once,
	.changed = cs_strategy_invalidate
};
