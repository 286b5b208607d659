/*-------------------------------------------------------------------------
 *
 * jumble.h
 *		Statements without their constants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_JUMBLE_H
#define CS_JUMBLE_H

#include "nodes/parsenodes.h"

extern uint64 cs_jumble_query(const Query *query);
extern Query *cs_jumble_normalised(const Query *query);

#endif							/* CS_JUMBLE_H */
