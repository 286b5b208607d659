/*-------------------------------------------------------------------------
 *
 * partition.h
 *		Definitions shared by the files of the store. No other file includes
 *		it.
 *
 * The store's shared memory consists of
 *
 *		partition headers | common | owners | doorkeeper | gap |
 *		partition 0 | ...
 *
 * and the memory of one partition of
 *
 *		buckets | ghost sets | value area = 8 unused bytes, small log, main log
 *
 * A position is a byte offset into the value area, a multiple of 8 and never
 * 0.  A ref is a position divided by 8.
 *
 * Invariants, all maintained under the partition lock:
 *
 * - An entry is linked by exactly one slot, in one of the two buckets that its
 *   hash and owner determine; these are of one group.  A key has at most one
 *   pending entry and one other.  The entry beside a pending one is staged
 *   with the same tag.
 * - The bytes of a linked record, and the slot that links it, are changed only
 *   while the bucket's seq is odd.  So memory that a reader may be copying is
 *   reused only after the seq that the reader will check has moved.  The flag
 *   CS_ENTRY_READ is an exception, as readers are not shown it.
 * - A record moves only while its slot points at it, so an unlinked record
 *   stays unlinked.
 * - A slot's bit in its bucket's dirty mask is set exactly when its entry is
 *   dirty, and its bit in the other mask when it is marked as well.
 * - An entry that replaces another one takes over its slot, so a scan from
 *   slot to slot meets a key that is always present exactly once.
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

/*
 * An entry that takes more than one byte in so many of the small log is a
 * large one.  With 4, values of very different sizes left small ones too short
 * a time there; with 64, large ones that are read once displaced others in the
 * main log.
 */
#define CS_LARGE_SHARE		16

/* Dirty records may use 3/4 of a partition's logs. */
#define CS_DIRTY_LIMIT		(cs_store.area_size / 4 * 3)

/*
 * One cache line of the index.  Everything but freq is changed under the
 * partition lock with seq odd, so a reader without a lock knows from seq
 * whether what it has copied was whole.  Readers increment freq without a
 * lock: a lost or misplaced increment affects only the precision of eviction.
 */
typedef struct CsSharedBucket
{
	pg_atomic_uint32 seq;		/* atomic; odd while a writer changes the
								 * bucket */
	uint32		ref[CS_BUCKET_SLOTS];	/* partition lock, seq; 0 if the slot
										 * is free */
	uint16		tag[CS_BUCKET_SLOTS];	/* partition lock, seq */
	uint8		freq[CS_BUCKET_SLOTS];	/* no lock; number of reads, up to
										 * CS_FREQ_MAX */
	uint16		dirty;			/* partition lock; bit mask of the slots with
								 * dirty entries */
	uint16		marked;			/* partition lock; and of those with marked
								 * ones */
} CsSharedBucket;

StaticAssertDecl(sizeof(CsSharedBucket) == CS_BUCKET_SIZE,
				 "a bucket must fill a cache line");

/*
 * A record in a value log: this header, the key, the value, padding to 8
 * bytes.  A dirty entry also has padding in front of the value, which callers
 * change in place and which contains structs.
 */
typedef struct CsRecord
{
	uint32		len;			/* of the value; of the whole record in a
								 * filler */
	uint16		keylen;
	uint8		flags;			/* CS_ENTRY_... */
	uint8		filler;			/* true for the unused end of a log; header of
								 * 8 bytes */
	uint64		hash;
	uint64		stamp;			/* owner in the upper bits, epoch in
								 * CS_EPOCH_BITS */
	uint64		wxid;
	TimestampTz expires;
} CsRecord;

#define CS_FILLER_HEADER	offsetof(CsRecord, hash)

StaticAssertDecl(sizeof(CsRecord) == 40, "the record header has grown");
StaticAssertDecl(CS_FILLER_HEADER == 8, "a filler must fit into any gap");

typedef enum CsLogId
{
	CS_LOG_SMALL,				/* where most entries start */
	CS_LOG_MAIN					/* those that were read or are large */
} CsLogId;

#define CS_LOGS		2

/*
 * A circular log.  The counters only grow; modulo the size they are offsets.
 */
