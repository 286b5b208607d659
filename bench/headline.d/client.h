/*-------------------------------------------------------------------------
 *
 * client.h
 *		What the parts of the client of bench/headline share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <libpq-fe.h>

#include "histogram.h"
#include "zipf.h"

/* ----- keys and what is known of their rows (keys.c) ----- */

/* Row versions are numbered: each write sets v to the next number of its key. */
typedef struct
{
	atomic_long issued;			/* set before the UPDATE is sent */
	atomic_long committed;		/* set when it has returned */
	atomic_long acknowledged;	/* set when all of the write is done */
	atomic_flag writing;
	bool		written;		/* by this run; protected by 'writing' */
} Key;

typedef struct
{
	long		id;
	long		v;
	const char *body;
	int			body_length;
} Row;

extern Key *keys;				/* by id, from 1 */
extern long nkeys;

extern void keys_init(long n, const char *state_file);
extern void keys_save(const char *state_file);
extern long keys_pick(uint64_t *random);
extern void keys_set_pool(const char *text, int length);
extern void keys_check_row(long id, const Row *row);

/* ----- sessions ----- */

typedef struct
{
	long		reads;
	long		writes;
	long		hits;			/* in Redis */
	long		round_trips;	/* of reads */
	long		stale;
	long		stale_commit;
	Histogram	read_latency;
	Histogram	write_latency;
} Counts;

typedef struct
{
	PGconn	   *conn;
	void	   *redis;			/* a redisContext, if there is one */
	uint64_t	random;
	PGresult   *result;			/* what the last row that was read points into */
	void	   *reply;			/* the same, of Redis */
	atomic_long operations;		/* for the one who reports progress */
	Counts		counts;
} Session;

/* How a case reads and writes.  A row is valid until the next call. */
typedef struct
{
	const char *name;
	const char *read_statement;
	void		(*connect) (Session *s);	/* to more than PostgreSQL */
	void		(*read) (Session *s, long id, Row *row);
	void		(*after_update) (Session *s, long id);
	long		(*stale_keys) (Session *s); /* that the cache still has */
} Case;

/* ----- PostgreSQL (server.c) ----- */

/* Sums over all sessions, since some time or other. */
typedef struct
{
	long		hits;			/* of the cache */
	long		lookups;
	long		pages;			/* that were not in shared buffers */
} ServerCounters;

extern void server_connect(Session *s, const char *read_statement);
extern void server_read(Session *s, long id, Row *row);
extern void server_update(Session *s, long id, long v);
extern void server_counters(Session *sessions, int n, ServerCounters *counters);
extern void server_fetch_pool(Session *s);
extern void server_check_table(Session *s);
extern long server_stale_keys(Session *s);

/* ----- Redis, beside PostgreSQL (redis.c) ----- */


extern void redis_connect(Session *s);
extern void redis_read(Session *s, long id, Row *row);
extern void redis_after_update(Session *s, long id);
extern long redis_stale_keys(Session *s);

/* ----- client.c ----- */

extern void fail(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));

#endif							/* CLIENT_H */
