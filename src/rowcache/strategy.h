/*-------------------------------------------------------------------------
 *
 * strategy.h
 *		The interface of a strategy.
 *
 * A strategy is one file with one table of callbacks; module.c lists them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STRATEGY_H
#define CS_STRATEGY_H

#include "relation/binding.h"
#include "rowcache/access.h"

/* A changed row, as a trigger gets it. */
typedef struct CsChange
{
	const CsRowKey *old;		/* NULL: inserted */
	const CsRowKey *new;		/* NULL: deleted.  The same as old if the key
								 * is the same */
	TupleTableSlot *oldslot;	/* the rows, in the layout of their relation */
	TupleTableSlot *newslot;
	const Bitmapset *updated;	/* columns named by an UPDATE, numbered as in
								 * the executor */
	AttrMap    *map;			/* from that relation to the binding's; NULL:
								 * same */
	bool		superseded;		/* this transaction has changed the row again */
} CsChange;

typedef struct CsStrategy
{
	const char *name;

	/* Which triggers are needed with these options. */
	void		(*needs) (const CsBinding *binding, CsTriggerNeeds *needs);

	/*
	 * Read in another way than cache, then miss(); NULL: in that way
	 * (access.c).
	 */
	bool		(*read) (CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

	/* The cache had no answer: find one, and keep it or not. */
	void		(*miss) (CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

	/* Whether a row loaded for this key may be kept; NULL: always. */
	bool		(*admits) (const CsRowKey *rowkey);

	/* A row was changed. */
	void		(*changed) (const CsBinding *binding, const CsChange *change);

	/* What becomes of the row's entry at commit, for the trace. */
	const char *effect;
} CsStrategy;

extern const CsStrategy cs_cache_aside;
extern const CsStrategy cs_read_through;
extern const CsStrategy cs_write_through;
extern const CsStrategy cs_write_around;

extern const CsStrategy *cs_strategy_find(const char *name);
extern char *cs_strategy_names(void);

extern void cs_strategy_init(const CsStrategy *const *list);

extern const CsStrategy *cs_strategy_of(const CsBinding *binding);

extern CsBinding *cs_strategy_require(Oid relid);

extern void cs_strategy_invalidate(const CsBinding *binding, const CsChange *change);

#endif							/* CS_STRATEGY_H */
