/*-------------------------------------------------------------------------
 *
 * flushtables.h
 *		The tables that a flush worker looks after, and their journal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSHTABLES_H
#define CS_FLUSHTABLES_H

#include "datatype/timestamp.h"

/*
 * All of these are called outside transactions, in a memory context that is
 * reset now and then: what errors leave behind is there.
 */

/*
 * Which are there?  False: none, and the launcher is told so by their slots.
 * True as well if that could not be read.
 */
extern bool cs_flushtables_read(void);

/*
 * Do what is due for them.  Returns when the next thing is due, at the latest
 * (DT_NOEND: never); at once when the worker is told to end.
 */
extern TimestampTz cs_flushtables_see_to(void);

/*
 * Flush what they have, whether due or not; those that have failed only if it is
 * their time, or 'now'.  Returns whether something is left.
 */
extern bool cs_flushtables_flush(bool now);

/*
 * The server stops: from now on all attempts together have this many
 * milliseconds.
 */
extern void cs_flushtables_hurry(long ms);

/*
 * One attempt for a quarantined table, with more time than others have; in a
 * process that does nothing else.
 */
extern void cs_flushtables_alone(Oid relid);

/*
 * Mark volatile ones as clean, and empty the journal: the server stops.  A
 * table stays open if 'clients_are_here' says so when nobody can defer any more.
 */
extern void cs_flushtables_close(bool (*clients_are_here) (void));

/* Idempotent and safe at exit. */
extern void cs_flushtables_leave(void);

#endif							/* CS_FLUSHTABLES_H */
