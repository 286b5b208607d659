/*-------------------------------------------------------------------------
 *
 * fetch.h
 *		Fetching rows of a plain table by primary key, directly from its index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FETCH_H
#define CS_FETCH_H

#include "relation/loader.h"

extern bool cs_fetch_rows(CsBinding *binding, const CsRowKey *const *keys, int n,
						  Snapshot snapshot, CsLoaded *loaded);
extern bool cs_fetch_raw_rows(CsBinding *binding, Oid relid, Oid index_oid,
							  const CsRowKey *const *keys, int n, Snapshot snapshot,
							  CsLoaded *loaded);

#endif							/* CS_FETCH_H */
