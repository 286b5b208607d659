/*-------------------------------------------------------------------------
 *
 * deltarecord.c
 *		Records of deferred entries: folding them, making new entries of them,
 *		and changing them in place.
 *
 * Entries being built are in private memory.  What is in the store is changed
 * under its key's partition lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "writeback/deltarecord.h"
#include "writeback/removal.h"

static uint64
order_of(const CsDeltaRecord *record)
{
	return record->stamp == 0 ? PG_UINT64_MAX : record->stamp;
}

static int
compare_records(const void *a, const void *b)
{
	const CsDeltaRecord *x = *(CsDeltaRecord *const *) a;
	const CsDeltaRecord *y = *(CsDeltaRecord *const *) b;

	if (order_of(x) != order_of(y))
		return order_of(x) < order_of(y) ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* Fold several records into one delta.  Sorts the array. */
void
cs_deltarecord_fold(CsBinding *binding, CsDeltaRecord **records, int n, CsDelta *delta)
{
	memset(delta, 0, sizeof(*delta));
	qsort(records, n, sizeof(CsDeltaRecord *), compare_records);
	for (int i = 0; i < n; i++)
	{
		CsDelta		later;

		cs_delta_decode(cs_deltarecord_delta(records[i]), records[i]->len, &later);
		/* a folded record has a stamp for each column */
		if (records[i]->folded == 1 && records[i]->stamp != 0)
			cs_delta_stamp(&later, records[i]->stamp);
		cs_delta_fold(binding, delta, &later);
	}
}

/* ----- building an entry ----- */

void
cs_deltarecord_build_begin(CsBuilder *builder, const CsBinding *binding, const CsDeferred *copy)
{
	memset(builder, 0, sizeof(*builder));
	builder->binding = binding;
	builder->size = sizeof(CsDeferredHead);
	builder->records = palloc((copy->head.nrecords + 2) * sizeof(CsDeltaRecord *));
	builder->head.gen = copy->head.nrecords > 0 ? copy->head.gen : cs_deferred_id();
	builder->head.arrival = copy->head.arrival;
	builder->head.database = MyDatabaseId;
	builder->head.relation = binding->relid;
}

void
cs_deltarecord_build_keep(CsBuilder *builder, CsDeltaRecord *record)
{
	builder->records[builder->n++] = record;
	builder->size += cs_deltarecord_size(record);
}

/*
 * What the record, of a transaction that has committed, makes void is about to
 * leave the entry.
 */
void
cs_deltarecord_build_leaves(CsBuilder *builder, const CsDeltaRecord *record)
{
	builder->head.gen = cs_deferred_id();
	cs_removal_note(builder->binding->slot, record->xid);
}

static uint8
flags_of(const CsDelta *delta)
{
	uint8		flags = 0;

	if (delta->cancel || !bms_is_empty(delta->cancelled))
		flags |= CS_RECORD_CANCELS;
	if (delta->whole)
		flags |= CS_RECORD_WHOLE;
	for (int i = 0; i < delta->n; i++)
		if (delta->columns[i].rule == CS_RULE_REPLACE)
			flags |= CS_RECORD_REPLACES;
	return flags;
}

CsDeltaRecord *
cs_deltarecord_new(const CsDelta *delta, uint64 id, CsDeltaRecordState state)
{
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);
	CsDeltaRecord *record = palloc0(sizeof(CsDeltaRecord) + MAXALIGN(len));

	record->id = id;
	record->state = state;
	record->flags = flags_of(delta);
	record->folded = 1;
	record->len = len;
	memcpy(cs_deltarecord_delta(record), encoded, len);
	return record;
}

CsSwap
cs_deltarecord_build_put(CsBuilder *builder, const CsKey *key, uint64 expected, bool force)
{
	CsKey		mine = cs_deferred_key(key);
	CsMeta		meta = {.flags = CS_ENTRY_DIRTY};
	char	   *value = palloc(builder->size);
	char	   *at = value + sizeof(CsDeferredHead);

	builder->head.version = cs_deferred_id();
	builder->head.nrecords = builder->n;
	memcpy(value, &builder->head, sizeof(CsDeferredHead));
	for (int i = 0; i < builder->n; i++)
	{
		if (builder->records[i]->flags & CS_RECORD_WHOLE)
			meta.flags |= CS_ENTRY_MARKED;
		memcpy(at, builder->records[i], cs_deltarecord_size(builder->records[i]));
		at += cs_deltarecord_size(builder->records[i]);
	}
	return cs_store_swap(&mine, &meta, value, builder->size, expected, force);
}

/* ----- changing it in place ----- */

/*
 * Callback of cs_store_alter(), under the partition lock: change the state of
 * records as described by a CsFlip.
 */
CsAlter
cs_deltarecord_flip(char *value, Size len, void *arg)
{
	CsFlip	   *flip = arg;
	CsDeferredHead *head = (CsDeferredHead *) value;
	char	   *at = value + sizeof(CsDeferredHead);
	bool		alive = false;

	flip->done = false;
	if (flip->version != 0 && head->version != flip->version)
		return CS_ALTER_NOTHING;
	for (uint32 i = 0; i < head->nrecords; i++)
	{
		CsDeltaRecord *record = (CsDeltaRecord *) at;

		if ((flip->id != 0 ? record->id == flip->id : record->state != CS_RECORD_RESERVED) &&
			(flip->from == CS_RECORD_DEAD || record->state == flip->from))
		{
			record->state = flip->to;
			if (flip->stamp != 0)
				record->stamp = flip->stamp;
			if (flip->to == CS_RECORD_INFLIGHT)
				record->xid = flip->xid;
			flip->done = true;
		}
		alive |= record->state != CS_RECORD_DEAD;
		at += cs_deltarecord_size(record);
	}
	if (!alive)
		return CS_ALTER_REMOVE;
	if (!flip->done)
		return CS_ALTER_NOTHING;
	head->version = cs_deferred_id();
	if (flip->leaves)
		head->gen = cs_deferred_id();
	return CS_ALTER_CHANGED;
}
