/*-------------------------------------------------------------------------
 *
 * store.h
 *		The store: bounded shared memory, key -> value, with expiry and
 *		eviction.  It knows nothing of tables, SQL or transactions.
 *
 * Reading takes no lock and writes no shared cache line in the steady state:
 * an entry is copied optimistically and the copy is believed only when the
 * bucket's sequence word did not move meanwhile.
 *
 * Changing takes the key's partition lock, never more than one of them, and
 * runs in a critical section: no palloc, no ereport, no catalogue access.  So
 * cs_store_install() and cs_store_unlink() may be called from a COMMIT
 * callback.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STORE_H
#define CS_STORE_H

#include "datatype/timestamp.h"

#include "guc.h"

#define CS_EPOCH_BITS	44
#define CS_EPOCH_MASK	((UINT64CONST(1) << CS_EPOCH_BITS) - 1)

/* The longest key that an entry can carry. */
#define CS_MAX_KEY_LEN	8192

/* CsMeta.flags; of the first two the store knows nothing. */
#define CS_ENTRY_ABSENT		0x01	/* the table has no row of this key */
#define CS_ENTRY_SNAPSHOT	0x02	/* the value ends with a snapshot (see
									 * rowvalue.c) */
#define CS_ENTRY_DIRTY		0x04	/* not yet in the table; never evicted */
#define CS_ENTRY_PENDING	0x08	/* not yet valid, see staged.h */
#define CS_ENTRY_STAGED		0x10	/* valid, but a transaction is about to
									 * replace or remove it */

/*
 * A key.  The hash decides partition, bucket and stripe; two keys are the same
 * when hash, owner and bytes are.
 */
typedef struct CsKey
{
	uint64		hash;
	uint32		owner;
	uint32		len;
	const char *data;
} CsKey;

/* What an entry carries beside key and value. */
typedef struct CsMeta
{
	uint64		epoch;			/* of the owner, when it was filled; 44 bits */
	uint64		wxid;			/* xid of the row version, 0 when frozen */
	TimestampTz expires;		/* 0: never */
	uint8		flags;			/* CS_ENTRY_... */
} CsMeta;

typedef struct CsFound
{
	CsMeta		meta;
	Size		len;
	char	   *value;			/* palloc'd in the current context; NULL
								 * unless CS_LOOKUP_HIT */
} CsFound;

typedef enum CsLookup
{
	CS_LOOKUP_MISS,				/* no such entry */
	CS_LOOKUP_REFUSED,			/* there is one, but accept() did not take it,
								 * or none but a pending one; found->meta is
								 * set */
	CS_LOOKUP_HIT
} CsLookup;

typedef enum CsInstall
{
	CS_INSTALL_DONE,
	CS_INSTALL_REFUSED,			/* check() said no, or there is a dirty one,
								 * or the key is staged */
	CS_INSTALL_TOO_LARGE,		/* can never fit, see cs_store_max_value() */
	CS_INSTALL_FULL				/* no room could be made (dirty entries, or
								 * quota) */
} CsInstall;

/* Called on a copy of the entry's header, without a lock; must not throw. */
typedef bool (*CsAccept) (const CsMeta *meta, void *arg);

/* Called under the partition lock; must not throw, allocate or lock. */
typedef bool (*CsCheck) (void *arg);

/* Usage of one owner, or of all. */
typedef struct CsUsage
{
	uint64		entries;		/* linked now */
	uint64		bytes;			/* of their values, keys and headers */
	uint64		evictions;		/* since the server started */
	uint64		dirty_entries;	/* of the entries, those that are dirty */
	uint64		dirty_bytes;
} CsUsage;

/* Size and state of the store as a whole. */
typedef struct CsStoreInfo
{
	Size		memory;			/* all of the store's shared memory */
	Size		value_memory;	/* the value logs in it */
	int			partitions;
	Size		dirty_limit;	/* bytes that dirty entries may take */
	CsUsage		usage;
} CsStoreInfo;

extern Size cs_store_shmem_size(void);
extern void cs_store_shmem_request(void);
extern void cs_store_shmem_init(void);

extern CsLookup cs_store_lookup(const CsKey *key, CsAccept accept, void *arg,
								CsFound *found);

/*
 * Link a clean entry, in place of a clean one with the same key if there is one.
 * Unless the result is CS_INSTALL_DONE, that one is not touched, or evicted at
 * most.  'quota' (bytes, 0 = none) bounds the owner: over it, the owner's own
 * clean entries make room.  check() may be called more than once; when it says
 * no at first, nothing is changed.
 */
