/*-------------------------------------------------------------------------
 *
 * call.h
 *		Common parts of the SQL functions that take a table's row type: finding
 *		the table by the type of the first argument, and making a key of the
 *		last ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CALL_H
#define CS_CALL_H

#include "fmgr.h"
#include "relation/keyarg.h"
#include "rowcache/access.h"

/* Kept in fn_extra between the calls of one expression. */
typedef struct CsCall
{
	Oid			relid;
	uint64		generation;		/* cs_binding_generation when this was set up */
	CsBinding  *binding;
	int			nargs;			/* number of key values */
	bool		variadic;		/* given as one array */
	bool		foreign;		/* converting them may run code of any role */
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
