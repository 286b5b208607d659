/*-------------------------------------------------------------------------
 *
 * deferred.c
 *		Deferred entries: changes of a key that are in the store but not in its
 *		table.
 *
 * A key with deferred writes has a second entry in the store beside the cached
 * row.  It is dirty, and has the row's key with another hash.  Its value is a
 * head and records; each record is a delta with the state of its transaction
 * (see deferred.h).  A record is added before its transaction commits, when an
 * error is still possible, and changed from RESERVED to COMMITTED afterwards,
 * when it is not.
 *
 * Entries are changed in two ways:
 *
 *	flips	in place under the partition lock, by COMMIT and ABORT callbacks
 *	swaps	a new entry is built in private memory and replaces the old one if
 *			that has not changed since it was copied
 *
 * Every swap folds committed records into one, so an entry has few records
 * however often its row is written.  A folded record has lost its position in
 * the order of stamps, so nothing is folded while a record may arrive that
 * belongs between the folded ones.  Such a record is one with a whole row or a
 * cancel among any records, or any record among those: see may_fold().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/clock.h"
#include "store/slot.h"
#include "store/stripe.h"
#include "writeback/apply.h"
#include "writeback/commitepoch.h"
#include "writeback/deferred.h"
#include "writeback/deltarecord.h"
#include "xact/snapshot.h"

/* Xor-ed with the hash of the row's key. */
#define HASH_SALT	UINT64CONST(0x5bd1e995a3c59ac3)

/*
 * If an entry has so many records that cannot be folded, a writer waits for a
 * moment: they can be folded when other writers of the key have committed.
 * The limit may be exceeded after that.
 */
#define MANY_RECORDS		32
#define PATIENCE_MS		10

/* Ids are assigned to backends in blocks of this size. */
#define ID_BLOCK	256

StaticAssertDecl(sizeof(CsDeferredHead) % MAXIMUM_ALIGNOF == 0,
				 "parts must be aligned");
StaticAssertDecl(sizeof(CsDeltaRecord) % MAXIMUM_ALIGNOF == 0,
				 "deltas must be aligned");

typedef struct CsSharedIds
{
	pg_atomic_uint64 next;		/* atomic; the next id to be drawn */
} CsSharedIds;

static CsSharedIds *ids;
static uint64 next_id;
static uint64 end_id;

Size
cs_deferred_shmem_size(void)
{
	return sizeof(CsSharedIds);
}

void
cs_deferred_shmem_init(void)
{
	bool		found;

	ids = ShmemInitStruct("cache_strategies deferred ids", sizeof(CsSharedIds), &found);
	if (!found)
		pg_atomic_init_u64(&ids->next, 1);
}

/*
 * A number that is unique since the server's start, never 0.  Does not throw.
 */
uint64
cs_deferred_id(void)
{
	if (next_id == end_id)
	{
		next_id = pg_atomic_fetch_add_u64(&ids->next, ID_BLOCK);
		end_id = next_id + ID_BLOCK;
	}
	return next_id++;
}

/*
 * The key of the deferred entry of a row's key.
 */
CsKey
cs_deferred_key(const CsKey *key)
{
	CsKey		result = *key;

	result.hash ^= HASH_SALT;
	return result;
}

/* ----- copies ----- */

static bool
accept_any(const CsMeta *meta, void *arg)
{
	return true;
}

/*
 * Decode the head and the records.
 */
static void
take_apart(char *value, CsDeferred *copy)
{
	char	   *at = value + sizeof(CsDeferredHead);

	memcpy(&copy->head, value, sizeof(CsDeferredHead));
	copy->records = palloc((copy->head.nrecords + 1) * sizeof(CsDeltaRecord *));
	for (uint32 i = 0; i < copy->head.nrecords; i++)
	{
		copy->records[i] = (CsDeltaRecord *) at;
		at += cs_deltarecord_size(copy->records[i]);
	}
}

/*
 * Whether the entry belongs to another table, which had the slot before and no
 * longer exists.
 */
static bool
is_foreign(const CsBinding *binding, const CsDeferredHead *head)
{
	return head->database != MyDatabaseId || head->relation != binding->relid;
}

/*
 * Decode a copied value; records of another table are ignored.
 */
