/*-------------------------------------------------------------------------
 *
 * track.c
 *		Tracking: whether anything has changed in a table.
 *
 * A table's slot has a modification counter, which every transaction that has
 * changed the table marks at PRE_COMMIT.  Triggers note the change, for the
 * relation whose row they see and for the partitioned tables above it.
 * TRUNCATE and DDL are noted by ddl.c, as for attached tables.
 *
 * For this purpose a table needs no slot before it is watched: a writer notes
 * the slots that exist.  A backend that makes a slot must wait until those
 * writers have ended, which the slot's prepared_xid ensures (slot.c).
 *
 * A session keeps, for each relation whose triggers were fired, the slots to
 * note, with the generation of the directory; and for each table that it has
 * watched, its partitions.  Both are dropped by relcache invalidations.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/partition.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "inval.h"
#include "relation/ddl.h"
#include "relation/track.h"
#include "relation/tracked.h"
#include "relation/tree.h"
#include "relation/triggers.h"
#include "relation/values.h"
#include "store/clock.h"
#include "store/place.h"
#include "store/slot.h"
#include "store/stripe.h"
#include "store/watchword.h"
#include "testpoint.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

/*
 * Interval after which a table is examined again whose triggers were not in
 * force.
 */
#define LOOK_AGAIN_MS	500

/* Number of tries to watch a table that keeps changing. */
#define MAX_LOOKS		5

/* A relation whose triggers were fired. */
typedef struct Noted
{
	Oid			relid;			/* hash key */
	bool		valid;			/* no invalidation since */
	int			n;				/* the relation, and the partitioned tables
								 * above */
	Oid		   *relids;
	uint64		generation;		/* of the directory, for the slots */
	int		   *slots;			/* -1 if none */
	CsNotedColumns *columns;	/* watched ones */
} Noted;

/* A table that was watched. */
typedef struct Watched
{
	Oid			relid;			/* hash key */
	bool		outdated;		/* the tree must be listed again */
	MemoryContext context;		/* of the tree; NULL if not listed yet */
	CsTree		tree;
	CsTracking	refused;		/* if not YES, result until refused_until */
	TimestampTz refused_until;	/* time to examine the triggers again */
} Watched;

static HTAB *noted;
static HTAB *watched;
static bool stale_entries = false;

/*
 * What this transaction has noted last; noting it again would have no effect.
 */
static const Noted *noted_last;
static uint64 noted_generation;

/* ----- session state ----- */

static HTAB *
make_table(const char *name, Size size)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = size};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS);
}

/*
 * Entry of a hash table, zeroed if it is new.
 */
static void *
enter(HTAB *table, Oid relid, Size size)
{
	bool		found;
	char	   *entry = hash_search(table, &relid, HASH_ENTER, &found);

	if (!found)
		memset(entry + sizeof(Oid), 0, size - sizeof(Oid));
	return entry;
}

