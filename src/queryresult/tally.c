/*-------------------------------------------------------------------------
 *
 * tally.c
 *		What keeping results has cost and brought, by statement shape, in
 *		shared memory.
 *
 * A shape is a statement without its constants (jumble.c), as one role runs it
 * in one database.  There is a fixed table of shapes, in sets; a shape's key
 * chooses its set.  When a set is full, the shape goes that was used the
 * longest time ago.
 *
 * Each session counts in local memory, in places that a key finds without
 * searching, and hands its counts in with those of its tables (counters.c),
 * after BATCH executions of a shape, and when another shape needs the place.
 * Counting and looking
 * need no lock: all that executions touch are atomics.  A spinlock for each
 * set protects which shape has which place in it.  Counts that are handed in
 * while the shape is replaced may go to the new one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "queryresult/tally.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/keyhash.h"

#define N_SETS		128			/* a power of two */
#define SET_SIZE	8
#define N_SHARED	(N_SETS * SET_SIZE)

#define N_PLACES	256			/* a power of two */
#define BATCH		32
#define MEAN_OF		8

#define TALLY_TWEAK	UINT64CONST(0x74616c6c79)

typedef struct CsSharedTallies
{
	slock_t		lock[N_SETS];	/* protects which shape is where in the set */
	CsSharedTally shape[N_SHARED];	/* their own locks */
} CsSharedTallies;

static CsSharedTallies *tallies;
static CsTally places[N_PLACES];
static bool waiting = false;

CsTallyHook cs_tally_handed_in = NULL;

/* ----- shared memory ----- */

Size
cs_tally_shmem_size(void)
{
	return sizeof(CsSharedTallies);
}

static void
clear(CsSharedTally *shared)
{
	pg_atomic_write_u64(&shared->until, 0);
	pg_atomic_write_u64(&shared->skip, 0);
	pg_atomic_write_u64(&shared->measure, 0);
	pg_atomic_write_u64(&shared->mean, 0);
	pg_atomic_write_u64(&shared->bytes, 0);
	for (int i = 0; i < CS_N_TALLY; i++)
		pg_atomic_write_u64(&shared->count[i], 0);
	for (int i = 0; i < CS_TALLY_TABLES; i++)
	{
		pg_atomic_write_u64(&shared->falls[i].relid, 0);
		for (int c = 0; c < CS_N_FALLS; c++)
			pg_atomic_write_u64(&shared->falls[i].count[c], 0);
	}
	for (int i = 0; i < lengthof(shared->seen); i++)
		pg_atomic_write_u64(&shared->seen[i], 0);
	memset(shared->judged, 0, sizeof(shared->judged));
	shared->failures = 0;
	shared->loss = 0;
}

void
cs_tally_shmem_init(void)
{
	bool		found;

	tallies = ShmemInitStruct("cache_strategies statement shapes",
							  cs_tally_shmem_size(), &found);
	if (found)
		return;
	memset(tallies, 0, sizeof(CsSharedTallies));
	for (int i = 0; i < N_SETS; i++)
		SpinLockInit(&tallies->lock[i]);
	for (int i = 0; i < N_SHARED; i++)
	{
		CsSharedTally *shared = &tallies->shape[i];

		SpinLockInit(&shared->lock);
		pg_atomic_init_u64(&shared->key, 0);
		pg_atomic_init_u64(&shared->used, 0);
		clear(shared);
	}
}

/* All of them, those that are free included. */
CsSharedTally *
cs_tally_all(int *n)
{
	*n = N_SHARED;
	return tallies->shape;
}

/* ----- finding ----- */

/* Of the shape as the current role runs it in this database; never 0. */
uint64
cs_tally_key(uint64 jumble, bool candidate)
{
	struct
	{
		uint64		jumble;
		Oid			database;
		Oid			role;
		uint64		candidate;
	}			of = {jumble, MyDatabaseId, GetUserId(), candidate};
	uint64		key = cs_keyhash(&of, sizeof(of), TALLY_TWEAK);

	return key != 0 ? key : 1;
}

static CsSharedTally *
set_of(uint64 key)
{
	return &tallies->shape[(key & (N_SETS - 1)) * SET_SIZE];
}

static CsSharedTally *
find_shared(uint64 key)
{
	CsSharedTally *set = set_of(key);

	for (int i = 0; i < SET_SIZE; i++)
		if (pg_atomic_read_u64(&set[i].key) == key)
			return &set[i];
	return NULL;
}

