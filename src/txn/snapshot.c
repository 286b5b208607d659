/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *		Which versions does a snapshot see?
 *
 * PostgreSQL's snapshots hold 32-bit xids.  Whatever is compared across time
 * (an entry's xid, px, boot_xid) is 64-bit here: a 32-bit xid that cannot lie
 * in the future is widened against the next xid to be assigned.
 *
 * Shared: boot_xid, the next xid when this server first could write (after
 * start, or after promotion).  A transaction prepared before that may still be
 * pending, and nothing in this shared memory knows what it changed.  Set once,
 * by compare-and-swap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "txn/snapshot.h"

typedef struct CsSharedBoot
{
	pg_atomic_uint64 xid;		/* 0 until known, then constant */
} CsSharedBoot;

static CsSharedBoot *boot;

Size
cs_snapshot_shmem_size(void)
{
	return sizeof(CsSharedBoot);
}

void
cs_snapshot_shmem_init(void)
{
	bool		found;

	boot = ShmemInitStruct("cache_strategies boot", sizeof(CsSharedBoot), &found);
	if (!found)
		pg_atomic_init_u64(&boot->xid, 0);
}

/*
 * The next xid, without its lock: it only grows, and every xid that this
 * backend has met in a snapshot or a row is behind it already.
 */
static uint64
next_xid(void)
{
	return U64FromFullTransactionId(*(volatile FullTransactionId *) &CsTransamVariables->nextXid);
}

void
cs_snapshot_boot(void)
{
	uint64		unset = 0;

	if (pg_atomic_read_u64(&boot->xid) == 0 && !RecoveryInProgress())
		pg_atomic_compare_exchange_u64(&boot->xid, &unset, next_xid());
}

/* 0 while it is not known. */
uint64
cs_snapshot_boot_xid(void)
{
	return pg_atomic_read_u64(&boot->xid);
}

/* For a normal xid of a transaction that has begun. */
uint64
cs_snapshot_widen(TransactionId xid)
{
	uint64		next = next_xid();
	uint32		epoch = (uint32) (next >> 32);

	if (xid > (TransactionId) next)
		epoch--;
	return ((uint64) epoch << 32) | xid;
}

/*
 * The xid that an entry carries for a row with this xmin: 0 when frozen.  A
 * frozen row keeps its old xmin in the header; read as a recent xid it could
 * at worst seem too new, which sends a reader to the table.
 */
uint64
cs_snapshot_row_xid(TransactionId xmin)
{
	if (!TransactionIdIsNormal(xmin) ||
		TransactionIdFollowsOrEquals(xmin, (TransactionId) next_xid()))
		return 0;
	return cs_snapshot_widen(xmin);
}

/* Does the snapshot see what this committed transaction did? */
bool
cs_snapshot_sees(Snapshot snapshot, uint64 xid)
{
	if (xid == 0 || xid < cs_snapshot_widen(snapshot->xmin))
		return true;
	if (xid >= cs_snapshot_widen(snapshot->xmax))
		return false;
	return !XidInMVCCSnapshot((TransactionId) xid, snapshot);
}

static bool
was_running(const CsSeen *seen, TransactionId xid)
{
	uint32		low = 0;
	uint32		high = seen->nxip;

	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (seen->xip[mid] == xid)
			return true;
		if (seen->xip[mid] < xid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/*
 * Does the snapshot see every transaction that was seen then, of those up to this
 * xid?
 */
bool
cs_snapshot_sees_up_to(Snapshot snapshot, const CsSeen *seen, uint64 last)
{
	uint64		xmax = cs_snapshot_widen(snapshot->xmax);

	if (xmax < seen->xmax && xmax <= last)
		return false;
#ifndef CS_MUTANT_ABSENCE_IGNORES_XIP
	for (uint32 i = 0; i < snapshot->xcnt; i++)
	{
		uint64		xid = cs_snapshot_widen(snapshot->xip[i]);

		if (xid < seen->xmax && xid <= last && !was_running(seen, snapshot->xip[i]))
			return false;
	}
#endif
	return true;
}

bool
cs_snapshot_sees_all(Snapshot snapshot, const CsSeen *seen)
{
	return cs_snapshot_sees_up_to(snapshot, seen, PG_UINT64_MAX);
}

static int
compare_xids(const void *a, const void *b)
{
	TransactionId x = *(const TransactionId *) a;
	TransactionId y = *(const TransactionId *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

CsSeen *
cs_snapshot_seen(Snapshot snapshot)
{
	CsSeen	   *seen = palloc0(cs_seen_size(snapshot->xcnt));

	seen->xmax = cs_snapshot_widen(snapshot->xmax);
	seen->nxip = snapshot->xcnt;
	if (seen->nxip > 0)
		memcpy(seen->xip, snapshot->xip, seen->nxip * sizeof(TransactionId));
	qsort(seen->xip, seen->nxip, sizeof(TransactionId), compare_xids);
	return seen;
}

/*
 * May what was loaded under this fresh snapshot be filled, with respect to
 * prepared transactions?  A prepared transaction stays in the ProcArray, so no
 * fresh snapshot's xmin passes its xid until somebody has finished it.
 */
bool
cs_snapshot_may_fill(Snapshot fresh, uint64 px)
{
	uint64		xmin = cs_snapshot_widen(fresh->xmin);

#ifndef CS_MUTANT_NO_PX
	if (xmin <= px)
		return false;
#endif
#ifndef CS_MUTANT_NO_BOOT_GATE
	if (xmin < pg_atomic_read_u64(&boot->xid) || pg_atomic_read_u64(&boot->xid) == 0)
		return false;
#endif
	return true;
}
