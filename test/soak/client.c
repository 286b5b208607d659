/*-------------------------------------------------------------------------
 *
 * client.c
 *		A client that keeps accounts: it writes through the cache while the
 *		server is killed, and knows at the end what the tables must hold.
 *
 *	client [-x] [-e] -f FILE -o DIR -p PREFIX -w WRITERS -s SEED
 *
 * FILE has the connection string and is read at each connect, so that the
 * clients can be sent to another server.  The tables are made by Accounting.pm:
 *
 *	PREFIX_counters		n is changed by autocommitted statements, m by
 *						transactions that also write the ledger, note by direct
 *						UPDATEs
 *	PREFIX_docs			whole rows; each belongs to one writer
 *	PREFIX_ledger		a plain table with the last transaction of each writer
 *
 * A change is acknowledged when the server has said so, void when the server
 * has reported an error, and unknown when the connection was lost before.  Of a
 * transaction that wrote the ledger the next connection finds out whether it
 * was committed, so m is known exactly.  So is a row of PREFIX_docs, by reading
 * it: it is the last one acknowledged, or the unknown one.  Each writer has a
 * pair of counters of its own, whose m it compares whenever it can.  -x: the
 * server may lose what it has acknowledged (a volatile table and a crash), so
 * nothing is compared and unknown rows stay unknown.  -e: errors of the system
 * are expected, such as a disk that is full (classes 53 and 58).
 *
 * SIGTERM ends it: the writers finish what they are doing, settle what is
 * unknown, and DIR/accounts is written.  DIR/progress is kept current.  Without
 * the test that has started it, it ends at once.
 *
 * Locking: a writer's data is its own until its thread has been joined, except
 * for the totals, which are atomic.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

/* Counters by id: hot ones, then cold ones, then a pair for each writer. */
#define HOT			8
#define SHARED		200
#define PRIVATE(writer, i) (SHARED + 2 * (writer) + (i))
#define MAX_WRITERS	64
#define COUNTERS	(SHARED + 2 * MAX_WRITERS)

#define DOCS		40			/* of each writer */
#define MAX_ADDS	2
#define MAX_STATES	16			/* different SQLSTATEs */

#define RETRY_US	20000		/* between attempts to connect */
#define GIVE_UP_S	120			/* at the end, without a server */

typedef enum
{
	ACKNOWLEDGED,
	VOID,
	LOST						/* the connection, and perhaps the change */
} Outcome;

typedef enum
{
	COLUMN_N,
	COLUMN_M,
	COLUMN_NOTE,
	COLUMNS
} Column;

/* What a transaction changes, and what is done to the accounts afterwards. */
typedef struct
{
	int			nadds;
	struct
	{
		int			id;
		Column		column;
		long		delta;
	}			adds[MAX_ADDS];
	int			doc;			/* -1: none */
	long		doc_seq;		/* 0: removed */
	long		ledger;			/* 0: it is not in the ledger */
} Change;

/* Row states are named by a sequence number; 0 is no row. */
typedef struct
{
	long		acknowledged;
	long		unknown;		/* -1: nothing is */
	long		highest;
} Doc;

typedef struct
{
	pthread_t	thread;
	int			number;
	unsigned int seed;
	PGconn	   *conn;			/* NULL: there is none */
	bool		unsettled;		/* 'pending' is in the ledger or not */
	Change		pending;
	long		ledger;
	long		seq;
	long		acknowledged[COUNTERS][COLUMNS];
	long		unknown[COUNTERS][COLUMNS];
	Doc			docs[DOCS];
	struct
	{
		char		code[6];
		long		count;
	}			states[MAX_STATES];
} Writer;

static const char *conninfo_file;
static const char *directory;
static const char *prefix;
static bool exact = true;
static bool failing_system = false;
static int	nwriters = 4;

static volatile sig_atomic_t stopping = 0;
static atomic_long transactions;
static atomic_long writes;		/* acknowledged, each change of a row counts */
static atomic_long unknowns;	/* transactions */
static atomic_long voids;
static atomic_long connects;
static atomic_long updates;		/* to be deferred, that were looked at */
static atomic_long undeferred;	/* those of them that went to the table */
static atomic_long mismatches;
static FILE *mismatch_file;
static pthread_mutex_t mismatch_lock = PTHREAD_MUTEX_INITIALIZER;

static void
die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
	exit(1);
}

