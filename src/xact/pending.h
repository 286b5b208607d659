/*-------------------------------------------------------------------------
 *
 * pending.h
 *		The pending list: what the current transaction has changed.  Private
 *		to the txn layer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PENDING_H
#define CS_PENDING_H

#include "store/store.h"
#include "xact/subxact_stack.h"
#include "xact/xact.h"

typedef struct CsPendingName
{
	uint64		hash;
	int32		slot;			/* -1: the table has none */
	int32		unused;			/* hashed and compared as bytes */
} CsPendingName;

/* What a key holds as of some subtransaction. */
typedef struct CsPendingValue
{
	CsSubxactItem item;
	CsPendingName name;
	char	   *data;			/* value and key; NULL: only that it changed */
	Size		size;			/* of data */
	CsPublish	publish;		/* if data; points into it */
} CsPendingValue;

typedef struct CsPendingKey
{
	CsPendingName name;
	CsPendingValue *top;		/* innermost; NULL: only that it changed */
	uint64		version;		/* of its stripe after our mark */
	CsVacated	vacated;		/* what was unlinked */
	char		status;			/* of simplehash */
} CsPendingKey;

typedef struct CsPendingTable
{
	struct CsPendingTable *next;
	int			slot;
	bool		whole;			/* all of it; its keys are not listed */
	bool		ddl;			/* leave it UNKNOWN */
	bool		marked;
	bool		modcount_marked;	/* its changes of any kind */
	bool		dropped;		/* by this transaction */
	bool		created;		/* by this transaction */
	Oid			database;		/* if dropped or created */
	Oid			relation;
	int			nkeys;
	uint64		epoch;			/* after our marks */
} CsPendingTable;

#define SH_PREFIX		cs_keyset
#define SH_ELEMENT_TYPE CsPendingKey
#define SH_KEY_TYPE		CsPendingName
#define SH_SCOPE		extern
#define SH_DECLARE
#include "lib/simplehash.h"

typedef struct CsPending
{
	MemoryContext context;		/* NULL: nothing pending */
	cs_keyset_hash *keys;
	CsPendingTable *tables;
	CsSubxactStack values;
	Size		kept;			/* bytes of values */
	Oid		   *ddl;
	int			nddl;
	int			maxddl;
} CsPending;

extern CsPending cs_pending;

extern MemoryContext cs_pending_context(void);
extern void cs_pending_key(int slot, uint64 hash);
extern void cs_pending_push(int slot, uint64 hash, const CsPublish *publish);
extern CsPendingTable *cs_pending_table(int slot, bool create);
extern void cs_pending_whole(int slot, bool ddl);
extern void cs_pending_add_ddl(Oid relation);
extern void cs_pending_forget(void);
extern void cs_pending_init(void);

#endif							/* CS_PENDING_H */
