/*-------------------------------------------------------------------------
 *
 * strategy.h
 *		What makes one strategy differ from another.
 *
 * A strategy is one file with one table of callbacks; module.c lists them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STRATEGY_H
#define CS_STRATEGY_H

#include "relation/binding.h"
#include "rowcache/access.h"

/* One changed row, as a trigger sees it. */
typedef struct CsChange
{
	const CsRowKey *old;		/* NULL: inserted */
	const CsRowKey *new;		/* NULL: deleted */
	TupleTableSlot *oldslot;	/* the rows, as their relation has them */
	TupleTableSlot *newslot;
	const Bitmapset *updated;	/* columns that an UPDATE names, as the
								 * executor numbers them */
	AttrMap    *map;			/* from that relation to the binding's; or
								 * NULL */
	bool		superseded;		/* this transaction changed the row once more */
} CsChange;

typedef struct CsStrategy
{
	const char *name;

	/* Which triggers does it need with these options? */
	void		(*needs) (const CsBinding *binding, CsTriggerNeeds *needs);

	/* Read in another way than cache, then miss(); NULL: that way (access.c). */
	bool		(*read) (CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

	/* The cache had no answer: find one, and keep it or not. */
	void		(*miss) (CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

	/* May what is loaded for this key be kept?  NULL: always. */
	bool		(*admits) (const CsRowKey *rowkey);

	/* A row was changed. */
	void		(*changed) (const CsBinding *binding, const CsChange *change);
} CsStrategy;

extern const CsStrategy cs_cache_aside;
extern const CsStrategy cs_read_through;
extern const CsStrategy cs_write_through;
extern const CsStrategy cs_write_around;

extern const CsStrategy *cs_strategy_find(const char *name);
extern char *cs_strategy_names(void);

/* The strategies that there are; the last is NULL. */
extern void cs_strategy_init(const CsStrategy *const *list);

/* The binding's strategy; an error if cache.bindings names one we do not know. */
extern const CsStrategy *cs_strategy_of(const CsBinding *binding);

/* The binding of a table with its strategy, or an error. */
extern CsBinding *cs_strategy_require(Oid relid);

/* Shared by several strategies. */
extern void cs_strategy_invalidate(const CsBinding *binding, const CsChange *change);

#endif							/* CS_STRATEGY_H */
