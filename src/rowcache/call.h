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

/*
 * Set up, or check what was set up before.  The key values begin with argument
 * number first_key (from 0); negative: the function takes none.
 */
extern CsCall *cs_call_begin(FunctionCallInfo fcinfo, int first_key);

/* Begin a read; the call goes on with the binding that the access has. */
extern void cs_call_access(CsCall *call, FunctionCallInfo fcinfo, int first_key,
						   CsAccess *access);

/* The key that was given; false if no row can have it. */
extern bool cs_call_key(CsCall *call, FunctionCallInfo fcinfo, int first_key,
						CsRowKey *rowkey);

/* The table whose row type the first argument is of, or an error. */
extern Oid	cs_call_relation(FunctionCallInfo fcinfo);

/* Have the executor compare what it expects with the shape of these rows. */
extern void cs_call_set_shape(FunctionCallInfo fcinfo, TupleDesc tupdesc);

/* What the calling statement sees. */
extern Snapshot cs_call_snapshot(void);

/* The key of a row of the table; false if a column of it is NULL. */
extern bool cs_call_row_key(const CsBinding *binding, HeapTupleHeader row,
							CsRowKey *rowkey);

/* A hit in the last part of the entry's life has it reloaded meanwhile. */
extern void cs_call_refresh_if_due(const CsBinding *binding, const CsRowKey *rowkey,
								   const CsAnswer *answer);

#endif							/* CS_CALL_H */
