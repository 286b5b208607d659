/*-------------------------------------------------------------------------
 *
 * commitflag.c
 *		Commit flags: whether the transaction that staged a key has committed.
 *
 * Shared memory holds an array with one commit flag for each possible backend,
 * and the counter of versions.  All of it is atomic.  A commit flag is written
 * only by its backend.
 *
 *		word	serial and state; the serial grows with every use
 *		xid		of the transaction, once it is known whether it has one
 *
 *		IDLE		nothing is staged
 *		OPEN		what was staged is not valid, unless the xid has committed
 *		COMMITTED	what was staged is valid
 *
 * The xid is needed because a transaction's changes of tables become visible
 * before its COMMIT callback runs, and keys are to change together with
 * tables. Whether an xid is in progress cannot be determined under a partition
 * lock, so the store releases that lock, asks, and looks again.
 *
 * A commit flag is reused only after everything staged under it has been
 * settled.  So a tag whose serial differs from the commit flag's will not be
 * met again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"

#include "compat.h"
#include "kv/commitflag.h"
#include "store/clock.h"
#include "store/staged.h"

#define STATE_BITS		2
#define STATE_MASK		((UINT64CONST(1) << STATE_BITS) - 1)
#define NUMBER_BITS		20
#define NUMBER_MASK		((UINT64CONST(1) << NUMBER_BITS) - 1)

/*
 * Number of versions that a backend draws from the shared counter at a time.
 */
#define VERSIONS		1024

typedef enum FlagState
{
	FLAG_IDLE,
	FLAG_OPEN,
	FLAG_COMMITTED
} FlagState;

typedef struct CsSharedCommitFlag
{
	pg_atomic_uint64 word;		/* atomic; serial << STATE_BITS | state */
	pg_atomic_uint64 xid;		/* atomic; 0 if there is none, or if it is not
								 * known yet */
	char		pad[PG_CACHE_LINE_SIZE - 2 * sizeof(pg_atomic_uint64)];
} CsSharedCommitFlag;

typedef struct CsSharedCommitFlags
{
	pg_atomic_uint64 version;	/* atomic; the next version to be drawn */
	char		pad[PG_CACHE_LINE_SIZE - sizeof(pg_atomic_uint64)];
	CsSharedCommitFlag flag[FLEXIBLE_ARRAY_MEMBER];
} CsSharedCommitFlags;

static CsSharedCommitFlags *flags;

/*
 * Number of commit flags.
 */
static int
nflags(void)
{
	return MaxBackends + NUM_AUXILIARY_PROCS;
}

Size
cs_commitflag_shmem_size(void)
{
	return add_size(offsetof(CsSharedCommitFlags, flag),
					mul_size(nflags(), sizeof(CsSharedCommitFlag)));
}

void
cs_commitflag_shmem_init(void)
{
	bool		found;

	flags = ShmemInitStruct("cache_strategies commit flags", cs_commitflag_shmem_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&flags->version, 1);
	for (int i = 0; i < nflags(); i++)
	{
		pg_atomic_init_u64(&flags->flag[i].word, 0);
		pg_atomic_init_u64(&flags->flag[i].xid, 0);
	}
}

/*
 * Draw a version that no entry has; never 0.
 */
uint64
cs_commitflag_version(void)
{
	static uint64 next = 0;
	static uint64 end = 0;

	if (next == end)
	{
		next = pg_atomic_fetch_add_u64(&flags->version, VERSIONS);
		end = next + VERSIONS;
	}
	return next++;
}

/* ----- this backend's commit flag ----- */

static CsSharedCommitFlag *
my_flag(void)
{
	return &flags->flag[cs_my_procno()];
}

/*
 * Start a use of this backend's commit flag, before the first key is staged.
 * Returns the tag.  Does not fail.
 */
uint64
cs_commitflag_open(void)
{
	CsSharedCommitFlag *flag = my_flag();
	uint64		serial = (pg_atomic_read_u64(&flag->word) >> STATE_BITS) + 1;

	Assert((pg_atomic_read_u64(&flag->word) & STATE_MASK) == FLAG_IDLE);
	Assert(cs_my_procno() < nflags());
	/* a reader that sees the new serial must not see an old xid with it */
	pg_atomic_write_u64(&flag->xid, 0);
	pg_write_barrier();
	pg_atomic_write_u64(&flag->word, serial << STATE_BITS | FLAG_OPEN);
	pg_memory_barrier();
	return serial << NUMBER_BITS | cs_my_procno();
}

/*
 * Set the transaction's xid, before it commits; 0 if it has none.
 */
void
cs_commitflag_set_xid(uint64 xid)
{
	pg_atomic_write_u64(&my_flag()->xid, xid);
	pg_memory_barrier();
}

