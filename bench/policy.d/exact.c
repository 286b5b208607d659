/*-------------------------------------------------------------------------
 *
 * exact.c
 *		Exact simulations of policies, with lists and without partitions:
 *		exact POLICY BYTES FILE [EXTRA]
 *
 * An entry takes what its record takes in the store: header of 40 bytes, key,
 * value, padding; and EXTRA bytes.  Prints the miss ratio.
 *
 * lru, clock (one bit), sieve, and S3-FIFO as published: a tenth of the bytes is
 * the small queue, reads are counted up to three, an entry of the small queue
 * goes on to the main queue if it was read more than once (s3fifo) or at all
 * (s3fifo1); the ghost remembers as many bytes of entries as the main queue may
 * hold.  An entry larger than everything is not admitted.
 *
 *-------------------------------------------------------------------------
 */
#include "requests.h"

#define NOBODY	UINT32_MAX

#define Min(x, y)	((x) < (y) ? (x) : (y))

/* Which list an entry is in. */
enum
{
	NOWHERE,
	FIRST,						/* the small queue, or the only one */
	MAIN,
	GHOST
};

typedef struct Entry
{
	uint32_t	newer;
	uint32_t	older;
	uint32_t	size;
	uint8_t		list;
	uint8_t		freq;
} Entry;

typedef struct List
{
	uint32_t	newest;
	uint32_t	oldest;
	uint64_t	bytes;
} List;

static Entry *entry;
static List list[4];
static uint64_t capacity;

static void
push(int l, uint32_t id)
{
	Entry	   *e = &entry[id];

	e->list = l;
	e->newer = NOBODY;
	e->older = list[l].newest;
	if (e->older != NOBODY)
		entry[e->older].newer = id;
	else
		list[l].oldest = id;
	list[l].newest = id;
	list[l].bytes += e->size;
}

static void
take(uint32_t id)
{
	Entry	   *e = &entry[id];
	List	   *l = &list[e->list];

	if (e->newer != NOBODY)
		entry[e->newer].older = e->older;
	else
		l->newest = e->older;
	if (e->older != NOBODY)
		entry[e->older].newer = e->newer;
	else
		l->oldest = e->newer;
	l->bytes -= e->size;
	e->list = NOWHERE;
}

/* --- LRU, CLOCK, SIEVE: one queue -------------------------------------- */

static void
lru_hit(uint32_t id)
{
	take(id);
	push(FIRST, id);
}

static void
lru_evict(void)
{
	take(list[FIRST].oldest);
}

static void
mark(uint32_t id)
{
	entry[id].freq = 1;
}

static void
clock_evict(void)
{
	for (;;)
	{
		uint32_t	id = list[FIRST].oldest;

		take(id);
		if (!entry[id].freq)
			return;
		entry[id].freq = 0;
		push(FIRST, id);
	}
}

static uint32_t hand = NOBODY;

static void
sieve_evict(void)
{
	uint32_t	id = hand != NOBODY ? hand : list[FIRST].oldest;

	while (entry[id].freq)
	{
		entry[id].freq = 0;
		id = entry[id].newer != NOBODY ? entry[id].newer : list[FIRST].oldest;
	}
	hand = entry[id].newer;
	take(id);
}

static void
insert(uint32_t id)
{
	entry[id].freq = 0;
	push(FIRST, id);
}

/* --- S3-FIFO ------------------------------------------------------------ */

static int	worth = 2;			/* reads that promote */

static void
s3fifo_hit(uint32_t id)
{
	entry[id].freq = Min(entry[id].freq + 1, 3);
}

static void
s3fifo_evict(void)
{
	int			from = list[FIRST].bytes > capacity / 10 ||
		list[MAIN].oldest == NOBODY ? FIRST : MAIN;
	uint32_t	id = list[from].oldest;

	take(id);
	if (from == FIRST && entry[id].freq >= worth)
	{
		entry[id].freq = 0;
		push(MAIN, id);
	}
	else if (from == MAIN && entry[id].freq > 0)
	{
		entry[id].freq--;
		push(MAIN, id);
	}
	else if (from == FIRST)
	{
		push(GHOST, id);
		while (list[GHOST].bytes > capacity / 10 * 9)
			take(list[GHOST].oldest);
	}
}

static void
s3fifo_insert(uint32_t id)
{
	int			to = entry[id].list == GHOST ? MAIN : FIRST;

	if (to == MAIN)
		take(id);
	entry[id].freq = 0;
	push(to, id);
}

static const struct
{
	const char *name;
	void		(*hit) (uint32_t id);
	void		(*evict) (void);
	void		(*insert) (uint32_t id);
}			policies[] =

{
	{"lru", lru_hit, lru_evict, insert},
	{"clock", mark, clock_evict, insert},
	{"sieve", mark, sieve_evict, insert},
	{"s3fifo", s3fifo_hit, s3fifo_evict, s3fifo_insert},
	{"s3fifo1", s3fifo_hit, s3fifo_evict, s3fifo_insert}
};

int
main(int argc, char **argv)
{
	Requests	r;
	uint32_t	misses = 0;
	size_t		extra;
	int			p = 0;
	uint32_t	i;

	if (argc < 4)
		errx(1, "usage: exact POLICY BYTES FILE [EXTRA]");
	while (strcmp(policies[p].name, argv[1]) != 0)
	{
		if (++p == sizeof(policies) / sizeof(policies[0]))
			errx(1, "no policy %s", argv[1]);
	}
	if (strcmp(argv[1], "s3fifo1") == 0)
		worth = 1;
	capacity = strtoull(argv[2], NULL, 10);
	r = read_requests(argv[3]);
	extra = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;

	entry = calloc(r.nkeys, sizeof(Entry));
	if (entry == NULL)
		err(1, "calloc");
	for (i = 0; i < r.nkeys; i++)
		entry[i].size = RECORD_SIZE(r.size[i]) + extra;
	for (i = 0; i < 4; i++)
		list[i].newest = list[i].oldest = NOBODY;

	for (i = 0; i < r.n; i++)
	{
		uint32_t	id = r.key[i];

		if (entry[id].list == FIRST || entry[id].list == MAIN)
		{
			policies[p].hit(id);
			continue;
		}
		misses++;
		if (entry[id].size > capacity)
			continue;
		while (list[FIRST].bytes + list[MAIN].bytes + entry[id].size > capacity)
			policies[p].evict();
		policies[p].insert(id);
	}
	printf("miss_ratio %.6f\n", (double) misses / r.n);
	return 0;
}
