/*-------------------------------------------------------------------------
 *
 * portable.h
 *		Deltas in a form that outlives the session and the table they were made
 *		for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PORTABLE_H
#define CS_PORTABLE_H

#include "utils/jsonb.h"

#include "writeback/delta.h"

/* Portable encoding; a bytea.  The key's columns are in it. */
extern bytea *cs_portable_from_delta(CsBinding *binding, const CsRowKey *rowkey,
									 const CsDelta *delta);

/* As it is in memory, for where that cannot be made: it is not read back. */
extern bytea *cs_portable_from_raw(const CsRowKey *rowkey, const CsDelta *delta);

/*
 * 'relid' is that of the table when it was written; if it is not the binding's
 * (dump and restore), columns are found by name, else by number.  False: the
 * key has a column that does not exist any more.
 */
extern bool cs_portable_to_delta(CsBinding *binding, bytea *portable,
								 CsRowKey *rowkey, CsDelta *delta);

/* For people: {"key": {...}, "changes": {"views": {"add": 5}, ...}} */
extern Jsonb *cs_portable_to_jsonb(CsBinding *binding, const CsRowKey *rowkey,
								   const CsDelta *delta);

#endif							/* CS_PORTABLE_H */
