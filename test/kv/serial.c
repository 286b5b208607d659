/*-------------------------------------------------------------------------
 *
 * serial.c
 *		Clients that change keys in all the ways there are, and remember what
 *		they have done and seen; check.c says whether that is serial.
 *
 *	serial -d CONNINFO -c CLIENTS -t SECONDS -r SECONDS A ROUND -s SEED [-l] [-i]
 *
 * -l: what is set may be evicted, and there may be no room.  -i: no immediate
 * changes.  The database has a space "serial" and a table serial_rows (id, n)
 * with a row for each client.  Prints what was wrong, and at the end "NAME
 * NUMBER" for what was done.
 *
 *-------------------------------------------------------------------------
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

Key			keys[MAX_KEYS];
int			nkeys;
int			nclients = 8;
bool		lossy = false;

const char *conninfo;
bool		immediates = true;
int			round_number;
int			first_of[ROW + 2];
static History histories[MAX_CLIENTS];
static Client clients[MAX_CLIENTS];
static atomic_bool stopping;
static atomic_long violations;

#define DEFINE(name) atomic_long count_##name;
COUNTERS_OF(DEFINE)

void
violation(const char *format,...)
{
	va_list		args;
	char		text[1024];

	if (atomic_fetch_add(&violations, 1) >= 20)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("VIOLATION in round %d: %s\n", round_number, text);
	fflush(stdout);
}

void
die(const char *what, const char *why)
{
	printf("FAILED: %s: %s\n", what, why);
	fflush(stdout);
	_exit(1);
}

static int
random_key(Client *c)
{
	/* in a round without losses everything, else what may be lost */
	if (!lossy)
		return chance(c, first_of[ROW]);
	return chance(c, 3) == 0 ? first_of[TAGGED] + chance(c, first_of[TAGGED + 1] - first_of[TAGGED])
		: chance(c, first_of[COUNTER]);
}

/* ----- transactions ----- */

/* An immediate change of a key that the transaction has changed is refused. */
static void
try_own(Client *c)
{
	for (int key = 0; key < first_of[ROW]; key++)
	{
		if (!key_state(c, key)->changed || !immediates)
			continue;
		push_savepoint(c);
		if (c->failed || c->depth == 0)
			return;
		if (keys[key].kind == COUNTER)
			do_increment(c, key, true);
		else
			do_set(c, key, true);
		if (strcmp(c->sqlstate, CONFLICTS_WITH_OWN) == 0)
			COUNT(own_refused);
		else if (c->sqlstate[0] == '\0')
			violation("an immediate change of %s was not refused to the transaction that has changed it", keys[key].name);
		return;
	}
}

/* One that it has not locked is not refused, unless for the sake of a tag. */
static void
change_free_key(Client *c, int key)
{
	change_key(c, key, true);
	if (strcmp(c->sqlstate, CONFLICTS_WITH_OWN) == 0 && keys[key].kind != TAGGED)
		violation("an immediate change of %s was refused to a transaction that has not changed it", keys[key].name);
}

static void
do_step(Client *c, int key)
{
	int			dice = chance(c, 100);

	if (dice < 50)
		change_key(c, key, false);
	else if (dice < 78)
		do_read(c, key);
	else if (dice < 84)
		push_savepoint(c);
	else if (dice < 88)
	{
		if (c->depth > 0)
			roll_back_to_savepoint(c);
	}
	else if (dice < 90)
	{
		if (c->depth > 0)
			release_savepoint(c);
	}
	else if (dice < 94)
		change_row(c);
	else if (dice < 97)
	{
		if (immediates && !key_state(c, key)->locked)
			change_free_key(c, key);
	}
	else if (dice < 98)
		try_own(c);
	else if (dice < 99)
		PQclear(call(c, "fail", 0, NULL));
	else if (c->depth == 0)
		push_savepoint(c);
}

