/*-------------------------------------------------------------------------
 *
 * t_policy.c
 *		What the store makes of its memory: overhead, speed and hit ratio.
 *
 * The hit ratio is compared with an exact S3-FIFO and an LRU that hold as many
 * entries as the store does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "guc.h"
#include "unit.h"

#define VALUE_LEN		100
#define ZIPF_KEYS		500000
#define ZIPF_READS		3000000

static CsInstall
install(int id, Size len)
{
	CsKey		key = {cs_mix(id + 1), 0, sizeof(id), (const char *) &id};
	CsMeta		meta = {0};

	return cs_store_install(&key, &meta, unit_pool, len, 0, NULL, NULL);
}

static bool
lookup(int id)
{
	CsKey		key = {cs_mix(id + 1), 0, sizeof(id), (const char *) &id};
	CsFound		found;

	if (cs_store_lookup(&key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		return false;
	pfree(found.value);
	return true;
}

/* Bytes of the store's memory that are neither key nor value, per entry. */
static double
overhead(Size len, int entry_size)
{
	CsStoreInfo info;
	int			i;

	cs_typical_entry = entry_size;
	shim_new_store(32, 0, 64);
	cs_typical_entry = 64;
	for (i = 0; i < 32 * UNIT_MB / (len + 40); i++)
		install(i, len);
	cs_store_info(&info);
	return (double) info.memory / info.usage.entries - len;
}

void
test_overhead(void)
{
	static const int lens[] = {16, 40, 200, 1000};
	double		typical = overhead(VALUE_LEN, 64);
	double		fixed[lengthof(lens)];
	double		fitted[lengthof(lens)];
	int			i;

	for (i = 0; i < lengthof(lens); i++)
	{
		fixed[i] = overhead(lens[i], 64);
		fitted[i] = overhead(lens[i], lens[i] + (int) sizeof(int));
		expect(fitted[i] <= 64 + sizeof(int));
	}
	expect(typical <= 64);
	unit_ok("overhead", "%.1f B an entry, keys included, with values of 100 B; "
			"%.1f with 16 B, %.1f with 40 B, %.1f with 200 B, %.1f with 1000 B; "
			"%.1f, %.1f, %.1f and %.1f in a store for entries of that size",
			typical, fixed[0], fixed[1], fixed[2], fixed[3],
			fitted[0], fitted[1], fitted[2], fitted[3]);
}

/* A queue of key numbers in a ring; for the simulations. */
typedef struct Queue
{
	int		   *id;
	int			head;
	int			len;
} Queue;

static void
push(Queue *q, int id)
{
	q->id[(q->head + q->len++) % ZIPF_KEYS] = id;
}

static int
pop(Queue *q)
{
	int			id = q->id[q->head];

	q->head = (q->head + 1) % ZIPF_KEYS;
	q->len--;
	return id;
}

typedef struct S3
{
	int			capacity;
	Queue		fifo[3];		/* small, main, ghost */
	char	   *where;			/* 0: nowhere, else 1 + number of the queue */
	char	   *freq;
} S3;

static void
s3_evict(S3 *s)
{
	while (s->fifo[0].len + s->fifo[1].len >= s->capacity)
	{
		int			q = s->fifo[0].len > s->capacity / 10 ? 0 : 1;
		int			id = pop(&s->fifo[q]);

		if (s->freq[id] > 0)
		{
			s->freq[id] = q == 0 ? 0 : s->freq[id] - 1;
			s->where[id] = 2;
			push(&s->fifo[1], id);
			continue;
		}
		s->where[id] = q == 0 ? 3 : 0;
		if (q == 1)
			continue;
		push(&s->fifo[2], id);
		if (s->fifo[2].len > s->capacity * 9 / 10)
		{
			id = pop(&s->fifo[2]);
			if (s->where[id] == 3)
				s->where[id] = 0;
		}
	}
}

static bool
s3_read(S3 *s, int id)
{
	bool		ghost = s->where[id] == 3;

	if (s->where[id] == 1 || s->where[id] == 2)
	{
		s->freq[id] = Min(s->freq[id] + 1, 3);
		return true;
	}
	s3_evict(s);
	s->freq[id] = 0;
	s->where[id] = ghost ? 2 : 1;
	push(&s->fifo[ghost ? 1 : 0], id);
	return false;
}

static double
s3_ratio(const int *reads, int capacity)
{
	S3			s = {capacity};
	int64		hits = 0;
	int			i;

	for (i = 0; i < 3; i++)
		s.fifo[i].id = calloc(ZIPF_KEYS, sizeof(int));
	s.where = calloc(ZIPF_KEYS, 1);
	s.freq = calloc(ZIPF_KEYS, 1);
	for (i = 0; i < ZIPF_READS; i++)
		hits += s3_read(&s, reads[i]);
	for (i = 0; i < 3; i++)
		free(s.fifo[i].id);
	free(s.where);
	free(s.freq);
	return 100.0 * hits / ZIPF_READS;
}

