/*-------------------------------------------------------------------------
 *
 * access.c
 *		From binding, key and snapshot to a row or its absence.
 *
 * This file does not depend on SQL functions.  What is done on a miss is
 * decided by the strategy: its miss() is called from here, and loads by
 * cs_access_load() or cs_access_load_once(), or reads the table.  The rules,
 * with S for the caller's snapshot and F for a fresh one (proof and guards in
 * src/README.md):
 *
 *	own		this transaction may have changed the table: read the table under
 *			S, and fill nothing
 *	hit		the entry is of the slot's epoch, and the version in it is visible
 *			in S
 *	miss	take a token, then F, then load under F.  The loaded row is the
 *			answer if S shows it too; otherwise read the table under S
 *	fill	under the partition lock, if the token is still valid and no
 *			prepared transaction can be involved
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "relation/fetch.h"
#include "relation/loader.h"
#include "relation/rowvalue.h"
#include "relation/tree.h"
#include "relation/triggers.h"
#include "rowcache/access.h"
#include "rowcache/keyformat.h"
#include "rowcache/rowtrace.h"
#include "rowcache/sample.h"
#include "rowcache/strategy.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/flight.h"
#include "store/latency.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"
#include "testpoint.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

/* Minimum interval between checks for writers of a table. */
#define SETTLE_MS	10

/* ----- bypasses ----- */

/*
 * Whether this transaction has changes that no snapshot shows to other
 * transactions and that may not be in the pending list yet.
 */
static bool
is_own(const CsBinding *binding)
{
	if (cs_xact_has_table(binding->slot))
		return true;
	return TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		cs_tree_is_locked(&binding->tree, RowExclusiveLock);
}

/* Whether the binding describes the table as of the slot's current epoch. */
static bool
is_current(const CsBinding *binding)
{
	uint64		word = cs_slot_peek(binding->slot);

	return cs_slot_is(word, CS_SLOT_ACTIVE) &&
		cs_slot_epoch(word) == binding->epoch;
}

/*
 * The present binding of the access's table.  Throws if the table is not
 * attached any more; a scan keeps the binding that it has.
 */
static CsBinding *
newer_binding(const CsAccess *access)
{
	CsBinding  *binding;

	if (!access->by_scan)
		return cs_binding_require(access->binding->relid);
	binding = cs_binding_get(access->binding->relid);
	return binding != NULL && binding->nkeys > 0 ? binding : access->binding;
}

/*
 * Bring the binding up to date, and activate the table if its triggers are in
 * force.  Returns false if that is not possible.
 */
static bool
catch_up(CsAccess *access)
{
	/* a second round if activating has shown the binding to be outdated */
	for (int i = 0; i < 3 && !is_current(access->binding); i++)
	{
		CsBinding  *refreshed;
		uint64		word = cs_slot_read(access->binding->slot);

		if (!cs_slot_is(word, CS_SLOT_ACTIVE) &&
			!cs_triggers_activate(access->binding))
		{
			/*
			 * the invalidations just processed may have replaced the binding
			 */
			CsBinding  *newer = newer_binding(access);

			if (newer == access->binding)
				return false;
			access->binding = newer;
			continue;
		}
		refreshed = cs_binding_refresh(access->binding);
		access->binding = refreshed != NULL ? refreshed : newer_binding(access);
		if (access->binding->slot < 0 || refreshed == NULL)
			return false;
		cs_keyformat_note(access->binding);
	}
	return is_current(access->binding);
}

/*
 * Reason why the cache cannot be used; CS_HIT if it can.
 */
