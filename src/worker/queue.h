/*-------------------------------------------------------------------------
 *
 * queue.h
 *		Requests to reload entries before they expire, and which database's
 *		are being served.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_QUEUE_H
#define CS_QUEUE_H

#include "store/store.h"

/* Longer keys are not refreshed ahead. */
#define CS_QUEUE_KEY_LEN	240

/* Databases with a worker at the same time. */
#define CS_QUEUE_SERVERS	32

typedef struct CsRefresh
{
	Oid			database;
	Oid			relation;
	uint64		hash;
	uint32		keylen;
	char		key[CS_QUEUE_KEY_LEN];
} CsRefresh;

extern Size cs_queue_shmem_size(void);
extern void cs_queue_shmem_request(void);
extern void cs_queue_shmem_init(void);

/* Ask for a key to be reloaded; dropped if it is asked for already, or full. */
extern void cs_queue_put(Oid database, Oid relation, const CsKey *key);

/* The oldest request of a database, taken off the queue; false if none. */
extern bool cs_queue_take(Oid database, CsRefresh *request);

/* The key was reloaded; without this it is not asked for again for a while. */
extern void cs_queue_done(const CsRefresh *request);

/*
 * The databases with requests waiting and nobody serving them; returns how many
 * were put in.
 */
extern int	cs_queue_databases(Oid *databases, int max);

/* Forget its requests, and have its worker leave it. */
extern void cs_queue_drop_database(Oid database);

/*
 * This process serves the requests of a database: its latch is set when one
 * arrives.  False if another process does, or there are too many.
 */
extern bool cs_queue_serve(Oid database);

/* Idempotent and safe at exit. */
extern void cs_queue_leave(void);

/*
 * The process whose latch is set when a request arrives and nobody serves its
 * database; -1: none.
 */
extern void cs_queue_set_launcher(int procno);

#endif							/* CS_QUEUE_H */
