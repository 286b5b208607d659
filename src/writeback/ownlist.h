/*-------------------------------------------------------------------------
 *
 * ownlist.h
 *		The list of what the current transaction has deferred.  Private to
 *		own.c and owncommit.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_OWNLIST_H
#define CS_OWNLIST_H

#include "lib/ilist.h"

#include "writeback/own.h"

typedef struct CsOwnValue
{
	dlist_node	node;			/* in its subtransaction's list */
	struct CsOwnValue *below;	/* same key, an outer subtransaction */
	struct CsOwnKey *key;
	SubTransactionId subid;
	char	   *delta;			/* encoded */
	Size		len;
	int			flags;			/* CS_RESERVE_... */
	uint64		seen;			/* arrival that must be the entry's last */
	bool		moves;			/* the row has got another key */
	bool		took_along;		/* cs_own_expect(), and the row has not been
								 * changed yet */
} CsOwnValue;

typedef struct CsOwnKey
{
	CsKey		key;			/* data in our context */
	Oid			relid;
	bool		durable;
	int			batch;			/* dirty entries at which the flusher is woken */
	CsOwnValue *top;			/* NULL: all was rolled back */
	uint64		part;			/* id of the part in the entry; 0: none */
	uint64		moves;			/* of the table, when it was first deferred */
	bool		moving;			/* we have counted ourselves in there */
	CommandId	updated;		/* the last command that had an UPDATE of it
								 * deferred */
} CsOwnKey;

typedef struct CsOwnEntry
{
	CsKey		name;
	CsOwnKey   *key;
	char		status;			/* of simplehash */
} CsOwnEntry;

#define SH_PREFIX		cs_ownset
#define SH_ELEMENT_TYPE CsOwnEntry
#define SH_KEY_TYPE		CsKey
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) ((uint32) ((key).hash ^ ((key).hash >> 32)))
#define SH_EQUAL(tb, a, b) \
	((a).hash == (b).hash && (a).owner == (b).owner && (a).len == (b).len && \
	 memcmp((a).data, (b).data, (a).len) == 0)
#define SH_SCOPE		extern
#define SH_DECLARE
#include "lib/simplehash.h"

typedef struct CsOwnTruncate
{
	dlist_node	node;
	int			slot;
	Oid			relid;
	bool		durable;
} CsOwnTruncate;

/* A part that was written to its table. */
typedef struct CsOwnFlight
{
	dlist_node	node;
	int			slot;
	CsKey		key;
	uint64		id;
} CsOwnFlight;

/* What one subtransaction did. */
typedef struct CsOwnLevel
{
	struct CsOwnLevel *outer;
	SubTransactionId subid;
	dlist_head	values;
	dlist_head	truncates;
	dlist_head	flights;
} CsOwnLevel;

/* Private to the backend and to the transaction. */
typedef struct CsOwn
{
	MemoryContext context;		/* NULL: nothing was done */
	cs_ownset_hash *keys;
	CsOwnLevel *levels;			/* innermost first */
	uint64		stamp;			/* 0: not drawn */
} CsOwn;

extern CsOwn cs_own;

extern MemoryContext cs_own_context(void);
extern void cs_own_subcommitted(SubTransactionId sub, SubTransactionId parent);
extern void cs_own_subaborted(SubTransactionId sub);

#endif							/* CS_OWNLIST_H */