static CsReason
find_bypass(CsAccess *access)
{
	CsBinding  *binding = access->binding;
	Snapshot	snapshot = access->snapshot;

	/* a scan's plan has the policies as conditions */
	if (binding->rls && !access->by_scan &&
		check_enable_rls(binding->relid, InvalidOid, true) == RLS_ENABLED)
	{
		access->plain = true;
		return CS_BYPASS_RLS;
	}
	if (!cs_enabled)
		return CS_BYPASS_DISABLED;
	if (binding->slot < 0)
		return binding->denial == CS_SLOT_SHARE_USED ? CS_BYPASS_SHARE : CS_BYPASS_SLOT;
	if (IsolationIsSerializable())
		return CS_BYPASS_SERIALIZABLE;
	if (RecoveryInProgress())
		return CS_BYPASS_RECOVERY;
	/* a worker does not know what its leader has changed */
	if (access->by_scan && IsParallelWorker())
		return CS_BYPASS_PARALLEL;
	if (snapshot->snapshot_type != SNAPSHOT_MVCC || snapshot->takenDuringRecovery)
		return CS_BYPASS_SNAPSHOT;
	if (is_own(binding))
		return CS_BYPASS_OWN;
	if (!is_current(binding))
	{
		if (IsInParallelMode())
			return CS_BYPASS_PARALLEL;
		if (!catch_up(access))
			return CS_BYPASS_TRIGGERS;
	}
	return CS_HIT;
}

/*
 * Begin a read.  Throws if the current role may not SELECT the table.  May
 * replace the binding by a newer one, so keys must be made afterwards.
 *
 * Results found for one binding do not hold for a newer one, so this is
 * repeated until the binding does not change.
 */
void
cs_access_begin(CsAccess *access, CsBinding *binding, Snapshot snapshot)
{
	access->binding = binding;
	access->snapshot = snapshot;
	access->by_scan = false;
	do
	{
		if (access->binding->retired)
			access->binding = cs_binding_require(access->binding->relid);
		binding = access->binding;
		cs_binding_check_select(binding);
		access->plain = false;
		access->bypass = find_bypass(access);
	} while (access->binding != binding || binding->retired);
}

/*
 * Begin a read for a scan of the executor, which sets what it reads.  Returns
 * false if the table is not attached any more.
 */
bool
cs_access_begin_scan(CsAccess *access, Oid relid, Snapshot snapshot)
{
	CsBinding  *binding;

	access->snapshot = snapshot;
	access->plain = false;
	access->by_scan = true;
	cs_binding_check_slots();
	do
	{
		binding = access->binding = cs_binding_get(relid);
		if (binding == NULL || binding->nkeys == 0)
			return false;
		access->bypass = find_bypass(access);
	} while (access->binding != binding || binding->retired);
	return true;
}

/* ----- hits ----- */

typedef struct Acceptance
{
	const CsAccess *access;
	CsReason	reason;			/* if refused */
} Acceptance;

/*
 * Whether an entry answers, as far as its metadata tell.
 */
static bool
accept_entry(const CsMeta *meta, void *arg)
{
	Acceptance *acceptance = arg;
	const CsAccess *access = acceptance->access;

	if (meta->epoch != access->binding->epoch)
	{
		acceptance->reason = CS_MISS_EPOCH;
		return false;
	}
	if (meta->expires != 0 && meta->expires <= cs_clock_now())
	{
		acceptance->reason = CS_MISS_EXPIRED;
		return false;
	}
	if ((meta->flags & CS_ENTRY_SNAPSHOT) == 0 &&
		!cs_snapshot_sees(access->snapshot, meta->wxid))
	{
		acceptance->reason = CS_BYPASS_TOO_NEW;
		return false;
	}
	return true;
}

/* Decode the copied entry, and determine whether it answers. */
static CsReason
use_entry(const CsAccess *access, const CsRowKey *rowkey, const CsFound *found,
		  CsAnswer *answer)
{
	CsRowParts	parts;

	if (!cs_rowvalue_decode(access->binding, found->meta.flags, found->value,
							found->len, &parts))
		return CS_MISS_EPOCH;
	if (parts.seen != NULL && !cs_snapshot_sees_all(access->snapshot, parts.seen))
		return CS_BYPASS_TOO_NEW;
	if (parts.row != NULL && !cs_key_equal(access->binding, rowkey, parts.row))
		return CS_BYPASS_HASH;
	/* WHERE CURRENT OF takes the row's tid from the scan */
	if (access->by_scan && parts.row != NULL && !ItemPointerIsValid(&parts.row->t_ctid))
		return CS_MISS_COLD;
	answer->row = parts.row;
	answer->wxid = found->meta.wxid;
	answer->expires = found->meta.expires;
	answer->bytes = found->len;
	return parts.row != NULL ? CS_HIT : CS_HIT_ABSENT;
}

