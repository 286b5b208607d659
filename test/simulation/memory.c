/*-------------------------------------------------------------------------
 *
 * memory.c
 *		Shared memory whose accesses are seen, and may be reordered.
 *
 * The compiler calls a function before each plain access (-fsanitize=thread,
 * whose library is replaced by this file); instrument.h has the others.
 *
 * Late stores: what a backend has stored is listed with what was there before.
 * When another backend runs, what is still listed is taken back, and put there
 * again later.  A store leaves the list at any time, but not before an older
 * one of the same place, or one before a write barrier.  A full barrier, and
 * each lock, empties the list.
 *
 * Early loads: all stores are logged.  A load may return what was there at any
 * time since the backend's last read barrier, but nothing older than what it
 * has read or written at that place.  The old bytes are put there for the
 * load, and taken away at the backend's next access.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>

#include "simulation.h"

#define MEMORY_SIZE	(8 * 1024 * 1024)
#define MAX_STORES	64
#define MAX_LOG		1024		/* a power of two */
#define MAX_SEEN	4096		/* a power of two */
#define WIDEST		16

typedef struct Store
{
	char	   *at;
	int			size;
	int			epoch;			/* write barriers before it */
	char		other[WIDEST];	/* what was there before; while another
								 * backend runs, what was stored */
} Store;

typedef struct Logged
{
	char	   *at;
	int			size;
	uint64		time;
	char		before[WIDEST];
} Logged;

typedef struct Seen
{
	uint64		word;
	uint64		time;
} Seen;

static char *memory = NULL;
static Size used;
static Ordering order;

static Store stores[MAX_BACKENDS][MAX_STORES];
static int	nstores[MAX_BACKENDS];
static int	epochs[MAX_BACKENDS];

static Logged logged[MAX_LOG];
static uint64 nlogged;
static uint64 barrier[MAX_BACKENDS];	/* nlogged at the last read barrier */
static Seen seen[MAX_BACKENDS][MAX_SEEN];
static char *stale_at;			/* NULL: nothing is to be put back */
static int	stale_size;
static char stale_now[WIDEST];

static void put_back(void);

void
sim_memory_init(void)
{
	if (memory == NULL)
		memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	used = 0;
	order = ORDER_CONSISTENT;
	memset(nstores, 0, sizeof(nstores));
	memset(epochs, 0, sizeof(epochs));
	memset(barrier, 0, sizeof(barrier));
	memset(seen, 0, sizeof(seen));
	nlogged = 0;
	stale_at = NULL;
}

/* From now on, when one backend runs that has stored nothing. */
void
sim_memory_order(Ordering ordering)
{
	put_back();
	memset(nstores, 0, sizeof(nstores));
	order = ordering;
}

/* Garbage, since a server does not promise zeroes either. */
void *
sim_memory_take(Size size)
{
	char	   *start = memory + TYPEALIGN(128, used);

	used = TYPEALIGN(128, used) + size;
	if (used > MEMORY_SIZE)
		fail("%zu bytes of shared memory", used);
	memset(start, 0x5a, size);
	return start;
}

static inline bool
is_shared(const volatile void *at)
{
	return (char *) at >= memory && (char *) at < memory + used;
}

/* ----- late stores ----- */

static void
exchange(Store *store)
{
	char		there[WIDEST];

	memcpy(there, store->at, store->size);
	memcpy(store->at, store->other, store->size);
	memcpy(store->other, there, store->size);
}

static bool
overlaps(const Store *a, const Store *b)
{
	return a->at < b->at + b->size && b->at < a->at + a->size;
}

/* Let one of the stores be seen, if no other one has to be before it. */
static void
drain_one(int backend)
{
	Store	   *list = stores[backend];
	int			n = nstores[backend];
	int			i = (int) sim_random(n);

	for (int j = 0; j < i; j++)
		if (list[j].epoch != list[i].epoch || overlaps(&list[j], &list[i]))
		{
			i = 0;
			break;
		}
	memmove(&list[i], &list[i + 1], (n - i - 1) * sizeof(Store));
	nstores[backend]--;
}

static void
note_store(char *at, int size)
{
	Store	   *store;

	if (nstores[sim_backend] == MAX_STORES)
		drain_one(sim_backend);
	store = &stores[sim_backend][nstores[sim_backend]++];
	store->at = at;
	store->size = size;
	store->epoch = epochs[sim_backend];
	memcpy(store->other, at, size);
}

