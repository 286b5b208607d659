/*-------------------------------------------------------------------------
 *
 * xactdelta_commit.c
 *		The end of a transaction with deferred writes.
 *
 *	PRE_COMMIT	before the marks: a RESERVED record for every changed key; this
 *				can wait for room.  After them: the stamp, then the cancels,
 *				then the journal
 *	COMMIT		flip the records; remove those that were flushed
 *	ABORT		the opposite
 *
 * Records are added before the stamp is drawn.  So a backend that sees no
 * record knows that records added later have later stamps than its own.  For
 * the same reason a cancel of a key with nothing deferred needs no record, if
 * the stamp was drawn before the look.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "store/clock.h"
#include "store/slot.h"
#include "testpoint.h"
#include "writeback/commitepoch.h"
#include "writeback/deferred.h"
#include "writeback/flushbatch.h"
#include "writeback/journal.h"
#include "writeback/portable.h"
#include "writeback/removal.h"
#include "writeback/state.h"
#include "writeback/xactdelta_list.h"
#include "xact/participant.h"

/*
 * Maximum number of flushes that a writer waits for when its entry finds no
 * room.
 */
#define MAX_WAITS		100
#define WAIT_MS			1000

/* Number of flushes after which a table may exceed its share. */
#define MAX_FLUSHES		20

/*
 * How often an answer about an owner's share is used, and how long a writer
 * waits for room in it while flushes of its table fail.
 */
#define OWNER_USES		64
#define OWNER_PATIENCE_MS 20000

/* ----- room ----- */

/*
 * Ask for flushes of all tables with dirty entries, of any database or owner.
 */
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
 * Whether the tables of this table's owner exceed the owner's share.
 * Determining this takes longer than deferring a write, so the answer is used
 * several times.
 */
static bool
is_owner_over_share(const CsBinding *binding, bool now)
{
	static Oid	asked = InvalidOid; /* the owner that the answer is about;
									 * process-local */
	static int	uses = 0;
	static bool over = false;

	cs_state_set_owner(binding->slot, binding->owner);
	if (now || asked != binding->owner || ++uses >= OWNER_USES)
	{
		CsOwnerShare share;

		cs_state_owner_share(binding->slot, &share);
		over = share.bytes > share.limit;
		asked = binding->owner;
		uses = 0;
	}
	return over;
}

cs_noreturn static void
owner_share_error(const CsBinding *binding)
{
	CsOwnerShare share;

	cs_state_owner_share(binding->slot, &share);
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("too much is deferred for the tables of role \"%s\"",
					GetUserNameFromId(binding->owner, true)),
			 errdetail("%zu kB are waiting to be flushed, and %zu kB are allowed.",
					   share.bytes / 1024, share.limit / 1024),
			 errhint("See cache.flush_status for tables that cannot be flushed, or increase cache_strategies.memory.")));
}

/*
 * Whether the table exceeds its share.  A table may have half of the memory
 * for dirty entries, so that it cannot prevent other tables from deferring.
 */
