/*-------------------------------------------------------------------------
 *
 * client.c
 *		Reads and writes rows by key as one case of bench/headline does, and
 *		counts the reads that were stale.
 *
 *	client -c CASE -k KEYS -n CLIENTS -w OPERATIONS -t SECONDS -p PERCENT
 *		   -s SEED -f FILE [-r REDIS]
 *
 * OPERATIONS to warm up, then SECONDS that are measured; PERCENT of them are
 * writes.  FILE has the state of the table and is brought up to date.  Lines on
 * standard output are "progress TEXT", and at the end "METRIC VALUE".
 *
 * A read is stale if it returns a row that is older than one whose writer had
 * been told, before the read was sent, that it is in.  For a writer to Redis that
 * is when DEL has returned; "stale_reads_commit" counts from the COMMIT.  Writers
 * of one key take turns, so that its rows are numbered in the order of their
 * commits.
 *
 * What no case may do ends the run: a row that is damaged or was never written,
 * a table that has not what was acknowledged, and, without Redis, a stale read.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE				/* pthread_timedjoin_np */

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "redis_link.h"

#define PROGRESS_S	10
#define MAX_CLIENTS	1000

static const Case cases[] = {
	{"plain", "SELECT * FROM items WHERE id = $1",.read = server_read},
	{"cache", "SELECT * FROM cache.read(NULL::items, $1)",.read = server_read,
	.stale_keys = server_stale_keys},
#ifndef NO_REDIS
	{"redis", "SELECT * FROM items WHERE id = $1", redis_connect, redis_read,
	redis_after_update, redis_stale_keys},
#endif
};

/* What is to be done, and until when: so many operations, or a time. */
static const Case *the_case;
static int	nclients = 8;
static double write_fraction = 0.05;
static bool timed;
static atomic_long remaining;
static int64_t deadline;

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
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ----- operations; each returns when it ended ----- */

static int64_t
do_read(Session *s, int64_t start)
{
	long		id = keys_pick(&s->random);
	long		acknowledged = keys[id].acknowledged;
	long		committed = keys[id].committed;
	int64_t		end;
	Row			row;

	the_case->read(s, id, &row);
	end = now_ns();
	keys_check_row(id, &row);
	if (row.v < committed)
	{
		if (the_case->after_update == NULL)
			fail("row %ld was read with v = %ld when %ld had been committed",
				 id, row.v, committed);
		s->counts.stale_commit++;
		s->counts.stale += row.v < acknowledged;
	}
	s->counts.reads++;
	histogram_add(&s->counts.read_latency, end - start);
	return end;
}

static int64_t
do_write(Session *s, int64_t start)
{
	int64_t		end;
	long		id;
	long		v;

	do
		id = keys_pick(&s->random);
	while (atomic_flag_test_and_set(&keys[id].writing));
	v = keys[id].issued + 1;
	keys[id].issued = v;
	server_update(s, id, v);
	keys[id].committed = v;
	if (the_case->after_update != NULL)
		the_case->after_update(s, id);
	keys[id].acknowledged = v;
	end = now_ns();
	keys[id].written = true;
	atomic_flag_clear(&keys[id].writing);
	s->counts.writes++;
	histogram_add(&s->counts.write_latency, end - start);
	return end;
}

static void *
session_main(void *arg)
{
	Session    *s = arg;
	int64_t		now = now_ns();

	while (timed ? now < deadline : atomic_fetch_sub(&remaining, 1) > 0)
	{
		if (random_unit(&s->random) < write_fraction)
			now = do_write(s, now);
		else
			now = do_read(s, now);
		atomic_fetch_add_explicit(&s->operations, 1, memory_order_relaxed);
	}
	return NULL;
}

/* All sessions at the same time. */
static void
run_sessions(Session *sessions, const char *what)
{
	pthread_t	threads[MAX_CLIENTS];
	struct timespec next;

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
}

/* ----- the run ----- */

static void
report(const char *metric, double value)
{
	printf("%s %.9g\n", metric, value);
}

