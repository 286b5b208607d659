/*-------------------------------------------------------------------------
 *
 * writes.c
 *		What the shop's customers and staff change.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop.h"

#define ITEMS		3
#define LATEST		5			/* so many orders of a customer still advance */

/* The products of which a customer has a price; as bench/shop loads them. */
#define PRICES_OF_CUSTOMER	10
#define CUSTOMER_STEP		7919

static long
below(Session *s, long n)
{
	return (long) (random_unit(&s->random) * n);
}

static long
changed(Session *s, const char *name, int nparams, const char *const *params)
{
	PGresult   *result = server_execute(s, name, nparams, params);
	long		n = atol(PQcmdTuples(result));

	PQclear(result);
	return n;
}

static void
change_one(Session *s, const char *name, int nparams, const char *const *params)
{
	if (changed(s, name, nparams, params) != 1)
		fail("%s has not changed one row", name);
}

static void
set_product(Session *s, const char *product, Invalidate invalidate)
{
	Witness    *witness = &product_witness[atol(product)];
	char		price[24];
	const char *params[] = {product, price};

	snprintf(price, sizeof(price), "%ld.50", 1 + below(s, 100));
	witness->issued++;
	change_one(s, "set_product", 2, params);
	witness->committed++;
	if (invalidate != NULL)
		invalidate(s, PRODUCT, product);
	witness->acknowledged++;
}

static void
set_price(Session *s, const char *customer, Invalidate invalidate)
{
	long		id = atol(customer);
	Witness    *witness = &prices_witness[id];
	char		product[24];
	char		price[24];
	const char *params[] = {customer, product, price};

	snprintf(product, sizeof(product), "%ld",
			 (id * CUSTOMER_STEP + below(s, PRICES_OF_CUSTOMER) * (nproducts / PRICES_OF_CUSTOMER)) % nproducts + 1);
	snprintf(price, sizeof(price), "%ld.75", 1 + below(s, 100));
	witness->issued++;
	change_one(s, "set_price", 3, params);
	witness->committed++;
	if (invalidate != NULL)
		invalidate(s, PRICES, customer);
	witness->acknowledged++;
}

/* Numbers of a customer's orders follow each other, as the customer's row is locked. */
static void
add_order(Session *s, const char *customer, const Zipf *products, Invalidate invalidate)
{
	Witness    *witness = &orders_witness[atol(customer)];
	char		number[24];
	char		line[24];
	char		product[24];
	const char *params[] = {customer, number, line, product};
	PGresult   *result;

	witness->issued++;
	counts_witness.issued++;
	changed(s, "begin", 0, NULL);
	result = server_execute(s, "next_number", 1, params);
	if (PQntuples(result) != 1)
		fail("there is no customer %s", customer);
	snprintf(number, sizeof(number), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	change_one(s, "add_order", 2, params);
	for (int i = 1; i <= ITEMS; i++)
	{
		snprintf(line, sizeof(line), "%d", i);
		snprintf(product, sizeof(product), "%ld", zipf_pick(products, &s->random));
		change_one(s, "add_item", 4, params);
	}
	changed(s, "commit", 0, NULL);
	witness->committed++;
	counts_witness.committed++;
	if (invalidate != NULL)
	{
		invalidate(s, ORDERS, customer);
		invalidate(s, COUNTS, NULL);
	}
	witness->acknowledged++;
	counts_witness.acknowledged++;
}

/* An order that has been delivered is left as it is. */
static void
advance_order(Session *s, const char *customer, Invalidate invalidate)
{
	long		last = orders_witness[atol(customer)].committed;
	long		number = last - below(s, LATEST);
	char		text[24];
	const char *params[] = {customer, text};

	snprintf(text, sizeof(text), "%ld", number < 1 ? 1 : number);
	counts_witness.issued++;
	if (changed(s, "advance", 2, params) == 0)
	{
		counts_witness.issued--;
		return;
	}
	counts_witness.committed++;
	if (invalidate != NULL)
	{
		invalidate(s, ORDERS, customer);
		invalidate(s, COUNTS, NULL);
	}
	counts_witness.acknowledged++;
}

void
write_something(Session *s, const Zipf *products, const Zipf *customers, Invalidate invalidate)
{
	char		product[24];
	char		customer[24];

	snprintf(product, sizeof(product), "%ld", zipf_pick(products, &s->random));
	snprintf(customer, sizeof(customer), "%ld", zipf_pick(customers, &s->random));
	switch (below(s, 4))
	{
		case 0:
			set_product(s, product, invalidate);
			break;
		case 1:
			set_price(s, customer, invalidate);
			break;
		case 2:
			add_order(s, customer, products, invalidate);
			break;
		default:
			advance_order(s, customer, invalidate);
			break;
	}
}
