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
#include "relation/binding.h"

/* What the planner has found: how the values of a key are given. */
typedef struct CsPlainKey
{
	Oid			index;			/* of the primary key */
	bool		list;			/* column = ANY (array) */
	List	   *values;			/* expressions, one for each column; or the
								 * array */
	List	   *given;			/* OIDs: type of each value (of an element) if
								 * it is to be converted to the column's
								 * integer type; else InvalidOid */
	List	   *clauses;		/* the conditions, for EXPLAIN */
} CsPlainKey;

extern Node *cs_plainscan_create_state(CustomScan *plan);
extern void cs_plainscan_set_key(CustomScan *plan, const CsPlainKey *key);
extern bool cs_plainscan_serves(const CsBinding *binding);

#endif							/* CS_PLAINSCAN_H */
