/*-------------------------------------------------------------------------
 *
 * own.c
 *		What the current transaction has deferred, cancelled and flushed, and
 *		what becomes of that when it ends.
 *
 * Private to the backend and to the transaction.  For each key a stack of
 * deltas, one element for each subtransaction that changed it, holding all
 * that the transaction has deferred up to there; a list per subtransaction, so
 * that its end costs what it did and no more.  Beside that the tables that were
 * truncated, and the parts that were written to their table.
 *
 *		PRE_COMMIT	before the marks: a RESERVED part for every key with
 *					changes; this can wait for room
 *					after: the stamp, then the cancels, then the journal
 *		COMMIT		flip the parts; take away those that were flushed
 *		ABORT		the opposite
 *
 * Parts come before the stamp, so that whoever sees no part knows that those to
 * come have later stamps than his own.  For the same reason cancels of keys
 * with nothing deferred need no part, if the stamp is older than the look.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "flush/deferred.h"
#include "flush/journal.h"
#include "flush/own.h"
#include "flush/state.h"
#include "guc.h"
#include "store/slot.h"
#include "txn/deferral.h"
#include "txn/testpoint.h"
#include "txn/txn.h"

/* A writer whose entry finds no room gives up after so many flushes. */
#define MAX_WAITS		100
#define WAIT_MS			1000

/* Flushes after which a table may have more than its share. */
#define MAX_FLUSHES		20

typedef struct OwnValue
{
	dlist_node	node;			/* in its subtransaction's list */
	struct OwnValue *below;		/* same key, an outer subtransaction */
	struct OwnKey *key;
	SubTransactionId subid;
	char	   *delta;			/* encoded */
	Size		len;
	int			flags;			/* CS_RESERVE_NO_WHOLE */
	uint64		seen;			/* version that the entry must have */
} OwnValue;

typedef struct OwnKey
{
	CsKey		key;			/* data in our context */
	Oid			relid;
	bool		durable;
	int			batch;			/* dirty entries at which the flusher is woken */
	OwnValue   *top;			/* NULL: all was rolled back */
	uint64		part;			/* id of the part in the entry; 0: none */
	uint64		version;		/* that the entry got with it */
	uint64		moves;			/* of the table, when it was first deferred */
	bool		moving;			/* we have counted ourselves in there */
	CommandId	updated;		/* the last command that had an UPDATE of it
								 * deferred */
} OwnKey;

typedef struct OwnEntry
{
	CsKey		name;
	OwnKey	   *key;
	char		status;			/* of simplehash */
} OwnEntry;

#define SH_PREFIX		cs_ownset
#define SH_ELEMENT_TYPE OwnEntry
#define SH_KEY_TYPE		CsKey
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) ((uint32) ((key).hash ^ ((key).hash >> 32)))
#define SH_EQUAL(tb, a, b) \
	((a).hash == (b).hash && (a).owner == (b).owner && (a).len == (b).len && \
	 memcmp((a).data, (b).data, (a).len) == 0)
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct OwnTruncate
{
	dlist_node	node;
	int			slot;
	Oid			relid;
	bool		durable;
} OwnTruncate;

/* A part that was written to its table. */
typedef struct OwnFlight
{
	dlist_node	node;
	int			slot;
	CsKey		key;
	uint64		id;
} OwnFlight;

/* What one subtransaction did. */
typedef struct OwnLevel
{
	struct OwnLevel *outer;
	SubTransactionId subid;
	dlist_head	values;
	dlist_head	truncates;
	dlist_head	flights;
} OwnLevel;



int			cs_own_direct = 0;

static MemoryContext context;	/* NULL: nothing was done */
static cs_ownset_hash *keys;
static OwnLevel *levels;		/* innermost first */
static uint64 stamp;			/* 0: not drawn */

/* ----- what was done ----- */

