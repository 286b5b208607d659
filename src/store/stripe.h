/*-------------------------------------------------------------------------
 *
 * stripe.h
 *		Stripes: shared words, chosen by key hash, that tell a filler whether a
 *		writer of a key with that hash is in progress or has ended meanwhile.
 *
 * A stripe's word holds two numbers that must be read together:
 *
 *		writers	writers between their mark (before commit) and their end
 *		version	number of marks ever made; it only grows
 *
 * Beside the word there is prepared_xid, the largest 64-bit xid that has
 * PREPAREd a change.  Stripes are separate from the entries because an entry
 * can be evicted: a version that eviction resets would admit an outdated fill.
 *
 * All access is atomic; there is no lock.
 *
 * A backend may sleep until something about the keys of a stripe has changed:
 * a writer has taken its mark away, or another layer has said so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STRIPE_H
#define CS_STRIPE_H

#include "port/atomics.h"

#define CS_STRIPE_WRITERS_BITS	20
#define CS_STRIPE_WRITERS_MASK	((UINT64CONST(1) << CS_STRIPE_WRITERS_BITS) - 1)

#define cs_stripe_writers(word)	((word) & CS_STRIPE_WRITERS_MASK)
#define cs_stripe_version(word) ((word) >> CS_STRIPE_WRITERS_BITS)

#define CS_STRIPE_ONE_VERSION	(UINT64CONST(1) << CS_STRIPE_WRITERS_BITS)

/*
 * Begin a change, of any word of this form: writers + 1 and version + 1 in one
 * step.  Returns the word.
 */
static inline uint64
cs_stripe_mark_word(pg_atomic_uint64 *word)
{
	return pg_atomic_add_fetch_u64(word, CS_STRIPE_ONE_VERSION + 1);
}

/*
 * End the change.
 */
static inline void
cs_stripe_unmark_word(pg_atomic_uint64 *word)
{
	uint64		before PG_USED_FOR_ASSERTS_ONLY;

	before = pg_atomic_fetch_sub_u64(word, 1);
	Assert(cs_stripe_writers(before) > 0);
}

extern Size cs_stripe_shmem_size(void);
extern void cs_stripe_shmem_init(void);
extern uint32 cs_stripe_of(uint64 hash);
extern uint64 cs_stripe_read(uint32 stripe);
extern uint64 cs_stripe_prepared_xid(uint32 stripe);
extern void cs_stripe_copy(uint64 *words);
extern void cs_stripe_touch(uint32 stripe);
extern uint64 cs_stripe_mark(uint32 stripe);

extern void cs_stripe_bump(uint32 stripe);
extern void cs_stripe_unmark(uint32 stripe);
extern void cs_stripe_prepared(uint32 stripe, uint64 xid);

extern bool cs_stripe_wait(uint32 stripe, long ms);
extern void cs_stripe_wait_end(void);
extern void cs_stripe_wake(uint32 stripe);
extern void cs_stripe_wake_all(void);

#endif							/* CS_STRIPE_H */