__attribute__((format(printf, 2, 3)))
static void
mismatch(Writer *w, const char *format,...)
{
	va_list		args;

	pthread_mutex_lock(&mismatch_lock);
	if (atomic_fetch_add(&mismatches, 1) < 20)
	{
		fprintf(mismatch_file, "writer %d: ", w->number);
		va_start(args, format);
		vfprintf(mismatch_file, format, args);
		va_end(args);
		fputc('\n', mismatch_file);
		fflush(mismatch_file);
	}
	pthread_mutex_unlock(&mismatch_lock);
}

static int
chance(Writer *w, int n)
{
	return rand_r(&w->seed) / 7 % n;
}

/* ----- talking to the server ----- */

static void
note_state(Writer *w, const char *code)
{
	int			i = 0;

	while (i < MAX_STATES - 1 && w->states[i].code[0] != '\0' &&
		   strcmp(w->states[i].code, code) != 0)
		i++;
	strncpy(w->states[i].code, code, 5);
	w->states[i].count++;
}

static void
disconnect(Writer *w)
{
	PQfinish(w->conn);
	w->conn = NULL;
}

/* An error that ends the session may have come after the commit. */
static Outcome
outcome_of(Writer *w, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return ACKNOWLEDGED;
	if (PQstatus(w->conn) == CONNECTION_BAD || code == NULL || severity == NULL ||
		strcmp(severity, "ERROR") != 0)
		return LOST;
	note_state(w, code);
	if (strcmp(code, "57014") != 0 && !(failing_system && (code[0] == '5' && (code[1] == '3' || code[1] == '8'))))
		mismatch(w, "unexpected error %s: %s", code, PQresultErrorMessage(result));
	return VOID;
}

/*
 * Run a statement with up to two numbers as parameters.  When 'value' is given,
 * it is set to the first column of the only row; -1 if that is NULL or there
 * is no row.
 */
static Outcome
run(Writer *w, const char *name, int nparams, long p1, long p2, long *value)
{
	char		text[2][24];
	const char *params[2] = {text[0], text[1]};
	PGresult   *result;
	Outcome		outcome;

	snprintf(text[0], sizeof(text[0]), "%ld", p1);
	snprintf(text[1], sizeof(text[1]), "%ld", p2);
	result = PQexecPrepared(w->conn, name, nparams, params, NULL, NULL, 0);
	outcome = outcome_of(w, result);
	if (outcome == ACKNOWLEDGED && value != NULL)
	{
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			*value = atol(PQcmdTuples(result));
		else if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
			*value = -1;
		else
			*value = atol(PQgetvalue(result, 0, 0));
	}
	PQclear(result);
	return outcome;
}

/* The answer to a COMMIT can be ROLLBACK. */
static Outcome
command(Writer *w, const char *sql)
{
	PGresult   *result = PQexec(w->conn, sql);
	Outcome		outcome = outcome_of(w, result);

	if (outcome == ACKNOWLEDGED &&
		strncmp(PQcmdStatus(result), sql, strlen(PQcmdStatus(result))) != 0)
		mismatch(w, "%s was answered with %s", sql, PQcmdStatus(result));
	PQclear(result);
	return outcome;
}

static bool
prepare(Writer *w, const char *name, const char *format)
{
	char		sql[512];
	PGresult   *result;
	bool		ok;

	snprintf(sql, sizeof(sql), format, prefix);
	result = PQprepare(w->conn, name, sql, 0, NULL);
	ok = outcome_of(w, result) == ACKNOWLEDGED;
	PQclear(result);
	return ok;
}

static bool
prepare_all(Writer *w)
{
	return
		prepare(w, "add n", "SELECT cache.increment(NULL::%s_counters, 'n', $1::int, $2::int)") &&
		prepare(w, "add m", "SELECT cache.increment(NULL::%s_counters, 'm', $1::int, $2::int)") &&
		prepare(w, "defer n", "UPDATE %s_counters SET n = n + $1::int WHERE id = $2::int") &&
		prepare(w, "is written", "SELECT (xmin = pg_current_xact_id()::xid)::int FROM %s_counters WHERE id = $1::int") &&
		prepare(w, "direct n", "UPDATE %s_counters SET note = note + 1, n = n + $1::int WHERE id = $2::int") &&
		prepare(w, "direct", "UPDATE %s_counters SET note = note + $1::int WHERE id = $2::int") &&
		prepare(w, "read m", "SELECT (cache.read(NULL::%s_counters, $1::int)).m") &&
		prepare(w, "write", "SELECT (cache.write(ROW($1::int, $2::bigint, format('doc %%s: %%s', $1, $2))::%s_docs)).seq") &&
		prepare(w, "remove", "SELECT cache.remove(NULL::%s_docs, $1::int)::int") &&
		prepare(w, "read", "SELECT CASE WHEN body = format('doc %%s: %%s', id, seq) THEN seq ELSE -2 END "
				"FROM cache.read(NULL::%s_docs, $1::int) WHERE id IS NOT NULL") &&
		prepare(w, "enter", "UPDATE %s_ledger SET seq = $1::bigint WHERE writer = $2::int") &&
		prepare(w, "look", "SELECT seq FROM %s_ledger WHERE writer = $1::int FOR UPDATE");
}