static MemoryContext
own_context(void)
{
	if (context == NULL)
	{
		cs_txn_note_use();
		context = AllocSetContextCreate(TopTransactionContext,
										"cache_strategies deferred writes",
										ALLOCSET_DEFAULT_SIZES);
	}
	return context;
}

static OwnLevel *
current_level(void)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	OwnLevel   *level = levels;

	if (level != NULL && level->subid == subid)
		return level;
	level = MemoryContextAllocZero(own_context(), sizeof(OwnLevel));
	level->subid = subid;
	level->outer = levels;
	dlist_init(&level->values);
	dlist_init(&level->truncates);
	dlist_init(&level->flights);
	levels = level;
	return level;
}

static CsKey
copy_key(const CsKey *key)
{
	CsKey		copy = *key;
	char	   *data = MemoryContextAlloc(own_context(), Max(key->len, 1));

	copy.data = memcpy(data, key->data, key->len);
	return copy;
}

static OwnKey *
find_key(const CsKey *key)
{
	OwnEntry   *entry = keys == NULL ? NULL : cs_ownset_lookup(keys, *key);

	return entry == NULL ? NULL : entry->key;
}

static OwnKey *
enter_key(const CsBinding *binding, const CsKey *key)
{
	OwnKey	   *own = find_key(key);
	bool		found;

	if (own != NULL)
		return own;
	if (keys == NULL)
		keys = cs_ownset_create(own_context(), 16, NULL);
	own = MemoryContextAllocZero(own_context(), sizeof(OwnKey));
	own->key = copy_key(key);
	own->relid = binding->relid;
	own->durable = binding->options.durable;
	own->batch = binding->options.flush_batch;
	own->updated = InvalidCommandId;
	own->moves = cs_state_moves(binding->slot);
	cs_ownset_insert(keys, own->key, &found)->key = own;
	return own;
}

static void
free_value(OwnValue *value)
{
	if (value->delta != NULL)
		pfree(value->delta);
	pfree(value);
}

/* The delta as of now, in this subtransaction. */
static OwnValue *
set_value(OwnKey *key, const CsDelta *delta)
{
	OwnValue   *value = key->top;
	MemoryContext old = MemoryContextSwitchTo(own_context());
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);

	if (value == NULL || value->subid != GetCurrentSubTransactionId())
	{
		OwnLevel   *level = current_level();

		value = palloc0(sizeof(OwnValue));
		value->key = key;
		value->subid = level->subid;
		value->below = key->top;
		value->seen = key->top != NULL ? key->top->seen : CS_ANY_VERSION;
		value->flags = key->top != NULL ? key->top->flags : 0;
		dlist_push_head(&level->values, &value->node);
		key->top = value;
	}
	else
		pfree(value->delta);
	value->delta = encoded;
	value->len = len;
	MemoryContextSwitchTo(old);
	return value;
}

static OwnValue *
add_delta(CsBinding *binding, const CsKey *key, const CsDelta *delta)
{
	OwnKey	   *own;
	CsDelta		sum;

	if (key->len > CS_MAX_KEY_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("key of table \"%s\" is too long for deferred writes", binding->name)));
	own = enter_key(binding, key);
	memset(&sum, 0, sizeof(sum));
	if (own->top != NULL)
		cs_delta_decode(own->top->delta, own->top->len, &sum);
	cs_delta_fold(binding, &sum, delta);
	return set_value(own, &sum);
}

/* An entry holds what several transactions, and a flush under way, have. */
bool
cs_own_is_large(const CsDelta *delta)
{
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);

	pfree(encoded);
	return len > cs_store_max_value() / 8;
}

void
cs_own_defer(CsBinding *binding, const CsRowKey *rowkey, const CsDelta *delta)
{
	if (cs_txn_is_late())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("writes of table \"%s\" cannot be deferred while the transaction is being committed",
						binding->name)));
	cs_own_wait_for_room(binding);
#ifdef CS_MUTANT_STAMP_AT_STATEMENT
	own_context();
	if (stamp == 0)
		stamp = cs_stamp_draw();
