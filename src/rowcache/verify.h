/*-------------------------------------------------------------------------
 *
 * verify.h
 *		Comparing cached rows with their table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_VERIFY_H
#define CS_VERIFY_H

#include "rowcache/verified.h"
#include "store/staged.h"

extern void cs_verify_entries(Oid relid, const CsKeyEntry *entries, int n,
							  CsVerified *verified);

#endif							/* CS_VERIFY_H */
