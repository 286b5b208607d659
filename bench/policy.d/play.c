/*-------------------------------------------------------------------------
 *
 * play.c
 *		Play requests to the store itself, with the policy that is linked in.
 *
 *	 play run FILE MB		a miss is installed; prints miss_ratio, ns of an operation,
 *							how many values were too_large for a partition, and
 *							live_bytes, of the records in the full store
 *	 play time FILE MB		what a single install takes
 *	 play fill MB			the same while the store is not yet full
 *	 play overhead LEN MB ENTRY	fill it with values of one size: where the memory goes; ENTRY is
 *							the setting, 0: its default
 *
 * The store runs without a server, as in test/unit.  ns: processor time of the
 * loop less that of a loop that only goes through the requests.  Its clock is
 * the shim's, so the call of clock_gettime() in an install is not in it.
 *
 * A single install is timed on the wall, three times over with the same requests;
 * of each install the fastest counts, since the work is the same each time and
 * interruptions are not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdarg.h>
#include <time.h>

#include "guc.h"
#include "requests.h"
#include "unit.h"

#undef printf
#undef fprintf
#undef vprintf
#undef vfprintf
#undef qsort

#define PASSES		3
#define MAX_TABLES	1024		/* the default */

extern int	__real_clock_gettime(clockid_t clock, struct timespec *t);

static char *value;				/* as long as the longest */
static uint32 too_large = 0;

void
unit_fail(const char *file, int line, const char *fmt,...)
{
	va_list		args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	_exit(1);
}

uint64
unit_random(uint64 *state)
{
	return 0;
}