#endif
	cs_state_set_key(binding->slot, cs_binding_key_shape(binding));
	add_delta(binding, &rowkey->key, delta);
}

static bool
has_cancelled(const CsKey *key)
{
	OwnKey	   *own = find_key(key);
	CsDelta		delta;

	if (own == NULL || own->top == NULL)
		return false;
	cs_delta_decode(own->top->delta, own->top->len, &delta);
	return delta.cancel;
}

void
cs_own_cancel(CsBinding *binding, const CsRowKey *rowkey, Bitmapset *columns,
			  int flags, uint64 seen)
{
	CsDelta		delta = {.cancel = columns == NULL,.cancelled = columns};
	OwnValue   *value;

	if (cs_txn_is_late())
	{
		CsDeferred	copy;

		if (cs_deferred_copy(binding, &rowkey->key, &copy))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("row of table \"%s\" with deferred writes cannot be changed while the transaction is being committed",
							binding->name)));
		return;
	}
	/* a whole row that we have cancelled ourselves does not stand in the way */
	if (cs_own_has_truncated(binding->slot) || has_cancelled(&rowkey->key))
		flags &= ~CS_RESERVE_NO_WHOLE;
	value = add_delta(binding, &rowkey->key, &delta);
	value->flags |= flags;
	if (seen != CS_ANY_VERSION)
		value->seen = seen;
}

/* The deferred entry must be the same at the end as now. */
void
cs_own_expect(CsBinding *binding, const CsRowKey *rowkey, uint64 version)
{
	CsDelta		nothing = {0};

	if (cs_txn_is_late())
		return;
	add_delta(binding, &rowkey->key, &nothing)->seen = version;
}

bool
cs_own_expects(const CsKey *key)
{
	OwnKey	   *own = find_key(key);

	return own != NULL && own->top != NULL && own->top->seen != CS_ANY_VERSION;
}

bool
cs_own_is_updated(const CsKey *key)
{
	OwnKey	   *own = find_key(key);

	return own != NULL && own->updated == GetActiveSnapshot()->curcid;
}

void
cs_own_set_updated(const CsKey *key)
{
	find_key(key)->updated = GetActiveSnapshot()->curcid;
}

bool
cs_own_delta(CsBinding *binding, const CsKey *key, CsDelta *delta)
{
	OwnKey	   *own = find_key(key);

	if (own == NULL || own->top == NULL)
		return false;
	cs_delta_decode(own->top->delta, own->top->len, delta);
	return true;
}

bool
cs_own_has_truncated(int slot)
{
	for (OwnLevel *level = levels; level != NULL; level = level->outer)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &level->truncates)
			if (dlist_container(OwnTruncate, node, iter.cur)->slot == slot)
				return true;
	}
	return false;
}

/* Has it changed rows directly in a way that voids what others have deferred? */
bool
cs_own_has_cancels(int slot)
{
	void	   *at = NULL;
	const CsKey *key;

	if (cs_own_has_truncated(slot))
		return true;
	while ((key = cs_own_next(slot, &at)) != NULL)
	{
		CsDelta		delta;

		if (cs_own_delta(NULL, key, &delta) && (delta.cancel || delta.cancelled != NULL))
			return true;
	}
	return false;
}

/* Keys in no order; *at is the iterator. */
const CsKey *
cs_own_next(int slot, void **at)
{
	OwnEntry   *entry;

	if (keys == NULL)
		return NULL;
	if (*at == NULL)
	{
		*at = palloc(sizeof(cs_ownset_iterator));
		cs_ownset_start_iterate(keys, *at);
	}
	while ((entry = cs_ownset_iterate(keys, *at)) != NULL)
		if (entry->key->key.owner == slot && entry->key->top != NULL)
			return &entry->key->key;
	return NULL;
}

bool
cs_own_has(int slot)
{
	void	   *at = NULL;

	return cs_own_next(slot, &at) != NULL;
}

