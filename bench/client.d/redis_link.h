/*-------------------------------------------------------------------------
 *
 * redis_link.h
 *		A connection to Redis whose errors end the program.
 *
 *-------------------------------------------------------------------------
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <stddef.h>

struct redisReply;

extern const char *redis_address;	/* HOST:PORT, or the path of a socket */

extern void *redis_link_open(void);

/* 'lengths' is NULL if the arguments are strings.  The caller frees the reply. */
extern struct redisReply *redis_link_ask(void *link, int argc, const char **argv,
										 const size_t *lengths);

/* of the program */
extern void fail(const char *format,...)
			__attribute__((noreturn, format(printf, 1, 2)));

#endif