/* One that is free, or the one that was used the longest time ago. */
static CsSharedTally *
choose(CsSharedTally *set)
{
	CsSharedTally *chosen = &set[0];

	for (int i = 0; i < SET_SIZE; i++)
	{
		if (pg_atomic_read_u64(&set[i].key) == 0)
			return &set[i];
		if (pg_atomic_read_u64(&set[i].used) < pg_atomic_read_u64(&chosen->used))
			chosen = &set[i];
	}
	return chosen;
}

static void
replace(CsSharedTally *shared, uint64 key, const char *text, int len)
{
	pg_atomic_write_u64(&shared->key, 0);
	pg_write_barrier();
	SpinLockAcquire(&shared->lock);
	clear(shared);
	shared->database = MyDatabaseId;
	shared->role = GetUserId();
	shared->since = GetCurrentStatementStartTimestamp();
	memcpy(shared->text, text, len);
	shared->len = len;
	SpinLockRelease(&shared->lock);
	pg_atomic_write_u64(&shared->used, cs_clock_now());
	pg_write_barrier();
	pg_atomic_write_u64(&shared->key, key);
}

/* The statement's own part of a text, without space around, not too long. */
static const char *
own_part(const char *text, int location, int *len)
{
	int			size = strlen(text);

	if (location < 0 || location > size)
		location = *len = 0;
	if (*len <= 0 || *len > size - location)
		*len = size - location;
	text	  +=location;

	while (*len > 0 && scanner_isspace(text[0]))
	{
		text	  ++;

		(*len)--;
	}
	while (*len > 0 && scanner_isspace(text[*len - 1]))
		(*len)--;
	if (*len > CS_TALLY_TEXT)
		*len = pg_mbcliplen(text, *len, CS_TALLY_TEXT);
	return text;
}

static CsSharedTally *
make_shared(uint64 key, const char *text, int location, int len)
{
	slock_t    *lock = &tallies->lock[key & (N_SETS - 1)];
	CsSharedTally *shared;

	text = own_part(text, location, &len);

	SpinLockAcquire(lock);
	shared = find_shared(key);
	if (shared == NULL)
	{
		shared = choose(set_of(key));
		replace(shared, key, text, len);
	}
	SpinLockRelease(lock);
	return shared;
}

/* ----- handing in ----- */

static void
hand_in(CsTally *tally)
{
	CsSharedTally *shared = tally->shared;

	if (pg_atomic_read_u64(&shared->key) == tally->key)
	{
		for (int i = 0; i < CS_N_TALLY; i++)
			if (tally->count[i] != 0)
				pg_atomic_fetch_add_u64(&shared->count[i], tally->count[i]);
		if (tally->skipped > 0)
			pg_atomic_fetch_sub_u64(&shared->skip, tally->skipped);
		pg_atomic_write_u64(&shared->used, cs_clock_now());
		if (cs_tally_handed_in != NULL)
			cs_tally_handed_in(shared);
	}
	memset(tally->count, 0, sizeof(tally->count));
	tally->pending = tally->skipped = 0;
}

static void
hand_in_all(void)
{
	if (waiting)
		for (int i = 0; i < N_PLACES; i++)
			if (places[i].key != 0 && places[i].pending > 0)
				hand_in(&places[i]);
	waiting = false;
}

void
cs_tally_init(void)
{
	cs_counters_join(hand_in_all);
}

/* ----- counting ----- */

static CsTally *
place_of(uint64 key)
{
	return &places[(key / N_SETS) & (N_PLACES - 1)];
}

/* NULL: the shape is not known. */
CsTally *
cs_tally_find(uint64 key)
{
	CsTally    *tally = place_of(key);
	CsSharedTally *shared;

	if (tally->key == key && pg_atomic_read_u64(&tally->shared->key) == key)
		return tally;
	shared = find_shared(key);
	if (shared == NULL)
		return NULL;
	if (tally->key != 0)
		hand_in(tally);
	tally->key = key;
	tally->shared = shared;
	tally->known = tally->planned = false;
	return tally;
}

CsTally *
cs_tally_make(uint64 key, const char *text, int location, int len)
{
	CsTally    *tally = cs_tally_find(key);

	if (tally != NULL)
		return tally;
	(void) make_shared(key, text, location, len);
	return cs_tally_find(key);
}

/*
 * Count something that goes with an execution.  What is added to a shape that
 * is not known is lost.
 */
void
cs_tally_add(uint64 key, CsTallyCount what, int64 n)
{
	CsTally    *tally = cs_tally_find(key);

	if (tally != NULL)
		tally->count[what] += n;
}

/*
 * Count an execution; last of what is counted with it.
 */