static bool
is_table_over_share(const CsBinding *binding)
{
	static Size all = 0;		/* constant while the server runs */
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

/* Whether the last flush of the table has failed. */
static bool
is_failing(const CsBinding *binding)
{
	CsFlushInfo info;

	cs_state_info(binding->slot, &info);
	return info.error_code != 0;
}

static bool
is_over_share(const CsBinding *binding, bool now)
{
	return is_table_over_share(binding) || is_owner_over_share(binding, now);
}

/*
 * Wait, cancellably, while the table or its owner exceeds the share of dirty
 * entries.
 */
void
cs_xactdelta_wait_for_room(CsBinding *binding)
{
	TimestampTz begin = 0;
	int			waits = 0;
	int			flushes = 0;

	/* in a flush, there may be no other process that makes room */
	if (cs_xactdelta_direct > 0)
		return;
	while (is_over_share(binding, waits > 0))
	{
		uint64		seen = cs_state_flushes_ended(binding->slot);

		if (waits++ == 0)
		{
			cs_state_add(binding->slot, CS_FLUSH_WAITS, 1);
			begin = cs_clock_steady();
		}
		cs_state_ask_flush(binding->slot);
		cs_state_wake(binding->slot);
		if (!is_over_share(binding, true))
			break;
		cs_state_wait_flush(binding->slot, seen, WAIT_MS);
		CHECK_FOR_INTERRUPTS();
		/* rows that cannot be flushed may be locked by this transaction */
		if (cs_state_flushes_ended(binding->slot) != seen)
			flushes++;
		if (!is_owner_over_share(binding, true))
		{
			if (flushes >= MAX_FLUSHES)
				break;
		}
		else if (is_failing(binding) &&
				 TimestampDifferenceExceeds(begin, cs_clock_steady(), OWNER_PATIENCE_MS))
			owner_share_error(binding);
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

/*
 * A slot with dirty entries is not reassigned, but it may have been reassigned
 * before.
 */
static void
check_slot(const CsXactDeltaKey *changed)
{
	if (cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, changed->relid) != changed->key.owner)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the table's place in the cache has changed"),
				 errhint("The transaction might succeed if retried.")));
}

/*
 * Add a record for the key.  Waits for room.
 */
static void
reserve(CsXactDeltaKey *changed, const CsDelta *delta, int flags)
{
	CsBinding  *binding = cs_binding_require(changed->relid);
	CsReserve	result;
	uint64		id = cs_deferred_id();

	flags |= changed->top->flags;
	/* while this transaction holds flush locks, no other session can flush */
	if (!cs_subxact_is_empty(&cs_xactdelta.flights))
		flags |= CS_RESERVE_FORCE;
	for (int waits = 0;; waits++)
	{
		uint64		seen = cs_state_flushes_ended(binding->slot);

		result = cs_deferred_reserve(binding, &changed->key, delta, id, cs_xactdelta.stamp, own_xid(),
									 flags, changed->top->seen);
		/* an entry that is too large may be smaller after a flush */
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
		changed->record = id;
		check_slot(changed);
	}
	else if (result != CS_RESERVE_NOTHING)
		reserve_error(binding, result);
}

/* Call a function for every key that has a delta. */
static void
for_each_key(void (*what) (CsXactDeltaKey *changed, const CsDelta *delta))
{
	cs_xactdelta_keys_iterator iter;
	CsXactDeltaEntry *entry;
	MemoryContext mine;
	MemoryContext old;

	if (cs_xactdelta.keys == NULL)
		return;
	mine = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies key",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mine);
	cs_xactdelta_keys_start_iterate(cs_xactdelta.keys, &iter);
	while ((entry = cs_xactdelta_keys_iterate(cs_xactdelta.keys, &iter)) != NULL)
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

/*
 * Check that no other transaction has looked for the record in vain and given
 * the row another key.
 */
static void
check_moves(const CsXactDeltaKey *changed, const CsDelta *delta)
{
	if (delta->whole || changed->top->seen != CS_ANY_ARRIVAL ||
		cs_state_moves(changed->key.owner) == changed->moves)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to a concurrent change of a key"),
			 errhint("The transaction might succeed if retried.")));
}

static void
reserve_change(CsXactDeltaKey *changed, const CsDelta *delta)
{
	if (cs_delta_is_empty(delta))
		return;
	reserve(changed, delta, 0);
	check_moves(changed, delta);
}

/*
 * PRE_COMMIT, before the marks are set.
 */
static void
before_marks(void)
{
	if (cs_xactdelta.context == NULL)
		return;
	for_each_key(reserve_change);
	CS_TEST_POINT("after_reserve");
}

/* Check that our record is still the last that arrived in the entry. */
static void
check_seen(CsXactDeltaKey *changed)
{
	CsBinding  *binding = cs_binding_require(changed->relid);
	CsDeferred	copy;

	(void) cs_deferred_copy(binding, &changed->key, &copy);
	if (copy.head.arrival != changed->record)
		reserve_error(binding, CS_RESERVE_CHANGED);
}

