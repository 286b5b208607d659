/*-------------------------------------------------------------------------
 *
 * known.c
 *		What is known of the tables: how much has been written to what.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "shop.h"

#define PRODUCTS_SQL	"SELECT id, v FROM products"
#define PRICES_SQL		"SELECT customer, sum(v) FROM prices GROUP BY customer"
#define ORDERS_SQL		"SELECT customer, max(number) FROM orders GROUP BY customer"
#define COUNTS_SQL		"SELECT 0, sum(state) + count(*) FROM orders"

long		nproducts;
long		ncustomers;
Witness    *product_witness;
Witness    *prices_witness;
Witness    *orders_witness;
Witness		counts_witness;

static Witness *
allocate(long n)
{
	Witness    *witnesses = calloc(n + 1, sizeof(Witness));

	if (witnesses == NULL)
		fail("no memory for %ld rows", n);
	return witnesses;
}

/* Set them, or compare them with what was committed. */
static void
each_witness(PGconn *conn, const char *sql, Witness *witnesses, long n, bool set)
{
	PGresult   *result = server_query(conn, sql);

	if (PQntuples(result) != (n == 0 ? 1 : n))
		fail("%d instead of %ld rows from %s", PQntuples(result), n, sql);
	for (int i = 0; i < PQntuples(result); i++)
	{
		long		id = atol(PQgetvalue(result, i, 0));
		long		value = atol(PQgetvalue(result, i, 1));
		Witness    *witness = &witnesses[id];

		if (id > n)
			fail("row %ld is not to be there: %s", id, sql);
		if (set)
			witness->issued = witness->committed = witness->acknowledged = value;
		else if (value != witness->committed)
			fail("%ld instead of %ld for %ld: %s", value, (long) witness->committed, id, sql);
	}
	PQclear(result);
}

static long
count_rows(PGconn *conn, const char *sql)
{
	PGresult   *result = server_query(conn, sql);
	long		n = atol(PQgetvalue(result, 0, 0));

	PQclear(result);
	return n;
}

static void
each_table(PGconn *conn, bool set)
{
	each_witness(conn, PRODUCTS_SQL, product_witness, nproducts, set);
	each_witness(conn, PRICES_SQL, prices_witness, ncustomers, set);
	each_witness(conn, ORDERS_SQL, orders_witness, ncustomers, set);
	each_witness(conn, COUNTS_SQL, &counts_witness, 0, set);
}

void
known_init(PGconn *conn)
{
	nproducts = count_rows(conn, "SELECT count(*) FROM products");
	ncustomers = count_rows(conn, "SELECT count(*) FROM customers");
	product_witness = allocate(nproducts);
	prices_witness = allocate(ncustomers);
	orders_witness = allocate(ncustomers);
	each_table(conn, true);
}

/* With no write under way, the tables have what was committed. */
void
known_check(PGconn *conn)
{
	each_table(conn, false);
}
