/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *		Which row versions a snapshot sees.
 *
 * PostgreSQL's snapshots contain 32-bit xids.  Everything that is compared
 * across time (an entry's xid, prepared_xid, boot_xid) is 64-bit here: a
 * 32-bit xid that cannot be in the future is widened by the next xid to be
 * assigned.
 *
 * Shared memory holds boot_xid, the next xid when this server first accepted
 * writes (after start or promotion), and the transactions that were prepared
 * then. These may still be pending, and shared memory does not contain what
 * they changed. All of it is set once, under a spinlock; boot_xid is not 0
 * when the rest is valid.
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
#include "storage/procarray.h"
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
	pg_atomic_uint64 xid;		/* atomic; set once, after the rest; 0 until
								 * then */
	slock_t		lock;			/* protects the setting */
	int			n;				/* set once, under the spinlock; read when xid
								 * is not 0 */
	Prepared	prepared[FLEXIBLE_ARRAY_MEMBER];	/* set once, as n */
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
	boot->n = 0;
}

/*
 * The next xid, read without its lock.  It only grows, and it is greater than
 * every xid that this backend has met in a snapshot or a row.
 */
static uint64
next_xid(void)
{
	return U64FromFullTransactionId(*(volatile FullTransactionId *) &CsTransamVariables->nextXid);
}

/*
 * List the prepared transactions.  Each that ended before is seen as ended by
 * every snapshot taken from now on.
 */
static int
list_prepared(Prepared *list)
{
	int			n = 0;

	LWLockAcquire(ProcArrayLock, LW_SHARED);
	for (int i = 0; i < max_prepared_xacts; i++)
	{
		PGPROC	   *proc = &PreparedXactProcs[i];

		/* one that has ended may remain there; no snapshot contains it */
		if (!TransactionIdIsNormal(proc->xid))
			continue;
		list[n].database = proc->databaseId;
		list[n++].xid = cs_snapshot_widen(proc->xid);
	}
	LWLockRelease(ProcArrayLock);
	return n;
}

/*
 * Set boot_xid if that has not been done.  Must be called before taking a
 * snapshot under which something is loaded that is to be kept: a transaction
 * that ends between the snapshot and this call would be missed.
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

/*
 * The next xid when this server first accepted writes; 0 if not known yet.
 */
uint64
cs_snapshot_boot_xid(void)
{
	return pg_atomic_read_u64(&boot->xid);
}

/* Widen a normal xid of a transaction that has begun. */
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
 * xid that an entry carries for a row with this xmin, 0 if it is frozen.  A
 * frozen row may retain its old xmin in the header.  Taken for a recent xid,
 * it can only seem too new, which makes a reader use the table.
 */
uint64
cs_snapshot_row_xid(TransactionId xmin)
{
	if (!TransactionIdIsNormal(xmin) ||
		TransactionIdFollowsOrEquals(xmin, (TransactionId) next_xid()))
		return 0;
	return cs_snapshot_widen(xmin);
}

/* Whether the snapshot sees the changes of this committed transaction. */
bool
cs_snapshot_sees(Snapshot snapshot, uint64 xid)
{
	if (xid == 0 || xid < cs_snapshot_widen(snapshot->xmin))
		return true;
	if (xid >= cs_snapshot_widen(snapshot->xmax))
		return false;
	return !XidInMVCCSnapshot((TransactionId) xid, snapshot);
}

/*
 * Whether the xid was running, by binary search.
 */
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
 * Whether the snapshot sees every transaction that 'seen' did, among those up
 * to the xid 'last'.
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

/*
 * Whether the snapshot sees every transaction that 'seen' did.
 */
bool
cs_snapshot_sees_all(Snapshot snapshot, const CsSeen *seen)
{
	return cs_snapshot_sees_up_to(snapshot, seen, PG_UINT64_MAX);
}

/*
 * Whether the snapshot sees what a snapshot taken now would see, of the
 * transactions up to this xid.  A running transaction may commit later; a
 * caller that relies on the answer has read words before that such a commit
 * would change.
 */
bool
cs_snapshot_agrees_up_to(Snapshot snapshot, uint64 last)
{
	if (last >= cs_snapshot_widen(snapshot->xmax))
		return false;
	for (uint32 i = 0; i < snapshot->xcnt; i++)
	{
		TransactionId xid = snapshot->xip[i];

		if (cs_snapshot_widen(xid) <= last && !TransactionIdIsInProgress(xid) &&
			TransactionIdDidCommit(xid))
			return false;
	}
	return true;
}

static int
compare_xids(const void *a, const void *b)
{
	TransactionId x = *(const TransactionId *) a;
	TransactionId y = *(const TransactionId *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * Describe what the snapshot sees.  Palloc'd in the current context.
 */
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
 * Whether the transaction was running when the snapshot was taken.  For a
 * top-level xid.
 */
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
 * A transaction of this database that was prepared at server start and has not
 * ended according to the snapshot; 0 if there is none, or if that is not known
 * yet.  Does not throw: called under partition locks.
 */
uint64
cs_snapshot_waits_for(Snapshot fresh)
{
	if (pg_atomic_read_u64(&boot->xid) == 0)
		return 0;
	pg_read_barrier();
	for (int i = 0; i < boot->n; i++)
		if (boot->prepared[i].database == MyDatabaseId &&
			is_running(fresh, boot->prepared[i].xid))
			return boot->prepared[i].xid;
	return 0;
}

/*
 * Whether prepared transactions allow keeping what was loaded under this fresh
 * snapshot.  A prepared transaction stays in the ProcArray, so the xmin of a
 * fresh snapshot does not pass its xid before it is finished.
 */
bool
cs_snapshot_may_fill(Snapshot fresh, uint64 prepared_xid)
{
	if (cs_snapshot_widen(fresh->xmin) <= prepared_xid)
		return false;
	if (pg_atomic_read_u64(&boot->xid) == 0)
		return false;
	if (cs_snapshot_waits_for(fresh) != 0)
		return false;
	return true;
}