/*
 * Check that there is no whole row below a delta that is the difference to
 * another row.  Rows deferred from now on have larger stamps than ours.
 */
static void
check_sets(CsXactDeltaKey *changed)
{
	CsBinding  *binding = cs_binding_require(changed->relid);
	CsDeferred	copy;

	if (cs_deferred_copy(binding, &changed->key, &copy) &&
		cs_deferred_has_whole(binding, &copy, changed->record))
		reserve_error(binding, CS_RESERVE_CHANGED);
}

/*
 * Add the cancel, or set the stamp of the record that has it.
 */
static void
reserve_cancel(CsXactDeltaKey *changed, const CsDelta *delta)
{
	bool		cancels = delta->cancel || delta->cancelled != NULL;

	if (changed->record == 0 && cancels)
	{
		/* nothing is deferred for a table that is dropped or detached here */
		if (cs_binding_get(changed->relid) != NULL)
			reserve(changed, delta, CS_RESERVE_IF_RECORDS | CS_RESERVE_FORCE);
	}
	else if (changed->record != 0 && cancels)
	{
		if (changed->top->seen != CS_ANY_ARRIVAL)
			check_seen(changed);
		cs_deferred_set_stamp(&changed->key, changed->record, cs_xactdelta.stamp);
	}
	else if (changed->record != 0 && (changed->top->flags & CS_RESERVE_SETS) && !delta->whole)
		check_sets(changed);
}

/*
 * Announce that a row's key was changed, before any backend looks for records.
 */
static void
begin_move(CsXactDeltaKey *changed, const CsDelta *delta)
{
	if (!changed->top->moves || !delta->cancel)
		return;
	changed->moving = true;
	cs_state_begin_move(changed->key.owner);
}

/*
 * Write the key's delta to the journal, if the table is durable.
 */
static void
write_journal(CsXactDeltaKey *changed, const CsDelta *delta)
{
	CsBinding  *binding;
	CsRowKey	rowkey;

	if (changed->record == 0 || !changed->durable)
		return;
	binding = cs_binding_require(changed->relid);
	if (!cs_key_decode(binding, changed->key.data, changed->key.len, &rowkey))
		elog(ERROR, "could not decode a key of table \"%s\"", binding->name);
	cs_journal_write(changed->relid, cs_xactdelta.stamp, cs_portable_from_delta(binding, &rowkey, delta));
}

static void
journal_truncates(void)
{
	for (CsSubxactLevel *level = cs_xactdelta.truncates.top; level != NULL; level = level->outer)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &level->items)
		{
			CsXactDeltaTruncate *truncate = dlist_container(CsXactDeltaTruncate, item.node, iter.cur);

			if (truncate->durable)
				cs_journal_write_truncate(truncate->relid, cs_xactdelta.stamp);
		}
	}
}

/*
 * PRE_COMMIT, after the marks were set.
 */
static void
after_marks(void)
{
	if (cs_xactdelta.context == NULL ||
		(cs_xactdelta.keys == NULL && cs_subxact_is_empty(&cs_xactdelta.truncates)))
		return;
	CS_TEST_POINT("before_stamp");
	cs_xactdelta.stamp = cs_commitepoch_enter();
	CS_TEST_POINT("after_stamp");
	for_each_key(begin_move);
	for_each_key(reserve_cancel);
	journal_truncates();
	for_each_key(write_journal);
}

static void
refuse_change(CsXactDeltaKey *changed, const CsDelta *delta)
{
	CsBinding  *binding = cs_binding_get(changed->relid);
	CsDeferred	copy;

	if (binding == NULL)
		return;
	if (cs_delta_is_empty(delta) &&
		(!cs_deferred_copy(binding, &changed->key, &copy) || !cs_flushbatch_concerns(&copy, delta)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot PREPARE a transaction that has deferred writes of table \"%s\", or changed a row that has",
					binding->name)));
}

/*
 * Reject PREPARE TRANSACTION.
 */
