/*-------------------------------------------------------------------------
 *
 * slot.c
 *		Slots: one shared record for each table or space that owns entries, or
 *		did.
 *
 * A slot is made by the first reader or writer that needs it.  A writer must
 * make it: without a slot it could not mark the table, and a reader that made
 * the slot afterwards would not know of the change in progress.  When a slot
 * was denied, or slots were dropped wholesale, "lost" is set, and every slot
 * made from then on is young: nothing is filled until all transactions of that
 * time have ended, or until a backend has established that no writer of the
 * table is left (cs_slot_settle).
 *
 * The modification counter does not need that.  A writer that finds no slot
 * goes on without one, so tables without kept results need no slot.  In every
 * new slot the counter's prepared_xid and last_xid start at the newest xid, so
 * results are kept only after all transactions have ended that may have looked
 * for the slot in vain.
 *
 * The directory, which maps (database, kind, object) to a slot number, is a
 * shared hash table protected by the slots lock.
 *
 * A slot counts for the role that owned the object when the slot was last
 * requested.  The number of slots of a role that is no superuser is limited,
 * so that one role cannot exhaust them by attaching tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "store/atomicmax.h"
#include "store/counters.h"
#include "store/lock.h"
#include "store/miniature.h"
#include "store/place.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"

#define ONE_WRITER	(UINT64CONST(1) << CS_SLOT_WRITERS_SHIFT)
#define ONE_EPOCH	(UINT64CONST(1) << CS_SLOT_EPOCH_SHIFT)

/* Key of the directory.  Contains no padding, since it is hashed as bytes. */
typedef struct SlotName
{
	Oid			database;
	uint32		kind;			/* CsSlotKind */
	Oid			object;
} SlotName;

typedef struct CsSharedSlot
{
	pg_atomic_uint64 word;		/* atomic; see slot.h; never reset */
	pg_atomic_uint64 prepared_xid;	/* atomic; only grows */
	pg_atomic_uint64 young;		/* atomic; see slot.h */
	SlotName	name;			/* slots lock; free if object is InvalidOid */
	Oid			role;			/* slots lock; the role it counts for */
	char		pad[PG_CACHE_LINE_SIZE - 3 * sizeof(pg_atomic_uint64) - sizeof(SlotName) -
					sizeof(Oid)];

	/*
	 * In a cache line of its own: written by each transaction that changes
	 * the table
	 */
	pg_atomic_uint64 modcount;	/* atomic; see slot.h; never reset */
	pg_atomic_uint64 modcount_prepared_xid; /* atomic; only grows */
	pg_atomic_uint64 last_xid;	/* atomic; only grows */
	char		pad2[PG_CACHE_LINE_SIZE - 3 * sizeof(pg_atomic_uint64)];
} CsSharedSlot;

/* Messages to the server log, each written at most once in SAY_MS. */
typedef enum Saying
{
	SAY_ALL_USED,
	SAY_SHARE_USED,
	SAY_NEARLY_USED,
	N_SAYINGS
} Saying;

#define SAY_MS	60000

typedef struct CsSharedSlots
{
	LWLock	   *lock;			/* set once, at server start; the slots lock */
	pg_atomic_uint64 generation;	/* atomic; moves when a slot is assigned
									 * or freed */
	pg_atomic_uint64 said[N_SAYINGS];	/* atomic; time of the last message */
	bool		lost;			/* slots lock; see the head of this file */
	int			used;			/* slots lock; number of slots that are not
								 * free */
	int			search;			/* slots lock; where the search for a free one
								 * starts */
	CsSharedSlot slot[FLEXIBLE_ARRAY_MEMBER];
} CsSharedSlots;

/* In the directory, so all of it under the slots lock. */
typedef struct SlotEntry
{
	SlotName	name;
	int			slot;
} SlotEntry;

void		(*cs_slot_taken_hook) (int slot) = NULL;

static CsSharedSlots *slots;
static HTAB *directory;

static Size
slots_size(void)
{
	return add_size(offsetof(CsSharedSlots, slot) + PG_CACHE_LINE_SIZE,
					mul_size(cs_max_tables, sizeof(CsSharedSlot)));
}

Size
cs_slot_shmem_size(void)
{
	return add_size(slots_size(),
					hash_estimate_size(cs_max_tables, sizeof(SlotEntry)));
}

void
cs_slot_shmem_request(void)
{
	RequestNamedLWLockTranche("cache_strategies_slots", 1);
}