/* Another backend runs: what is not seen yet is taken back. */
void
sim_memory_leave(int backend)
{
	put_back();
	if (order != ORDER_LATE_STORES)
		return;
	while (nstores[backend] > 0 && sim_random(4) == 0)
		drain_one(backend);
	for (int i = nstores[backend] - 1; i >= 0; i--)
		exchange(&stores[backend][i]);
}

void
sim_memory_enter(int backend)
{
	if (order != ORDER_LATE_STORES)
		return;
	for (int i = 0; i < nstores[backend]; i++)
		exchange(&stores[backend][i]);
}

/* ----- early loads ----- */

static Seen *
seen_of(const char *at)
{
	uint64		word = (uint64) (at - memory) / 8 + 1;
	Seen	   *place = &seen[sim_backend][(word * 0x9e3779b1) & (MAX_SEEN - 1)];

	if (place->word != word)
	{
		/* of two words one is forgotten: nothing old is loaded from it */
		place->time = place->word == 0 ? 0 : nlogged;
		place->word = word;
	}
	return place;
}

static void
log_store(char *at, int size)
{
	Logged	   *entry = &logged[nlogged & (MAX_LOG - 1)];

	entry->at = at;
	entry->size = size;
	memcpy(entry->before, at, size);
	nlogged++;
	seen_of(at)->time = nlogged;
}

/* The next access of the backend that has loaded something old. */
static void
put_back(void)
{
	if (stale_at == NULL)
		return;
	memcpy(stale_at, stale_now, stale_size);
	stale_at = NULL;
}

static void
load_early(char *at, int size)
{
	Seen	   *place = seen_of(at);
	uint64		oldest = Max(barrier[sim_backend], place->time);
	uint64		time;

	if (size > 8 || ((uintptr_t) at & 7) + size > 8)
		return;
	oldest = Max(oldest, nlogged > MAX_LOG / 2 ? nlogged - MAX_LOG / 2 : 0);
	time = sim_random(2) == 0 ? oldest : oldest + sim_random(nlogged - oldest + 1);
	place->time = time;
	if (time == nlogged || sim_random(2) == 0)
	{
		place->time = nlogged;
		return;
	}
	stale_at = at;
	stale_size = size;
	memcpy(stale_now, at, size);
	for (uint64 i = nlogged; i-- > time;)
	{
		Logged	   *entry = &logged[i & (MAX_LOG - 1)];

		for (int b = 0; b < entry->size; b++)
			if (entry->at + b >= at && entry->at + b < at + size)
				entry->at[b] = entry->before[b];
	}
}

/* ----- accesses ----- */

/* Returns false if the memory is not shared, so that nothing is to be done. */
static bool
begin_access(const char *at)
{
	if (!is_shared(at))
		return false;
	put_back();
	sim_step();
	return true;
}

static void
before_load(const volatile void *address, int size)
{
	char	   *at = (char *) address;

	if (begin_access(at) && order == ORDER_EARLY_LOADS)
		load_early(at, size);
}

static void
before_store(volatile void *address, int size)
{
	char	   *at = (char *) address;

	if (!begin_access(at))
		return;
	if (order == ORDER_LATE_STORES)
		note_store(at, size);
	else if (order == ORDER_EARLY_LOADS)
		log_store(at, size);
}

/* 'changed' is changed by the atomic operation that follows, or NULL. */
void
sim_full_barrier(const volatile void *changed)
{
	put_back();
	sim_step();
	nstores[sim_backend] = 0;
	barrier[sim_backend] = nlogged;
	if (changed != NULL && order == ORDER_EARLY_LOADS && is_shared(changed))
	{
		log_store((char *) changed, 8);
		barrier[sim_backend] = nlogged;
	}
}

extern void sim_write_barrier(void);
extern void sim_memcpy(void *to, const void *from, size_t n);
extern int	sim_memcmp(const void *a, const void *b, size_t n);
extern void sim_memset(void *to, int c, size_t n);

void
sim_read_barrier(void)
{
	put_back();
	sim_step();
	barrier[sim_backend] = nlogged;
}

void
sim_write_barrier(void)
{
	put_back();
	sim_step();
	epochs[sim_backend]++;
}

