/*-------------------------------------------------------------------------
 *
 * read.c
 *		SQL functions cache.read() and cache.read_row(), and the parts
 *		cache.lookup() and cache.fill().
 *
 * A lookup that misses records a lease in the session: the token for a later
 * fill.  cache.fill() uses the lease.  It compares the given row with the
 * table's, read under a snapshot newer than the lease, so that a fill can
 * never put a row into the cache that the table does not contain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "relation/loader.h"
#include "rowcache/call.h"
#include "rowcache/sample.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/counters.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_read);
PG_FUNCTION_INFO_V1(cs_read_row);
PG_FUNCTION_INFO_V1(cs_read_without_key);
PG_FUNCTION_INFO_V1(cs_lookup);
PG_FUNCTION_INFO_V1(cs_fill);

/* ----- read ----- */

/*
 * Make the key, then begin the access.  Making the key may run code of any
 * role, so whether the cache can be used must be determined afterwards.
 * Returns false if no row can have the key.
 */
static bool
begin_access(CsCall *call, FunctionCallInfo fcinfo, CsAccess *access, CsRowKey *rowkey)
{
	bool		made;

	if (call->foreign)
		cs_binding_check_select(call->binding);
	made = cs_call_key(call, fcinfo, 1, rowkey);
	cs_access_begin(access, call->binding, cs_call_snapshot());
	return made;
}

/* Read a row; returns false if no row can have the key. */
static bool
read_row(FunctionCallInfo fcinfo, CsAnswer *answer)
{
	CsAccess	access;
	CsRowKey	rowkey;

	for (;;)
	{
		CsCall	   *call = cs_call_begin(fcinfo, 1);

		if (!begin_access(call, fcinfo, &access, &rowkey))
			return false;
		if (access.binding == call->binding && cs_access_read(&access, &rowkey, answer))
			break;
		call->generation = 0;	/* the table has changed: once more */
	}
	if (answer->reason == CS_HIT)
		cs_call_refresh_if_due(access.binding, &rowkey, answer);
	return true;
}

/*
 * cache.read(row type, key)
 */
Datum
cs_read(PG_FUNCTION_ARGS)
{
	CsAnswer	answer;

	cs_shmem_require();
	if (!read_row(fcinfo, &answer) || answer.row == NULL)
		PG_RETURN_NULL();
	PG_RETURN_HEAPTUPLEHEADER(answer.row);
}

/*
 * cache.read_row(row type, key): the same as a set, which is empty if there is
 * no row.  The one row is a set of its own, so that there is no second call.
 */
Datum
cs_read_row(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CsAnswer	answer;

	cs_shmem_require();
	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_ValuePerCall) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	rsinfo->returnMode = SFRM_ValuePerCall;
	if (read_row(fcinfo, &answer) && answer.row != NULL)
	{
		rsinfo->isDone = ExprSingleResult;
		PG_RETURN_HEAPTUPLEHEADER(answer.row);
	}
	rsinfo->isDone = ExprEndResult;
	PG_RETURN_NULL();
}

/*
 * cache.read() without a key, which is always an error.
 */
Datum
cs_read_without_key(PG_FUNCTION_ARGS)
{
	cs_shmem_require();
	if (get_fn_expr_argtype(fcinfo->flinfo, 0) == TEXTOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cache.read() needs a table's row type and a key"),
				 errhint("Write it as cache.read(NULL::table_name, key). To get the value of a key use cache.get().")));
	cs_keyarg_count_error(cs_strategy_require(cs_call_relation(fcinfo)), 0);
}

/* ----- lookup and fill ----- */

/*
 * Refuse tables whose answers are more than the cached row, so that only
 * cache.read() can compute them.
 */
static void
refuse_by_hand(const CsBinding *binding)
{
	if (cs_strategy_of(binding)->read == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is attached with %s", binding->name,
					binding->options.strategy),
			 errhint("Use cache.read().")));
}

#define MAX_LEASES	1024		/* per session; the oldest is dropped */

typedef struct Lease
{
	Oid			relid;			/* InvalidOid if free */
	uint64		hash;
	uint64		epoch;
	CsToken		token;
} Lease;

static Lease *leases;
static int	next_lease = 0;

