/*-------------------------------------------------------------------------
 *
 * call.h
 *		What the SQL functions have in common: finding the table by the row
 *		type of their first argument, and making a key of their last ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CALL_H
#define CS_CALL_H

#include "fmgr.h"
#include "relation/keyarg.h"
#include "rowcache/access.h"

/* Kept in fn_extra from one call to the next of the same expression. */
typedef struct CsCall
{
	Oid			relid;
	uint64		generation;		/* of bindings, when this was set up */
	CsBinding  *binding;
	int			nargs;			/* key values given */
	bool		variadic;		/* as one array */
	bool		foreign;		/* anybody's code may be run for them */
	CsKeyArg	args[INDEX_MAX_KEYS];
} CsCall;

extern CsCall *cs_call_begin(FunctionCallInfo fcinfo, int first_key);
extern void cs_call_access(CsCall *call, FunctionCallInfo fcinfo, int first_key,
						   CsAccess *access);
extern bool cs_call_key(CsCall *call, FunctionCallInfo fcinfo, int first_key,
						CsRowKey *rowkey);
extern Oid	cs_call_relation(FunctionCallInfo fcinfo);
extern void cs_call_set_shape(FunctionCallInfo fcinfo, TupleDesc tupdesc);
extern Snapshot cs_call_snapshot(void);
extern bool cs_call_row_key(const CsBinding *binding, HeapTupleHeader row,
							CsRowKey *rowkey);
extern void cs_call_refresh_if_due(const CsBinding *binding, const CsRowKey *rowkey,
								   const CsAnswer *answer);

#endif							/* CS_CALL_H */
