/*-------------------------------------------------------------------------
 *
 * flush.c
 *		Flushing: writing deferred writes to their table.
 *
 * The same code is used by the flush worker, cache.flush() and cache.detach(),
 * in the transaction of the caller.  Flushes of one table exclude each other
 * by a heavyweight lock.  It is held until the end of the transaction, so it
 * is released after the COMMIT callback has removed the flushed records.
 *
 *	1	end the commit epoch and wait for its writers; everything below the
 *		boundary is then committed or gone, and no record can be added below it
 *		any more
 *	2	take the records of each key as one record
 *	3	write them to the table (apply.c)
 *	4	mark each record as written by this transaction, unless a transaction
 *		that locked the row before has cancelled it
 *	5	if durable: set flush_state to the boundary
 *
 * 3 and 5 are done in one transaction, so each record of the journal is
 * written exactly once.  A direct change of a row is made under the row lock,
 * and 3 takes it, so 4 sees every earlier cancel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "locktags.h"
#include "relation/owner.h"
#include "relation/rellock.h"
#include "relation/triggers.h"
#include "store/clock.h"
#include "store/latency.h"
#include "store/trace.h"
#include "testpoint.h"
#include "writeback/apply.h"
#include "writeback/commitepoch.h"
#include "writeback/deadletter.h"
#include "writeback/deferred.h"
#include "writeback/flush.h"
#include "writeback/flushbatch.h"
#include "writeback/journal.h"
#include "writeback/journalread.h"
#include "writeback/portable.h"
#include "writeback/state.h"
#include "writeback/statement.h"
#include "writeback/xactdelta.h"
#include "xact/snapshot.h"

/* Maximum number of attempts of a flush that meets a cancel. */
#define MAX_ATTEMPTS	5

typedef struct Batch
{
	int			n;
	int			max;
	CsApplyItem *items;			/* cookie: index into ids */
	uint64	   *ids;
	uint64		folded;			/* number of deltas taken */
} Batch;

/* Why the attempt failed; process-local. */
static bool met_cancel;
static uint64 behind;			/* xid of the canceller if its COMMIT callback
								 * has not run yet; or 0 */
static bool was_taking;			/* failed while taking: the records of a key
								 * cannot be folded */

/* ----- taking ----- */

static void
add_item(Batch *batch, CsRowKey *rowkey, CsDelta *delta, uint64 id)
{
	CsApplyItem *item;

	if (batch->n == batch->max)
	{
		batch->max = Max(64, batch->max * 2);
		batch->items = batch->items == NULL
			? palloc_extended(batch->max * sizeof(CsApplyItem), MCXT_ALLOC_HUGE)
			: repalloc_huge(batch->items, batch->max * sizeof(CsApplyItem));
		batch->ids = batch->ids == NULL
			? palloc_extended(batch->max * sizeof(uint64), MCXT_ALLOC_HUGE)
			: repalloc_huge(batch->ids, batch->max * sizeof(uint64));
	}
	item = &batch->items[batch->n];
	item->rowkey = rowkey;
	item->delta = delta;
	item->cookie = batch->n;
	item->outcome = CS_APPLIED;
	batch->ids[batch->n++] = id;
}

/*
 * Take the key's records as one.
 */
static void
take_key(CsBinding *binding, const CsKey *key, uint64 boundary, Batch *batch)
{
	CsRowKey   *rowkey = palloc(sizeof(CsRowKey));
	CsDelta    *delta = palloc0(sizeof(CsDelta));
	uint64		id = 0;
	uint32		folded;

	if (!cs_key_decode(binding, key->data, key->len, rowkey))
		elog(ERROR, "could not decode a key of table \"%s\"", binding->name);
	if (!cs_flushbatch_take(binding, &rowkey->key, boundary, &id, delta, &folded))
	{
		pfree(rowkey);
		pfree(delta);
		return;
	}
	batch->folded += folded;
	add_item(batch, rowkey, delta, id);
}

