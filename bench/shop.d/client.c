/*-------------------------------------------------------------------------
 *
 * client.c
 *		Shows pages of a shop and writes to it as one case of bench/shop does, and
 *		counts the fragments that were stale.
 *
 *	client -n CLIENTS -w SECONDS -t SECONDS -p PERCENT -s SEED [-T] [-r REDIS]
 *
 * SECONDS to warm up, then those that are measured; PERCENT of the operations are
 * writes.  -T: statements as text instead of prepared ones.  -r: Redis beside
 * PostgreSQL.  Lines on standard output are "progress TEXT", and at the end "METRIC
 * VALUE".
 *
 * A fragment is stale if its witness (shop.h) is smaller than what had been
 * written before it was asked for: until the COMMITs had returned, or with Redis
 * until the DEL after them had returned, too.  What may lag is not counted, but
 * has its age measured.
 *
 * What no case may do ends the run: a fragment without rows or from the future,
 * tables that have not what was committed, and, without Redis, a stale fragment
 * or one that lags by more than it may.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE				/* pthread_timedjoin_np */

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shop.h"
#include "redis_link.h"

#define PROGRESS_S	10
#define MAX_CLIENTS	1000
#define MAX_LAG		10			/* as the statements say */
#define LAG_SLACK	2			/* for a busy machine */

/* The words in the names of products; as bench/shop loads them. */
#define WORDS		200

/* How fragments are had, and what is done after a COMMIT; with Redis another way. */
static void (*show) (Session *s, FragmentKind kind, const char *param, Shown *shown) = server_show;
static Invalidate invalidate = NULL;

static int	nclients = 8;
static double write_fraction = 0.05;
static bool with_redis;
static int64_t deadline;
static Zipf products;
static Zipf customers;
static Zipf words;