extern CsInstall cs_store_install(const CsKey *key, const CsMeta *meta,
								  const char *value, Size len, Size quota,
								  CsCheck check, void *arg);

/*
 * Unlink every clean entry of the owner with this hash; was there one?  Takes no
 * key bytes: to remove one too many is safe, and the caller need not keep them.
 */
extern bool cs_store_unlink(uint32 owner, uint64 hash);

/* Where an unlinked entry was; all zeroes: nowhere. */
typedef struct CsVacated
{
	uint64		offset;			/* in its log */
	uint32		size;
	uint8		logid;
	uint8		freq;
} CsVacated;

/*
 * The same by whoever will soon install the key's new value, which then takes
 * the old one's place if it is as large and the place is still there: that
 * costs no room, and what was popular remains so.  A place can be taken once.
 */
extern bool cs_store_vacate(uint32 owner, uint64 hash, CsVacated *vacated);
extern CsInstall cs_store_reinstall(const CsKey *key, const CsMeta *meta,
									const char *value, Size len, Size quota,
									const CsVacated *vacated, CsCheck check, void *arg);

/* Instead of the version that an entry must have: any, or none at all */
#define CS_ANY_VERSION		PG_UINT64_MAX

/*
 * Dirty entries (CS_ENTRY_DIRTY) are made by cs_store_swap() and removed by
 * cs_store_alter(), never evicted, unlinked or overwritten by clean ones.  The
 * first eight bytes of the value are its version, which the caller chooses,
 * never 0.
 */
typedef enum CsSwap
{
	CS_SWAP_DONE,
	CS_SWAP_CONFLICT,			/* the version is another, or the key is
								 * staged */
	CS_SWAP_TOO_LARGE,
	CS_SWAP_FULL				/* no room for more dirty entries */
} CsSwap;

/*
 * Put a dirty entry in place of the one whose version is 'expected', or where
 * there is none (0; a clean one is as good as none).  Unless the result is
 * CS_SWAP_DONE, a dirty one that was there stays as it is.  'force': up to the
 * last byte that can be had, not just up to the share for dirty entries.  To
 * replace one by one that is not larger never fails for want of room.
 */
extern CsSwap cs_store_swap(const CsKey *key, const CsMeta *meta, const char *value,
							Size len, uint64 expected, bool force);

typedef enum CsAlter
{
	CS_ALTER_NOTHING,			/* it was only looked at */
	CS_ALTER_CHANGED,
	CS_ALTER_REMOVE				/* unlink it */
} CsAlter;

/*
 * Under the partition lock, on the value itself (which is aligned): no throwing,
 * no allocating, no locks.
 */
typedef CsAlter (*CsAlterFn) (char *value, Size len, void *arg);

/* Change a dirty entry in place; false: there is none.  For COMMIT callbacks. */
extern bool cs_store_alter(const CsKey *key, CsAlterFn alter, void *arg);

/*
 * The same for every dirty entry of an owner; returns how many there were.  As
 * with a scan, those that come or go meanwhile may be among them or not.
 */
extern uint64 cs_store_alter_all(uint32 owner, CsAlterFn alter, void *arg);

/*
 * Copies of the dirty entries of an owner, one after the other, without holding
 * a lock in between: entries that come or go meanwhile may be seen or not, all
 * others exactly once.
 */
typedef struct CsDirtyScan
{
	uint32		owner;
	int			part;
	uint32		bucket;
	int			n;
} CsDirtyScan;

extern void cs_store_scan_begin(CsDirtyScan *scan, uint32 owner);

/* key->data and found->value are palloc'd */
extern bool cs_store_scan_next(CsDirtyScan *scan, CsKey *key, CsFound *found);

/* Was this hash asked for lately?  Notes it.  For admission on second read. */
extern bool cs_store_seen(uint64 hash);

/* The largest value plus key that can be kept. */
extern Size cs_store_max_value(void);

/* The owner is in this epoch: its entries of earlier ones are of no use. */
extern void cs_store_outdate(uint32 owner, uint64 epoch);

/*
 * Guard the owner's entries, or do so no longer: others cannot evict them as long
 * as it takes no more than its share, which is a quarter of the value memory
 * divided by the number of guarded owners that have entries.  Only dirty entries
 * can, if nothing else is left.
 */
extern void cs_store_guard(uint32 owner, bool guarded);

extern void cs_store_usage(uint32 owner, CsUsage *usage);
extern void cs_store_reset_evictions(uint32 owner);
extern void cs_store_info(CsStoreInfo *info);

#endif							/* CS_STORE_H */
