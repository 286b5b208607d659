/*-------------------------------------------------------------------------
 *
 * worth.h
 *		Does it pay to keep the results of a statement shape?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WORTH_H
#define CS_WORTH_H

#include "queryresult/tally.h"

extern void cs_worth_init(void);

/* Is the shape left alone now?  Counts nothing. */
extern bool cs_worth_alone(uint64 key);

/* The same for an execution, which counts, and may end it. */
extern bool cs_worth_leave(uint64 key);

/* Should this hit be computed all the same, to know what that takes? */
extern bool cs_worth_measuring(uint64 key);

#endif							/* CS_WORTH_H */
