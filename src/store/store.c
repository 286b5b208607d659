/*-------------------------------------------------------------------------
 *
 * store.c
 *		The store's shared memory: its size, its layout and its usage.
 *
 * The sizes follow from the settings, which cannot change while the server
 * runs.  So every process computes them by itself, and shared memory holds no
 * pointers.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guc.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "store/atomicmax.h"
#include "store/partition.h"
#include "utils/memutils.h"

#define CS_TRANCHE_NAME		"cache_strategies_partition"

#define CS_MB				((Size) 1024 * 1024)

/* Automatic number of partitions: one per so many bytes, within limits. */
#define CS_AUTO_PARTITION	(8 * CS_MB)
#define CS_AUTO_MIN			4
#define CS_AUTO_MAX			256

/*
 * A partition is never smaller than this, whatever the setting, so that values
 * of a usual size fit, nor larger than refs can address.
 */
#define CS_MIN_AUTO_SIZE	CS_MB
#define CS_MIN_SET_SIZE		(CS_MB / 8)
#define CS_MAX_AREA			((Size) PG_UINT32_MAX * 8)

/* cs_place() takes the partition from 16 bits. */
#define CS_MAX_PARTITIONS	(1 << 16)

/* Percentage of slots that can be in use before buckets overflow. */
#define CS_INDEX_LOAD		75

/*
 * The small log gets one byte in so many of a partition's logs.  Benchmarks of
 * other policies override it.
 */
#ifndef CS_SMALL_SHARE
#define CS_SMALL_SHARE		10
#endif

/* There is one doorkeeper fingerprint per so many bytes of memory. */
#define CS_SEEN_SHARE		1024

#define CS_SHMEM_ALIGN		128
#define CS_PAGE				((Size) CS_GROUP_BUCKETS * CS_BUCKET_SIZE)

CsStore		cs_store;

#ifdef CS_TEST_POINTS
int			cs_lock_ranks_held = 0;
#endif

/* Number of partitions, a power of two. 'rest' is the memory left for them. */
static int
choose_partitions(Size memory, Size rest)
{
	Size		least = cs_partitions > 0 ? CS_MIN_SET_SIZE : CS_MIN_AUTO_SIZE;
	int			n;

	if (cs_partitions > 0)
		n = pg_prevpower2_32(Min(cs_partitions, CS_MAX_PARTITIONS));
	else
	{
		n = (int) Min(memory / CS_AUTO_PARTITION, CS_AUTO_MAX);
		n = pg_prevpower2_32(Max(n, CS_AUTO_MIN));
	}
	while (n > 1 && (memory / n < least || rest / n < least / 4 * 3))
		n /= 2;
	while (memory / n >= CS_MAX_AREA)
		n *= 2;
	return n;
}

/*
 * Lay out one partition of the given size so that index and value logs fill up
 * together when entries have the expected size.  With larger entries a part of
 * the index stays empty, with smaller entries a part of the logs.
 */
static void
cut_partition(CsStore *s, Size size)
{
	Size		record = MAXALIGN(sizeof(CsRecord) + cs_typical_entry);
	Size		with_values = CS_BUCKET_SIZE + CS_GHOST_WAYS * sizeof(uint16) / 2 +
	record * CS_BUCKET_SLOTS * CS_INDEX_LOAD / 100;
	Size		logs;

	s->partition_size = size;
	s->nbuckets = Max((size / with_values + CS_GROUP_BUCKETS / 2) / CS_GROUP_BUCKETS, 1) *
		CS_GROUP_BUCKETS;
	s->nghosts = Max(s->nbuckets / 2, 1);
	s->ghost_at = (Size) s->nbuckets * CS_BUCKET_SIZE;
	s->area_at = TYPEALIGN(CS_SHMEM_ALIGN, s->ghost_at + (Size) s->nghosts *
						   CS_GHOST_WAYS * sizeof(uint16));
	s->area_size = size - s->area_at;

	logs = s->area_size - 8;
	s->log_at[CS_LOG_SMALL] = 8;
	s->log_size[CS_LOG_SMALL] = TYPEALIGN_DOWN(8, logs / CS_SMALL_SHARE);
	s->log_at[CS_LOG_MAIN] = 8 + s->log_size[CS_LOG_SMALL];
	s->log_size[CS_LOG_MAIN] = logs - s->log_size[CS_LOG_SMALL];

	/* a log of twice the size has room for one record and a filler */
	s->max_record = TYPEALIGN_DOWN(8, Min(s->log_size[CS_LOG_MAIN] / 2,
										  MaxAllocSize / 2));
}

