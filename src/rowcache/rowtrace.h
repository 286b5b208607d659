/*-------------------------------------------------------------------------
 *
 * rowtrace.h
 *		Tracing what is done with rows of attached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ROWTRACE_H
#define CS_ROWTRACE_H

#include "rowcache/strategy.h"
#include "store/trace.h"

extern void cs_rowtrace_read(CsBinding *binding, const CsRowKey *rowkey,
							 CsReason reason, int64 nanos);
extern void cs_rowtrace_change(CsBinding *binding, const CsChange *change);
extern void cs_rowtrace_write(CsBinding *binding, const CsRowKey *rowkey,
							  const char *operation, const char *outcome);

#endif							/* CS_ROWTRACE_H */
