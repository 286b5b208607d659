/*-------------------------------------------------------------------------
 *
 * call.c
 *		Common parts of the SQL functions that take a table's row type.
 *
 * A function is called many times by one expression.  What stays the same
 * between the calls (table, binding, conversion of each argument to a key
 * value) is kept in fn_extra and validated by one comparison.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "relation/identity.h"
#include "relation/rellock.h"
#include "rowcache/call.h"
#include "rowcache/strategy.h"
#include "store/clock.h"
#include "store/queue.h"
#include "testpoint.h"

/*
 * Relation of a row type; InvalidOid for another type.  Called for each
 * statement.
 */
static Oid
relation_of(Oid rowtype)
{
	return OidIsValid(rowtype) ? lookup_type_cache(rowtype, 0)->typrelid : InvalidOid;
}

/*
 * Name of a table given instead of the row type, which is a frequent mistake.
 */
static const char *
name_given(FunctionCallInfo fcinfo, Oid type)
{
	if (PG_ARGISNULL(0))
		return NULL;
	if (type == TEXTOID || type == VARCHAROID)
		return text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (type == REGCLASSOID)
		return DatumGetCString(DirectFunctionCall1(regclassout, PG_GETARG_DATUM(0)));
	return NULL;
}

/*
 * Throw 42804: the first argument is not of a table's row type.
 */
cs_noreturn static void
row_type_error(FunctionCallInfo fcinfo, Oid type)
{
	const char *name = name_given(fcinfo, type);
	bool		is_row = type == RECORDOID || (name != NULL && name[0] == '(');

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the first argument must be of a table's row type, not %s",
					OidIsValid(type) ? format_type_be(type) : "unknown"),
			 is_row ? errhint("Cast it to the row type: ROW(...)::table_name.") :
			 name != NULL ? errhint("Write it as NULL::%s.", name) :
			 errhint("Write it as NULL::table_name.")));
}

/*
 * Table whose row type the first argument has.  Throws 42804 if there is none.
 */
Oid
cs_call_relation(FunctionCallInfo fcinfo)
{
	Oid			rowtype = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = relation_of(rowtype);

	if (!OidIsValid(relid) || get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
		row_type_error(fcinfo, rowtype);
	return relid;
}

/*
 * Snapshot of the calling statement.
 */
Snapshot
cs_call_snapshot(void)
{
	return ActiveSnapshotSet() ? GetActiveSnapshot() : GetTransactionSnapshot();
}

/*
 * Prepare the conversion of the key arguments.
 */
static void
prepare_args(CsCall *call, FunctionCallInfo fcinfo, int first_key)
{
	CsBinding  *binding = call->binding;
	Oid			element = InvalidOid;

	if (first_key < 0)
		return;
	call->variadic = get_fn_expr_variadic(fcinfo->flinfo);
	if (call->variadic)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first_key);

		element = get_base_element_type(type);
		if (!OidIsValid(element))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("VARIADIC key must be an array, not %s",
							format_type_be(type))));
		call->nargs = binding->nkeys;	/* counted when the array is available */
	}
	else
		call->nargs = PG_NARGS() - first_key;
	if (call->nargs != binding->nkeys)
		cs_keyarg_count_error(binding, call->nargs);
	call->foreign = false;
	for (int i = 0; i < call->nargs; i++)
	{
		cs_keyarg_prepare(binding, i,
						  call->variadic ? element :
						  get_fn_expr_argtype(fcinfo->flinfo, first_key + i),
						  call->variadic, &call->args[i], fcinfo->flinfo->fn_mcxt);
		call->foreign |= call->args[i].foreign;
	}
}

/*
 * Set up the call for a binding.
 */
static void
rebind(CsCall *call, FunctionCallInfo fcinfo, int first_key, CsBinding *binding)
{
	uint64		generation = cs_binding_generation;

	call->generation = 0;
	call->binding = binding;
	prepare_args(call, fcinfo, first_key);
	CS_TEST_POINT("after_prepare");
	/* reading catalogues may have processed an invalidation of the table */
	call->generation = binding->retired ? 0 : generation;
}

/* ----- tables that change before they are locked ----- */

/*
 * Whether the call was written in the text of the statement.  One that a view
 * or a function has stored refers to the table by OID.
 */
static bool
is_written_by_name(FunctionCallInfo fcinfo)
{
	Node	   *call = fcinfo->flinfo->fn_expr;

	return call != NULL && exprLocation(call) >= 0;
}

static bool
has_row(FunctionCallInfo fcinfo, int first_key)
{
	return first_key < 0 && !PG_ARGISNULL(0);
}

/*
 * Determine which table the call means, now that it is locked.
 *
 * The calling plan may have been found valid before this transaction had a
 * lock on the table, and the table may have changed before the lock was
 * granted.  If the plan has the table as a relation (plan.c), it was locked
 * before.  This concerns expressions of PL/pgSQL, SQL functions that were
 * inlined, and stored expressions.  The call continues with the table that the
 * plan would have if it were made again, if that is compatible with the
 * compiled expression; otherwise this throws 40001.
 */
