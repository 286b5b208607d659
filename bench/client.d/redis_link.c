/*-------------------------------------------------------------------------
 *
 * redis_link.c
 *		A connection to Redis whose errors end the program.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "redis_link.h"

const char *redis_address = "127.0.0.1:6379";

void *
redis_link_open(void)
{
	const char *colon = strrchr(redis_address, ':');
	redisContext *context;

	if (redis_address[0] == '/' || colon == NULL)
		context = redisConnectUnix(redis_address);
	else
	{
		char		host[256];

		snprintf(host, sizeof(host), "%.*s", (int) (colon - redis_address), redis_address);
		context = redisConnect(host, atoi(colon + 1));
	}
	if (context == NULL || context->err != 0)
		fail("cannot connect to Redis at %s", redis_address);
	return context;
}

redisReply *
redis_link_ask(void *link, int argc, const char **argv, const size_t *lengths)
{
	redisReply *reply = redisCommandArgv(link, argc, argv, lengths);

	if (reply == NULL)
		fail("Redis: %s", ((redisContext *) link)->errstr);
	if (reply->type == REDIS_REPLY_ERROR)
		fail("Redis: %s", reply->str);
	return reply;
}