static int
by_number(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

static void
do_transaction(Client *c)
{
	int			list[8];
	int			n = 2 + chance(c, 7);

	for (int i = 0; i < n; i++)
		list[i] = random_key(c);
	/* mostly in order, so that few wait for each other in a circle */
	if (chance(c, 20) != 0)
		qsort(list, n, sizeof(int), by_number);
	start(c, true);
	for (int i = 0; i < n; i++)
	{
		do_step(c, list[i]);
		if (c->failed && c->depth > 0 && chance(c, 4) != 0)
			roll_back_to_savepoint(c);
		if (c->failed)
			break;
	}
	if (!c->failed && chance(c, 5) != 0)
	{
		end(c, command(c, "COMMIT"));
		return;
	}
	if (chance(c, 100) == 0)
	{
		PQfinish(c->conn);
		connect_client(c);
		COUNT(disconnects);
	}
	else if (!command(c, "ROLLBACK"))
		die("ROLLBACK", c->sqlstate);
	end(c, false);
}

/* One statement that is a transaction. */
static void
do_single(Client *c)
{
	int			key = random_key(c);
	bool		immediate = immediates && chance(c, 2) == 0;

	start(c, false);
	if (immediate && keys[key].kind == TAGGED && chance(c, 4) == 0)
	{
		do_invalidate(c, true);
		end(c, c->sqlstate[0] == '\0');
	}
	else
	{
		change_key(c, key, immediate);
		/* of two statements the second is the one that has changed something */
		end(c, c->sqlstate[0] == '\0');
	}
}

/* Something else, so that there is no room for all. */
static void
do_junk(Client *c)
{
	char		number[12];

	snprintf(number, sizeof(number), "%d/", chance(c, 100));
	start(c, false);
	PQclear(CALL(c, "junk", number, chance(c, 2) ? SPACE : NULL));
	end(c, true);
}

static void
do_reads(Client *c)
{
	start(c, false);
	for (int i = 0; i < 3; i++)
		do_read(c, chance(c, first_of[ROW]));
	end(c, true);
}

static void *
run_client(void *arg)
{
	Client	   *c = arg;

	while (!atomic_load_explicit(&stopping, memory_order_relaxed))
	{
		int			dice = chance(c, 100);

		if (lossy && chance(c, 20) == 0)
			do_junk(c);
		else if (dice < 55)
			do_transaction(c);
		else if (dice < 75)
			do_single(c);
		else
			do_reads(c);
	}
	return NULL;
}

/* ----- rounds ----- */

static void
make_keys(void)
{
	static const struct
	{
		const char *name;
		const char *space;
		int			n;
	}			kinds[] =
	{
		[REGISTER] = {"register", NULL, 8},
		[LIFE] = {"life", SPACE, 6},
		[COUNTER] = {"counter", SPACE, 4},
		[TAGGED] = {"tagged", SPACE, 4},
		[ROW] = {"row", NULL, 0},
	};

	for (KeyKind kind = REGISTER; kind <= ROW; kind++)
	{
		first_of[kind] = nkeys;
		for (int i = 0; i < (kind == ROW ? nclients : kinds[kind].n); i++)
		{
			keys[nkeys].kind = kind;
			keys[nkeys].space = kinds[kind].space;
			snprintf(keys[nkeys].name, sizeof(keys[nkeys].name), "%s%d", kinds[kind].name, i);
			nkeys++;
		}
	}
	first_of[ROW + 1] = nkeys;
}

static void
begin_round(void)
{
	Client	   *c = &clients[0];

	round_number++;
	for (int i = 0; i < nclients; i++)
	{
		History    *h = &histories[i];

		h->txns.n = h->changes.n = h->reads.n = h->writings.n = h->invalidations.n = 0;
		/* number 0 would make the same text as none */
		LOG_ADD(h->writings)->key = -1;
		clients[i].row = 0;
	}
	PQclear(CALL(c, "clear", NULL));
	PQclear(CALL(c, "clear", SPACE));
	PQclear(PQexec(c->conn, "UPDATE serial_rows SET n = 0"));
	for (int key = first_of[REGISTER]; key < first_of[REGISTER + 1]; key++)
	{
		start(c, false);
		do_set(c, key, false);
		end(c, true);
	}
}

/* What is left. */
static void
end_round(void)
{
	Client	   *c = &clients[0];

	start(c, false);
	for (int key = 0; key < first_of[ROW]; key++)
		do_get(c, key);
	end(c, true);
}

static long
do_round(int seconds)
{
	pthread_t	threads[MAX_CLIENTS];

	begin_round();
	atomic_store(&stopping, false);
	for (int i = 0; i < nclients; i++)
		if (pthread_create(&threads[i], NULL, run_client, &clients[i]) != 0)
			die("pthread_create", "no thread");
	sleep(seconds);
	atomic_store(&stopping, true);
	for (int i = 0; i < nclients; i++)
		pthread_join(threads[i], NULL);
	end_round();
	return check_histories(histories);
}

int
main(int argc, char **argv)
{
	int			option;
	int			seconds = 10;
	int			round_seconds = 2;
	unsigned int seed = 1;
	long		compared = 0;

	while ((option = getopt(argc, argv, "d:c:t:r:s:li")) != -1)
	{
		switch (option)
		{
			case 'd':
				conninfo = optarg;
				break;
			case 'c':
				nclients = atoi(optarg);
				break;
			case 't':
				seconds = atoi(optarg);
				break;
			case 'r':
				round_seconds = atoi(optarg);
				break;
			case 's':
				seed = atoi(optarg);
				break;
			case 'l':
				lossy = true;
				break;
			case 'i':
				immediates = false;
				break;
			default:
				return 2;
		}
	}
	if (conninfo == NULL || nclients < 1 || nclients > MAX_CLIENTS)
		return 2;
	make_keys();
	for (int i = 0; i < nclients; i++)
	{
		clients[i].number = i;
		clients[i].seed = seed * 1000 + i;
		clients[i].history = &histories[i];
		connect_client(&clients[i]);
	}
	for (int done = 0; done < seconds && atomic_load(&violations) == 0; done += round_seconds)
		compared += do_round(round_seconds);
	for (int i = 0; i < nclients; i++)
		PQfinish(clients[i].conn);
#define PRINT(name) printf("%s %ld\n", #name, atomic_load(&count_##name));
	COUNTERS_OF(PRINT)
		printf("compared %ld\nrounds %d\nviolations %ld\n", compared, round_number, atomic_load(&violations));
	return 0;
}
