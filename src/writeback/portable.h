/*-------------------------------------------------------------------------
 *
 * portable.h
 *		Encodings of deltas that outlive the session, and the table that they
 *		were made for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PORTABLE_H
#define CS_PORTABLE_H

#include "utils/jsonb.h"

#include "writeback/delta.h"

extern bytea *cs_portable_from_delta(CsBinding *binding, const CsRowKey *rowkey,
									 const CsDelta *delta);
extern bytea *cs_portable_from_raw(const CsRowKey *rowkey, const CsDelta *delta);
extern bool cs_portable_to_delta(CsBinding *binding, bytea *portable,
								 CsRowKey *rowkey, CsDelta *delta);
extern Jsonb *cs_portable_to_jsonb(CsBinding *binding, const CsRowKey *rowkey,
								   const CsDelta *delta);

#endif							/* CS_PORTABLE_H */