static void
forget_noted(Oid relid)
{
	HASH_SEQ_STATUS scan;
	Noted	   *entry;

	if (OidIsValid(relid))
	{
		entry = hash_search(noted, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			entry->valid = false;
		return;
	}
	hash_seq_init(&scan, noted);
	while ((entry = hash_seq_search(&scan)) != NULL)
		entry->valid = false;
}

static void
forget_watched(Oid relid)
{
	HASH_SEQ_STATUS scan;
	Watched    *entry;

	hash_seq_init(&scan, watched);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (!OidIsValid(relid) || entry->relid == relid || cs_tree_has(&entry->tree, relid))
			entry->outdated = true;
}

/*
 * Relcache callback.
 */
static void
relation_changed(Oid relid)
{
	if (noted != NULL)
		forget_noted(relid);
	if (watched != NULL)
		forget_watched(relid);
	stale_entries = true;
}

static void
free_noted(Noted *entry)
{
	if (entry->relids != NULL)
	{
		pfree(entry->relids);
		pfree(entry->slots);
		pfree(entry->columns);
	}
	entry->relids = NULL;
}

/*
 * Remove outdated entries, which may belong to dropped tables, at the end of
 * the transaction, when none is in use.
 */
static void
forget_stale(void)
{
	HASH_SEQ_STATUS scan;
	Noted	   *note;
	Watched    *watch;

	if (noted != NULL)
	{
		hash_seq_init(&scan, noted);
		while ((note = hash_seq_search(&scan)) != NULL)
		{
			if (note->valid)
				continue;
			free_noted(note);
			hash_search(noted, &note->relid, HASH_REMOVE, NULL);
		}
	}
	if (watched != NULL)
	{
		hash_seq_init(&scan, watched);
		while ((watch = hash_seq_search(&scan)) != NULL)
		{
			if (!watch->outdated)
				continue;
			if (watch->context != NULL)
				MemoryContextDelete(watch->context);
			hash_search(watched, &watch->relid, HASH_REMOVE, NULL);
		}
	}
}

/*
 * Transaction callback.
 */
static void
at_end(bool committed)
{
	noted_last = NULL;
	if (stale_entries)
		forget_stale();
	stale_entries = false;
}

void
cs_track_init(void)
{
	cs_inval_on_relation(relation_changed);
	cs_xact_at_end(at_end);
}

/* ----- changes ----- */

/*
 * List the relation and the partitioned tables above it.  An invalidation that
 * arrives meanwhile makes the entry invalid again.
 */
static void
list_relids(Noted *entry, Relation rel)
{
	List	   *above = NIL;
	ListCell   *lc;

	free_noted(entry);
	entry->valid = true;
	if (rel->rd_rel->relispartition)
		above = get_partition_ancestors(RelationGetRelid(rel));
	entry->n = 0;
	entry->slots = MemoryContextAlloc(CacheMemoryContext,
									  (1 + list_length(above)) * sizeof(int));
	entry->relids = MemoryContextAlloc(CacheMemoryContext,
									   (1 + list_length(above)) * sizeof(Oid));
	entry->columns = MemoryContextAllocZero(CacheMemoryContext,
											(1 + list_length(above)) *
											sizeof(CsNotedColumns));
	entry->relids[entry->n++] = RelationGetRelid(rel);
	foreach(lc, above)
		entry->relids[entry->n++] = lfirst_oid(lc);
	entry->generation = PG_UINT64_MAX;
	list_free(above);
}

/*
 * Look up the slots.  The generation is read first, so that it differs if a
 * slot is missed.
 */
static void
find_slots(Noted *entry)
{
	uint64		generation = cs_slot_generation();

	if (entry->generation == generation)
		return;
	for (int i = 0; i < entry->n; i++)
		entry->slots[i] = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, entry->relids[i]);
	entry->generation = generation;
}

/*
 * Note that a trigger has seen a change of this relation.  Called for every
 * row, so a repeated call is cheap.
 */
void
cs_track_note(Relation rel)
{
	Noted	   *entry;

	if (noted_last != NULL && noted_last->relid == RelationGetRelid(rel) &&
		noted_last->valid && noted_generation == cs_slot_generation() &&
		!cs_xact_is_late())
		return;
	if (noted == NULL)
		noted = make_table("cache_strategies noted relations", sizeof(Noted));
	entry = enter(noted, RelationGetRelid(rel), sizeof(Noted));
	while (!entry->valid)
		list_relids(entry, rel);
	find_slots(entry);
	for (int i = 0; i < entry->n; i++)
		if (entry->slots[i] >= 0)
			cs_xact_note_table(entry->slots[i]);
	cs_xact_note_use();
	noted_last = entry;
	noted_generation = entry->generation;
}

/*
 * Note a changed row: as it was, and as it is (NULL if there is none).
 * Returns false if no other row would add anything.  Reading catalogues may
 * make the entry invalid, but does not free it.
 */
bool
cs_track_note_row(Relation rel, TupleTableSlot *old, TupleTableSlot *new)
{
	Oid			relid = RelationGetRelid(rel);
	Noted	   *entry;
	bool		more = false;

	cs_track_note(rel);
	entry = (Noted *) noted_last;
	if (entry == NULL || entry->relid != relid)
		entry = hash_search(noted, &relid, HASH_FIND, NULL);
	for (int i = 0; i < entry->n; i++)
		if (entry->slots[i] >= 0)
			more |= cs_values_note(&entry->columns[i], rel, entry->relids[i],
								   entry->slots[i], old, new);
	return more;
}

/* ----- watching ----- */

/* Entry with the current tree; NULL if the table does not exist. */
static Watched *
list_tree(Oid relid)
{
	Watched    *entry;

	if (watched == NULL)
		watched = make_table("cache_strategies watched tables", sizeof(Watched));
	entry = enter(watched, relid, sizeof(Watched));
	if (entry->context != NULL && !entry->outdated)
		return entry;
	cs_xact_note_use();
	LockRelationOid(relid, AccessShareLock);
	AcceptInvalidationMessages();
	do
	{
		MemoryContext old;
		Relation	rel;

		if (entry->context != NULL)
			MemoryContextDelete(entry->context);
		entry->context = NULL;
		memset(&entry->tree, 0, sizeof(entry->tree));
		entry->outdated = true;
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			return NULL;
		entry->context = AllocSetContextCreate(CacheMemoryContext,
											   "cache_strategies watched table",
											   ALLOCSET_SMALL_SIZES);
		entry->outdated = false;
		rel = table_open(relid, NoLock);
		old = MemoryContextSwitchTo(entry->context);
		cs_tree_list(&entry->tree, rel);
		MemoryContextSwitchTo(old);
		table_close(rel, NoLock);
	} while (entry->outdated);
	entry->refused = CS_TRACKING_YES;
	return entry;
}

