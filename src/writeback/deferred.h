/*-------------------------------------------------------------------------
 *
 * deferred.h
 *		Deferred entries: what the store has of a key that its table has not.
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
	CS_RECORD_DEAD,				/* of no meaning any more */
	CS_RECORD_RESERVED,			/* its transaction has not ended */
	CS_RECORD_COMMITTED,
	CS_RECORD_TAKEN,			/* by a flusher: nothing is folded into it */
	CS_RECORD_INFLIGHT			/* applied by flusher transaction xid */
} CsDeltaRecordState;

/* CsDeltaRecord.flags: what a RESERVED record may do to others. */
#define CS_RECORD_CANCELS		0x01	/* cancels some or all of what is
										 * earlier */
#define CS_RECORD_WHOLE		0x02	/* has a whole row */
#define CS_RECORD_REPLACES	0x04	/* sets a column */

typedef struct CsDeltaRecord
{
	uint64		id;				/* unique since the server started */
	uint64		stamp;			/* 0: not yet known */
	uint64		xid;			/* RESERVED, COMMITTED: its transaction, 0 if
								 * it has none or it is visible to all;
								 * INFLIGHT: the flusher's */
	uint8		state;
	uint8		flags;
	uint16		unused;
	uint32		folded;			/* deltas in it */
	uint32		len;			/* of the delta that follows */
	uint32		unused2;
} CsDeltaRecord;

typedef struct CsDeferredHead
{
	uint64		version;		/* another one after every change */
	uint64		gen;			/* another one when something has left */
	uint64		arrival;		/* id of the record that came last */
	Oid			database;		/* whose slot may since be another's */
	Oid			relation;
	uint32		nrecords;
	uint32		unused;
} CsDeferredHead;

/* A copy, in the current memory context. */
typedef struct CsDeferred
{
	CsDeferredHead head;
	CsDeltaRecord **records;	/* into the copy; deltas follow each */
	uint64		version;		/* to swap against; 0: there is no entry */
} CsDeferred;

typedef enum CsReserve
{
	CS_RESERVE_DONE,
	CS_RESERVE_NOTHING,			/* CS_RESERVE_IF_RECORDS: there are none */
	CS_RESERVE_CHANGED,			/* the entry is not the one that was seen */
	CS_RESERVE_WHOLE,			/* CS_RESERVE_NO_WHOLE: a row has been
								 * deferred */
	CS_RESERVE_TOO_LARGE,
	CS_RESERVE_FULL
} CsReserve;

#define CS_ANY_ARRIVAL		PG_UINT64_MAX

#define CS_RESERVE_IF_RECORDS	0x01	/* only if the entry has records */
#define CS_RESERVE_NO_WHOLE	0x02
#define CS_RESERVE_FORCE	0x04	/* beyond the share for dirty entries */
#define CS_RESERVE_NO_NEW_WHOLE	0x08	/* CS_RESERVE_CHANGED if there is one
										 * now */
#define CS_RESERVE_SETS		0x10	/* not for cs_deferred_reserve():
									 * cs_xactdelta_set_sets() */

extern Size cs_deferred_shmem_size(void);
extern void cs_deferred_shmem_init(void);

/* Unique since the server started, never 0.  Cannot fail. */
extern uint64 cs_deferred_id(void);

/* The key of the deferred entry that belongs to a row's key. */
extern CsKey cs_deferred_key(const CsKey *key);

/* False: nothing is deferred. */
extern bool cs_deferred_copy(const CsBinding *binding, const CsKey *key,
							 CsDeferred *copy);

/*
 * Has the table any deferred writes, apart from those that this very
 * transaction has written to it?
 */
extern bool cs_deferred_any(int slot);

/* Has it a record that is not dead? */

/* A whole row that is deferred or about to be, in any record but this one? */
extern bool cs_deferred_has_whole(CsBinding *binding, const CsDeferred *copy, uint64 mine);

/* A record that is about to be? */
extern bool cs_deferred_is_awaited(const CsDeferred *copy);

/*
 * The xid of a transaction that has committed, but whose record does not count
 * yet; 0: none.  Only of those whose xid is known, as of all that have had the
 * row locked.
 */
extern uint64 cs_deferred_behind(const CsDeferred *copy);

/*
 * What the row is to be changed by for a reader who sees the table under
 * 'fresh'; false: by nothing.
 */
extern bool cs_deferred_merge(CsBinding *binding, const CsDeferred *copy,
							  Snapshot fresh, CsDelta *delta);

/* Did this transaction commit, as far as the snapshot knows? */

/*
 * The transaction's side, before it commits: add a record.  'stamp': 0 if it
 * has not been drawn yet.  'seen': the entry's last arrival when it was looked
 * at, with nothing RESERVED; CS_ANY_ARRIVAL: it need not be the same.
 */
extern CsReserve cs_deferred_reserve(CsBinding *binding, const CsKey *key,
									 const CsDelta *delta, uint64 id, uint64 stamp,
									 uint64 xid, int flags, uint64 seen);

/*
 * Wait until a record of the key is no longer RESERVED, or a transaction that
 * marked the key has ended; false: it has taken too long, counted from the first
 * call, for which '*end' is 0.  May return for nothing, and does so the first
 * time: look at the entry after each call, then call again or end the wait.
 */
extern bool cs_deferred_wait(const CsKey *key, TimestampTz *end, int patience);
extern void cs_deferred_wait_end(void);

extern void cs_deferred_set_stamp(const CsKey *key, uint64 id, uint64 stamp);

/* From COMMIT and ABORT callbacks. */
extern void cs_deferred_commit(const CsKey *key, uint64 id, uint64 stamp);
extern void cs_deferred_drop(const CsKey *key, uint64 id);

/* TRUNCATE has committed: nothing but its own transaction's records stays. */
extern void cs_deferred_truncate(int slot);

/* From COMMIT and ABORT callbacks: it is in the table; it is not. */
extern void cs_deferred_flushed(const CsKey *key, uint64 id);
extern void cs_deferred_unwritten(const CsKey *key, uint64 id);

#endif							/* CS_DEFERRED_H */