/* Take the key's records one by one. */
static void
take_key_apart(CsBinding *binding, const CsKey *key, uint64 boundary, Batch *apart)
{
	CsRowKey   *rowkey = palloc(sizeof(CsRowKey));
	CsDelta    *deltas;
	uint64	   *ids;
	uint32		folded;
	int			n;

	if (!cs_key_decode(binding, key->data, key->len, rowkey))
		elog(ERROR, "could not decode a key of table \"%s\"", binding->name);
	n = cs_flushbatch_take_apart(binding, &rowkey->key, boundary, &ids, &deltas, &folded);
	for (int i = 0; i < n; i++)
		add_item(apart, rowkey, &deltas[i], ids[i]);
	apart->folded += folded;
}

typedef struct Taking
{
	CsBinding  *binding;
	const CsKey *key;
	uint64		boundary;
	Batch	   *batch;
} Taking;

static void
take_one(void *arg)
{
	Taking	   *taking = arg;

	take_key(taking->binding, taking->key, taking->boundary, taking->batch);
}

/*
 * Take a key in a subtransaction.  Returns false, with nothing changed, on an
 * error that is not transient.
 */
static bool
try_key(CsBinding *binding, const CsKey *key, uint64 boundary, Batch *batch)
{
	Taking		taking = {binding, key, boundary, batch};
	ErrorData  *error = cs_apply_attempt(take_one, &taking);

	if (error == NULL)
		return true;
	FreeErrorData(error);
	return false;
}

/*
 * Take the records of all keys.  The keys are collected first, because taking
 * changes the entries under the scan.  'careful': take each key in a
 * subtransaction, and take the records one by one if that fails.
 */
static void
take_all(CsBinding *binding, uint64 boundary, bool careful, Batch *batch, Batch *apart)
{
	MemoryContext copies = AllocSetContextCreate(CurrentMemoryContext,
												 "cache_strategies scan",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	List	   *keys = NIL;
	ListCell   *lc;
	CsDirtyScan scan;

	memset(batch, 0, sizeof(*batch));
	memset(apart, 0, sizeof(*apart));
	cs_store_scan_begin(&scan, binding->slot);
	for (;;)
	{
		CsKey		key;
		CsFound		found;
		CsKey	   *copy;
		bool		more;

		MemoryContextSwitchTo(copies);
		more = cs_store_scan_next(&scan, &key, &found);
		MemoryContextSwitchTo(old);
		if (!more)
			break;
		copy = palloc(sizeof(CsKey));
		*copy = key;
		copy->data = memcpy(palloc(Max(key.len, 1)), key.data, key.len);
		keys = lappend(keys, copy);
		MemoryContextReset(copies);
	}
	MemoryContextDelete(copies);
	was_taking = true;
	foreach(lc, keys)
	{
		if (!careful)
			take_key(binding, lfirst(lc), boundary, batch);
		else if (!try_key(binding, lfirst(lc), boundary, batch))
			take_key_apart(binding, lfirst(lc), boundary, apart);
		CHECK_FOR_INTERRUPTS();
	}
	was_taking = false;
}

/* ----- marking ----- */

typedef struct Carried
{
	CsBinding  *binding;
	const CsApplyItem *item;
	bytea	   *portable;		/* for the journal */
} Carried;

static void
make_portable(void *arg)
{
	Carried    *carried = arg;

	carried->portable = cs_portable_from_delta(carried->binding, carried->item->rowkey,
											   carried->item->delta);
}

/*
 * Keep the delta of a row that another transaction has locked.  The journal's
 * record of it is about to count as flushed, so it is written again, to be
 * replayed before records that are not flushed.  Returns false if that is
 * impossible; the delta is then a dead letter.
 */
static bool
carry(CsBinding *binding, CsApplyItem *item, uint64 boundary)
{
	Carried		carried = {binding, item};
	ErrorData  *error;
	CsAsOwner	saved;

	if (!binding->options.durable)
		return true;
	error = cs_apply_attempt(make_portable, &carried);
	if (error == NULL)
	{
		cs_journal_write(binding->relid, boundary, carried.portable);
		return true;
	}
	cs_owner_begin(&saved, binding->owner);
	cs_deadletter_store(binding, item, error, NULL);
	cs_owner_end(&saved);
	item->outcome = CS_APPLIED_DEAD;
	return false;
}

/*
 * Mark the records as written.  Throws if one was cancelled.  Returns the
 * number of rows written.
 */
static uint64
mark_written(CsBinding *binding, Batch *batch, uint64 boundary)
{
	uint64		xid = cs_snapshot_widen(GetCurrentTransactionId());
	uint64		rows = 0;
	uint64		gone = 0;
	uint64		dead = 0;

	CS_TEST_POINT("flush_applied");
	for (int i = 0; i < batch->n; i++)
	{
		CsApplyItem *item = &batch->items[i];
		uint64		id = batch->ids[item->cookie];

		if (item->outcome == CS_APPLIED_LOCKED && carry(binding, item, boundary))
			continue;
		if (cs_flushbatch_written(binding, &item->rowkey->key, id, xid, &behind) == CS_SETTLED)
			cs_xactdelta_wrote(binding, &item->rowkey->key, id);
		else if (item->outcome != CS_APPLIED_GONE)
		{
			met_cancel = true;
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("a deferred write of table \"%s\" was overtaken by a direct one",
							binding->name)));
		}
		rows += item->outcome == CS_APPLIED;
		gone += item->outcome == CS_APPLIED_GONE;
		dead += item->outcome == CS_APPLIED_DEAD;
	}
	cs_state_add(binding->slot, CS_FLUSH_ROWS, rows);
	cs_state_add(binding->slot, CS_FLUSH_COALESCED, batch->folded - batch->n);
	cs_state_add(binding->slot, CS_FLUSH_GONE, gone);
	cs_state_add(binding->slot, CS_FLUSH_DEAD, dead);
	cs_state_add(binding->slot, CS_FLUSH_FLUSHES, batch->n > 0);
	return rows;
}