/* Refuse to watch the table, and remember that for a while. */
static CsTracking
refuse(Watched *entry, CsInForce found)
{
	if (found == CS_NOT_TO_BE_SEEN)
		return CS_TRACKING_BLIND;
	entry->refused = cs_tracked_is_wanted(entry->relid) ? CS_TRACKING_BLIND
		: CS_TRACKING_UNTRACKED;
	entry->refused_until =
		TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), LOOK_AGAIN_MS);
	return entry->refused;
}

/*
 * Whether the triggers may be examined.  Changes that this transaction itself
 * has made to the table are not known to others yet, and may be rolled back.
 */
static bool
may_look(const Watched *entry)
{
	if (IsInParallelMode())
		return false;
	return !TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		!cs_tree_is_locked(&entry->tree, RowExclusiveLock);
}

/* Find or make the table's slot.  A table that is not tracked gets none. */
static int
find_slot(Watched *entry, CsTracking *why)
{
	int			slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, entry->relid);
	CsSlotDenial denial;
	CsInForce	found;

	*why = CS_TRACKING_BLIND;
	if (slot >= 0 || !may_look(entry))
		return slot;
	found = cs_triggers_look(&entry->tree, NULL, &entry->outdated, NULL);
	if (found != CS_IN_FORCE)
	{
		*why = refuse(entry, found);
		return -1;
	}
	return cs_ddl_make_slot(entry->relid, &denial);
}

static bool
owns_slot(Oid relid, int slot)
{
	Oid			database;

	return cs_slot_relation(slot, &database) == relid && database == MyDatabaseId;
}

/* Try again: the table has changed or has lost its slot. */
#define LOOK_AGAIN		((CsTracking) -1)

/*
 * Set TRACKED if the triggers are in force.  The word is read before the
 * triggers: if DDL marks the slot in between, setting the flag fails.  While
 * the flag was not set, changes may not have been marked, so last_xid is
 * raised.
 */
static CsTracking
activate(Watched *entry, int slot, uint64 word)
{
	CsInForce	found;
	bool		keyed = false;

	CS_TEST_POINT("before_look");
	found = cs_triggers_look(&entry->tree, NULL, &entry->outdated, &keyed);
	if (entry->outdated)
		return LOOK_AGAIN;
	if (found != CS_IN_FORCE)
		return refuse(entry, found);
	CS_TEST_POINT("after_look");
	cs_slot_distrust_last_xid(slot);
	cs_slot_distrust_values(slot);
	return cs_slot_activate(slot, word, CS_SLOT_TRACKED | (keyed ? CS_SLOT_KEYED : 0))
		? CS_TRACKING_YES : LOOK_AGAIN;
}

/* ----- watching a column ----- */

typedef struct CsAskedColumn
{
	AttrNumber	attnum;
	Snapshot	snapshot;
	bool		give;			/* it a place */
} CsAskedColumn;

/* A place that was used this recently is not given away. */
#define IDLE_S		60

/*
 * The column's place, given to it if it has none; -1: there is none to be had.
 */
static int
find_place(Oid relid, int slot, const CsAskedColumn *column, uint64 *word)
{
	AttrNumber	attnum = column->attnum;
	TimestampTz now = cs_clock_now();
	int			place = cs_place_find(slot, attnum, word);

	if (place >= 0)
	{
		cs_place_use(slot, place, now);
		return place;
	}
	if (!column->give || cs_place_vacant(slot, now - IDLE_S * USECS_PER_SEC) < 0 ||
		!cs_slot_lock(slot, MyDatabaseId, CS_SLOT_TABLE, relid))
		return -1;
	/* another session may have been faster */
	place = cs_place_find(slot, attnum, word);
	if (place < 0)
	{
		place = cs_place_vacant(slot, now - IDLE_S * USECS_PER_SEC);
		if (place >= 0)
			cs_place_publish(slot, place, attnum, now);
	}
	cs_slot_unlock();
	return cs_place_find(slot, attnum, word);
}