typedef CsLookup (*Lookup) (const CsKey *key, CsAccept accept, void *arg, CsFound *found);

/* Answer from the cache if possible, looking for the entry in this way. */
static inline bool
look_up(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer, Lookup lookup)
{
	Acceptance	acceptance = {access, CS_MISS_COLD};
	CsFound		found;

	memset(answer, 0, sizeof(*answer));
	answer->reason = access->bypass;
	if (access->bypass != CS_HIT)
		return false;
	if (rowkey->key.len > CS_MAX_KEY_LEN)
	{
		answer->reason = access->bypass = CS_BYPASS_KEY;
		return false;
	}
	switch (lookup(&rowkey->key, accept_entry, &acceptance, &found))
	{
		case CS_LOOKUP_HIT:
			answer->reason = use_entry(access, rowkey, &found, answer);
			break;
		case CS_LOOKUP_REFUSED:
			answer->reason = acceptance.reason;
			break;
		case CS_LOOKUP_MISS:
			answer->reason = CS_MISS_COLD;
			break;
	}
	if (cs_is_bypass(answer->reason))
		access->bypass = answer->reason;
	return cs_is_hit(answer->reason);
}

/*
 * Answer from the cache if possible.  Returns false, with answer->reason set,
 * if not.  The row is allocated in the current memory context.
 */
bool
cs_access_lookup(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	return look_up(access, rowkey, answer, cs_store_lookup);
}

/*
 * The same, without any effect on how long the entry stays.
 */
bool
cs_access_peek(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	return look_up(access, rowkey, answer, cs_store_peek);
}

/* ----- misses ----- */

/*
 * Lock the table against DDL before loading.  Returns false if the table has
 * changed since the key was made; the caller then begins again.
 */
bool
cs_access_lock(CsAccess *access)
{
	bool		locked = cs_binding_lock(access->binding);

	AcceptInvalidationMessages();
	return locked && !access->binding->retired;
}

/*
 * Count rows that were loaded since 'began'.
 */
void
cs_access_count_load(const CsBinding *binding, int n, int64 began)
{
	int64		nanos = cs_clock_nanos() - began;

	cs_counters_add(binding->slot, CS_COUNT_LOAD, n);
	cs_counters_add(binding->slot, CS_COUNT_LOAD_TIME, nanos);
	cs_latency_add(CS_LATENCY_ROW_LOAD, nanos);
	if (cs_latency_is_slow(nanos))
		ereport(LOG,
				(errmsg_plural("loading %d row of table \"%s\" into the cache took %.3f ms",
							   "loading %d rows of table \"%s\" into the cache took %.3f ms",
							   n, n, cs_binding_qualified_name(binding),
							   (double) nanos / 1000000),
				 errhidestmt(true), errhidecontext(true)));
}

/*
 * Read the table under the caller's snapshot, or have the scan do so.
 */
void
cs_access_table(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	CsLoaded	loaded;
	int64		began;

	answer->unread = access->by_scan;
	if (access->by_scan)
		return;
	began = cs_clock_nanos();
	cs_loader_load(access->binding, rowkey, access->snapshot, access->plain, &loaded);
	cs_access_count_load(access->binding, 1, began);
	answer->row = loaded.row;
}

/*
 * Take a token that detects changes of the key from now on.  Returns false if
 * a change is in progress, so that a row loaded now could not be kept.
 */
bool
cs_access_token(const CsAccess *access, uint64 hash, CsToken *token)
{
	const CsBinding *binding = access->binding;

	cs_snapshot_boot();
	token->slot = binding->slot;
	token->stripe = cs_stripe_of(hash);
	token->slot_word = cs_slot_read(token->slot);
	token->stripe_word = cs_stripe_read(token->stripe);
	return cs_slot_is(token->slot_word, CS_SLOT_ACTIVE) &&
		cs_slot_epoch(token->slot_word) == binding->epoch &&
		cs_slot_writers(token->slot_word) == 0 &&
		cs_stripe_writers(token->stripe_word) == 0 &&
		true;
}

