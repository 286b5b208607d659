/*-------------------------------------------------------------------------
 *
 * xactdelta.h
 *		What the current transaction has deferred, cancelled and flushed, and
 *		what happens with that at its end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACTDELTA_H
#define CS_XACTDELTA_H

#include "relation/key.h"
#include "writeback/delta.h"
#include "writeback/xactlook.h"

/*
 * If positive, this backend itself is writing to tables: changes are not
 * deferred, and no statement is rejected because its changes could be.
 */
extern int	cs_xactdelta_direct;

extern void cs_xactdelta_begin_upsert(Oid relid);
extern void cs_xactdelta_end_upsert(void);
extern bool cs_xactdelta_is_upserting(Oid relid);
extern void cs_xactdelta_meet_deferred(void);

extern bool cs_xactdelta_met_deferred(void);

extern void cs_xactdelta_init(void);
extern void cs_xactdelta_join(void);

extern void cs_xactdelta_defer(CsBinding *binding, const CsRowKey *rowkey,
							   const CsDelta *delta);

extern void cs_xactdelta_defer_nothing(CsBinding *binding, const CsKey *key);

extern bool cs_xactdelta_is_large(const CsDelta *delta);

extern void cs_xactdelta_cancel(CsBinding *binding, const CsRowKey *rowkey,
								Bitmapset *columns, int flags);

extern bool cs_xactdelta_is_updated(const CsKey *key);
extern void cs_xactdelta_set_updated(CsBinding *binding, const CsKey *key);

extern void cs_xactdelta_set_sets(const CsKey *key);

extern void cs_xactdelta_expect(CsBinding *binding, const CsRowKey *rowkey, uint64 arrival,
								bool moves);

extern bool cs_xactdelta_took_along(const CsKey *key);

extern void cs_xactdelta_truncate(CsBinding *binding);

extern bool cs_xactdelta_delta(CsBinding *binding, const CsKey *key, CsDelta *delta);
extern bool cs_xactdelta_delta_at(const CsXactLook *look, const CsKey *key, CsDelta *delta);

extern bool cs_xactdelta_is_changed_since(const CsKey *key, CommandId command);

extern bool cs_xactdelta_has_any(void);
extern bool cs_xactdelta_has(int slot);
extern uint64 cs_xactdelta_count(int slot);
extern const Bitmapset *cs_xactdelta_columns(int slot);
extern bool cs_xactdelta_has_deferred(int slot);
extern bool cs_xactdelta_has_cancels(int slot);

extern bool cs_xactdelta_has_truncated(int slot);
extern bool cs_xactdelta_has_flushed(void);

extern const CsKey *cs_xactdelta_next(int slot, void **at);

extern void cs_xactdelta_wrote(CsBinding *binding, const CsKey *key, uint64 id);

extern void cs_xactdelta_wait_for_room(CsBinding *binding);

#endif							/* CS_XACTDELTA_H */
