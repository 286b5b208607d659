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

typedef struct CsPendingName
{
	uint64		hash;
	int32		slot;			/* -1: the table has none */
	int32		unused;			/* zero, because names are hashed and compared
								 * as bytes */
} CsPendingName;

/* Value of a key as of a subtransaction. */
typedef struct CsPendingValue
{
	CsSubxactItem item;
	CsPendingName name;
	char	   *data;			/* value and key; NULL: the key is only
								 * invalidated */
	Size		size;			/* of data */
	CsPublish	publish;		/* valid if data is set; points into it */
} CsPendingValue;

typedef struct CsPendingKey
{
	CsPendingName name;
	CsPendingValue *top;		/* of the innermost subtransaction; NULL: the
								 * key is only invalidated */
	uint64		version;		/* of its stripe after this transaction's mark */
	CsVacated	vacated;		/* the place of the entry that was unlinked */
	char		status;			/* for simplehash */
} CsPendingKey;

typedef struct CsPendingTable
{
	struct CsPendingTable *next;
	int			slot;
	bool		whole;			/* changed as a whole; its keys are not listed */
	bool		ddl;			/* the slot's state becomes unknown */
	bool		marked;
	bool		modcount_marked;	/* marked for changes of any kind */
	bool		dropped;		/* by this transaction */
	bool		created;		/* by this transaction */
	Oid			database;		/* if dropped or created */
	Oid			relation;
	int			nkeys;
	uint64		epoch;			/* after this transaction's marks */
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
	Size		kept;			/* bytes of all values */
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
