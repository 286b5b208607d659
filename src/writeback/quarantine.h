/*-------------------------------------------------------------------------
 *
 * quarantine.h
 *		Quarantine: tables whose flush takes too long are flushed by a separate
 *		process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_QUARANTINE_H
#define CS_QUARANTINE_H

#include "datatype/timestamp.h"

extern Size cs_quarantine_shmem_size(void);
extern void cs_quarantine_shmem_init(void);

extern void cs_quarantine_begin(int slot, Oid relid);
extern void cs_quarantine_end(int slot);
extern bool cs_quarantine_was_interrupted(int slot, Oid relid);

extern void cs_quarantine_add(int slot, Oid relid, Oid owner);
extern void cs_quarantine_lift(int slot);
extern bool cs_quarantine_has(int slot, Oid relid);
extern void cs_quarantine_ask(int slot);

extern bool cs_quarantine_is_asked(int slot, Oid *relid, Oid *owner);
extern void cs_quarantine_taken(int slot);

extern void cs_quarantine_failed(int slot);
extern TimestampTz cs_quarantine_not_before(int slot);

#endif							/* CS_QUARANTINE_H */