void
cs_slot_shmem_init(void)
{
	HASHCTL		ctl = {.keysize = sizeof(SlotName),.entrysize = sizeof(SlotEntry)};
	bool		found;

	slots = ShmemInitStruct("cache_strategies slots", slots_size(), &found);
	directory = ShmemInitHash("cache_strategies slot directory",
							  cs_max_tables, cs_max_tables, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	if (found)
		return;
	memset(slots, 0, slots_size());
	slots->lock = &GetNamedLWLockTranche("cache_strategies_slots")->lock;
	pg_atomic_init_u64(&slots->generation, 0);
	for (int i = 0; i < N_SAYINGS; i++)
		pg_atomic_init_u64(&slots->said[i], 0);
	for (int i = 0; i < cs_max_tables; i++)
	{
		pg_atomic_init_u64(&slots->slot[i].word, 0);
		pg_atomic_init_u64(&slots->slot[i].prepared_xid, 0);
		pg_atomic_init_u64(&slots->slot[i].young, 0);
		pg_atomic_init_u64(&slots->slot[i].modcount, 0);
		pg_atomic_init_u64(&slots->slot[i].modcount_prepared_xid, 0);
		pg_atomic_init_u64(&slots->slot[i].last_xid, 0);
	}
}

/* The newest xid that can have made a change by now. */
static uint64
newest_xid(void)
{
	return U64FromFullTransactionId(CsTransamVariables->nextXid) - 1;
}

/*
 * The next free slot, or -1.  One without entries is preferred: dead entries
 * of a table that is gone count as the new one's until they are evicted.
 */
static int
find_free_slot(void)
{
	int			free = -1;

	for (int n = 0; n < cs_max_tables; n++)
	{
		int			i = (slots->search + n) % cs_max_tables;

		if (OidIsValid(slots->slot[i].name.object))
			continue;
		if (cs_store_entries((uint32) i) == 0)
			return i;
		if (free < 0)
			free = i;
	}
	return free;
}

/*
 * Assign a free slot to an object; returns -1 if there is none.  The caller
 * holds the slots lock exclusively.
 */
static int
take_free_slot(const SlotName *name, Oid role)
{
	int			i = find_free_slot();
	CsSharedSlot *slot;

	if (i < 0)
		return -1;
	slot = &slots->slot[i];
	slots->search = (i + 1) % cs_max_tables;
	slots->used++;
	slot->name = *name;
	slot->role = role;
	pg_atomic_fetch_add_u64(&slots->generation, 1);
	cs_counters_begin(i);
	cs_miniature_reset((uint32) i);
	cs_store_reset_evictions((uint32) i);
	cs_store_guard((uint32) i, name->kind != CS_SLOT_TABLE);
	cs_slot_taken_hook(i);
	/* after moving the generation, which is what writers look at */
	cs_slot_prepared_modcount(i, newest_xid());
	cs_slot_distrust_last_xid(i);
	cs_place_reset(i, newest_xid());
	pg_atomic_write_u64(&slot->young, slots->lost ? newest_xid() : 0);
	return i;
}

static int
share_of_role(void)
{
	return cs_max_tables_per_role < 0 ? Max(cs_max_tables / 2, 1) : cs_max_tables_per_role;
}

/*
 * Whether a further object of this role would be denied a slot.  The caller
 * holds the slots lock, in either mode.
 */
static CsSlotDenial
denial_of(Oid role, bool limited)
{
	int			share = share_of_role();
	int			n = 0;

	if (slots->used >= cs_max_tables)
		return CS_SLOT_ALL_USED;
	if (!limited || slots->used < share)
		return CS_SLOT_GRANTED;
	for (int i = 0; i < cs_max_tables && n < share; i++)
		n += OidIsValid(slots->slot[i].name.object) && slots->slot[i].role == role;
	return n < share ? CS_SLOT_GRANTED : CS_SLOT_SHARE_USED;
}

/*
 * Assign a slot and enter it into the directory; returns -1 if that is not
 * possible.  The caller holds the slots lock exclusively.
 */
static int
enter_slot(const SlotName *name, Oid role)
{
	SlotEntry  *entry;
	bool		found;
	int			result = take_free_slot(name, role);

	if (result < 0)
		return -1;
	/* the table has a fixed size of as many elements as there are slots */
	entry = hash_search(directory, name, HASH_ENTER_NULL, &found);
	if (entry != NULL)
	{
		entry->slot = result;
		return result;
	}
	slots->slot[result].name.object = InvalidOid;
	slots->used--;
	return -1;
}

/*
 * Look up a slot and the role that it counts for.  The caller holds the slots
 * lock, in either mode.
 */
static int
find_slot(const SlotName *name, Oid *role)
{
	SlotEntry  *entry = hash_search(directory, name, HASH_FIND, NULL);

	if (entry == NULL)
		return -1;
	*role = slots->slot[entry->slot].role;
	return entry->slot;
}

/*
 * Slot of an object, or -1 if it has none.
 */
int
cs_slot_find(Oid database, CsSlotKind kind, Oid object)
{
	SlotName	name = {database, kind, object};
	Oid			role;
	int			result;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	result = find_slot(&name, &role);
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return result;
}

/* Claim the right to write this message: it was not written within SAY_MS. */
static bool
may_say(Saying what)
{
	uint64		now = (uint64) GetCurrentTimestamp();
	uint64		last = pg_atomic_read_u64(&slots->said[what]);

	return now - last >= SAY_MS * UINT64CONST(1000) &&
		pg_atomic_compare_exchange_u64(&slots->said[what], &last, now);
}

/*
 * Report a shortage of slots in the server log.  The client of a session that
 * is denied one is told nothing, since the session continues without it.
 */
static void
tell_log(CsSlotDenial denial, int used)
{
	if (denial == CS_SLOT_ALL_USED && may_say(SAY_ALL_USED))
		ereport(LOG,
				(errmsg("all %d of cache_strategies.max_tables are in use", cs_max_tables),
				 errdetail("Further tables are not cached, and their writes are not deferred; keys of further spaces cannot be set."),
				 errhint("Raise cache_strategies.max_tables, or detach tables.")));
	else if (denial == CS_SLOT_SHARE_USED && may_say(SAY_SHARE_USED))
		ereport(LOG,
				(errmsg("a role has used up its share of cache_strategies.max_tables, which is %d",
						share_of_role()),
				 errdetail("Further tables of the role are not cached, and their writes are not deferred; keys of further spaces cannot be set."),
				 errhint("Raise cache_strategies.max_tables_per_role, or detach tables.")));
	else if (denial == CS_SLOT_GRANTED && used > 0 && cs_max_tables >= 10 &&
			 cs_max_tables - used == cs_max_tables / 10 && may_say(SAY_NEARLY_USED))
		ereport(LOG,
				(errmsg("%d of %d of cache_strategies.max_tables are in use", used, cs_max_tables)));
}

/*
 * Find the slot of an object, or make one that counts for 'role'.
 *
 * Returns -1 if it cannot have one, and the reason in *denial.  If 'limited',
 * the role may have no more than its share.  Entries of a space are guarded,
 * see cs_store_guard().  May write to the server log; must not be called while
 * an LWLock is held.
 */
int
cs_slot_make(Oid database, CsSlotKind kind, Oid object, Oid role, bool limited,
			 CsSlotDenial *denial)
{
	SlotName	name = {database, kind, object};
	Oid			counts_for = InvalidOid;
	int			used;
	int			result;

	*denial = CS_SLOT_GRANTED;
	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	result = find_slot(&name, &counts_for);
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	if (result >= 0 && counts_for == role)
		return result;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_EXCLUSIVE);
	result = find_slot(&name, &counts_for);
	used = 0;
	if (result >= 0)
		slots->slot[result].role = role;	/* the object has changed owner */
	else
	{
		*denial = denial_of(role, limited);
		if (*denial == CS_SLOT_GRANTED)
			result = enter_slot(&name, role);
		if (result < 0)
			slots->lost = true;
		if (result < 0 && *denial == CS_SLOT_GRANTED)
			*denial = CS_SLOT_ALL_USED;
		used = slots->used;
	}
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	tell_log(*denial, used);
	return result;
}

