/*-------------------------------------------------------------------------
 *
 * queue.c
 *		Requests to reload entries before they expire, and which process serves
 *		which database.
 *
 * Shared memory holds cache_strategies.refresh_queue places for requests, each
 * in one of two lists, the waiting (oldest first) and the free; the processes
 * that serve the requests of each database; and the flush workers, as many as
 * there can be background workers.  All of that is protected by the queue
 * lock. The number of waiting requests is atomic in addition, so that a hit
 * takes no lock when the queue is full.
 *
 * A flush worker that ends because it had nothing to do leaves its place
 * behind, marked as done, so that the launcher can distinguish that from a
 * failure.
 *
 * The filter prevents a frequently read key from being requested at every hit.
 * It is an array of atomic words, chosen by key hash, each with a part of the
 * hash and the second of the request.  A word is set when the request is
 * queued and cleared when the key was reloaded; if that never happens, the key
 * can be requested again after RETRY_SECONDS.  Keys that share a word only
 * lose or repeat a request now and then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "store/clock.h"
#include "store/lock.h"
#include "store/queue.h"

#define RETRY_SECONDS	10

typedef struct CsSharedRequest
{
	CsRefresh	request;		/* queue lock */
	int			next;			/* queue lock; in its list; -1 if the last */
} CsSharedRequest;

typedef struct CsSharedServer
{
	Oid			database;		/* queue lock; InvalidOid if free */
	int			procno;			/* queue lock */
	pid_t		pid;			/* queue lock */
} CsSharedServer;

typedef struct CsSharedFlusher
{
	Oid			database;		/* queue lock; InvalidOid if free */
	int			procno;			/* queue lock */
	pid_t		pid;			/* queue lock; 0 if it has ended with nothing
								 * to do */
	bool		serving;		/* queue lock; the worker, which alone sets
								 * it, reads it without */
	volatile bool dropped;		/* queue lock; the database is being dropped;
								 * read without by the worker's signal
								 * handler, after the signal that follows it */
} CsSharedFlusher;

typedef struct CsSharedAlone
{
	Oid			database;		/* queue lock */
	pid_t		pid;			/* queue lock; 0 if free */
} CsSharedAlone;

typedef struct CsSharedQueue
{
	LWLock	   *lock;			/* set once, at server start; the queue lock */
	pg_atomic_uint32 launcher;	/* atomic; its procno + 1, 0 if there is none */
	pg_atomic_uint32 stopping;	/* atomic; the launcher was told to end */
	pg_atomic_uint32 nwaiting;	/* atomic; changed under the queue lock, read
								 * without */
	int			first;			/* queue lock; the first waiting; -1 if none */
	int			last;			/* queue lock */
	int			free;			/* queue lock; the first free; -1 if none */
	CsSharedServer servers[CS_QUEUE_SERVERS];
	CsSharedAlone alone[CS_QUEUE_ALONE];
	CsSharedRequest requests[FLEXIBLE_ARRAY_MEMBER];
} CsSharedQueue;

static CsSharedQueue *queue;
static CsSharedFlusher *flushers;
static pg_atomic_uint64 *filter;	/* atomic, each word by itself */
static CsSharedFlusher *my_flusher; /* of this process, or NULL */
static Oid	my_database = InvalidOid;	/* served by this process */

/* ----- setting up ----- */

static Size
queue_size(void)
{
	return MAXALIGN(add_size(offsetof(CsSharedQueue, requests),
							 mul_size(cs_refresh_queue, sizeof(CsSharedRequest))));
}

static Size
flushers_size(void)
{
	return MAXALIGN(mul_size(max_worker_processes, sizeof(CsSharedFlusher)));
}

static uint32
filter_words(void)
{
	return pg_nextpower2_32(Max(cs_refresh_queue, 1)) * 4;
}

Size
cs_queue_shmem_size(void)
{
	return add_size(add_size(queue_size(), flushers_size()),
					mul_size(filter_words(), sizeof(pg_atomic_uint64)));
}

void
cs_queue_shmem_request(void)
{
	RequestNamedLWLockTranche("cache_strategies_queue", 1);
}

void
cs_queue_shmem_init(void)
{
	bool		found;

	queue = ShmemInitStruct("cache_strategies queue", cs_queue_shmem_size(), &found);
	flushers = (CsSharedFlusher *) ((char *) queue + queue_size());
	filter = (pg_atomic_uint64 *) ((char *) flushers + flushers_size());
	if (found)
		return;
	memset(queue, 0, queue_size() + flushers_size());
	queue->lock = &GetNamedLWLockTranche("cache_strategies_queue")->lock;
	pg_atomic_init_u32(&queue->launcher, 0);
	pg_atomic_init_u32(&queue->stopping, 0);
	pg_atomic_init_u32(&queue->nwaiting, 0);
	queue->first = queue->last = queue->free = -1;
	for (int i = cs_refresh_queue - 1; i >= 0; i--)
	{
		queue->requests[i].next = queue->free;
		queue->free = i;
	}
	for (uint32 i = 0; i < filter_words(); i++)
		pg_atomic_init_u64(&filter[i], 0);
}