static void
ignore_notice(void *arg, const PGresult *result)
{
}

static void
read_conninfo(char *buffer, int size)
{
	FILE	   *file = fopen(conninfo_file, "r");

	if (file == NULL || fgets(buffer, size, file) == NULL)
		die(conninfo_file);
	fclose(file);
	buffer[strcspn(buffer, "\n")] = '\0';
}

/* One attempt. */
static bool
try_connect(Writer *w)
{
	char		conninfo[1024];

	read_conninfo(conninfo, sizeof(conninfo));
	w->conn = PQconnectdb(conninfo);
	if (PQstatus(w->conn) == CONNECTION_OK)
	{
		PQsetNoticeReceiver(w->conn, ignore_notice, NULL);
		atomic_fetch_add(&connects, 1);
		if (prepare_all(w))
			return true;
	}
	disconnect(w);
	return false;
}

/* ----- accounts ----- */

static void
acknowledge(Writer *w, const Change *c)
{
	for (int i = 0; i < c->nadds; i++)
		w->acknowledged[c->adds[i].id][c->adds[i].column] += c->adds[i].delta;
	if (c->doc >= 0)
	{
		w->docs[c->doc].acknowledged = c->doc_seq;
		w->docs[c->doc].unknown = -1;
	}
	atomic_fetch_add(&transactions, 1);
	atomic_fetch_add(&writes, c->nadds + (c->doc >= 0));
}

static void
account(Writer *w, const Change *c, Outcome outcome)
{
	switch (outcome)
	{
		case ACKNOWLEDGED:
			acknowledge(w, c);
			break;
		case VOID:
			atomic_fetch_add(&voids, 1);
			break;
		case LOST:
			atomic_fetch_add(&unknowns, 1);
			disconnect(w);
			w->unsettled = c->ledger != 0;
			w->pending = *c;
			if (w->unsettled)
				break;
			for (int i = 0; i < c->nadds; i++)
				w->unknown[c->adds[i].id][c->adds[i].column] += c->adds[i].delta;
			if (c->doc >= 0)
				w->docs[c->doc].unknown = c->doc_seq;
			break;
	}
}

static void
add(Change *c, int id, Column column, long delta)
{
	c->adds[c->nadds].id = id;
	c->adds[c->nadds].column = column;
	c->adds[c->nadds++].delta = delta;
}

static int
doc_id(const Writer *w, int doc)
{
	return w->number * 1000 + doc;
}

/* ----- comparing ----- */

/* The writer's own pair must have what it has been told. */
static bool
check_private(Writer *w)
{
	for (int i = 0; i < 2; i++)
	{
		int			id = PRIVATE(w->number, i);
		long		value;
		Outcome		outcome = run(w, "read m", 1, id, 0, &value);

		if (outcome == LOST)
			return false;
		if (outcome == ACKNOWLEDGED && value != w->acknowledged[id][COLUMN_M])
			mismatch(w, "counter %d has m = %ld, not %ld", id, value,
					 w->acknowledged[id][COLUMN_M]);
	}
	return true;
}

/* Also finds out which of the two possible states the row has. */
static bool
check_doc(Writer *w, int number)
{
	Doc		   *doc = &w->docs[number];
	long		value;
	Outcome		outcome = run(w, "read", 1, doc_id(w, number), 0, &value);

	if (outcome == LOST)
		return false;
	if (outcome == VOID)
		return true;
	if (value == -1)
		value = 0;
	if (doc->unknown >= 0 && value == doc->unknown)
		doc->acknowledged = doc->unknown;
	else if (value != doc->acknowledged)
	{
		mismatch(w, "row %d is %ld, neither %ld, which was acknowledged, nor %ld",
				 doc_id(w, number), value, doc->acknowledged, doc->unknown);
		return true;
	}
	doc->unknown = -1;
	return true;
}