/*
 * Whether an object of this role would be denied a slot now.
 */
CsSlotDenial
cs_slot_denies(Oid role, bool limited)
{
	CsSlotDenial denial;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	denial = denial_of(role, limited);
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return denial;
}

/*
 * A denial as part of a message, and as a sentence for errdetail().
 */
const char *
cs_slot_denial_text(CsSlotDenial denial)
{
	return denial == CS_SLOT_SHARE_USED ?
		"its owner has used up its share of cache_strategies.max_tables" :
		"all of cache_strategies.max_tables are in use";
}

const char *
cs_slot_denial_detail(CsSlotDenial denial)
{
	return denial == CS_SLOT_SHARE_USED ?
		"Its owner has used up its share of cache_strategies.max_tables." :
		"All of cache_strategies.max_tables are in use.";
}

/* Number of slots in use, of cache_strategies.max_tables. */
int
cs_slot_used(void)
{
	int			used;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	used = slots->used;
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return used;
}

/*
 * Free a slot.  The caller holds the slots lock exclusively.  Afterwards its
 * state has no flags, and its entries belong to an earlier epoch.
 */
static void
free_slot(int i)
{
	SlotName   *name = &slots->slot[i].name;

	cs_slot_mark(i, true);
	cs_slot_unmark(i);
	cs_store_guard((uint32) i, false);
	hash_search(directory, name, HASH_REMOVE, NULL);
	name->object = InvalidOid;
	name->database = InvalidOid;
	slots->used--;
	pg_atomic_fetch_add_u64(&slots->generation, 1);
}

