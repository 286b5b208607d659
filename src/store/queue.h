/*-------------------------------------------------------------------------
 *
 * queue.h
 *		Requests to reload entries before they expire, and the registration of
 *		the launcher and the workers: which process serves which database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_QUEUE_H
#define CS_QUEUE_H

#include "store/store.h"

/* Longer keys are not refreshed ahead. */
#define CS_QUEUE_KEY_LEN	240

/* Databases that can have a worker at the same time. */
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
extern void cs_queue_put(Oid database, Oid relation, const CsKey *key);
extern bool cs_queue_take(Oid database, CsRefresh *request);
extern void cs_queue_done(const CsRefresh *request);
extern int	cs_queue_databases(Oid *databases, int max);
extern void cs_queue_drop_database(Oid database);
extern bool cs_queue_serve(Oid database);
extern void cs_queue_leave(void);
extern void cs_queue_set_launcher(int procno);
extern void cs_queue_wake_launcher(void);

extern void cs_queue_set_stopping(bool stopping);
extern bool cs_queue_is_stopping(void);

/* Flush workers: one for each database that has write_back tables. */
typedef enum CsFlusherState
{
	CS_FLUSHER_NONE,
	CS_FLUSHER_STARTING,		/* looking for tables */
	CS_FLUSHER_SERVING
} CsFlusherState;

extern bool cs_queue_flusher_enter(Oid database);
extern void cs_queue_flusher_serve(void);
extern void cs_queue_flusher_leave(bool done);
extern bool cs_queue_flusher_is_dropped(void);

/* Number of processes that flush a single quarantined table. */
#define CS_QUEUE_ALONE		2

extern bool cs_queue_alone_enter(Oid database);
extern void cs_queue_alone_leave(void);

extern CsFlusherState cs_queue_flusher_state(Oid database);
extern void cs_queue_flusher_wake(Oid database);

extern bool cs_queue_flusher_take_done(Oid database);
extern void cs_queue_flusher_forget_done(void);

#endif							/* CS_QUEUE_H */