/* What was deferred before goes with the rows. */
void
cs_own_truncate(CsBinding *binding)
{
	OwnTruncate *truncate = MemoryContextAllocZero(own_context(), sizeof(OwnTruncate));
	CsDelta		all = {.cancel = true};
	void	   *at = NULL;
	const CsKey *key;

	truncate->slot = binding->slot;
	truncate->relid = binding->relid;
	truncate->durable = binding->options.durable;
	dlist_push_head(&current_level()->truncates, &truncate->node);
	while ((key = cs_own_next(binding->slot, &at)) != NULL)
		add_delta(binding, key, &all);
}

void
cs_own_wrote(CsBinding *binding, const CsKey *key, uint64 id)
{
	OwnFlight  *flight = MemoryContextAllocZero(own_context(), sizeof(OwnFlight));

	flight->slot = binding->slot;
	flight->key = copy_key(key);
	flight->id = id;
	dlist_push_head(&current_level()->flights, &flight->node);
}

/* ----- room ----- */

/* Whoever's dirty entries they are that fill the store. */
static void
ask_all_to_flush(void)
{
	int		   *slots = palloc(cs_max_tables * sizeof(int));
	int			n = cs_slot_list(InvalidOid, slots);

	for (int i = 0; i < n; i++)
	{
		CsUsage		usage;

		cs_store_usage(slots[i], &usage);
		if (usage.dirty_entries == 0)
			continue;
		cs_state_ask_flush(slots[i]);
		cs_state_wake(slots[i]);
	}
	pfree(slots);
}

/*
 * One table may have half of what there is for dirty entries, so that it cannot
 * keep the others from deferring.
 */
static bool
is_over_share(const CsBinding *binding)
{
	static Size all = 0;		/* the same as long as the server runs */
	CsUsage		usage;
	Size		share;

	if (all == 0)
	{
		CsStoreInfo info;

		cs_store_info(&info);
		all = info.dirty_limit;
	}
	cs_store_usage(binding->slot, &usage);
	share = all / 2;
	if (binding->options.max_memory > 0)
		share = Min(share, (Size) binding->options.max_memory);
	return usage.dirty_bytes > share;
}

void
cs_own_wait_for_room(CsBinding *binding)
{
	int			waits = 0;
	int			flushes = 0;

	/* in a flush: nobody else may be there to make room */
	if (cs_own_direct > 0)
		return;
	while (is_over_share(binding))
	{
		uint64		seen = cs_state_flushes_ended(binding->slot);

		if (waits++ == 0)
			cs_state_add(binding->slot, CS_FLUSH_WAITS, 1);
		cs_state_ask_flush(binding->slot);
		cs_state_wake(binding->slot);
		if (!is_over_share(binding))
			break;
		cs_state_wait_flush(binding->slot, seen, WAIT_MS);
		CHECK_FOR_INTERRUPTS();
		/* the rows that cannot be flushed may be those that we hold */
		if (cs_state_flushes_ended(binding->slot) != seen && ++flushes == MAX_FLUSHES)
			break;
	}
}

cs_noreturn static void
no_room_error(const CsBinding *binding)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("the store has no room for the deferred writes of table \"%s\"",
					binding->name),
			 errdetail("The transaction defers more than can be kept until it ends."),
			 errhint("Defer less in one transaction, or increase cache_strategies.memory.")));
}

/* ----- PRE_COMMIT ----- */

static bool
has_flights(void)
{
	for (OwnLevel *level = levels; level != NULL; level = level->outer)
		if (!dlist_is_empty(&level->flights))
			return true;
	return false;
}

static bool
has_truncates(void)
{
	for (OwnLevel *level = levels; level != NULL; level = level->outer)
		if (!dlist_is_empty(&level->truncates))
			return true;
	return false;
}

static uint64
own_xid(void)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	return U64FromFullTransactionId(xid);
}

