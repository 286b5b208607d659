/*-------------------------------------------------------------------------
 *
 * server.c
 *		Reads and writes in PostgreSQL: prepared statements, text parameters and
 *		results.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define INT4OID		23
#define INT8OID		20

/* As many keys are compared at once. */
#define BATCH		1000

static PGresult *
expect(Session *s, PGresult *result, ExecStatusType status)
{
	if (PQresultStatus(result) != status)
		fail("%s", PQerrorMessage(s->conn));
	return result;
}

static void
prepare(Session *s, const char *name, const char *sql, int nparams, const Oid *types)
{
	PQclear(expect(s, PQprepare(s->conn, name, sql, nparams, types), PGRES_COMMAND_OK));
}

/* Where it is, the environment says. */
void
server_connect(Session *s, const char *read_statement)
{
	const Oid	types[] = {INT4OID, INT8OID};

	s->conn = PQconnectdb("");
	if (PQstatus(s->conn) != CONNECTION_OK)
		fail("%s", PQerrorMessage(s->conn));
	prepare(s, "read", read_statement, 1, types);
	prepare(s, "write", "UPDATE items SET v = $2 WHERE id = $1", 2, types);
}

void
server_read(Session *s, long id, Row *row)
{
	char		text[24];
	const char *params[] = {text};

	snprintf(text, sizeof(text), "%ld", id);
	PQclear(s->result);
	s->result = expect(s, PQexecPrepared(s->conn, "read", 1, params, NULL, NULL, 0),
					   PGRES_TUPLES_OK);
	if (PQntuples(s->result) != 1 || PQnfields(s->result) != 4)
		fail("row %ld is not there", id);
	row->id = atol(PQgetvalue(s->result, 0, 0));
	row->v = atol(PQgetvalue(s->result, 0, 1));
	row->body = PQgetvalue(s->result, 0, 3);
	row->body_length = PQgetlength(s->result, 0, 3);
	s->counts.round_trips++;
}

void
server_update(Session *s, long id, long v)
{
	char		text[2][24];
	const char *params[] = {text[0], text[1]};
	PGresult   *result;

	snprintf(text[0], sizeof(text[0]), "%ld", id);
	snprintf(text[1], sizeof(text[1]), "%ld", v);
	result = expect(s, PQexecPrepared(s->conn, "write", 2, params, NULL, NULL, 0),
					PGRES_COMMAND_OK);
	if (strcmp(PQcmdTuples(result), "1") != 0)
		fail("row %ld was not updated", id);
	PQclear(result);
}

static PGresult *
query(Session *s, const char *sql)
{
	return expect(s, PQexec(s->conn, sql), PGRES_TUPLES_OK);
}

/*
 * Sessions report their counts now and then.  Each reads the view itself, which
 * makes it report; the last one sees the sums.
 */
void
server_counters(Session *sessions, int n, ServerCounters *counters)
{
	PGresult   *result;

	for (int i = 0; i < n; i++)
	{
		PQclear(query(&sessions[i], "SELECT pg_stat_force_next_flush()"));
		PQclear(query(&sessions[i], "SELECT * FROM cache.table_stats"));
	}
	result = query(&sessions[0],
				   "SELECT coalesce(sum(hits + absent_hits), 0),"
				   " coalesce(sum(hits + absent_hits + misses + bypasses), 0),"
				   " (SELECT blks_read FROM pg_stat_database WHERE datname = current_database())"
				   " FROM cache.table_stats");
	counters->hits = atol(PQgetvalue(result, 0, 0));
	counters->lookups = atol(PQgetvalue(result, 0, 1));
	counters->pages = atol(PQgetvalue(result, 0, 2));
	PQclear(result);
}

void
server_fetch_pool(Session *s)
{
	PGresult   *result = query(s, "SELECT text FROM pool");

	keys_set_pool(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0));
	PQclear(result);
}

/* With no write under way, the table has what was acknowledged. */
void
server_check_table(Session *s)
{
	char	   *line;
	long		rows = 0;
	int			length;

	PQclear(expect(s, PQexec(s->conn, "COPY (SELECT id, v FROM items) TO STDOUT"),
				   PGRES_COPY_OUT));
	while ((length = PQgetCopyData(s->conn, &line, 0)) > 0)
	{
		char	   *end;
		long		id = strtol(line, &end, 10);
		long		v = strtol(end, NULL, 10);

		if (id < 1 || id > nkeys || v != keys[id].acknowledged)
			fail("row %ld of the table has v = %ld, which is not what was written last", id, v);
		rows++;
		PQfreemem(line);
	}
	if (length == -2)
		fail("%s", PQerrorMessage(s->conn));
	PQclear(expect(s, PQgetResult(s->conn), PGRES_COMMAND_OK));
	while (PQgetResult(s->conn) != NULL)
		;
	if (rows != nkeys)
		fail("the table has %ld rows, not %ld", rows, nkeys);
}

static long
count_differing(Session *s, const char *ids)
{
	PGresult   *result;
	long		n;

	result = expect(s, PQexecParams(s->conn,
									"SELECT count(*) FROM items, cache.read(NULL::items, items.id) r"
									" WHERE items.id = ANY ($1::int[]) AND r *<> items",
									1, NULL, &ids, NULL, NULL, 0), PGRES_TUPLES_OK);
	n = atol(PQgetvalue(result, 0, 0));
	PQclear(result);
	return n;
}

/*
 * Rows that cache.read() and the table have differently.  Only those that were
 * written since the table was attached can be.
 */
long
server_stale_keys(Session *s)
{
	char		ids[BATCH * 12 + 2];
	int			length = 0;
	int			n = 0;
	long		stale = 0;

	for (long id = 1; id <= nkeys; id++)
	{
		if (keys[id].written)
		{
			length += sprintf(ids + length, "%c%ld", n == 0 ? '{' : ',', id);
			n++;
		}
		if (n == BATCH || (n > 0 && id == nkeys))
		{
			strcpy(ids + length, "}");
			stale += count_differing(s, ids);
			length = n = 0;
		}
	}
	return stale;
}
