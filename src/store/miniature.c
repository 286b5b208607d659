/*-------------------------------------------------------------------------
 *
 * miniature.c
 *		What the hit ratio would be with less memory, or with more.
 *
 * Five stores of a quarter, half, once, twice and four times the memory are
 * simulated at the scale of the sampling rate: each has room for one entry in
 * so many, and sees one key in so many.  The simulation has the policy of
 * policy.c with the same constants, but neither partitions nor values.
 * (Waldspurger and others, "Cache Modeling and Optimization using Miniature
 * Simulations", 2017.)
 *
 * A key is sampled if its hash is below a limit.  That is one comparison, and
 * says nothing about its partition and buckets, which depend on all bits of
 * the hash after mixing (cs_place()).
 *
 * Shared memory has a table of the keys that are in any of the five, each with
 * its place in all of them; and for each owner how many reads of sampled keys
 * there were, and how many of them each of the five has missed.  A place is in
 * a queue of its own, as a log of the store is one: a removed entry stays in
 * its queue as dead bytes until it comes to the tail.
 *
 * All of it is protected by one lock.  Readers and writers of the store only
 * try to take it, and a report that does not get it is lost.  The lock is of
 * the last rank, and is not held while anything else is called.
 *
 * Not simulated are quotas, guarded owners and dirty entries.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "storage/shmem.h"

#include "guc.h"
#include "store/clock.h"
#include "store/ghost.h"
#include "store/miniature.h"

#define CS_TRANCHE_NAME		"cache_strategies_miniature"

/* One key in so many is sampled; of a small store more. */
#define MOST_RATE			256
#define LEAST_RATE			16

/* Entries that the miniature of the store's own size should have at least. */
#define LEAST_ENTRIES		4096

/* Keys of all miniatures together; of a large store fewer are sampled. */
#define MOST_KEYS			(512 * 1024)

/* Part of the slots that are in use when entries are evicted for a slot. */
#define FULL_INDEX			95

/* Moves that making room for 'size' bytes may take, as in valuelog.c. */
#define MOVES(size)			(64 + (int) ((size) / 64))

/* Expiries are kept in units of 2^17 microseconds since the start. */
#define TICK_BITS			17

#define NONE				PG_UINT32_MAX

/* Where a key is in a miniature. */
enum
{
	NOWHERE,
	IN_SMALL = 1 + CS_LOG_SMALL,
	IN_MAIN = 1 + CS_LOG_MAIN
};

typedef struct CsSharedSampledKey
{
	uint64		hash;			/* miniature lock; so is all of this */
	uint64		stamp;			/* miniature lock; as in a record */
	uint32		size;			/* miniature lock; of its record */
	uint32		chain;			/* miniature lock; next with this hash bucket,
								 * or next free */
	uint32		newer[CS_MINIATURES];	/* miniature lock; next in the queue */
	uint32		expires[CS_MINIATURES]; /* miniature lock; ticks, 0: never */
	uint8		where[CS_MINIATURES];	/* miniature lock */
	uint8		freq[CS_MINIATURES];	/* miniature lock */
	uint8		live;			/* miniature lock; bit mask of the miniatures
								 * whose entry is not dead */
	uint8		queued;			/* miniature lock; in how many queues */
} CsSharedSampledKey;

/* A log. */
typedef struct CsSharedFifo
{
	uint32		oldest;			/* miniature lock; so is all of this */
	uint32		newest;			/* miniature lock */
	uint64		bytes;			/* miniature lock; dead ones included */
	uint64		live;			/* miniature lock */
	uint64		appended;		/* miniature lock; since the start */
} CsSharedFifo;

typedef struct CsSharedMiniature
{
	CsSharedFifo fifo[CS_LOGS];
	uint64		entries;		/* miniature lock; live ones */
} CsSharedMiniature;

typedef struct CsSharedMiniatures
{
	CsSharedMiniature miniature[CS_MINIATURES];
	TimestampTz start;			/* set once; tick 0 */
	uint32		free;			/* miniature lock; first free key, or NONE */
} CsSharedMiniatures;

typedef struct CsSharedSamples
{
	CsSamples	samples;		/* miniature lock */
} CsSharedSamples;