/* The outcome of the transaction that was under way. */
static bool
settle_ledger(Writer *w)
{
	long		seq;

	if (!w->unsettled)
		return true;
	if (run(w, "look", 1, w->number, 0, &seq) != ACKNOWLEDGED)
		return false;
	if (seq == w->pending.ledger)
		acknowledge(w, &w->pending);
	w->unsettled = false;
	return true;
}

static bool
settle(Writer *w)
{
	if (!settle_ledger(w))
		return false;
	if (!exact)
		return true;
	for (int i = 0; i < DOCS; i++)
		if ((w->docs[i].unknown >= 0 || i == w->pending.doc) && !check_doc(w, i))
			return false;
	return check_private(w);
}

/* False: at the end, there is no server. */
static bool
be_connected(Writer *w)
{
	time_t		give_up = 0;

	while (w->conn == NULL)
	{
		if (try_connect(w))
		{
			if (settle(w))
				return true;
			disconnect(w);
		}
		if (stopping && give_up == 0)
			give_up = time(NULL) + GIVE_UP_S;
		if (give_up != 0 && time(NULL) > give_up)
			return false;
		usleep(RETRY_US);
	}
	return true;
}

/* ----- changes ----- */

static int
some_counter(Writer *w)
{
	return chance(w, 100) < 40 ? chance(w, HOT) : HOT + chance(w, SHARED - HOT);
}

/* One statement; 'affected' is the count it must report, -1: any.  The answer. */
static long
do_statement(Writer *w, const char *name, Change *c, long delta, int id, long affected)
{
	long		value = 0;
	Outcome		outcome = run(w, name, 2, delta, id, &value);

	if (outcome == ACKNOWLEDGED && (affected >= 0 ? value != affected : value < 0))
		mismatch(w, "\"%s\" of counter %d answered %ld", name, id, value);
	account(w, c, outcome);
	return value;
}

static void
do_increment(Writer *w)
{
	Change		c = {.doc = -1};
	int			id = some_counter(w);
	long		delta = 1 + chance(w, 9);

	add(&c, id, COLUMN_N, delta);
	do_statement(w, "add n", &c, delta, id, -1);
}

static void
do_direct_update(Writer *w)
{
	Change		c = {.doc = -1};
	int			id = some_counter(w);
	long		delta = 1 + chance(w, 9);

	add(&c, id, COLUMN_NOTE, 1);
	if (chance(w, 2) == 0)
		do_statement(w, "direct", &c, 1, id, 1);
	else
	{
		add(&c, id, COLUMN_N, delta);
		do_statement(w, "direct n", &c, delta, id, 1);
	}
}

static void
do_doc(Writer *w)
{
	Change		c = {.doc = chance(w, DOCS)};
	Doc		   *doc = &w->docs[c.doc];
	bool		removal = chance(w, 8) == 0;
	long		value;
	Outcome		outcome;

	if (!removal)
		c.doc_seq = doc->highest = ++w->seq;
	outcome = run(w, removal ? "remove" : "write", removal ? 1 : 2,
				  doc_id(w, c.doc), c.doc_seq, &value);
	if (outcome == ACKNOWLEDGED && exact &&
		value != (removal ? doc->acknowledged != 0 : c.doc_seq))
		mismatch(w, "%s of row %d answered %ld", removal ? "removal" : "write",
				 doc_id(w, c.doc), value);
	account(w, &c, outcome);
}

/* An error within a transaction. */
static Outcome
roll_back(Writer *w)
{
	return command(w, "ROLLBACK") == LOST ? LOST : VOID;
}

/* Some steps of a transaction; the first that fails ends it. */
static Outcome
step(Writer *w, Outcome so_far, const char *name, int nparams, long p1, long p2, long *value)
{
	return so_far == ACKNOWLEDGED ? run(w, name, nparams, p1, p2, value) : so_far;
}

static Outcome
step_command(Writer *w, Outcome so_far, const char *sql)
{
	return so_far == ACKNOWLEDGED ? command(w, sql) : so_far;
}

/*
 * Its row is counted as updated.  Whether it was deferred is seen by the row in
 * the table: now and then it goes there, when the binding changes.
 */
