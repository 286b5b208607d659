/*-------------------------------------------------------------------------
 *
 * check.c
 *		Is there a serial order of the transactions that explains all that the
 *		clients have seen?
 *
 * Every committed transaction takes effect at one moment within the interval in
 * which it was committed, and every read shows what is valid at one moment of
 * its own.  Nothing is assumed about clocks but that they are the same for all
 * clients.
 *
 * A *version* is what a transaction has left in a key.  As keys are locked from
 * the first look at them, nearly all changes know which version they replaced.
 * That makes chains: no two may have replaced the same one.  A chain, from the
 * version that replaced nothing or something unknown, to the one that was
 * removed or blindly overwritten, is a *block*: nothing else can have been valid
 * between.
 *
 *	1. What was read was committed.
 *	2. A transaction precedes the end of each read that shows any of its
 *	   versions, and follows the beginning of each read of any that it replaced.
 *	   This narrows its interval, for all its keys, so that it is found out when
 *	   one half of it was seen before the other.
 *	3. The blocks of a key can be put in an order: A comes before B if anything
 *	   of A had ended before something of B began (Gibbons and Korach, "Testing
 *	   shared memories", 1997).
 *	4. Who found nothing did not look in the midst of a block, and who found
 *	   something not between all of them.
 *	5. In one statement, who has seen a transaction in one key sees it in the
 *	   next one.
 *	6. A value is not seen once one of its tags has been invalidated.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

#define NEVER	INT64_MAX
#define PASSES	20				/* of narrowing; stopping early is safe */

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef struct Version
{
	Value		value;
	Value		old;
	Txn		   *txn;
	struct Version *before;		/* NULL: not known, or nothing */
	struct Version *after;
	Txn		   *removal;		/* NULL: not known, or none */
	Time		last_read;		/* the latest beginning of a read of it */
	int			block;
	int			position;		/* in the block */
} Version;

typedef struct
{
	Version    *first;
	Time		first_began;
	Time		last_ended;		/* NEVER: not known */
	Time		min_end;		/* of all that belongs to it */
	Time		min_live_end;	/* the removal excepted */
	Time		max_begin;
} Block;

typedef struct
{
	Version   **versions;
	int			nversions;
	Block	   *blocks;			/* by min_live_end */
	int			nblocks;
	Time	   *max_begins;		/* of these blocks up to each */
	Block	   *by_begin;		/* the same blocks by first_began */
	Time	   *max_ends;		/* the last_ended of these up to each */
	Version   **by_number;		/* of counters and rows */
	int			room;
} KeyHistory;

static KeyHistory key_histories[MAX_KEYS];
static Version **by_writing[MAX_CLIENTS];
static Txn	initial = {.committed = true};
static long compared;

void
log_grow(void **items, int *n, int *room, int size)
{
	if (*n == *room)
	{
		*room = *room == 0 ? 1024 : 2 * *room;
		*items = realloc(*items, (size_t) *room * size);
		if (*items == NULL)
			abort();
	}
	memset((char *) *items + (size_t) *n * size, 0, size);
	++*n;
}

static void *
allocate(size_t n, size_t size)
{
	void	   *result = calloc(n + 1, size);

	if (result == NULL)
		abort();
	return result;
}

static bool
is_numbered(int key)
{
	return keys[key].kind == COUNTER || keys[key].kind == ROW;
}

static bool
may_vanish(int key)
{
	return lossy || keys[key].kind == TAGGED;
}

static const char *
describe(int key, Value value)
{
	static char texts[4][64];
	static int	next;
	char	   *text = texts[next++ % 4];

	if (value == UNKNOWN)
		snprintf(text, sizeof(texts[0]), "%s ?", keys[key].name);
	else if (is_numbered(key) || value <= 0)
		snprintf(text, sizeof(texts[0]), "%s %ld", keys[key].name, (long) value);
	else
		snprintf(text, sizeof(texts[0]), "%s %d-%d", keys[key].name,
				 VALUE_CLIENT(value), VALUE_NUMBER(value));
	return text;
}

/* ----- versions ----- */

