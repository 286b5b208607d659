/*-------------------------------------------------------------------------
 *
 * plainscan.h
 *		The executor's node for plain SELECTs by key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAINSCAN_H
#define CS_PLAINSCAN_H

#include "nodes/extensible.h"
#include "rowcache/plainanswer.h"

extern Node *cs_plainscan_create_state(CustomScan *plan);
extern void cs_plainscan_set_key(CustomScan *plan, const CsPlainSource *source,
								 const CsPlainKey *key, List *clauses);

#endif							/* CS_PLAINSCAN_H */
