/*-------------------------------------------------------------------------
 *
 * xactdelta.c
 *		What the current transaction has deferred, cancelled and flushed.
 *
 * Private to the backend and to the transaction; no locking.  Each key has a
 * stack of deltas, with one element for each subtransaction that changed it;
 * an element contains everything that the transaction has deferred up to
 * there.  An element keeps what it was before, for statements that began then
 * and are still running (xactlook.c).  There are also lists of the tables that
 * were truncated, and of the records that were written to their table.
 *
 * xactdelta_commit.c is what happens at the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "rowcache/rowtrace.h"
#include "writeback/apply.h"
#include "writeback/deferred.h"
#include "writeback/state.h"
#include "writeback/xactdelta_list.h"
#include "xact/xact.h"

#define CS_HASHTABLE	cs_xactdelta_keys
#define SH_ELEMENT_TYPE CsXactDeltaEntry
#define SH_SCOPE		extern
#define SH_DEFINE
#include "store/keytable.h"

int			cs_xactdelta_direct = 0;

CsXactDelta cs_xactdelta;

/* ----- an upsert ----- */

static struct
{
	Oid			relid;			/* InvalidOid: none */
	int			depth;			/* trigger depth outside the statement */
	bool		met;
}			upsert;

/*
 * Begin an upsert.  Until cs_xactdelta_end_upsert(), a row inserted into the
 * table may meanwhile have been deferred as a whole; such a row is skipped,
 * and that is remembered.  This does not apply to rows that triggers insert.
 */
void
cs_xactdelta_begin_upsert(Oid relid)
{
	upsert.relid = relid;
	upsert.depth = cs_apply_trigger_depth();
	upsert.met = false;
}

void
cs_xactdelta_end_upsert(void)
{
	upsert.relid = InvalidOid;
}

/*
 * Whether the row being inserted is that of the upsert.
 */
bool
cs_xactdelta_is_upserting(Oid relid)
{
	return OidIsValid(relid) && upsert.relid == relid &&
		cs_apply_trigger_depth() == upsert.depth + 1;
}

void
cs_xactdelta_meet_deferred(void)
{
	upsert.met = true;
}

/*
 * Whether the last upsert has met a deferred row.
 */
bool
cs_xactdelta_met_deferred(void)
{
	return upsert.met;
}

/* ----- recording changes ----- */

/*
 * Number of earlier states that an element keeps.  A snapshot needs the one of
 * its command: the last is for the statement that runs, the first ones are for
 * the statements around it, which have called functions that defer.
 */
#define MAX_BEFORE		8

static MemoryContext
delta_context(void)
{
	if (cs_xactdelta.context == NULL)
	{
		cs_xact_note_use();
		cs_xactdelta.context = AllocSetContextCreate(TopTransactionContext,
													 "cache_strategies deferred writes",
													 ALLOCSET_DEFAULT_SIZES);
	}
	return cs_xactdelta.context;
}

static CsKey
copy_key(const CsKey *key)
{
	CsKey		copy = *key;
	char	   *data = MemoryContextAlloc(delta_context(), Max(key->len, 1));

	copy.data = memcpy(data, key->data, key->len);
	return copy;
}

/*
 * The key's element, or NULL.
 */
static CsXactDeltaKey *
find_key(const CsKey *key)
{
	CsXactDeltaEntry *entry = cs_xactdelta.keys == NULL ? NULL : cs_xactdelta_keys_lookup(cs_xactdelta.keys, *key);

	return entry == NULL ? NULL : entry->key;
}

static CsXactDeltaTable *
find_table(int slot)
{
	CsXactDeltaTable *table = cs_xactdelta.tables;

	while (table != NULL && table->slot != slot)
		table = table->next;
	return table;
}

static CsXactDeltaTable *
enter_table(int slot)
{
	CsXactDeltaTable *table = find_table(slot);

	if (table != NULL)
		return table;
	table = MemoryContextAllocZero(delta_context(), sizeof(CsXactDeltaTable));
	table->slot = slot;
	table->next = cs_xactdelta.tables;
	cs_xactdelta.tables = table;
	return table;
}

/*
 * The key's element, created if necessary.
 */