typedef struct CsSharedLog
{
	uint64		head;			/* partition lock; next append */
	uint64		tail;			/* partition lock; oldest record */
	uint64		hand;			/* partition lock; where the last walk for a
								 * quota stopped */
	uint64		live;			/* partition lock; bytes of linked records */
} CsSharedLog;

/* Header of a partition. */
typedef struct CsSharedPartition
{
	CsSharedLog log[CS_LOGS];
	uint64		entries;		/* partition lock */
	uint64		dirty_entries;	/* partition lock */
	uint64		dirty_bytes;	/* partition lock; of their records */
	uint64		evictions;		/* partition lock */
	uint64		unread;			/* partition lock; evictions of entries that
								 * were never read */
	uint64		expirations;	/* partition lock; expired entries that made
								 * room */
	pg_atomic_uint32 linking;	/* atomic; changed under the partition lock;
								 * see install.c */
	uint32		unused[3];		/* pads to two cache lines */
} CsSharedPartition;

StaticAssertDecl(sizeof(CsSharedPartition) == 2 * CS_BUCKET_SIZE,
				 "partition headers must not share cache lines");

/*
 * Guarded owners together are entitled to one part in so many of the value
 * memory.
 */
#define CS_GUARDED_SHARE	4

/* Flag in an owner's number of entries: it is guarded. */
#define CS_GUARDED			(UINT64CONST(1) << 63)

typedef struct CsSharedCommon
{
	pg_atomic_uint32 guarded;	/* atomic; guarded owners that have entries */
	char		pad[2 * CS_BUCKET_SIZE - sizeof(pg_atomic_uint32)];
} CsSharedCommon;

/*
 * An owner has entries in all partitions, so no partition lock protects these.
 */
typedef struct CsSharedOwner
{
	pg_atomic_uint64 entries;	/* atomic; with the flag CS_GUARDED, so that
								 * the first and the last entry of a guarded
								 * owner are recognized */
	pg_atomic_uint64 bytes;		/* atomic */
	pg_atomic_uint64 evictions; /* atomic */
	pg_atomic_uint64 unread;	/* atomic; see CsUsage, like the next */
	pg_atomic_uint64 expirations;	/* atomic */
	pg_atomic_uint64 dirty_entries; /* atomic */
	pg_atomic_uint64 dirty_bytes;	/* atomic */
	pg_atomic_uint64 marked_entries;	/* atomic; of the dirty ones */
	pg_atomic_uint64 pending;	/* atomic; pending entries */
	pg_atomic_uint64 staged_bytes;	/* atomic; of staged entries; included in
									 * bytes */
	pg_atomic_uint64 epoch;		/* atomic; entries of earlier epochs are
								 * useless; only grows */
	pg_atomic_uint32 hand;		/* atomic; partition in which to search for
								 * room next; a hint */
} CsSharedOwner;

/*
 * Process-local description of the layout.  The sizes follow from the settings
 * and never change.
 */
typedef struct CsStore
{
	Size		total;			/* all of the shared memory */
	Size		common_at;		/* the first of these are offsets from its
								 * start */
	Size		owners_at;
	Size		seen_at;
	Size		partitions_at;	/* plus alignment, which makes the gap */
	Size		ghost_at;		/* offsets within a partition */
	Size		area_at;
	Size		partition_size;
	Size		area_size;
	Size		log_at[CS_LOGS];	/* positions */
	Size		log_size[CS_LOGS];
	Size		max_record;
	int			npartitions;	/* a power of two */
	uint32		nbuckets;		/* in one partition: whole groups */
	uint32		nghosts;		/* in one partition, at least 1 */
	uint32		nseen;			/* a power of two, at least CS_SEEN_WAYS */

	char	   *base;			/* partition 0 */
	CsSharedPartition *partitions;
	CsSharedCommon *common;
	CsSharedOwner *owners;
	pg_atomic_uint32 *seen;
	LWLockPadded *locks;
} CsStore;

extern CsStore cs_store;

/* in store.c */
extern void cs_store_layout(CsStore *s, Size memory);