/* Eight bytes at a time, where 'to' or 'from' are aligned. */
void
sim_memcpy(void *to, const void *from, size_t n)
{
	char	   *t = to;
	const char *f = from;

	if (!is_shared(to) && !is_shared(from))
	{
		memmove(to, from, n);
		return;
	}
	while (n > 0)
	{
		const char *aligned = is_shared(f) ? f : t;
		Size		part = Min(8 - ((uintptr_t) aligned & 7), n);
		char		word[8];

		before_load(f, part);
		memcpy(word, f, part);
		before_store(t, part);
		memcpy(t, word, part);
		t += part;
		f += part;
		n -= part;
	}
}

int
sim_memcmp(const void *a, const void *b, size_t n)
{
	before_load(a, 8);
	put_back();
	before_load(b, 8);
	put_back();
	return memcmp(a, b, n);
}

void
sim_memset(void *to, int c, size_t n)
{
	char	   *t = to;

	if (is_shared(to))
		for (Size i = 0; i < n; i += 8)
			before_store(t + i, Min(8, n - i));
	memset(to, c, n);
}

/* ----- called by the compiler ----- */

#define SEEN_BY_COMPILER(size) \
	extern void __tsan_read##size(void *at); \
	extern void __tsan_write##size(void *at); \
	extern void __tsan_unaligned_read##size(void *at); \
	extern void __tsan_unaligned_write##size(void *at); \
	void __tsan_read##size(void *at) { before_load(at, size); } \
	void __tsan_write##size(void *at) { before_store(at, size); } \
	void __tsan_unaligned_read##size(void *at) { before_load(at, size); } \
	void __tsan_unaligned_write##size(void *at) { before_store(at, size); }

SEEN_BY_COMPILER(1)
SEEN_BY_COMPILER(2)
SEEN_BY_COMPILER(4)
SEEN_BY_COMPILER(8)
SEEN_BY_COMPILER(16)

extern void __tsan_read_range(void *at, long size);
extern void __tsan_write_range(void *at, long size);
extern void __tsan_init(void);
extern void __tsan_func_entry(void *pc);
extern void __tsan_func_exit(void *pc);

void
__tsan_read_range(void *at, long size)
{
	for (long i = 0; i < size; i += 8)
		before_load((char *) at + i, Min(8, size - i));
}

void
__tsan_write_range(void *at, long size)
{
	for (long i = 0; i < size; i += 8)
		before_store((char *) at + i, Min(8, size - i));
}

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *pc)
{
}

void
__tsan_func_exit(void *pc)
{
}

/* Of atomic operations, which instrument.h has announced, what the compiler makes. */
#define ATOMIC_BY_COMPILER(bits) \
	extern uint##bits __tsan_atomic##bits##_fetch_add(volatile uint##bits *at, uint##bits value, int order); \
	extern uint##bits __tsan_atomic##bits##_fetch_sub(volatile uint##bits *at, uint##bits value, int order); \
	extern uint##bits __tsan_atomic##bits##_fetch_and(volatile uint##bits *at, uint##bits value, int order); \
	extern uint##bits __tsan_atomic##bits##_fetch_or(volatile uint##bits *at, uint##bits value, int order); \
	extern uint##bits __tsan_atomic##bits##_exchange(volatile uint##bits *at, uint##bits value, int order); \
	extern int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits *at, uint##bits *expected, \
															 uint##bits value, int order, int failed); \
	uint##bits __tsan_atomic##bits##_fetch_add(volatile uint##bits *at, uint##bits value, int order) \
	{ uint##bits old = *at; *at = old + value; return old; } \
	uint##bits __tsan_atomic##bits##_fetch_sub(volatile uint##bits *at, uint##bits value, int order) \
	{ uint##bits old = *at; *at = old - value; return old; } \
	uint##bits __tsan_atomic##bits##_fetch_and(volatile uint##bits *at, uint##bits value, int order) \
	{ uint##bits old = *at; *at = old & value; return old; } \
	uint##bits __tsan_atomic##bits##_fetch_or(volatile uint##bits *at, uint##bits value, int order) \
	{ uint##bits old = *at; *at = old | value; return old; } \
	uint##bits __tsan_atomic##bits##_exchange(volatile uint##bits *at, uint##bits value, int order) \
	{ uint##bits old = *at; *at = value; return old; } \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits *at, uint##bits *expected, \
													  uint##bits value, int order, int failed) \
	{ \
		uint##bits old = *at; \
		bool	same = old == *expected; \
		\
		if (same) \
			*at = value; \
		*expected = old; \
		return same; \
	}

ATOMIC_BY_COMPILER(32)
ATOMIC_BY_COMPILER(64)