void
fail(const char *format,...)
{
	va_list		args;

	fprintf(stderr, "client: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ----- operations; each returns when it ended ----- */

/* NULL for what may lag. */
static Witness *
witness_of(FragmentKind kind, long id)
{
	switch (kind)
	{
		case PRODUCT:
			return &product_witness[id];
		case PRICES:
			return &prices_witness[id];
		case ORDERS:
			return &orders_witness[id];
		case COUNTS:
			return &counts_witness;
		default:
			return NULL;
	}
}

static void
check_age(Session *s, FragmentKind kind, double age)
{
	if (age > MAX_LAG + LAG_SLACK && !with_redis)
		fail("%s was %.1f s old", fragments[kind].name, age);
	if (age > s->counts.oldest)
		s->counts.oldest = age;
}

static void
check_witness(Session *s, FragmentKind kind, const char *param, long shown, long committed, long acknowledged)
{
	if (shown < committed)
	{
		if (!with_redis)
			fail("%s %s shows %ld when %ld had been committed", fragments[kind].name, param, shown, committed);
		s->counts.stale_commit[kind]++;
		s->counts.stale[kind] += shown < acknowledged;
	}
}

static void
show_fragment(Session *s, FragmentKind kind, const char *param)
{
	Witness    *witness = witness_of(kind, param == NULL ? 0 : atol(param));
	long		acknowledged = witness == NULL ? 0 : witness->acknowledged;
	long		committed = witness == NULL ? 0 : witness->committed;
	double		now = clock_ns(CLOCK_REALTIME) / 1e9;
	Shown		shown;

	show(s, kind, param, &shown);
	if (shown.rows == 0)
		fail("%s %s has no rows", fragments[kind].name, param);
	s->counts.fragments++;
	if (witness == NULL)
	{
		check_age(s, kind, now - shown.computed_at);
		return;
	}
	check_witness(s, kind, param, shown.witness, committed, acknowledged);
	if (shown.witness > witness->issued)
		fail("%s %s shows %ld, and no more than %ld has been written", fragments[kind].name, param,
			 shown.witness, (long) witness->issued);
}

static int64_t
show_page(Session *s, int64_t start)
{
	char		product[24];
	char		customer[24];
	char		word[24];
	int64_t		end;

	snprintf(product, sizeof(product), "%ld", zipf_pick(&products, &s->random));
	snprintf(customer, sizeof(customer), "%ld", zipf_pick(&customers, &s->random));
	snprintf(word, sizeof(word), "word%ld", zipf_pick(&words, &s->random));
	show_fragment(s, PRODUCT, product);
	show_fragment(s, PRICES, customer);
	show_fragment(s, ORDERS, customer);
	show_fragment(s, COUNTS, NULL);
	show_fragment(s, TOP, NULL);
	show_fragment(s, SEARCH, word);
	end = clock_ns(CLOCK_MONOTONIC);
	s->counts.pages++;
	histogram_add(&s->counts.page_latency, end - start);
	return end;
}

static int64_t
do_write(Session *s, int64_t start)
{
	int64_t		end;

	write_something(s, &products, &customers, invalidate);
	end = clock_ns(CLOCK_MONOTONIC);
	s->counts.writes++;
	histogram_add(&s->counts.write_latency, end - start);
	return end;
}

static void *
session_main(void *arg)
{
	Session    *s = arg;
	int64_t		now = clock_ns(CLOCK_MONOTONIC);

	while (now < deadline)
	{
		if (random_unit(&s->random) < write_fraction)
			now = do_write(s, now);
		else
			now = show_page(s, now);
		atomic_fetch_add_explicit(&s->operations, 1, memory_order_relaxed);
	}
	return NULL;
}

/* All sessions at the same time; returns how long it took, in seconds. */
static double
run_sessions(Session *sessions, double seconds, const char *what)
{
	pthread_t	threads[MAX_CLIENTS];
	struct timespec next;
	int64_t		start = clock_ns(CLOCK_MONOTONIC);

	deadline = start + (int64_t) (seconds * 1e9);
	for (int i = 0; i < nclients; i++)
		if (pthread_create(&threads[i], NULL, session_main, &sessions[i]) != 0)
			fail("cannot create a thread");
	clock_gettime(CLOCK_REALTIME, &next);
	next.tv_sec += PROGRESS_S;
	for (int i = 0; i < nclients; i++)
	{
		while (pthread_timedjoin_np(threads[i], NULL, &next) == ETIMEDOUT)
		{
			long		operations = 0;

			for (int j = 0; j < nclients; j++)
				operations += sessions[j].operations;
			printf("progress %s: %ld operations\n", what, operations);
			fflush(stdout);
			next.tv_sec += PROGRESS_S;
		}
	}
	return (clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
}

/* ----- the run ----- */

static void
report(const char *metric, double value)
{
	printf("%s %.9g\n", metric, value);
}

static void
report_all(const Counts *sum, double seconds)
{
	long		stale = 0;
	long		stale_commit = 0;

	report("tps", (sum->pages + sum->writes) / seconds);
	report("pages_per_second", sum->pages / seconds);
	report("pages", sum->pages);
	report("writes", sum->writes);
	report("fragments", sum->fragments);
	report("p50", histogram_us(&sum->page_latency, 0.5));
	report("p95", histogram_us(&sum->page_latency, 0.95));
	report("p99", histogram_us(&sum->page_latency, 0.99));
	report("write_p50", histogram_us(&sum->write_latency, 0.5));
	report("write_p95", histogram_us(&sum->write_latency, 0.95));
	report("write_p99", histogram_us(&sum->write_latency, 0.99));
	for (int i = 0; i < FRAGMENTS; i++)
	{
		char		metric[64];

		stale += sum->stale[i];
		stale_commit += sum->stale_commit[i];
		snprintf(metric, sizeof(metric), "stale_commit_%s", fragments[i].name);
		report(metric, sum->stale_commit[i]);
	}
	report("stale", stale);
	report("stale_commit", stale_commit);
	report("oldest", sum->oldest);
	if (with_redis)
		report("hit_ratio", (double) sum->hits / sum->fragments);
}

static void
add_counts(Counts *sum, const Counts *counts)
{
	sum->pages += counts->pages;
	sum->writes += counts->writes;
	sum->fragments += counts->fragments;
	sum->hits += counts->hits;
	for (int i = 0; i < FRAGMENTS; i++)
	{
		sum->stale[i] += counts->stale[i];
		sum->stale_commit[i] += counts->stale_commit[i];
	}
	if (counts->oldest > sum->oldest)
		sum->oldest = counts->oldest;
	histogram_merge(&sum->page_latency, &counts->page_latency);
	histogram_merge(&sum->write_latency, &counts->write_latency);
}

static void
run(Session *sessions, double warm, double seconds)
{
	static Counts sum;
	double		took;

	run_sessions(sessions, warm, "warming up");
	for (int i = 0; i < nclients; i++)
	{
		memset(&sessions[i].counts, 0, sizeof(Counts));
		sessions[i].operations = 0;
	}
	took = run_sessions(sessions, seconds, "measuring");
	for (int i = 0; i < nclients; i++)
		add_counts(&sum, &sessions[i].counts);
	known_check(sessions[0].conn);
	report_all(&sum, took);
}

int
main(int argc, char **argv)
{
	Session    *sessions;
	uint64_t	seed = 1;
	double		seconds = 1;
	double		warm = 0;
	int			option;

	while ((option = getopt(argc, argv, "n:w:t:p:s:Tr:")) != -1)
	{
		switch (option)
		{
			case 'n':
				nclients = atoi(optarg);
				break;
			case 'w':
				warm = atof(optarg);
				break;
			case 't':
				seconds = atof(optarg);
				break;
			case 'p':
				write_fraction = atof(optarg) / 100;
				break;
			case 's':
				seed = atol(optarg);
				break;
			case 'T':
				as_text = true;
				break;
#ifndef NO_REDIS
			case 'r':
				redis_address = optarg;
				with_redis = true;
				show = redis_show;
				invalidate = redis_delete;
				break;
#endif
			default:
				exit(2);
		}
	}
	if (nclients < 1 || nclients > MAX_CLIENTS)
		fail("options are out of range");
	sessions = calloc(nclients, sizeof(Session));
	if (sessions == NULL)
		fail("no memory");
	for (int i = 0; i < nclients; i++)
	{
		sessions[i].random = seed << 32 | (uint64_t) i << 20;
		server_connect(&sessions[i]);
#ifndef NO_REDIS
		if (with_redis)
			redis_connect(&sessions[i]);
#endif
	}
	known_init(sessions[0].conn);
	zipf_init(&products, nproducts);
	zipf_init(&customers, ncustomers);
	zipf_init(&words, WORDS);
	run(sessions, warm, seconds);
	return 0;
}
