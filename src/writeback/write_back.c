/*-------------------------------------------------------------------------
 *
 * write_back.c
 *		Strategy write_back: writes go to the cache, and later to the table.
 *
 * The table's row is cached as in read_through.  Deferred changes are kept
 * beside it (deferred.c), and a read combines the two.  It returns the latest
 * state whatever the caller's snapshot: the table under a fresh snapshot, and
 * what is deferred beyond that.  Both can change during the read; a flush or a
 * direct change that ends meanwhile moves something from one to the other,
 * which changes the entry's gen, and the reader starts again.
 *
 * Plain SQL changes the table, and is combined with deferred changes by
 * column:
 *
 *		add, max, min	the table's value and the deferred one can be combined
 *		replace			the later one wins: a direct change cancels
 *		insert, delete	what was deferred for the row before is void
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "guc.h"
#include "locktags.h"
#include "relation/rellock.h"
#include "relation/triggers.h"
#include "rowcache/strategy.h"
#include "testpoint.h"
#include "writeback/apply.h"
#include "writeback/deferred.h"
#include "writeback/deltarow.h"
#include "writeback/flush.h"
#include "writeback/journalread.h"
#include "writeback/merge.h"
#include "writeback/state.h"
#include "writeback/sum.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"
#include "xact/xact.h"

/*
 * Time to wait for a record that does not count yet, because its transaction
 * is committing.  That transaction may wait for this one through a flush, and
 * the deadlock detector cannot see that.
 */
#define PATIENCE_MS		200

/* Beyond this number of keys in a transaction, the whole table is locked. */
#define MAX_KEY_LOCKS	64

static void
needs(const CsBinding *binding, CsTriggerNeeds *needs)
{
	needs->on_insert = true;
	needs->by_statement = false;
	needs->settling = true;
}

/* ----- reading ----- */

/*
 * Apply the changes of other transactions and of this one, including
 * cancellations, to the table's row.
 */
static void
put_together(CsBinding *binding, const CsRowKey *rowkey, const CsDeferred *deferred,
			 Snapshot fresh, CsMergedRow *over)
{
	CsDelta		own;

	memset(&over->deferred, 0, sizeof(over->deferred));
	if (deferred != NULL && !cs_xactdelta_has_truncated(binding->slot))
		(void) cs_deferred_merge(binding, deferred, fresh, &over->deferred);
	if (cs_xactdelta_delta(binding, &rowkey->key, &own))
		cs_delta_fold(binding, &over->deferred, &own);
	over->row = over->base;
	if (!cs_delta_is_empty(&over->deferred))
		over->row = cs_deltarow_apply(binding, over->base, &over->deferred);
}

/*
 * As put_together().  If it fails, the row cannot be read before it has been
 * flushed, which makes the deferred changes a dead letter; so request a flush.
 */
static void
put_together_for_reader(CsBinding *binding, const CsRowKey *rowkey,
						const CsDeferred *deferred, Snapshot fresh, CsMergedRow *over)
{
	PG_TRY();
	{
		put_together(binding, rowkey, deferred, fresh, over);
	}
	PG_CATCH();
	{
		cs_state_ask_flush(binding->slot);
		cs_state_wake(binding->slot);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

typedef enum Found
{
	FOUND,
	FOUND_MOVED,				/* something moved between table and cache:
								 * once more */
	FOUND_RETIRED				/* the table has changed: begin again */
} Found;

/*
 * One try of a read.
 */
static Found
read_under(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer, CsMergedRow *over)
{
	CsBinding  *binding = access->binding;
	CsDeferred	before;
	CsDeferred	after;
	bool		deferred = cs_deferred_copy(binding, &rowkey->key, &before);
	Snapshot	fresh;
	Found		found = FOUND;

	CS_TEST_POINT("read_copied");

	/*
	 * neither the latest snapshot nor the transaction's is available in
	 * parallel mode
	 */
	fresh = RegisterSnapshot(IsInParallelMode() ? GetCatalogSnapshot(binding->relid)
							 : GetLatestSnapshot());
	cs_access_begin(access, access->binding, fresh);
	if (!cs_access_read_snapshot(access, rowkey, answer))
		found = FOUND_RETIRED;
	else if (deferred)
	{
		CS_TEST_POINT("read_loaded");
		if (!cs_deferred_copy(access->binding, &rowkey->key, &after) ||
			after.head.gen != before.head.gen)
			found = FOUND_MOVED;
	}
	if (found == FOUND)
	{
		over->base = answer->row;
		if (deferred)
			put_together_for_reader(access->binding, rowkey, &after, fresh, over);
		else
			put_together(access->binding, rowkey, NULL, fresh, over);
		answer->row = over->row;
	}
	UnregisterSnapshot(fresh);
	return found;
}

/*
 * Refuse writes to a table with a journal but no slot: the journal would be
 * applied over them later.
 */
static void
refuse_without_slot(const CsBinding *binding)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("table \"%s\" has deferred writes that are not in it yet, and no place in the cache",
					binding->name),
			 errdetail_internal("%s", cs_slot_denial_detail(binding->denial)),
			 errhint("Raise cache_strategies.max_tables or max_tables_per_role, or detach tables.")));
}

