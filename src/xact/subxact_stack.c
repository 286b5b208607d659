/*-------------------------------------------------------------------------
 *
 * subxact_stack.c
 *		Stacks of subtransaction levels: what a transaction keeps until its
 *		end, by the subtransaction that added it.
 *
 * A level is pushed when an item is added, and popped when its subtransaction
 * ends.  So the top level belongs to the ending subtransaction or to one
 * around it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "xact/subxact_stack.h"

typedef struct Member
{
	CsSubxactStack *stack;
	const CsSubxactOps *ops;
} Member;

static Member members[8];
static int	n_members = 0;

/*
 * Register a stack, when the library is loaded.  Stacks are processed in this
 * order.
 */
void
cs_subxact_join(CsSubxactStack *stack, const CsSubxactOps *ops)
{
	if (n_members == lengthof(members))
		elog(FATAL, "too many stacks of subtransactions");
	members[n_members++] = (Member)
	{
		stack, ops
	};
}

/* Level of the current subtransaction, made if necessary, which may throw. */
CsSubxactLevel *
cs_subxact_level(CsSubxactStack *stack)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	CsSubxactLevel *level = stack->top;

	if (level != NULL && level->subid == subid)
		return level;
	if (level == NULL)
		level = &stack->outermost;
	else
		level = MemoryContextAlloc(TopTransactionContext, sizeof(CsSubxactLevel));
	level->outer = stack->top;
	level->subid = subid;
	dlist_init(&level->items);
	stack->top = level;
	return level;
}

static void
pop_level(CsSubxactStack *stack)
{
	CsSubxactLevel *level = stack->top;

	stack->top = level->outer;
	if (level != &stack->outermost)
		pfree(level);
}

/* Remove the innermost item; returns NULL if there is none. */
CsSubxactItem *
cs_subxact_pop(CsSubxactStack *stack)
{
	while (stack->top != NULL)
	{
		if (!dlist_is_empty(&stack->top->items))
			return dlist_container(CsSubxactItem, node,
								   dlist_pop_head_node(&stack->top->items));
		pop_level(stack);
	}
	return NULL;
}

/*
 * Make the item belong to the outer subtransaction, and merge it with that
 * one's own.
 */
static void
hand_up(const CsSubxactOps *ops, CsSubxactItem *item, SubTransactionId parent)
{
	CsSubxactItem *older = item->below;

	item->subid = parent;
	if (older == NULL || older->subid != parent)
		return;
	item->below = older->below;
	dlist_delete(&older->node);
	if (ops->merge != NULL)
		ops->merge(item, older);
}

/*
 * Hand the top level's items to the parent.
 */
static void
commit_level(const Member *member, SubTransactionId parent)
{
	CsSubxactLevel *level = member->stack->top;
	CsSubxactLevel *outer = level->outer;
	dlist_iter	each;
	dlist_mutable_iter moving;

	dlist_foreach(each, &level->items)
		hand_up(member->ops, dlist_container(CsSubxactItem, node, each.cur), parent);
	level->subid = parent;
	if (outer == NULL || outer->subid != parent)
		return;
	dlist_foreach_modify(moving, &level->items)
	{
		dlist_delete(moving.cur);
		dlist_push_head(&outer->items, moving.cur);
	}
	pop_level(member->stack);
}

/*
 * Discard the top level's items.
 */
static void
abort_level(const Member *member)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &member->stack->top->items)
	{
		dlist_delete(iter.cur);
		if (member->ops->discard != NULL)
			member->ops->discard(dlist_container(CsSubxactItem, node, iter.cur));
	}
	pop_level(member->stack);
}

static bool
has_level(const Member *member, SubTransactionId sub)
{
	return member->stack->top != NULL && member->stack->top->subid == sub;
}

/*
 * Called when a subtransaction has committed.  Does not fail.
 */
void
cs_subxact_committed(SubTransactionId sub, SubTransactionId parent)
{
	for (int i = 0; i < n_members; i++)
		if (has_level(&members[i], sub))
			commit_level(&members[i], parent);
}

/*
 * Called when a subtransaction was rolled back.  Does not fail.
 */
void
cs_subxact_aborted(SubTransactionId sub)
{
	for (int i = 0; i < n_members; i++)
		if (has_level(&members[i], sub))
			abort_level(&members[i]);
}
