/*-------------------------------------------------------------------------
 *
 * flushtables.h
 *		The tables of a flush worker, and their journal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSHTABLES_H
#define CS_FLUSHTABLES_H

#include "datatype/timestamp.h"

/*
 * All of these functions are called outside transactions, in a memory context
 * that is reset from time to time; errors are allocated in it.
 */

extern bool cs_flushtables_read(void);

extern TimestampTz cs_flushtables_see_to(void);

extern bool cs_flushtables_flush(bool now);

extern void cs_flushtables_hurry(long ms);

extern void cs_flushtables_alone(Oid relid);

extern void cs_flushtables_close(bool (*clients_are_here) (void));

extern void cs_flushtables_leave(void);

#endif							/* CS_FLUSHTABLES_H */
