/*-------------------------------------------------------------------------
 *
 * client.c
 *		How a client talks to the server: values, statements, errors.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client.h"

static Time
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (Time) 1000000000 + t.tv_nsec;
}

/* ----- values ----- */

/* Most are small; some take room. */
static int
padding(Value value)
{
	int			number = VALUE_NUMBER(value);

	if (number % 64 == 7)
		return 3000 + number % 1000;
	return number * 37 % (lossy ? 900 : 100);
}

const char *
text_of(Value value, char *text)
{
	int			n = sprintf(text, "%d/%lx:", round_number, (long) value);

	memset(text + n, 'a' + VALUE_NUMBER(value) % 26, padding(value));
	text[n + padding(value)] = '\0';
	return text;
}

Value
value_of(int key, const char *text)
{
	char		expected[MAX_TEXT];
	int			number;
	long		value;

	if (text == NULL)
		return NOTHING;
	if (keys[key].kind == COUNTER || keys[key].kind == ROW)
		return atol(text);
	if (sscanf(text, "%d/%lx:", &number, &value) != 2 || number != round_number || value <= 0 ||
		strcmp(text_of(value, expected), text) != 0)
	{
		violation("%s holds what nobody has written: %.60s", keys[key].name, text);
		return UNKNOWN;
	}
	return value;
}

Value
new_value(Client *c, int key, int tags)
{
	Writing    *w = LOG_ADD(c->history->writings);

	w->key = key;
	w->began = w->ended = INT64_MAX;
	return MAKE_VALUE(c->number, tags, c->history->writings.n - 1);
}

/* ----- talking to the server ----- */

static const struct
{
	const char *name;
	const char *sql;
}			statements[] =

{
	{"get", "SELECT cache.get($1::text, $2::text)"},
	{"look", "SELECT (SELECT n FROM serial_rows WHERE id = $1::int), cache.get($2::text, $3::text), "
	"cache.get($4::text, $5::text), cache.get($6::text, $7::text), cache.get($8::text, $9::text)"},
	{"get_many", "SELECT value FROM unnest($1::text[]) WITH ORDINALITY AS k(key, n) "
	"LEFT JOIN cache.get_many($1::text[], $2::text) USING (key) ORDER BY n"},
	{"row", "UPDATE serial_rows SET n = $1::bigint WHERE id = $2::int"},
	{"exists", "SELECT cache.exists($1::text, $2::text)"},
	{"keys", "SELECT count(*) FROM cache.keys(prefix => $1::text, space => $2::text) k WHERE k = $1::text"},
	{"expire", "SELECT cache.expire($1::text, '1 day', space => $2::text)"},
	{"persist", "SELECT cache.persist($1::text, space => $2::text)"},
	{"set", "SELECT cache.set($1::text, $3::text, space => $2::text, immediate => $4::bool)"},
	{"set tagged", "SELECT cache.set($1::text, $3::text, tags => $5::text[], space => $2::text, immediate => $4::bool)"},
	{"set two", "SELECT cache.set_many(ARRAY[$1, $3]::text[], ARRAY[$4, $5]::text[], space => $2::text)"},
	{"add", "SELECT cache.add($1::text, $3::text, space => $2::text, immediate => $4::bool)"},
	{"replace", "SELECT cache.replace($1::text, $3::text, space => $2::text, immediate => $4::bool)"},
	{"delete", "SELECT cache.delete($1::text, space => $2::text, immediate => $3::bool)"},
	{"take", "SELECT cache.get_and_delete($1::text, space => $2::text, immediate => $3::bool)"},
	{"swap", "SELECT cache.compare_and_set($1::text, $3::text, $4::text, space => $2::text, immediate => $5::bool)"},
	{"incr", "SELECT cache.incr($1::text, $3::bigint, space => $2::text, immediate => $4::bool)"},
	{"invalidate", "SELECT cache.invalidate_tag($1::text, space => $2::text, immediate => $3::bool)"},
	{"clear", "SELECT cache.delete_prefix('', space => $1::text, immediate => true)"},
	{"junk", "SELECT count(cache.set('junk ' || $1::text || i, repeat('x', 700), space => $2::text, "
	"immediate => true)) FROM generate_series(1, 30) i"},
	{"fail", "SELECT 1 / 0"},
};

void
connect_client(Client *c)
{
	c->conn = PQconnectdb(conninfo);
	if (PQstatus(c->conn) != CONNECTION_OK)
		die("connect", PQerrorMessage(c->conn));
	for (int i = 0; i < (int) (sizeof(statements) / sizeof(statements[0])); i++)
	{
		PGresult   *result = PQprepare(c->conn, statements[i].name, statements[i].sql, 0, NULL);

		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die(statements[i].name, PQerrorMessage(c->conn));
		PQclear(result);
	}
}

/* Is it an error that can happen? */
static bool
is_expected(Client *c)
{
	if (strcmp(c->sqlstate, DEADLOCK) == 0)
		COUNT(deadlocks);
	else if (strcmp(c->sqlstate, NO_ROOM) == 0 && lossy)
		COUNT(no_room);
	else
		return strcmp(c->sqlstate, CONFLICTS_WITH_OWN) == 0 || strcmp(c->sqlstate, DIVISION) == 0;
	return true;
}

static PGresult *
finish_statement(Client *c, const char *name, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	c->ended = now();
	c->sqlstate[0] = '\0';
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	if (code == NULL)
		die(name, PQerrorMessage(c->conn));
	strncpy(c->sqlstate, code, 5);
	if (!is_expected(c))
		die(name, PQresultErrorMessage(result));
	c->failed = c->in_txn;
	PQclear(result);
	return NULL;
}

/* NULL: an error that can happen; c->sqlstate has it. */
PGresult *
call(Client *c, const char *name, int nparams, const char *const *params)
{
	c->statement++;
	c->began = now();
	return finish_statement(c, name, PQexecPrepared(c->conn, name, nparams, params, NULL, NULL, 0));
}

bool
command(Client *c, const char *sql)
{
	PGresult   *result;
	bool		ok;

	c->statement++;
	c->began = now();
	result = finish_statement(c, sql, PQexec(c->conn, sql));
	if (result == NULL)
		return false;
	ok = strncmp(PQcmdStatus(result), sql, strlen(PQcmdStatus(result))) == 0;
	if (!ok)
		violation("%s was answered with %s", sql, PQcmdStatus(result));
	PQclear(result);
	return ok;
}

/* The only field; NULL if it is null. */
const char *
field(PGresult *result)
{
	return PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0);
}

bool
is_true(PGresult *result)
{
	const char *text = field(result);

	return text != NULL && strcmp(text, "t") == 0;
}
