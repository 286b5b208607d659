/*-------------------------------------------------------------------------
 *
 * redis.c
 *		Redis beside PostgreSQL, as applications use it: a fragment is a key; what
 *		is not there is read from PostgreSQL and put into Redis with a TTL.  After
 *		a COMMIT the keys of the fragments that show what was written are deleted.
 *
 * A fragment is kept as text: what it shows, then its rows, columns separated by
 * tabs.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "shop.h"
#include "redis_link.h"

#define MAX_VALUE	65536

void
redis_connect(Session *s)
{
	s->redis = redis_link_open();
}

static void
name_key(char *key, size_t size, FragmentKind kind, const char *param)
{
	if (fragments[kind].has_param)
		snprintf(key, size, "%s:%s", fragments[kind].name, param);
	else
		snprintf(key, size, "%s", fragments[kind].name);
}

static void
put(Session *s, const char *key, const char *ttl, const Shown *shown, const PGresult *result)
{
	char		value[MAX_VALUE];
	const char *argv[] = {"SETEX", key, ttl, value};
	size_t		length;

	length = snprintf(value, sizeof(value), "%ld\t%ld\t%.6f\n", shown->rows, shown->witness, shown->computed_at);
	for (int i = 0; i < PQntuples(result); i++)
	{
		for (int j = 0; j < PQnfields(result); j++)
		{
			length += snprintf(value + length, sizeof(value) - length, "%s%c", PQgetvalue(result, i, j),
							   j == PQnfields(result) - 1 ? '\n' : '\t');
			if (length >= sizeof(value))
				fail("%s is too long", key);
		}
	}
	freeReplyObject(redis_link_ask(s->redis, 4, argv, NULL));
}

void
redis_show(Session *s, FragmentKind kind, const char *param, Shown *shown)
{
	char		key[64];
	const char *argv[] = {"GET", key};
	redisReply *reply;

	name_key(key, sizeof(key), kind, param);
	reply = redis_link_ask(s->redis, 2, argv, NULL);
	if (reply->type == REDIS_REPLY_STRING)
	{
		s->counts.hits++;
		if (sscanf(reply->str, "%ld\t%ld\t%lf\n", &shown->rows, &shown->witness, &shown->computed_at) != 3)
			fail("Redis has something that is no fragment");
	}
	else
	{
		PGresult   *result = server_fetch(s, kind, param, shown);

		put(s, key, fragments[kind].ttl, shown, result);
		PQclear(result);
	}
	freeReplyObject(reply);
}

void
redis_delete(Session *s, FragmentKind kind, const char *param)
{
	char		key[64];
	const char *argv[] = {"DEL", key};

	name_key(key, sizeof(key), kind, param);
	freeReplyObject(redis_link_ask(s->redis, 2, argv, NULL));
}
