/*-------------------------------------------------------------------------
 *
 * workload.c
 *		Writers and readers of one table, by the steps of src/README.md, and
 *		the oracle: what a reader gets from the cache is what the table holds
 *		under the reader's snapshot.
 *
 * The table is a list of versions for each key, with the transaction that
 * wrote each and its place in the order of commits.  A value is a row of words
 * that all name key and transaction, so a torn copy is not a value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdarg.h>

#include "access/xact.h"

#include "simulation.h"
#include "store/slot.h"
#include "store/stripe.h"
#include "xact/xact.h"

/* PostgreSQL's own are in the server. */
#undef printf
#undef vprintf

#define KEYS		12
#define WRITERS		3
#define READERS		3
#define MAX_WORDS	12
#define OTHERS		4000
#define OTHER_LEN	700
#define MAX_XIDS	65536
#define NEVER		PG_UINT64_MAX

typedef struct Version
{
	uint64		xid;
	struct Version *older;
} Version;

typedef struct SimSnapshot
{
	uint64		order;			/* sees what was committed up to here */
	uint64		xmin;			/* all older transactions have ended */
} SimSnapshot;

static Version *rows[KEYS];
static int	lockers[KEYS];		/* backend + 1 */
static uint64 committed[MAX_XIDS];	/* its place in the order; NEVER: in
									 * progress; 0: rolled back */
static uint64 next_xid;
static uint64 next_order;
static uint64 oldest_running;
static const int slot = 0;
static int	nkeys;				/* used by this seed */
static int	crowding;			/* one read in so many makes room scarce */

static struct
{
	uint64		hits;
	uint64		fills;
	uint64		commits;
	uint64		published;
	uint64		prepared;
}			counts;

static uint64 random_state;
static uint64 seed;
static bool tracing;

uint64
sim_random(uint64 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state * UINT64CONST(0x2545f4914f6cdd1d) >> 33) % below;
}