/* Where the version with this value is to be found. */
static Version **
place_of(History *histories, int key, Value value)
{
	KeyHistory *kh = &key_histories[key];

	if (!is_numbered(key))
	{
		int			client = VALUE_CLIENT(value);

		if (value <= 0 || client >= nclients || VALUE_NUMBER(value) >= histories[client].writings.n ||
			histories[client].writings.items[VALUE_NUMBER(value)].key != key)
			return NULL;
		return &by_writing[client][VALUE_NUMBER(value)];
	}
	if (value < 0 || value > 100000000)
		return NULL;
	if (value >= kh->room)
	{
		int			room = 2 * value + 1024;

		kh->by_number = realloc(kh->by_number, room * sizeof(Version *));
		memset(kh->by_number + kh->room, 0, (room - kh->room) * sizeof(Version *));
		kh->room = room;
	}
	return &kh->by_number[value];
}

static Version *
find_version(History *histories, int key, Value value)
{
	Version   **place = place_of(histories, key, value);

	return place == NULL ? NULL : *place;
}

static void
add_version(History *histories, int key, Value value, Value old, Txn *txn)
{
	KeyHistory *kh = &key_histories[key];
	Version   **place = place_of(histories, key, value);
	Version    *v = allocate(1, sizeof(Version));

	if (place == NULL || *place != NULL)
		violation("two transactions have left the same in a key: %s", describe(key, value));
	else
		*place = v;
	v->value = value;
	v->old = old;
	v->txn = txn;
	v->block = -1;
	if ((kh->nversions & (kh->nversions - 1)) == 0)
		kh->versions = realloc(kh->versions, 2 * (kh->nversions + 1) * sizeof(Version *));
	kh->versions[kh->nversions++] = v;
}

static void
make_versions(History *histories)
{
	for (int key = 0; key < nkeys; key++)
		if (is_numbered(key))
			add_version(histories, key, 0, UNKNOWN, &initial);
	for (int client = 0; client < nclients; client++)
	{
		History    *h = &histories[client];

		by_writing[client] = allocate(h->writings.n, sizeof(Version *));
		for (int i = 0; i < h->txns.n; i++)
		{
			Txn		   *txn = &h->txns.items[i];

			for (int j = 0; txn->committed && j < txn->nchanges; j++)
			{
				Change	   *c = &h->changes.items[txn->first_change + j];

				if (c->new != NOTHING)
					add_version(histories, c->key, c->new, c->old, txn);
			}
		}
	}
}

/* What a change replaced; NULL if that is not known. */
static Version *
replaced(History *histories, int key, Value old, Value new)
{
	Version    *before;

	if (old < 0 || (old == NOTHING && !is_numbered(key)))
		return NULL;
	before = find_version(histories, key, old);
	if (before == NULL)
		violation("%s replaced what was never committed: %s", describe(key, new), describe(key, old));
	else if (before->after != NULL || before->removal != NULL)
	{
		violation("%s was replaced twice, the second time by %s", describe(key, old), describe(key, new));
		before = NULL;
	}
	return before;
}

static void
link_versions(History *histories)
{
	for (int key = 0; key < nkeys; key++)
	{
		KeyHistory *kh = &key_histories[key];

		for (int i = 0; i < kh->nversions; i++)
		{
			Version    *v = kh->versions[i];

			if (v->txn == &initial)
				continue;
			v->before = replaced(histories, key, v->old, v->value);
			if (v->before != NULL)
				v->before->after = v;
			compared++;
		}
	}
	for (int client = 0; client < nclients; client++)
	{
		History    *h = &histories[client];

		for (int i = 0; i < h->txns.n; i++)
		{
			Txn		   *txn = &h->txns.items[i];

			for (int j = 0; txn->committed && j < txn->nchanges; j++)
			{
				Change	   *c = &h->changes.items[txn->first_change + j];
				Version    *v;

				if (c->new != NOTHING)
					continue;
				v = replaced(histories, c->key, c->old, NOTHING);
				if (v != NULL)
					v->removal = txn;
				compared++;
			}
		}
	}
}

/* ----- when transactions took effect ----- */

static void
apply_reads(History *histories)
{
	for (int client = 0; client < nclients; client++)
	{
		History    *h = &histories[client];

		for (int i = 0; i < h->reads.n; i++)
		{
			Read	   *r = &h->reads.items[i];
			Version    *v;

			if (r->value == SOMETHING || (r->value == NOTHING && !is_numbered(r->key)))
				continue;
			compared++;
			v = find_version(histories, r->key, r->value);
			if (v == NULL)
			{
				violation("client %d has read what was never committed: %s", client, describe(r->key, r->value));
				continue;
			}
			v->last_read = MAX(v->last_read, r->began);
			if (v->txn != &initial)
				v->txn->ended = MIN(v->txn->ended, r->ended);
		}
	}
}