static CsXactDeltaKey *
enter_key(const CsBinding *binding, const CsKey *key)
{
	CsXactDeltaKey *changed = find_key(key);
	bool		found;

	if (changed != NULL)
		return changed;
	if (cs_xactdelta.keys == NULL)
		cs_xactdelta.keys = cs_xactdelta_keys_create(delta_context(), 8, NULL);
	changed = MemoryContextAllocZero(delta_context(), sizeof(CsXactDeltaKey));
	changed->key = copy_key(key);
	changed->table = enter_table(binding->slot);
	changed->relid = binding->relid;
	changed->durable = binding->options.durable;
	changed->batch = binding->options.flush_batch;
	changed->updated = InvalidCommandId;
	changed->moves = cs_state_moves(binding->slot);
	cs_xactdelta_keys_insert(cs_xactdelta.keys, changed->key, &found)->key = changed;
	return changed;
}

/*
 * Free the value, with those before it.
 */
static void
free_value(CsXactDeltaValue *value)
{
	while (value != NULL)
	{
		CsXactDeltaValue *before = value->before;

		if (value->delta != NULL)
			pfree(value->delta);
		pfree(value);
		value = before;
	}
}

/*
 * Drop what the value was before while there is too much of it, but neither
 * the last state nor the first ones.
 */
static void
trim_before(CsXactDeltaValue *value)
{
	CsXactDeltaValue *last = value->before;
	int			n = 0;

	for (const CsXactDeltaValue *before = last; before != NULL; before = before->before)
		n++;
	for (; n > MAX_BEFORE; n--)
	{
		CsXactDeltaValue *dropped = last->before;

		last->before = dropped->before;
		dropped->before = NULL;
		free_value(dropped);
	}
}

/*
 * Another delta takes the place of the value's, by this command.  What the
 * value was is kept for looks that need it, and for those that begin later for
 * the same command or for one around it.
 */
static void
retire_delta(CsXactDeltaValue *value, CommandId command)
{
	CsXactDeltaValue *before;

	if (!cs_xactlook_needs(value->change) && command <= value->command)
	{
		pfree(value->delta);
		return;
	}
	before = palloc0(sizeof(CsXactDeltaValue));
	before->delta = value->delta;
	before->len = value->len;
	before->change = value->change;
	before->command = value->command;
	before->before = value->before;
	value->before = before;
	if (!cs_xactlook_any())
		trim_before(value);
}

/*
 * The command that changes are made by.  Later commands have another number.
 */
static CommandId
changing_command(void)
{
	CommandId	command = GetCurrentCommandId(true);

	return ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : command;
}

/* Set the key's delta in this subtransaction. */
static CsXactDeltaValue *
set_value(CsXactDeltaKey *key, const CsDelta *delta)
{
	CsXactDeltaValue *value = key->top;
	CommandId	command = changing_command();
	MemoryContext old = MemoryContextSwitchTo(delta_context());
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);

	if (value == NULL || !cs_subxact_is_current(&value->item))
	{
		value = palloc0(sizeof(CsXactDeltaValue));
		value->key = key;
		value->seen = key->top != NULL ? key->top->seen : CS_ANY_ARRIVAL;
		value->moves = key->top != NULL && key->top->moves;
		value->flags = key->top != NULL ? key->top->flags : 0;
		cs_subxact_add(&cs_xactdelta.values, &value->item, (CsSubxactItem *) key->top);
		key->table->nkeys += key->top == NULL;
		key->top = value;
	}
	else
		retire_delta(value, command);
	value->delta = encoded;
	value->len = len;
	value->change = cs_xactlook_count();
	value->command = command;
	MemoryContextSwitchTo(old);
	return value;
}

static void
note_columns(CsXactDeltaTable *table, const CsDelta *delta)
{
	for (int i = 0; i < delta->n; i++)
	{
		MemoryContext old;

		if (bms_is_member(delta->columns[i].attnum, table->columns))
			continue;
		old = MemoryContextSwitchTo(delta_context());
		table->columns = bms_add_member(table->columns, delta->columns[i].attnum);
		MemoryContextSwitchTo(old);
	}
}

