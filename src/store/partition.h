/*-------------------------------------------------------------------------
 *
 * partition.h
 *		What the files of the store share among themselves; nobody else
 *		includes it.
 *
 * The store's shared memory is
 *
 *		partition headers | common | owners | doorkeeper | gap | partition 0 | ...
 *
 * and the memory of one partition is
 *
 *		buckets | ghost sets | value area = 8 unused bytes, small log, main log
 *
 * A position is a byte offset into the value area, a multiple of 8 and never
 * 0; a ref is a position divided by 8.
 *
 * Invariants, all kept under the partition lock:
 *
 * - An entry is linked by exactly one slot, in one of the two buckets that its
 *	 hash and owner name, which are of one group.  Of a key there is at most one
 *	 pending entry and one that is not.  Beside a pending one, the other is staged
 *	 with the same tag.
 * - Bytes of a linked record, and the slot that links it, are changed only
 *	 while the bucket's seq is odd.  So memory that a reader may be copying is
 *	 reused only after the seq that the reader will check has moved.
 * - A record moves only while its slot points at it, so an unlinked record
 *	 stays unlinked.
 * - A slot's bit in its bucket's dirty mask is set exactly when its entry is
 *	 dirty.
 * - What replaces an entry takes over its slot, so a scan that goes from slot to
 *	 slot does not miss a key that is always there, and meets it once.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PARTITION_H
#define CS_PARTITION_H

#include "port/atomics.h"
#include "store/lock.h"
#include "store/store.h"

#define CS_BUCKET_SLOTS		8
#define CS_BUCKET_SIZE		64
#define CS_GROUP_BUCKETS	64
#define CS_GHOST_WAYS		8
#define CS_FREQ_MAX			3
#define CS_SEEN_WAYS		4

/* Dirty records may take 3/4 of a partition's logs. */
#define CS_DIRTY_LIMIT		(cs_store.area_size / 4 * 3)

/*
 * One cache line of the index.  All but freq is changed under the partition
 * lock with seq odd.  Readers bump freq without any lock: a lost or misplaced
 * bump costs precision only.
 */
typedef struct CsSharedBucket
{
	pg_atomic_uint32 seq;		/* odd: a writer is at work */
	uint32		ref[CS_BUCKET_SLOTS];	/* 0: the slot is free */
	uint16		tag[CS_BUCKET_SLOTS];
	uint8		freq[CS_BUCKET_SLOTS];	/* reads, 0 .. CS_FREQ_MAX */
	uint32		dirty;			/* slots with dirty entries, a bit each */
} CsSharedBucket;

StaticAssertDecl(sizeof(CsSharedBucket) == CS_BUCKET_SIZE,
				 "a bucket must fill a cache line");

/*
 * In a value log: this header, the key, the value, padding up to 8 bytes.  When
 * the entry is dirty, also padding in front of the value: that is changed in
 * place by callers who have structs in it.
 */
typedef struct CsRecord
{
	uint32		len;			/* of the value; of everything in a filler */
	uint16		keylen;
	uint8		flags;			/* CS_ENTRY_... */
	uint8		filler;			/* unused end of the log: 8 bytes of header */
	uint64		hash;
	uint64		stamp;			/* owner above, epoch in CS_EPOCH_BITS */
	uint64		wxid;
	TimestampTz expires;
} CsRecord;

#define CS_FILLER_HEADER	offsetof(CsRecord, hash)

StaticAssertDecl(sizeof(CsRecord) == 40, "the record header has grown");
StaticAssertDecl(CS_FILLER_HEADER == 8, "a filler must fit into any gap");

typedef enum CsLogId
{
	CS_LOG_SMALL,				/* where most entries start */
	CS_LOG_MAIN					/* those that were worth keeping */
} CsLogId;

#define CS_LOGS		2

/* A circular log.  The counters only grow; modulo the size they are offsets. */
typedef struct CsSharedLog
{
	uint64		head;			/* next append */
	uint64		tail;			/* oldest record */
	uint64		hand;			/* where the last walk for a quota stopped */
	uint64		live;			/* bytes of linked records */
} CsSharedLog;