static double
seconds(clockid_t clock)
{
	struct timespec t;

	__real_clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline bool
lookup(uint64 id, uint32 size)
{
	CsKey		key = {cs_mix(id + 1), 0, KEY_LEN, (const char *) &id};
	CsFound		found;
	uint32		head;

	if (cs_store_lookup(&key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		return false;
	memcpy(&head, found.value, sizeof(head));
	if (found.len != size || head != (uint32) id)
		fail("wrong value of key %u", (unsigned) id);
	pfree(found.value);
	return true;
}

static inline void
install(uint64 id, uint32 size)
{
	CsKey		key = {cs_mix(id + 1), 0, KEY_LEN, (const char *) &id};
	CsMeta		meta = {0};
	uint32		head = (uint32) id;
	CsInstall	result;

	memcpy(value, &head, sizeof(head));
	result = cs_store_install(&key, &meta, value, size, 0, NULL, NULL);
	if (result == CS_INSTALL_TOO_LARGE)
		too_large++;
	else if (result != CS_INSTALL_DONE)
		fail("no room for %u bytes", size);
}

static Requests
prepare(const char *path)
{
	Requests	r = read_requests(path);
	uint32		most = sizeof(uint32);
	uint32		i;

	for (i = 0; i < r.nkeys; i++)
		most = Max(most, r.size[i]);
	value = malloc(most);
	memset(value, 'x', most);
	return r;
}

static void
check(void)
{
	char		msg[256];

	if (!cs_store_check(msg, sizeof(msg)))
		fail("%s", msg);
}

static double
empty_loop(const Requests *r)
{
	double		start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	volatile uint32 sink;
	uint32		i;

	for (i = 0; i < r->n; i++)
		sink = r->size[r->key[i]];
	(void) sink;
	return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static void
run(const char *path, int mb)
{
	Requests	r = prepare(path);
	double		empty = empty_loop(&r);
	double		start;
	uint64		live = 0;
	uint32		samples = 0;
	uint32		misses = 0;
	uint32		i;

	shim_new_store(mb, 0, MAX_TABLES);
	start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (i = 0; i < r.n; i++)
	{
		uint32		id = r.key[i];
		uint32		size = r.size[id];

		if (!lookup(id, size))
		{
			misses++;
			install(id, size);
		}
		if (i >= r.n / 2 && (i & 4095) == 0)
		{
			CsStoreInfo info;

			cs_store_info(&info);
			live += info.usage.bytes;
			samples++;
		}
	}
	start = seconds(CLOCK_PROCESS_CPUTIME_ID) - start - empty;
	check();
	printf("miss_ratio %.6f\n", (double) misses / r.n);
	printf("ns %.1f\n", start * 1e9 / r.n);
	printf("too_large %u\n", too_large);
	printf("live_bytes %.0f\n", (double) live / samples);
}

static int
by_value(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/* The percentiles of so many times, in ns. */
static void
print_times(uint32 *times, uint32 n)
{
	qsort(times, n, sizeof(uint32), by_value);
	printf("installs %u\n", n);
	printf("install_p50_ns %u\n", times[n / 2]);
	printf("install_p999_ns %u\n", times[(uint64) n * 999 / 1000]);
	printf("install_max_ns %u\n", times[n - 1]);
}

static inline void
timed_install(uint32 id, uint32 size, uint32 *fastest)
{
	double		start = seconds(CLOCK_MONOTONIC);
	uint32		took;

	install(id, size);
	took = (uint32) ((seconds(CLOCK_MONOTONIC) - start) * 1e9);
	*fastest = Min(*fastest, took);
}

/* Installs once the first eviction has been. */
static void
time_full(const char *path, int mb)
{
	Requests	r = prepare(path);
	uint32	   *times = malloc(r.n * sizeof(uint32));
	uint32		n = 0;
	int			pass;
	uint32		i;

	memset(times, 0xff, r.n * sizeof(uint32));
	for (pass = 0; pass < PASSES; pass++)
	{
		CsStoreInfo info = {0};

		shim_new_store(mb, 0, MAX_TABLES);
		for (n = i = 0; i < r.n; i++)
		{
			uint32		id = r.key[i];

			if (lookup(id, r.size[id]))
				continue;
			if (info.usage.evictions == 0)
			{
				install(id, r.size[id]);
				cs_store_info(&info);
			}
			else
				timed_install(id, r.size[id], &times[n++]);
		}
	}
	if (n == 0)
		fail("the store has not become full");
	print_times(times, n);
}

static void
time_filling(int mb)
{
	uint32		n = mb * (UNIT_MB / 400);
	uint32	   *times = malloc(n * sizeof(uint32));
	CsStoreInfo info;
	int			pass;
	uint32		i;

	value = calloc(1, 100);
	memset(times, 0xff, n * sizeof(uint32));
	for (pass = 0; pass < PASSES; pass++)
	{
		shim_new_store(mb, 0, MAX_TABLES);
		for (i = 0; i < n; i++)
			timed_install(i, 100, &times[i]);
	}
	cs_store_info(&info);
	if (info.usage.evictions != 0)
		fail("the store has become full");
	print_times(times, n);
}

/* Of an entry: all that is neither key nor value, and what it is. */
static void
overhead(uint32 len, int mb, int entry_size)
{
	CsStoreInfo info;
	uint64		installs = mb * UNIT_MB * 2 / (len + 40);
	double		index;
	double		ghosts;
	double		area;
	double		n;
	uint64		i;

	value = calloc(1, len);
	if (entry_size > 0)
		cs_typical_entry = entry_size;
	shim_new_store(mb, 0, MAX_TABLES);
	for (i = 0; i < installs; i++)
		install(i, len);
	cs_store_info(&info);
	check();
	n = (double) info.usage.entries;
	index = (double) info.partitions * cs_store.nbuckets * CS_BUCKET_SIZE;
	ghosts = (double) info.partitions * cs_store.nghosts * CS_GHOST_WAYS * sizeof(uint16);
	area = (double) info.value_memory;
	printf("overhead_bytes %.2f\n", info.memory / n - len - KEY_LEN);
	printf("header_bytes %zu\n", sizeof(CsRecord));
	printf("padding_bytes %.2f\n", info.usage.bytes / n - sizeof(CsRecord) - KEY_LEN - len);
	printf("index_bytes %.2f\n", index / n);
	printf("ghost_bytes %.2f\n", ghosts / n);
	printf("dead_bytes %.2f\n", (area - info.usage.bytes) / n);
	printf("rest_bytes %.2f\n", (info.memory - index - ghosts - area) / n);
	printf("entries %.0f\n", n);
	printf("slots_used %.3f\n", n / (index / CS_BUCKET_SIZE * CS_BUCKET_SLOTS));
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "run") == 0)
		run(argv[2], atoi(argv[3]));
	else if (argc == 4 && strcmp(argv[1], "time") == 0)
		time_full(argv[2], atoi(argv[3]));
	else if (argc == 3 && strcmp(argv[1], "fill") == 0)
		time_filling(atoi(argv[2]));
	else if (argc == 5 && strcmp(argv[1], "overhead") == 0)
		overhead(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else
		fail("usage: play run FILE MB | time FILE MB | fill MB | overhead LEN MB ENTRY");
	return 0;
}
