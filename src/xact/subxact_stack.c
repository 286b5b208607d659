/*-------------------------------------------------------------------------
 *
 * subxact_stack.c
 *		What a transaction keeps for its end, by the subtransaction that did it.
 *
 * Levels are pushed when something is added and popped when their
 * subtransaction ends, so the top one is the ending subtransaction's or that of
 * one around it.
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

/* When the library is loaded; stacks are served in this order. */
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

/* The current subtransaction's level; made if there is none, which may fail. */
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

/* Takes the innermost item off; NULL: there is none. */
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

/* The item is the outer subtransaction's now, and replaces that one's own. */
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

void
cs_subxact_committed(SubTransactionId sub, SubTransactionId parent)
{
	for (int i = 0; i < n_members; i++)
		if (has_level(&members[i], sub))
			commit_level(&members[i], parent);
}

void
cs_subxact_aborted(SubTransactionId sub)
{
	for (int i = 0; i < n_members; i++)
		if (has_level(&members[i], sub))
			abort_level(&members[i]);
}
