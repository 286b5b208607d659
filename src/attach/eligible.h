/*-------------------------------------------------------------------------
 *
 * eligible.h
 *		Which relations can be attached or tracked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ELIGIBLE_H
#define CS_ELIGIBLE_H

#include "utils/rel.h"

/* May the current role do that with this relation, and can it be done? */
extern void cs_eligible_check(Relation rel, bool attach);

#endif							/* CS_ELIGIBLE_H */
