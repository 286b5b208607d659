/*-------------------------------------------------------------------------
 *
 * slot.c
 *		Slots: one shared record for each table or space that owns entries, or
 *		did.
 *
 * A slot is made by whoever first needs it, reader or writer: a writer that
 * had none could not mark the table, and a reader that made one afterwards
 * would not know that a change is under way.  When there was none to be had,
 * or slots were dropped wholesale, "lost" is set and every slot made from then
 * on is young: nothing is filled until all transactions of that time have
 * ended, or somebody has found that nobody is writing to the table
 * (cs_slot_settle).
 *
 * The modification counter is different: a writer that finds no slot goes on
 * without one, so that tables of which nobody keeps results need none.  Every
 * new slot starts with the highest prepared xid and last_xid of that word at
 * the newest xid: results are kept from when all transactions have ended that
 * may have looked for it in vain.
 *
 * The directory (database, kind, object) -> number is a shared hash table under
 * the slots lock.
 *
 * A slot counts for the role that owns the object, as of when it was last made
 * sure of, and a role that is no superuser has a limited share: nobody can keep
 * the others out by attaching tables.
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
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"

#define ONE_WRITER	(UINT64CONST(1) << CS_SLOT_WRITERS_SHIFT)
#define ONE_EPOCH	(UINT64CONST(1) << CS_SLOT_EPOCH_SHIFT)

/* A key of the directory: no padding */
typedef struct SlotName
{
	Oid			database;
	uint32		kind;			/* CsSlotKind */
	Oid			object;
} SlotName;

typedef struct CsSharedSlot
{
	pg_atomic_uint64 word;		/* see slot.h; never reset */
	pg_atomic_uint64 prepared_xid;	/* only grows */
	pg_atomic_uint64 young;		/* see slot.h */
	SlotName	name;			/* slots lock; object InvalidOid: free */
	Oid			role;			/* slots lock; whom it counts for */
	char		pad[PG_CACHE_LINE_SIZE - 3 * sizeof(pg_atomic_uint64) - sizeof(SlotName) -
					sizeof(Oid)];

	/* written by every transaction that changes the table */
	pg_atomic_uint64 modcount;	/* see slot.h; never reset */
	pg_atomic_uint64 modcount_prepared_xid; /* only grows, like the next */
	pg_atomic_uint64 last_xid;
	char		pad2[PG_CACHE_LINE_SIZE - 3 * sizeof(pg_atomic_uint64)];
} CsSharedSlot;

/* What is written to the log, and not more often than once in SAY_MS. */
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
	LWLock	   *lock;			/* set once */
	pg_atomic_uint64 generation;	/* moves when a slot is given out or taken
									 * back */
	pg_atomic_uint64 said[N_SAYINGS];	/* when the log was told, last */
	bool		lost;			/* slots lock */
	int			used;			/* slots lock; how many are not free */
	int			search;			/* slots lock; where to look for a free one */
	CsSharedSlot slot[FLEXIBLE_ARRAY_MEMBER];
} CsSharedSlots;

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

/* The newest xid that there can be a change of by now. */
static uint64
newest_xid(void)
{
	return U64FromFullTransactionId(CsTransamVariables->nextXid) - 1;
}

/* Under the exclusive lock: a free slot for this object, or -1. */
static int
take_free_slot(const SlotName *name, Oid role)
{
	for (int n = 0; n < cs_max_tables; n++)
	{
		int			i = (slots->search + n) % cs_max_tables;
		CsSharedSlot *slot = &slots->slot[i];

		if (OidIsValid(slot->name.object))
			continue;
		slots->search = (i + 1) % cs_max_tables;
		slots->used++;
		slot->name = *name;
		slot->role = role;
		pg_atomic_fetch_add_u64(&slots->generation, 1);
		cs_counters_reset(i);
		cs_store_reset_evictions((uint32) i);
		cs_store_guard((uint32) i, name->kind != CS_SLOT_TABLE);
		cs_slot_taken_hook(i);
		/* after the generation has moved, which is what writers look at */
		cs_slot_prepared_modcount(i, newest_xid());
		cs_slot_distrust_last_xid(i);
		pg_atomic_write_u64(&slot->young, slots->lost ? newest_xid() : 0);
		return i;
	}
	return -1;
}

static int
share_of_role(void)
{
	return cs_max_tables_per_role < 0 ? Max(cs_max_tables / 2, 1) : cs_max_tables_per_role;
}

/* Under the lock. */
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