void
sim_trace(const char *fmt,...)
{
	va_list		args;

	if (!tracing)
		return;
	printf("%10llu backend %d: ", (unsigned long long) sim_steps, sim_backend);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void
sim_fail(const char *file, int line, const char *fmt,...)
{
	va_list		args;

	printf("%s:%d: seed %llu, step %llu, backend %d: ", file, line, (unsigned long long) seed,
		   (unsigned long long) sim_steps, sim_backend);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\nnot ok 1 - the simulation\n# to see it again: SIM_SEED=%llu make simulation\n", (unsigned long long) seed);
	exit(1);
}

/* ----- the table ----- */

/* As the lock on the list of transactions does, this makes a full barrier. */
static void
take_snapshot(SimSnapshot *snapshot)
{
	sim_full_barrier(NULL);
	while (oldest_running < next_xid && committed[oldest_running] != NEVER)
		oldest_running++;
	snapshot->order = next_order;
	snapshot->xmin = oldest_running;
}

static bool
is_visible(uint64 xid, const SimSnapshot *snapshot)
{
	return xid == 0 || (committed[xid] != 0 && committed[xid] <= snapshot->order);
}

/* The transaction that wrote what the snapshot sees. */
static uint64
visible_version(int key, const SimSnapshot *snapshot)
{
	Version    *version = rows[key];

	while (version != NULL && !is_visible(version->xid, snapshot))
		version = version->older;
	return version == NULL ? 0 : version->xid;
}

static void
add_version(int key, uint64 xid)
{
	Version    *version = malloc(sizeof(Version));

	version->xid = xid;
	version->older = rows[key];
	rows[key] = version;
}

/* ----- keys and values ----- */

/* Half of the keys share stripes. */
static void
make_key(int id, CsKey *key)
{
	static const char names[KEYS][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};

	key->hash = (uint64) (id / 2 + 1) << 32 | (uint64) (id + 1) * 0x9e3779b1 % 0xffffffff;
	key->owner = slot;
	key->len = 1;
	key->data = names[id];
}

static int
words_of(int id, uint64 xid)
{
	return 2 + (int) ((id * 7 + xid / 16) % (MAX_WORDS - 2));
}

static void
write_value(int id, uint64 xid, uint64 *words)
{
	for (int i = 0; i < words_of(id, xid); i++)
		words[i] = xid * KEYS + id;
}

/* ----- readers ----- */

typedef struct Accept
{
	uint64		epoch;
	const SimSnapshot *snapshot;
} Accept;

static bool
accept_entry(const CsMeta *meta, void *arg)
{
	Accept	   *accept = arg;

	return meta->epoch == accept->epoch && is_visible(meta->wxid, accept->snapshot);
}

static void
check_hit(int id, const CsFound *found, const SimSnapshot *snapshot)
{
	uint64		right = visible_version(id, snapshot);
	const uint64 *words = (const uint64 *) found->value;

	sim_trace("hits key %d: transaction %llu", id, (unsigned long long) found->meta.wxid);
	if (found->len != words_of(id, right) * sizeof(uint64))
		fail("key %d: %zu bytes, and not those of transaction %llu", id, found->len,
			 (unsigned long long) right);
	for (int i = 0; i < words_of(id, right); i++)
		if (words[i] != right * KEYS + id)
			fail("key %d: word %d is of transaction %llu and not of %llu", id, i,
				 (unsigned long long) words[i] / KEYS, (unsigned long long) right);
	counts.hits++;
}

typedef struct Token
{
	uint64		slot_word;
	uint64		stripe_word;
	uint32		stripe;
	SimSnapshot fresh;
} Token;

static bool
may_link(void *arg)
{
	Token	   *token = arg;
	uint64		prepared = Max(cs_stripe_prepared_xid(token->stripe), cs_slot_prepared_xid(slot));

	prepared = Max(prepared, cs_slot_young(slot));
	sim_read_barrier();
	return token->fresh.xmin > prepared && cs_slot_same(cs_slot_peek(slot), token->slot_word) &&
		cs_stripe_read(token->stripe) == token->stripe_word;
}

static void
fill(int id, const CsKey *key)
{
	uint64		value[MAX_WORDS];
	Token		token = {.stripe = cs_stripe_of(key->hash)};
	CsMeta		meta = {0};

	token.slot_word = cs_slot_read(slot);
	token.stripe_word = cs_stripe_read(token.stripe);
	if (cs_slot_writers(token.slot_word) != 0 || cs_stripe_writers(token.stripe_word) != 0 ||
		!cs_slot_is(token.slot_word, CS_SLOT_ACTIVE))
		return;
	take_snapshot(&token.fresh);
	sim_yield();
	meta.wxid = visible_version(id, &token.fresh);
	meta.epoch = cs_slot_epoch(token.slot_word);
	write_value(id, meta.wxid, value);
	sim_yield();
	if (cs_store_install(key, &meta, (char *) value, words_of(id, meta.wxid) * sizeof(uint64), 0,
						 may_link, &token) == CS_INSTALL_DONE)
	{
		sim_trace("fills key %d: transaction %llu", id, (unsigned long long) meta.wxid);
		counts.fills++;
	}
}

/*
 * Install one of many keys that nobody reads, so that there is no room, and
 * records are moved.
 */
static void
crowd(void)
{
	static char value[OTHER_LEN];
	uint32		id = (uint32) sim_random(OTHERS);
	CsMeta		meta = {.epoch = cs_slot_epoch(cs_slot_read(slot))};
	CsKey		key = {
		.hash = (uint64) sim_random(8) << 32 | (id * 2 + 1) * 0x85ebca6b,
		.owner = slot,
		.len = sizeof(id),
		.data = (char *) &id
	};

	(void) cs_store_install(&key, &meta, value, OTHER_LEN, 0, NULL, NULL);
}

static void
read_once(void)
{
	int			id = (int) sim_random(nkeys);
	SimSnapshot snapshot;
	Accept		accept = {.snapshot = &snapshot};
	CsKey		key;
	CsFound		found;

	make_key(id, &key);
	take_snapshot(&snapshot);
	if (sim_random(3) == 0)
		sim_yield();
	accept.epoch = cs_slot_epoch(cs_slot_read(slot));
	if (cs_store_lookup(&key, accept_entry, &accept, &found) == CS_LOOKUP_HIT)
		check_hit(id, &found, &snapshot);
	else
		fill(id, &key);
	if (sim_random(crowding) == 0)
		crowd();
	sim_forget_memory();
}

/* ----- writers ----- */

static void
lock_row(int id)
{
	while (lockers[id] != 0)
		sim_yield();
	lockers[id] = sim_backend + 1;
}

static void
unlock_rows(void)
{
	for (int id = 0; id < KEYS; id++)
		if (lockers[id] == sim_backend + 1)
			lockers[id] = 0;
}

static void
change(int id, uint64 xid)
{
	CsKey		key;
	CsPublish	publish;
	char	   *place;

	make_key(id, &key);
	add_version(id, xid);
	publish = (CsPublish) {.key = key.data,.keylen = key.len,.len = words_of(id, xid) * sizeof(uint64)};
	if (sim_random(2) == 0)
		cs_xact_touch(slot, key.hash);
	else if ((place = cs_xact_publish(slot, key.hash, &publish)) != NULL)
	{
		write_value(id, xid, (uint64 *) place);
		counts.published++;
	}
}

/*
 * A transaction becomes visible at one moment, from which on others may change
 * its rows again: before its COMMIT callback.
 */
static void
make_visible(uint64 xid)
{
	sim_full_barrier(NULL);
	committed[xid] = ++next_order;
	unlock_rows();
	sim_trace("transaction %llu is visible", (unsigned long long) xid);
}

static void
end_transaction(uint64 xid)
{
	switch (sim_random(8))
	{
		case 0:
			/* some fail at the end of PRE_COMMIT */
			if (sim_random(2) == 0)
				sim_xact_callback(XACT_EVENT_PRE_COMMIT);
			committed[xid] = 0;
			unlock_rows();
			sim_yield();
			sim_xact_callback(XACT_EVENT_ABORT);
			break;
		case 1:
			sim_xact_callback(XACT_EVENT_PRE_PREPARE);
			sim_yield();
			sim_xact_callback(XACT_EVENT_PREPARE);
			sim_trace("transaction %llu is prepared", (unsigned long long) xid);
			for (int i = (int) sim_random(30); i > 0; i--)
				sim_yield();
			make_visible(xid);
			counts.prepared++;
			break;
		default:
			sim_xact_callback(XACT_EVENT_PRE_COMMIT);
			sim_yield();
			make_visible(xid);
			sim_yield();
			sim_xact_callback(XACT_EVENT_COMMIT);
			counts.commits++;
	}
}

static void
write_once(void)
{
	uint64		xid = next_xid++;
	int			first = (int) sim_random(nkeys);
	int			step = 1 + (int) sim_random(4);

	if (xid >= MAX_XIDS)
		fail("too many transactions");
	committed[xid] = NEVER;
	sim_xid[sim_backend] = xid;
	for (int id = first; id < nkeys && id < first + 3 * step; id += step)
	{
		lock_row(id);
		change(id, xid);
	}
	if (sim_random(20) == 0)
		cs_xact_touch_table(slot, false);
	end_transaction(xid);
	sim_xid[sim_backend] = 0;
	sim_forget_memory();
}

/* ----- a seed ----- */

static void
body(int backend)
{
	while (!sim_ending())
	{
		if (backend < WRITERS)
			write_once();
		else
			read_once();
	}
}

static void
forget_rows(void)
{
	for (int id = 0; id < KEYS; id++)
	{
		while (rows[id] != NULL)
		{
			Version    *older = rows[id]->older;

			free(rows[id]);
			rows[id] = older;
		}
		lockers[id] = 0;
	}
	committed[0] = 0;
	next_xid = oldest_running = 1;
	next_order = 0;
}

static void
run_seed(uint64 steps)
{
	random_state = seed * UINT64CONST(0x9e3779b97f4a7c15) + 1;
	sim_backend = 0;
	forget_rows();
	sim_memory_init();
	sim_server_init();
	expect(cs_slot_activate(slot, cs_slot_read(slot), CS_SLOT_ACTIVE));
	nkeys = 2 + (int) sim_random(KEYS - 1);
	crowding = sim_random(2) == 0 ? 8 : 200;
	sim_patience = 2 + (int) sim_random(12);
	sim_memory_order((Ordering) (seed % N_ORDERINGS));
	sim_start(WRITERS + READERS, body);
	sim_run(steps);
	sim_memory_order(ORDER_CONSISTENT);
	for (int id = 0; id < KEYS; id++)
	{
		CsKey		key;

		make_key(id, &key);
		if (cs_stripe_writers(cs_stripe_read(cs_stripe_of(key.hash))) != 0)
			fail("the stripe of key %d is left marked", id);
	}
	if (cs_slot_writers(cs_slot_read(slot)) != 0)
		fail("the slot is left marked");
}

int
main(int argc, char **argv)
{
	const char *one = getenv("SIM_SEED");
	const char *wanted = getenv("SIM_STEPS");
	uint64		steps = wanted != NULL && *wanted != '\0' ? strtoull(wanted, NULL, 10) : 10000000;
	uint64		per_seed = 200000;
	uint64		seeds = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	tracing = one != NULL && *one != '\0';
	seed = tracing ? strtoull(one, NULL, 10) : 1;
	do
	{
		run_seed(per_seed);
		seeds++;
		seed++;
	} while (!tracing && sim_steps < steps);
	printf("ok 1 - %llu steps of %llu seeds: %llu hits, %llu fills, %llu commits, %llu prepared, %llu values, 0 wrong\n",
		   (unsigned long long) sim_steps, (unsigned long long) seeds, (unsigned long long) counts.hits,
		   (unsigned long long) counts.fills, (unsigned long long) counts.commits,
		   (unsigned long long) counts.prepared, (unsigned long long) counts.published);
	return 0;
}
