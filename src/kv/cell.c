/*-------------------------------------------------------------------------
 *
 * cell.c
 *		Cells: has the transaction that staged these keys committed?
 *
 * Shared: an array with one cell for each backend that can be, and the counter
 * of versions.  Only its backend writes a cell:
 *
 *		word	serial and state; the serial grows with every use
 *		xid		the transaction's, as soon as it is known that it keeps it
 *
 *		IDLE		nothing is staged
 *		OPEN		what was staged is not valid, unless the xid has committed
 *		COMMITTED	what was staged is valid
 *
 * The xid is there because a transaction's tables become visible before its
 * COMMIT callback runs, and keys are to change together with tables.  Whether an
 * xid is in progress cannot be asked under a partition lock, so the store lets
 * go of it, asks, and looks again.
 *
 * A cell goes on to its next use when everything staged has been settled.  So a
 * tag whose serial is another than the cell's will not be met again.
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
#include "kv/cell.h"
#include "store/clock.h"
#include "store/staged.h"

#define STATE_BITS		2
#define STATE_MASK		((UINT64CONST(1) << STATE_BITS) - 1)
#define NUMBER_BITS		20
#define NUMBER_MASK		((UINT64CONST(1) << NUMBER_BITS) - 1)

/* Versions are drawn from the shared counter so many at a time. */
#define VERSIONS		1024

typedef enum CellState
{
	CELL_IDLE,
	CELL_OPEN,
	CELL_COMMITTED
} CellState;

typedef struct CsSharedCell
{
	pg_atomic_uint64 word;		/* serial << STATE_BITS | state */
	pg_atomic_uint64 xid;		/* 0: none, or not known yet */
	char		pad[PG_CACHE_LINE_SIZE - 2 * sizeof(pg_atomic_uint64)];
} CsSharedCell;

typedef struct CsSharedCells
{
	pg_atomic_uint64 version;	/* the next that nobody has drawn */
	char		pad[PG_CACHE_LINE_SIZE - sizeof(pg_atomic_uint64)];
	CsSharedCell cell[FLEXIBLE_ARRAY_MEMBER];
} CsSharedCells;

static CsSharedCells *cells;

static int
ncells(void)
{
	return MaxBackends + NUM_AUXILIARY_PROCS;
}

Size
cs_cell_shmem_size(void)
{
	return add_size(offsetof(CsSharedCells, cell),
					mul_size(ncells(), sizeof(CsSharedCell)));
}

void
cs_cell_shmem_init(void)
{
	bool		found;

	cells = ShmemInitStruct("cache_strategies cells", cs_cell_shmem_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&cells->version, 1);
	for (int i = 0; i < ncells(); i++)
	{
		pg_atomic_init_u64(&cells->cell[i].word, 0);
		pg_atomic_init_u64(&cells->cell[i].xid, 0);
	}
}

uint64
cs_cell_version(void)
{
	static uint64 next = 0;
	static uint64 end = 0;

	if (next == end)
	{
		next = pg_atomic_fetch_add_u64(&cells->version, VERSIONS);
		end = next + VERSIONS;
	}
	return next++;
}

/* ----- the own cell ----- */

static CsSharedCell *
my_cell(void)
{
	return &cells->cell[cs_my_procno()];
}

uint64
cs_cell_open(void)
{
	CsSharedCell *cell = my_cell();
	uint64		serial = (pg_atomic_read_u64(&cell->word) >> STATE_BITS) + 1;

	Assert((pg_atomic_read_u64(&cell->word) & STATE_MASK) == CELL_IDLE);
	Assert(cs_my_procno() < ncells());
	/* whoever sees the new serial must not see an old xid with it */
	pg_atomic_write_u64(&cell->xid, 0);
	pg_write_barrier();
	pg_atomic_write_u64(&cell->word, serial << STATE_BITS | CELL_OPEN);
	pg_memory_barrier();
	return serial << NUMBER_BITS | cs_my_procno();
}