cs_noreturn static void
reserve_error(const CsBinding *binding, CsReserve result)
{
	if (result == CS_RESERVE_CHANGED)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent deferred writes of a row of table \"%s\"",
						binding->name),
				 errhint("The transaction might succeed if retried.")));
	if (result == CS_RESERVE_WHOLE)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("duplicate key value violates the primary key of table \"%s\"",
						binding->name),
				 errdetail("A row with this key has been written with cache.write() and not been flushed yet.")));
	if (result == CS_RESERVE_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("deferred write of table \"%s\" is too large for the store", binding->name),
				 errdetail("At most %zu bytes can be kept.", cs_store_max_value())));
	no_room_error(binding);
}

/* A slot with dirty entries is not given away; it may have been before. */
static void
check_slot(const OwnKey *own)
{
	if (cs_slot_get(MyDatabaseId, own->relid, false) != own->key.owner)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the table's place in the cache has changed"),
				 errhint("The transaction might succeed if retried.")));
}

static void
reserve(OwnKey *own, const CsDelta *delta, int flags)
{
	CsBinding  *binding = cs_binding_require(own->relid);
	CsReserve	result;
	uint64		id = cs_deferred_id();

	flags |= own->top->flags;
	/* nobody flushes while we do */
	if (has_flights())
		flags |= CS_RESERVE_FORCE;
	for (int waits = 0;; waits++)
	{
		uint64		seen = cs_state_flushes_ended(binding->slot);

		result = cs_deferred_reserve(binding, &own->key, delta, id, stamp, own_xid(),
									 flags, own->top->seen, &own->version);
		/* an entry that is too large is smaller after a flush */
		if ((result != CS_RESERVE_FULL && result != CS_RESERVE_TOO_LARGE) ||
			(flags & CS_RESERVE_FORCE) || waits > MAX_WAITS)
			break;
		if (waits == 0)
			cs_state_add(binding->slot, CS_FLUSH_WAITS, 1);
		ask_all_to_flush();
		cs_state_wait_flush(binding->slot, seen, WAIT_MS / 10);
		CHECK_FOR_INTERRUPTS();
	}
	if (result == CS_RESERVE_DONE)
	{
		own->part = id;
		check_slot(own);
	}
	else if (result != CS_RESERVE_NOTHING)
		reserve_error(binding, result);
}

/* Calls 'what' for every key that has a delta, with the delta. */
static void
for_each_key(void (*what) (OwnKey *own, const CsDelta *delta))
{
	cs_ownset_iterator iter;
	OwnEntry   *entry;
	MemoryContext mine;
	MemoryContext old;

	if (keys == NULL)
		return;
	mine = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies key",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mine);
	cs_ownset_start_iterate(keys, &iter);
	while ((entry = cs_ownset_iterate(keys, &iter)) != NULL)
	{
		CsDelta		delta;

		if (entry->key->top == NULL)
			continue;
		cs_delta_decode(entry->key->top->delta, entry->key->top->len, &delta);
		what(entry->key, &delta);
		MemoryContextReset(mine);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mine);
}

/* Nobody can have looked for our part in vain and given the row another key. */
static void
check_moves(const OwnKey *own, const CsDelta *delta)
{
	if (delta->whole || own->top->seen != CS_ANY_VERSION ||
		cs_state_moves(own->key.owner) == own->moves)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to a concurrent change of a key"),
			 errhint("The transaction might succeed if retried.")));
}

static void
reserve_change(OwnKey *own, const CsDelta *delta)
{
	if (cs_delta_is_empty(delta))
		return;
	reserve(own, delta, 0);
	check_moves(own, delta);
}

static void
before_marks(void)
{
	if (context == NULL)
		return;
	for_each_key(reserve_change);
	CS_TEST_POINT("after_reserve");
}

/* Is our part still the last that came to the entry? */
static void
check_seen(OwnKey *own)
{
	CsBinding  *binding = cs_binding_require(own->relid);
	CsDeferred	copy;

	(void) cs_deferred_copy(binding, &own->key, &copy);
	if (copy.version != own->version)
		reserve_error(binding, CS_RESERVE_CHANGED);
}