static void
use_value(const CsBinding *binding, char *value, CsDeferred *copy)
{
	take_apart(value, copy);
	copy->version = copy->head.version;
	if (is_foreign(binding, &copy->head))
	{
		copy->head.nrecords = 0;
		copy->head.arrival = 0;
	}
}

/*
 * Copy the key's entry, in the current memory context.  Returns false if
 * nothing is deferred.
 */
bool
cs_deferred_copy(const CsBinding *binding, const CsKey *key, CsDeferred *copy)
{
	CsKey		mine = cs_deferred_key(key);
	CsFound		found;

	memset(copy, 0, sizeof(*copy));
	if (cs_store_lookup(&mine, accept_any, NULL, &found) != CS_LOOKUP_HIT)
		return false;
	use_value(binding, found.value, copy);
	return copy->head.nrecords > 0;
}

static bool
has_records(const CsDeferred *copy)
{
	for (uint32 i = 0; i < copy->head.nrecords; i++)
		if (copy->records[i]->state != CS_RECORD_DEAD)
			return true;
	return false;
}

/* ----- folding ----- */

/*
 * Whether the snapshot shows the transaction as committed.  A transaction that
 * has ended without committing is in no snapshot either, hence the second
 * test.  Changes of the current transaction are seen, as by the reads that use
 * this.
 */
static bool
sees(Snapshot snapshot, uint64 xid)
{
	TransactionId short_xid = (TransactionId) xid;

	if (xid == 0)
		return false;
	if (TransactionIdIsCurrentTransactionId(short_xid))
		return true;
	return cs_snapshot_sees(snapshot, xid) && TransactionIdDidCommit(short_xid);
}

/*
 * Whether a reader with the snapshot sees this record on top of the table.
 */
static bool
shows(const CsDeltaRecord *record, Snapshot fresh, Oid relid)
{
	switch (record->state)
	{
		case CS_RECORD_RESERVED:
			/* other changes of it are visible when it is COMMITTED */
			return (record->flags & CS_RECORD_CANCELS) != 0 && record->stamp != 0 &&
				sees(fresh, record->xid);
		case CS_RECORD_COMMITTED:
			return (record->flags & CS_RECORD_CANCELS) == 0 || record->xid == 0 ||
				sees(fresh, record->xid);
		case CS_RECORD_TAKEN:
			/* within a flush of this session, its records are in the table */
			return !cs_apply_is_under_way(relid);
		case CS_RECORD_INFLIGHT:
			return !sees(fresh, record->xid);
		default:
			return false;
	}
}

/*
 * The change of the row for a reader that sees the table under 'fresh'.
 * Returns false if there is none.
 */
bool
cs_deferred_merge(CsBinding *binding, const CsDeferred *copy, Snapshot fresh,
				  CsDelta *delta)
{
	CsDeltaRecord **chosen = palloc((copy->head.nrecords + 1) * sizeof(CsDeltaRecord *));
	int			n = 0;

	for (uint32 i = 0; i < copy->head.nrecords; i++)
		if (shows(copy->records[i], fresh, binding->relid))
			chosen[n++] = copy->records[i];
	if (n == 0)
		return false;
	cs_deltarecord_fold(binding, chosen, n, delta);
	return true;
}

/* Whether a transaction has marked the row's key and not ended yet. */
static bool
has_writers(const CsBinding *binding, const CsKey *key)
{
	return cs_stripe_writers(cs_stripe_read(cs_stripe_of(key->hash))) != 0 ||
		cs_slot_writers(cs_slot_read(binding->slot)) != 0;
}

/*
 * Whether committed records may be folded, i.e. no record can arrive that
 * belongs between them.  Records that change single columns can be folded in
 * any order.  A record with a whole row or a cancel cannot: no such record may
 * be folded while any record is RESERVED, and nothing may be folded while such
 * a record is RESERVED, or while a transaction may be about to reserve one
 * whose stamp it has already drawn.  Such a transaction has marked the key
 * first, and 'copy' was made before this is called.
 */
