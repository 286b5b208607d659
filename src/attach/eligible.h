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

extern void cs_eligible_check_relation(Relation rel, bool attach);
extern void cs_eligible_check(Relation rel, bool attach);

#endif							/* CS_ELIGIBLE_H */