/* ----- flushes in progress in this session ----- */

typedef struct Flushing
{
	Oid			relid;
	struct Flushing *outer;
} Flushing;

static Flushing *flushing = NULL;	/* the innermost */

/*
 * Throws 55006 if this session is already flushing the table: the caller is
 * then one of its triggers, or another function that the flush runs.
 */
void
cs_flush_require_idle(Oid relid)
{
	char	   *name;

	for (Flushing *f = flushing; f != NULL; f = f->outer)
	{
		if (f->relid != relid)
			continue;
		name = get_rel_name(relid);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("deferred writes of table \"%s\" are being flushed by this session",
						name != NULL ? name : "?"),
				 errhint("A trigger that fires during a flush must not flush, attach or detach the table.")));
	}
}

/* ----- one flush ----- */

static void
flush_tag(LOCKTAG *tag, Oid relid)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, relid, 0, CS_LOCK_FLUSH);
}

/*
 * Prevent other sessions from flushing the table until the transaction ends.
 */
void
cs_flush_hold(Oid relid)
{
	LOCKTAG		tag;

	cs_flush_require_idle(relid);
	flush_tag(&tag, relid);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*
 * Take the table's lock and the flush lock.  A session that detaches the table
 * holds the table's lock when it flushes, and a session that has flushed may
 * detach the table afterwards.  So neither lock is held while waiting for the
 * other.
 */
static void
lock_both(Oid relid)
{
	LOCKTAG		tag;

	flush_tag(&tag, relid);
	for (;;)
	{
		LockRelationOid(relid, RowExclusiveLock);
		if (LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL)
			return;
		UnlockRelationOid(relid, RowExclusiveLock);
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
		if (ConditionalLockRelationOid(relid, RowExclusiveLock))
			return;
		(void) LockRelease(&tag, ExclusiveLock, false);
	}
}

/*
 * Lock the table for a flush.  Returns NULL if it was dropped, with its
 * deferred writes, while waiting for the lock.
 */
static CsBinding *
lock_for_flush(Oid relid)
{
	CsBinding  *binding;

	lock_both(relid);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return NULL;
	binding = cs_binding_require(relid);

	/*
	 * a table being restored gets its rows, and the journal, before its
	 * triggers
	 */
	if (!cs_rellock_is_held(relid, ShareRowExclusiveLock))
		cs_triggers_require(binding);
	return binding;
}

/*
 * One attempt to flush the table.
 */
static uint64
attempt(CsBinding *binding, bool skip_locked, bool careful)
{
	uint64		boundary = cs_commitepoch_switch();
	CsApplyMode mode = skip_locked ? CS_APPLY_SKIP : CS_APPLY_WAIT;
	Batch		batch;
	Batch		apart;
	CsAsOwner	saved;
	uint64		rows;

	CS_TEST_POINT("flush_boundary");
	cs_owner_begin(&saved, binding->owner);
	take_all(binding, boundary, careful, &batch, &apart);
	cs_owner_end(&saved);
	if (batch.n == 0 && apart.n == 0 && !binding->options.durable)
		return 0;
	CS_TEST_POINT("flush_taken");
	if (batch.n > 0)
		cs_apply(binding, batch.items, batch.n, binding->options.flush_batch, mode);
	rows = mark_written(binding, &batch, boundary);
	if (apart.n > 0)
	{
		cs_apply_apart(binding, apart.items, apart.n, mode, rows > 0);
		rows += mark_written(binding, &apart, boundary);
	}
	if (binding->options.durable)
	{
		cs_journal_set_flushed(binding->relid, boundary);
	}
	return rows;
}

typedef struct Flush
{
	CsBinding  *binding;
	bool		skip_locked;
	bool		careful;
	uint64		rows;
} Flush;

static void
make_flush(void *arg)
{
	Flush	   *flush = arg;

	flush->rows = attempt(flush->binding, flush->skip_locked, flush->careful);
}

/*
 * Make the attempt in a subtransaction.  Returns false, with nothing changed,
 * if it met a cancel or has to be repeated carefully.
 */
static bool
try_flush(CsBinding *binding, bool skip_locked, bool *careful, uint64 *rows)
{
	MemoryContext mine = AllocSetContextCreate(CurrentMemoryContext,
											   "cache_strategies flush",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mine);
	Flush		flush = {binding, skip_locked, *careful};
	ErrorData  *error;

	met_cancel = false;
	behind = 0;
	was_taking = false;
	error = cs_attempt_run(make_flush, &flush);
	MemoryContextSwitchTo(old);
	if (error == NULL)
		*rows = flush.rows;
	else if (was_taking && !*careful && !cs_apply_is_transient(error->sqlerrcode))
		*careful = true;
	else if (!met_cancel)
		ReThrowError(error);
	MemoryContextDelete(mine);
	return error == NULL;
}

/*
 * Throws 0A000 above READ COMMITTED: a row newer than the snapshot would seem
 * to be missing.
 */
void
cs_flush_require_level(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("deferred writes can only be flushed at isolation level READ COMMITTED")));
}