/* What follows from the settings, the same in all processes. */
typedef struct Simulated
{
	Size		memory;			/* of the store that is simulated */
	Size		log_size[CS_LOGS];	/* of the miniature */
	Size		large;			/* a larger entry goes to the main log */
	Size		max_record;
	uint64		max_entries;
	uint32		nghosts;
	uint16	   *ghosts;			/* in shared memory */
} Simulated;

uint64		cs_miniature_below = 0;

static Simulated simulated[CS_MINIATURES];
static uint32 rate;
static uint32 nkeys;
static uint32 nbuckets;			/* a power of two */

static CsSharedMiniatures *shared;
static CsSharedSamples *owners;
static uint32 *buckets;			/* miniature lock; first key, or NONE */
static CsSharedSampledKey *keys;
static LWLock *lock;

/* ----- setting up ----- */

static uint64
slots_of(const CsStore *s)
{
	return (uint64) s->npartitions * s->nbuckets * CS_BUCKET_SLOTS;
}

/* One key in how many is sampled, a power of two. */
static uint32
choose_rate(void)
{
	uint64		slots[CS_MINIATURES];
	uint32		r = MOST_RATE;

	for (int n = 0; n < CS_MINIATURES; n++)
	{
		CsStore		s;

		cs_store_layout(&s, cs_miniature_memory(n));
		slots[n] = slots_of(&s);
	}
	while (r > LEAST_RATE && slots[CS_MINIATURE_PRESENT] / r < LEAST_ENTRIES)
		r /= 2;
	while (slots[CS_MINIATURES - 1] / r > MOST_KEYS)
		r *= 2;
	return r;
}

static void
scale(Simulated *sim, Size memory)
{
	CsStore		s;

	cs_store_layout(&s, memory);
	sim->memory = memory;
	for (int logid = 0; logid < CS_LOGS; logid++)
		sim->log_size[logid] = s.npartitions * s.log_size[logid] / rate;
	sim->large = s.log_size[CS_LOG_SMALL] / CS_LARGE_SHARE;
	sim->max_record = Min(s.max_record, sim->log_size[CS_LOG_MAIN] / 2);
	sim->max_entries = Max(slots_of(&s) / rate * FULL_INDEX / 100, 1);
	sim->nghosts = (uint32) Max(s.npartitions * (uint64) s.nghosts / rate, 1);
}

static void
compute_sizes(void)
{
	rate = choose_rate();
	for (int n = 0; n < CS_MINIATURES; n++)
		scale(&simulated[n], cs_miniature_memory(n));
	nkeys = (uint32) simulated[CS_MINIATURES - 1].max_entries + 64;
	nbuckets = pg_nextpower2_32(nkeys);
}

/*
 * Memory of the store that a miniature stands for.
 */
Size
cs_miniature_memory(int n)
{
	return (Size) cs_memory_mb * 1024 * 1024 / 4 << n;
}

uint32
cs_miniature_rate(void)
{
	return rate;
}

Size
cs_miniature_shmem_size(void)
{
	Size		size;

	compute_sizes();
	size = MAXALIGN(sizeof(CsSharedMiniatures));
	size = add_size(size, mul_size(cs_max_tables, sizeof(CsSharedSamples)));
	size = add_size(size, MAXALIGN(mul_size(nbuckets, sizeof(uint32))));
	size = add_size(size, mul_size(nkeys, sizeof(CsSharedSampledKey)));
	for (int n = 0; n < CS_MINIATURES; n++)
		size = add_size(size, mul_size(simulated[n].nghosts, CS_GHOST_WAYS * sizeof(uint16)));
	return size;
}

void
cs_miniature_shmem_request(void)
{
	RequestNamedLWLockTranche(CS_TRANCHE_NAME, 1);
}

static void
init_memory(Size size)
{
	memset(shared, 0, size);
	shared->start = cs_clock_now();
	for (int n = 0; n < CS_MINIATURES; n++)
		for (int logid = 0; logid < CS_LOGS; logid++)
		{
			CsSharedFifo *fifo = &shared->miniature[n].fifo[logid];

			fifo->oldest = fifo->newest = NONE;
		}
	for (uint32 i = 0; i < nbuckets; i++)
		buckets[i] = NONE;
	for (uint32 i = 0; i < nkeys; i++)
		keys[i].chain = i + 1 < nkeys ? i + 1 : NONE;
	shared->free = 0;
}

