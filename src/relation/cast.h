/*-------------------------------------------------------------------------
 *
 * cast.h
 *		Calling the function of a cast, for whoever gives us a value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CAST_H
#define CS_CAST_H

#include "fmgr.h"

/* An error if the current role may not execute it, as in an expression. */
extern void cs_cast_prepare(Oid function, FmgrInfo *flinfo, MemoryContext context);
extern Datum cs_cast_call(FmgrInfo *flinfo, Oid collation, Datum value, bool is_explicit);

#endif							/* CS_CAST_H */