static void
lock_queue(LWLockMode mode)
{
	cs_lock_acquire(queue->lock, CS_RANK_QUEUE, mode);
}

static void
unlock_queue(void)
{
	cs_lock_release(queue->lock, CS_RANK_QUEUE);
}

/* ----- the filter ----- */

static uint64
filter_tag(uint64 hash)
{
	return hash & ~UINT64CONST(0xffffffff);
}

static pg_atomic_uint64 *
filter_word(uint64 hash)
{
	return &filter[hash & (filter_words() - 1)];
}

static uint32
now_seconds(void)
{
	return (uint32) (cs_clock_steady() / USECS_PER_SEC);
}

/*
 * Whether the filter says that the key was requested within RETRY_SECONDS.
 */
static bool
is_asked_for(uint64 hash, uint32 now)
{
	uint64		word = pg_atomic_read_u64(filter_word(hash));

	return word != 0 && filter_tag(word) == filter_tag(hash) &&
		now - (uint32) word < RETRY_SECONDS;
}

/*
 * Report that the key was reloaded.  Without this it is not requested again
 * for RETRY_SECONDS.
 */
void
cs_queue_done(const CsRefresh *request)
{
	pg_atomic_uint64 *word = filter_word(request->hash);
	uint64		old = pg_atomic_read_u64(word);

	if (filter_tag(old) == filter_tag(request->hash))
		pg_atomic_compare_exchange_u64(word, &old, 0);
}

/* ----- processes that serve ----- */

/*
 * Process that serves a database.  The caller holds the queue lock.
 */
static CsSharedServer *
server_of(Oid database)
{
	for (int i = 0; i < CS_QUEUE_SERVERS; i++)
		if (queue->servers[i].database == database)
			return &queue->servers[i];
	return NULL;
}

/*
 * Make this process serve the requests of a database: its latch is set when
 * one arrives.  Returns false if another process serves it, or if there are
 * too many.
 */
bool
cs_queue_serve(Oid database)
{
	CsSharedServer *server;
	bool		taken = false;

	lock_queue(LW_EXCLUSIVE);
	server = server_of(InvalidOid);
	if (server != NULL && server_of(database) == NULL)
	{
		server->database = database;
		server->procno = cs_my_procno();
		server->pid = MyProcPid;
		my_database = database;
		taken = true;
	}
	unlock_queue();
	return taken;
}

/*
 * Stop serving.  Idempotent; safe at exit.
 */
void
cs_queue_leave(void)
{
	if (!OidIsValid(my_database))
		return;
	lock_queue(LW_EXCLUSIVE);
	server_of(my_database)->database = InvalidOid;
	unlock_queue();
	my_database = InvalidOid;
}

/*
 * Set the process whose latch is set when a request arrives for a database
 * that no process serves; -1 for none.
 */
void
cs_queue_set_launcher(int procno)
{
	pg_atomic_write_u32(&queue->launcher, (uint32) (procno + 1));
}

/*
 * Wake the launcher, if there is one.  Takes no lock; COMMIT callbacks may
 * call it.
 */
void
cs_queue_wake_launcher(void)
{
	uint32		launcher = pg_atomic_read_u32(&queue->launcher);

	if (launcher != 0)
		SetLatch(&GetPGProcByNumber(launcher - 1)->procLatch);
}

/*
 * Whether the server is stopping.  The launcher sets this in its signal
 * handler when it is told to end, and clears it when it starts again.
 */
void
cs_queue_set_stopping(bool stopping)
{
	pg_atomic_write_u32(&queue->stopping, stopping);
}

bool
cs_queue_is_stopping(void)
{
	return pg_atomic_read_u32(&queue->stopping) != 0;
}

/*
 * Process to wake for a request of this database, -1 if none.  The caller
 * holds the queue lock.
 */
static int
process_to_wake(Oid database)
{
	CsSharedServer *server = server_of(database);

	if (server != NULL)
		return server->procno;
	return (int) pg_atomic_read_u32(&queue->launcher) - 1;
}

/* ----- flush workers ----- */

/* Flush worker of a database.  The caller holds the queue lock. */
static CsSharedFlusher *
flusher_of(Oid database)
{
	for (int i = 0; i < max_worker_processes; i++)
		if (flushers[i].database == database)
			return &flushers[i];
	return NULL;
}

/*
 * A place for a flush worker.  The caller holds the queue lock exclusively.
 *
 * There are as many places as processes that can have one.  So in the worst
 * case this is the place of a worker that has ended with nothing to do; it is
 * then taken to have failed, and is started once more.
 */