/* Wait until the writes deferred before a crash have been replayed. */
void
cs_write_back_wait_replayed(CsBinding *binding)
{
	if ((binding->slot >= 0 && cs_state_is_open(binding->slot)) || RecoveryInProgress() ||
		!binding->options.durable || !cs_journalread_has_pending(binding->relid))
		return;
	if (binding->slot < 0)
		refuse_without_slot(binding);
	if (binding->slot < 0)
		return;
	cs_flush_require_idle(binding->relid);
	cs_state_note_table(binding->slot, MyDatabaseId);
	cs_state_wait_open(binding->slot, cs_worker_timeout);
}

/*
 * Read the table's row only.
 */
static bool
read_table_only(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer, CsMergedRow *over)
{
	memset(over, 0, sizeof(*over));
	if (!cs_access_read_snapshot(access, rowkey, answer))
		return false;
	over->base = over->row = answer->row;
	return true;
}

/*
 * Read the row with its deferred changes; returns false if the table has
 * changed.
 */
static bool
read_latest_merged(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer, CsMergedRow *over)
{
	CsBinding  *binding = access->binding;

	/*
	 * a role that may not see every row does not see deferred changes either
	 */
	if (access->bypass == CS_BYPASS_RLS)
		return read_table_only(access, rowkey, answer, over);
	cs_write_back_wait_replayed(binding);
	if (binding->slot < 0)
		return read_table_only(access, rowkey, answer, over);
	for (;;)
	{
		switch (read_under(access, rowkey, answer, over))
		{
			case FOUND:
				return true;
			case FOUND_RETIRED:
				return false;
			case FOUND_MOVED:
				break;
		}
		if (access->binding != binding || binding->retired)
			return false;
		CHECK_FOR_INTERRUPTS();
	}
}

static bool
read_latest(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	CsMergedRow over;

	return read_latest_merged(access, rowkey, answer, &over);
}

/*
 * Read the present row; returns false if the table has changed since the key
 * was made.
 */
bool
cs_write_back_latest(CsBinding *binding, const CsRowKey *rowkey, CsMergedRow *over)
{
	CsAccess	access;
	CsAnswer	answer;

	cs_access_begin(&access, binding, GetActiveSnapshot());
	return access.binding == binding && read_latest_merged(&access, rowkey, &answer, over);
}

/*
 * Combine a row that this transaction has locked, and that the table has as
 * 'base', with its deferred changes.
 *
 * No other transaction can write the row to the table while it is locked.  A
 * flush that did so before may not have removed its record yet, but is seen to
 * have ended.
 */
void
cs_write_back_merge(CsBinding *binding, const CsRowKey *rowkey, HeapTupleHeader base,
					CsMergedRow *over)
{
	CsDeferred	deferred;
	bool		some = cs_deferred_copy(binding, &rowkey->key, &deferred);
	Snapshot	fresh = RegisterSnapshot(GetLatestSnapshot());

	over->base = base;
	put_together(binding, rowkey, some ? &deferred : NULL, fresh, over);
	UnregisterSnapshot(fresh);
	over->arrival = deferred.head.arrival;
	over->awaited = some && cs_deferred_is_awaited(&deferred);
	over->behind = over->awaited ? cs_deferred_behind(&deferred) : 0;
}

/*
 * Wait for a record that does not count yet; *end is 0 at first.  The
 * transaction that had the row before is waited for until it ends.  Any other
 * may be waiting for this transaction, so the time is limited; then throws
 * 40001.  Afterwards the row must be merged again; when that is done, and *end
 * is set, call cs_deferred_wait_end().
 */
