/*-------------------------------------------------------------------------
 *
 * redis.c
 *		Redis beside PostgreSQL, as applications use it: a read asks Redis; what
 *		is not there is read from PostgreSQL and put into Redis with a TTL.  A
 *		write changes PostgreSQL and then deletes the key.
 *
 * A row is kept as text, its columns separated by tabs.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "client.h"
#include "redis_link.h"

#define TTL			"300"
#define KEY_PREFIX	"items:"
#define MAX_VALUE	2048

void
redis_connect(Session *s)
{
	s->redis = redis_link_open();
}

static void
parse(const char *value, size_t length, Row *row)
{
	const char *v = memchr(value, '\t', length);
	const char *at = v == NULL ? NULL : strchr(v + 1, '\t');
	const char *body = at == NULL ? NULL : strchr(at + 1, '\t');

	if (body == NULL)
		fail("Redis has something that is no row");
	row->id = atol(value);
	row->v = atol(v + 1);
	row->body = body + 1;
	row->body_length = value + length - row->body;
}

/* The row that was just read from PostgreSQL. */
static void
put(Session *s, const char *key)
{
	char		value[MAX_VALUE];
	const char *argv[] = {"SETEX", key, TTL, value};
	int			length;

	length = snprintf(value, sizeof(value), "%s\t%s\t%s\t%s",
					  PQgetvalue(s->result, 0, 0), PQgetvalue(s->result, 0, 1),
					  PQgetvalue(s->result, 0, 2), PQgetvalue(s->result, 0, 3));
	if (length >= (int) sizeof(value))
		fail("a row is too long");
	freeReplyObject(redis_link_ask(s->redis, 4, argv, NULL));
	s->counts.round_trips++;
}

void
redis_read(Session *s, long id, Row *row)
{
	char		key[32];
	const char *argv[] = {"GET", key};
	redisReply *reply;

	snprintf(key, sizeof(key), KEY_PREFIX "%ld", id);
	if (s->reply != NULL)
		freeReplyObject(s->reply);
	s->reply = reply = redis_link_ask(s->redis, 2, argv, NULL);
	s->counts.round_trips++;
	if (reply->type == REDIS_REPLY_STRING)
	{
		s->counts.hits++;
		parse(reply->str, reply->len, row);
		return;
	}
	server_read(s, id, row);
	put(s, key);
}

void
redis_after_update(Session *s, long id)
{
	char		key[32];
	const char *argv[] = {"DEL", key};

	snprintf(key, sizeof(key), KEY_PREFIX "%ld", id);
	freeReplyObject(redis_link_ask(s->redis, 2, argv, NULL));
}

/* Of these keys; one may have been evicted meanwhile. */
static long
count_stale(Session *s, const redisReply * names)
{
	const char **argv = calloc(names->elements + 1, sizeof(*argv));
	redisReply *values;
	long		stale = 0;

	if (argv == NULL)
		fail("no memory");
	argv[0] = "MGET";
	for (size_t i = 0; i < names->elements; i++)
		argv[i + 1] = names->element[i]->str;
	values = redis_link_ask(s->redis, names->elements + 1, argv, NULL);
	for (size_t i = 0; i < values->elements; i++)
	{
		long		id = atol(names->element[i]->str + strlen(KEY_PREFIX));
		Row			row;

		if (values->element[i]->type != REDIS_REPLY_STRING)
			continue;
		parse(values->element[i]->str, values->element[i]->len, &row);
		keys_check_row(id, &row);
		if (row.v != keys[id].issued)
			stale++;
	}
	freeReplyObject(values);
	free(argv);
	return stale;
}

/* With no write under way: how many keys have not what the table has. */
long
redis_stale_keys(Session *s)
{
	char		cursor[32] = "0";
	long		stale = 0;

	do
	{
		const char *argv[] = {"SCAN", cursor, "COUNT", "1000"};
		redisReply *reply = redis_link_ask(s->redis, 4, argv, NULL);

		if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
			fail("Redis: SCAN has answered something else");
		snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
		if (reply->element[1]->elements > 0)
			stale += count_stale(s, reply->element[1]);
		freeReplyObject(reply);
	} while (strcmp(cursor, "0") != 0);
	return stale;
}