/* Everything here is protected by the partition lock. */
typedef struct CsSharedPartition
{
	CsSharedLog log[CS_LOGS];
	uint64		entries;
	uint64		dirty_entries;
	uint64		dirty_bytes;	/* of their records */
	uint64		evictions;
	uint64		unused[4];		/* up to two cache lines */
} CsSharedPartition;

StaticAssertDecl(sizeof(CsSharedPartition) == 2 * CS_BUCKET_SIZE,
				 "partition headers must not share cache lines");

/* Guarded owners may have this part of the value memory. */
#define CS_GUARDED_SHARE	4

/* In an owner's number of entries: it is guarded. */
#define CS_GUARDED			(UINT64CONST(1) << 63)

typedef struct CsSharedCommon
{
	pg_atomic_uint32 guarded;	/* guarded owners that have entries */
	char		pad[2 * CS_BUCKET_SIZE - sizeof(pg_atomic_uint32)];
} CsSharedCommon;

/* An owner has entries in all partitions, so these are atomic. */
typedef struct CsSharedOwner
{
	pg_atomic_uint64 entries;	/* with CS_GUARDED, so that it is known who is
								 * the first and the last of a guarded owner */
	pg_atomic_uint64 bytes;
	pg_atomic_uint64 evictions;
	pg_atomic_uint64 dirty_entries;
	pg_atomic_uint64 dirty_bytes;
	pg_atomic_uint64 pending;	/* pending entries */
	pg_atomic_uint64 staged_bytes;	/* of staged entries; part of bytes */
	pg_atomic_uint64 epoch;		/* entries of earlier ones are of no use */
	pg_atomic_uint32 hand;		/* the partition to look for room in next */
} CsSharedOwner;

/* Process-local: sizes follow from the settings and never change. */
typedef struct CsStore
{
	Size		total;			/* all of the shared memory */
	Size		common_at;		/* offsets from the start of it */
	Size		owners_at;
	Size		seen_at;
	Size		partitions_at;	/* less what aligning them takes: the gap */
	Size		ghost_at;		/* offsets within a partition */
	Size		area_at;
	Size		partition_size;
	Size		area_size;
	Size		log_at[CS_LOGS];	/* positions */
	Size		log_size[CS_LOGS];
	Size		max_record;
	int			npartitions;	/* a power of two */
	uint32		nbuckets;		/* of one partition: whole groups */
	uint32		nghosts;		/* ghost sets of one partition, >= 1 */
	uint32		nseen;			/* a power of two, >= CS_SEEN_WAYS */

	char	   *base;			/* partition 0 */
	CsSharedPartition *partitions;
	CsSharedCommon *common;
	CsSharedOwner *owners;
	pg_atomic_uint32 *seen;
	LWLockPadded *locks;
} CsStore;

extern CsStore cs_store;

/* Where a hash of an owner belongs. */
typedef struct CsPlace
{
	int			part;
	uint32		bucket[2];		/* different from each other */
	uint16		tag;
	uint16		ghost;			/* fingerprint, never 0 */
	uint32		ghost_set;		/* to be masked */
} CsPlace;

typedef struct CsSlot
{
	CsSharedBucket *bucket;
	int			n;
} CsSlot;

/* What may be evicted when room is made? */
typedef enum CsProtection
{
	CS_PROTECT_POLICY,			/* what is not worth keeping */
	CS_PROTECT_URGENT,			/* also what is */
	CS_PROTECT_NONE				/* all that is not dirty */
} CsProtection;

/* For whom room is made. */
typedef struct CsClaim
{
	uint32		owner;
	CsProtection protection;
	TimestampTz now;			/* what has expired by then goes first */
} CsClaim;

/* A walk through a partition's logs, to evict entries of one owner. */
typedef struct CsWalk
{
	CsClaim		claim;			/* the owner's */
	int			chances;		/* so many entries that were read may stay */
	Size		want;			/* bytes still to be evicted */
	Size		left[CS_LOGS];	/* bytes of the log still to be looked at */
} CsWalk;