void
cs_write_back_wait(const CsBinding *binding, const CsRowKey *rowkey, const CsMergedRow *over,
				   TimestampTz *end)
{
	CHECK_FOR_INTERRUPTS();
	if (over->behind != 0)
	{
		XactLockTableWait((TransactionId) over->behind, NULL, NULL, XLTW_None);
		return;
	}
	if (!cs_deferred_wait(&rowkey->key, end, PATIENCE_MS))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent deferred writes of a row of table \"%s\"",
						binding->name),
				 errhint("The transaction might succeed if retried.")));
}

/* Whether the table itself has a row with this key now. */
bool
cs_write_back_in_table(CsBinding *binding, const CsRowKey *rowkey)
{
	CsAccess	access;
	CsAnswer	answer = {0};
	Snapshot	fresh = RegisterSnapshot(GetLatestSnapshot());

	cs_access_begin(&access, binding, fresh);
	access.bypass = CS_BYPASS_OWN;
	cs_access_table(&access, rowkey, &answer);
	UnregisterSnapshot(fresh);
	return answer.row != NULL;
}

/* ----- deferring ----- */

/* Tables for which the transaction does not defer; local to the process. */
static LocalTransactionId stopped_in = InvalidLocalTransactionId;
static List *stopped = NIL;		/* OIDs, in TopMemoryContext */

/*
 * Stop deferring writes of the table for the rest of the transaction: a policy
 * must check what its statement writes, and policies see only what reaches the
 * table.
 */
void
cs_write_back_stop(const CsBinding *binding)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (stopped_in != cs_my_lxid())
	{
		list_free(stopped);
		stopped = NIL;
		stopped_in = cs_my_lxid();
	}
	stopped = list_append_unique_oid(stopped, binding->relid);
	MemoryContextSwitchTo(old);
}

static bool
is_stopped(const CsBinding *binding)
{
	return stopped_in == cs_my_lxid() && list_member_oid(stopped, binding->relid);
}

/*
 * Whether writes of this table can be deferred now.
 *
 * Takes RowExclusiveLock on the table, and waits for the end of a recovery.
 * If the table has changed before, the binding is retired: the caller begins
 * again.
 */
bool
cs_write_back_begin(CsBinding *binding)
{
	int			slot = binding->slot;

	if (slot < 0 || is_stopped(binding) || RecoveryInProgress() || XactReadOnly || cs_xact_is_late() ||
		(binding->rls && check_enable_rls(binding->relid, InvalidOid, true) == RLS_ENABLED))
		return false;
	LockRelationOid(binding->relid, RowExclusiveLock);
	AcceptInvalidationMessages();
	if (binding->retired)
		return true;
	/* direct changes would not be combined with deferred ones */
	if (!cs_triggers_settle(binding))
		return false;
	if (!cs_state_is_open(slot))
	{
		/*
		 * this transaction attached or altered it: the gate will not be
		 * opened
		 */
		if (cs_rellock_is_held(binding->relid, ShareRowExclusiveLock))
			return false;
		cs_flush_require_idle(binding->relid);
		cs_state_note_table(slot, MyDatabaseId);
		cs_state_wait_open(slot, cs_worker_timeout);
	}
	return true;
}

static void
lock_tag(LOCKTAG *tag, const CsBinding *binding, uint32 hash)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, binding->relid, hash, CS_LOCK_KEY);
}

/*
 * Lock a key, until the transaction ends, against others that defer, and
 * against those that write or remove a row that only the cache has.  Returns
 * true if the lock was not held before, so that the row may have changed.
 */
bool
cs_write_back_lock_key(const CsBinding *binding, const CsKey *key)
{
	static LocalTransactionId counted;	/* transaction that 'count' belongs to */
	static int	count;
	uint32		hash = (uint32) key->hash | 1;
	LOCKTAG		all;
	LOCKTAG		tag;

	lock_tag(&all, binding, 0);
	lock_tag(&tag, binding, hash);
	if (cs_lock_held(&all, ExclusiveLock) || cs_lock_held(&tag, ExclusiveLock))
		return false;
	if (counted != cs_my_lxid())
		count = 0;
	counted = cs_my_lxid();
	if (++count > MAX_KEY_LOCKS)
	{
		(void) LockAcquire(&all, ExclusiveLock, false, false);
		return true;
	}
	(void) LockAcquire(&all, RowExclusiveLock, false, false);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	return true;
}

/*
 * Lock the key against others that defer, if checks of this row require it.
 *
 * Transactions that defer do not see each other's changes before commit.
 * Together these may violate what each alone does not: a constraint, or the
 * range of an integer. Returns true if the row must be read again.
 */