/*
 * Whether no writer is left that may have looked at the places before the
 * column was there, and has changed the table.  With a snapshot that is newer
 * than all such writers there is none.
 */
static bool
is_settled(Watched *entry, int slot, int place, uint64 word, CsWatch *watch,
		   Snapshot snapshot)
{
	CS_TEST_POINT("watch_settle");
	if (watch->since == PG_UINT64_MAX)
		return false;
	if (watch->unsettled < cs_snapshot_widen(snapshot->xmin))
		return true;
	if (cs_tree_has_writers_up_to(&entry->tree, watch->since))
		return false;
	if (cs_slot_lock(slot, MyDatabaseId, CS_SLOT_TABLE, entry->relid))
	{
		cs_place_settle(slot, place, word);
		cs_slot_unlock();
	}
	watch->unsettled = 0;
	return true;
}

/*
 * The place comes before what is beside it: if it has been given away and back
 * in between, its generation says so when the result is to be kept.
 */
static CsTracking
watch_column(Watched *entry, const CsAskedColumn *column, int slot, uint64 epoch,
			 CsWatch *watch)
{
	uint64		word;
	uint64		whole;
	int			place;

	if (!cs_slot_is(cs_slot_read(slot), CS_SLOT_KEYED))
		return CS_TRACKING_WHOLE;
	place = find_place(entry->relid, slot, column, &word);
	if (place < 0)
		return CS_TRACKING_WHOLE;
	CS_TEST_POINT("watch_place");
	watch->since = cs_place_since(slot, place);
	watch->unsettled = cs_place_unsettled(slot, place);
	if (watch->unsettled != 0 &&
		!is_settled(entry, slot, place, word, watch, column->snapshot))
		return CS_TRACKING_WHOLE;
	whole = cs_place_whole(slot);
	pg_memory_barrier();
	if (cs_stripe_writers(whole) != 0)
		return CS_TRACKING_WRITERS;
	watch->relid = entry->relid;
	watch->slot = slot;
	watch->epoch = epoch;
	watch->version = cs_stripe_version(whole);
	watch->place = word;
	watch->nplace = place;
	watch->word = CS_NO_WORD;
	watch->word_version = 0;
	return CS_TRACKING_YES;
}

/*
 * One try of cs_track_watch().
 */
static CsTracking
watch_once(Watched *entry, const CsAskedColumn *column, CsWatch *watch)
{
	CsTracking	result;
	int			slot = find_slot(entry, &result);
	uint64		word;
	uint64		modcount;

	if (slot < 0)
		return entry->outdated ? LOOK_AGAIN : result;
	CS_TEST_POINT("watch_slot");
	word = cs_slot_read(slot);

	/*
	 * the slot may belong to another table now, whose changes it would report
	 */
	if (!owns_slot(entry->relid, slot))
		return LOOK_AGAIN;
	if (cs_slot_writers(word) != 0)
		return CS_TRACKING_WRITERS;
	if (!cs_slot_is(word, CS_SLOT_TRACKED))
	{
		result = may_look(entry) ? activate(entry, slot, word) : CS_TRACKING_BLIND;
		if (result != CS_TRACKING_YES)
			return result;
	}
	if (column != NULL)
		return watch_column(entry, column, slot, cs_slot_epoch(word), watch);
	modcount = cs_slot_modcount(slot);
	pg_memory_barrier();
	if (cs_stripe_writers(modcount) != 0)
		return CS_TRACKING_WRITERS;
	*watch = (CsWatch)
	{
		.relid = entry->relid,
			.slot = slot,
			.epoch = cs_slot_epoch(word),
			.version = cs_stripe_version(modcount),
			.word = CS_NO_WORD
	};
	return CS_TRACKING_YES;
}

/*
 * If the flag is set, the DDL that has moved the epoch to its value has
 * broadcast its invalidations.  They are processed here.
 */
static CsTracking
watch_table(Oid relid, const CsAskedColumn *column, CsWatch *watch)
{
	CsTracking	result = LOOK_AGAIN;

	if (RecoveryInProgress())
		return CS_TRACKING_BLIND;
	for (int i = 0; i < MAX_LOOKS && result == LOOK_AGAIN; i++)
	{
		Watched    *entry = list_tree(relid);

		if (entry == NULL)
			return CS_TRACKING_UNTRACKED;
		if (entry->refused != CS_TRACKING_YES &&
			GetCurrentStatementStartTimestamp() < entry->refused_until)
			return entry->refused;
		result = watch_once(entry, column, watch);
		AcceptInvalidationMessages();
	}
	return result == LOOK_AGAIN ? CS_TRACKING_BLIND : result;
}

