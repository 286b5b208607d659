/*-------------------------------------------------------------------------
 *
 * plainanswer.c
 *		The cache's answers to the keys of a plain SELECT.
 *
 * A single key is answered by access.c as cache.read() would be.  Of several
 * keys, those that come next in the scan's direction are answered together
 * (batch.c): a few at first, as the scan may end soon, and then more of them.
 * Their rows are copies and live until the next batch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "rowcache/call.h"
#include "rowcache/plainanswer.h"
#include "rowcache/strategy.h"

/* Keys that are answered together at first, and at most. */
#define FIRST_BATCH		4
#define LARGEST_BATCH	64

/* What the rows of a batch may take before the next one is smaller. */
#define BATCH_BYTES		(1024 * 1024)

/*
 * Whether plain SELECTs of the table can be answered from its cache: what is
 * cached are the table's rows and nothing else.
 */
bool
cs_plainanswer_serves(const CsBinding *binding)
{
	return binding->nkeys > 0 && binding->slot >= 0 && OidIsValid(binding->key_index) &&
		binding->strategy != NULL && binding->strategy->read == NULL &&
		binding->options.loader == NULL && !binding->tree.detaching &&
		!cs_has_virtual_columns(binding->tupdesc);
}

/*
 * Whether the binding is that of the table as it was planned.
 */
static bool
fits(CsPlainAnswers *answers, const CsBinding *binding)
{
	Relation	rel = answers->scan->ss_currentRelation;

	if (answers->binding == binding && answers->generation == cs_binding_generation)
		return true;
	if (!cs_plainanswer_serves(binding) || binding->key_index != answers->source.key_index ||
		binding->nkeys != answers->keys->nkeys ||
		binding->tupdesc->natts != RelationGetNumberOfAttributes(rel) ||
		(answers->part && !cs_tree_has(&binding->tree, RelationGetRelid(rel))))
		return false;
	answers->binding = binding;
	answers->generation = cs_binding_generation;
	return true;
}

/* How often a read is begun anew because the table's binding has changed. */
#define MAX_ATTEMPTS	3

/*
 * Begin to read from the cache; returns false if it has nothing to say about
 * the table.
 */
static bool
begin_access(CsPlainAnswers *answers, CsAccess *access)
{
	if (!cs_access_begin_scan(access, answers->source.attached,
							  answers->scan->ps.state->es_snapshot) ||
		!fits(answers, access->binding))
		return false;
	access->part = RelationGetRelid(answers->scan->ss_currentRelation);
	access->part_index = answers->source.index;
	return true;
}

/* The answer when the cache has none. */
static void
set_unread(CsAnswer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->reason = CS_BYPASS_TRIGGERS;
	answer->unread = true;
}

/* ----- one key ----- */

/*
 * Ask the cache for a key.
 */
static void
ask_for_one(CsPlainAnswers *answers, const Datum *values, CsAnswer *answer)
{
	CsAccess	access;
	CsRowKey	rowkey;

	for (int i = 0; i < MAX_ATTEMPTS && begin_access(answers, &access); i++)
	{
		memcpy(rowkey.value, values, answers->keys->nkeys * sizeof(Datum));
		cs_key_make(access.binding, &rowkey);
		if (!cs_access_read_snapshot(&access, &rowkey, answer))
			continue;
		if (answer->reason == CS_HIT)
			cs_call_refresh_if_due(access.binding, &rowkey, answer);
		return;
	}
	set_unread(answer);
}

/* ----- several keys ----- */

/*
 * Make a batch of the keys from 'first' on.
 */
static CsBatch *
make_batch(const CsPlainAnswers *answers, const CsBinding *binding, int64 first, int n)
{
	CsBatch    *batch = cs_batch_create(n);

	for (int i = 0; i < n; i++)
	{
		cs_plainkeys_get(answers->keys, first + i, batch->keys[i].value);
		cs_key_make(binding, &batch->keys[i]);
	}
	batch->n = n;
	return batch;
}

/*
 * Ask the cache for the keys from 'first' on.
 */
static CsBatch *
ask_for_many(CsPlainAnswers *answers, int64 first, int n)
{
	CsAccess	access;
	CsBatch    *batch;

	for (int i = 0; i < MAX_ATTEMPTS && begin_access(answers, &access); i++)
	{
		batch = make_batch(answers, access.binding, first, n);
		if (cs_batch_answer(&access, batch))
			return batch;
	}
	batch = cs_batch_create(n);
	batch->n = n;
	for (int i = 0; i < n; i++)
		set_unread(&batch->answers[i]);
	return batch;
}

/*
 * Answer the keys that come next, from this one on.
 */
static void
answer_next(CsPlainAnswers *answers, int64 pos)
{
	EState	   *estate = answers->scan->ps.state;
	bool		backward = ScanDirectionIsBackward(estate->es_direction);
	int			n = (int) Min(answers->size, backward ? pos + 1 : answers->keys->n - pos);
	Size		bytes = 0;
	MemoryContext old;

	answers->batch = NULL;
	if (answers->context == NULL)
		answers->context = AllocSetContextCreate(estate->es_query_cxt,
												 "cache_strategies answers",
												 ALLOCSET_DEFAULT_SIZES);
	else
		MemoryContextReset(answers->context);
	answers->first = backward ? pos - n + 1 : pos;
	old = MemoryContextSwitchTo(answers->context);
	answers->batch = ask_for_many(answers, answers->first, n);
	MemoryContextSwitchTo(old);
	for (int i = 0; i < n; i++)
	{
		const CsAnswer *answer = &answers->batch->answers[i];

		answers->counts[answer->reason]++;
		if (answer->row != NULL)
			bytes += HeapTupleHeaderGetDatumLength(answer->row);
	}
	answers->size = bytes > BATCH_BYTES ? Max(answers->size / 2, 1) :
		Min(answers->size * 2, LARGEST_BATCH);
}

/* ----- any keys ----- */

/*
 * Start.
 */
void
cs_plainanswer_begin(CsPlainAnswers *answers, const CsPlainSource *source,
					 const ScanState *scan, const CsPlainKeys *keys)
{
	answers->source = *source;
	answers->scan = scan;
	answers->keys = keys;
	answers->part = source->attached != RelationGetRelid(scan->ss_currentRelation);
}

/*
 * Forget answers, as the keys are others now.
 */
void
cs_plainanswer_reset(CsPlainAnswers *answers)
{
	answers->batch = NULL;
	answers->size = FIRST_BATCH;
}

/*
 * The answer for the key with this number.  If the cache has none,
 * answer->unread is set.  A partition's keys are asked for one by one, as
 * those of others must not be looked for in it: their absence would be kept.
 */
void
cs_plainanswer_key(CsPlainAnswers *answers, int64 pos, const Datum *values, CsAnswer *answer)
{
	if (answers->keys->n == 1 || answers->part)
	{
		ask_for_one(answers, values, answer);
		answers->counts[answer->reason]++;
		return;
	}
	if (answers->batch == NULL || pos < answers->first ||
		pos >= answers->first + answers->batch->n)
		answer_next(answers, pos);
	*answer = answers->batch->answers[pos - answers->first];
}

/*
 * End.
 */
void
cs_plainanswer_end(CsPlainAnswers *answers)
{
	if (answers->context != NULL)
		MemoryContextDelete(answers->context);
}
