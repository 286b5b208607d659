/*-------------------------------------------------------------------------
 *
 * strategy.c
 *		The list of strategies, and the strategy of a binding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "rowcache/keyformat.h"
#include "rowcache/strategy.h"
#include "xact/xact.h"

static const CsStrategy *const none[] = {NULL};
static const CsStrategy *const *strategies = none;

/*
 * Strategy with this name, or NULL.
 */
const CsStrategy *
cs_strategy_find(const char *name)
{
	for (int i = 0; strategies[i] != NULL; i++)
		if (strcmp(strategies[i]->name, name) == 0)
			return strategies[i];
	return NULL;
}

/*
 * Names of all strategies, in the current memory context.
 */
char *
cs_strategy_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; strategies[i] != NULL; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", strategies[i]->name);
	return buf.data;
}

/*
 * Set the strategy of a new binding, before it is returned to any caller, and
 * note the format of its keys.
 */
static void
set_strategy(CsBinding *binding)
{
	binding->strategy = cs_strategy_find(binding->options.strategy);
	if (binding->strategy != NULL)
		binding->strategy->needs(binding, &binding->needs);
	cs_keyformat_note(binding);
}

/*
 * Set the list of strategies, whose last element is NULL.
 */
void
cs_strategy_init(const CsStrategy *const *list)
{
	strategies = list;
	cs_binding_made_hook = set_strategy;
}

/*
 * The binding's strategy.  Throws if cache.bindings names an unknown one.
 */
const CsStrategy *
cs_strategy_of(const CsBinding *binding)
{
	if (binding->strategy == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" is attached with the unknown strategy \"%s\"",
						binding->name, binding->options.strategy)));
	return binding->strategy;
}

/*
 * The binding of a table, with its strategy.  Throws if there is none.
 */
CsBinding *
cs_strategy_require(Oid relid)
{
	CsBinding  *binding = cs_binding_require(relid);

	cs_strategy_of(binding);
	return binding;
}

/* ----- changes ----- */

/*
 * The key's cached row is invalid, and the new one is not kept.  Shared by
 * several strategies.
 */
void
cs_strategy_invalidate(const CsBinding *binding, const CsChange *change)
{
	if (change->old != NULL)
		cs_xact_touch(binding->slot, change->old->key.hash);
	if (change->new != NULL && change->new != change->old &&
		(change->old == NULL || change->old->key.hash != change->new->key.hash))
		cs_xact_touch(binding->slot, change->new->key.hash);
}