/*
 * Take the snapshot F, registered.  It must be newer than the token.  The
 * caller's own snapshot may be older, and a row loaded under it could be
 * outdated already.
 */
Snapshot
cs_access_fresh_snapshot(const CsAccess *access)
{
	return RegisterSnapshot(GetLatestSnapshot());
}

/* Whether the caller's snapshot shows the row that was loaded under F. */
bool
cs_access_shows(const CsAccess *access, TransactionId xmin)
{
	return cs_snapshot_sees(access->snapshot, cs_snapshot_row_xid(xmin)) &&
		!TransactionIdIsCurrentTransactionId(xmin);
}

typedef struct FillCheck
{
	const CsToken *token;
	Snapshot	fresh;
} FillCheck;

/*
 * Whether the key is unchanged since the token was taken.  Called under the
 * partition lock.
 */
static bool
token_stands(void *arg)
{
	const FillCheck *check = arg;
	const CsToken *token = check->token;
	uint64		prepared_xid = Max(cs_stripe_prepared_xid(token->stripe), cs_slot_prepared_xid(token->slot));

	/* the slot's young state ends only with its epoch */
	pg_read_barrier();
	return
		cs_stripe_read(token->stripe) == token->stripe_word &&
		cs_slot_same(cs_slot_read(token->slot), token->slot_word) &&
		cs_snapshot_may_fill(check->fresh, prepared_xid);
}

/* Whether the loaded row may contain changes of this transaction. */
static bool
may_be_own(const CsBinding *binding, const TransactionId *xmin)
{
	/* making the key, or loading, may have run code that changed the table */
	if (is_own(binding) ||
		(xmin != NULL && TransactionIdIsCurrentTransactionId(*xmin)))
		return true;

	/*
	 * a loader function may have read changes of this transaction, or a
	 * temporary table
	 */
	return xmin == NULL && binding->options.loader != NULL &&
		(TransactionIdIsValid(GetTopTransactionIdIfAny()) || cs_loader_read_temporary());
}

/*
 * Reason why a row loaded now would not be kept, and the transaction to wait
 * for.
 */
CsFillWait
cs_access_wait(const CsAccess *access, const CsRowKey *rowkey, Snapshot fresh,
			   TransactionId *xid)
{
	uint64		xmin = cs_snapshot_widen(fresh->xmin);
	int			slot = access->binding->slot;

	*xid = fresh->xmin;
	if (cs_snapshot_waits_for(fresh) != 0)
	{
		*xid = (TransactionId) cs_snapshot_waits_for(fresh);
		return CS_WAIT_BOOT;
	}
	if (xmin <= cs_slot_young(slot))
		return CS_WAIT_YOUNG;
	if (xmin <= Max(cs_slot_prepared_xid(slot), cs_stripe_prepared_xid(cs_stripe_of(rowkey->key.hash))))
		return CS_WAIT_PREPARED;
	return CS_WAIT_NONE;
}

/* If the fill was refused because the slot is young, try to end that state. */
static void
settle_slot(const CsBinding *binding, Snapshot fresh)
{
	static TimestampTz last = 0;
	TimestampTz now;

	if (cs_snapshot_widen(fresh->xmin) > cs_slot_young(binding->slot))
		return;
	now = cs_clock_steady();
	if (now - last < SETTLE_MS * INT64CONST(1000))
		return;
	last = now;
	cs_binding_settle_slot(binding);
}

