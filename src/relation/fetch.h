/*-------------------------------------------------------------------------
 *
 * fetch.h
 *		Rows of a plain table by primary key, straight from its index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FETCH_H
#define CS_FETCH_H

#include "relation/loader.h"

extern bool cs_fetch_rows(CsBinding *binding, const CsRowKey *const *keys, int n,
						  Snapshot snapshot, CsLoaded *loaded);

#endif							/* CS_FETCH_H */
