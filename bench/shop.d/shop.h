/*-------------------------------------------------------------------------
 *
 * shop.h
 *		What the parts of the client of bench/shop share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SHOP_H
#define SHOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "histogram.h"
#include "zipf.h"

/* ----- what is known of the tables (known.c) ----- */

/*
 * A witness of what a fragment must have seen: a number that each write of
 * its rows makes one larger.
 */
typedef struct
{
	atomic_long issued;			/* raised before the write is sent */
	atomic_long committed;		/* when its COMMIT has returned */
	atomic_long acknowledged;	/* when all of the write is done */
} Witness;

extern long nproducts;
extern long ncustomers;
extern Witness *product_witness;	/* by id, from 1; products.v */
extern Witness *prices_witness; /* by customer; the sum of prices.v */
extern Witness *orders_witness; /* by customer; the largest number of an order */
extern Witness counts_witness;	/* orders, and how often their states advanced */

extern void known_init(PGconn *conn);
extern void known_check(PGconn *conn);

/* ----- fragments of a page (server.c) ----- */

typedef enum
{
	PRODUCT,
	PRICES,
	ORDERS,
	COUNTS,
	TOP,
	SEARCH,
	FRAGMENTS
} FragmentKind;

typedef struct
{
	const char *name;
	const char *statement;
	bool		has_param;
	const char *ttl;			/* in Redis, seconds */
} Fragment;

extern const Fragment fragments[FRAGMENTS];

/* ----- sessions ----- */

typedef struct
{
	long		pages;
	long		writes;
	long		fragments;
	long		hits;			/* in Redis */
	long		stale[FRAGMENTS];
	long		stale_commit[FRAGMENTS];
	double		oldest;			/* seconds, of what may lag */
	Histogram	page_latency;
	Histogram	write_latency;
} Counts;

typedef struct
{
	PGconn	   *conn;
	void	   *redis;			/* a redisContext, if there is one */
	uint64_t	random;
	atomic_long operations;		/* for the one who reports progress */
	Counts		counts;
} Session;

/* What a fragment has shown. */
typedef struct
{
	long		rows;
	long		witness;		/* of PRODUCT, PRICES, ORDERS and COUNTS */
	double		computed_at;	/* of TOP and SEARCH, as seconds since 1970 */
} Shown;

/* ----- PostgreSQL (server.c) ----- */

extern bool as_text;			/* no prepared statements */

extern void server_connect(Session *s);
extern PGresult *server_execute(Session *s, const char *name, int nparams, const char *const *params);
extern PGresult *server_query(PGconn *conn, const char *sql);
extern PGresult *server_fetch(Session *s, FragmentKind kind, const char *param, Shown *shown);
extern void server_show(Session *s, FragmentKind kind, const char *param, Shown *shown);

/* ----- Redis, beside PostgreSQL (redis.c) ----- */


extern void redis_connect(Session *s);
extern void redis_show(Session *s, FragmentKind kind, const char *param, Shown *shown);
extern void redis_delete(Session *s, FragmentKind kind, const char *param);

/* ----- writes (writes.c) ----- */

/* Called after COMMIT, for each fragment that shows what was written. */
typedef void (*Invalidate) (Session *s, FragmentKind kind, const char *param);

extern void write_something(Session *s, const Zipf *products, const Zipf *customers, Invalidate invalidate);

/* ----- client.c ----- */

extern void fail(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));

#endif							/* SHOP_H */
