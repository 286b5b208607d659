/*-------------------------------------------------------------------------
 *
 * stripe.h
 *		Stripes: shared words, chosen by key hash, that tell a filler whether
 *		a writer of some key here is under way or has passed.
 *
 * A stripe's word holds two numbers that must be read together:
 *
 *		writers	writers between their mark (before commit) and their end
 *		version	marks ever made; it only grows
 *
 * and beside it prepared_xid, the largest 64-bit xid that PREPAREd a change
 * here.  They live outside the entries because an entry can be evicted, and a
 * version that eviction resets would let an old fill in.
 *
 * All access is atomic; there is no lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STRIPE_H
#define CS_STRIPE_H

#define CS_STRIPE_WRITERS_BITS	20
#define CS_STRIPE_WRITERS_MASK	((UINT64CONST(1) << CS_STRIPE_WRITERS_BITS) - 1)

#define cs_stripe_writers(word)	((word) & CS_STRIPE_WRITERS_MASK)
#define cs_stripe_version(word) ((word) >> CS_STRIPE_WRITERS_BITS)

extern Size cs_stripe_shmem_size(void);
extern void cs_stripe_shmem_init(void);

extern uint32 cs_stripe_of(uint64 hash);
extern uint64 cs_stripe_read(uint32 stripe);
extern uint64 cs_stripe_prepared_xid(uint32 stripe);

/* All words, of which there are cache_strategies.stripes; a full barrier */
extern void cs_stripe_copy(uint64 *words);

/* writers + 1 and version + 1 in one step; returns the new version */
extern uint64 cs_stripe_mark(uint32 stripe);

/* version + 1 on a stripe that this transaction has marked already */
extern void cs_stripe_bump(uint32 stripe);
extern void cs_stripe_unmark(uint32 stripe);
extern void cs_stripe_prepared(uint32 stripe, uint64 xid);

#endif							/* CS_STRIPE_H */