#if defined(__GNUC__)
#define cs_prefetch(address)	__builtin_prefetch(address)
#else
#define cs_prefetch(address)	((void) (address))
#endif

static inline uint64
cs_mix(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

static inline uint64
cs_stamp(uint32 owner, uint64 epoch)
{
	return ((uint64) owner << CS_EPOCH_BITS) | (epoch & CS_EPOCH_MASK);
}

static inline uint32
cs_stamp_owner(uint64 stamp)
{
	return (uint32) (stamp >> CS_EPOCH_BITS);
}

static inline uint32
cs_reduce(uint32 h, uint32 n)
{
	return (uint32) (((uint64) h * n) >> 32);
}

/* Where the value begins, from the start of the record. */
static inline Size
cs_value_offset(Size keylen, uint8 flags)
{
	if (flags & CS_ENTRY_DIRTY)
		keylen = MAXALIGN(keylen);
	return sizeof(CsRecord) + keylen;
}

static inline char *
cs_record_value(const CsRecord *rec)
{
	return (char *) rec + cs_value_offset(rec->keylen, rec->flags);
}

static inline Size
cs_record_size(const CsRecord *rec)
{
	if (rec->filler)
		return rec->len;
	return MAXALIGN(cs_value_offset(rec->keylen, rec->flags) + rec->len);
}

static inline bool
cs_record_expired(const CsRecord *rec, TimestampTz now)
{
	return rec->expires != 0 && rec->expires <= now;
}

/* Nobody will ask for it: it has expired, or its owner has gone on. */
static inline bool
cs_record_useless(const CsRecord *rec, TimestampTz now)
{
	return cs_record_expired(rec, now) ||
		(rec->stamp & CS_EPOCH_MASK) <
		pg_atomic_read_u64(&cs_store.owners[cs_stamp_owner(rec->stamp)].epoch);
}

static inline void
cs_record_meta(const CsRecord *rec, CsMeta *meta)
{
	meta->epoch = rec->stamp & CS_EPOCH_MASK;
	meta->wxid = rec->wxid;
	meta->expires = rec->expires;
	meta->flags = rec->flags;
}

static inline CsSharedBucket *
cs_bucket(int part, uint32 n)
{
	return (CsSharedBucket *) (cs_store.base + part * cs_store.partition_size) + n;
}

static inline char *
cs_area(int part)
{
	return cs_store.base + part * cs_store.partition_size + cs_store.area_at;
}

static inline CsRecord *
cs_record(int part, Size pos)
{
	return (CsRecord *) (cs_area(part) + pos);
}

/* Of the slot's record, in the area. */
static inline Size
cs_slot_position(const CsSlot *slot)
{
	return (Size) slot->bucket->ref[slot->n] * 8;
}

static inline CsRecord *
cs_slot_record(int part, const CsSlot *slot)
{
	return cs_record(part, cs_slot_position(slot));
}

static inline bool
cs_slot_is_dirty(const CsSlot *slot)
{
	return (slot->bucket->dirty >> slot->n) & 1;
}

static inline CsLogId
cs_log_of(Size pos)
{
	return pos < cs_store.log_at[CS_LOG_MAIN] ? CS_LOG_SMALL : CS_LOG_MAIN;
}

static inline uint64
cs_owner_entries(CsSharedOwner *owner)
{
	return pg_atomic_read_u64(&owner->entries) & ~CS_GUARDED;
}

static inline LWLock *
cs_partition_lock(int part)
{
	return &cs_store.locks[part].lock;
}

/*
 * The owner takes part, so that the same key of many tables does not crowd
 * two buckets.  Both are in one page of memory: to look into the second is then
 * no more than a cache line.
 */
static inline void
cs_place(uint64 hash, uint32 owner, CsPlace *place)
{
	uint64		h = cs_mix(hash + owner * UINT64CONST(0x9e3779b97f4a7c15));
	uint64		g = h * UINT64CONST(0xd6e8feb86659fd93);

	place->part = (int) (h >> 48) & (cs_store.npartitions - 1);
	place->tag = (uint16) (h >> 32);
	place->bucket[0] = cs_reduce((uint32) h, cs_store.nbuckets);
	place->bucket[1] = place->bucket[0] ^
		(1 + cs_reduce((uint32) (g >> 32), CS_GROUP_BUCKETS - 1));
	place->ghost = (uint16) (g >> 16) | 1;
	place->ghost_set = (uint32) h;
}

static inline void
cs_place_record(const CsRecord *rec, CsPlace *place)
{
	cs_place(rec->hash, cs_stamp_owner(rec->stamp), place);
}

/*
 * A change of a bucket, for writers that hold the partition lock.  The last
 * barrier keeps the reuse of unlinked memory behind the new seq.
 */
static inline void
cs_bucket_begin(CsSharedBucket *bucket)
{
	pg_atomic_write_u32(&bucket->seq, pg_atomic_read_u32(&bucket->seq) + 1);
	pg_write_barrier();
}

static inline void
cs_bucket_end(CsSharedBucket *bucket)
{
	pg_write_barrier();
	pg_atomic_write_u32(&bucket->seq, pg_atomic_read_u32(&bucket->seq) + 1);
	pg_write_barrier();
}

/* index.c */
typedef enum CsWhich
{
	CS_WHICH_VALID,
	CS_WHICH_PENDING,
	CS_WHICH_EITHER				/* the pending one if there is no valid one */
} CsWhich;

extern int	cs_index_match(int part, CsSharedBucket *bucket, uint16 tag,
						   const CsKey *key, CsWhich which, CsRecord *head,
						   Size *pos);
extern bool cs_index_find(const CsPlace *place, const CsKey *key, CsWhich which,
						  CsSlot *slot);
extern bool cs_index_linked(const CsPlace *place, Size pos, CsSlot *slot);
extern bool cs_index_make_slot(const CsPlace *place, const CsClaim *claim,
							   CsSlot *slot);
extern void cs_index_link(const CsPlace *place, CsSlot *slot, Size pos);
extern void cs_index_relink(int part, CsSlot *slot, Size pos, Size oldsize);
extern void cs_index_clear(int part, CsSlot *slot);
extern void cs_index_unlink(int part, CsSlot *slot);
extern void cs_index_evict(const CsPlace *place, const CsClaim *claim, CsSlot *slot);
extern void cs_index_stage(int part, CsSlot *slot, uint64 tag);
extern void cs_index_unstage(int part, CsSlot *slot);
extern void cs_index_supersede(int part, CsSlot *valid, CsSlot *pending);

/* valuelog.c */
extern bool cs_valuelog_fits(CsLogId logid, Size size);
extern bool cs_valuelog_make_room(int part, CsLogId logid, Size size,
								  const CsClaim *claim);
extern Size cs_valuelog_append(int part, CsLogId logid, Size size);
extern void cs_valuelog_fill(int part, Size pos, Size size);
extern Size cs_valuelog_position(CsLogId logid, uint64 offset);
extern uint64 cs_valuelog_offset(int part, Size pos);
extern void cs_valuelog_walk_begin(int part, CsWalk *walk);
extern bool cs_valuelog_walk(int part, CsWalk *walk);

/* policy.c: what to keep */
typedef enum CsTail
{
	CS_TAIL_EVICT,
	CS_TAIL_STAY,				/* another round in the same log */
	CS_TAIL_PROMOTE				/* from the small log to the main log */
} CsTail;

extern CsLogId cs_policy_admit(const CsPlace *place, Size size);
extern bool cs_policy_may_evict(const CsSlot *slot, const CsRecord *rec,
								const CsClaim *claim);
extern CsTail cs_policy_tail(int part, CsLogId logid, const CsRecord *rec,
							 Size want, const CsClaim *claim, uint8 *freq);
extern void cs_policy_evicted(const CsPlace *place, CsLogId logid);

/* check.c: for tests; false and a message when the store is inconsistent */
extern bool cs_store_check(char *msg, Size msglen);

#endif							/* CS_PARTITION_H */
