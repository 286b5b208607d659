/*-------------------------------------------------------------------------
 *
 * stripe.c
 *		Stripes: shared words that record the changes of keys, chosen by key
 *		hash.
 *
 * See stripe.h for the contents of a word.  The array has
 * cache_strategies.stripes elements.  Two keys that share a stripe can cause a
 * refused fill, but no wrong result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "guc.h"
#include "store/atomicmax.h"
#include "store/stripe.h"

#define ONE_VERSION		(UINT64CONST(1) << CS_STRIPE_WRITERS_BITS)

typedef struct CsSharedStripe
{
	pg_atomic_uint64 word;		/* atomic; version << CS_STRIPE_WRITERS_BITS |
								 * writers */
	pg_atomic_uint64 prepared_xid;	/* atomic; only grows */
} CsSharedStripe;

static CsSharedStripe *stripes;
static uint32 stripe_mask;

Size
cs_stripe_shmem_size(void)
{
	return mul_size(cs_stripes, sizeof(CsSharedStripe));
}

void
cs_stripe_shmem_init(void)
{
	bool		found;

	stripes = ShmemInitStruct("cache_strategies stripes",
							  cs_stripe_shmem_size(), &found);
	stripe_mask = (uint32) cs_stripes - 1;
	if (found)
		return;
	for (int i = 0; i < cs_stripes; i++)
	{
		pg_atomic_init_u64(&stripes[i].word, 0);
		pg_atomic_init_u64(&stripes[i].prepared_xid, 0);
	}
}

/*
 * Stripe of a key's hash.
 */
uint32
cs_stripe_of(uint64 hash)
{
	return (uint32) (hash >> 32) & stripe_mask;
}

/*
 * Read a stripe's word.  Includes a full barrier, so that what the caller does
 * next, taking a snapshot, does not become visible first.
 */
uint64
cs_stripe_read(uint32 stripe)
{
	uint64		word = pg_atomic_read_u64(&stripes[stripe].word);

	pg_memory_barrier();
	return word;
}

/*
 * Copy all words, of which there are cache_strategies.stripes.  Ends with a
 * full barrier, as cs_stripe_read() does.
 */
void
cs_stripe_copy(uint64 *words)
{
	for (int i = 0; i < cs_stripes; i++)
		words[i] = pg_atomic_read_u64(&stripes[i].word);
	pg_memory_barrier();
}

uint64
cs_stripe_prepared_xid(uint32 stripe)
{
	return pg_atomic_read_u64(&stripes[stripe].prepared_xid);
}

/*
 * Begin a change: writers + 1 and version + 1 in one step.  Returns the new
 * version.
 */
uint64
cs_stripe_mark(uint32 stripe)
{
	return cs_stripe_version(pg_atomic_add_fetch_u64(&stripes[stripe].word,
													 ONE_VERSION + 1));
}

/*
 * Version + 1 on a stripe that this transaction has already marked.
 */
void
cs_stripe_bump(uint32 stripe)
{
	pg_atomic_fetch_add_u64(&stripes[stripe].word, ONE_VERSION);
}

/*
 * End a change that cs_stripe_mark() began.
 */
void
cs_stripe_unmark(uint32 stripe)
{
	uint64		before PG_USED_FOR_ASSERTS_ONLY;

	before = pg_atomic_fetch_sub_u64(&stripes[stripe].word, 1);
	Assert(cs_stripe_writers(before) > 0);
}

/*
 * Record that the transaction 'xid' has prepared a change.
 */
void
cs_stripe_prepared(uint32 stripe, uint64 xid)
{
	cs_atomic_max(&stripes[stripe].prepared_xid, xid);
}