void
cs_miniature_shmem_init(void)
{
	Size		size = cs_miniature_shmem_size();
	bool		found;
	char	   *memory = ShmemInitStruct("cache_strategies miniatures", size, &found);

	shared = (CsSharedMiniatures *) memory;
	memory += MAXALIGN(sizeof(CsSharedMiniatures));
	owners = (CsSharedSamples *) memory;
	memory += cs_max_tables * sizeof(CsSharedSamples);
	buckets = (uint32 *) memory;
	memory += MAXALIGN(nbuckets * sizeof(uint32));
	keys = (CsSharedSampledKey *) memory;
	memory += nkeys * sizeof(CsSharedSampledKey);
	for (int n = 0; n < CS_MINIATURES; n++)
	{
		simulated[n].ghosts = (uint16 *) memory;
		memory += simulated[n].nghosts * CS_GHOST_WAYS * sizeof(uint16);
	}
	lock = &GetNamedLWLockTranche(CS_TRANCHE_NAME)->lock;
	cs_miniature_below = PG_UINT64_MAX / rate;
	if (!found)
		init_memory(size);
}

/* ----- keys ----- */

static uint32
tick_of(TimestampTz time)
{
	if (time == 0)
		return 0;
	return (uint32) Min(Max((time - shared->start) >> TICK_BITS, 1), PG_UINT32_MAX);
}

/* Whether no lookup would return the entry. */
static bool
is_useless(const CsSharedSampledKey *k, int n)
{
	if ((k->stamp & CS_EPOCH_MASK) <
		pg_atomic_read_u64(&cs_store.owners[cs_stamp_owner(k->stamp)].epoch))
		return true;
	return k->expires[n] != 0 && k->expires[n] <= tick_of(cs_clock_now());
}

static bool
is_live(const CsSharedSampledKey *k, int n)
{
	return (k->live >> n) & 1;
}

static uint32 *
bucket_of(const CsPlace *place)
{
	return &buckets[place->ghost_set & (nbuckets - 1)];
}

static CsSharedSampledKey *
find_key(const CsPlace *place, uint64 hash, uint32 owner)
{
	for (uint32 i = *bucket_of(place); i != NONE; i = keys[i].chain)
		if (keys[i].hash == hash && cs_stamp_owner(keys[i].stamp) == owner)
			return &keys[i];
	return NULL;
}

/* Forget a key that is in no queue any more. */
static void
free_key(uint32 i)
{
	CsPlace		place;
	uint32	   *link;

	cs_place(keys[i].hash, cs_stamp_owner(keys[i].stamp), &place);
	for (link = bucket_of(&place); *link != i; link = &keys[*link].chain)
		;
	*link = keys[i].chain;
	keys[i].chain = shared->free;
	shared->free = i;
}

/* ----- one miniature ----- */

static void
set_live(int n, CsSharedSampledKey *k, bool live)
{
	CsSharedMiniature *m = &shared->miniature[n];
	CsSharedFifo *fifo = &m->fifo[k->where[n] - 1];

	k->live ^= 1 << n;
	if (live)
	{
		m->entries++;
		fifo->live += k->size;
	}
	else
	{
		m->entries--;
		fifo->live -= k->size;
	}
}

static void
push(int n, CsLogId logid, uint32 i)
{
	CsSharedFifo *fifo = &shared->miniature[n].fifo[logid];
	CsSharedSampledKey *k = &keys[i];

	k->where[n] = 1 + logid;
	k->newer[n] = NONE;
	if (fifo->newest == NONE)
		fifo->oldest = i;
	else
		keys[fifo->newest].newer[n] = i;
	fifo->newest = i;
	fifo->bytes += k->size;
	fifo->appended += k->size;
	k->queued++;
	set_live(n, k, true);
}