/* Free the slot, if it still belongs to this object.  Does not throw. */
void
cs_slot_release(int slot, Oid database, CsSlotKind kind, Oid object)
{
	const SlotName *name = &slots->slot[slot].name;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_EXCLUSIVE);
	if (name->database == database && name->kind == kind && name->object == object)
		free_slot(slot);
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
}

/*
 * Free the slots of a database's tables.
 *
 * DROP DATABASE calls this before it has checked that no session is connected,
 * so it may yet fail while writers are active.  Therefore "lost" is set.
 */
void
cs_slot_drop_database(Oid database)
{
	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_EXCLUSIVE);
	for (int i = 0; i < cs_max_tables; i++)
	{
		CsUsage		usage;

		if (!OidIsValid(slots->slot[i].name.object) ||
			slots->slot[i].name.database != database)
			continue;
		/* keys may be staged in a space; space.c frees its slot at COMMIT */
		if (slots->slot[i].name.kind != CS_SLOT_TABLE)
			continue;
		/* dirty entries must survive until cs_slot_purge_database() */
		cs_store_usage((uint32) i, &usage);
		if (usage.dirty_entries > 0)
			continue;
		free_slot(i);
		slots->lost = true;
	}
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
}

/*
 * Callback of cs_store_alter_all() that removes each entry.
 */
static CsAlter
remove_entry(char *value, Size len, void *arg)
{
	return CS_ALTER_REMOVE;
}

/* Free the slots of a database that is gone, along with its dirty entries. */
void
cs_slot_purge_database(Oid database)
{
	for (int i = 0; i < cs_max_tables; i++)
	{
		Oid			owner;

		if (!OidIsValid(cs_slot_relation(i, &owner)) || owner != database)
			continue;
		cs_store_alter_all((uint32) i, remove_entry, NULL);
	}
	cs_slot_drop_database(database);
}

/*
 * Collect the slots of the tables of a database, or of all databases if it is
 * InvalidOid.  The array must have room for cache_strategies.max_tables
 * numbers. Returns how many were stored.
 */
int
cs_slot_list(Oid database, int *numbers)
{
	int			n = 0;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	for (int i = 0; i < cs_max_tables; i++)
	{
		const SlotName *name = &slots->slot[i].name;

		if (OidIsValid(name->object) && name->kind == CS_SLOT_TABLE &&
			(!OidIsValid(database) || name->database == database))
			numbers[n++] = i;
	}
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return n;
}

/*
 * Object that a slot belongs to, with its database and kind.  Returns
 * InvalidOid if the slot is free.
 */
Oid
cs_slot_name(int slot, Oid *database, CsSlotKind *kind)
{
	SlotName	name;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	name = slots->slot[slot].name;
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	*database = name.database;
	*kind = (CsSlotKind) name.kind;
	return name.object;
}

/*
 * Table that a slot belongs to; InvalidOid if the slot is free or belongs to a
 * space.
 */
Oid
cs_slot_relation(int slot, Oid *database)
{
	CsSlotKind	kind;
	Oid			object = cs_slot_name(slot, database, &kind);

	return kind == CS_SLOT_TABLE ? object : InvalidOid;
}

/*
 * Generation of the directory, which moves whenever an object gets or loses a
 * slot.  Includes a read barrier.
 */
uint64
cs_slot_generation(void)
{
	uint64		generation = pg_atomic_read_u64(&slots->generation);

	pg_read_barrier();
	return generation;
}

/*
 * The slot's word, without a barrier.  For hits.
 */
uint64
cs_slot_peek(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].word);
}

/*
 * The slot's word.  Includes a full barrier, for a caller that takes a
 * snapshot next.
 */
uint64
cs_slot_read(int slot)
{
	uint64		word = cs_slot_peek(slot);

	pg_memory_barrier();
	return word;
}

/*
 * The newest xid that a filler must see as ended before it may fill; at least
 * cs_slot_young().
 */
uint64
cs_slot_prepared_xid(int slot)
{
	return Max(pg_atomic_read_u64(&slots->slot[slot].prepared_xid), cs_slot_young(slot));
}

/*
 * The newest xid that may belong to a writer without this slot; 0 if the slot
 * is not young.
 */
uint64
cs_slot_young(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].young);
}