/*
 * Fold a delta into the key's.
 */
static CsXactDeltaValue *
add_delta(CsBinding *binding, const CsKey *key, const CsDelta *delta)
{
	CsXactDeltaKey *changed;
	CsDelta		sum;

	if (key->len > CS_MAX_KEY_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("key of table \"%s\" is too long for deferred writes", binding->name)));
	changed = enter_key(binding, key);
	note_columns(changed->table, delta);
	memset(&sum, 0, sizeof(sum));
	if (changed->top != NULL)
		cs_delta_decode(changed->top->delta, changed->top->len, &sum);
	cs_delta_fold(binding, &sum, delta);
	return set_value(changed, &sum);
}

/*
 * Whether the delta is so large that it should be written to the table at
 * once.  An entry contains the deltas of several transactions and of a flush
 * in progress.
 */
bool
cs_xactdelta_is_large(const CsDelta *delta)
{
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);

	pfree(encoded);
	return len > cs_store_max_value() / 8;
}

/*
 * Defer a delta, on top of what this transaction has deferred for the key.
 * The caller holds RowExclusiveLock on the table.  May wait for room.
 */
void
cs_xactdelta_defer(CsBinding *binding, const CsRowKey *rowkey, const CsDelta *delta)
{
	if (cs_xact_is_late())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("writes of table \"%s\" cannot be deferred while the transaction is being committed",
						binding->name)));
	cs_xactdelta_wait_for_room(binding);
	cs_state_set_key(binding->slot, cs_binding_key_shape(binding));
	add_delta(binding, &rowkey->key, delta);
	if (cs_trace_wants(1))
		cs_rowtrace_write(binding, rowkey, "write", "defers");
}

/*
 * Note that an UPDATE of the row is deferred that changes nothing.
 */
void
cs_xactdelta_defer_nothing(CsBinding *binding, const CsKey *key)
{
	CsDelta		nothing = {0};

	(void) add_delta(binding, key, &nothing);
}

/*
 * This transaction has changed the row directly: deferred changes of these
 * columns (NULL: of the row) by other transactions are void.  'flags' are
 * CS_RESERVE_...
 */
void
cs_xactdelta_cancel(CsBinding *binding, const CsRowKey *rowkey, Bitmapset *columns,
					int flags)
{
	CsDelta		delta = {.cancel = columns == NULL,.cancelled = columns};
	CsDelta		changed;

	if (cs_xact_is_late())
	{
		CsDeferred	copy;

		if (cs_deferred_copy(binding, &rowkey->key, &copy))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("row of table \"%s\" with deferred writes cannot be changed while the transaction is being committed",
							binding->name)));
		return;
	}
	/* a whole row that this transaction has cancelled is no obstacle */
	if (cs_xactdelta_has_truncated(binding->slot) ||
		(cs_xactdelta_delta(binding, &rowkey->key, &changed) && changed.cancel))
		flags &= ~CS_RESERVE_NO_WHOLE;
	add_delta(binding, &rowkey->key, &delta)->flags |= flags;
}

/*
 * The deferred changes of the row, up to this arrival, have been written with
 * it: no other may have arrived when the transaction ends.  The trigger that
 * fires after the row has been changed cancels them.  'moves': the row gets
 * another key.
 */
void
cs_xactdelta_expect(CsBinding *binding, const CsRowKey *rowkey, uint64 arrival, bool moves)
{
	CsDelta		nothing = {0};
	CsXactDeltaValue *value;

	if (cs_xact_is_late())
		return;
	value = add_delta(binding, &rowkey->key, &nothing);
	value->seen = arrival;
	value->moves |= moves;
	value->took_along = true;
}

/*
 * Whether cs_xactdelta_expect() was called for the row's last change.  Returns
 * true once for each call.
 */
bool
cs_xactdelta_took_along(const CsKey *key)
{
	CsXactDeltaKey *changed = find_key(key);
	bool		took;

	if (changed == NULL || changed->top == NULL)
		return false;
	took = changed->top->took_along;
	changed->top->took_along = false;
	return took;
}

/*
 * The delta deferred last contains differences to the row with all its
 * deferred changes: a whole row that is deferred in between makes them wrong.
 */