/*
 * Watch a table (or a partitioned table with all partitions), before taking
 * the snapshot under which it will be read.  Includes a full barrier.
 */
CsTracking
cs_track_watch(Oid relid, CsWatch *watch)
{
	return watch_table(relid, NULL, watch);
}

/*
 * The same for the rows with one value in this column, by a session that
 * already has this snapshot.  A column without a place is given one if 'give'
 * is true.  The value is added by cs_track_watch_word().
 */
CsTracking
cs_track_watch_column(Oid relid, AttrNumber attnum, Snapshot snapshot, bool give,
					  CsWatch *watch)
{
	CsAskedColumn column = {attnum, snapshot, give};

	return watch_table(relid, &column, watch);
}

/*
 * Make a watch of a column one of this value.  Returns false if a change of
 * such a row is being committed.
 */
bool
cs_track_watch_word(CsWatch *watch, uint32 word)
{
	uint64		now = cs_watchword_read(word);

	pg_memory_barrier();
	watch->word = word;
	watch->word_version = cs_stripe_version(now);
	return cs_stripe_writers(now) == 0;
}

/*
 * Note that a result was used, so that its column stays watched.
 */
void
cs_track_use(const CsWatch *watch)
{
	if (watch->place != 0)
		cs_place_use(watch->slot, watch->nplace, cs_clock_now());
}

/*
 * Whether the table has not changed since.  Takes no lock; called for hits,
 * and under partition locks.
 */
bool
cs_track_stands(const CsWatch *watch)
{
	if (cs_slot_epoch(cs_slot_peek(watch->slot)) != watch->epoch)
		return false;
	if (watch->place == 0)
		return cs_stripe_version(cs_slot_modcount(watch->slot)) == watch->version;
	return cs_place_read(watch->slot, watch->nplace) == watch->place &&
		cs_stripe_version(cs_place_whole(watch->slot)) == watch->version &&
		(watch->word == CS_NO_WORD ||
		 cs_stripe_version(cs_watchword_read(watch->word)) == watch->word_version);
}

/*
 * Why the watch does not stand, for the counters.
 */
CsFall
cs_track_fall(const CsWatch *watch)
{
	if (cs_track_stands(watch))
		return CS_FALL_NONE;
	if (cs_slot_epoch(cs_slot_peek(watch->slot)) != watch->epoch)
		return CS_FALL_WHOLE;
	if (watch->place == 0)
		return CS_FALL_TABLE;
	if (cs_place_read(watch->slot, watch->nplace) != watch->place ||
		cs_stripe_version(cs_place_whole(watch->slot)) != watch->version)
		return CS_FALL_WHOLE;
	return CS_FALL_VALUE;
}

/*
 * Newest xid that has prepared a change of the table.
 */
uint64
cs_track_prepared_xid(const CsWatch *watch)
{
	uint64		xid = cs_slot_prepared_xid(watch->slot);

	if (watch->place == 0)
		return Max(xid, cs_slot_modcount_prepared_xid(watch->slot));
	xid = Max(xid, cs_place_whole_prepared_xid(watch->slot));
	xid = Max(xid, watch->unsettled);
	if (watch->word != CS_NO_WORD)
		xid = Max(xid, cs_watchword_prepared_xid(watch->word));
	return xid;
}

/*
 * Newest xid that has changed the table up to now; 64 bits.
 */
uint64
cs_track_last_xid(const CsWatch *watch)
{
	uint64		xid;

	if (watch->place == 0)
		return cs_slot_last_xid(watch->slot);
	xid = Max(cs_place_whole_last_xid(watch->slot), watch->since);
	if (watch->word != CS_NO_WORD)
		xid = Max(xid, cs_watchword_last_xid(watch->word));
	return xid;
}

/*
 * Whether this transaction, which has an xid, may have changed the table.
 *
 * Triggers may not have been fired yet, so the lock decides.  It counts on any
 * part of the table, since a writer that names a partition locks nothing else.
 */
static bool
is_own(Oid relid)
{
	Watched    *entry;
	int			slot;

	slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);
	if (slot >= 0 && cs_xact_has_table(slot))
		return true;
	entry = list_tree(relid);
	return entry == NULL || cs_tree_is_locked(&entry->tree, RowExclusiveLock);
}

/*
 * The first of these tables that this transaction may have changed itself;
 * InvalidOid if there is none.
 */
Oid
cs_track_own(const Oid *tables, int ntables)
{
	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return InvalidOid;
	for (int i = 0; i < ntables; i++)
		if (is_own(tables[i]))
			return tables[i];
	return InvalidOid;
}
