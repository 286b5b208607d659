/*-------------------------------------------------------------------------
 *
 * pending.h
 *		The pending list: what the current transaction has changed. Private to
 *		the files of this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PENDING_H
#define CS_PENDING_H

#include "store/store.h"
#include "xact/subxact_stack.h"
#include "xact/xact.h"

typedef struct CsPendingTable
{
	struct CsPendingTable *next;
	int			slot;
	bool		whole;			/* changed as a whole; its keys are not listed */
	bool		ddl;			/* the slot's state becomes unknown */
	bool		publishes;		/* keys of it have had values */
	bool		marked;
	bool		modcount_marked;	/* marked for changes of any kind */
	bool		all_values;		/* its values are too many to be listed */
	bool		values_marked;	/* marked for values, as a whole */
	bool		dropped;		/* by this transaction */
	bool		created;		/* by this transaction */
	Oid			database;		/* if dropped or created */
	Oid			relation;
	int			nkeys;
	int			nwords;			/* of values of watched columns */
	uint64		epoch;			/* after this transaction's marks */
} CsPendingTable;

/* Value of a key as of a subtransaction. */
typedef struct CsPendingValue
{
	CsSubxactItem item;
	struct CsPendingKey *key;
	char	   *data;			/* value and key; NULL: the key is only
								 * invalidated */
	Size		size;			/* of data */
	CsPublish	publish;		/* valid if data is set; points into it */
} CsPendingValue;

/* It stays where it is until the transaction ends. */
typedef struct CsPendingKey
{
	uint64		hash;
	CsPendingTable *table;
	CsPendingValue *top;		/* of the innermost subtransaction; NULL: the
								 * key is only invalidated */
	CsVacated	vacated;		/* the place of the entry that was unlinked */
} CsPendingKey;

typedef struct CsPendingChunk
{
	struct CsPendingChunk *next;
	int			n;
	int			max;
	CsPendingKey key[FLEXIBLE_ARRAY_MEMBER];
} CsPendingChunk;

typedef struct CsPending
{
	MemoryContext context;		/* NULL: nothing pending */
	CsPendingChunk *first;		/* of the keys, in the order of their arrival */
	CsPendingChunk *last;
	uint64		nkeys;			/* in all chunks */
	struct cs_keyset_hash *index;	/* of the keys, if they are many; or NULL */
	CsPendingTable *tables;
	CsPendingTable *recent;		/* found last; NULL: none */
	CsSubxactStack values;
	Size		kept;			/* bytes of all values */
	Oid		   *ddl;
	int			nddl;
	int			maxddl;
} CsPending;

extern CsPending cs_pending;

extern MemoryContext cs_pending_context(void);
extern CsPendingKey *cs_pending_key(int slot, uint64 hash);
extern char *cs_pending_push(CsPendingKey *key, const CsPublish *publish);
extern CsPendingTable *cs_pending_search_table(int slot, bool create);
extern void cs_pending_whole(int slot, bool ddl);
extern void cs_pending_add_ddl(Oid relation);
extern void cs_pending_forget(void);
extern void cs_pending_init(void);

/* The table's element; NULL if there is none and it is not to be made. */
static inline CsPendingTable *
cs_pending_table(int slot, bool create)
{
	CsPendingTable *recent = cs_pending.recent;

	return recent != NULL && recent->slot == slot ? recent : cs_pending_search_table(slot, create);
}

/* A walk over all keys: {cs_pending.first, 0}. */
typedef struct CsPendingWalk
{
	CsPendingChunk *chunk;
	int			i;
} CsPendingWalk;

/* NULL: there are no more. */
static inline CsPendingKey *
cs_pending_next(CsPendingWalk *walk)
{
	for (; walk->chunk != NULL; walk->chunk = walk->chunk->next, walk->i = 0)
		if (walk->i < walk->chunk->n)
			return &walk->chunk->key[walk->i++];
	return NULL;
}

#endif							/* CS_PENDING_H */
