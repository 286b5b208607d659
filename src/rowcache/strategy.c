/*-------------------------------------------------------------------------
 *
 * strategy.c
 *		What strategies have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "storage/ipc.h"

#include "guc.h"
#include "rowcache/strategy.h"
#include "store/counters.h"
#include "store/flight.h"
#include "testpoint.h"
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

void
cs_strategy_count(const CsBinding *binding, CsReason reason)
{
	CsCount		what = CS_COUNT_MISS;

	if (reason == CS_HIT)
		what = CS_COUNT_HIT;
	else if (reason == CS_HIT_ABSENT)
		what = CS_COUNT_HIT_ABSENT;
	else if (cs_is_bypass(reason))
		what = CS_COUNT_BYPASS;
	cs_counters_add(binding->slot, what, 1);
}

bool
cs_strategy_read(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	const CsStrategy *strategy = cs_strategy_of(access->binding);

	if (strategy->read != NULL)
		return strategy->read(access, rowkey, answer);
	return cs_strategy_read_base(access, rowkey, answer);
}

bool
cs_strategy_read_base(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	cs_xact_note_use();
	if (!cs_access_lookup(access, rowkey, answer))
	{
		if (!cs_access_lock(access))
			return false;
		if (access->bypass != CS_HIT)
			cs_access_table(access, rowkey, answer);
		else
			cs_strategy_of(access->binding)->miss(access, rowkey, answer);
	}
	cs_strategy_count(access->binding, answer->reason);
	return true;
}

/* ----- single flight ----- */

#define MAX_WAITS	3

static void
land(int code, Datum arg)
{
	cs_flight_land(true);
}

/*
 * Load, unless another session is loading this key already: then wait for it
 * and look again.  A session that holds the gate gives it back however it
 * ends, so whoever waits goes on by itself.
 */
void
cs_strategy_load_once(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	uint64		hash = rowkey->key.hash;
	CsFlight	flight = CS_FLIGHT_ALONE;

	/* a load that was waited for may have failed, or not been kept */
	for (int i = 0; i < MAX_WAITS; i++)
	{
		flight = cs_flight_start(hash);
		if (flight != CS_FLIGHT_FOLLOW)
			break;
		cs_counters_add(access->binding->slot, CS_COUNT_WAIT, 1);
		if (cs_flight_wait(cs_load_timeout) == CS_LANDING_LATE)
			break;
		if (cs_access_lookup(access, rowkey, answer) || cs_is_bypass(answer->reason))
			break;
	}
	if (cs_is_hit(answer->reason))
		return;
	if (flight != CS_FLIGHT_LEAD)
	{
		cs_access_load(access, rowkey, true, answer);
		return;
	}
	PG_ENSURE_ERROR_CLEANUP(land, (Datum) 0);
	{
		CS_TEST_POINT("flight_lead");
		cs_access_load(access, rowkey, true, answer);
	}
	PG_END_ENSURE_ERROR_CLEANUP(land, (Datum) 0);
	cs_flight_land(false);
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
