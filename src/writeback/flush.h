/*-------------------------------------------------------------------------
 *
 * flush.h
 *		Flushing: deferred writes on their way to their table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSH_H
#define CS_FLUSH_H

#include "xact/attempt.h"

/*
 * Write the table's deferred writes to it, in the current transaction; returns
 * how many rows were written.  Errors that may pass by themselves are thrown.
 * 'skip_locked': leave out rows that somebody holds, instead of waiting for
 * them (up to lock_timeout).
 */
extern uint64 cs_flush_table(Oid relid, bool skip_locked);

/*
 * After a crash: write what the journal has of the table, in the current
 * transaction.
 */
extern uint64 cs_flush_replay(Oid relid);

/*
 * Throws 55006 when this session is flushing the table already: the caller is a
 * trigger of it, or another function that the flush runs.
 */
extern void cs_flush_require_idle(Oid relid);

/* Throws 0A000 above READ COMMITTED, where nothing can be flushed. */
extern void cs_flush_require_level(void);

/* Keep the table from being flushed by others until the transaction ends. */
extern void cs_flush_hold(Oid relid);
extern bool cs_flush_or_warn(Oid relid, CsAttempt work, void *arg);

#endif							/* CS_FLUSH_H */
