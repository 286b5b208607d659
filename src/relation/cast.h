/*-------------------------------------------------------------------------
 *
 * cast.h
 *		Calling a cast function for a value given by a caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CAST_H
#define CS_CAST_H

#include "fmgr.h"

extern void cs_cast_prepare(Oid function, FmgrInfo *flinfo, MemoryContext context);
extern Datum cs_cast_call(FmgrInfo *flinfo, Oid collation, Datum value, bool is_explicit);

#endif							/* CS_CAST_H */