/* LRU as a list through arrays; number ZIPF_KEYS is its anchor. */
static double
lru_ratio(const int *reads, int capacity)
{
	int		   *next = calloc(ZIPF_KEYS + 1, sizeof(int));
	int		   *prev = calloc(ZIPF_KEYS + 1, sizeof(int));
	char	   *in = calloc(ZIPF_KEYS, 1);
	int			n = 0;
	int64		hits = 0;
	int			i;

	next[ZIPF_KEYS] = prev[ZIPF_KEYS] = ZIPF_KEYS;
	for (i = 0; i < ZIPF_READS; i++)
	{
		int			id = reads[i];
		int			out = in[id] ? id : n == capacity ? prev[ZIPF_KEYS] : -1;

		hits += in[id];
		if (out >= 0)
		{
			next[prev[out]] = next[out];
			prev[next[out]] = prev[out];
			in[out] = false;
			n--;
		}
		next[id] = next[ZIPF_KEYS];
		prev[id] = ZIPF_KEYS;
		prev[next[id]] = id;
		next[ZIPF_KEYS] = id;
		in[id] = true;
		n++;
	}
	free(next);
	free(prev);
	free(in);
	return 100.0 * hits / ZIPF_READS;
}

/* Keys by popularity: the n-th with probability proportional to n^-0.99. */
static int *
zipf_reads(void)
{
	double	   *upto = malloc(ZIPF_KEYS * sizeof(double));
	int		   *reads = malloc(ZIPF_READS * sizeof(int));
	uint64		random = 99;
	double		sum = 0;
	int			i;

	for (i = 0; i < ZIPF_KEYS; i++)
		upto[i] = sum += pow(i + 1, -0.99);
	for (i = 0; i < ZIPF_READS; i++)
	{
		double		u = (unit_random(&random) >> 11) / 9007199254740992.0 * sum;
		int			low = 0;
		int			high = ZIPF_KEYS - 1;

		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (upto[middle] < u)
				low = middle + 1;
			else
				high = middle;
		}
		reads[i] = low;
	}
	free(upto);
	return reads;
}

static void
zipf(const int *reads, int memory_mb)
{
	int64		hits = 0;
	double		start;
	double		ratio;
	double		s3;
	double		hit_ns;
	int			entries;
	int			i;
	CsStoreInfo info;

	shim_new_store(memory_mb, 0, 64);
	start = unit_clock();
	for (i = 0; i < ZIPF_READS; i++)
	{
		if (lookup(reads[i]))
			hits++;
		else
			expect(install(reads[i], VALUE_LEN) == CS_INSTALL_DONE);
	}
	start = unit_clock() - start;
	cs_store_info(&info);
	unit_consistent();
	entries = (int) info.usage.entries;

	/* a few keys only: what a hot hit costs */
	for (i = 0; i < 100; i++)
		install(i, VALUE_LEN);
	hit_ns = unit_clock();
	for (i = 0; i < 1000000; i++)
		expect(lookup(i % 100));
	hit_ns = (unit_clock() - hit_ns) * 1e9 / 1000000;

	ratio = 100.0 * hits / ZIPF_READS;
	s3 = s3_ratio(reads, entries);
	expect(ratio > s3 - 1.0);
	unit_ok("zipf", "%d MB, %d entries of %d keys: %.2f %% hits; exact S3-FIFO %.2f %%, "
			"LRU %.2f %%; %.0f ns an operation, %.0f ns a hot hit",
			memory_mb, entries, ZIPF_KEYS, ratio, s3, lru_ratio(reads, entries),
			start * 1e9 / ZIPF_READS, hit_ns);
}

/*
 * Every fifth read finds that the key was just changed, and its value is of
 * another size than before.  That leaves dead space in the logs, which must
 * not cost live entries.
 */
static void
churn(const int *reads)
{
	uint64		random = 3;
	int64		hits = 0;
	int64		unchanged = 0;
	int			i;

	shim_new_store(8, 0, 64);
	for (i = 0; i < ZIPF_READS; i++)
	{
		uint64		r = unit_random(&random);

		if (r % 5 == 0)
			cs_store_unlink(0, cs_mix(reads[i] + 1));
		else
			unchanged++;
		if (lookup(reads[i]))
			hits++;
		else
			expect(install(reads[i], VALUE_LEN / 2 + (r >> 32) % VALUE_LEN) ==
				   CS_INSTALL_DONE);
	}
	unit_consistent();
	unit_ok("churn", "8 MB, zipf with a fifth of the reads after a change: "
			"%.2f %% hits of the others", 100.0 * hits / unchanged);
}

void
test_zipf(void)
{
	int		   *reads = zipf_reads();

	zipf(reads, 1);
	zipf(reads, 8);
	zipf(reads, 32);
	churn(reads);
	free(reads);
}