/* Why a fill was refused, as far as can be told afterwards. */
static CsFill
why_refused(const CsAccess *access, const CsRowKey *rowkey, const CsToken *token,
			Snapshot fresh)
{
	TransactionId xid;

	if (cs_stripe_read(token->stripe) != token->stripe_word ||
		!cs_slot_same(cs_slot_read(token->slot), token->slot_word))
		return CS_FILL_CHANGED;
	switch (cs_access_wait(access, rowkey, fresh, &xid))
	{
		case CS_WAIT_BOOT:
			return CS_FILL_BOOT;
		case CS_WAIT_YOUNG:
			return CS_FILL_YOUNG;
		case CS_WAIT_PREPARED:
			return CS_FILL_PREPARED;
		case CS_WAIT_NONE:
			break;
	}
	return CS_FILL_CHANGED;
}

/*
 * Keep what was loaded under 'fresh'.  Without xmin (for an absence, or the
 * result of a loader function) the entry records what 'fresh' saw.  *row is
 * replaced by the flattened copy that is kept, so that it is not flattened
 * again.
 */
CsFill
cs_access_fill(CsAccess *access, const CsRowKey *rowkey, const CsToken *token,
			   Snapshot fresh, HeapTupleHeader *row, const TransactionId *xmin)
{
	CsBinding  *binding = access->binding;
	FillCheck	check = {token, fresh};
	CsMeta		meta = {.epoch = binding->epoch};
	CsSeen	   *seen = NULL;
	CsRowValue	value;
	CsInstall	installed;

	if (may_be_own(binding, xmin))
		return CS_FILL_OWN;
	if (*row == NULL)
	{
		if (binding->options.negative_ttl <= 0 || binding->hashed)
			return CS_FILL_NOT_TRIED;
		meta.flags |= CS_ENTRY_ABSENT;
	}
	else
	{
		HeapTupleHeader flat = cs_rowvalue_flatten(binding, *row);

		if (flat == NULL)
			return CS_FILL_TOO_LARGE;
		*row = flat;
	}
	if (xmin != NULL)
		meta.wxid = cs_snapshot_row_xid(*xmin);
	else
	{
		meta.flags |= CS_ENTRY_SNAPSHOT;
		seen = cs_snapshot_seen(fresh);
	}
	meta.expires = cs_rowvalue_expiry(binding, *row == NULL);
	cs_rowvalue_encode(binding, *row, seen, &value);

	CS_TEST_POINT("before_install");
	installed = cs_store_install(&rowkey->key, &meta, value.data, value.len,
								 (Size) binding->options.max_memory,
								 token_stands, &check);
	pfree(value.data);
	switch (installed)
	{
		case CS_INSTALL_DONE:
			return CS_FILL_DONE;
		case CS_INSTALL_TOO_LARGE:
			return CS_FILL_TOO_LARGE;
		case CS_INSTALL_FULL:
			return CS_FILL_NO_ROOM;
		case CS_INSTALL_REFUSED:
			break;
	}
	settle_slot(binding, fresh);
	return why_refused(access, rowkey, token, fresh);
}

/*
 * Whether the row is small enough to be kept.  *size is set to the size that
 * it would take.
 */
bool
cs_access_fits(const CsBinding *binding, const CsRowKey *rowkey, HeapTupleHeader row,
			   Size *size)
{
	HeapTupleHeader flat = cs_rowvalue_flatten(binding, row);
	int64		limit = binding->options.max_memory;

	*size = HeapTupleHeaderGetDatumLength(flat != NULL ? flat : row);
	return flat != NULL && *size + rowkey->key.len <= cs_store_max_value() &&
		(limit == 0 || *size + rowkey->key.len <= (Size) limit);
}

/* Count the result of a fill. */
void
cs_access_count_fill(const CsBinding *binding, CsFill fill)
{
	static const CsCount counts[] = {
		[CS_FILL_DONE] = CS_COUNT_FILL,
		[CS_FILL_CHANGED] = CS_COUNT_REFUSED_CHANGED,
		[CS_FILL_OWN] = CS_COUNT_REFUSED_OWN,
		[CS_FILL_BOOT] = CS_COUNT_REFUSED_BOOT,
		[CS_FILL_YOUNG] = CS_COUNT_REFUSED_YOUNG,
		[CS_FILL_PREPARED] = CS_COUNT_REFUSED_PREPARED,
		[CS_FILL_TOO_LARGE] = CS_COUNT_NO_ROOM_LARGE,
		[CS_FILL_NO_ROOM] = CS_COUNT_NO_ROOM_FULL
	};

	if (fill != CS_FILL_NOT_TRIED)
		cs_counters_add(binding->slot, counts[fill], 1);
}

