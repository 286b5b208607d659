/*-------------------------------------------------------------------------
 *
 * access.h
 *		From binding, key and snapshot to a row or its absence, exactly as the
 *		table shows it under that snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ACCESS_H
#define CS_ACCESS_H

#include "relation/binding.h"
#include "utils/snapshot.h"

/* How a read was, or would be, answered. */
typedef enum CsReason
{
	CS_HIT,
	CS_HIT_ABSENT,
	CS_MISS_COLD,				/* not in the cache */
	CS_MISS_EXPIRED,
	CS_MISS_EPOCH,				/* the table was changed as a whole since */
	CS_BYPASS_TOO_NEW,			/* the entry is newer than the snapshot */
	CS_BYPASS_WRITERS,			/* a transaction is changing it */
	CS_BYPASS_OWN,				/* this transaction has changed the table */
	CS_BYPASS_TRIGGERS,			/* triggers not in force, or DDL in progress */
	CS_BYPASS_SERIALIZABLE,
	CS_BYPASS_RECOVERY,
	CS_BYPASS_RLS,
	CS_BYPASS_PARALLEL,
	CS_BYPASS_SNAPSHOT,			/* not an ordinary MVCC snapshot */
	CS_BYPASS_KEY,				/* key too long to be kept */
	CS_BYPASS_HASH,				/* a key of the same hash is cached */
	CS_BYPASS_SLOT,				/* all cache_strategies.max_tables are in use */
	CS_BYPASS_SHARE,			/* the owner has its share of them */
	CS_BYPASS_DISABLED,			/* cache_strategies.enabled is off */
	CS_BYPASS_SIZE				/* cache.explain() only: too large to be kept */
} CsReason;

#define CS_N_REASONS	(CS_BYPASS_SIZE + 1)

#define cs_is_hit(reason)		((reason) <= CS_HIT_ABSENT)
#define cs_is_bypass(reason)	((reason) >= CS_BYPASS_TOO_NEW)

/* Result of keeping a loaded row or absence. */
typedef enum CsFill
{
	CS_FILL_NOT_TRIED,
	CS_FILL_DONE,
	CS_FILL_CHANGED,			/* a writer has changed the key, or may have */
	CS_FILL_OWN,				/* it may show changes of this transaction */
	CS_FILL_BOOT,				/* see CsFillWait, like the next */
	CS_FILL_YOUNG,
	CS_FILL_PREPARED,
	CS_FILL_TOO_LARGE,
	CS_FILL_NO_ROOM
} CsFill;

/* Reason why nothing that is loaded now can be kept. */
typedef enum CsFillWait
{
	CS_WAIT_NONE,
	CS_WAIT_BOOT,				/* transactions from before the server's start */
	CS_WAIT_YOUNG,				/* writers that may not know the slot */
	CS_WAIT_PREPARED			/* a prepared transaction has changed it */
} CsFillWait;

typedef struct CsAccess
{
	CsBinding  *binding;
	Snapshot	snapshot;		/* the caller's snapshot */
	CsReason	bypass;			/* why the cache is not used; CS_HIT: it is */
	bool		plain;			/* load from the table, not by the loader
								 * function */
	bool		by_scan;		/* for a scan of the executor, which has
								 * checked the privileges and reads the table
								 * itself where the cache cannot answer */
	Oid			part;			/* for such a scan: what it reads, the table
								 * or a partition of it */
	Oid			part_index;		/* and by which index */
} CsAccess;

typedef struct CsAnswer
{
	CsReason	reason;
	CsFill		fill;
	HeapTupleHeader row;		/* NULL: no such row */
	bool		unread;			/* the scan has to read the table */
	uint64		wxid;			/* for a scan: 64-bit xid of the row's xmin; 0
								 * if not known */
	TimestampTz expires;		/* of the entry that was found */
	Size		bytes;			/* likewise */
} CsAnswer;

extern bool cs_access_fits(const CsBinding *binding, const CsRowKey *rowkey,
						   HeapTupleHeader row, Size *size);

/* State of a key, to detect changes of it made later. */
typedef struct CsToken
{
	uint32		stripe;
	int			slot;
	uint64		stripe_word;
	uint64		slot_word;
} CsToken;

extern void cs_access_begin(CsAccess *access, CsBinding *binding, Snapshot snapshot);
extern bool cs_access_begin_scan(CsAccess *access, Oid relid, Snapshot snapshot);

extern bool cs_access_lookup(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);
extern bool cs_access_peek(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

extern bool cs_access_lock(CsAccess *access);

extern void cs_access_load(CsAccess *access, const CsRowKey *rowkey, bool fill,
						   CsAnswer *answer);

extern void cs_access_load_once(CsAccess *access, const CsRowKey *rowkey,
								CsAnswer *answer);

extern bool cs_access_read(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);
extern bool cs_access_read_snapshot(CsAccess *access, const CsRowKey *rowkey,
									CsAnswer *answer);
extern void cs_access_timed_hit(const CsAccess *access, const CsRowKey *rowkey,
								const CsAnswer *answer, int64 nanos);
extern void cs_access_count(const CsBinding *binding, CsReason reason);

extern void cs_access_table(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

/* The steps of a load, for callers that load many rows at once. */
extern bool cs_access_token(const CsAccess *access, uint64 hash, CsToken *token);
extern Snapshot cs_access_fresh_snapshot(const CsAccess *access);
extern CsFill cs_access_fill(CsAccess *access, const CsRowKey *rowkey,
							 const CsToken *token, Snapshot fresh,
							 HeapTupleHeader *row, const TransactionId *xmin);
extern void cs_access_count_fill(const CsBinding *binding, CsFill fill);
extern void cs_access_count_load(const CsBinding *binding, int n, int64 began);
extern bool cs_access_shows(const CsAccess *access, TransactionId xmin);

extern const char *cs_access_reason_text(CsReason reason);

extern CsFillWait cs_access_wait(const CsAccess *access, const CsRowKey *rowkey,
								 Snapshot fresh, TransactionId *xid);

#endif							/* CS_ACCESS_H */
