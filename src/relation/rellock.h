/*-------------------------------------------------------------------------
 *
 * rellock.h
 *		Locks on single relations, taken without waiting or without looking at
 *		the lock table where that is not needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RELLOCK_H
#define CS_RELLOCK_H

#include "storage/lockdefs.h"

extern bool cs_rellock_is_held(Oid relid, LOCKMODE least);
extern void cs_rellock_note(Oid relid);
extern bool cs_rellock_hold(Oid relid);
extern void cs_rellock_release(Oid relid);
extern bool cs_rellock_try(Oid relid, LOCKMODE mode);
extern bool cs_rellock_is_prepared(Oid relid);

#endif							/* CS_RELLOCK_H */
