/*-------------------------------------------------------------------------
 *
 * flush.h
 *		Flushing: writing deferred writes to their table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSH_H
#define CS_FLUSH_H

#include "xact/attempt.h"

extern uint64 cs_flush_table(Oid relid, bool skip_locked);

extern uint64 cs_flush_replay(Oid relid);

extern void cs_flush_require_idle(Oid relid);

extern void cs_flush_require_level(void);

extern void cs_flush_hold(Oid relid);
extern bool cs_flush_or_warn(Oid relid, CsAttempt work, void *arg);

#endif							/* CS_FLUSH_H */