/* Where the entry of a hash and owner may be. */
typedef struct CsPlace
{
	int			part;
	uint32		bucket[2];		/* different from each other */
	uint16		tag;
	uint16		ghost;			/* fingerprint, never 0 */
	uint32		ghost_set;		/* to be reduced to the number of sets in use */
} CsPlace;

typedef struct CsSlot
{
	CsSharedBucket *bucket;
	int			n;
} CsSlot;

/* Which entries may be evicted to make room */
typedef enum CsProtection
{
	CS_PROTECT_POLICY,			/* those that the policy does not keep */
	CS_PROTECT_URGENT,			/* also those that it would keep */
	CS_PROTECT_NONE				/* all that are not dirty */
} CsProtection;

/* On whose behalf room is made. */
typedef struct CsClaim
{
	uint32		owner;
	CsProtection protection;
	TimestampTz now;			/* entries that have expired by then go first */
} CsClaim;

/* A walk through a partition's logs that evicts entries of one owner. */
typedef struct CsWalk
{
	CsClaim		claim;			/* names the owner */
	int			chances;		/* number of entries that may stay because
								 * they were read */
	Size		want;			/* bytes still to be evicted */
	Size		left[CS_LOGS];	/* bytes of the log not yet visited */
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

/* Offset of the value from the start of the record. */
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

/*
 * Whether the entry was ever read.  The frequency tells only of reads since it
 * was last lowered; what lowers it sets CS_ENTRY_READ.
 */
static inline bool
cs_record_was_read(const CsRecord *rec, uint8 freq)
{
	return freq > 0 || (rec->flags & CS_ENTRY_READ) != 0;
}

static inline bool
cs_record_expired(const CsRecord *rec, TimestampTz now)
{
	return rec->expires != 0 && rec->expires <= now;
}

/*
 * True if no lookup will return it: it has expired, or its owner has reached a
 * later epoch.
 */
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
	meta->flags = rec->flags & ~CS_ENTRY_READ;
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

/* Position of the slot's record. */
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

static inline bool
cs_slot_is_marked(const CsSlot *slot)
{
	return (slot->bucket->marked >> slot->n) & 1;
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
 * Compute an entry's place.  The owner is part of it, so that equal keys of
 * many tables do not share two buckets.  Both buckets are in one page of
 * memory, so looking at the second costs no more than a cache line.
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
 * Begin and end a change of a bucket.  The caller holds the partition lock
 * exclusively.  The last barrier keeps the reuse of unlinked memory after the
 * new seq.
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

/* in index.c */
typedef enum CsWhich
{
	CS_WHICH_VALID,
	CS_WHICH_PENDING,
	CS_WHICH_EITHER				/* the pending one only if there is no valid
								 * one */
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

/* in valuelog.c */
extern bool cs_valuelog_fits(CsLogId logid, Size size);
extern bool cs_valuelog_make_room(int part, CsLogId logid, Size size,
								  const CsClaim *claim);
extern Size cs_valuelog_append(int part, CsLogId logid, Size size);
extern void cs_valuelog_fill(int part, Size pos, Size size);
extern Size cs_valuelog_position(CsLogId logid, uint64 offset);
extern uint64 cs_valuelog_offset(int part, Size pos);
extern void cs_valuelog_walk_begin(int part, CsWalk *walk);
extern bool cs_valuelog_walk(int part, CsWalk *walk);

/* in policy.c */
typedef enum CsTail
{
	CS_TAIL_EVICT,
	CS_TAIL_STAY,				/* move to the head of the same log */
	CS_TAIL_PROMOTE				/* move from the small log to the main log */
} CsTail;

extern CsLogId cs_policy_admit(const CsPlace *place, Size size);
extern bool cs_policy_may_evict(const CsSlot *slot, const CsRecord *rec,
								const CsClaim *claim);
extern CsTail cs_policy_tail(int part, CsLogId logid, const CsRecord *rec,
							 Size want, const CsClaim *claim, uint8 *freq);
extern void cs_policy_evicted(const CsPlace *place, CsLogId logid);
extern bool cs_store_check(char *msg, Size msglen);

#endif							/* CS_PARTITION_H */