/* Take the entry at the tail, live or dead, out of its queue. */
static uint32
pop(int n, CsLogId logid)
{
	CsSharedFifo *fifo = &shared->miniature[n].fifo[logid];
	uint32		i = fifo->oldest;
	CsSharedSampledKey *k = &keys[i];

	if (is_live(k, n))
		set_live(n, k, false);
	fifo->oldest = k->newer[n];
	if (fifo->oldest == NONE)
		fifo->newest = NONE;
	Assert(fifo->bytes >= k->size && fifo->live <= fifo->bytes - k->size);
	fifo->bytes -= k->size;
	Assert(fifo->oldest != NONE || fifo->bytes == 0);
	k->where[n] = NOWHERE;
	k->queued--;
	return i;
}

static uint16 *
ghost_set(int n, const CsPlace *place)
{
	return cs_ghost_set(simulated[n].ghosts, simulated[n].nghosts,
						shared->miniature[n].entries, place);
}

/* As in policy.c. */
static bool
much_is_dead(int n, CsLogId logid, Size want)
{
	return shared->miniature[n].fifo[logid].live + want <=
		simulated[n].log_size[logid] / 8 * 7;
}

static bool
main_has_room(int n)
{
	CsSharedFifo *fifo = &shared->miniature[n].fifo[CS_LOG_MAIN];
	Size		size = simulated[n].log_size[CS_LOG_MAIN];
	const CsSharedSampledKey *tail;

	if (fifo->oldest == NONE || fifo->live < size / 2)
		return true;
	tail = &keys[fifo->oldest];
	if (is_live(tail, n) && is_useless(tail, n))
		return true;
	return !is_live(tail, n) && fifo->live <= size / 16 * 15;
}

/* What cs_policy_tail() would do. */
static CsTail
judge_tail(int n, CsLogId logid, CsSharedSampledKey *k, Size want)
{
	CsSharedFifo *mainlog = &shared->miniature[n].fifo[CS_LOG_MAIN];

	if (is_useless(k, n))
		return CS_TAIL_EVICT;
	if (logid == CS_LOG_MAIN && k->freq[n] > 0)
	{
		k->freq[n]--;
		return CS_TAIL_STAY;
	}
	if (logid == CS_LOG_SMALL &&
		(k->freq[n] > 0 ||
		 mainlog->appended + k->size <= simulated[n].log_size[CS_LOG_MAIN] ||
		 main_has_room(n)))
	{
		k->freq[n] = 0;
		return CS_TAIL_PROMOTE;
	}
	return much_is_dead(n, logid, want) ? CS_TAIL_STAY : CS_TAIL_EVICT;
}

static bool make_room(int n, CsLogId logid, Size size, int *moves);

/* Evict what has been taken out of its queue. */
static void
evict(int n, CsLogId logid, uint32 i, bool useless)
{
	CsSharedSampledKey *k = &keys[i];

	if (logid == CS_LOG_SMALL && !useless)
	{
		CsPlace		place;

		cs_place(k->hash, cs_stamp_owner(k->stamp), &place);
		cs_ghost_note(ghost_set(n, &place), place.ghost);
	}
	if (k->queued == 0)
		free_key(i);
}

static void
pass_tail(int n, CsLogId logid, Size want, int *moves)
{
	uint32		i = shared->miniature[n].fifo[logid].oldest;
	CsSharedSampledKey *k = &keys[i];
	bool		dead = !is_live(k, n);
	bool		useless = dead || is_useless(k, n);
	CsTail		verdict = CS_TAIL_EVICT;

	if (!dead && *moves > 0)
		verdict = judge_tail(n, logid, k, want);
	if (verdict != CS_TAIL_EVICT)
		(*moves)--;
	(void) pop(n, logid);
	if (verdict == CS_TAIL_STAY)
		push(n, logid, i);
	else if (verdict == CS_TAIL_PROMOTE && make_room(n, CS_LOG_MAIN, k->size, moves))
		push(n, CS_LOG_MAIN, i);
	else
		evict(n, logid, i, useless);
}

/* Recurses once, from the small log to the main log. */
static bool
make_room(int n, CsLogId logid, Size size, int *moves)
{
	CsSharedFifo *fifo = &shared->miniature[n].fifo[logid];

	while (fifo->bytes + size > simulated[n].log_size[logid])
	{
		if (fifo->oldest == NONE)
			return false;
		pass_tail(n, logid, size, moves);
	}
	return true;
}