static void
prepare(void)
{
	if (cs_xactdelta.context == NULL)
		return;
	for_each_key(refuse_change);
	if (!cs_subxact_is_empty(&cs_xactdelta.truncates))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has truncated a table attached with write_back")));
	if (!cs_subxact_is_empty(&cs_xactdelta.flights))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has flushed deferred writes")));
}

/* ----- COMMIT and ABORT: must not throw or allocate ----- */

static void
forget(void)
{
	cs_xactdelta.context = NULL;	/* the memory is freed with the
									 * transaction */
	cs_xactdelta.keys = NULL;
	cs_xactdelta.tables = NULL;
	cs_xactdelta.values.top = NULL;
	cs_xactdelta.truncates.top = NULL;
	cs_xactdelta.flights.top = NULL;
	cs_xactdelta.stamp = 0;
}

static void
tell_flusher(const CsXactDeltaKey *changed)
{
	CsUsage		usage;

	cs_state_dirtied(changed->key.owner, cs_clock_steady());
	cs_state_add(changed->key.owner, CS_FLUSH_DEFERRED, 1);
	cs_store_usage(changed->key.owner, &usage);
	if (usage.dirty_entries >= changed->batch)
		cs_state_wake(changed->key.owner);
}

/*
 * End the records that this transaction has flushed.
 */
static void
end_flights(bool committed)
{
	CsXactDeltaFlight *flight;
	int			slot = -1;

	while ((flight = (CsXactDeltaFlight *) cs_subxact_pop(&cs_xactdelta.flights)) != NULL)
	{
		if (committed && flight->slot != slot)
			cs_removal_note(flight->slot, own_xid());
		if (committed)
			cs_deferred_flushed(&flight->key, flight->id);
		else
			cs_deferred_unwritten(&flight->key, flight->id);
		/* records of the same table are adjacent */
		if (committed && slot >= 0 && flight->slot != slot)
			cs_state_flushed(slot, 0, NULL);
		slot = flight->slot;
	}
	if (committed && slot >= 0)
		cs_state_flushed(slot, 0, NULL);
}

/*
 * End the records that this transaction has added.
 */
static void
end_parts(bool committed)
{
	cs_xactdelta_keys_iterator iter;
	CsXactDeltaEntry *entry;

	if (cs_xactdelta.keys == NULL)
		return;
	cs_xactdelta_keys_start_iterate(cs_xactdelta.keys, &iter);
	while ((entry = cs_xactdelta_keys_iterate(cs_xactdelta.keys, &iter)) != NULL)
	{
		CsXactDeltaKey *changed = entry->key;

		if (changed->moving)
			cs_state_end_move(changed->key.owner);
		if (changed->record == 0)
			continue;
		if (committed)
		{
			cs_deferred_commit(&changed->key, changed->record, cs_xactdelta.stamp);
			tell_flusher(changed);
		}
		else
			cs_deferred_drop(&changed->key, changed->record);
	}
}

static void
end_truncates(void)
{
	CsXactDeltaTruncate *truncate;

	while ((truncate = (CsXactDeltaTruncate *) cs_subxact_pop(&cs_xactdelta.truncates)) != NULL)
	{
		cs_removal_note(truncate->slot, own_xid());
		cs_deferred_truncate(truncate->slot);
		cs_state_ask_flush(truncate->slot);
		cs_state_wake(truncate->slot);
	}
}

static void
committed(void)
{
	if (cs_xactdelta.context == NULL)
		return;
	CS_TEST_POINT("before_flip");
	end_truncates();
	CS_TEST_POINT("before_flushed");
	end_flights(true);
	end_parts(true);
	cs_commitepoch_leave();
	forget();
}

static void
aborted(void)
{
	if (cs_xactdelta.context != NULL)
	{
		end_flights(false);
		end_parts(false);
	}
	cs_commitepoch_leave();
	forget();
}

static const CsParticipant participant = {
	.before_marks = before_marks,
	.after_marks = after_marks,
	.prepare = prepare,
	.committed = committed,
	.aborted = aborted
};

void
cs_xactdelta_init(void)
{
	cs_xactdelta_join();
	cs_xact_join(&participant);
}