static bool
may_fold(const CsBinding *binding, const CsKey *key, const CsDeferred *copy)
{
	bool		reserved = false;
	bool		absolute = false;

	for (uint32 i = 0; i < copy->head.nrecords; i++)
	{
		bool		mine = (copy->records[i]->flags & (CS_RECORD_CANCELS | CS_RECORD_WHOLE)) != 0;

		if (copy->records[i]->state == CS_RECORD_RESERVED)
			reserved = true;
		if (copy->records[i]->state == CS_RECORD_RESERVED && mine)
			return false;
		if (copy->records[i]->state == CS_RECORD_COMMITTED && mine)
			absolute = true;
	}
	if (has_writers(binding, key))
		return false;
	return !(reserved && absolute);
}

/*
 * Fold records into a new one.
 */
static CsDeltaRecord *
folded_record(CsBuilder *builder, CsDeltaRecord **records, int n)
{
	CsDelta		delta;
	CsDeltaRecord *record;
	uint32		folded = 0;

	cs_deltarecord_fold((CsBinding *) builder->binding, records, n, &delta);
	record = cs_deltarecord_new(&delta, cs_deferred_id(), CS_RECORD_COMMITTED);
	for (int i = 0; i < n; i++)
	{
		folded += records[i]->folded;
		record->stamp = Max(record->stamp, records[i]->stamp);
		/* a reader that cannot see the canceller yet must look again */
		if (records[i]->flags & CS_RECORD_CANCELS)
			cs_deltarecord_build_leaves(builder, records[i]);
	}
	record->folded = folded;
	return record;
}

/*
 * Add the committed records to a new entry, folding those of the same commit
 * epoch.  Records of different epochs are not folded, because flushes end at a
 * boundary of epochs.
 */
static void
keep_committed(CsBuilder *builder, const CsDeferred *copy, bool fold)
{
	int			max = copy->head.nrecords;
	CsDeltaRecord **same = palloc((max + 1) * sizeof(CsDeltaRecord *));
	bool	   *done = palloc0(max + 1);

	for (int i = 0; i < max; i++)
	{
		CsDeltaRecord *first = copy->records[i];
		int			n = 0;

		if (done[i] || first->state != CS_RECORD_COMMITTED)
			continue;
		for (int j = i; j < max && (fold || j == i); j++)
		{
			CsDeltaRecord *record = copy->records[j];

			if (record->state != CS_RECORD_COMMITTED)
				continue;
			if (cs_stamp_epoch(record->stamp) != cs_stamp_epoch(first->stamp))
				continue;
			done[j] = true;
			same[n++] = record;
		}
		cs_deltarecord_build_keep(builder, n == 1 ? first : folded_record(builder, same, n));
	}
}

/* ----- interface for transactions ----- */

/*
 * Whether a whole row is deferred for the table, or about to be.  The store
 * counts the entries with such a record.
 */
bool
cs_deferred_any_whole(int slot)
{
	return cs_store_marked_entries(slot) > 0;
}

/*
 * Whether a whole row is deferred or about to be, in any record except 'mine'.
 */
bool
cs_deferred_has_whole(CsBinding *binding, const CsDeferred *copy, uint64 mine)
{
	CsDeltaRecord **chosen = palloc((copy->head.nrecords + 1) * sizeof(CsDeltaRecord *));
	CsDelta		delta;
	bool		any = false;
	int			n = 0;

	for (uint32 i = 0; i < copy->head.nrecords; i++)
	{
		CsDeltaRecord *record = copy->records[i];

		if (record->id == mine)
			continue;
		if (record->state == CS_RECORD_RESERVED && (record->flags & CS_RECORD_WHOLE))
			return true;
		if (record->state == CS_RECORD_COMMITTED || record->state == CS_RECORD_TAKEN)
		{
			any |= (record->flags & CS_RECORD_WHOLE) != 0;
			chosen[n++] = record;
		}
	}
	if (!any)
		return false;
	cs_deltarecord_fold(binding, chosen, n, &delta);
	return delta.whole;
}

/*
 * Whether a record is RESERVED.
 */
bool
cs_deferred_is_awaited(const CsDeferred *copy)
{
	for (uint32 i = 0; i < copy->head.nrecords; i++)
		if (copy->records[i]->state == CS_RECORD_RESERVED)
			return true;
	return false;
}