/* Evict until there is a slot for one more entry. */
static void
make_slot(int n)
{
	CsSharedMiniature *m = &shared->miniature[n];
	int			moves = MOVES(0);

	while (m->entries >= simulated[n].max_entries)
	{
		CsLogId		logid = m->fifo[CS_LOG_SMALL].oldest != NONE ? CS_LOG_SMALL : CS_LOG_MAIN;

		pass_tail(n, logid, 0, &moves);
	}
}

/* Put an entry into a miniature that does not have it. */
static void
admit(int n, uint32 i, const CsPlace *place)
{
	CsSharedSampledKey *k = &keys[i];
	int			moves = MOVES(k->size);
	CsLogId		logid = CS_LOG_SMALL;

	k->freq[n] = 0;
	if (k->where[n] != NOWHERE)
	{
		set_live(n, k, true);
		return;
	}
	if (k->size > simulated[n].max_record)
		return;
	if (cs_ghost_take(ghost_set(n, place), place->ghost) || k->size > simulated[n].large)
		logid = CS_LOG_MAIN;
	make_slot(n);
	if (make_room(n, logid, k->size, &moves))
		push(n, logid, i);
}

/* ----- reports ----- */

/* A key that is not there yet; NONE if there is no place for it. */
static uint32
new_key(const CsPlace *place, const CsKey *key)
{
	int			moves = 0;
	uint32		i;

	for (int tries = 0; shared->free == NONE && tries < 64; tries++)
	{
		int			n = CS_MINIATURES - 1;
		CsSharedMiniature *m = &shared->miniature[n];

		if (m->fifo[CS_LOG_SMALL].oldest != NONE)
			pass_tail(n, CS_LOG_SMALL, 0, &moves);
		else if (m->fifo[CS_LOG_MAIN].oldest != NONE)
			pass_tail(n, CS_LOG_MAIN, 0, &moves);
	}
	i = shared->free;
	if (i == NONE)
		return NONE;
	shared->free = keys[i].chain;
	memset(&keys[i], 0, sizeof(CsSharedSampledKey));
	keys[i].hash = key->hash;
	keys[i].stamp = cs_stamp(key->owner, 0);
	keys[i].chain = *bucket_of(place);
	*bucket_of(place) = i;
	return i;
}

/* A record's size is that of the last value that was put. */
static void
resize(CsSharedSampledKey *k, uint32 size)
{
	int64		growth = (int64) size - k->size;

	for (int n = 0; n < CS_MINIATURES; n++)
	{
		CsSharedFifo *fifo;

		if (k->where[n] == NOWHERE)
			continue;
		fifo = &shared->miniature[n].fifo[k->where[n] - 1];
		fifo->bytes += growth;
		if (is_live(k, n))
			fifo->live += growth;
	}
	k->size = size;
}

/*
 * Put an entry into all miniatures.  Where it is, and has not been changed, it
 * keeps its expiry, because a store of that size would not have loaded it.
 */
static void
put(const CsPlace *place, CsSharedSampledKey *k, const CsKey *key, const CsMeta *meta,
	Size len, bool changed)
{
	Size		size = MAXALIGN(cs_value_offset(key->len, meta->flags) + len);
	uint32		i = k != NULL ? (uint32) (k - keys) : new_key(place, key);
	uint32		tick = tick_of(meta->expires);
	uint8		absent = 0;

	if (i == NONE)
		return;
	k = &keys[i];
	for (int n = 0; n < CS_MINIATURES; n++)
		if (!is_live(k, n) || is_useless(k, n))
			absent |= 1 << n;
	k->stamp = cs_stamp(key->owner, meta->epoch);
	resize(k, (uint32) Min(size, PG_UINT32_MAX));
	k->queued++;				/* so that it is not freed meanwhile */
	for (int n = 0; n < CS_MINIATURES; n++)
	{
		bool		gone = (absent >> n) & 1;

		if (gone || changed)
			k->expires[n] = tick;
		if (!is_live(k, n))
			admit(n, i, place);
		else if (gone)
			k->freq[n] = 0;
	}
	if (--k->queued == 0)
		free_key(i);
}