static CsSharedFlusher *
free_flusher(void)
{
	CsSharedFlusher *flusher = flusher_of(InvalidOid);

	for (int i = 0; flusher == NULL && i < max_worker_processes; i++)
		if (flushers[i].pid == 0)
			flusher = &flushers[i];
	return flusher;
}

/*
 * Make this process the flush worker of the database.  Returns false if there
 * is one already.
 */
bool
cs_queue_flusher_enter(Oid database)
{
	CsSharedFlusher *flusher;

	lock_queue(LW_EXCLUSIVE);
	flusher = flusher_of(database);
	if (flusher == NULL)
		flusher = free_flusher();
	else if (flusher->pid != 0)
		flusher = NULL;
	if (flusher != NULL)
	{
		flusher->database = database;
		flusher->procno = cs_my_procno();
		flusher->pid = MyProcPid;
		flusher->serving = false;
		flusher->dropped = false;
		my_flusher = flusher;
	}
	unlock_queue();
	return flusher != NULL;
}

/*
 * Note that this flush worker has found tables.
 */
void
cs_queue_flusher_serve(void)
{
	if (my_flusher->serving)
		return;
	lock_queue(LW_EXCLUSIVE);
	my_flusher->serving = true;
	unlock_queue();
	cs_queue_wake_launcher();
}

/*
 * End as a flush worker; 'done' if there was nothing to do.  Idempotent; safe
 * at exit.
 */
void
cs_queue_flusher_leave(bool done)
{
	CsSharedFlusher *flusher = my_flusher;

	if (flusher == NULL)
		return;
	my_flusher = NULL;			/* first, because the signal handler reads it */
	lock_queue(LW_EXCLUSIVE);
	flusher->pid = 0;
	if (!done)
		flusher->database = InvalidOid;
	unlock_queue();
	cs_queue_wake_launcher();
}

/*
 * Register this process as one that flushes a single quarantined table of the
 * database.  Returns false if there are CS_QUEUE_ALONE already.
 */
bool
cs_queue_alone_enter(Oid database)
{
	bool		entered = false;

	lock_queue(LW_EXCLUSIVE);
	for (int i = 0; i < CS_QUEUE_ALONE && !entered; i++)
	{
		CsSharedAlone *place = &queue->alone[i];

		if (place->pid != 0)
			continue;
		place->database = database;
		place->pid = MyProcPid;
		entered = true;
	}
	unlock_queue();
	return entered;
}

/*
 * Undo cs_queue_alone_enter().  Idempotent; safe at exit.
 */
void
cs_queue_alone_leave(void)
{
	lock_queue(LW_EXCLUSIVE);
	for (int i = 0; i < CS_QUEUE_ALONE; i++)
		if (queue->alone[i].pid == MyProcPid)
			queue->alone[i].pid = 0;
	unlock_queue();
}

/*
 * Whether this flush worker's database is being dropped.  Signal handlers may
 * call it.
 */
bool
cs_queue_flusher_is_dropped(void)
{
	CsSharedFlusher *flusher = my_flusher;

	return flusher != NULL && flusher->dropped;
}

CsFlusherState
cs_queue_flusher_state(Oid database)
{
	CsFlusherState state = CS_FLUSHER_NONE;
	CsSharedFlusher *flusher;

	lock_queue(LW_SHARED);
	flusher = flusher_of(database);
	if (flusher != NULL && flusher->pid != 0)
		state = flusher->serving ? CS_FLUSHER_SERVING : CS_FLUSHER_STARTING;
	unlock_queue();
	return state;
}

void
cs_queue_flusher_wake(Oid database)
{
	CsSharedFlusher *flusher;
	int			procno = -1;

	lock_queue(LW_SHARED);
	flusher = flusher_of(database);
	if (flusher != NULL && flusher->pid != 0)
		procno = flusher->procno;
	unlock_queue();
	if (procno >= 0)
		SetLatch(&GetPGProcByNumber(procno)->procLatch);
}

/*
 * Whether the database's flush worker has ended because it had nothing to do.
 * Returns true once.
 */
bool
cs_queue_flusher_take_done(Oid database)
{
	CsSharedFlusher *flusher;
	bool		done;

	lock_queue(LW_EXCLUSIVE);
	flusher = flusher_of(database);
	done = flusher != NULL && flusher->pid == 0;
	if (done)
		flusher->database = InvalidOid;
	unlock_queue();
	return done;
}

/*
 * Forget the workers that ended under an earlier launcher, since the current
 * one will not ask for them.
 */
void
cs_queue_flusher_forget_done(void)
{
	lock_queue(LW_EXCLUSIVE);
	for (int i = 0; i < max_worker_processes; i++)
		if (flushers[i].pid == 0)
			flushers[i].database = InvalidOid;
	unlock_queue();
}