/*
 * Load the row under F; returns false if only the scan itself can read it.
 */
static bool
load_fresh(CsAccess *access, const CsRowKey *rowkey, Snapshot fresh, CsLoaded *loaded)
{
	int64		began = cs_clock_nanos();

	if (!access->by_scan)
		cs_loader_load(access->binding, rowkey, fresh, access->plain, loaded);
	else if (!cs_fetch_raw_rows(access->binding, access->part, access->part_index, &rowkey, 1,
								fresh, loaded))
		return false;
	cs_access_count_load(access->binding, 1, began);
	return true;
}

/* Whether the caller's snapshot shows what was loaded under F. */
static bool
is_shown(const CsAccess *access, const CsLoaded *loaded, Snapshot fresh)
{
	if (loaded->has_xmin)
		return cs_access_shows(access, loaded->xmin);
	return cs_snapshot_sees_all(access->snapshot, cs_snapshot_seen(fresh));
}

/*
 * After a miss: load the row, and keep it if 'fill'.
 */
void
cs_access_load(CsAccess *access, const CsRowKey *rowkey, bool fill, CsAnswer *answer)
{
	CsToken		token;
	CsLoaded	loaded;
	Snapshot	fresh;
	bool		read;
	bool		shown;

	if (access->bypass == CS_HIT && IsInParallelMode())
		answer->reason = access->bypass = CS_BYPASS_PARALLEL;
	if (access->bypass == CS_HIT && !cs_access_token(access, rowkey->key.hash, &token))
		answer->reason = access->bypass = CS_BYPASS_WRITERS;
	if (access->bypass != CS_HIT)
	{
		cs_access_table(access, rowkey, answer);
		return;
	}

	CS_TEST_POINT("after_token");
	fresh = cs_access_fresh_snapshot(access);
	CS_TEST_POINT("after_snapshot");
	read = load_fresh(access, rowkey, fresh, &loaded);
	shown = read && is_shown(access, &loaded, fresh);
	if (fill && read)
	{
		answer->fill = cs_access_fill(access, rowkey, &token, fresh, &loaded.row,
									  loaded.has_xmin ? &loaded.xmin : NULL);
		cs_access_count_fill(access->binding, answer->fill);
	}
	UnregisterSnapshot(fresh);
	if (shown)
	{
		answer->row = loaded.row;
		answer->wxid = loaded.has_xmin ? cs_snapshot_row_xid(loaded.xmin) : 0;
	}
	else
		cs_access_table(access, rowkey, answer);
}

/* ----- single flight ----- */

#define MAX_WAITS	3

/*
 * Cleanup callback of load_and_land().
 */
static void
land(int code, Datum arg)
{
	cs_flight_land(true);
}

/* Load as the leader of a flight.  The flight ends even if the load throws. */
static void
load_and_land(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	PG_ENSURE_ERROR_CLEANUP(land, (Datum) 0);
	{
		CS_TEST_POINT("flight_lead");
		cs_access_load(access, rowkey, true, answer);
	}
	PG_END_ENSURE_ERROR_CLEANUP(land, (Datum) 0);
	cs_flight_land(false);
}

static CsLanding
wait_for_flight(const CsBinding *binding)
{
	int64		began = cs_clock_nanos();
	CsLanding	landing;

	cs_counters_add(binding->slot, CS_COUNT_WAIT, 1);
	landing = cs_flight_wait(cs_load_timeout);
	cs_counters_add(binding->slot, CS_COUNT_WAIT_TIME, cs_clock_nanos() - began);
	return landing;
}

/*
 * For miss(): load the row, unless another session is already loading this
 * key.  In that case wait for that session, and look up the row again.  A
 * session that leads a flight ends it in any case, so sessions waiting for it
 * do not hang.
 */