bool
cs_write_back_lock(CsBinding *binding, const CsRowKey *rowkey, HeapTupleHeader row)
{
	const CsMerge *merge = cs_merge_get(binding);
	bool		needed = merge->constrained;
	HeapTupleData tuple;

	if (!needed && row != NULL)
	{
		tuple = cs_row_tuple(row);
		for (int i = 0; i < merge->n && !needed; i++)
		{
			bool		isnull;
			Datum		value;

			if (merge->columns[i].rule != CS_RULE_ADD)
				continue;
			value = heap_getattr(&tuple, merge->columns[i].attnum, binding->tupdesc, &isnull);
			needed = !isnull && cs_sum_is_near_end(merge->columns[i].type, value);
		}
	}
	return needed && cs_write_back_lock_key(binding, &rowkey->key);
}

/*
 * Defer a delta.
 *
 * 'row' is the present row (cs_write_back_latest).  Returns the resulting row,
 * checked; NULL if a lock had to be taken, so that the row must be read again.
 */
HeapTupleHeader
cs_write_back_defer(CsBinding *binding, const CsRowKey *rowkey, HeapTupleHeader row,
					const CsDelta *delta)
{
	HeapTupleHeader result;

	if (cs_write_back_lock(binding, rowkey, row))
		return NULL;
	result = cs_deltarow_apply(binding, row, delta);
	if (cs_write_back_lock(binding, rowkey, result))
		return NULL;
	cs_deltarow_check(binding, result, cs_delta_columns(delta), false);
	cs_xactdelta_defer(binding, rowkey, delta);
	return result;
}

/* ----- direct changes ----- */

static bool
is_changed(const CsChange *change, Form_pg_attribute att)
{
	bool		oldnull;
	bool		newnull;
	Datum		old = slot_getattr(change->oldslot, att->attnum, &oldnull);
	Datum		new = slot_getattr(change->newslot, att->attnum, &newnull);

	return oldnull != newnull ||
		(!oldnull && !datum_image_eq(old, new, att->attbyval, att->attlen));
}

static bool
is_named(const CsChange *change, AttrNumber attnum)
{
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, change->updated);
}

/*
 * Columns for which the later of two changes counts, and that this change set,
 * even if to the same value, or that a trigger changed.  A column without a
 * rule may have had one, perhaps under another name, when a write was
 * deferred.
 */
static Bitmapset *
replaced_columns(CsBinding *binding, const CsChange *change)
{
	const CsMerge *merge = cs_merge_get(binding);
	Bitmapset  *columns = NULL;
	CsUsage		usage;

	cs_store_usage(binding->slot, &usage);
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);
		const CsMergeColumn *column = cs_merge_column(merge, att->attnum);

		if (att->attisdropped ||
			(column != NULL ? column->rule != CS_RULE_REPLACE : usage.dirty_entries == 0))
			continue;
		if (is_named(change, att->attnum) || is_changed(change, att))
			columns = bms_add_member(columns, att->attnum);
	}
	return columns;
}

/*
 * A row of the table has changed: cancel what is deferred for it.
 */
static void
changed(const CsBinding *const_binding, const CsChange *change)
{
	CsBinding  *binding = (CsBinding *) const_binding;
	Bitmapset  *columns;

	cs_strategy_invalidate(binding, change);
	if (binding->slot < 0 || cs_apply_is_writing(binding->relid))
		return;
	if (change->old == NULL || change->new == NULL ||
		change->old->key.hash != change->new->key.hash)
	{
		if (change->old != NULL)
		{
			(void) cs_xactdelta_took_along(&change->old->key);
			cs_xactdelta_cancel(binding, change->old, NULL, 0);
		}
		if (change->new != NULL)
			cs_xactdelta_cancel(binding, change->new, NULL,
								cs_xactdelta_is_upserting(binding->relid) ? CS_RESERVE_NO_NEW_WHOLE
								: CS_RESERVE_NO_WHOLE);
		return;
	}
	if (cs_xactdelta_took_along(&change->new->key))
	{
		cs_xactdelta_cancel(binding, change->new, NULL, 0);
		return;
	}
	columns = replaced_columns(binding, change);
	if (columns != NULL)
		cs_xactdelta_cancel(binding, change->new, columns, CS_RESERVE_NO_NEW_WHOLE);
}

const CsStrategy cs_write_back = {
	.name = "write_back",
	.needs = needs,
	.read = read_latest,
	.miss = cs_access_load_once,
	.changed = changed,
	.effect = "invalidates"
};