static uint64
flush_table(Oid relid, bool skip_locked)
{
	CsBinding  *binding;
	uint64		rows = 0;
	bool		careful = false;

	cs_flush_require_level();
	binding = lock_for_flush(relid);
	if (binding == NULL || binding->slot < 0)
		return 0;
	if (cs_xactdelta_has_cancels(binding->slot))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot flush table \"%s\" because this transaction has changed rows of it",
						binding->name),
				 errhint("Commit them first.")));
	for (int i = 1;; i++)
	{
		if (try_flush(binding, skip_locked, &careful, &rows))
			return rows;
		CHECK_FOR_INTERRUPTS();
		cs_state_add(binding->slot, CS_FLUSH_RETRIES, 1);
		if (i == MAX_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("deferred writes of table \"%s\" were overtaken by direct ones %d times",
							binding->name, MAX_ATTEMPTS)));

		/* locks are released after the COMMIT callbacks */
		if (behind != 0)
			XactLockTableWait((TransactionId) behind, NULL, NULL, XLTW_None);
		binding = cs_binding_require(relid);
	}
}

/* ----- replay after a crash ----- */

typedef struct Replayed
{
	CsKey		name;
	CsRowKey   *rowkey;
	CsDelta    *delta;
	char		status;			/* of simplehash */
} Replayed;

