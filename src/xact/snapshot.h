/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *		Which row versions a snapshot sees, in terms of 64-bit xids, so that
 *		the answers remain valid across time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SNAPSHOT_H
#define CS_SNAPSHOT_H

#include "utils/snapshot.h"

/* What is kept of a snapshot under which something was read. */
typedef struct CsSeen
{
	uint64		xmax;
	uint32		nxip;			/* running then, in ascending order */
	TransactionId xip[FLEXIBLE_ARRAY_MEMBER];
} CsSeen;

#define cs_seen_size(nxip)	(offsetof(CsSeen, xip) + (nxip) * sizeof(TransactionId))

extern Size cs_snapshot_shmem_size(void);
extern void cs_snapshot_shmem_init(void);
extern void cs_snapshot_boot(void);
extern uint64 cs_snapshot_boot_xid(void);

extern uint64 cs_snapshot_widen(TransactionId xid);
extern uint64 cs_snapshot_row_xid(TransactionId xmin);
extern bool cs_snapshot_sees(Snapshot snapshot, uint64 xid);
extern bool cs_snapshot_sees_all(Snapshot snapshot, const CsSeen *seen);
extern bool cs_snapshot_sees_up_to(Snapshot snapshot, const CsSeen *seen, uint64 last);
extern bool cs_snapshot_agrees_up_to(Snapshot snapshot, uint64 last);
extern CsSeen *cs_snapshot_seen(Snapshot snapshot);
extern uint64 cs_snapshot_waits_for(Snapshot fresh);
extern bool cs_snapshot_may_fill(Snapshot fresh, uint64 prepared_xid);

#endif							/* CS_SNAPSHOT_H */