/*
 * The xid of a transaction that has committed although its record is still
 * RESERVED; 0 if there is none.  Finds only transactions whose xid is known,
 * which includes all that have locked the row.
 */
uint64
cs_deferred_behind(const CsDeferred *copy)
{
	for (uint32 i = 0; i < copy->head.nrecords; i++)
	{
		const CsDeltaRecord *record = copy->records[i];
		TransactionId xid = (TransactionId) record->xid;

		if (record->state == CS_RECORD_RESERVED && record->xid != 0 &&
			!TransactionIdIsCurrentTransactionId(xid) &&
			!TransactionIdIsInProgress(xid) && TransactionIdDidCommit(xid))
			return record->xid;
	}
	return 0;
}

/* Results of reserve_once() only. */
#define RESERVE_AGAIN	((CsReserve) -1)	/* another backend has changed the
											 * entry */
#define RESERVE_LATER	((CsReserve) -2)	/* too many records that cannot be
											 * folded now */

/*
 * One attempt of cs_deferred_reserve().
 */
static CsReserve
reserve_once(CsBinding *binding, const CsKey *key, CsDeltaRecord *mine, int flags, uint64 seen,
			 bool patient)
{
	CsDeferred	copy;
	CsBuilder	builder;
	bool		fold;

	(void) cs_deferred_copy(binding, key, &copy);
	if (seen != CS_ANY_ARRIVAL && copy.head.arrival != seen)
		return CS_RESERVE_CHANGED;
	if ((flags & CS_RESERVE_IF_RECORDS) && !has_records(&copy))
		return CS_RESERVE_NOTHING;
	if ((flags & CS_RESERVE_NO_WHOLE) && cs_deferred_has_whole(binding, &copy, 0))
		return CS_RESERVE_WHOLE;
	if ((flags & CS_RESERVE_NO_NEW_WHOLE) && seen == CS_ANY_ARRIVAL &&
		cs_deferred_has_whole(binding, &copy, 0))
		return CS_RESERVE_CHANGED;
	fold = may_fold(binding, key, &copy);
	if (!fold && copy.head.nrecords >= MANY_RECORDS && patient)
		return RESERVE_LATER;
	cs_deltarecord_build_begin(&builder, binding, &copy);
	for (uint32 i = 0; i < copy.head.nrecords; i++)
		if (copy.records[i]->state == CS_RECORD_TAKEN ||
			copy.records[i]->state == CS_RECORD_INFLIGHT ||
			copy.records[i]->state == CS_RECORD_RESERVED)
			cs_deltarecord_build_keep(&builder, copy.records[i]);
	keep_committed(&builder, &copy, fold);
	cs_deltarecord_build_keep(&builder, mine);
	builder.head.arrival = mine->id;
	switch (cs_deltarecord_build_put(&builder, key, copy.version, (flags & CS_RESERVE_FORCE) != 0))
	{
		case CS_SWAP_DONE:
			return CS_RESERVE_DONE;
		case CS_SWAP_TOO_LARGE:
			return CS_RESERVE_TOO_LARGE;
		case CS_SWAP_FULL:
			return CS_RESERVE_FULL;
		case CS_SWAP_CONFLICT:
			break;
	}
	return RESERVE_AGAIN;
}

/*
 * Wait until a record of the key is no longer RESERVED, or a transaction that
 * has marked the key has ended.  Returns false when 'patience' milliseconds
 * have passed since the first call, for which *end is 0.  May return early,
 * and always does so the first time: look at the entry after each call, then
 * call this again or cs_deferred_wait_end().
 */
bool
cs_deferred_wait(const CsKey *key, TimestampTz *end, int patience)
{
	TimestampTz now = cs_clock_steady();

	if (*end == 0)
		*end = TimestampTzPlusMilliseconds(now, patience);
	return *end > now &&
		!cs_stripe_wait(cs_stripe_of(key->hash), TimestampDifferenceMilliseconds(now, *end));
}

void
cs_deferred_wait_end(void)
{
	cs_stripe_wait_end();
}

/*
 * Add a record before the transaction commits.  'stamp' is 0 if it has not
 * been drawn yet.  'seen' is the entry's last arrival when the caller looked
 * at it, with nothing RESERVED; with CS_ANY_ARRIVAL it is not checked.
 */
