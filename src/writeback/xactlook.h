/*-------------------------------------------------------------------------
 *
 * xactlook.h
 *		Looks: from when on a running statement does not see what its own
 *		transaction defers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACTLOOK_H
#define CS_XACTLOOK_H

#include "utils/palloc.h"

typedef struct CsXactLook
{
	uint64		change;			/* number of the last change that it sees */
	CommandId	command;		/* of its snapshot: it sees those of earlier
								 * commands */
	struct CsXactLook *next;
	MemoryContextCallback ended;
} CsXactLook;

extern const CsXactLook *cs_xactlook_begin(MemoryContext context, CommandId command);
extern bool cs_xactlook_any(void);
extern bool cs_xactlook_needs(uint64 change);
extern uint64 cs_xactlook_count(void);

#endif							/* CS_XACTLOOK_H */
