/*-------------------------------------------------------------------------
 *
 * quarantine.h
 *		Tables whose flush takes too long, each flushed by a process of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_QUARANTINE_H
#define CS_QUARANTINE_H

#include "datatype/timestamp.h"

extern Size cs_quarantine_shmem_size(void);
extern void cs_quarantine_shmem_init(void);

/*
 * The flush worker is about to work on the table; it has done so.  A note that
 * is found at the next look is of a process that did not survive the attempt.
 */
extern void cs_quarantine_begin(int slot, Oid relid);
extern void cs_quarantine_end(int slot);
extern bool cs_quarantine_was_interrupted(int slot, Oid relid);

/* 'owner': of the table, of whose tables one at a time gets a process. */
extern void cs_quarantine_add(int slot, Oid relid, Oid owner);
extern void cs_quarantine_lift(int slot);
extern bool cs_quarantine_has(int slot, Oid relid);
extern void cs_quarantine_ask(int slot);

/* The launcher's side: is one asked for, and of whose table? */
extern bool cs_quarantine_is_asked(int slot, Oid *relid, Oid *owner);
extern void cs_quarantine_taken(int slot);

/* It has failed: the next one comes later than the last time. */
extern void cs_quarantine_failed(int slot);
extern TimestampTz cs_quarantine_not_before(int slot);

#endif							/* CS_QUARANTINE_H */