#define CS_HASHTABLE	cs_replay
#define SH_ELEMENT_TYPE Replayed
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "store/keytable.h"

typedef struct Replay
{
	CsBinding  *binding;
	MemoryContext context;
	cs_replay_hash *keys;
	bool		careful;		/* each delta in its own subtransaction */
	uint64		read;			/* records of the journal read */
} Replay;

/*
 * Decode one record and fold it into its key's delta, in the current memory
 * context.
 */
static void
read_one(Replay *replay, uint64 stamp, bytea *portable)
{
	CsRowKey   *rowkey = palloc(sizeof(CsRowKey));
	CsDelta    *delta = palloc0(sizeof(CsDelta));
	Replayed   *known;
	bool		found;

	if (!cs_portable_to_delta(replay->binding, portable, rowkey, delta))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("a column of the key no longer exists")));
	cs_delta_stamp(delta, stamp);
	known = cs_replay_insert(replay->keys, rowkey->key, &found);
	if (found)
	{
		cs_delta_fold(replay->binding, known->delta, delta);
		return;
	}
	known->rowkey = rowkey;
	known->delta = delta;
}

typedef struct Reading
{
	Replay	   *replay;
	uint64		stamp;
	bytea	   *portable;
} Reading;

static void
read_alone(void *arg)
{
	Reading    *reading = arg;

	read_one(reading->replay, reading->stamp, reading->portable);
}

/* Callback for each record of the journal, in the order of stamps. */
static void
replay_one(uint64 stamp, Oid written_for, bytea *portable, void *arg)
{
	Replay	   *replay = arg;
	MemoryContext old = MemoryContextSwitchTo(replay->context);

	if (!replay->careful)
		read_one(replay, stamp, portable);
	else
	{
		Reading		reading = {replay, stamp, portable};
		ErrorData  *error = cs_apply_attempt(read_alone, &reading);

		if (error != NULL)
		{
			cs_deadletter_store_unread(replay->binding, written_for, portable, error);
			cs_state_add(replay->binding->slot, CS_FLUSH_DEAD, 1);
		}
	}
	MemoryContextSwitchTo(old);
}

/*
 * Read the journal as the table's owner, because input functions may run code
 * of the owner of a domain.
 */
static void
read_journal(void *arg)
{
	Replay	   *replay = arg;
	CsAsOwner	saved;

	MemoryContextReset(replay->context);
	replay->keys = cs_replay_create(replay->context, 1024, NULL);
	cs_owner_begin(&saved, replay->binding->owner);
	replay->read = cs_journalread_table(replay->binding->relid, replay_one, replay);
	cs_owner_end(&saved);
}

/*
 * Read the journal in one subtransaction; if that fails, read each delta in
 * its own, so that only the failing ones become dead letters.
 */
static uint64
read_journal_or_less(Replay *replay)
{
	ErrorData  *error = cs_apply_attempt(read_journal, replay);

	if (error != NULL)
	{
		FreeErrorData(error);
		replay->careful = true;
		read_journal(replay);
	}
	return replay->read;
}

/*
 * Write the replayed deltas.  Returns the number of rows.
 */
static uint64
apply_replayed(Replay *replay)
{
	CsApplyItem *items = palloc_extended(Max(replay->keys->members, 1) * sizeof(CsApplyItem),
										 MCXT_ALLOC_HUGE);
	cs_replay_iterator iter;
	Replayed   *known;
	uint64		rows = 0;
	int			n = 0;

	cs_replay_start_iterate(replay->keys, &iter);
	while ((known = cs_replay_iterate(replay->keys, &iter)) != NULL)
	{
		if (cs_delta_is_empty(known->delta))
			continue;
		items[n].rowkey = known->rowkey;
		items[n].delta = known->delta;
		items[n++].cookie = 0;
	}
	cs_apply(replay->binding, items, n, replay->binding->options.flush_batch, CS_APPLY_WAIT);
	for (int i = 0; i < n; i++)
		rows += items[i].outcome == CS_APPLIED;
	return rows;
}

