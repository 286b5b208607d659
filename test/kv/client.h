/*-------------------------------------------------------------------------
 *
 * client.h
 *		A client of serial.c.
 *
 * It knows what its own transaction must see: of each key, whether it has locked
 * it (by its first change of it, even one that changes nothing), what it has
 * found there since, and what it has made of it.  SAVEPOINT pushes a copy of
 * that, ROLLBACK TO goes back to it.  All that is compared at once; what others
 * have left in a key goes to the history.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdatomic.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "history.h"

#define SPACE	"serial"
#define MAX_DEPTH	3			/* of savepoints */
#define MAX_TEXT	6000		/* of a value */

#define CONFLICTS_WITH_OWN "55006"
#define NO_ROOM		"53200"
#define DEADLOCK	"40P01"
#define DIVISION	"22012"

/* What a transaction knows of a key. */
typedef struct
{
	bool		locked;
	bool		known;			/* 'value' is what it sees */
	bool		changed;
	Value		value;
	Value		old;			/* before its changes */
} KeyState;

typedef struct
{
	KeyState	keys[MAX_KEYS];
	int			ninvalidations;
	int			invalidated;	/* a bit for each tag */
} State;

typedef struct
{
	int			number;
	unsigned int seed;
	PGconn	   *conn;
	History    *history;
	bool		in_txn;			/* BEGIN was sent */
	bool		failed;			/* and an error has come since */
	State		states[MAX_DEPTH + 1];
	int			depth;
	int			txn;			/* the present one's number in the history */
	int			first_invalidation; /* of its own */
	int			first_writing;
	int			statement;
	Time		began;			/* the last statement */
	Time		ended;
	char		sqlstate[6];
	long		row;			/* what its row has been committed with */
} Client;

extern const char *conninfo;
extern bool immediates;			/* are there immediate changes? */
extern int	round_number;
extern int	first_of[ROW + 2];	/* the first key of each kind */

/* What was done, for those who want to see that it was. */
#define COUNTERS_OF(_) \
	_(transactions) _(commits) _(rollbacks) _(savepoint_rollbacks) _(disconnects) \
	_(changes) _(immediate) _(reads) _(own_reads) _(deadlocks) _(no_room) \
	_(own_refused) _(invalidations) _(found_nothing)
#define DECLARE(name) extern atomic_long count_##name;
COUNTERS_OF(DECLARE)
#define COUNT(name) atomic_fetch_add_explicit(&count_##name, 1, memory_order_relaxed)

extern void die(const char *what, const char *why) __attribute__((noreturn));

static inline int
chance(Client *c, int n)
{
	return rand_r(&c->seed) / 7 % n;
}

static inline State *
state(Client *c)
{
	return &c->states[c->depth];
}

static inline KeyState *
key_state(Client *c, int key)
{
	return &state(c)->keys[key];
}

/* client.c: talking to the server */
extern const char *text_of(Value value, char *text);
extern Value value_of(int key, const char *text);
extern Value new_value(Client *c, int key, int tags);
extern void connect_client(Client *c);
extern PGresult *call(Client *c, const char *name, int nparams, const char *const *params);
extern bool command(Client *c, const char *sql);
extern const char *field(PGresult *result);
extern bool is_true(PGresult *result);

/* NULL: an error that can happen; c->sqlstate has it. */
#define CALL(c, name, ...) \
	call(c, name, sizeof((const char *[]) {__VA_ARGS__}) / sizeof(const char *), (const char *[]) {__VA_ARGS__})

/* transaction.c: what a client knows, and remembers */
extern void observe(Client *c, int key, Value value);
extern void effect(Client *c, int key, bool immediate, Value old, bool changed, Value new);
extern void start(Client *c, bool explicit);
extern void end(Client *c, bool committed);
extern void push_savepoint(Client *c);
extern void roll_back_to_savepoint(Client *c);
extern void release_savepoint(Client *c);

/* operation.c: single operations */
extern void do_get(Client *c, int key);
extern void do_read(Client *c, int key);
extern void do_set(Client *c, int key, bool immediate);
extern void do_increment(Client *c, int key, bool immediate);
extern void do_invalidate(Client *c, bool immediate);
extern void change_key(Client *c, int key, bool immediate);
extern void change_row(Client *c);

#endif							/* CLIENT_H */
