/*-------------------------------------------------------------------------
 *
 * queue.h
 *		Requests to reload entries before they expire.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_QUEUE_H
#define CS_QUEUE_H

#include "store/store.h"

/* Longer keys are not refreshed ahead. */
#define CS_QUEUE_KEY_LEN	240

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

/* The databases with requests waiting; returns how many were put in. */
extern int	cs_queue_databases(Oid *databases, int max);
extern void cs_queue_drop_database(Oid database);

/* The launcher's latch, to be set when a request arrives. */
extern void cs_queue_set_launcher(int procno);

#endif							/* CS_QUEUE_H */