static void
do_deferred_update(Writer *w)
{
	Change		c = {.doc = -1};
	int			id = some_counter(w);
	long		delta = 1 + chance(w, 9);
	long		rows = 1;
	long		written = 0;
	Outcome		outcome;

	add(&c, id, COLUMN_N, delta);
	if (chance(w, 16) != 0)
	{
		do_statement(w, "defer n", &c, delta, id, 1);
		return;
	}
	outcome = command(w, "BEGIN");
	outcome = step(w, outcome, "defer n", 2, delta, id, &rows);
	outcome = step(w, outcome, "is written", 1, id, 0, &written);
	outcome = step_command(w, outcome, "COMMIT");
	if (outcome == VOID && PQtransactionStatus(w->conn) != PQTRANS_IDLE)
		outcome = roll_back(w);
	if (outcome == ACKNOWLEDGED)
	{
		atomic_fetch_add(&updates, 1);
		atomic_fetch_add(&undeferred, written);
		if (rows != 1)
			mismatch(w, "a deferred update of counter %d answered %ld", id, rows);
	}
	account(w, &c, outcome);
}

/* Two counters in step, the ledger, and sometimes a row. */
static void
do_transaction(Writer *w)
{
	Change		c = {.doc = chance(w, 4) == 0 ? chance(w, DOCS) : -1};
	bool		private = chance(w, 2) == 0;
	int			first = private ? PRIVATE(w->number, 0) : 2 * chance(w, HOT / 2);
	long		delta = 1 + chance(w, 9);
	long		value;
	Outcome		outcome;

	c.ledger = ++w->ledger;
	for (int i = 0; i < 2; i++)
		add(&c, first + i, COLUMN_M, delta);
	outcome = command(w, "BEGIN");
	outcome = step(w, outcome, "enter", 2, c.ledger, w->number, NULL);
	for (int i = 0; i < 2; i++)
	{
		outcome = step(w, outcome, "add m", 2, delta, first + i, &value);
		if (outcome == ACKNOWLEDGED && private && exact &&
			value != w->acknowledged[first + i][COLUMN_M] + delta)
			mismatch(w, "increment of counter %d to %ld answered %ld", first + i,
					 w->acknowledged[first + i][COLUMN_M] + delta, value);
	}
	if (c.doc >= 0)
	{
		c.doc_seq = w->docs[c.doc].highest = ++w->seq;
		outcome = step(w, outcome, "write", 2, doc_id(w, c.doc), c.doc_seq, NULL);
	}
	outcome = step_command(w, outcome, "COMMIT");
	if (outcome == VOID && PQtransactionStatus(w->conn) != PQTRANS_IDLE)
		outcome = roll_back(w);
	account(w, &c, outcome);
}

/* What is rolled back must not be found, so it is large. */
static void
do_savepoints(Writer *w)
{
	Change		c = {.doc = -1};
	int			first = PRIVATE(w->number, 0);
	bool		commit = chance(w, 3) != 0;
	long		delta = 1 + chance(w, 9);
	Outcome		outcome;

	c.ledger = ++w->ledger;
	outcome = command(w, "BEGIN");
	outcome = step(w, outcome, "enter", 2, c.ledger, w->number, NULL);
	for (int i = 0; i < 2; i++)
	{
		add(&c, first + i, COLUMN_M, delta);
		outcome = step(w, outcome, "add m", 2, delta, first + i, NULL);
	}
	outcome = step_command(w, outcome, "SAVEPOINT a");
	outcome = step(w, outcome, "add m", 2, 1000000000, first, NULL);
	outcome = step(w, outcome, "write", 2, doc_id(w, 0), 1000000000, NULL);
	outcome = step_command(w, outcome, "ROLLBACK TO a");
	outcome = step_command(w, outcome, commit ? "COMMIT" : "ROLLBACK");
	if (outcome == VOID && PQtransactionStatus(w->conn) != PQTRANS_IDLE)
		outcome = roll_back(w);
	if (!commit && outcome == ACKNOWLEDGED)
		return;
	account(w, &c, outcome);
}

static void
do_something(Writer *w)
{
	int			what = chance(w, 100);

	if (what < 40)
		do_increment(w);
	else if (what < 50)
		do_deferred_update(w);
	else if (what < 58)
		do_direct_update(w);
	else if (what < 75)
		do_doc(w);
	else if (what < 95)
		do_transaction(w);
	else if (what < 97)
		do_savepoints(w);
	else if (exact &&
			 !(what == 97 ? check_private(w) : check_doc(w, chance(w, DOCS))))
		disconnect(w);
}

