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
	CS_BYPASS_WRITERS,			/* a transaction is changing it right now */
	CS_BYPASS_OWN,				/* this transaction has changed the table */
	CS_BYPASS_TRIGGERS,			/* triggers not in force, or DDL under way */
	CS_BYPASS_SERIALIZABLE,
	CS_BYPASS_RECOVERY,
	CS_BYPASS_RLS,
	CS_BYPASS_PARALLEL,
	CS_BYPASS_SNAPSHOT,			/* not an ordinary MVCC snapshot */
	CS_BYPASS_KEY,				/* key too long to keep */
	CS_BYPASS_HASH,				/* its place is taken by a key of the same
								 * hash */
	CS_BYPASS_SLOT,				/* cache_strategies.max_tables are in use */
	CS_BYPASS_SHARE,			/* or as many as its owner may have */
	CS_BYPASS_DISABLED,			/* cache_strategies.enabled is off */
	CS_BYPASS_SIZE				/* only in cache.explain(): too large to keep */
} CsReason;

#define cs_is_hit(reason)		((reason) <= CS_HIT_ABSENT)
#define cs_is_bypass(reason)	((reason) >= CS_BYPASS_TOO_NEW)

/* What became of a loaded row or absence. */
typedef enum CsFill
{
	CS_FILL_NOT_TRIED,
	CS_FILL_DONE,
	CS_FILL_REFUSED,			/* a writer came by, or may have */
	CS_FILL_NO_ROOM
} CsFill;

/* Why nothing that is loaded now can be kept. */
typedef enum CsFillWait
{
	CS_WAIT_NONE,
	CS_WAIT_BOOT,				/* for transactions from before the server's
								 * start */
	CS_WAIT_YOUNG,				/* for writers who may not know of the slot */
	CS_WAIT_PREPARED			/* a prepared transaction has changed it */
} CsFillWait;

typedef struct CsAccess
{
	CsBinding  *binding;
	Snapshot	snapshot;		/* what the caller sees */
	CsReason	bypass;			/* why the cache is left out; CS_HIT: it is
								 * not */
	bool		plain;			/* load from the table, not by the loader */
} CsAccess;

typedef struct CsAnswer
{
	CsReason	reason;
	CsFill		fill;
	HeapTupleHeader row;		/* NULL: no such row */
	TimestampTz expires;		/* of the entry that was hit */
	Size		bytes;			/* likewise */
} CsAnswer;

/* Is the row small enough to be kept?  'size': what it would take. */
extern bool cs_access_fits(const CsBinding *binding, const CsRowKey *rowkey,
						   HeapTupleHeader row, Size *size);

/* A promise to be told if anyone changes the key from here on. */
typedef struct CsToken
{
	uint32		stripe;
	int			slot;
	uint64		stripe_word;
	uint64		slot_word;
} CsToken;

/*
 * Begin a read: an error if the current role may not SELECT the table.  May
 * replace the binding by a newer one, so keys are made afterwards.
 */
extern void cs_access_begin(CsAccess *access, CsBinding *binding, Snapshot snapshot);

/* Answer from the cache if that is possible. */
extern bool cs_access_lookup(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

/*
 * Hold DDL off before loading; false if the table has changed since the key
 * was made: begin again.
 */
extern bool cs_access_lock(CsAccess *access);

/* After a miss: load, and keep what was loaded if 'fill'. */
extern void cs_access_load(CsAccess *access, const CsRowKey *rowkey, bool fill,
						   CsAnswer *answer);

/* For a strategy's miss(): the same, by one session at a time. */
extern void cs_access_load_once(CsAccess *access, const CsRowKey *rowkey,
								CsAnswer *answer);

/* Read a row, by the strategy's way or without it.  False: begin again. */
extern bool cs_access_read(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);
extern bool cs_access_read_snapshot(CsAccess *access, const CsRowKey *rowkey,
									CsAnswer *answer);
extern void cs_access_count(const CsBinding *binding, CsReason reason);

/* Read the table under the caller's snapshot. */
extern void cs_access_table(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

/* The parts of a load, for those who load many rows at once. */
extern bool cs_access_token(const CsAccess *access, uint64 hash, CsToken *token);
extern Snapshot cs_access_fresh_snapshot(const CsAccess *access);
extern CsFill cs_access_fill(CsAccess *access, const CsRowKey *rowkey,
							 const CsToken *token, Snapshot fresh,
							 HeapTupleHeader *row, const TransactionId *xmin);
extern void cs_access_count_fill(const CsBinding *binding, CsFill fill);
extern bool cs_access_shows(const CsAccess *access, TransactionId xmin);

extern const char *cs_access_reason_text(CsReason reason);

/* Would a load of now be refused, and what for?  The transaction to wait for. */
extern CsFillWait cs_access_wait(const CsAccess *access, const CsRowKey *rowkey,
								 Snapshot fresh, TransactionId *xid);

#endif							/* CS_ACCESS_H */
