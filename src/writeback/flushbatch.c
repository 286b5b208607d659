/*-------------------------------------------------------------------------
 *
 * flushbatch.c
 *		A flush's operations on deferred entries.
 *
 * A flush takes the records that are committed and below the boundary, as one
 * record.  When that has been written to the table, by a transaction that has
 * not ended, the record is marked as such; when the transaction has ended, it
 * is removed (deferred.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"

#include "writeback/deltarecord.h"
#include "writeback/flushbatch.h"

/* ----- taking ----- */

/*
 * Whether the record is taken by a flush up to the boundary.
 */
static bool
is_takable(const CsDeltaRecord *record, uint64 boundary)
{
	return record->state == CS_RECORD_TAKEN ||
		(record->state == CS_RECORD_COMMITTED && record->stamp < boundary);
}

/*
 * Fold the records to be taken into 'delta', and keep the others.
 */
static void
take_parts(CsBinding *binding, const CsDeferred *copy, uint64 boundary, CsBuilder *builder,
		   CsDelta *delta, uint64 *stamp, uint32 *folded)
{
	CsDeltaRecord **chosen = palloc((copy->head.nrecords + 1) * sizeof(CsDeltaRecord *));
	int			n = 0;

	*folded = 0;
	*stamp = 0;
	for (uint32 i = 0; i < copy->head.nrecords; i++)
	{
		CsDeltaRecord *record = copy->records[i];

		if (is_takable(record, boundary))
		{
			chosen[n++] = record;
			*folded += record->folded;
			*stamp = Max(*stamp, record->stamp);
			if (record->flags & CS_RECORD_CANCELS)
				cs_deltarecord_build_leaves(builder, record);
		}
		else if (record->state != CS_RECORD_DEAD)
			cs_deltarecord_build_keep(builder, record);
	}
	cs_deltarecord_fold(binding, chosen, n, delta);
	/* changes that later records cancel need not be written */
	for (int i = 0; i < builder->n; i++)
	{
		CsDelta		later;

		if (builder->records[i]->state != CS_RECORD_COMMITTED ||
			(builder->records[i]->flags & CS_RECORD_CANCELS) == 0)
			continue;
		cs_delta_decode(cs_deltarecord_delta(builder->records[i]), builder->records[i]->len, &later);
		later.whole = false;
		later.n = 0;
		cs_delta_fold(binding, delta, &later);
		cs_deltarecord_build_leaves(builder, builder->records[i]);
	}
	delta->cancel = false;
	delta->cancelled = NULL;
}

static bool
has_takable(const CsDeferred *copy, uint64 boundary)
{
	for (uint32 i = 0; i < copy->head.nrecords; i++)
		if (is_takable(copy->records[i], boundary))
			return true;
	return false;
}

/*
 * Make one record of all records that are committed and below the boundary,
 * where no record can be added any more.  Returns false if there are none.
 * 'delta' is in the current memory context.
 */