/* Under the exclusive lock. */
static int
enter_slot(const SlotName *name, Oid role)
{
	SlotEntry  *entry;
	bool		found;
	int			result = take_free_slot(name, role);

	if (result < 0)
		return -1;
	/* a fixed-size table with as many elements as there are slots */
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

static int
find_slot(const SlotName *name, Oid *role)
{
	SlotEntry  *entry = hash_search(directory, name, HASH_FIND, NULL);

	if (entry == NULL)
		return -1;
	*role = slots->slot[entry->slot].role;
	return entry->slot;
}

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

/* Has it not been said for a while? */
static bool
may_say(Saying what)
{
	uint64		now = (uint64) GetCurrentTimestamp();
	uint64		last = pg_atomic_read_u64(&slots->said[what]);

	return now - last >= SAY_MS * UINT64CONST(1000) &&
		pg_atomic_compare_exchange_u64(&slots->said[what], &last, now);
}

/* A session that is denied one goes on without a word to its client. */
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
		slots->slot[result].role = role;	/* it has another owner since */
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

CsSlotDenial
cs_slot_denies(Oid role, bool limited)
{
	CsSlotDenial denial;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	denial = denial_of(role, limited);
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return denial;
}

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

int
cs_slot_used(void)
{
	int			used;

	cs_lock_acquire(slots->lock, CS_RANK_SLOTS, LW_SHARED);
	used = slots->used;
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
	return used;
}

/* Every free slot has no flags, and its entries are of an earlier epoch. */
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
 * DROP DATABASE tells us before it has made sure that nobody is connected, so
 * it may yet fail with writers under way: hence "lost".
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
		/* keys may be staged there; space.c gives these back at COMMIT */
		if (slots->slot[i].name.kind != CS_SLOT_TABLE)
			continue;
		/* these are not to be lost; cs_slot_purge_database() is told for sure */
		cs_store_usage((uint32) i, &usage);
		if (usage.dirty_entries > 0)
			continue;
		free_slot(i);
		slots->lost = true;
	}
	cs_lock_release(slots->lock, CS_RANK_SLOTS);
}

static CsAlter
remove_entry(char *value, Size len, void *arg)
{
	return CS_ALTER_REMOVE;
}

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

Oid
cs_slot_relation(int slot, Oid *database)
{
	CsSlotKind	kind;
	Oid			object = cs_slot_name(slot, database, &kind);

	return kind == CS_SLOT_TABLE ? object : InvalidOid;
}

uint64
cs_slot_generation(void)
{
	uint64		generation = pg_atomic_read_u64(&slots->generation);

	pg_read_barrier();
	return generation;
}

uint64
cs_slot_peek(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].word);
}

uint64
cs_slot_read(int slot)
{
	uint64		word = cs_slot_peek(slot);

	pg_memory_barrier();
	return word;
}

uint64
cs_slot_prepared_xid(int slot)
{
	return Max(pg_atomic_read_u64(&slots->slot[slot].prepared_xid), cs_slot_young(slot));
}

uint64
cs_slot_young(int slot)
{
	return pg_atomic_read_u64(&slots->slot[slot].young);
}

/*
 * Under the lock that giving a slot back takes, so that it cannot be made anew in
 * between.  Whoever finds it no longer young finds the epoch moved, too.
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

void
cs_slot_unmark(int slot)
{
	uint64		before PG_USED_FOR_ASSERTS_ONLY;

	before = pg_atomic_fetch_sub_u64(&slots->slot[slot].word, ONE_WRITER);
	Assert(cs_slot_writers(before) > 0);
}

void
cs_slot_bump(int slot)
{
	uint64		word = pg_atomic_add_fetch_u64(&slots->slot[slot].word, ONE_EPOCH);

	cs_store_outdate((uint32) slot, cs_slot_epoch(word));
}

void
cs_slot_prepared(int slot, uint64 xid)
{
	cs_atomic_max(&slots->slot[slot].prepared_xid, xid);
}

/* That somebody has set the other flag meanwhile does not matter. */
bool
cs_slot_activate(int slot, uint64 word, int flag)
{
	uint64		now = word;

	do
	{
		if ((now & ~(uint64) CS_SLOT_STATE) != (word & ~(uint64) CS_SLOT_STATE))
			return false;
	} while (!pg_atomic_compare_exchange_u64(&slots->slot[slot].word, &now, now | flag));
	return true;
}

/* ----- changes of any kind ----- */

#define ONE_CHANGE	(UINT64CONST(1) << CS_STRIPE_WRITERS_BITS)

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

void
cs_slot_raise_last_xid(int slot, uint64 xid)
{
	cs_atomic_max(&slots->slot[slot].last_xid, xid);
}

/* Changes that nobody has marked may have been made up to now. */
void
cs_slot_distrust_last_xid(int slot)
{
	cs_slot_raise_last_xid(slot, newest_xid());
}

void
cs_slot_mark_modcount(int slot)
{
	pg_atomic_fetch_add_u64(&slots->slot[slot].modcount, ONE_CHANGE + 1);
}

void
cs_slot_unmark_modcount(int slot)
{
	uint64		before PG_USED_FOR_ASSERTS_ONLY;

	before = pg_atomic_fetch_sub_u64(&slots->slot[slot].modcount, 1);
	Assert(cs_stripe_writers(before) > 0);
}

void
cs_slot_prepared_modcount(int slot, uint64 xid)
{
	cs_atomic_max(&slots->slot[slot].modcount_prepared_xid, xid);
}
