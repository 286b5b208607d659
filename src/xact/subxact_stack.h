/*-------------------------------------------------------------------------
 *
 * subxact_stack.h
 *		Stacks of subtransaction levels: what a transaction keeps until its
 *		end, by the subtransaction that added it.
 *
 * A stack has one level for each open subtransaction that has added items.
 * When a subtransaction commits, its items become those of the one around it;
 * when it aborts, they are undone.  The cost is proportional to the number of
 * its items.
 *
 * An item may replace an older one of the same object (such as a key) that was
 * added by an outer subtransaction: 'below' points to it.  When both belong to
 * one subtransaction, the older one is merged into the newer.
 *
 * Private to the backend.  An item is allocated by its owner, a level in the
 * transaction's memory.  The outermost level is part of the stack, so a
 * transaction without subtransactions allocates nothing here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SUBXACT_STACK_H
#define CS_SUBXACT_STACK_H

#include "access/xact.h"
#include "lib/ilist.h"

/* Head of each item. */
typedef struct CsSubxactItem
{
	dlist_node	node;			/* in its level's list */
	struct CsSubxactItem *below;	/* item of an outer level that it replaces */
	SubTransactionId subid;
} CsSubxactItem;

typedef struct CsSubxactLevel
{
	struct CsSubxactLevel *outer;
	SubTransactionId subid;
	dlist_head	items;
} CsSubxactLevel;

/* Empty if it is all zeroes.  Must not be moved unless it is empty. */
typedef struct CsSubxactStack
{
	CsSubxactLevel *top;		/* innermost level; NULL if there are no items */
	CsSubxactLevel outermost;	/* in use if top is not NULL */
} CsSubxactStack;

/*
 * What the owner of a stack does with its items when subtransactions end.
 * Called in callbacks of the transaction's end; must not fail.  NULL for
 * nothing.
 */
typedef struct CsSubxactOps
{
	/* 'item' replaces 'older', which is in no list any more: free it. */
	void		(*merge) (CsSubxactItem *item, CsSubxactItem *older);
	/* Undo what the item stands for.  It is in no list any more: free it. */
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

/* Whether the current subtransaction has added the item. */
static inline bool
cs_subxact_is_current(const CsSubxactItem *item)
{
	return item->subid == GetCurrentSubTransactionId();
}

/* Add an item.  Does not fail if cs_subxact_level() was called before. */
static inline void
cs_subxact_add(CsSubxactStack *stack, CsSubxactItem *item, CsSubxactItem *below)
{
	CsSubxactLevel *level = cs_subxact_level(stack);

	item->subid = level->subid;
	item->below = below;
	dlist_push_head(&level->items, &item->node);
}

#endif							/* CS_SUBXACT_STACK_H */