void
cs_xactdelta_set_sets(const CsKey *key)
{
	find_key(key)->top->flags |= CS_RESERVE_SETS;
}

/*
 * Whether the current command has already deferred an UPDATE of the row, be it
 * one that changes nothing.  An UPDATE that meets a row for the second time
 * must skip it, but a row whose UPDATE is deferred is unchanged in the table.
 */
bool
cs_xactdelta_is_updated(const CsKey *key)
{
	CsXactDeltaKey *changed = find_key(key);

	return changed != NULL && changed->updated == GetActiveSnapshot()->curcid;
}

void
cs_xactdelta_set_updated(CsBinding *binding, const CsKey *key)
{
	enter_key(binding, key)->updated = GetActiveSnapshot()->curcid;
}

/*
 * What this transaction has deferred for the key.  Returns false if there is
 * nothing.
 */
bool
cs_xactdelta_delta(CsBinding *binding, const CsKey *key, CsDelta *delta)
{
	CsXactDeltaKey *changed = find_key(key);

	if (changed == NULL || changed->top == NULL)
		return false;
	cs_delta_decode(changed->top->delta, changed->top->len, delta);
	return true;
}

/*
 * Whether this command, or a later one, has deferred something for the key.
 */
bool
cs_xactdelta_is_changed_since(const CsKey *key, CommandId command)
{
	CsXactDeltaKey *changed = find_key(key);

	return changed != NULL && changed->top != NULL && changed->top->command >= command;
}

/*
 * Whether this transaction has truncated the table; then changes deferred by
 * other transactions are void for it.
 */
bool
cs_xactdelta_has_truncated(int slot)
{
	for (CsSubxactLevel *level = cs_xactdelta.truncates.top; level != NULL; level = level->outer)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &level->items)
			if (dlist_container(CsXactDeltaTruncate, item.node, iter.cur)->slot == slot)
			return true;
	}
	return false;
}

/*
 * Whether this transaction has written deferred changes to their tables.
 */
bool
cs_xactdelta_has_flushed(void)
{
	return cs_xactdelta.context != NULL && !cs_subxact_is_empty(&cs_xactdelta.flights);
}

/*
 * Whether this transaction has deferred, cancelled or flushed anything.
 */
bool
cs_xactdelta_has_any(void)
{
	return cs_xactdelta.context != NULL;
}

/*
 * Whether this transaction has deferred a write of the table, as opposed to
 * direct changes, and to an UPDATE that changes nothing.
 */
bool
cs_xactdelta_has_deferred(int slot)
{
	void	   *at = NULL;
	const CsKey *key;

	while ((key = cs_xactdelta_next(slot, &at)) != NULL)
	{
		CsDelta		delta;

		if (cs_xactdelta_delta(NULL, key, &delta) && !cs_delta_is_empty(&delta))
			return true;
	}
	return false;
}

/*
 * Whether this transaction has changed rows directly so that changes deferred
 * by other transactions are void.
 */
bool
cs_xactdelta_has_cancels(int slot)
{
	void	   *at = NULL;
	const CsKey *key;

	if (cs_xactdelta_has_truncated(slot))
		return true;
	while ((key = cs_xactdelta_next(slot, &at)) != NULL)
	{
		CsDelta		delta;

		if (cs_xactdelta_delta(NULL, key, &delta) && (delta.cancel || delta.cancelled != NULL))
			return true;
	}
	return false;
}

/*
 * The next key with deferred changes, in no particular order, or NULL.  *at is
 * the iterator, NULL at first.
 */
const CsKey *
cs_xactdelta_next(int slot, void **at)
{
	CsXactDeltaEntry *entry;

	if (cs_xactdelta.keys == NULL)
		return NULL;
	if (*at == NULL)
	{
		*at = palloc(sizeof(cs_xactdelta_keys_iterator));
		cs_xactdelta_keys_start_iterate(cs_xactdelta.keys, *at);
	}
	while ((entry = cs_xactdelta_keys_iterate(cs_xactdelta.keys, *at)) != NULL)
		if (entry->key->key.owner == slot && entry->key->top != NULL)
			return &entry->key->key;
	return NULL;
}