static void
reserve_cancel(OwnKey *own, const CsDelta *delta)
{
	bool		cancels = delta->cancel || delta->cancelled != NULL;

	if (own->part == 0 && cancels)
		reserve(own, delta, CS_RESERVE_IF_PARTS | CS_RESERVE_FORCE);
	else if (own->part != 0 && cancels)
	{
		if (own->top->seen != CS_ANY_VERSION)
			check_seen(own);
		cs_deferred_set_stamp(&own->key, own->part, stamp);
	}
}

/* A row whose key was changed: say so before anybody looks for parts. */
static void
begin_move(OwnKey *own, const CsDelta *delta)
{
	if (own->top->seen == CS_ANY_VERSION || !delta->cancel)
		return;
	own->moving = true;
	cs_state_begin_move(own->key.owner);
}

static void
write_journal(OwnKey *own, const CsDelta *delta)
{
	CsBinding  *binding;
	CsRowKey	rowkey;

	if (own->part == 0 || !own->durable)
		return;
	binding = cs_binding_require(own->relid);
	if (!cs_key_decode(binding, own->key.data, own->key.len, &rowkey))
		elog(ERROR, "could not decode a key of table \"%s\"", binding->name);
	cs_journal_write(own->relid, stamp, cs_delta_to_portable(binding, &rowkey, delta));
}

static void
journal_truncates(void)
{
	for (OwnLevel *level = levels; level != NULL; level = level->outer)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &level->truncates)
		{
			OwnTruncate *truncate = dlist_container(OwnTruncate, node, iter.cur);

			if (truncate->durable)
				cs_journal_write_truncate(truncate->relid, stamp);
		}
	}
}

static void
after_marks(void)
{
	if (context == NULL || (keys == NULL && !has_truncates()))
		return;
#ifndef CS_MUTANT_STAMP_AT_STATEMENT
#ifdef CS_MUTANT_LOOK_BEFORE_STAMP
	for_each_key(reserve_cancel);
	CS_TEST_POINT("before_stamp");
#endif
	stamp = cs_journal_enter();
#endif
	CS_TEST_POINT("after_stamp");
	for_each_key(begin_move);
	for_each_key(reserve_cancel);
	journal_truncates();
	for_each_key(write_journal);
}

static void
refuse_change(OwnKey *own, const CsDelta *delta)
{
	CsBinding  *binding = cs_binding_require(own->relid);
	CsDeferred	copy;

	if (cs_delta_is_empty(delta) &&
		(!cs_deferred_copy(binding, &own->key, &copy) || !cs_deferred_concerns(&copy, delta)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot PREPARE a transaction that has deferred writes of table \"%s\", or changed a row that has",
					binding->name)));
}

static void
prepare(void)
{
	if (context == NULL)
		return;
	for_each_key(refuse_change);
	if (has_truncates())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has truncated a table attached with write_back")));
	if (has_flights())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has flushed deferred writes")));
}

/* ----- the end: nothing here throws or allocates ----- */

static void
forget(void)
{
	context = NULL;				/* the memory goes with the transaction */
	keys = NULL;
	levels = NULL;
	stamp = 0;
}

static void
tell_flusher(const OwnKey *own)
{
	CsUsage		usage;

	cs_state_dirtied(own->key.owner, GetCurrentTimestamp());
	cs_state_add(own->key.owner, CS_FLUSH_DEFERRED, 1);
	cs_store_usage(own->key.owner, &usage);
	if (usage.dirty_entries >= own->batch)
		cs_state_wake(own->key.owner);
}

