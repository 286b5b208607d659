/*-------------------------------------------------------------------------
 *
 * queue.h
 *		Requests to reload entries before they expire, and what the launcher
 *		and the workers tell each other: who serves which database.
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

/* Forget its requests, and have its workers leave it. */
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

/* Callable from COMMIT callbacks. */
extern void cs_queue_wake_launcher(void);

/*
 * Is the server stopping?  Set by the launcher, from its signal handler, when it
 * is told to end, and cleared when it starts again.
 */
extern void cs_queue_set_stopping(bool stopping);
extern bool cs_queue_is_stopping(void);

/* Flush workers: one for each database that has write_back tables. */
typedef enum CsFlusherState
{
	CS_FLUSHER_NONE,
	CS_FLUSHER_STARTING,		/* looking for tables */
	CS_FLUSHER_SERVING
} CsFlusherState;

/* This process is the flush worker of the database.  False: another one is. */
extern bool cs_queue_flusher_enter(Oid database);

/* It has found tables. */
extern void cs_queue_flusher_serve(void);

/*
 * It ends; 'done': as there was nothing to do.  Idempotent and safe at exit.
 */
extern void cs_queue_flusher_leave(bool done);

/* Is its database being dropped?  Callable from signal handlers. */
extern bool cs_queue_flusher_is_dropped(void);

/*
 * Processes for one quarantined table each.  This is one, of that database;
 * false: there are enough.  Idempotent and safe at exit.
 */
#define CS_QUEUE_ALONE		2

extern bool cs_queue_alone_enter(Oid database);
extern void cs_queue_alone_leave(void);

/* The launcher's side. */
extern CsFlusherState cs_queue_flusher_state(Oid database);
extern void cs_queue_flusher_wake(Oid database);

/* Has its flush worker ended as there was nothing to do?  Says so once. */
extern bool cs_queue_flusher_take_done(Oid database);
extern void cs_queue_flusher_forget_done(void);

#endif							/* CS_QUEUE_H */
