/*-------------------------------------------------------------------------
 *
 * taken.c
 *		Deferred entries as the flusher sees them.
 *
 * It takes what is committed and below the boundary, as one part; when that is
 * in the table, by a transaction that has not ended, says so of the part; and
 * when it has, takes the part away (deferred.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"

#include "writeback/part.h"

/* ----- taking ----- */

static bool
is_takable(const CsPart *part, uint64 boundary)
{
	return part->state == CS_PART_TAKEN ||
		(part->state == CS_PART_COMMITTED && part->stamp < boundary);
}

static void
take_parts(CsBinding *binding, const CsDeferred *copy, uint64 boundary, CsBuilder *builder,
		   CsDelta *delta, uint64 *stamp, uint32 *folded)
{
	CsPart	  **chosen = palloc((copy->head.nparts + 1) * sizeof(CsPart *));
	int			n = 0;

	*folded = 0;
	*stamp = 0;
	for (uint32 i = 0; i < copy->head.nparts; i++)
	{
		CsPart	   *part = copy->parts[i];

		if (is_takable(part, boundary))
		{
			chosen[n++] = part;
			*folded += part->folded;
			*stamp = Max(*stamp, part->stamp);
			if (part->flags & CS_PART_CANCELS)
				builder->head.gen = cs_deferred_id();
		}
		else if (part->state != CS_PART_DEAD)
			cs_builder_keep(builder, part);
	}
	cs_parts_fold(binding, chosen, n, delta);
	/* what later parts cancel is not worth writing */
	for (int i = 0; i < builder->n; i++)
	{
		CsDelta		later;

		if (builder->parts[i]->state != CS_PART_COMMITTED ||
			(builder->parts[i]->flags & CS_PART_CANCELS) == 0)
			continue;
		cs_delta_decode(cs_part_delta(builder->parts[i]), builder->parts[i]->len, &later);
		later.whole = false;
		later.n = 0;
		cs_delta_fold(binding, delta, &later);
	}
	delta->cancel = false;
	delta->cancelled = NULL;
}

static bool
has_takable(const CsDeferred *copy, uint64 boundary)
{
	for (uint32 i = 0; i < copy->head.nparts; i++)
		if (is_takable(copy->parts[i], boundary))
			return true;
	return false;
}

bool
cs_deferred_take(CsBinding *binding, const CsKey *key, uint64 boundary, uint64 *id,
				 CsDelta *delta, uint32 *folded)
{
	for (;;)
	{
		CsDeferred	copy;
		CsBuilder	builder;
		CsPart	   *taken;
		uint64		stamp;

		if (!cs_deferred_copy(binding, key, &copy) || !has_takable(&copy, boundary))
			return false;
		cs_builder_begin(&builder, binding, &copy);
		take_parts(binding, &copy, boundary, &builder, delta, &stamp, folded);
		if (cs_delta_is_empty(delta) && builder.n == 0)
		{
			CsKey		mine = cs_deferred_key(key);
			CsFlip		flip = {.to = CS_PART_DEAD,.leaves = true,.version = copy.version};

			cs_store_alter(&mine, cs_part_flip, &flip);
			if (!flip.done)
				continue;
			return false;
		}
		*id = cs_deferred_id();
		taken = cs_part_new(delta, *id, CS_PART_TAKEN);
		taken->stamp = stamp;
		taken->folded = *folded;
		if (!cs_delta_is_empty(delta))
			cs_builder_keep(&builder, taken);
		switch (cs_builder_put(&builder, key, copy.version, true))
		{
			case CS_SWAP_DONE:
				return !cs_delta_is_empty(delta);
			case CS_SWAP_CONFLICT:
				continue;
			case CS_SWAP_FULL:
			case CS_SWAP_TOO_LARGE:
				ereport(ERROR,
						(errcode(ERRCODE_OUT_OF_MEMORY),
						 errmsg("no room in the store to take the deferred writes of table \"%s\"",
								binding->name)));
		}
	}
}

/* What a later delta makes void; that looks at no values. */
static void
make_void(CsDelta *delta, const CsDelta *later)
{
	int			n = 0;

	if (later->cancel || later->whole)
	{
		delta->n = 0;
		delta->whole = false;
		return;
	}
	for (int i = 0; i < delta->n; i++)
		if (delta->columns[i].rule != CS_RULE_REPLACE ||
			!bms_is_member(delta->columns[i].attnum, later->cancelled))
			delta->columns[n++] = delta->columns[i];
	delta->n = n;
}

static int
compare_stamps(const void *a, const void *b)
{
	const CsPart *x = *(CsPart *const *) a;
	const CsPart *y = *(CsPart *const *) b;

	return x->stamp < y->stamp ? -1 : x->stamp > y->stamp ? 1 : 0;
}

