/*-------------------------------------------------------------------------
 *
 * cast.c
 *		Calling a cast function for a value given by a caller.
 *
 * A cast function may belong to any role, and has one, two or three arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "relation/cast.h"

/*
 * Look up a cast function.  Throws 42501 if the current role may not execute
 * it, as in an expression.
 */
void
cs_cast_prepare(Oid function, FmgrInfo *flinfo, MemoryContext context)
{
	AclResult	result = cs_proc_aclcheck(function, GetUserId(), ACL_EXECUTE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
	InvokeFunctionExecuteHook(function);
	fmgr_info_cxt(function, flinfo, context);
}

/*
 * Call the cast function, with the type modifier and the explicitness if it
 * takes them.
 */
Datum
cs_cast_call(FmgrInfo *flinfo, Oid collation, Datum value, bool is_explicit)
{
	switch (flinfo->fn_nargs)
	{
		case 1:
			return FunctionCall1Coll(flinfo, collation, value);
		case 2:
			return FunctionCall2Coll(flinfo, collation, value, Int32GetDatum(-1));
	}
	return FunctionCall3Coll(flinfo, collation, value, Int32GetDatum(-1),
							 BoolGetDatum(is_explicit));
}