static void
follow_name(CsCall *call, FunctionCallInfo fcinfo, int first_key)
{
	Oid			planned = call->relid;
	CsIdentity	identity = cs_identity_compare(planned);

	if (identity == CS_IDENTITY_SAME || identity == CS_IDENTITY_UNKNOWN)
		return;
	if (is_written_by_name(fcinfo) && cs_identity_successor(planned) != planned)
	{
		/*
		 * release it first, since a transaction that waits for it may hold
		 * the other one
		 */
		cs_rellock_release(planned);
		call->relid = cs_identity_successor(planned);
		if (OidIsValid(call->relid))
			(void) cs_rellock_hold(call->relid);
	}
	if (has_row(fcinfo, first_key) || !OidIsValid(call->relid) ||
		(is_written_by_name(fcinfo) && cs_identity_successor(planned) != call->relid) ||
		!cs_identity_is_like(call->relid, planned))
		cs_identity_error(planned);
}

/* ----- calls ----- */

/*
 * Make the state kept in fn_extra.
 */
static CsCall *
new_call(FunctionCallInfo fcinfo)
{
	Oid			rowtype = get_fn_expr_argtype(fcinfo->flinfo, 0);
	CsCall	   *call = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(CsCall));

	memset(call, 0, offsetof(CsCall, args));
	call->relid = relation_of(rowtype);
	if (!OidIsValid(call->relid))
		call->relid = cs_call_relation(fcinfo);
	return call;
}

/*
 * Set up the call for the table's binding, and lock the table.
 */
static void
bind(CsCall *call, FunctionCallInfo fcinfo, int first_key)
{
	do
		rebind(call, fcinfo, first_key, cs_strategy_require(call->relid));
	while (!cs_binding_lock(call->binding));
}

/*
 * Set up a call, or validate what was set up before.  The key values start
 * with argument number first_key (from 0); negative if the function has none.
 * Throws if the table is not attached.
 */
CsCall *
cs_call_begin(FunctionCallInfo fcinfo, int first_key)
{
	CsCall	   *call = fcinfo->flinfo->fn_extra;

	/* by the type that the plan has, before processing invalidations */
	if (call == NULL)
		call = new_call(fcinfo);
	/* as the locks of a SELECT: see a REVOKE that has just committed */
	AcceptInvalidationMessages();
	cs_binding_check_slots();
	if (call->generation == cs_binding_generation && cs_binding_is_locked(call->binding))
		return call;
	if (!cs_rellock_hold(call->relid))
		follow_name(call, fcinfo, first_key);
	/* an attached relation is a table; otherwise report a wrong row type */
	if (fcinfo->flinfo->fn_extra == NULL && cs_binding_get(call->relid) == NULL)
		(void) cs_call_relation(fcinfo);
	fcinfo->flinfo->fn_extra = call;
	bind(call, fcinfo, first_key);
	return call;
}

/* Begin a read, and continue with the binding that the access has found. */
void
cs_call_access(CsCall *call, FunctionCallInfo fcinfo, int first_key, CsAccess *access)
{
	cs_access_begin(access, call->binding, cs_call_snapshot());
	if (access->binding != call->binding)
		rebind(call, fcinfo, first_key, access->binding);
}

/* Take the values from the array; returns false if one is NULL. */
static bool
take_array(CsCall *call, Datum given, Datum **values)
{
	ArrayType  *array = DatumGetArrayTypeP(given);
	bool	   *nulls;
	int			n;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  values, &nulls, &n);
	if (n != call->binding->nkeys)
		cs_keyarg_count_error(call->binding, n);
	for (int i = 0; i < n; i++)
		if (nulls[i])
			return false;
	return true;
}

/* Make the key from the arguments; returns false if no row can have it. */
bool
cs_call_key(CsCall *call, FunctionCallInfo fcinfo, int first_key, CsRowKey *rowkey)
{
	Datum		given[INDEX_MAX_KEYS];
	Datum	   *values = given;

	if (call->variadic)
	{
		if (PG_ARGISNULL(first_key) ||
			!take_array(call, PG_GETARG_DATUM(first_key), &values))
			return false;
	}
	else
	{
		for (int i = 0; i < call->nargs; i++)
		{
			if (PG_ARGISNULL(first_key + i))
				return false;
			given[i] = PG_GETARG_DATUM(first_key + i);
		}
	}
	return cs_keyarg_key(call->binding, call->args, values, cs_call_snapshot(), rowkey);
}

/*
 * Make the executor compare the row type that it expects with that of these
 * rows.
 */
void
cs_call_set_shape(FunctionCallInfo fcinfo, TupleDesc tupdesc)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);

	if (rsinfo->setDesc != NULL)
		FreeTupleDesc(rsinfo->setDesc);
	rsinfo->setDesc = CreateTupleDescCopy(tupdesc);
	MemoryContextSwitchTo(old);
}

/*
 * Make the key of a row of the table; returns false if one of its columns is
 * NULL.
 */
bool
cs_call_row_key(const CsBinding *binding, HeapTupleHeader row, CsRowKey *rowkey)
{
	HeapTupleData tuple;

	tuple = cs_row_tuple(row);
	for (int i = 0; i < binding->nkeys; i++)
	{
		bool		isnull;

		rowkey->value[i] = heap_getattr(&tuple, binding->keys[i].attnum,
										binding->tupdesc, &isnull);
		if (isnull)
			return false;
	}
	cs_key_make(binding, rowkey);
	return true;
}

/* Request a reload if the entry is in the last part of its life. */
void
cs_call_refresh_if_due(const CsBinding *binding, const CsRowKey *rowkey,
					   const CsAnswer *answer)
{
	const CsOptions *options = &binding->options;
	int64		left;

	if (options->refresh_ahead <= 0 || answer->expires == 0 || answer->row == NULL)
		return;
	left = answer->expires - cs_clock_now();
	if (left < options->ttl * options->refresh_ahead)
		cs_queue_put(MyDatabaseId, binding->relid, &rowkey->key);
}
