/*-------------------------------------------------------------------------
 *
 * write_through.c
 *		Strategy write_through: a changed row is in the cache once it is
 *		committed.
 *
 * Row triggers provide the new row.  The COMMIT callback publishes it, unless
 * another transaction has changed a key of its stripe meanwhile.  A deleted
 * row leaves a cached absence if absences are kept.
 *
 * Triggers do not always fire in the order of the changes: a user's trigger
 * may change the row again before ours has seen the first change.  Such a
 * superseded row is not published, and an absence is published only if the row
 * was not changed before in the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "relation/rowvalue.h"
#include "rowcache/strategy.h"
#include "xact/xact.h"

static void
needs(const CsBinding *binding, CsTriggerNeeds *needs)
{
	needs->on_insert = true;
	needs->by_statement = false;
}

/*
 * Publish a row, or an absence if it is NULL.
 */
static void
publish(const CsBinding *binding, const CsRowKey *rowkey, const CsRowSource *source)
{
	bool		absent = source->rowlen == 0;
	CsPublish	what = {
		.key = rowkey->key.data,
		.keylen = rowkey->key.len,
		.flags = absent ? CS_ENTRY_ABSENT : 0,
		.expires = cs_rowvalue_expiry(binding, absent),
		.quota = (Size) binding->options.max_memory,
		.len = source->len
	};
	char	   *place;

	if (rowkey->key.len > CS_MAX_KEY_LEN)
	{
		cs_xact_touch(binding->slot, rowkey->key.hash);
		return;
	}
	place = cs_xact_publish(binding->slot, rowkey->key.hash, &what);
	if (place != NULL)
		cs_rowvalue_write(source, place);
}

static void
publish_absence(const CsBinding *binding, const CsRowKey *rowkey)
{
	bool		first = !cs_xact_has_key(binding->slot, rowkey->key.hash);

	if (first && binding->options.negative_ttl > 0 && !binding->hashed &&
		binding->options.loader == NULL)
	{
		CsRowSource source;

		cs_rowvalue_measure_absence(binding, &source);
		publish(binding, rowkey, &source);
	}
	else
		cs_xact_touch(binding->slot, rowkey->key.hash);
}

static void
publish_row(const CsBinding *binding, const CsChange *change)
{
	CsRowSource source;

	if (change->superseded)
	{
		cs_xact_touch_only(binding->slot, change->new->key.hash);
		return;
	}

	/*
	 * the trigger's tuple lacks virtual columns, and a loader has its own
	 * idea
	 */
	if (!cs_has_virtual_columns(binding->tupdesc) && binding->options.loader == NULL &&
		cs_rowvalue_measure(binding, change->newslot, change->map, &source))
		publish(binding, change->new, &source);
	else
		cs_xact_touch(binding->slot, change->new->key.hash);
}

static void
changed(const CsBinding *binding, const CsChange *change)
{
	if (binding->slot < 0)
	{
		cs_strategy_invalidate(binding, change);
		return;
	}
	if (change->old != NULL &&
		(change->new == NULL || change->old->key.hash != change->new->key.hash))
		publish_absence(binding, change->old);
	if (change->new != NULL)
		publish_row(binding, change);
}

const CsStrategy cs_write_through = {
	.name = "write_through",
	.needs = needs,
	.miss = cs_access_load_once,
	.changed = changed,
	.effect = "publishes"
};