/*
 * Lay out a store of so much memory.  If many owners would take a large part
 * of a small memory, theirs is added to it.
 */
void
cs_store_layout(CsStore *s, Size memory)
{
	Size		owners = (Size) cs_max_tables * sizeof(CsSharedOwner);
	Size		seen;

	if (owners > memory / 4)
		memory += owners;
	s->npartitions = choose_partitions(memory, memory - owners);
	memory -= s->npartitions * sizeof(LWLockPadded);
	s->nseen = CS_SEEN_WAYS;
	while (s->nseen <= memory / CS_SEEN_SHARE / 2 && s->nseen < (1U << 31))
		s->nseen *= 2;
	seen = s->nseen * sizeof(pg_atomic_uint32);

	s->common_at = s->npartitions * sizeof(CsSharedPartition);
	s->owners_at = s->common_at + sizeof(CsSharedCommon);
	s->seen_at = TYPEALIGN(CS_SHMEM_ALIGN, s->owners_at + owners);
	/* a page more, for aligning them */
	s->partitions_at = s->seen_at + seen + CS_PAGE;
	cut_partition(s, TYPEALIGN_DOWN(CS_PAGE,
									(memory - s->partitions_at) / s->npartitions));
	s->total = s->partitions_at + s->npartitions * s->partition_size;
}

/* Lay out the store itself. */
static void
compute_layout(void)
{
	cs_store_layout(&cs_store, (Size) cs_memory_mb * CS_MB);
}

Size
cs_store_shmem_size(void)
{
	compute_layout();
	return cs_store.total;
}

void
cs_store_shmem_request(void)
{
	RequestAddinShmemSpace(cs_store_shmem_size());
	RequestNamedLWLockTranche(CS_TRANCHE_NAME, cs_store.npartitions);
}

/*
 * Initialize the shared memory.  The value logs need none, since their heads
 * and tails say that they are empty.
 */
static void
init_memory(void)
{
	int			part;
	uint32		i;

	memset(cs_store.partitions, 0,
		   cs_store.npartitions * sizeof(CsSharedPartition));
	for (part = 0; part < cs_store.npartitions; part++)
		pg_atomic_init_u32(&cs_store.partitions[part].linking, 0);
	pg_atomic_init_u32(&cs_store.common->guarded, 0);
	for (i = 0; i < cs_max_tables; i++)
	{
		CsSharedOwner *owner = &cs_store.owners[i];

		pg_atomic_init_u64(&owner->entries, 0);
		pg_atomic_init_u64(&owner->bytes, 0);
		pg_atomic_init_u64(&owner->evictions, 0);
		pg_atomic_init_u64(&owner->unread, 0);
		pg_atomic_init_u64(&owner->expirations, 0);
		pg_atomic_init_u64(&owner->dirty_entries, 0);
		pg_atomic_init_u64(&owner->dirty_bytes, 0);
		pg_atomic_init_u64(&owner->marked_entries, 0);
		pg_atomic_init_u64(&owner->pending, 0);
		pg_atomic_init_u64(&owner->staged_bytes, 0);
		pg_atomic_init_u64(&owner->epoch, 0);
		pg_atomic_init_u32(&owner->hand, i);
	}
	for (i = 0; i < cs_store.nseen; i++)
		pg_atomic_init_u32(&cs_store.seen[i], 0);

	for (part = 0; part < cs_store.npartitions; part++)
	{
		memset(cs_bucket(part, 0), 0, cs_store.area_at);
		for (i = 0; i < cs_store.nbuckets; i++)
			pg_atomic_init_u32(&cs_bucket(part, i)->seq, 0);
	}
}

/*
 * Attach to the shared memory, and initialize it if this is the first process.
 */
void
cs_store_shmem_init(void)
{
	char	   *memory;
	bool		found;

	compute_layout();

	memory = ShmemInitStruct("cache_strategies store", cs_store.total, &found);
	cs_store.partitions = (CsSharedPartition *) memory;
	cs_store.common = (CsSharedCommon *) (memory + cs_store.common_at);
	cs_store.owners = (CsSharedOwner *) (memory + cs_store.owners_at);
	cs_store.seen = (pg_atomic_uint32 *) (memory + cs_store.seen_at);
	cs_store.base = (char *) TYPEALIGN_DOWN(CS_PAGE, memory + cs_store.partitions_at);
	cs_store.locks = GetNamedLWLockTranche(CS_TRANCHE_NAME);
	if (!found)
		init_memory();
}

/*
 * The store's shared memory, and its size in bytes.
 */
const char *
cs_store_memory(Size *size)
{
	*size = cs_store.total;
	return (const char *) cs_store.partitions;
}