/* ----- requests ----- */

/*
 * Append a request to the waiting list.  The caller holds the queue lock
 * exclusively, and there is a free place.
 */
static void
append(Oid database, Oid relation, const CsKey *key)
{
	int			place = queue->free;
	CsSharedRequest *r = &queue->requests[place];

	queue->free = r->next;
	r->request.database = database;
	r->request.relation = relation;
	r->request.hash = key->hash;
	r->request.keylen = key->len;
	memcpy(r->request.key, key->data, key->len);
	r->next = -1;
	if (queue->last >= 0)
		queue->requests[queue->last].next = place;
	else
		queue->first = place;
	queue->last = place;
	pg_atomic_write_u32(&queue->nwaiting, pg_atomic_read_u32(&queue->nwaiting) + 1);
}

/*
 * Remove the request that follows 'before' (-1: the first).  The caller holds
 * the queue lock exclusively.
 */
static void
take_out(int place, int before)
{
	CsSharedRequest *r = &queue->requests[place];

	if (before >= 0)
		queue->requests[before].next = r->next;
	else
		queue->first = r->next;
	if (queue->last == place)
		queue->last = before;
	r->next = queue->free;
	queue->free = place;
	pg_atomic_write_u32(&queue->nwaiting, pg_atomic_read_u32(&queue->nwaiting) - 1);
}

/*
 * Request that a key be reloaded.  Ignored if the key has been requested
 * already or the queue is full.
 */
void
cs_queue_put(Oid database, Oid relation, const CsKey *key)
{
	uint32		now;
	int			wake = -1;

	if (key->len > CS_QUEUE_KEY_LEN ||
		pg_atomic_read_u32(&queue->nwaiting) >= cs_refresh_queue)
		return;
	now = now_seconds();
	if (is_asked_for(key->hash, now))
		return;
	lock_queue(LW_EXCLUSIVE);
	if (queue->free >= 0 && !is_asked_for(key->hash, now))
	{
		append(database, relation, key);
		pg_atomic_write_u64(filter_word(key->hash), filter_tag(key->hash) | now);
		wake = process_to_wake(database);
	}
	unlock_queue();
	if (wake >= 0)
		SetLatch(&GetPGProcByNumber(wake)->procLatch);
}

/*
 * Take the oldest request of a database off the queue; returns false if there
 * is none.
 */
bool
cs_queue_take(Oid database, CsRefresh *request)
{
	int			before = -1;
	int			place;

	if (pg_atomic_read_u32(&queue->nwaiting) == 0)
		return false;
	lock_queue(LW_EXCLUSIVE);
	for (place = queue->first; place >= 0; place = queue->requests[place].next)
	{
		if (queue->requests[place].request.database == database)
			break;
		before = place;
	}
	if (place >= 0)
	{
		*request = queue->requests[place].request;
		take_out(place, before);
	}
	unlock_queue();
	return place >= 0;
}

static bool
is_listed(const Oid *databases, int n, Oid database)
{
	for (int i = 0; i < n; i++)
		if (databases[i] == database)
			return true;
	return false;
}

/*
 * Collect databases that have waiting requests and no process that serves
 * them. Returns how many were stored.
 */
int
cs_queue_databases(Oid *databases, int max)
{
	int			n = 0;

	lock_queue(LW_SHARED);
	for (int i = queue->first; i >= 0 && n < max; i = queue->requests[i].next)
	{
		Oid			database = queue->requests[i].request.database;

		if (!is_listed(databases, n, database) && server_of(database) == NULL)
			databases[n++] = database;
	}
	unlock_queue();
	return n;
}

/*
 * Forget a database's requests, and make its workers leave it.
 *
 * The processes in the lists are alive, since a process leaves its list when
 * it exits.  So the signals cannot reach other processes.
 */
void
cs_queue_drop_database(Oid database)
{
	CsSharedServer *server;
	CsSharedFlusher *flusher;
	int			before = -1;
	int			next;

	lock_queue(LW_EXCLUSIVE);
	for (int place = queue->first; place >= 0; place = next)
	{
		next = queue->requests[place].next;
		if (queue->requests[place].request.database == database)
			take_out(place, before);
		else
			before = place;
	}
	server = server_of(database);
	if (server != NULL)
		kill(server->pid, SIGTERM);
	flusher = flusher_of(database);
	if (flusher != NULL && flusher->pid != 0)
	{
		flusher->dropped = true;
		kill(flusher->pid, SIGTERM);
	}
	for (int i = 0; i < CS_QUEUE_ALONE; i++)
		if (queue->alone[i].pid != 0 && queue->alone[i].database == database)
			kill(queue->alone[i].pid, SIGTERM);
	unlock_queue();
}
