/*-------------------------------------------------------------------------
 *
 * deferred.h
 *		Deferred entries: changes of a key that are in the store but not in its
 *		table.
 *
 * An entry is in the store and protected by its key's partition lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DEFERRED_H
#define CS_DEFERRED_H

#include "relation/key.h"
#include "store/store.h"
#include "utils/snapshot.h"
#include "writeback/delta.h"

typedef enum CsDeltaRecordState
{
	CS_RECORD_DEAD,				/* without meaning */
	CS_RECORD_RESERVED,			/* its transaction has not ended */
	CS_RECORD_COMMITTED,
	CS_RECORD_TAKEN,			/* by a flush: no other record is folded into
								 * it */
	CS_RECORD_INFLIGHT			/* written by the transaction xid of a flush */
} CsDeltaRecordState;

/* CsDeltaRecord.flags: effects of a RESERVED record on others. */
#define CS_RECORD_CANCELS		0x01	/* cancels earlier records or parts of
										 * them */
#define CS_RECORD_WHOLE		0x02	/* has a whole row */
#define CS_RECORD_REPLACES	0x04	/* sets a column */

typedef struct CsDeltaRecord
{
	uint64		id;				/* unique since the server's start */
	uint64		stamp;			/* 0: not drawn yet */
	uint64		xid;			/* RESERVED, COMMITTED: its transaction, 0 if
								 * it has no xid or is visible to all;
								 * INFLIGHT: that of the flush */
	uint8		state;
	uint8		flags;
	uint16		unused;
	uint32		folded;			/* number of deltas in it */
	uint32		len;			/* length of the delta that follows */
	uint32		unused2;
} CsDeltaRecord;

typedef struct CsDeferredHead
{
	uint64		version;		/* changes with every change of the entry */
	uint64		gen;			/* changes when a record has been removed */
	uint64		arrival;		/* id of the record added last */
	Oid			database;		/* to detect that the slot was reassigned */
	Oid			relation;
	uint32		nrecords;
	uint32		unused;
} CsDeferredHead;

/* A copy, in the current memory context. */
typedef struct CsDeferred
{
	CsDeferredHead head;
	CsDeltaRecord **records;	/* into the copy; deltas follow each */
	uint64		version;		/* for the swap; 0: there is no entry */
} CsDeferred;

typedef enum CsReserve
{
	CS_RESERVE_DONE,
	CS_RESERVE_NOTHING,			/* CS_RESERVE_IF_RECORDS: there are none */
	CS_RESERVE_CHANGED,			/* the entry has changed since it was seen */
	CS_RESERVE_WHOLE,			/* CS_RESERVE_NO_WHOLE: a whole row is
								 * deferred */
	CS_RESERVE_TOO_LARGE,
	CS_RESERVE_FULL
} CsReserve;

#define CS_ANY_ARRIVAL		PG_UINT64_MAX

#define CS_RESERVE_IF_RECORDS	0x01	/* only if the entry has records */
#define CS_RESERVE_NO_WHOLE	0x02
#define CS_RESERVE_FORCE	0x04	/* may exceed the share for dirty entries */
#define CS_RESERVE_NO_NEW_WHOLE	0x08	/* CS_RESERVE_CHANGED if there is one
										 * now */
#define CS_RESERVE_SETS		0x10	/* not for cs_deferred_reserve(): see
									 * cs_xactdelta_set_sets() */

extern Size cs_deferred_shmem_size(void);
extern void cs_deferred_shmem_init(void);

extern uint64 cs_deferred_id(void);

extern CsKey cs_deferred_key(const CsKey *key);

extern bool cs_deferred_copy(const CsBinding *binding, const CsKey *key,
							 CsDeferred *copy);

extern bool cs_deferred_any(int slot);
extern bool cs_deferred_any_whole(int slot);


extern bool cs_deferred_has_whole(CsBinding *binding, const CsDeferred *copy, uint64 mine);

extern bool cs_deferred_is_awaited(const CsDeferred *copy);

extern uint64 cs_deferred_behind(const CsDeferred *copy);

extern bool cs_deferred_merge(CsBinding *binding, const CsDeferred *copy,
							  Snapshot fresh, CsDelta *delta);


extern CsReserve cs_deferred_reserve(CsBinding *binding, const CsKey *key,
									 const CsDelta *delta, uint64 id, uint64 stamp,
									 uint64 xid, int flags, uint64 seen);

extern bool cs_deferred_wait(const CsKey *key, TimestampTz *end, int patience);
extern void cs_deferred_wait_end(void);

extern void cs_deferred_set_stamp(const CsKey *key, uint64 id, uint64 stamp);

extern void cs_deferred_commit(const CsKey *key, uint64 id, uint64 stamp);
extern void cs_deferred_drop(const CsKey *key, uint64 id);

extern void cs_deferred_truncate(int slot);

extern void cs_deferred_flushed(const CsKey *key, uint64 id);
extern void cs_deferred_unwritten(const CsKey *key, uint64 id);

#endif							/* CS_DEFERRED_H */
