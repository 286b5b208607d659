/*-------------------------------------------------------------------------
 *
 * strategy.c
 *		Which strategies there are, and which of them a binding has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "rowcache/strategy.h"
#include "xact/xact.h"

static const CsStrategy *const none[] = {NULL};
static const CsStrategy *const *strategies = none;

const CsStrategy *
cs_strategy_find(const char *name)
{
	for (int i = 0; strategies[i] != NULL; i++)
		if (strcmp(strategies[i]->name, name) == 0)
			return strategies[i];
	return NULL;
}

char *
cs_strategy_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; strategies[i] != NULL; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", strategies[i]->name);
	return buf.data;
}

/* For every binding that is made, before anyone sees it. */
static void
set_strategy(CsBinding *binding)
{
	binding->strategy = cs_strategy_find(binding->options.strategy);
	if (binding->strategy != NULL)
		binding->strategy->needs(binding, &binding->needs);
}

void
cs_strategy_init(const CsStrategy *const *list)
{
	strategies = list;
	cs_binding_made_hook = set_strategy;
}

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

CsBinding *
cs_strategy_require(Oid relid)
{
	CsBinding  *binding = cs_binding_require(relid);

	cs_strategy_of(binding);
	return binding;
}

/* ----- changes ----- */

/* What the key held is no longer true, and what it holds now is not kept. */
void
cs_strategy_invalidate(const CsBinding *binding, const CsChange *change)
{
	if (change->old != NULL)
		cs_xact_touch(binding->slot, change->old->key.hash);
	if (change->new != NULL &&
		(change->old == NULL || change->old->key.hash != change->new->key.hash))
		cs_xact_touch(binding->slot, change->new->key.hash);
}