static void
report_all(const Counts *sum, double seconds, const ServerCounters *server, long stale_keys)
{
	long		operations = sum->reads + sum->writes;

	report("tps", operations / seconds);
	report("read_tps", sum->reads / seconds);
	report("reads", sum->reads);
	report("writes", sum->writes);
	report("p50", histogram_us(&sum->read_latency, 0.5));
	report("p95", histogram_us(&sum->read_latency, 0.95));
	report("p99", histogram_us(&sum->read_latency, 0.99));
	report("write_p50", histogram_us(&sum->write_latency, 0.5));
	report("write_p99", histogram_us(&sum->write_latency, 0.99));
	report("round_trips", (double) sum->round_trips / sum->reads);
	report("pages_read", (double) server->pages / operations);
	report("stale_reads", sum->stale);
	report("stale_reads_commit", sum->stale_commit);
	report("stale_keys", stale_keys);
	if (the_case->stale_keys != NULL)
		report("hit_ratio", (double) (sum->hits + server->hits) / sum->reads);
}

static void
add_counts(Counts *sum, const Counts *counts)
{
	sum->reads += counts->reads;
	sum->writes += counts->writes;
	sum->hits += counts->hits;
	sum->round_trips += counts->round_trips;
	sum->stale += counts->stale;
	sum->stale_commit += counts->stale_commit;
	histogram_merge(&sum->read_latency, &counts->read_latency);
	histogram_merge(&sum->write_latency, &counts->write_latency);
}

static void
run(Session *sessions, long warm, double seconds)
{
	ServerCounters before;
	ServerCounters server;
	Counts		sum = {0};
	int64_t		start;
	int64_t		ns;
	long		stale_keys = 0;

	remaining = warm;
	run_sessions(sessions, "warming up");
	for (int i = 0; i < nclients; i++)
	{
		memset(&sessions[i].counts, 0, sizeof(Counts));
		sessions[i].operations = 0;
	}
	server_counters(sessions, nclients, &before);

	timed = true;
	start = now_ns();
	deadline = start + (int64_t) (seconds * 1e9);
	run_sessions(sessions, "measuring");
	ns = now_ns() - start;

	server_counters(sessions, nclients, &server);
	server.hits -= before.hits;
	server.lookups -= before.lookups;
	server.pages -= before.pages;
	for (int i = 0; i < nclients; i++)
		add_counts(&sum, &sessions[i].counts);
	if (server.lookups != (the_case->read == server_read && the_case->stale_keys != NULL ? sum.reads : 0))
		fail("%ld reads, and the cache has counted %ld", sum.reads, server.lookups);
	server_check_table(&sessions[0]);
	if (the_case->stale_keys != NULL)
		stale_keys = the_case->stale_keys(&sessions[0]);
	if (stale_keys != 0 && the_case->after_update == NULL)
		fail("the cache has %ld rows that differ from the table's", stale_keys);
	report_all(&sum, ns / 1e9, &server, stale_keys);
}

static const Case *
find_case(const char *name)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	fail("there is no case %s", name);
}

int
main(int argc, char **argv)
{
	const char *state_file = NULL;
	Session    *sessions;
	uint64_t	seed = 1;
	double		seconds = 1;
	long		warm = 0;
	long		n = 0;
	int			option;

	while ((option = getopt(argc, argv, "c:k:n:w:t:p:s:f:r:")) != -1)
	{
		switch (option)
		{
			case 'c':
				the_case = find_case(optarg);
				break;
			case 'k':
				n = atol(optarg);
				break;
			case 'n':
				nclients = atoi(optarg);
				break;
			case 'w':
				warm = atol(optarg);
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
			case 'f':
				state_file = optarg;
				break;
#ifndef NO_REDIS
			case 'r':
				redis_address = optarg;
				break;
#endif
			default:
				exit(2);
		}
	}
	if (the_case == NULL || state_file == NULL || n < 1 ||
		nclients < 1 || nclients > MAX_CLIENTS)
		fail("options are missing or out of range");
	keys_init(n, state_file);
	sessions = calloc(nclients, sizeof(Session));
	if (sessions == NULL)
		fail("no memory");
	for (int i = 0; i < nclients; i++)
	{
		sessions[i].random = seed << 32 | (uint64_t) i << 20;
		server_connect(&sessions[i], the_case->read_statement);
		if (the_case->connect != NULL)
			the_case->connect(&sessions[i]);
	}
	server_fetch_pool(&sessions[0]);
	run(sessions, warm, seconds);
	keys_save(state_file);
	return 0;
}
