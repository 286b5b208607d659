/*-------------------------------------------------------------------------
 *
 * subxact_stack.h
 *		What a transaction keeps for its end, by the subtransaction that did it.
 *
 * A stack of levels, one for each open subtransaction that has done something,
 * and in each the items that it has added.  At the end of a subtransaction its
 * items become those of the one around it (COMMIT), or are undone (ABORT); that
 * costs what it did, and no more.
 *
 * An item may replace an older one of the same thing (a key, say) that was
 * added further out: 'below' names it.  When both belong to one subtransaction,
 * the older one is merged into the newer.
 *
 * Private to the backend.  The memory of an item is its owner's, that of the
 * levels the transaction's; the outermost level lies in the stack, so that a
 * transaction without subtransactions allocates nothing here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SUBXACT_STACK_H
#define CS_SUBXACT_STACK_H

#include "access/xact.h"
#include "lib/ilist.h"

/* The beginning of whatever is kept. */
typedef struct CsSubxactItem
{
	dlist_node	node;			/* in its level's list */
	struct CsSubxactItem *below;	/* what it replaces, from an outer level */
	SubTransactionId subid;
} CsSubxactItem;

typedef struct CsSubxactLevel
{
	struct CsSubxactLevel *outer;
	SubTransactionId subid;
	dlist_head	items;
} CsSubxactLevel;

/* All zeroes: empty.  It must not be moved while it is not. */
typedef struct CsSubxactStack
{
	CsSubxactLevel *top;		/* innermost; NULL: nothing was added */
	CsSubxactLevel outermost;	/* if top is not NULL */
} CsSubxactStack;

/*
 * What the owner of a stack does with its items when subtransactions end.  Both
 * run in callbacks of the transaction's end and must not fail; NULL: nothing.
 */
typedef struct CsSubxactOps
{
	/* 'item' replaces 'older', which is in no list any more: free it. */
	void		(*merge) (CsSubxactItem *item, CsSubxactItem *older);
	/* What the item stands for is undone; it is in no list any more: free it. */
	void		(*discard) (CsSubxactItem *item);
} CsSubxactOps;

extern void cs_subxact_join(CsSubxactStack *stack, const CsSubxactOps *ops);
extern CsSubxactLevel *cs_subxact_level(CsSubxactStack *stack);
extern CsSubxactItem *cs_subxact_pop(CsSubxactStack *stack);
extern void cs_subxact_committed(SubTransactionId sub, SubTransactionId parent);
extern void cs_subxact_aborted(SubTransactionId sub);

static inline bool
cs_subxact_is_empty(const CsSubxactStack *stack)
{
	return stack->top == NULL;
}

/* Has the current subtransaction added the item? */
static inline bool
cs_subxact_is_current(const CsSubxactItem *item)
{
	return item->subid == GetCurrentSubTransactionId();
}

/* Does not fail if the level is there. */
static inline void
cs_subxact_add(CsSubxactStack *stack, CsSubxactItem *item, CsSubxactItem *below)
{
	CsSubxactLevel *level = cs_subxact_level(stack);

	item->subid = level->subid;
	item->below = below;
	dlist_push_head(&level->items, &item->node);
}

#endif							/* CS_SUBXACT_STACK_H */