/* The taken parts as deltas, without what others, taken or not, have made void. */
static void
list_apart(const CsBuilder *builder, CsPart **chosen, int n, uint64 *ids, CsDelta *deltas)
{
	qsort(chosen, n, sizeof(CsPart *), compare_stamps);
	for (int i = 0; i < n; i++)
	{
		cs_delta_decode(cs_part_delta(chosen[i]), chosen[i]->len, &deltas[i]);
		ids[i] = chosen[i]->id;
		for (int j = 0; j < i; j++)
			make_void(&deltas[j], &deltas[i]);
	}
	for (int i = 0; i < builder->n; i++)
	{
		CsPart	   *part = builder->parts[i];
		CsDelta		later;

		if (part->state != CS_PART_COMMITTED || (part->flags & CS_PART_CANCELS) == 0)
			continue;
		cs_delta_decode(cs_part_delta(part), part->len, &later);
		later.whole = false;
		for (int j = 0; j < n; j++)
			make_void(&deltas[j], &later);
	}
}

int
cs_deferred_take_apart(CsBinding *binding, const CsKey *key, uint64 boundary, uint64 **ids,
					   CsDelta **deltas, uint32 *folded)
{
	for (;;)
	{
		CsDeferred	copy;
		CsBuilder	builder;
		CsPart	  **chosen;
		int			n = 0;

		if (!cs_deferred_copy(binding, key, &copy) || !has_takable(&copy, boundary))
			return 0;
		chosen = palloc((copy.head.nparts + 1) * sizeof(CsPart *));
		cs_builder_begin(&builder, binding, &copy);
		*folded = 0;
		for (uint32 i = 0; i < copy.head.nparts; i++)
		{
			CsPart	   *part = copy.parts[i];

			if (is_takable(part, boundary))
			{
				part->state = CS_PART_TAKEN;
				*folded += part->folded;
				chosen[n++] = part;
				if (part->flags & CS_PART_CANCELS)
					builder.head.gen = cs_deferred_id();
			}
			if (part->state != CS_PART_DEAD)
				cs_builder_keep(&builder, part);
		}
		*ids = palloc((n + 1) * sizeof(uint64));
		*deltas = palloc0((n + 1) * sizeof(CsDelta));
		list_apart(&builder, chosen, n, *ids, *deltas);
		switch (cs_builder_put(&builder, key, copy.version, true))
		{
			case CS_SWAP_DONE:
				return n;
			case CS_SWAP_CONFLICT:
				continue;
			case CS_SWAP_FULL:
			case CS_SWAP_TOO_LARGE:
				ereport(ERROR,
						(errcode(ERRCODE_OUT_OF_MEMORY),
						 errmsg("no room in the store to take the deferred writes of table \"%s\"",
								binding->name)));
		}
	}
}

/* ----- written ----- */

static bool
cancels_some(const CsDelta *cancels, const CsPart *part)
{
	CsDelta		delta;

	if (cancels->cancel)
		return true;
	cs_delta_decode(cs_part_delta(part), part->len, &delta);
	for (int c = 0; c < delta.n; c++)
		if (delta.columns[c].rule == CS_RULE_REPLACE &&
			bms_is_member(delta.columns[c].attnum, cancels->cancelled))
			return true;
	return false;
}

bool
cs_deferred_concerns(const CsDeferred *copy, const CsDelta *cancels)
{
	for (uint32 i = 0; i < copy->head.nparts; i++)
		if (copy->parts[i]->state != CS_PART_DEAD && cancels_some(cancels, copy->parts[i]))
			return true;
	return false;
}

/* Is some of this delta void because of a transaction that has committed? */
static bool
is_cancelled(const CsDeferred *copy, const CsPart *taken)
{
	for (uint32 i = 0; i < copy->head.nparts; i++)
	{
		CsPart	   *part = copy->parts[i];
		CsDelta		later;

		if ((part->flags & CS_PART_CANCELS) == 0 ||
			!(part->state == CS_PART_COMMITTED ||
			  (part->state == CS_PART_RESERVED && part->xid != 0 &&
			   TransactionIdDidCommit((TransactionId) part->xid))))
			continue;
		cs_delta_decode(cs_part_delta(part), part->len, &later);
		if (cancels_some(&later, taken))
			return true;
	}
	return false;
}

/*
 * The row is locked by the flusher, so whoever changed it before has committed;
 * but his COMMIT callback may still be ahead of him.
 */
CsSettle
cs_deferred_written(CsBinding *binding, const CsKey *key, uint64 id, uint64 xid)
{
	CsKey		mine = cs_deferred_key(key);

	for (;;)
	{
		CsDeferred	copy;
		CsPart	   *taken = NULL;
		CsFlip		flip = {.id = id,.from = CS_PART_TAKEN,.to = CS_PART_INFLIGHT,.xid = xid};

		(void) cs_deferred_copy(binding, key, &copy);
		for (uint32 i = 0; i < copy.head.nparts; i++)
			if (copy.parts[i]->id == id && copy.parts[i]->state == CS_PART_TAKEN)
				taken = copy.parts[i];
		if (taken == NULL)
			return CS_SETTLE_CANCELLED;
#ifndef CS_MUTANT_NO_RELOOK
		if (is_cancelled(&copy, taken))
			return CS_SETTLE_CANCELLED;
#endif
		flip.version = copy.version;
		cs_store_alter(&mine, cs_part_flip, &flip);
		if (flip.done)
			return CS_SETTLED;
	}
}