/*
 * Set the state, with barriers on both sides.
 */
static void
set_state(FlagState state)
{
	CsSharedCommitFlag *flag = my_flag();

	pg_memory_barrier();
	pg_atomic_write_u64(&flag->word,
						(pg_atomic_read_u64(&flag->word) & ~STATE_MASK) | state);
	pg_memory_barrier();
}

/*
 * Make all keys staged under this commit flag valid at once.  Does not fail.
 */
void
cs_commitflag_flip(void)
{
	set_state(FLAG_COMMITTED);
}

/*
 * End the use, after all keys have been settled.  Does not fail.
 */
void
cs_commitflag_close(void)
{
	set_state(FLAG_IDLE);
}

#ifdef CS_TEST_POINTS
/* Number of commit flags in use. */
int
cs_commitflag_count(void)
{
	int			n = 0;

	for (int i = 0; i < nflags(); i++)
		n += (pg_atomic_read_u64(&flags->flag[i].word) & STATE_MASK) != FLAG_IDLE;
	return n;
}
#endif

/* ----- commit flags of other backends ----- */

typedef enum Answer
{
	ANSWER_OLD,
	ANSWER_NEW,
	ANSWER_ASK,					/* its xid decides */
	ANSWER_SETTLED				/* no entry has this tag any more */
} Answer;

/* State of the transaction that a tag names.  Takes no lock. */
static Answer
look_at_flag(uint64 tag, TransactionId *xid)
{
	CsSharedCommitFlag *flag = &flags->flag[tag & NUMBER_MASK];
	uint64		word = pg_atomic_read_u64(&flag->word);
	uint64		full;

	pg_read_barrier();
	full = pg_atomic_read_u64(&flag->xid);
	pg_read_barrier();
	if (word >> STATE_BITS != tag >> NUMBER_BITS ||
		pg_atomic_read_u64(&flag->word) >> STATE_BITS != tag >> NUMBER_BITS ||
		(word & STATE_MASK) == FLAG_IDLE)
		return ANSWER_SETTLED;
	if ((word & STATE_MASK) == FLAG_COMMITTED)
		return ANSWER_NEW;
	*xid = XidFromFullTransactionId(FullTransactionIdFromU64(full));
	return full == 0 ? ANSWER_OLD : ANSWER_ASK;
}

/*
 * Whether the transaction of a tag has committed, as others see it.  May read
 * pg_xact, so the caller holds no LWLock.
 */
static bool
is_committed(uint64 tag, void *arg)
{
	TransactionId xid;
	Answer		answer = look_at_flag(tag, &xid);

	if (answer == ANSWER_ASK)
		return !TransactionIdIsInProgress(xid) && TransactionIdDidCommit(xid);
	return answer == ANSWER_NEW;
}

/* ----- looking up ----- */

/*
 * Accept an entry that is alive, if the caller wants its value.
 */
static bool
accept_any(const CsMeta *meta, void *arg)
{
	CsLook	   *look = arg;

	look->alive = true;
	look->expired = false;
	if (meta->epoch != look->epoch)
		look->alive = false;
	else if (meta->expires != 0 && meta->expires <= cs_clock_now())
	{
		look->alive = false;
		look->expired = true;
	}
	return look->value && look->alive;
}

/*
 * As accept_any(), but refuse an entry that is staged.
 */
static bool
accept_settled(const CsMeta *meta, void *arg)
{
	return meta->wxid == 0 && accept_any(meta, arg);
}

/*
 * As cs_commitflag_lookup(), but without resolving a staged change: look->tag
 * says whether there is one.
 */
CsLookup
cs_commitflag_peek(const CsKey *key, CsLook *look, CsFound *found)
{
	CsLookup	result;

	result = cs_store_lookup(key, accept_settled, look, found);
	look->tag = result == CS_LOOKUP_REFUSED ? found->meta.wxid : 0;
	if (result == CS_LOOKUP_MISS || look->tag != 0)
		look->alive = false;
	return result;
}

/*
 * Look up a key, ignoring changes of this transaction.
 *
 * CS_LOOKUP_REFUSED means that there is an entry; look->alive says whether it
 * is alive.  With 'pass', the lookup passes through the partition lock, so any
 * change that was in progress under it is finished.
 */
CsLookup
cs_commitflag_lookup(const CsKey *key, CsLook *look, bool pass, CsFound *found)
{
	CsLookup	result;

	if (!pass)
	{
		result = cs_commitflag_peek(key, look, found);
		if (look->tag == 0)
			return result;
	}
	look->alive = false;
	result = cs_store_lookup_staged(key, is_committed, NULL, accept_any, look, found);
	if (result == CS_LOOKUP_MISS)
		look->alive = false;
	return result;
}