/* 'a' came before 'b'. */
static bool
narrow(Txn *a, Txn *b)
{
	bool		changed = false;

	if (b->began < a->began)
	{
		b->began = a->began;
		changed = true;
	}
	if (a->ended > b->ended)
	{
		a->ended = b->ended;
		changed = true;
	}
	return changed;
}

static void
narrow_intervals(void)
{
	bool		changed = true;

	for (int pass = 0; changed && pass < PASSES; pass++)
	{
		changed = false;
		for (int key = 0; key < nkeys; key++)
		{
			KeyHistory *kh = &key_histories[key];

			for (int i = 0; i < kh->nversions; i++)
			{
				Version    *v = kh->versions[i];
				Txn		   *next = v->after != NULL ? v->after->txn : v->removal;

				if (next == NULL)
					continue;
				if (next->began < v->last_read)
				{
					next->began = v->last_read;
					changed = true;
				}
				changed |= narrow(v->txn, next);
			}
		}
	}
}

static void
check_intervals(History *histories)
{
	for (int client = 0; client < nclients; client++)
	{
		History    *h = &histories[client];

		for (int i = 0; i < h->txns.n; i++)
		{
			Txn		   *txn = &h->txns.items[i];
			char		text[256] = "";

			if (!txn->committed || txn->nchanges == 0)
				continue;
			compared++;
			if (txn->began <= txn->ended)
				continue;
			for (int j = 0; j < txn->nchanges && j < 6; j++)
			{
				Change	   *c = &h->changes.items[txn->first_change + j];

				strcat(strcat(text, " "), describe(c->key, c->new));
			}
			violation("what was before transaction %d of client %d was read %ld us after it had been seen:%s",
					  i, client, (long) (txn->began - txn->ended) / 1000, text);
		}
	}
}

/* ----- blocks ----- */

static void
make_block(Block *b, int number, Version *first)
{
	int			position = 0;

	b->first = first;
	b->first_began = first->txn->began;
	b->min_live_end = NEVER;
	b->max_begin = 0;
	b->last_ended = NEVER;
	for (Version *v = first; v != NULL; v = v->after)
	{
		v->block = number;
		v->position = position++;
		b->min_live_end = MIN(b->min_live_end, v->txn->ended);
		b->max_begin = MAX(b->max_begin, MAX(v->txn->began, v->last_read));
		if (v->removal != NULL)
		{
			b->max_begin = MAX(b->max_begin, v->removal->began);
			b->last_ended = v->removal->ended;
		}
	}
	b->min_end = MIN(b->min_live_end, b->last_ended);
}

static int
by_sum(const void *a, const void *b)
{
	const Block *x = a;
	const Block *y = b;
	Time		sum_x = x->min_end / 2 + x->max_begin / 2;
	Time		sum_y = y->min_end / 2 + y->max_begin / 2;

	return sum_x < sum_y ? -1 : sum_x > sum_y;
}

static int
by_first_began(const void *a, const void *b)
{
	const Block *x = a;
	const Block *y = b;

	return x->first_began < y->first_began ? -1 : x->first_began > y->first_began;
}

static int
by_live_end(const void *a, const void *b)
{
	const Block *x = a;
	const Block *y = b;

	return x->min_live_end < y->min_live_end ? -1 : x->min_live_end > y->min_live_end;
}

/*
 * Whenever A must come before B but not B before A, A's sum of the two times is
 * the smaller one; so if there is an order, this is one.
 */
static void
order_blocks(int key)
{
	KeyHistory *kh = &key_histories[key];
	Time		max_begin = 0;
	Block	   *last = NULL;

	qsort(kh->blocks, kh->nblocks, sizeof(Block), by_sum);
	for (int i = 0; i < kh->nblocks; i++)
	{
		Block	   *b = &kh->blocks[i];

		compared++;
		if (b->min_end < max_begin)
			violation("%s and %s, with what replaced them, were valid alternately",
					  describe(key, last->first->value), describe(key, b->first->value));
		if (b->max_begin > max_begin)
		{
			max_begin = b->max_begin;
			last = b;
		}
	}
}