/* Count a read.  Returns whether all miniatures have the key. */
static bool
note_read(CsSharedSampledKey *k, uint32 owner)
{
	CsSamples  *samples = &owners[owner].samples;
	bool		everywhere = true;

	samples->reads++;
	for (int n = 0; n < CS_MINIATURES; n++)
	{
		if (k == NULL || !is_live(k, n) || is_useless(k, n))
		{
			samples->misses[n]++;
			everywhere = false;
		}
		else if (k->freq[n] < CS_FREQ_MAX)
			k->freq[n]++;
	}
	return everywhere;
}

static bool
begin(uint64 hash, uint32 owner, CsPlace *place)
{
	Assert(owner < cs_max_tables);
	if (!cs_lock_conditional(lock, CS_RANK_MINIATURE))
		return false;
	cs_place(hash, owner, place);
	return true;
}

static void
end(void)
{
	cs_lock_release(lock, CS_RANK_MINIATURE);
}

/*
 * Report a read that the store has answered, from an entry with these metadata
 * and a value of so many bytes.  A smaller store that did not have it would
 * have loaded it.
 */
void
cs_miniature_note_hit(const CsKey *key, const CsMeta *meta, Size len)
{
	CsPlace		place;
	CsSharedSampledKey *k;

	if (!begin(key->hash, key->owner, &place))
		return;
	k = find_key(&place, key->hash, key->owner);
	if (!note_read(k, key->owner))
		put(&place, k, key, meta, len, false);
	end();
}

/*
 * Report a read that the store has missed.  What is loaded is reported by
 * cs_miniature_note_put().
 */
void
cs_miniature_note_miss(const CsKey *key)
{
	CsPlace		place;

	if (!begin(key->hash, key->owner, &place))
		return;
	(void) note_read(find_key(&place, key->hash, key->owner), key->owner);
	end();
}

/*
 * Report that a value was put into the store: a new one, or the one that was
 * loaded after a miss.
 */
void
cs_miniature_note_put(const CsKey *key, const CsMeta *meta, Size len, bool changed)
{
	CsPlace		place;

	if (!begin(key->hash, key->owner, &place))
		return;
	put(&place, find_key(&place, key->hash, key->owner), key, meta, len, changed);
	end();
}

/*
 * Report that a key was removed because it has changed, whether the store had
 * it or not.
 */
void
cs_miniature_note_removal(uint32 owner, uint64 hash)
{
	CsPlace		place;
	CsSharedSampledKey *k;

	if (!begin(hash, owner, &place))
		return;
	k = find_key(&place, hash, owner);
	for (int n = 0; k != NULL && n < CS_MINIATURES; n++)
		if (is_live(k, n))
			set_live(n, k, false);
	end();
}

/* ----- results ----- */

void
cs_miniature_reset(uint32 owner)
{
	cs_lock_acquire(lock, CS_RANK_MINIATURE, LW_EXCLUSIVE);
	memset(&owners[owner].samples, 0, sizeof(CsSamples));
	cs_lock_release(lock, CS_RANK_MINIATURE);
}

void
cs_miniature_samples(uint32 owner, CsSamples *samples)
{
	cs_lock_acquire(lock, CS_RANK_MINIATURE, LW_SHARED);
	*samples = owners[owner].samples;
	cs_lock_release(lock, CS_RANK_MINIATURE);
}

/*
 * Predict the hit ratio of a store of the n-th size, from what was sampled and
 * from the reads and misses of all keys.
 *
 * Popular keys have many of the reads, and whether one of them is sampled is
 * chance, so the sample's own hit ratio says little.  Misses are of many keys.
 * So what is taken from the sample is how many misses there would be to each
 * that there was.
 */
double
cs_miniature_hit_ratio(const CsSamples *samples, int n, uint64 reads, uint64 misses)
{
	uint64		present = samples->misses[CS_MINIATURE_PRESENT];
	double		predicted = (double) misses;

	if (reads == 0)
		return 0;
	if (present > 0)
		predicted *= (double) samples->misses[n] / present;
	else
		predicted += (double) samples->misses[n] * rate;
	return 1 - Min(predicted / reads, 1);
}