/*
 * Record that no writer without this slot is left.
 *
 * The caller has established that since the slot was in 'epoch'; nothing
 * happens if the slot has left it.  The epoch moves before young becomes 0, so
 * a filler that finds the slot no longer young also finds its older token
 * outdated. The slots lock keeps the slot from being freed and reassigned in
 * between.
 */
void
cs_slot_settle(int slot, uint64 epoch)
{
	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_EXCLUSIVE);
	if (cs_slot_epoch(cs_slot_read(slot)) == epoch)
	{
		cs_slot_bump(slot);
		pg_atomic_write_u64(&slots->slot[slot].young, 0);
	}
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
}

/*
 * Begin a whole-table change: writers + 1 and epoch + 1.  If 'unknown', the
 * flags of the state are cleared as well.
 */
void
cs_slot_mark(int slot, bool unknown)
{
	pg_atomic_uint64 *word = &slots->slot[slot].word;
	uint64		old = pg_atomic_read_u64(word);
	uint64		new;

	do
	{
		new = old + ONE_EPOCH + ONE_WRITER;
		if (unknown)
			new &= ~(uint64) CS_SLOT_STATE;
	} while (!pg_atomic_compare_exchange_u64(word, &old, new));
	cs_store_outdate((uint32) slot, cs_slot_epoch(new));
}

/*
 * End a whole-table change that cs_slot_mark() began.
 */
void
cs_slot_unmark(int slot)
{
	uint64		before PG_USED_FOR_ASSERTS_ONLY;

	before = pg_atomic_fetch_sub_u64(&slots->slot[slot].word, ONE_WRITER);
	Assert(cs_slot_writers(before) > 0);
}

/* Drop every entry at once: epoch + 1, without a writer. */
void
cs_slot_bump(int slot)
{
	uint64		word = pg_atomic_add_fetch_u64(&slots->slot[slot].word, ONE_EPOCH);

	cs_store_outdate((uint32) slot, cs_slot_epoch(word));
}

/*
 * Record that the transaction 'xid' has prepared a whole-table change.
 */
void
cs_slot_prepared(int slot, uint64 xid)
{
	cs_atomic_max(&slots->slot[slot].prepared_xid, xid);
}

/*
 * Set a flag of the state, unless the slot has been marked since 'word' was
 * read. A concurrent change of the other flag is no obstacle.
 */
bool
cs_slot_activate(int slot, uint64 word, int flags)
{
	uint64		now = word;

	do
	{
		if ((now & ~(uint64) CS_SLOT_STATE) != (word & ~(uint64) CS_SLOT_STATE))
			return false;
	} while (!pg_atomic_compare_exchange_u64(&slots->slot[slot].word, &now, now | flags));
	return true;
}

/*
 * Keep the slot the object's until cs_slot_unlock(), which must follow soon,
 * and other sessions from doing the same.  Returns false if it is not the
 * object's.
 */
bool
cs_slot_lock(int slot, Oid database, CsSlotKind kind, Oid object)
{
	const SlotName *name = &slots->slot[slot].name;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_EXCLUSIVE);
	if (name->database == database && name->kind == kind && name->object == object)
		return true;
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return false;
}

void
cs_slot_unlock(void)
{
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
}

/* ----- the modification counter ----- */

uint64
cs_slot_modcount(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].modcount);
}

uint64
cs_slot_modcount_prepared_xid(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].modcount_prepared_xid);
}

uint64
cs_slot_last_xid(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].last_xid);
}

/*
 * Record that the transaction 'xid' has changed the table.
 */
void
cs_slot_raise_last_xid(int slot, uint64 xid)
{
	cs_atomic_max(&slots->slot[slot].last_xid, xid);
}

/*
 * Record that transactions may have changed the table, without a mark, up to
 * now.
 */
void
cs_slot_distrust_last_xid(int slot)
{
	cs_slot_raise_last_xid(slot, newest_xid());
}

/* The same for changes whose values were not noted. */
void
cs_slot_distrust_values(int slot)
{
	cs_place_raise_whole_last_xid(slot, newest_xid());
}

/*
 * Begin a change of any kind: writers + 1 and version + 1.
 */
void
cs_slot_mark_modcount(int slot)
{
	cs_stripe_mark_word(&slots->slot[slot].modcount);
}

/*
 * End a change that cs_slot_mark_modcount() began.
 */
void
cs_slot_unmark_modcount(int slot)
{
	cs_stripe_unmark_word(&slots->slot[slot].modcount);
}

void
cs_slot_prepared_modcount(int slot, uint64 xid)
{
	cs_atomic_max(&slots->slot[slot].modcount_prepared_xid, xid);
}