/*
 * See cs_flush_replay().
 */
static uint64
replay_table(Oid relid)
{
	Replay		replay = {.binding = lock_for_flush(relid)};
	uint64		read;
	uint64		rows;

	if (replay.binding == NULL)
		return 0;
	cs_commitepoch_raise(cs_journalread_last());
	replay.context = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies replay",
										   ALLOCSET_DEFAULT_SIZES);
	read = read_journal_or_less(&replay);
	rows = apply_replayed(&replay);
	/* nothing is deferred while the gate is closed */
	cs_journal_set_flushed(relid, cs_commitepoch_boundary());
	MemoryContextDelete(replay.context);
	ereport(LOG,
			(errmsg("replayed %llu deferred writes of table \"%s\" into %llu rows",
					(unsigned long long) read, replay.binding->name,
					(unsigned long long) rows)));
	return rows;
}

/* ----- entry points ----- */

static void
trace_flush(const char *name, uint64 rows, int64 nanos)
{
	CsTraced	traced = {0};

	traced.strategy = "write_back";
	traced.object = name;
	traced.operation = "flush";
	traced.outcome = psprintf(UINT64_FORMAT " rows", rows);
	traced.nanos = nanos;
	cs_trace_emit(&traced);
}

static void
time_flush(Oid relid, uint64 rows, int64 nanos)
{
	char	   *name;

	cs_latency_add(CS_LATENCY_ROW_FLUSH, nanos);
	name = get_rel_name(relid);
	if (name == NULL)
		name = "?";
	if (cs_trace_wants(1))
		trace_flush(name, rows, nanos);
	if (cs_latency_is_slow(nanos))
		ereport(LOG,
				(errmsg("flushing " UINT64_FORMAT " deferred writes of table \"%s\" took %.3f ms",
						rows, name, (double) nanos / 1000000),
				 errhidestmt(true), errhidecontext(true)));
}

/*
 * Write the table's deferred writes to it, in the current transaction.
 * Returns the number of rows written.  Throws errors that may be transient.
 * 'skip_locked': skip rows locked by other transactions, instead of waiting
 * for them (up to lock_timeout).
 */
uint64
cs_flush_table(Oid relid, bool skip_locked)
{
	Flushing	this = {relid, flushing};
	int64		began = cs_clock_nanos();
	uint64		rows;

	cs_flush_require_idle(relid);
	flushing = &this;
	PG_TRY();
	{
		rows = flush_table(relid, skip_locked);
	}
	PG_FINALLY();
	{
		flushing = this.outer;
	}
	PG_END_TRY();
	if (rows > 0)
		time_flush(relid, rows, cs_clock_nanos() - began);
	return rows;
}

/*
 * After a crash: write the journal's records of the table, in the current
 * transaction.  Returns the number of rows written.
 */
uint64
cs_flush_replay(Oid relid)
{
	Flushing	this = {relid, flushing};
	uint64		rows;

	cs_flush_require_idle(relid);
	flushing = &this;
	PG_TRY();
	{
		rows = replay_table(relid);
	}
	PG_FINALLY();
	{
		flushing = this.outer;
	}
	PG_END_TRY();
	return rows;
}

static void
warn(Oid relid, const ErrorData *error)
{
	char	   *name = get_rel_name(relid);

	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("deferred writes of table \"%s\" could not be flushed",
					name != NULL ? name : "?"),
			 error->detail != NULL ? errdetail_internal("%s: %s", error->message, error->detail) :
			 errdetail_internal("%s", error->message),
			 error->hint != NULL ? errhint("%s", error->hint) : 0));
}

/*
 * Do work that flushes the table, in a subtransaction.  Returns false, after a
 * WARNING with the reason, if it failed.  A cancellation is thrown.
 */
bool
cs_flush_or_warn(Oid relid, CsAttempt work, void *arg)
{
	ErrorData  *error = cs_attempt_run(work, arg);

	if (error == NULL)
		return true;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	warn(relid, error);
	return false;
}
