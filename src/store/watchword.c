/*-------------------------------------------------------------------------
 *
 * watchword.c
 *		Watch words: is a row with this value being changed, or has it been?
 *
 * See watchword.h.  Four of them share a cache line of 128 bytes; 2 MB in all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "store/atomicmax.h"
#include "store/stripe.h"
#include "store/watchword.h"

typedef struct CsSharedWatchword
{
	pg_atomic_uint64 word;		/* atomic; version << CS_STRIPE_WRITERS_BITS |
								 * writers */
	pg_atomic_uint64 prepared_xid;	/* atomic; only grows */
	pg_atomic_uint64 last_xid;	/* atomic; only grows */
	uint64		unused;
} CsSharedWatchword;

static CsSharedWatchword *words;

Size
cs_watchword_shmem_size(void)
{
	return mul_size(CS_N_WATCHWORDS, sizeof(CsSharedWatchword));
}

void
cs_watchword_shmem_init(void)
{
	bool		found;

	words = ShmemInitStruct("cache_strategies watch words",
							cs_watchword_shmem_size(), &found);
	if (found)
		return;
	for (int i = 0; i < CS_N_WATCHWORDS; i++)
	{
		pg_atomic_init_u64(&words[i].word, 0);
		pg_atomic_init_u64(&words[i].prepared_xid, 0);
		pg_atomic_init_u64(&words[i].last_xid, 0);
	}
}

uint32
cs_watchword_of(uint64 hash)
{
	return (uint32) (hash >> 32) & (CS_N_WATCHWORDS - 1);
}

uint64
cs_watchword_read(uint32 word)
{
	return pg_atomic_read_u64(&words[word].word);
}

uint64
cs_watchword_prepared_xid(uint32 word)
{
	return pg_atomic_read_u64(&words[word].prepared_xid);
}

uint64
cs_watchword_last_xid(uint32 word)
{
	return pg_atomic_read_u64(&words[word].last_xid);
}

void
cs_watchword_raise_last_xid(uint32 word, uint64 xid)
{
	cs_atomic_max(&words[word].last_xid, xid);
}

void
cs_watchword_mark(uint32 word)
{
	cs_stripe_mark_word(&words[word].word);
}

void
cs_watchword_unmark(uint32 word)
{
	cs_stripe_unmark_word(&words[word].word);
}

void
cs_watchword_prepared(uint32 word, uint64 xid)
{
	cs_atomic_max(&words[word].prepared_xid, xid);
}
