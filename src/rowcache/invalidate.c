/*-------------------------------------------------------------------------
 *
 * invalidate.c
 *		SQL function cache.invalidate(): remove entries explicitly.
 *
 * This is not needed for correctness while the triggers are in force.  It is
 * useful after changes that PostgreSQL does not report, and for loader
 * functions that read more than the table.  Entries are removed at once, and
 * so is everything that is filled before this transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "compat.h"
#include "rowcache/call.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/counters.h"
#include "store/slot.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_invalidate_table);
PG_FUNCTION_INFO_V1(cs_invalidate_row);

/* Throw 42501 unless the role may change the table. */
static void
check_privilege(const CsBinding *binding)
{
	if (pg_class_aclcheck(binding->relid, GetUserId(), ACL_UPDATE) != ACLCHECK_OK &&
		pg_class_aclcheck(binding->relid, GetUserId(), ACL_DELETE) != ACLCHECK_OK &&
		pg_class_aclcheck(binding->relid, GetUserId(), ACL_TRUNCATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, binding->name);
}

/*
 * cache.invalidate(relation)
 */
Datum
cs_invalidate_table(PG_FUNCTION_ARGS)
{
	CsBinding  *binding;

	cs_shmem_require();
	binding = cs_strategy_require(PG_GETARG_OID(0));
	check_privilege(binding);
	if (binding->slot < 0)
		PG_RETURN_BOOL(false);
	cs_slot_bump(binding->slot);
	cs_xact_touch_table(binding->slot, false);
	PG_RETURN_BOOL(true);
}

/*
 * cache.invalidate(row type, key)
 */
Datum
cs_invalidate_row(PG_FUNCTION_ARGS)
{
	CsCall	   *call;
	CsBinding  *binding;
	CsRowKey	rowkey;
	bool		had_one;

	cs_shmem_require();
	call = cs_call_begin(fcinfo, 1);
	binding = call->binding;
	check_privilege(binding);
	if (!cs_call_key(call, fcinfo, 1, &rowkey) || binding->slot < 0)
		PG_RETURN_BOOL(false);
	cs_xact_touch(binding->slot, rowkey.key.hash);
	had_one = cs_store_unlink(binding->slot, rowkey.key.hash);
	if (had_one)
		cs_counters_add(binding->slot, CS_COUNT_INVALIDATION, 1);
	PG_RETURN_BOOL(had_one);
}