static Lease *
find_lease(Oid relid, uint64 hash)
{
	for (int i = 0; leases != NULL && i < MAX_LEASES; i++)
		if (leases[i].relid == relid && leases[i].hash == hash)
			return &leases[i];
	return NULL;
}

/*
 * Record a lease for the key, if it can be filled.
 */
static void
note_lease(const CsAccess *access, uint64 hash)
{
	CsToken		token;
	Lease	   *lease = find_lease(access->binding->relid, hash);

	if (!cs_access_token(access, hash, &token))
		return;
	if (leases == NULL)
		leases = MemoryContextAllocZero(TopMemoryContext, MAX_LEASES * sizeof(Lease));
	if (lease == NULL)
	{
		lease = &leases[next_lease];
		next_lease = (next_lease + 1) % MAX_LEASES;
	}
	lease->relid = access->binding->relid;
	lease->hash = hash;
	lease->epoch = access->binding->epoch;
	lease->token = token;
}

/*
 * cache.lookup(row type, key)
 */
Datum
cs_lookup(PG_FUNCTION_ARGS)
{
	CsCall	   *call;
	CsAccess	access;
	CsRowKey	rowkey;
	CsAnswer	answer;

	cs_shmem_require();
	for (;;)
	{
		call = cs_call_begin(fcinfo, 1);
		refuse_by_hand(call->binding);
		if (!begin_access(call, fcinfo, &access, &rowkey))
			PG_RETURN_NULL();
		if (access.binding == call->binding)
			break;
		call->generation = 0;
	}
	cs_xact_note_use();
	cs_sample_lookup(&access, &rowkey, &answer);
	cs_access_count(access.binding, answer.reason);
	if (answer.row != NULL)
		PG_RETURN_HEAPTUPLEHEADER(answer.row);
	if (access.bypass == CS_HIT && !cs_is_hit(answer.reason))
		note_lease(&access, rowkey.key.hash);
	PG_RETURN_NULL();
}

/* Whether the row is identical, in its image, to the table's under 'fresh'. */
static bool
is_tables_row(CsAccess *access, const CsRowKey *rowkey, HeapTupleHeader row,
			  Snapshot fresh, CsLoaded *loaded)
{
	cs_loader_load(access->binding, rowkey, fresh, false, loaded);
	return loaded->row != NULL &&
		DatumGetBool(OidFunctionCall2(F_RECORD_IMAGE_EQ, HeapTupleHeaderGetDatum(row),
									  HeapTupleHeaderGetDatum(loaded->row)));
}

/*
 * Fill a row with the token of its lease; returns whether it was filled.
 */
static bool
redeem(CsAccess *access, const CsRowKey *rowkey, HeapTupleHeader row)
{
	Lease	   *lease = find_lease(access->binding->relid, rowkey->key.hash);
	CsToken		token;
	CsLoaded	loaded;
	Snapshot	fresh;
	bool		filled = false;

	if (lease == NULL)
		return false;
	token = lease->token;
	lease->relid = InvalidOid;
	if (access->bypass != CS_HIT || IsInParallelMode() ||
		lease->epoch != access->binding->epoch ||
		token.slot != access->binding->slot || !cs_access_lock(access))
		return false;
	fresh = cs_access_fresh_snapshot(access);
	if (is_tables_row(access, rowkey, row, fresh, &loaded))
		filled = cs_access_fill(access, rowkey, &token, fresh, &loaded.row,
								loaded.has_xmin ? &loaded.xmin : NULL) == CS_FILL_DONE;
	UnregisterSnapshot(fresh);
	return filled;
}

/*
 * cache.fill(row)
 */
Datum
cs_fill(PG_FUNCTION_ARGS)
{
	CsCall	   *call;
	CsAccess	access;
	CsRowKey	rowkey;
	HeapTupleHeader row;
	bool		filled;

	cs_shmem_require();
	call = cs_call_begin(fcinfo, -1);
	refuse_by_hand(call->binding);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the row to fill must not be NULL")));
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	cs_call_access(call, fcinfo, -1, &access);
	if (!cs_call_row_key(access.binding, row, &rowkey))
		PG_RETURN_BOOL(false);
	cs_xact_note_use();
	filled = redeem(&access, &rowkey, row);
	cs_counters_add(access.binding->slot,
					filled ? CS_COUNT_FILL : CS_COUNT_REFUSED_BY_HAND, 1);
	PG_RETURN_BOOL(filled);
}
