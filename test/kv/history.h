/*-------------------------------------------------------------------------
 *
 * history.h
 *		What the clients of serial.c have done and seen, for check.c.
 *
 * Each client writes its own log and no client reads it before all have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_CLIENTS 32
#define MAX_KEYS	(32 + MAX_CLIENTS)

typedef int64_t Time;			/* nanoseconds, the same clock for all */

typedef enum
{
	REGISTER,					/* always holds something; no change is blind */
	LIFE,						/* comes and goes, and is overwritten blindly */
	COUNTER,					/* only ever incremented */
	TAGGED,						/* carries tags that are invalidated */
	ROW							/* a client's row of a table */
} KeyKind;

typedef struct
{
	KeyKind		kind;
	char		name[16];
	const char *space;			/* NULL: the role's own */
} Key;

/*
 * What a key holds.  Counters and rows: a number, which only grows.  Others: who
 * has written it, and the how many-eth it was of that client's; no two are the
 * same.
 */
typedef int64_t Value;

#define NOTHING		((Value) 0)
#define SOMETHING	((Value) -1)	/* it is not known what */
#define UNKNOWN		((Value) -2)	/* nothing is known */

#define MAKE_VALUE(client, tags, number) \
	((((Value) (client) + 1) << 40) | ((Value) (tags) << 36) | (Value) (number))
#define VALUE_CLIENT(value) ((int) ((value) >> 40) - 1)
#define VALUE_TAGS(value)	((int) ((value) >> 36) & 0xf)	/* a bit for each */
#define VALUE_NUMBER(value) ((int) ((value) & 0xfffffffff))

#define NTAGS		2

/* A transaction; an immediate change is one of its own. */
typedef struct
{
	Time		began;			/* its COMMIT, or the only statement */
	Time		ended;
	bool		committed;
	int			first_change;	/* in the client's log */
	int			nchanges;
} Txn;

/* What has become of a key in a transaction in the end. */
typedef struct
{
	int			key;
	Value		old;			/* that it replaced */
	Value		new;			/* NOTHING: removed */
} Change;

/* What others, or earlier transactions, have left in a key. */
typedef struct
{
	int			key;
	Value		value;
	Time		began;			/* of the statement */
	Time		ended;
	int			statement;		/* its number; reads of one are in order */
} Read;

/* When the statement was run that wrote a value, committed or not. */
typedef struct
{
	int			key;
	Time		began;
	Time		ended;
} Writing;

typedef struct
{
	int			tag;
	int			txn;
	Time		stated;			/* when the statement began */
} Invalidation;

#define LOG(type) struct { type *items; int n; int room; }

typedef struct
{
	LOG(Txn) txns;
	LOG(Change) changes;
	LOG(Read) reads;
	LOG(Writing) writings;		/* by VALUE_NUMBER */
	LOG(Invalidation) invalidations;
} History;

/* A pointer to a new last item, zeroed. */
#define LOG_ADD(log) \
	(log_grow((void **) &(log).items, &(log).n, &(log).room, sizeof(*(log).items)), \
	 &(log).items[(log).n - 1])

extern void log_grow(void **items, int *n, int *room, int size);

extern Key	keys[MAX_KEYS];
extern int	nkeys;				/* those of the rows included, which come last */
extern int	nclients;
extern bool lossy;				/* anything may be evicted at any time */

extern void violation(const char *format,...) __attribute__((format(printf, 1, 2)));

/* Is there a serial order?  The number of things that were compared. */
extern long check_histories(History *histories);

#endif							/* HISTORY_H */