static void
make_blocks(int key)
{
	KeyHistory *kh = &key_histories[key];

	kh->blocks = allocate(kh->nversions, sizeof(Block));
	kh->by_begin = allocate(kh->nversions, sizeof(Block));
	kh->max_begins = allocate(kh->nversions, sizeof(Time));
	kh->max_ends = allocate(kh->nversions, sizeof(Time));
	for (int i = 0; i < kh->nversions; i++)
		if (kh->versions[i]->before == NULL)
		{
			make_block(&kh->blocks[kh->nblocks], kh->nblocks, kh->versions[i]);
			kh->nblocks++;
		}
	for (int i = 0; i < kh->nversions; i++)
		if (kh->versions[i]->block < 0)
		{
			violation("each replaced by the next, in a circle: %s", describe(key, kh->versions[i]->value));
			break;
		}
	order_blocks(key);
	memcpy(kh->by_begin, kh->blocks, kh->nblocks * sizeof(Block));
	qsort(kh->by_begin, kh->nblocks, sizeof(Block), by_first_began);
	qsort(kh->blocks, kh->nblocks, sizeof(Block), by_live_end);
	for (int i = 0; i < kh->nblocks; i++)
	{
		kh->max_begins[i] = MAX(kh->blocks[i].max_begin, i == 0 ? 0 : kh->max_begins[i - 1]);
		kh->max_ends[i] = MAX(kh->by_begin[i].last_ended, i == 0 ? 0 : kh->max_ends[i - 1]);
	}
}

/* ----- nothing and something ----- */

/* Was something valid all the time from the beginning to the end of the read? */
static bool
surely_something(KeyHistory *kh, Read *r)
{
	int			low = 0,
				high = kh->nblocks;

	/* the blocks of which something had ended before */
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (kh->blocks[middle].min_live_end < r->began)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && kh->max_begins[low - 1] > r->ended;
}

static bool
surely_nothing(KeyHistory *kh, Read *r)
{
	int			low = 0,
				high = kh->nblocks;

	/* the blocks that may have begun before the end */
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (kh->by_begin[middle].first_began <= r->ended)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 || kh->max_ends[low - 1] < r->began;
}

static void
check_presence(History *histories)
{
	for (int client = 0; client < nclients; client++)
	{
		for (int i = 0; i < histories[client].reads.n; i++)
		{
			Read	   *r = &histories[client].reads.items[i];
			KeyHistory *kh = &key_histories[r->key];

			if (is_numbered(r->key) || r->value > 0)
				continue;
			compared++;
			if (r->value == NOTHING && !may_vanish(r->key) && surely_something(kh, r))
				violation("client %d found nothing in %s while it held something",
						  client, keys[r->key].name);
			if (r->value == SOMETHING && surely_nothing(kh, r))
				violation("client %d found something in %s while it held nothing",
						  client, keys[r->key].name);
		}
	}
}

/* ----- reads of one statement ----- */

static bool
is_before(Version *a, Version *b)
{
	if (a->block == b->block)
		return a->position < b->position;
	return a->txn->ended < b->txn->began;
}

/* 'first' has shown a version of a transaction; is it in 'second', too? */
static void
check_pair(History *histories, int client, Read *first, Read *second)
{
	Version    *seen = find_version(histories, first->key, first->value);
	Version    *shown = find_version(histories, second->key, second->value);
	Txn		   *txn;
	History    *h = NULL;

	if (seen == NULL || seen->txn == &initial || shown == NULL)
		return;
	txn = seen->txn;
	for (int i = 0; i < nclients && h == NULL; i++)
		if (txn >= histories[i].txns.items && txn < histories[i].txns.items + histories[i].txns.n)
			h = &histories[i];
	for (int j = 0; j < txn->nchanges; j++)
	{
		Change	   *c = &h->changes.items[txn->first_change + j];
		Version    *other;

		if (c->key != second->key || c->new == NOTHING)
			continue;
		compared++;
		other = find_version(histories, c->key, c->new);
		if (other != NULL && is_before(shown, other))
			violation("client %d has seen half of a transaction: %s, and then %s instead of %s",
					  client, describe(first->key, first->value),
					  describe(second->key, second->value), describe(c->key, c->new));
	}
}