static void
end_flights(bool committed)
{
	int			slot = -1;

	for (OwnLevel *level = levels; level != NULL; level = level->outer)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &level->flights)
		{
			OwnFlight  *flight = dlist_container(OwnFlight, node, iter.cur);

			if (committed)
				cs_deferred_flushed(&flight->key, flight->id);
			else
				cs_deferred_unwritten(&flight->key, flight->id);
			/* those of one table come one after the other */
			if (committed && slot >= 0 && flight->slot != slot)
				cs_state_flushed(slot, 0, NULL);
			slot = flight->slot;
		}
	}
	if (committed && slot >= 0)
		cs_state_flushed(slot, 0, NULL);
}

static void
end_parts(bool committed)
{
	cs_ownset_iterator iter;
	OwnEntry   *entry;

	if (keys == NULL)
		return;
	cs_ownset_start_iterate(keys, &iter);
	while ((entry = cs_ownset_iterate(keys, &iter)) != NULL)
	{
		OwnKey	   *own = entry->key;

		if (own->moving)
			cs_state_end_move(own->key.owner);
		if (own->part == 0)
			continue;
		if (committed)
		{
			cs_deferred_commit(&own->key, own->part, stamp);
			tell_flusher(own);
		}
		else
			cs_deferred_drop(&own->key, own->part);
	}
}

static void
committed(void)
{
	if (context == NULL)
		return;
	CS_TEST_POINT("before_flip");
	for (OwnLevel *level = levels; level != NULL; level = level->outer)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &level->truncates)
		{
			int			slot = dlist_container(OwnTruncate, node, iter.cur)->slot;

			cs_deferred_truncate(slot);
			cs_state_ask_flush(slot);
			cs_state_wake(slot);
		}
	}
	CS_TEST_POINT("before_flushed");
	end_flights(true);
	end_parts(true);
	cs_journal_leave();
	forget();
}

static void
aborted(void)
{
	if (context != NULL)
	{
		end_flights(false);
		end_parts(false);
	}
	cs_journal_leave();
	forget();
}

/* ----- subtransactions ----- */

static void
move_list(dlist_head *from, dlist_head *to)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, from)
	{
		dlist_delete(iter.cur);
		dlist_push_head(to, iter.cur);
	}
}

/* The inner value is the outer subtransaction's now, and replaces its own. */
static void
hand_up(OwnValue *value, SubTransactionId parent)
{
	OwnValue   *below = value->below;

	value->subid = parent;
	if (below == NULL || below->subid != parent)
		return;
	value->below = below->below;
	dlist_delete(&below->node);
	free_value(below);
}

static void
subcommitted(SubTransactionId sub, SubTransactionId parent)
{
	OwnLevel   *level = levels;
	OwnLevel   *outer;
	dlist_iter	iter;

	if (level == NULL || level->subid != sub)
		return;
	outer = level->outer;
	dlist_foreach(iter, &level->values)
		hand_up(dlist_container(OwnValue, node, iter.cur), parent);
	level->subid = parent;
	if (outer == NULL || outer->subid != parent)
		return;
	move_list(&level->values, &outer->values);
	move_list(&level->truncates, &outer->truncates);
	move_list(&level->flights, &outer->flights);
	levels = outer;
}

static void
subaborted(SubTransactionId sub)
{
	OwnLevel   *level = levels;
	dlist_mutable_iter iter;

	if (level == NULL || level->subid != sub)
		return;
	dlist_foreach_modify(iter, &level->values)
	{
		OwnValue   *value = dlist_container(OwnValue, node, iter.cur);

		if (value->key->top == value)
			value->key->top = value->below;
		free_value(value);
	}
	dlist_foreach_modify(iter, &level->flights)
	{
		OwnFlight  *flight = dlist_container(OwnFlight, node, iter.cur);

		cs_deferred_unwritten(&flight->key, flight->id);
	}
	levels = level->outer;
}

static const CsDeferralHooks hooks = {
	.before_marks = before_marks,
	.after_marks = after_marks,
	.prepare = prepare,
	.committed = committed,
	.aborted = aborted,
	.subcommitted = subcommitted,
	.subaborted = subaborted
};

void
cs_own_init(void)
{
	cs_txn_deferral = &hooks;
}
