/*-------------------------------------------------------------------------
 *
 * mergeleave.h
 *		Executing a statement without the nodes that merge rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGELEAVE_H
#define CS_MERGELEAVE_H

#include "executor/execdesc.h"

/* Whether this session has made a plan with such a node. */
extern bool cs_mergeleave_planned;

extern MemoryContext cs_mergeleave_take_place(QueryDesc *desc);

#endif							/* CS_MERGELEAVE_H */
