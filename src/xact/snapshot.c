/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *		Which versions does a snapshot see?
 *
 * PostgreSQL's snapshots hold 32-bit xids.  Whatever is compared across time
 * (an entry's xid, prepared_xid, boot_xid) is 64-bit here: a 32-bit xid that
 * cannot lie in the future is widened against the next xid to be assigned.
 *
 * Shared: boot_xid, the next xid when this server first could write (after
 * start, or after promotion), and which transactions were prepared then.  They
 * may still be pending, and nothing in this shared memory knows what they
 * changed.  Set once, under a spinlock; boot_xid is not 0 when the rest is
 * there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "xact/snapshot.h"

typedef struct Prepared
{
	Oid			database;
	uint64		xid;
} Prepared;

typedef struct CsSharedBoot
{
	pg_atomic_uint64 xid;		/* 0 until known, then constant; like the rest */
	slock_t		lock;			/* who sets it */
	int			n;
	Prepared	prepared[FLEXIBLE_ARRAY_MEMBER];	/* max_prepared_transactions */
} CsSharedBoot;

static CsSharedBoot *boot;

Size
cs_snapshot_shmem_size(void)
{
	return offsetof(CsSharedBoot, prepared) + max_prepared_xacts * sizeof(Prepared);
}

void
cs_snapshot_shmem_init(void)
{
	bool		found;

	boot = ShmemInitStruct("cache_strategies boot", cs_snapshot_shmem_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&boot->xid, 0);
	SpinLockInit(&boot->lock);
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

/*
 * Who is prepared now.  Whoever has ended before is seen to have by every snapshot
 * that is taken from now on.
 */
static int
list_prepared(Prepared *list)
{
	int			n = 0;

	LWLockAcquire(ProcArrayLock, LW_SHARED);
	for (int i = 0; i < max_prepared_xacts; i++)
	{
		PGPROC	   *proc = &PreparedXactProcs[i];

		/* one that has ended may be left there; it is in no snapshot */
		if (!TransactionIdIsNormal(proc->xid))
			continue;
		list[n].database = proc->databaseId;
		list[n++].xid = cs_snapshot_widen(proc->xid);
	}
	LWLockRelease(ProcArrayLock);
	return n;
}

/*
 * Before the snapshot is taken under which something is loaded that is to be
 * kept: a transaction that ends after the snapshot, and before we look who is
 * prepared, would be missed.
 */
void
cs_snapshot_boot(void)
{
	Prepared   *list;
	int			n;

	if (pg_atomic_read_u64(&boot->xid) != 0 || RecoveryInProgress())
		return;
	list = palloc(Max(max_prepared_xacts, 1) * sizeof(Prepared));
	n = list_prepared(list);
	SpinLockAcquire(&boot->lock);
	if (pg_atomic_read_u64(&boot->xid) == 0)
	{
		memcpy(boot->prepared, list, n * sizeof(Prepared));
		boot->n = n;
		pg_write_barrier();
		pg_atomic_write_u64(&boot->xid, next_xid());
	}
	SpinLockRelease(&boot->lock);
	pfree(list);
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
	for (uint32 i = 0; i < snapshot->xcnt; i++)
	{
		uint64		xid = cs_snapshot_widen(snapshot->xip[i]);

		if (xid < seen->xmax && xid <= last && !was_running(seen, snapshot->xip[i]))
			return false;
	}
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

/* Was it running when the snapshot was taken?  For a top-level xid. */
static bool
is_running(Snapshot snapshot, uint64 xid)
{
	if (xid < cs_snapshot_widen(snapshot->xmin))
		return false;
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		if (snapshot->xip[i] == (TransactionId) xid)
			return true;
	return xid >= cs_snapshot_widen(snapshot->xmax);
}

/*
 * A transaction of this database that was prepared when the server started, and
 * that has not ended as far as the snapshot shows; 0: there is none.  Does not
 * throw, as it is asked under partition locks.
 */
uint64
cs_snapshot_waits_for(Snapshot fresh)
{
	for (int i = 0; i < boot->n; i++)
		if (boot->prepared[i].database == MyDatabaseId &&
			is_running(fresh, boot->prepared[i].xid))
			return boot->prepared[i].xid;
	return 0;
}

/*
 * May what was loaded under this fresh snapshot be filled, with respect to
 * prepared transactions?  A prepared transaction stays in the ProcArray, so no
 * fresh snapshot's xmin passes its xid until somebody has finished it.
 */
bool
cs_snapshot_may_fill(Snapshot fresh, uint64 prepared_xid)
{
	if (cs_snapshot_widen(fresh->xmin) <= prepared_xid)
		return false;
	if (pg_atomic_read_u64(&boot->xid) == 0)
		return false;
	pg_read_barrier();
	if (cs_snapshot_waits_for(fresh) != 0)
		return false;
	return true;
}