void
cs_cell_set_xid(uint64 xid)
{
#ifndef CS_MUTANT_KV_NO_XID
	pg_atomic_write_u64(&my_cell()->xid, xid);
	pg_memory_barrier();
#endif
}

static void
set_state(CellState state)
{
	CsSharedCell *cell = my_cell();

	pg_memory_barrier();
	pg_atomic_write_u64(&cell->word,
						(pg_atomic_read_u64(&cell->word) & ~STATE_MASK) | state);
	pg_memory_barrier();
}

void
cs_cell_flip(void)
{
	set_state(CELL_COMMITTED);
}

void
cs_cell_close(void)
{
	set_state(CELL_IDLE);
}

#ifdef CS_TEST_POINTS
int
cs_cell_count(void)
{
	int			n = 0;

	for (int i = 0; i < ncells(); i++)
		n += (pg_atomic_read_u64(&cells->cell[i].word) & STATE_MASK) != CELL_IDLE;
	return n;
}
#endif

/* ----- other cells ----- */

typedef enum Answer
{
	ANSWER_OLD,
	ANSWER_NEW,
	ANSWER_ASK,					/* its xid decides */
	ANSWER_SETTLED				/* by now no entry has this tag */
} Answer;

/* Takes no lock. */
static Answer
look_at_cell(uint64 tag, TransactionId *xid)
{
	CsSharedCell *cell = &cells->cell[tag & NUMBER_MASK];
	uint64		word = pg_atomic_read_u64(&cell->word);
	uint64		full;

	pg_read_barrier();
	full = pg_atomic_read_u64(&cell->xid);
	pg_read_barrier();
	if (word >> STATE_BITS != tag >> NUMBER_BITS ||
		pg_atomic_read_u64(&cell->word) >> STATE_BITS != tag >> NUMBER_BITS ||
		(word & STATE_MASK) == CELL_IDLE)
		return ANSWER_SETTLED;
	if ((word & STATE_MASK) == CELL_COMMITTED)
		return ANSWER_NEW;
	*xid = XidFromFullTransactionId(FullTransactionIdFromU64(full));
	return full == 0 ? ANSWER_OLD : ANSWER_ASK;
}

/* Has it committed, as far as others can see?  May read pg_xact. */
static bool
is_committed(uint64 tag, void *arg)
{
	TransactionId xid;
	Answer		answer = look_at_cell(tag, &xid);

	if (answer == ANSWER_ASK)
		return !TransactionIdIsInProgress(xid) && TransactionIdDidCommit(xid);
	return answer == ANSWER_NEW;
}

/* ----- looking up ----- */

static bool
accept_any(const CsMeta *meta, void *arg)
{
	CsLook	   *look = arg;

	look->alive = true;
#ifndef CS_MUTANT_KV_NO_EPOCH
	if (meta->epoch != look->epoch)
		look->alive = false;
#endif
#ifndef CS_MUTANT_KV_EXPIRED_SHOWN
	if (meta->expires != 0 && meta->expires <= cs_clock_now())
		look->alive = false;
#endif
	return look->value && look->alive;
}

static bool
accept_settled(const CsMeta *meta, void *arg)
{
	return meta->wxid == 0 && accept_any(meta, arg);
}

CsLookup
cs_cell_peek(const CsKey *key, CsLook *look, CsFound *found)
{
	CsLookup	result;

	result = cs_store_lookup(key, accept_settled, look, found);
	look->tag = result == CS_LOOKUP_REFUSED ? found->meta.wxid : 0;
	if (result == CS_LOOKUP_MISS || look->tag != 0)
		look->alive = false;
	return result;
}

CsLookup
cs_cell_lookup(const CsKey *key, CsLook *look, bool pass, CsFound *found)
{
	CsLookup	result;

	if (!pass)
	{
		result = cs_cell_peek(key, look, found);
		if (look->tag == 0)
			return result;
	}
	look->alive = false;
	result = cs_store_lookup_staged(key, is_committed, NULL, accept_any, look, found);
	if (result == CS_LOOKUP_MISS)
		look->alive = false;
	return result;
}
