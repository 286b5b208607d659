/*-------------------------------------------------------------------------
 *
 * server.c
 *		The statements of a page and of the writes, and what their results show.
 *
 * What may lag (top sellers and search) says so in a comment.  It has the time at
 * which it was computed as its first column.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop.h"

#define TTL			"300"
#define LAGGING_TTL "10"
#define MAX_TEXT	2048

/* As long as bench/shop says: what is sent is the same in all cases. */
const Fragment fragments[FRAGMENTS] = {
	[PRODUCT] = {"product",
		"SELECT p.id, p.v, p.name, p.price, p.description, c.name"
		" FROM products p JOIN categories c ON c.id = p.category WHERE p.id = $1",
	true, TTL},
	[PRICES] = {"prices",
		"SELECT product, v, price FROM prices WHERE customer = $1 ORDER BY product",
	true, TTL},
	[ORDERS] = {"orders",
		"SELECT o.number, o.state, o.at, i.line, i.product, i.quantity, i.price"
		" FROM (SELECT * FROM orders WHERE customer = $1 ORDER BY number DESC LIMIT 20) o"
		" JOIN items i ON i.customer = o.customer AND i.number = o.number"
		" WHERE i.customer = $1 ORDER BY o.number DESC, i.line",
	true, TTL},
	[COUNTS] = {"counts",
		"SELECT state, count(*) FROM orders GROUP BY state ORDER BY state",
	false, TTL},
	[TOP] = {"top",
		"/* cache max_age=10s */ SELECT extract(epoch FROM now()), p.id, p.name, p.price, t.sold FROM"
		" (SELECT product, sum(quantity) AS sold FROM items WHERE at > now() - interval '1 day'"
		" GROUP BY product ORDER BY 2 DESC, 1 LIMIT 10) t JOIN products p ON p.id = t.product ORDER BY t.sold DESC, p.id",
	false, LAGGING_TTL},
	[SEARCH] = {"search",
		"/* cache max_age=10s */ SELECT extract(epoch FROM now()), id, name, price FROM products"
		" WHERE to_tsvector('simple', name) @@ to_tsquery('simple', $1) ORDER BY price, id LIMIT 20",
	true, LAGGING_TTL},
};

static const struct
{
	const char *name;
	const char *statement;
	int			nparams;
}			writes[] = {
	{"begin", "BEGIN", 0},
	{"commit", "COMMIT", 0},
	{"set_product", "UPDATE products SET price = $2, v = v + 1 WHERE id = $1", 2},
	{"set_price", "UPDATE prices SET price = $3, v = v + 1 WHERE customer = $1 AND product = $2", 3},
	{"next_number", "UPDATE customers SET orders = orders + 1 WHERE id = $1 RETURNING orders", 1},
	{"add_order", "INSERT INTO orders (customer, number, state, at) VALUES ($1, $2, 0, now())", 2},
	{"add_item", "INSERT INTO items (customer, number, line, product, quantity, price, at)"
	" VALUES ($1, $2, $3, $4, 1 + $4::int % 3, 9.90, now())", 4},
	{"advance", "UPDATE orders SET state = state + 1 WHERE customer = $1 AND number = $2 AND state < 4", 2},
};

bool		as_text;

static PGresult *
succeeded(PGconn *conn, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		fail("%s", PQerrorMessage(conn));
	return result;
}

PGresult *
server_query(PGconn *conn, const char *sql)
{
	return succeeded(conn, PQexec(conn, sql));
}

static void
prepare(Session *s, const char *name, const char *statement)
{
	PQclear(succeeded(s->conn, PQprepare(s->conn, name, statement, 0, NULL)));
}

/* Where it is, the environment says. */
void
server_connect(Session *s)
{
	s->conn = PQconnectdb("");
	if (PQstatus(s->conn) != CONNECTION_OK)
		fail("%s", PQerrorMessage(s->conn));
	for (int i = 0; i < FRAGMENTS; i++)
		prepare(s, fragments[i].name, fragments[i].statement);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		prepare(s, writes[i].name, writes[i].statement);
}

PGresult *
server_execute(Session *s, const char *name, int nparams, const char *const *params)
{
	return succeeded(s->conn, PQexecPrepared(s->conn, name, nparams, params, NULL, NULL, 0));
}

/* Parameters are numbers and words. */
static PGresult *
fetch_as_text(Session *s, const Fragment *fragment, const char *param)
{
	char		text[MAX_TEXT];
	size_t		length = 0;
	const char *quote = fragment == &fragments[SEARCH] ? "'" : "";

	for (const char *p = fragment->statement; *p != '\0'; p++)
	{
		if (p[0] == '$' && p[1] == '1')
		{
			length += snprintf(text + length, sizeof(text) - length, "%s%s%s", quote, param, quote);
			p++;
		}
		else
			text[length++] = *p;
		if (length >= sizeof(text) - 1)
			fail("a statement is too long");
	}
	text[length] = '\0';
	return server_query(s->conn, text);
}

static PGresult *
fetch(Session *s, FragmentKind kind, const char *param)
{
	const Fragment *fragment = &fragments[kind];
	const char *params[] = {param};

	if (as_text)
		return fetch_as_text(s, fragment, param);
	return server_execute(s, fragment->name, fragment->has_param ? 1 : 0, params);
}

static void
look_at(FragmentKind kind, const PGresult *result, Shown *shown)
{
	memset(shown, 0, sizeof(*shown));
	shown->rows = PQntuples(result);
	for (int i = 0; i < shown->rows; i++)
	{
		long		first = atol(PQgetvalue(result, i, 0));
		long		second = atol(PQgetvalue(result, i, 1));

		switch (kind)
		{
			case PRODUCT:
			case PRICES:
				shown->witness += second;
				break;
			case ORDERS:
				if (first > shown->witness)
					shown->witness = first;
				break;
			case COUNTS:
				shown->witness += (first + 1) * second;
				break;
			default:
				shown->computed_at = atof(PQgetvalue(result, i, 0));
				break;
		}
	}
}

/* Ask for a fragment; its rows are the caller's. */
PGresult *
server_fetch(Session *s, FragmentKind kind, const char *param, Shown *shown)
{
	PGresult   *result = fetch(s, kind, param);

	look_at(kind, result, shown);
	return result;
}

void
server_show(Session *s, FragmentKind kind, const char *param, Shown *shown)
{
	PQclear(server_fetch(s, kind, param, shown));
}
