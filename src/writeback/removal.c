/*-------------------------------------------------------------------------
 *
 * removal.c
 *		What readers under their own snapshot have to know of records that have
 *		been removed from deferred entries.
 *
 * A record is removed when the transaction that has put it into the table, or
 * that has made it void, has ended.  To a reader whose snapshot does not see
 * that transaction the change is then neither in the table nor in the entry.
 * So a backend that removes records says first, after the transaction has
 * ended, which xid a snapshot must see: the largest so far, and how often
 * records have been removed.
 *
 * A reader that has looked at entries knows that it has missed nothing if its
 * snapshot sees all transactions up to the largest xid, or if the count is
 * what it was before the snapshot was taken: a removal that was counted before
 * that is of a transaction which the snapshot sees.
 *
 * There is one element per slot, and the largest xid of all slots.  Everything
 * is atomic.  Counts and xids are never reset.  Functions that note something
 * are called from COMMIT callbacks: they set atomics, nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "guc.h"
#include "store/atomicmax.h"
#include "writeback/removal.h"
#include "xact/snapshot.h"

typedef struct CsSharedRemoval
{
	pg_atomic_uint64 xid;		/* atomic; largest that a snapshot must see;
								 * set before count */
	pg_atomic_uint64 count;		/* atomic; raised before records are removed */
} CsSharedRemoval;

typedef struct CsSharedRemovals
{
	pg_atomic_uint64 last_xid;	/* atomic; largest of all slots; set before
								 * their words */
	CsSharedRemoval slots[FLEXIBLE_ARRAY_MEMBER];	/* as described there */
} CsSharedRemovals;

static CsSharedRemovals *removals;

Size
cs_removal_shmem_size(void)
{
	return add_size(offsetof(CsSharedRemovals, slots),
					mul_size(cs_max_tables, sizeof(CsSharedRemoval)));
}

void
cs_removal_shmem_init(void)
{
	bool		found;

	removals = ShmemInitStruct("cache_strategies removals", cs_removal_shmem_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&removals->last_xid, 0);
	for (int i = 0; i < cs_max_tables; i++)
	{
		pg_atomic_init_u64(&removals->slots[i].xid, 0);
		pg_atomic_init_u64(&removals->slots[i].count, 0);
	}
}

/*
 * Records are about to be removed that the transaction, which has ended, has
 * written or made void.
 */
void
cs_removal_note(int slot, uint64 xid)
{
	cs_atomic_max(&removals->last_xid, xid);
	cs_atomic_max(&removals->slots[slot].xid, xid);
	pg_atomic_fetch_add_u64(&removals->slots[slot].count, 1);
}

/*
 * The same for transactions of which only is known that they have ended.
 */
void
cs_removal_note_all(int slot)
{
	cs_removal_note(slot, U64FromFullTransactionId(ReadNextFullTransactionId()) - 1);
}

uint64
cs_removal_count(int slot)
{
	return pg_atomic_read_u64(&removals->slots[slot].count);
}

/*
 * The largest xid of which records have been removed.
 */
uint64
cs_removal_xid(int slot)
{
	return pg_atomic_read_u64(&removals->slots[slot].xid);
}

uint64
cs_removal_last_xid(void)
{
	return pg_atomic_read_u64(&removals->last_xid);
}