void
cs_access_load_once(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	CsFlight	flight = CS_FLIGHT_ALONE;

	/*
	 * the load that was waited for may have failed, or its row not been kept
	 */
	for (int i = 0; i < MAX_WAITS; i++)
	{
		flight = cs_flight_start(rowkey->key.hash);
		if (flight != CS_FLIGHT_FOLLOW)
			break;
		if (wait_for_flight(access->binding) == CS_LANDING_LATE)
			break;
		if (cs_access_lookup(access, rowkey, answer) || cs_is_bypass(answer->reason))
			break;
	}
	if (cs_is_hit(answer->reason))
		return;
	if (flight == CS_FLIGHT_FOLLOW)
		cs_counters_add(access->binding->slot, CS_COUNT_WAIT_IN_VAIN, 1);
	if (flight == CS_FLIGHT_LEAD)
		load_and_land(access, rowkey, answer);
	else
		cs_access_load(access, rowkey, true, answer);
}

/* ----- reading ----- */

/*
 * Count a read by its reason.
 */
void
cs_access_count(const CsBinding *binding, CsReason reason)
{
	StaticAssertStmt((int) CS_COUNT_BYPASS_DISABLED - (int) CS_COUNT_HIT ==
					 (int) CS_BYPASS_DISABLED - (int) CS_HIT,
					 "reads are counted in the order of their reasons");

	Assert(reason <= CS_BYPASS_DISABLED);
	cs_counters_add(binding->slot, CS_COUNT_HIT + reason, 1);
}

/*
 * A hit that was timed has taken so long.
 */
void
cs_access_timed_hit(const CsAccess *access, const CsRowKey *rowkey, const CsAnswer *answer,
					int64 nanos)
{
	cs_latency_add(CS_LATENCY_ROW_HIT, nanos);
	if (cs_trace_wants(CS_LATENCY_EVERY))
		cs_rowtrace_read(access->binding, rowkey, answer->reason, nanos);
}

/* A read that was no hit at once has taken so long. */
static void
read_slowly(const CsAccess *access, const CsRowKey *rowkey, const CsAnswer *answer,
			int64 nanos)
{
	if (!cs_is_bypass(answer->reason))
		cs_latency_add(CS_LATENCY_ROW_MISS, nanos);
	if (cs_trace_wants(1))
		cs_rowtrace_read(access->binding, rowkey, answer->reason, nanos);
}

/*
 * Read a row: cache, then the strategy's miss() or the table.
 */
static bool
read_under_snapshot(CsAccess *access, const CsStrategy *strategy, const CsRowKey *rowkey,
					CsAnswer *answer)
{
	int64		began = cs_latency_begin();

	cs_xact_note_use();
	if (!cs_sample_lookup(access, rowkey, answer))
	{
		int64		looked = cs_clock_nanos();

		if (!cs_access_lock(access))
			return false;
		if (access->bypass != CS_HIT)
			cs_access_table(access, rowkey, answer);
		else
			strategy->miss(access, rowkey, answer);
		read_slowly(access, rowkey, answer, cs_clock_nanos() - looked);
	}
	else if (unlikely(began != 0))
		cs_access_timed_hit(access, rowkey, answer, cs_clock_nanos() - began);
	cs_access_count(access->binding, answer->reason);
	return true;
}

/*
 * Read a row as of access->snapshot, without what the strategy adds to the
 * table.  Returns false if the table has changed since the key was made; the
 * caller then begins again.  Throws if cache.bindings names an unknown
 * strategy.
 */
bool
cs_access_read_snapshot(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	return read_under_snapshot(access, cs_strategy_of(access->binding), rowkey, answer);
}

/*
 * Read a row as the binding's strategy does.  Otherwise like
 * cs_access_read_snapshot().
 */
bool
cs_access_read(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	const CsStrategy *strategy = cs_strategy_of(access->binding);

	if (strategy->read != NULL)
		return strategy->read(access, rowkey, answer);
	return read_under_snapshot(access, strategy, rowkey, answer);
}