static void *
writer_main(void *arg)
{
	Writer	   *w = arg;

	w->pending.doc = -1;
	for (int i = 0; i < DOCS; i++)
		w->docs[i].unknown = -1;
	while (!stopping)
	{
		if (be_connected(w))
			do_something(w);
	}
	if (be_connected(w))
		disconnect(w);
	else
		mismatch(w, "there is no server to ask at the end");
	return NULL;
}

/* ----- what is reported ----- */

static void
write_file(const char *name, void (*write) (FILE *, void *), void *arg)
{
	char		path[1024];
	char		temporary[1024 + 8];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	if (file == NULL)
		die(temporary);
	write(file, arg);
	if (fclose(file) != 0 || rename(temporary, path) != 0)
		die(path);
}

static void
write_progress(FILE *file, void *arg)
{
	fprintf(file, "transactions %ld writes %ld unknown %ld void %ld connects %ld "
			"updates %ld undeferred %ld mismatches %ld\n",
			atomic_load(&transactions), atomic_load(&writes), atomic_load(&unknowns),
			atomic_load(&voids), atomic_load(&connects), atomic_load(&updates),
			atomic_load(&undeferred), atomic_load(&mismatches));
}

static void
write_counters(FILE *file, Writer *writers)
{
	for (int id = 0; id < COUNTERS; id++)
	{
		fprintf(file, "counter %d", id);
		for (Column column = 0; column < COLUMNS; column++)
		{
			long		acknowledged = 0;
			long		unknown = 0;

			for (int i = 0; i < nwriters; i++)
			{
				acknowledged += writers[i].acknowledged[id][column];
				unknown += writers[i].unknown[id][column];
			}
			fprintf(file, " %ld %ld", acknowledged, unknown);
		}
		fputc('\n', file);
	}
}

static void
write_accounts(FILE *file, void *arg)
{
	Writer	   *writers = arg;

	write_progress(file, NULL);
	write_counters(file, writers);
	for (int i = 0; i < nwriters; i++)
	{
		Writer	   *w = &writers[i];

		for (int j = 0; j < DOCS; j++)
			fprintf(file, "doc %d %ld %ld %ld\n", doc_id(w, j), w->docs[j].acknowledged,
					w->docs[j].unknown, w->docs[j].highest);
		for (int j = 0; j < MAX_STATES && w->states[j].code[0] != '\0'; j++)
			fprintf(file, "state %s %ld\n", w->states[j].code, w->states[j].count);
	}
}

static void
stop(int signal)
{
	stopping = 1;
}

static void
get_options(int argc, char **argv, unsigned int *seed)
{
	int			option;

	while ((option = getopt(argc, argv, "xef:o:p:w:s:")) != -1)
	{
		switch (option)
		{
			case 'x':
				exact = false;
				break;
			case 'e':
				failing_system = true;
				break;
			case 'f':
				conninfo_file = optarg;
				break;
			case 'o':
				directory = optarg;
				break;
			case 'p':
				prefix = optarg;
				break;
			case 'w':
				nwriters = atoi(optarg);
				break;
			case 's':
				*seed = atoi(optarg);
				break;
			default:
				exit(2);
		}
	}
	if (conninfo_file == NULL || directory == NULL || prefix == NULL ||
		nwriters < 1 || nwriters > MAX_WRITERS)
	{
		fprintf(stderr, "client: options are missing or out of range\n");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};
	struct timespec interval = {.tv_nsec = 20000000};
	pid_t		parent = getppid();
	unsigned int seed = 1;
	char		path[1024];
	Writer	   *writers;

	get_options(argc, argv, &seed);
	sigaction(SIGTERM, &action, NULL);
	snprintf(path, sizeof(path), "%s/mismatches", directory);
	mismatch_file = fopen(path, "w");
	writers = calloc(nwriters, sizeof(Writer));
	if (mismatch_file == NULL || writers == NULL)
		die(path);
	for (int i = 0; i < nwriters; i++)
	{
		writers[i].number = i;
		writers[i].seed = seed * 1000 + i;
		if (pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]) != 0)
			die("thread");
	}
	while (!stopping)
	{
		write_file("progress", write_progress, NULL);
		nanosleep(&interval, NULL);
		if (getppid() != parent)
			exit(1);
	}
	for (int i = 0; i < nwriters; i++)
		pthread_join(writers[i].thread, NULL);
	write_file("progress", write_progress, NULL);
	write_file("accounts", write_accounts, writers);
	return 0;
}
