/*-------------------------------------------------------------------------
 *
 * store.h
 *		The store: a bounded map in shared memory from keys to values, with
 *		expiry and eviction. It knows nothing of tables, SQL or transactions.
 *
 * Reading takes no lock and, in the steady state, writes no shared cache line.
 * An entry is copied optimistically, and the copy is used only if the bucket's
 * sequence word did not move meanwhile.
 *
 * Each change takes the key's partition lock, never more than one, and runs in
 * a critical section: no palloc, no ereport, no catalogue access.  So
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

/*
 * Values of CsMeta.flags.  The store itself does not interpret the first two.
 */
#define CS_ENTRY_ABSENT		0x01	/* the table has no row with this key */
#define CS_ENTRY_SNAPSHOT	0x02	/* the value ends with a snapshot, see
									 * rowvalue.c */
#define CS_ENTRY_DIRTY		0x04	/* not yet in the table; never evicted */
#define CS_ENTRY_PENDING	0x08	/* not yet valid, see staged.h */
#define CS_ENTRY_STAGED		0x10	/* valid, but a transaction in progress
									 * will replace or remove it */
#define CS_ENTRY_READ		0x40	/* was read before it was moved; only in
									 * the store, see partition.h */
#define CS_ENTRY_MARKED		0x80	/* a dirty entry of a kind of which the
									 * owner's are counted */

/*
 * A key.  The hash determines partition, bucket and stripe.  Two keys are
 * equal if hash, owner and bytes are.
 */
typedef struct CsKey
{
	uint64		hash;
	uint32		owner;
	uint32		len;
	const char *data;
} CsKey;

/* What an entry carries in addition to key and value. */
typedef struct CsMeta
{
	uint64		epoch;			/* of the owner when the entry was filled; 44
								 * bits */
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
	CS_LOOKUP_REFUSED,			/* there is one, but accept() refused it, or
								 * only a pending one; found->meta is set */
	CS_LOOKUP_HIT
} CsLookup;

typedef enum CsInstall
{
	CS_INSTALL_DONE,
	CS_INSTALL_REFUSED,			/* check() returned false, or the entry is
								 * dirty, or the key is staged */
	CS_INSTALL_TOO_LARGE,		/* cannot fit at all, see cs_store_max_value() */
	CS_INSTALL_FULL				/* no room: too many dirty entries, or the
								 * quota is used up */
} CsInstall;

/* Called on a copy of the entry's header, without a lock.  Must not throw. */
typedef bool (*CsAccept) (const CsMeta *meta, void *arg);

/* Called under the partition lock.  Must not throw, allocate or lock. */
typedef bool (*CsCheck) (void *arg);

/* Usage of one owner, or of all owners. */
typedef struct CsUsage
{
	uint64		entries;		/* currently linked */
	uint64		bytes;			/* of their values, keys and headers */
	uint64		evictions;		/* since the server started */
	uint64		unread;			/* of these: of entries never read */
	uint64		expirations;	/* expired entries that made room */
	uint64		dirty_entries;	/* dirty ones among the entries */
	uint64		dirty_bytes;
} CsUsage;

/* Size and usage of the store as a whole. */
typedef struct CsStoreInfo
{
	Size		memory;			/* all of the store's shared memory */
	Size		value_memory;	/* the value logs' part of it */
	int			partitions;
	Size		dirty_limit;	/* bytes that dirty entries may use */
	Size		dead;			/* bytes of entries that were unlinked, not
								 * yet used again */
	CsUsage		usage;
} CsStoreInfo;

extern Size cs_store_shmem_size(void);
extern void cs_store_shmem_request(void);
extern void cs_store_shmem_init(void);
extern CsLookup cs_store_lookup(const CsKey *key, CsAccept accept, void *arg,
								CsFound *found);
extern CsLookup cs_store_peek(const CsKey *key, CsAccept accept, void *arg,
							  CsFound *found);
extern CsInstall cs_store_install(const CsKey *key, const CsMeta *meta,
								  const char *value, Size len, Size quota,
								  CsCheck check, void *arg);
extern bool cs_store_unlink(uint32 owner, uint64 hash);
extern void cs_store_prefetch(uint32 owner, uint64 hash);

/* Where an unlinked entry was; all zeroes if nowhere. */
typedef struct CsVacated
{
	uint64		offset;			/* in its log */
	uint32		size;
	uint8		logid;
	uint8		freq;
} CsVacated;

extern bool cs_store_vacate(uint32 owner, uint64 hash, CsVacated *vacated);
extern CsInstall cs_store_reinstall(const CsKey *key, const CsMeta *meta,
									const char *value, Size len, Size quota,
									const CsVacated *vacated, CsCheck check, void *arg);

/* For an expected version: any version, or no entry at all */
#define CS_ANY_VERSION		PG_UINT64_MAX

/*
 * Dirty entries (CS_ENTRY_DIRTY) are made by cs_store_swap() and removed by
 * cs_store_alter().  They are never evicted, unlinked or overwritten by clean
 * ones.  The first eight bytes of the value are its version, which is chosen
 * by the caller and never 0.
 */
typedef enum CsSwap
{
	CS_SWAP_DONE,
	CS_SWAP_CONFLICT,			/* the version differs, or the key is staged */
	CS_SWAP_TOO_LARGE,
	CS_SWAP_FULL				/* no room for more dirty entries */
} CsSwap;

extern CsSwap cs_store_swap(const CsKey *key, const CsMeta *meta, const char *value,
							Size len, uint64 expected, bool force);

typedef enum CsAlter
{
	CS_ALTER_NOTHING,			/* it was only read */
	CS_ALTER_CHANGED,
	CS_ALTER_REMOVE				/* unlink it */
} CsAlter;

/*
 * Called under the partition lock on the value itself, which is aligned.  Must
 * not throw, allocate or lock.
 */
typedef CsAlter (*CsAlterFn) (char *value, Size len, void *arg);

extern bool cs_store_alter(const CsKey *key, CsAlterFn alter, void *arg);
extern uint64 cs_store_alter_all(uint32 owner, CsAlterFn alter, void *arg);

/*
 * A scan of an owner's dirty entries, which returns copies and holds no lock
 * between calls.  Entries added or removed meanwhile may be missed; all others
 * are returned exactly once.
 */
typedef struct CsDirtyScan
{
	uint32		owner;
	int			part;
	uint32		bucket;
	int			n;
} CsDirtyScan;

extern void cs_store_scan_begin(CsDirtyScan *scan, uint32 owner);
extern bool cs_store_scan_next(CsDirtyScan *scan, CsKey *key, CsFound *found);
extern bool cs_store_seen(uint64 hash);
extern const char *cs_store_memory(Size *size);
extern Size cs_store_max_value(void);
extern void cs_store_outdate(uint32 owner, uint64 epoch);
extern void cs_store_guard(uint32 owner, bool guarded);
extern void cs_store_usage(uint32 owner, CsUsage *usage);
extern uint64 cs_store_entries(uint32 owner);
extern uint64 cs_store_dirty_entries(uint32 owner);
extern uint64 cs_store_marked_entries(uint32 owner);
extern void cs_store_reset_evictions(uint32 owner);
extern void cs_store_info(CsStoreInfo *info);

#endif							/* CS_STORE_H */