void
cs_tally_executed(uint64 key, CsTallyCount how)
{
	CsTally    *tally = cs_tally_find(key);

	if (tally == NULL)
		return;
	tally->count[how]++;
	tally->skipped += how == CS_TALLY_LEFT_ALONE;
	waiting = true;
	cs_counters_note();
	if (++tally->pending >= BATCH)
		hand_in(tally);
}

/* ----- what is counted at once ----- */

/* NULL: there are too many tables. */
static CsSharedFalls *
falls_of(CsSharedTally *shared, Oid relid)
{
	for (int i = 0; i < CS_TALLY_TABLES; i++)
	{
		CsSharedFalls *falls = &shared->falls[i];
		uint64		there = pg_atomic_read_u64(&falls->relid);

		if (there == 0 && pg_atomic_compare_exchange_u64(&falls->relid, &there, relid))
			return falls;
		/* after a failure it is what another session has put there */
		if (there == relid)
			return falls;
	}
	return NULL;
}

/*
 * A result was found that has fallen.
 */
void
cs_tally_fell(uint64 key, CsTallyCount how, Oid relid)
{
	CsTally    *tally = cs_tally_find(key);
	CsSharedFalls *falls;

	Assert(how >= CS_TALLY_FELL_VALUE && how <= CS_TALLY_FELL_EPOCH);
	if (tally == NULL)
		return;
	tally->count[how]++;
	falls = falls_of(tally->shared, relid);
	if (falls != NULL)
		pg_atomic_fetch_add_u64(&falls->count[how - CS_TALLY_FELL_VALUE], 1);
}

/* Note a table that a candidate reads. */
void
cs_tally_reads(uint64 key, Oid relid)
{
	CsTally    *tally = cs_tally_find(key);

	if (tally != NULL)
		(void) falls_of(tally->shared, relid);
}

/* The bits are cleared when half of them are set. */
static void
forget_seen(CsSharedTally *shared, uint64 hash)
{
	int			set = 0;

	/* the hash says when to look, one time out of sixteen */
	if (((hash >> 32) & 15) != 0)
		return;
	for (int i = 0; i < lengthof(shared->seen); i++)
		set += __builtin_popcountll(pg_atomic_read_u64(&shared->seen[i]));
	if (set < CS_TALLY_SEEN / 2)
		return;
	for (int i = 0; i < lengthof(shared->seen); i++)
		pg_atomic_write_u64(&shared->seen[i], 0);
}

/*
 * Was the candidate run with these values lately?  Notes them.
 */
bool
cs_tally_saw(uint64 key, uint64 values)
{
	CsTally    *tally = cs_tally_find(key);
	uint64		bit = UINT64CONST(1) << (values & 63);
	int			word = (values >> 6) % CS_TALLY_WORDS;

	if (tally == NULL)
		return false;
	if ((pg_atomic_fetch_or_u64(&tally->shared->seen[word], bit) & bit) != 0)
		return true;
	forget_seen(tally->shared, values);
	return false;
}

void
cs_tally_keeps(uint64 key, Size bytes)
{
	CsTally    *tally = cs_tally_find(key);

	if (tally != NULL)
		pg_atomic_write_u64(&tally->shared->bytes, bytes);
}

/*
 * A run took so long.  Of the mean, which two sessions may change at once, it
 * is a part of 1 / MEAN_OF.
 */
void
cs_tally_ran(uint64 key, int64 nanos)
{
	CsTally    *tally = cs_tally_find(key);
	int64		mean;

	if (tally == NULL)
		return;
	mean = (int64) pg_atomic_read_u64(&tally->shared->mean);
	mean = mean == 0 ? nanos : mean + (nanos - mean) / MEAN_OF;
	pg_atomic_write_u64(&tally->shared->mean, mean);
	tally->count[CS_TALLY_RUN] += nanos;
	tally->count[CS_TALLY_RUNS]++;
}

/* Nanoseconds that computing takes; 0: not known. */
int64
cs_tally_mean_run(uint64 key)
{
	CsTally    *tally = cs_tally_find(key);

	return tally != NULL ? (int64) pg_atomic_read_u64(&tally->shared->mean) : 0;
}

/*
 * Forget this database's shapes.  What other sessions have not handed in yet
 * is lost.
 */
void
cs_tally_reset(void)
{
	hand_in_all();
	for (int i = 0; i < N_SHARED; i++)
	{
		CsSharedTally *shared = &tallies->shape[i];
		slock_t    *lock = &tallies->lock[i / SET_SIZE];

		SpinLockAcquire(lock);
		if (shared->database == MyDatabaseId)
			pg_atomic_write_u64(&shared->key, 0);
		SpinLockRelease(lock);
	}
}