CsReserve
cs_deferred_reserve(CsBinding *binding, const CsKey *key, const CsDelta *delta,
					uint64 id, uint64 stamp, uint64 xid, int flags, uint64 seen)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies deferred entry",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		patient = (flags & CS_RESERVE_FORCE) == 0;
	TimestampTz end = 0;
	CsReserve	result;

	do
	{
		CsDeltaRecord *mine;

		MemoryContextReset(context);
		mine = cs_deltarecord_new(delta, id, CS_RECORD_RESERVED);
		mine->stamp = stamp;
		mine->xid = xid;
		result = reserve_once(binding, key, mine, flags, seen, patient);
		if (result == RESERVE_LATER)
			patient = cs_deferred_wait(key, &end, PATIENCE_MS);
	} while (result == RESERVE_AGAIN || result == RESERVE_LATER);
	if (end != 0)
		cs_deferred_wait_end();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

/* ----- flips: must not throw or allocate ----- */

/*
 * The transaction has committed.  For COMMIT callbacks.
 */
void
cs_deferred_commit(const CsKey *key, uint64 id, uint64 stamp)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_RECORD_RESERVED,.to = CS_RECORD_COMMITTED,.stamp = stamp};

	cs_store_alter(&mine, cs_deltarecord_flip, &flip);
	cs_stripe_wake(cs_stripe_of(key->hash));
}

/*
 * Set the record's stamp.  Done before the commit, because what the record
 * cancels is visible from the commit on.
 */
void
cs_deferred_set_stamp(const CsKey *key, uint64 id, uint64 stamp)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_RECORD_RESERVED,.to = CS_RECORD_RESERVED,.stamp = stamp};

	cs_store_alter(&mine, cs_deltarecord_flip, &flip);
}

/*
 * The transaction has aborted.  For ABORT callbacks.
 */
void
cs_deferred_drop(const CsKey *key, uint64 id)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_RECORD_RESERVED,.to = CS_RECORD_DEAD};

	cs_store_alter(&mine, cs_deltarecord_flip, &flip);
	cs_stripe_wake(cs_stripe_of(key->hash));
}

/*
 * TRUNCATE has committed: kill all records except RESERVED ones.  The lock of
 * TRUNCATE excludes other transactions with records of the table, so RESERVED
 * records belong to this transaction.  For COMMIT callbacks.
 */
void
cs_deferred_truncate(int slot)
{
	CsFlip		flip = {.to = CS_RECORD_DEAD,.leaves = true};

	cs_store_alter_all(slot, cs_deltarecord_flip, &flip);
}

/*
 * The flush that wrote the record has committed.  For COMMIT callbacks.
 */
void
cs_deferred_flushed(const CsKey *key, uint64 id)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_RECORD_INFLIGHT,.to = CS_RECORD_DEAD,.leaves = true};

	cs_store_alter(&mine, cs_deltarecord_flip, &flip);
}

/*
 * The flush that wrote the record has aborted.  For ABORT callbacks.
 */
void
cs_deferred_unwritten(const CsKey *key, uint64 id)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_RECORD_INFLIGHT,.to = CS_RECORD_TAKEN};

	cs_store_alter(&mine, cs_deltarecord_flip, &flip);
}

/*
 * Callback of cs_deferred_any().
 */
static CsAlter
note_unwritten(char *value, Size len, void *arg)
{
	const CsDeferredHead *head = (const CsDeferredHead *) value;
	char	   *at = value + sizeof(CsDeferredHead);

	for (uint32 i = 0; i < head->nrecords; i++)
	{
		CsDeltaRecord *record = (CsDeltaRecord *) at;

		if (record->state != CS_RECORD_DEAD &&
			!(record->state == CS_RECORD_INFLIGHT &&
			  TransactionIdIsCurrentTransactionId((TransactionId) record->xid)))
			*(bool *) arg = true;
		at += cs_deltarecord_size(record);
	}
	return CS_ALTER_NOTHING;
}

/*
 * Whether the table has deferred writes other than those that this transaction
 * has flushed.
 */
bool
cs_deferred_any(int slot)
{
	bool		any = false;

	cs_store_alter_all(slot, note_unwritten, &any);
	return any;
}
