/*-------------------------------------------------------------------------
 *
 * track.c
 *		Has anything changed in a table?
 *
 * A table's slot has a word, the modification counter, that every transaction
 * marks at PRE_COMMIT if it has changed the table.  Triggers note that, for
 * the relation whose row they see and for the partitioned tables above it;
 * TRUNCATE and DDL come through ddl.c, as for attached tables.
 *
 * For this no table needs a slot before somebody watches it: a writer notes the
 * slots that there are.  Whoever makes one has to wait until those writers have
 * ended, which its prepared_xid does (slot.c).
 *
 * A session keeps, for each relation that its triggers were fired for, the
 * slots to note, as of a generation of the directory; and for each one that it
 * has watched, its partitions.  Both go when the relcache says that they may
 * be outdated.
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
#include "store/slot.h"
#include "store/stripe.h"
#include "testpoint.h"
#include "xact/xact.h"

/* A table whose triggers are not in force is not looked at again before. */
#define LOOK_AGAIN_MS	500

/* A table that changes all the time under our eyes is given up. */
#define MAX_LOOKS		5

/* A relation that triggers were fired for. */
typedef struct Noted
{
	Oid			relid;			/* hash key */
	bool		valid;			/* what is above is as it was */
	int			n;				/* itself, and the partitioned tables above */
	Oid		   *relids;
	uint64		generation;		/* of the directory that this is of: */
	int		   *slots;			/* -1: none */
} Noted;

/* A table that was watched. */
typedef struct Watched
{
	Oid			relid;			/* hash key */
	bool		outdated;		/* the tree is not as it was */
	MemoryContext context;		/* of the tree; NULL: not listed yet */
	CsTree		tree;
	CsTracking	refused;		/* if not YES: do not look again ... */
	TimestampTz refused_until;	/* ... before this time */
} Watched;

static HTAB *noted;
static HTAB *watched;
static bool stale_entries = false;

/* What this transaction has noted last: repeating it would change nothing. */
static const Noted *noted_last;
static uint64 noted_generation;

/* ----- what a session knows ----- */

static HTAB *
make_table(const char *name, Size size)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = size};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS);
}

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
	}
	entry->relids = NULL;
}

/* Some may be of tables that are gone; nobody up the stack can have them now. */
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

/* The catalogue may change while it is read, which makes the entry invalid. */
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
	entry->relids[entry->n++] = RelationGetRelid(rel);
	foreach(lc, above)
		entry->relids[entry->n++] = lfirst_oid(lc);
	entry->generation = PG_UINT64_MAX;
	list_free(above);
}

/* The generation is read first, so a slot that is missed makes it differ. */
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
 * A trigger has seen a change of this relation.
 *
 * Called for every row, so what it has just done it does not do again.
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

/* ----- watching ----- */

/* The entry, with the tree as it is now; NULL: there is no such table. */
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

/* Not now; and not again with every watch. */
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
 * What this transaction has done to the table itself is not known to others yet,
 * and may be undone.
 */
static bool
may_look(const Watched *entry)
{
	if (IsInParallelMode())
		return false;
	return !TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		!cs_tree_is_locked(&entry->tree, RowExclusiveLock);
}

/* Nobody gets a slot for a table that is not tracked. */
static int
find_slot(Watched *entry, CsTracking *why)
{
	int			slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, entry->relid);
	CsSlotDenial denial;
	CsInForce	found;

	*why = CS_TRACKING_BLIND;
	if (slot >= 0 || !may_look(entry))
		return slot;
	found = cs_triggers_look(&entry->tree, NULL, &entry->outdated);
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

/* Once more, if the table has changed or its slot has gone meanwhile. */
#define LOOK_AGAIN		((CsTracking) -1)

/*
 * The word is read before the triggers are looked at: DDL that marks the slot in
 * between makes the flag fail.  While it was not set, changes may have gone
 * unmarked.
 */
static CsTracking
activate(Watched *entry, int slot, uint64 word)
{
	CsInForce	found;

	CS_TEST_POINT("before_look");
	found = cs_triggers_look(&entry->tree, NULL, &entry->outdated);
	if (entry->outdated)
		return LOOK_AGAIN;
	if (found != CS_IN_FORCE)
		return refuse(entry, found);
	CS_TEST_POINT("after_look");
	cs_slot_distrust_last_xid(slot);
	return cs_slot_activate(slot, word, CS_SLOT_TRACKED) ? CS_TRACKING_YES : LOOK_AGAIN;
}

static CsTracking
watch_once(Watched *entry, CsWatch *watch)
{
	CsTracking	result;
	int			slot = find_slot(entry, &result);
	uint64		word;
	uint64		modcount;

	if (slot < 0)
		return entry->outdated ? LOOK_AGAIN : result;
	CS_TEST_POINT("watch_slot");
	word = cs_slot_read(slot);
	/* it may have gone to another table, whose changes it would tell us */
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
	modcount = cs_slot_modcount(slot);
	pg_memory_barrier();
	if (cs_stripe_writers(modcount) != 0)
		return CS_TRACKING_WRITERS;
	*watch = (CsWatch)
	{
		.relid = entry->relid,
			.slot = slot,
			.epoch = cs_slot_epoch(word),
			.version = cs_stripe_version(modcount)
	};
	return CS_TRACKING_YES;
}

/*
 * Look at a table (or partitioned table, with all of its partitions), before
 * the snapshot under which it will be read is taken.  Full barrier.
 *
 * That the flag is set means that whatever DDL has moved the epoch to where it
 * is has broadcast its invalidations; here they are taken in.
 */
CsTracking
cs_track_watch(Oid relid, CsWatch *watch)
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
		result = watch_once(entry, watch);
		AcceptInvalidationMessages();
	}
	return result == LOOK_AGAIN ? CS_TRACKING_BLIND : result;
}

/*
 * Is it still as it was?  Takes no lock: for hits, and under partition locks.
 */
bool
cs_track_stands(const CsWatch *watch)
{
	return cs_slot_epoch(cs_slot_peek(watch->slot)) == watch->epoch &&
		cs_stripe_version(cs_slot_modcount(watch->slot)) == watch->version;
}

/*
 * The newest xid that a change of it was prepared with.
 */
uint64
cs_track_prepared_xid(const CsWatch *watch)
{
	return Max(cs_slot_prepared_xid(watch->slot), cs_slot_modcount_prepared_xid(watch->slot));
}

/*
 * The newest xid that has changed it, as of now; 64 bits.
 */
uint64
cs_track_last_xid(const CsWatch *watch)
{
	return cs_slot_last_xid(watch->slot);
}

/*
 * May this transaction have changed it itself?
 *
 * Triggers may not have been fired yet, so the lock counts: on any part, as a
 * writer who names a partition locks nothing else.
 */
bool
cs_track_is_own(Oid relid)
{
	Watched    *entry;
	int			slot;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	slot = cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, relid);
	if (slot >= 0 && cs_xact_has_table(slot))
		return true;
	entry = list_tree(relid);
	return entry == NULL || cs_tree_is_locked(&entry->tree, RowExclusiveLock);
}