static void
check_statements(History *histories)
{
	for (int client = 0; client < nclients; client++)
	{
		History    *h = &histories[client];

		for (int i = 0; i < h->reads.n; i++)
		{
			Read	   *r = &h->reads.items[i];

			if (r->value < 0 || (r->value == NOTHING && !is_numbered(r->key)))
				continue;
			for (int j = i + 1; j < h->reads.n && h->reads.items[j].statement == r->statement; j++)
				check_pair(histories, client, r, &h->reads.items[j]);
		}
	}
}

/* ----- tags ----- */

/* The end of an invalidation, as far as values go that were written before 'limit'. */
typedef struct
{
	Time		began;
	Time		ended;			/* the earliest of this and all later ones */
} TagEnd;

static TagEnd *tag_ends[NTAGS];
static int	ntag_ends[NTAGS];

static int
by_tag_began(const void *a, const void *b)
{
	const TagEnd *x = a;
	const TagEnd *y = b;

	return x->began < y->began ? -1 : x->began > y->began;
}

static void
collect_invalidations(History *histories)
{
	for (int tag = 0; tag < NTAGS; tag++)
	{
		int			n = 0;

		for (int client = 0; client < nclients; client++)
			n += histories[client].invalidations.n;
		tag_ends[tag] = allocate(n, sizeof(TagEnd));
		ntag_ends[tag] = 0;
		for (int client = 0; client < nclients; client++)
		{
			History    *h = &histories[client];

			for (int i = 0; i < h->invalidations.n; i++)
			{
				Invalidation *inv = &h->invalidations.items[i];
				Txn		   *txn = &h->txns.items[inv->txn];

				if (inv->tag == tag && txn->committed)
					tag_ends[tag][ntag_ends[tag]++] = (TagEnd)
				{
					.began = inv->stated,.ended = txn->ended
				};
			}
		}
		qsort(tag_ends[tag], ntag_ends[tag], sizeof(TagEnd), by_tag_began);
		for (int i = ntag_ends[tag] - 2; i >= 0; i--)
			tag_ends[tag][i].ended = MIN(tag_ends[tag][i].ended, tag_ends[tag][i + 1].ended);
	}
}

/* When was it certainly gone that had been written at that time? */
static Time
gone(int tag, Time written)
{
	int			low = 0,
				high = ntag_ends[tag];

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (tag_ends[tag][middle].began <= written)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ntag_ends[tag] ? tag_ends[tag][low].ended : NEVER;
}

static void
check_tags(History *histories)
{
	collect_invalidations(histories);
	for (int client = 0; client < nclients; client++)
	{
		for (int i = 0; i < histories[client].reads.n; i++)
		{
			Read	   *r = &histories[client].reads.items[i];
			Writing    *w;

			if (keys[r->key].kind != TAGGED || r->value <= 0 || place_of(histories, r->key, r->value) == NULL)
				continue;
			w = &histories[VALUE_CLIENT(r->value)].writings.items[VALUE_NUMBER(r->value)];
			for (int tag = 0; tag < NTAGS; tag++)
			{
				if (!(VALUE_TAGS(r->value) & (1 << tag)))
					continue;
				compared++;
				if (gone(tag, w->ended) < r->began)
					violation("client %d has read %s, whose tag %d had been invalidated",
							  client, describe(r->key, r->value), tag);
			}
		}
	}
	for (int tag = 0; tag < NTAGS; tag++)
		free(tag_ends[tag]);
}

static void
forget_versions(void)
{
	for (int key = 0; key < nkeys; key++)
	{
		KeyHistory *kh = &key_histories[key];

		for (int i = 0; i < kh->nversions; i++)
			free(kh->versions[i]);
		free(kh->versions);
		free(kh->blocks);
		free(kh->by_begin);
		free(kh->max_begins);
		free(kh->max_ends);
		free(kh->by_number);
	}
	memset(key_histories, 0, sizeof(key_histories));
	for (int client = 0; client < nclients; client++)
		free(by_writing[client]);
}

long
check_histories(History *histories)
{
	compared = 0;
	make_versions(histories);
	link_versions(histories);
	apply_reads(histories);
	narrow_intervals();
	check_intervals(histories);
	for (int key = 0; key < nkeys; key++)
		make_blocks(key);
	check_presence(histories);
	check_statements(histories);
	check_tags(histories);
	forget_versions();
	return compared;
}
