/*-------------------------------------------------------------------------
 *
 * marks.c
 *		The stripes that the current transaction has marked.
 *
 * An array in the pending list's memory.  It begins with the stripes known at
 * PRE_COMMIT, sorted and without duplicates, followed by those added later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "store/stripe.h"
#include "xact/marks.h"
#include "xact/pending.h"

CsMarks		cs_marks;

static int
compare_marks(const void *a, const void *b)
{
	uint32		x = ((const CsMark *) a)->stripe;
	uint32		y = ((const CsMark *) b)->stripe;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * List the stripes of all pending keys, each once, without marking them.  May
 * throw.
 */
void
cs_marks_collect(void)
{
	CsMarks    *marks = &cs_marks;
	CsPendingWalk walk = {cs_pending.first, 0};
	CsPendingKey *key;
	int			unique = 0;

	if (cs_pending.nkeys == 0)
		return;
	marks->max = cs_pending.nkeys + 16;
	marks->mark = MemoryContextAllocHuge(cs_pending_context(),
										 marks->max * sizeof(CsMark));
	while ((key = cs_pending_next(&walk)) != NULL)
		if (!key->table->whole)
			marks->mark[marks->nsorted++].stripe = cs_stripe_of(key->hash);
	qsort(marks->mark, marks->nsorted, sizeof(CsMark), compare_marks);
	for (int i = 0; i < marks->nsorted; i++)
		if (i == 0 || marks->mark[i].stripe != marks->mark[unique - 1].stripe)
			marks->mark[unique++] = marks->mark[i];
	marks->nsorted = unique;
	for (int i = 0; i < unique; i++)
		cs_stripe_touch(marks->mark[i].stripe);
}

/*
 * Mark the listed stripes.  Does not fail, so that n always says what ABORT
 * must undo.
 */
void
cs_marks_set(void)
{
	for (cs_marks.n = 0; cs_marks.n < cs_marks.nsorted; cs_marks.n++)
	{
		CsMark	   *mark = &cs_marks.mark[cs_marks.n];

		mark->version = cs_stripe_mark(mark->stripe);
	}
}

/*
 * Mark one more stripe.
 */
void
cs_marks_add(uint32 stripe)
{
	CsMarks    *marks = &cs_marks;

	if (marks->n >= marks->max)
	{
		int			max = Max(64, marks->max * 2);

		if (marks->mark == NULL)
			marks->mark = MemoryContextAllocHuge(cs_pending_context(), max * sizeof(CsMark));
		else
			marks->mark = repalloc_huge(marks->mark, max * sizeof(CsMark));
		marks->max = max;
	}
	marks->mark[marks->n].stripe = stripe;
	marks->mark[marks->n].version = cs_stripe_mark(stripe);
	marks->n++;
}

/* Find the mark of a stripe; NULL if it is not marked. */
CsMark *
cs_marks_find(uint32 stripe)
{
	CsMark		wanted = {.stripe = stripe};
	CsMark	   *found = bsearch(&wanted, cs_marks.mark, cs_marks.nsorted, sizeof(CsMark),
								compare_marks);

	for (int i = cs_marks.nsorted; found == NULL && i < cs_marks.n; i++)
		if (cs_marks.mark[i].stripe == stripe)
			found = &cs_marks.mark[i];
	return found;
}