bool
cs_flushbatch_take(CsBinding *binding, const CsKey *key, uint64 boundary, uint64 *id,
				   CsDelta *delta, uint32 *folded)
{
	for (;;)
	{
		CsDeferred	copy;
		CsBuilder	builder;
		CsDeltaRecord *taken;
		uint64		stamp;

		if (!cs_deferred_copy(binding, key, &copy) || !has_takable(&copy, boundary))
			return false;
		cs_deltarecord_build_begin(&builder, binding, &copy);
		take_parts(binding, &copy, boundary, &builder, delta, &stamp, folded);
		if (cs_delta_is_empty(delta) && builder.n == 0)
		{
			CsKey		mine = cs_deferred_key(key);
			CsFlip		flip = {.to = CS_RECORD_DEAD,.leaves = true,.version = copy.version};

			cs_store_alter(&mine, cs_deltarecord_flip, &flip);
			if (!flip.done)
				continue;
			return false;
		}
		*id = cs_deferred_id();
		taken = cs_deltarecord_new(delta, *id, CS_RECORD_TAKEN);
		taken->stamp = stamp;
		taken->folded = *folded;
		if (!cs_delta_is_empty(delta))
			cs_deltarecord_build_keep(&builder, taken);
		switch (cs_deltarecord_build_put(&builder, key, copy.version, true))
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

/* Remove what a later delta makes void, without comparing values. */
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
	const CsDeltaRecord *x = *(CsDeltaRecord *const *) a;
	const CsDeltaRecord *y = *(CsDeltaRecord *const *) b;

	return x->stamp < y->stamp ? -1 : x->stamp > y->stamp ? 1 : 0;
}

/*
 * The taken records as deltas, without what other records, taken or not, have
 * made void.
 */
static void
list_apart(const CsBuilder *builder, CsDeltaRecord **chosen, int n, uint64 *ids, CsDelta *deltas)
{
	qsort(chosen, n, sizeof(CsDeltaRecord *), compare_stamps);
	for (int i = 0; i < n; i++)
	{
		cs_delta_decode(cs_deltarecord_delta(chosen[i]), chosen[i]->len, &deltas[i]);
		ids[i] = chosen[i]->id;
		for (int j = 0; j < i; j++)
			make_void(&deltas[j], &deltas[i]);
	}
	for (int i = 0; i < builder->n; i++)
	{
		CsDeltaRecord *record = builder->records[i];
		CsDelta		later;

		if (record->state != CS_RECORD_COMMITTED || (record->flags & CS_RECORD_CANCELS) == 0)
			continue;
		cs_delta_decode(cs_deltarecord_delta(record), record->len, &later);
		later.whole = false;
		for (int j = 0; j < n; j++)
			make_void(&deltas[j], &later);
	}
}

/*
 * The same for a key whose records cannot be folded: take each by itself.  The
 * deltas are in the order of their stamps; those that are void are empty.
 * Returns their number.  The arrays are in the current memory context.
 */
int
cs_flushbatch_take_apart(CsBinding *binding, const CsKey *key, uint64 boundary, uint64 **ids,
						 CsDelta **deltas, uint32 *folded)
{
	for (;;)
	{
		CsDeferred	copy;
		CsBuilder	builder;
		CsDeltaRecord **chosen;
		int			n = 0;

		if (!cs_deferred_copy(binding, key, &copy) || !has_takable(&copy, boundary))
			return 0;
		chosen = palloc((copy.head.nrecords + 1) * sizeof(CsDeltaRecord *));
		cs_deltarecord_build_begin(&builder, binding, &copy);
		*folded = 0;
		for (uint32 i = 0; i < copy.head.nrecords; i++)
		{
			CsDeltaRecord *record = copy.records[i];

			if (is_takable(record, boundary))
			{
				record->state = CS_RECORD_TAKEN;
				*folded += record->folded;
				chosen[n++] = record;
				if (record->flags & CS_RECORD_CANCELS)
					cs_deltarecord_build_leaves(&builder, record);
			}
			if (record->state != CS_RECORD_DEAD)
				cs_deltarecord_build_keep(&builder, record);
		}
		*ids = palloc((n + 1) * sizeof(uint64));
		*deltas = palloc0((n + 1) * sizeof(CsDelta));
		list_apart(&builder, chosen, n, *ids, *deltas);
		switch (cs_deltarecord_build_put(&builder, key, copy.version, true))
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

/*
 * Whether the cancel makes a part of the record void.
 */
static bool
cancels_some(const CsDelta *cancels, const CsDeltaRecord *record)
{
	CsDelta		delta;

	if (cancels->cancel)
		return true;
	cs_delta_decode(cs_deltarecord_delta(record), record->len, &delta);
	for (int c = 0; c < delta.n; c++)
		if (delta.columns[c].rule == CS_RULE_REPLACE &&
			bms_is_member(delta.columns[c].attnum, cancels->cancelled))
			return true;
	return false;
}

/*
 * Whether the cancel makes any record void.
 */
bool
cs_flushbatch_concerns(const CsDeferred *copy, const CsDelta *cancels)
{
	for (uint32 i = 0; i < copy->head.nrecords; i++)
		if (copy->records[i]->state != CS_RECORD_DEAD && cancels_some(cancels, copy->records[i]))
			return true;
	return false;
}

/*
 * A record of a committed transaction that makes a part of the taken one void;
 * NULL if there is none.
 */
static const CsDeltaRecord *
canceller(const CsDeferred *copy, const CsDeltaRecord *taken)
{
	for (uint32 i = 0; i < copy->head.nrecords; i++)
	{
		CsDeltaRecord *record = copy->records[i];
		CsDelta		later;

		if ((record->flags & CS_RECORD_CANCELS) == 0 ||
			!(record->state == CS_RECORD_COMMITTED ||
			  (record->state == CS_RECORD_RESERVED && record->xid != 0 &&
			   TransactionIdDidCommit((TransactionId) record->xid))))
			continue;
		cs_delta_decode(cs_deltarecord_delta(record), record->len, &later);
		if (cancels_some(&later, taken))
			return record;
	}
	return NULL;
}

/*
 * The taken record has been written to the table by transaction xid: mark it.
 * If a committed transaction has cancelled a part of it the result is
 * CS_SETTLE_CANCELLED, and *behind is the xid of that transaction if its
 * COMMIT callback has not run yet, otherwise 0.
 *
 * The flusher has locked the row, so a transaction that changed it before has
 * committed, but its COMMIT callback may not have run yet.
 */
CsSettle
cs_flushbatch_written(CsBinding *binding, const CsKey *key, uint64 id, uint64 xid,
					  uint64 *behind)
{
	CsKey		mine = cs_deferred_key(key);

	*behind = 0;
	for (;;)
	{
		const CsDeltaRecord *cancel;
		CsDeferred	copy;
		CsDeltaRecord *taken = NULL;
		CsFlip		flip = {.id = id,.from = CS_RECORD_TAKEN,.to = CS_RECORD_INFLIGHT,.xid = xid};

		(void) cs_deferred_copy(binding, key, &copy);
		for (uint32 i = 0; i < copy.head.nrecords; i++)
			if (copy.records[i]->id == id && copy.records[i]->state == CS_RECORD_TAKEN)
				taken = copy.records[i];
		if (taken == NULL)
			return CS_SETTLE_CANCELLED;
		cancel = canceller(&copy, taken);
		if (cancel != NULL)
		{
			*behind = cancel->state == CS_RECORD_RESERVED ? cancel->xid : 0;
			return CS_SETTLE_CANCELLED;
		}
		flip.version = copy.version;
		cs_store_alter(&mine, cs_deltarecord_flip, &flip);
		if (flip.done)
			return CS_SETTLED;
	}
}
