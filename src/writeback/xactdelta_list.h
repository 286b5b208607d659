/*-------------------------------------------------------------------------
 *
 * xactdelta_list.h
 *		The lists of what the current transaction has deferred. Private to
 *		xactdelta.c, xactdelta_commit.c and xactlook.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_XACTDELTA_LIST_H
#define CS_XACTDELTA_LIST_H

#include "writeback/xactdelta.h"
#include "xact/subxact_stack.h"

typedef struct CsXactDeltaValue
{
	CsSubxactItem item;
	struct CsXactDeltaKey *key;
	char	   *delta;			/* encoded */
	Size		len;
	uint64		change;			/* the number of the change that made it */
	CommandId	command;		/* by which that was made */
	struct CsXactDeltaValue *before;	/* earlier ones that looks may need,
										 * the latest first; of these only
										 * delta, len, change and command
										 * count */
	int			flags;			/* CS_RESERVE_... */
	uint64		seen;			/* arrival that must be the last of the entry */
	bool		moves;			/* the row has been given another key */
	bool		took_along;		/* cs_xactdelta_expect() was called, and the
								 * row has not been changed yet */
} CsXactDeltaValue;

/* A table of which something is deferred. */
typedef struct CsXactDeltaTable
{
	struct CsXactDeltaTable *next;
	int			slot;
	uint64		nkeys;			/* keys whose 'top' is not NULL */
	Bitmapset  *columns;		/* in their deltas, now or earlier */
} CsXactDeltaTable;

typedef struct CsXactDeltaKey
{
	CsKey		key;			/* data is a copy */
	CsXactDeltaTable *table;
	Oid			relid;
	bool		durable;
	int			batch;			/* dirty entries at which the flusher is woken */
	CsXactDeltaValue *top;		/* NULL: everything was rolled back */
	uint64		record;			/* id of its record in the entry; 0: none */
	uint64		moves;			/* key changes of the table, when first
								 * deferred */
	bool		moving;			/* is counted in the key changes of the table */
	CommandId	updated;		/* last command with a deferred UPDATE of it */
} CsXactDeltaKey;

typedef struct CsXactDeltaEntry
{
	CsKey		name;
	CsXactDeltaKey *key;
	char		status;			/* for simplehash */
} CsXactDeltaEntry;

#define CS_HASHTABLE	cs_xactdelta_keys
#define SH_ELEMENT_TYPE CsXactDeltaEntry
#define SH_SCOPE		extern
#define SH_DECLARE
#include "store/keytable.h"

typedef struct CsXactDeltaTruncate
{
	CsSubxactItem item;
	int			slot;
	Oid			relid;
	bool		durable;
} CsXactDeltaTruncate;

/* A record that was written to its table. */
typedef struct CsXactDeltaFlight
{
	CsSubxactItem item;
	int			slot;
	CsKey		key;
	uint64		id;
} CsXactDeltaFlight;

/* Private to the backend and to the transaction. */
typedef struct CsXactDelta
{
	MemoryContext context;		/* NULL: nothing was recorded */
	cs_xactdelta_keys_hash *keys;
	CsXactDeltaTable *tables;
	CsSubxactStack values;
	CsSubxactStack truncates;
	CsSubxactStack flights;
	uint64		stamp;			/* 0: not drawn yet */
} CsXactDelta;

extern CsXactDelta cs_xactdelta;

#endif							/* CS_XACTDELTA_LIST_H */