/*
 * Whether this transaction has deferred or cancelled anything for the table.
 */
bool
cs_xactdelta_has(int slot)
{
	return cs_xactdelta_count(slot) > 0;
}

/*
 * For how many keys it has.
 */
uint64
cs_xactdelta_count(int slot)
{
	const CsXactDeltaTable *table = find_table(slot);

	return table == NULL ? 0 : table->nkeys;
}

/*
 * The columns that have been deferred in this transaction, also if that was
 * rolled back since; attribute numbers.
 */
const Bitmapset *
cs_xactdelta_columns(int slot)
{
	const CsXactDeltaTable *table = find_table(slot);

	return table == NULL ? NULL : table->columns;
}

/*
 * What the transaction had deferred for the key when the look began.  Returns
 * false if that was nothing.
 */
bool
cs_xactdelta_delta_at(const CsXactLook *look, const CsKey *key, CsDelta *delta)
{
	CsXactDeltaKey *changed = find_key(key);
	CsXactDeltaValue *top = changed == NULL ? NULL : changed->top;

	for (; top != NULL; top = (CsXactDeltaValue *) top->item.below)
	{
		const CsXactDeltaValue *value = top;

		while (value != NULL && (value->change > look->change || value->command >= look->command))
			value = value->before;
		if (value == NULL)
			continue;
		cs_delta_decode(value->delta, value->len, delta);
		return true;
	}
	return false;
}

/*
 * This transaction has truncated the table.  What it has deferred before is
 * removed with the rows.
 */
void
cs_xactdelta_truncate(CsBinding *binding)
{
	CsXactDeltaTruncate *truncate = MemoryContextAllocZero(delta_context(), sizeof(CsXactDeltaTruncate));
	CsDelta		all = {.cancel = true};
	void	   *at = NULL;
	const CsKey *key;

	truncate->slot = binding->slot;
	truncate->relid = binding->relid;
	truncate->durable = binding->options.durable;
	cs_subxact_add(&cs_xactdelta.truncates, &truncate->item, NULL);
	while ((key = cs_xactdelta_next(binding->slot, &at)) != NULL)
		add_delta(binding, key, &all);
}

/*
 * This transaction has written the record to the table.
 */
void
cs_xactdelta_wrote(CsBinding *binding, const CsKey *key, uint64 id)
{
	CsXactDeltaFlight *flight = MemoryContextAllocZero(delta_context(), sizeof(CsXactDeltaFlight));

	flight->slot = binding->slot;
	flight->key = copy_key(key);
	flight->id = id;
	cs_subxact_add(&cs_xactdelta.flights, &flight->item, NULL);
}

/* ----- subtransactions ----- */

static void
merge_value(CsSubxactItem *item, CsSubxactItem *older)
{
	CsXactDeltaValue *value = (CsXactDeltaValue *) item;
	CsXactDeltaValue *below = (CsXactDeltaValue *) older;

	value->took_along |= below->took_along;
	while (value->before != NULL)
		value = value->before;
	value->before = below;
	if (!cs_xactlook_any())
		trim_before((CsXactDeltaValue *) item);
}

static void
discard_value(CsSubxactItem *item)
{
	CsXactDeltaValue *value = (CsXactDeltaValue *) item;

	if (value->key->top == value)
	{
		value->key->top = (CsXactDeltaValue *) item->below;
		value->key->table->nkeys -= value->key->top == NULL;
	}
	free_value(value);
}

static void
discard_flight(CsSubxactItem *item)
{
	CsXactDeltaFlight *flight = (CsXactDeltaFlight *) item;

	cs_deferred_unwritten(&flight->key, flight->id);
}

static const CsSubxactOps value_ops = {merge_value, discard_value};
static const CsSubxactOps truncate_ops = {NULL, NULL};
static const CsSubxactOps flight_ops = {NULL, discard_flight};

void
cs_xactdelta_join(void)
{
	cs_subxact_join(&cs_xactdelta.values, &value_ops);
	cs_subxact_join(&cs_xactdelta.truncates, &truncate_ops);
	cs_subxact_join(&cs_xactdelta.flights, &flight_ops);
}