/*
 * Size of the largest key and value, together, that can be kept.
 */
Size
cs_store_max_value(void)
{
	return cs_store.max_record - sizeof(CsRecord);
}

/*
 * Tell the store that entries of epochs before this one are useless.  They are
 * evicted first when room is needed.  Lock-free.
 */
void
cs_store_outdate(uint32 owner, uint64 epoch)
{
	cs_atomic_max(&cs_store.owners[owner].epoch, epoch & CS_EPOCH_MASK);
}

/*
 * Guard or stop guarding an owner's entries.
 *
 * Other owners cannot evict entries of a guarded owner while it uses no more
 * than its share.  The share is a quarter of the value memory divided by the
 * number of guarded owners that have entries.  Only dirty entries can displace
 * them, if nothing else is left.
 */
void
cs_store_guard(uint32 owner, bool guarded)
{
	pg_atomic_uint64 *entries = &cs_store.owners[owner].entries;
	uint64		before;

	Assert(owner < cs_max_tables);
	if (guarded)
		before = pg_atomic_fetch_or_u64(entries, CS_GUARDED);
	else
		before = pg_atomic_fetch_and_u64(entries, ~CS_GUARDED);
	if ((before & ~CS_GUARDED) != 0 && ((before & CS_GUARDED) != 0) != guarded)
		pg_atomic_fetch_add_u32(&cs_store.common->guarded, guarded ? 1 : -1);
}

/*
 * Usage of one owner.
 */
void
cs_store_usage(uint32 owner, CsUsage *usage)
{
	CsSharedOwner *o = &cs_store.owners[owner];

	Assert(owner < cs_max_tables);
	usage->entries = cs_owner_entries(o);
	usage->bytes = pg_atomic_read_u64(&o->bytes);
	usage->evictions = pg_atomic_read_u64(&o->evictions);
	usage->unread = pg_atomic_read_u64(&o->unread);
	usage->expirations = pg_atomic_read_u64(&o->expirations);
	usage->dirty_entries = pg_atomic_read_u64(&o->dirty_entries);
	usage->dirty_bytes = pg_atomic_read_u64(&o->dirty_bytes);
}

/*
 * Number of an owner's entries, dead ones among them.
 */
uint64
cs_store_entries(uint32 owner)
{
	Assert(owner < cs_max_tables);
	return cs_owner_entries(&cs_store.owners[owner]);
}

/*
 * Number of an owner's dirty entries.
 */
uint64
cs_store_dirty_entries(uint32 owner)
{
	Assert(owner < cs_max_tables);
	return pg_atomic_read_u64(&cs_store.owners[owner].dirty_entries);
}

/*
 * Number of those that are marked.
 */
uint64
cs_store_marked_entries(uint32 owner)
{
	Assert(owner < cs_max_tables);
	return pg_atomic_read_u64(&cs_store.owners[owner].marked_entries);
}

void
cs_store_reset_evictions(uint32 owner)
{
	CsSharedOwner *o = &cs_store.owners[owner];

	pg_atomic_write_u64(&o->evictions, 0);
	pg_atomic_write_u64(&o->unread, 0);
	pg_atomic_write_u64(&o->expirations, 0);
}

/*
 * Usage of the whole store.  The sums are exact for each partition, but not
 * for one moment.
 */
void
cs_store_info(CsStoreInfo *info)
{
	int			part;

	memset(info, 0, sizeof(CsStoreInfo));
	info->memory = cs_store.total;
	info->value_memory = cs_store.npartitions * cs_store.area_size;
	info->partitions = cs_store.npartitions;
	info->dirty_limit = cs_store.npartitions * CS_DIRTY_LIMIT;

	for (part = 0; part < cs_store.npartitions; part++)
	{
		CsSharedPartition *p = &cs_store.partitions[part];

		cs_lock_acquire(cs_partition_lock(part), CS_RANK_PARTITION, LW_SHARED);
		for (int logid = 0; logid < CS_LOGS; logid++)
			info->dead += p->log[logid].head - p->log[logid].tail - p->log[logid].live;
		info->usage.entries += p->entries;
		info->usage.bytes += p->log[CS_LOG_SMALL].live + p->log[CS_LOG_MAIN].live;
		info->usage.evictions += p->evictions;
		info->usage.unread += p->unread;
		info->usage.expirations += p->expirations;
		info->usage.dirty_entries += p->dirty_entries;
		info->usage.dirty_bytes += p->dirty_bytes;
		cs_lock_release(cs_partition_lock(part), CS_RANK_PARTITION);
	}
}
