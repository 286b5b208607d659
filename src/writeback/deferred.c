/*-------------------------------------------------------------------------
 *
 * deferred.c
 *		Deferred entries: what the store has of a key that its table has not.
 *
 * A key with deferred writes has a second entry in the store beside the cached
 * row: dirty, with the row's key and another hash.  Its value is a head and
 * parts, each a delta with the state of the transaction that made it (see
 * deferred.h).  A part is added before its transaction commits, when there
 * still can be an error, and flipped from RESERVED to COMMITTED after, when
 * there cannot.
 *
 * Two kinds of change:
 *
 *		flips		in place, under the partition lock, by COMMIT and ABORT
 *					callbacks
 *		swaps		a copy is made anew in private memory and put in place of
 *					the entry if that has not changed since it was copied
 *
 * Every swap folds committed parts into one, so that an entry has a handful
 * of parts however often its row is written.  What has been folded has lost
 * its place in the order of stamps, so nothing is folded while a part may turn
 * up that has to go in between.  That is one with a whole row or a cancel among
 * any others, or any among those: see may_fold().
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

#include "store/slot.h"
#include "store/stripe.h"
#include "writeback/apply.h"
#include "writeback/deferred.h"
#include "writeback/journal.h"
#include "writeback/part.h"
#include "xact/snapshot.h"

/* Added to the hash of the row's key. */
#define HASH_SALT	UINT64CONST(0x5bd1e995a3c59ac3)

/* With so many parts that cannot be folded just now, wait a little: they can soon. */
#define MANY_PARTS		32
#define MAX_PATIENCE	500
#define PATIENCE_US		20

/* Ids are handed out to backends so many at a time. */
#define ID_BLOCK	256

StaticAssertDecl(sizeof(CsDeferredHead) % MAXIMUM_ALIGNOF == 0,
				 "parts must be aligned");
StaticAssertDecl(sizeof(CsPart) % MAXIMUM_ALIGNOF == 0,
				 "deltas must be aligned");

typedef struct CsSharedIds
{
	pg_atomic_uint64 next;
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

static void
take_apart(char *value, CsDeferred *copy)
{
	char	   *at = value + sizeof(CsDeferredHead);

	memcpy(&copy->head, value, sizeof(CsDeferredHead));
	copy->parts = palloc((copy->head.nparts + 1) * sizeof(CsPart *));
	for (uint32 i = 0; i < copy->head.nparts; i++)
	{
		copy->parts[i] = (CsPart *) at;
		at += cs_part_size(copy->parts[i]);
	}
}

/* The slot may have been another table's, which is gone with all it had. */
static bool
is_foreign(const CsBinding *binding, const CsDeferredHead *head)
{
	return head->database != MyDatabaseId || head->relation != binding->relid;
}

static void
use_value(const CsBinding *binding, char *value, CsDeferred *copy)
{
	take_apart(value, copy);
	copy->version = copy->head.version;
	if (is_foreign(binding, &copy->head))
	{
		copy->head.nparts = 0;
		copy->head.arrival = 0;
	}
}

bool
cs_deferred_copy(const CsBinding *binding, const CsKey *key, CsDeferred *copy)
{
	CsKey		mine = cs_deferred_key(key);
	CsFound		found;

	memset(copy, 0, sizeof(*copy));
	if (cs_store_lookup(&mine, accept_any, NULL, &found) != CS_LOOKUP_HIT)
		return false;
	use_value(binding, found.value, copy);
	return copy->head.nparts > 0;
}

bool
cs_deferred_has_parts(const CsDeferred *copy)
{
	for (uint32 i = 0; i < copy->head.nparts; i++)
		if (copy->parts[i]->state != CS_PART_DEAD)
			return true;
	return false;
}

/* ----- folding ----- */

/*
 * A transaction that has ended without committing is not in a snapshot either,
 * and our own changes are seen by the reads that go with this.
 */
bool
cs_deferred_sees(Snapshot snapshot, uint64 xid)
{
	TransactionId short_xid = (TransactionId) xid;

	if (xid == 0)
		return false;
	if (TransactionIdIsCurrentTransactionId(short_xid))
		return true;
	return cs_snapshot_sees(snapshot, xid) && TransactionIdDidCommit(short_xid);
}

static uint64
order_of(const CsPart *part)
{
	return part->stamp == 0 ? PG_UINT64_MAX : part->stamp;
}

static int
compare_parts(const void *a, const void *b)
{
	const CsPart *x = *(CsPart *const *) a;
	const CsPart *y = *(CsPart *const *) b;

	if (order_of(x) != order_of(y))
		return order_of(x) < order_of(y) ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* Several parts as one delta. */
void
cs_parts_fold(CsBinding *binding, CsPart **parts, int n, CsDelta *delta)
{
	memset(delta, 0, sizeof(*delta));
	qsort(parts, n, sizeof(CsPart *), compare_parts);
	for (int i = 0; i < n; i++)
	{
		CsDelta		later;

		cs_delta_decode(cs_part_delta(parts[i]), parts[i]->len, &later);
		/* in one that has been folded each column has its own */
		if (parts[i]->folded == 1 && parts[i]->stamp != 0)
			cs_delta_stamp(&later, parts[i]->stamp);
		cs_delta_fold(binding, delta, &later);
	}
}

static bool
shows(const CsPart *part, Snapshot fresh, Oid relid)
{
	switch (part->state)
	{
		case CS_PART_RESERVED:
			/* the rest shows when it is flipped */
			return (part->flags & CS_PART_CANCELS) != 0 && part->stamp != 0 &&
				cs_deferred_sees(fresh, part->xid);
		case CS_PART_COMMITTED:
			return (part->flags & CS_PART_CANCELS) == 0 || part->xid == 0 ||
				cs_deferred_sees(fresh, part->xid);
		case CS_PART_TAKEN:
			/* our own flush counts as done while it is being done */
			return !cs_apply_is_under_way(relid);
		case CS_PART_INFLIGHT:
#ifdef CS_MUTANT_INFLIGHT_ALWAYS
			return true;
#endif
			return !cs_deferred_sees(fresh, part->xid);
		default:
			return false;
	}
}

bool
cs_deferred_merge(CsBinding *binding, const CsDeferred *copy, Snapshot fresh,
				  CsDelta *delta)
{
	CsPart	  **chosen = palloc((copy->head.nparts + 1) * sizeof(CsPart *));
	int			n = 0;

	for (uint32 i = 0; i < copy->head.nparts; i++)
		if (shows(copy->parts[i], fresh, binding->relid))
			chosen[n++] = copy->parts[i];
	if (n == 0)
		return false;
	cs_parts_fold(binding, chosen, n, delta);
	return true;
}

/* ----- making an entry anew ----- */

void
cs_builder_begin(CsBuilder *builder, const CsBinding *binding, const CsDeferred *copy)
{
	memset(builder, 0, sizeof(*builder));
	builder->binding = binding;
	builder->size = sizeof(CsDeferredHead);
	builder->parts = palloc((copy->head.nparts + 2) * sizeof(CsPart *));
	builder->head.gen = copy->head.nparts > 0 ? copy->head.gen : cs_deferred_id();
	builder->head.arrival = copy->head.arrival;
	builder->head.database = MyDatabaseId;
	builder->head.relation = binding->relid;
}

void
cs_builder_keep(CsBuilder *builder, CsPart *part)
{
	builder->parts[builder->n++] = part;
	builder->size += cs_part_size(part);
}

static uint8
flags_of(const CsDelta *delta)
{
	uint8		flags = 0;

	if (delta->cancel || !bms_is_empty(delta->cancelled))
		flags |= CS_PART_CANCELS;
	if (delta->whole)
		flags |= CS_PART_WHOLE;
	for (int i = 0; i < delta->n; i++)
		if (delta->columns[i].rule == CS_RULE_REPLACE)
			flags |= CS_PART_REPLACES;
	return flags;
}

CsPart *
cs_part_new(const CsDelta *delta, uint64 id, CsPartState state)
{
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);
	CsPart	   *part = palloc0(sizeof(CsPart) + MAXALIGN(len));

	part->id = id;
	part->state = state;
	part->flags = flags_of(delta);
	part->folded = 1;
	part->len = len;
	memcpy(cs_part_delta(part), encoded, len);
	return part;
}

CsSwap
cs_builder_put(CsBuilder *builder, const CsKey *key, uint64 expected, bool force)
{
	CsKey		mine = cs_deferred_key(key);
	CsMeta		meta = {.flags = CS_ENTRY_DIRTY};
	char	   *value = palloc(builder->size);
	char	   *at = value + sizeof(CsDeferredHead);

	builder->head.version = cs_deferred_id();
	builder->head.nparts = builder->n;
	memcpy(value, &builder->head, sizeof(CsDeferredHead));
	for (int i = 0; i < builder->n; i++)
	{
		memcpy(at, builder->parts[i], cs_part_size(builder->parts[i]));
		at += cs_part_size(builder->parts[i]);
	}
	return cs_store_swap(&mine, &meta, value, builder->size, expected, force);
}

/* Is somebody between marking the row's key and the end of his transaction? */
static bool
is_in_flux(const CsBinding *binding, const CsKey *key)
{
	return cs_stripe_flux(cs_stripe_read(cs_stripe_of(key->hash))) != 0 ||
		cs_slot_flux(cs_slot_read(binding->slot)) != 0;
}

/*
 * May committed parts become one, or can something turn up that belongs between
 * them?  Parts that change single columns go together in any order.  One with
 * a whole row or a cancel does not: so none of those that are here may be
 * folded while anything is RESERVED, and nothing while there is one of them
 * RESERVED, or somebody may be about to reserve one whose stamp he has already
 * drawn: he has marked the key before.  'copy' was made before this look.
 */
static bool
may_fold(const CsBinding *binding, const CsKey *key, const CsDeferred *copy)
{
	bool		reserved = false;
	bool		absolute = false;

#ifdef CS_MUTANT_FOLD_PAST_RESERVED
	return true;
#endif
	for (uint32 i = 0; i < copy->head.nparts; i++)
	{
		bool		mine = (copy->parts[i]->flags & (CS_PART_CANCELS | CS_PART_WHOLE)) != 0;

		if (copy->parts[i]->state == CS_PART_RESERVED)
			reserved = true;
		if (copy->parts[i]->state == CS_PART_RESERVED && mine)
			return false;
		if (copy->parts[i]->state == CS_PART_COMMITTED && mine)
			absolute = true;
	}
#ifndef CS_MUTANT_FOLD_IN_FLUX
	if (is_in_flux(binding, key))
		return false;
#endif
	return !(reserved && absolute);
}

static CsPart *
folded_part(CsBuilder *builder, CsPart **parts, int n)
{
	CsDelta		delta;
	CsPart	   *part;
	uint32		folded = 0;

	cs_parts_fold((CsBinding *) builder->binding, parts, n, &delta);
	part = cs_part_new(&delta, cs_deferred_id(), CS_PART_COMMITTED);
	for (int i = 0; i < n; i++)
	{
		folded += parts[i]->folded;
		part->stamp = Max(part->stamp, parts[i]->stamp);
		/* whoever cannot see the canceller yet has to look again */
		if (parts[i]->flags & CS_PART_CANCELS)
			builder->head.gen = cs_deferred_id();
	}
	part->folded = folded;
	return part;
}

/* Committed parts of the same era become one: eras are flushed one by one. */
static void
keep_committed(CsBuilder *builder, const CsDeferred *copy, bool fold)
{
	int			max = copy->head.nparts;
	CsPart	  **same = palloc((max + 1) * sizeof(CsPart *));
	bool	   *done = palloc0(max + 1);

	for (int i = 0; i < max; i++)
	{
		CsPart	   *first = copy->parts[i];
		int			n = 0;

		if (done[i] || first->state != CS_PART_COMMITTED)
			continue;
		for (int j = i; j < max && (fold || j == i); j++)
		{
			CsPart	   *part = copy->parts[j];

			if (part->state != CS_PART_COMMITTED)
				continue;
#ifndef CS_MUTANT_FOLD_ACROSS_ERAS
			if (cs_stamp_era(part->stamp) != cs_stamp_era(first->stamp))
				continue;
#endif
			done[j] = true;
			same[n++] = part;
		}
		cs_builder_keep(builder, n == 1 ? first : folded_part(builder, same, n));
	}
}

/* ----- the transaction's side ----- */

bool
cs_deferred_has_whole(CsBinding *binding, const CsDeferred *copy, uint64 mine)
{
	CsPart	  **chosen = palloc((copy->head.nparts + 1) * sizeof(CsPart *));
	CsDelta		delta;
	bool		any = false;
	int			n = 0;

	for (uint32 i = 0; i < copy->head.nparts; i++)
	{
		CsPart	   *part = copy->parts[i];

		if (part->id == mine)
			continue;
		if (part->state == CS_PART_RESERVED && (part->flags & CS_PART_WHOLE))
			return true;
		if (part->state == CS_PART_COMMITTED || part->state == CS_PART_TAKEN)
		{
			any |= (part->flags & CS_PART_WHOLE) != 0;
			chosen[n++] = part;
		}
	}
	if (!any)
		return false;
	cs_parts_fold(binding, chosen, n, &delta);
	return delta.whole;
}

bool
cs_deferred_is_awaited(const CsDeferred *copy)
{
	for (uint32 i = 0; i < copy->head.nparts; i++)
		if (copy->parts[i]->state == CS_PART_RESERVED)
			return true;
	return false;
}

uint64
cs_deferred_behind(const CsDeferred *copy)
{
	for (uint32 i = 0; i < copy->head.nparts; i++)
	{
		const CsPart *part = copy->parts[i];
		TransactionId xid = (TransactionId) part->xid;

		if (part->state == CS_PART_RESERVED && part->xid != 0 &&
			!TransactionIdIsCurrentTransactionId(xid) &&
			!TransactionIdIsInProgress(xid) && TransactionIdDidCommit(xid))
			return part->xid;
	}
	return 0;
}

/* Not results that others see. */
#define RESERVE_AGAIN	((CsReserve) -1)	/* somebody else was faster */
#define RESERVE_LATER	((CsReserve) -2)	/* too many parts that cannot be
											 * folded just now */

static CsReserve
reserve_once(CsBinding *binding, const CsKey *key, CsPart *mine, int flags, uint64 seen,
			 bool patient)
{
	CsDeferred	copy;
	CsBuilder	builder;
	bool		fold;

	(void) cs_deferred_copy(binding, key, &copy);
	if (seen != CS_ANY_ARRIVAL && copy.head.arrival != seen)
		return CS_RESERVE_CHANGED;
	if ((flags & CS_RESERVE_IF_PARTS) && !cs_deferred_has_parts(&copy))
		return CS_RESERVE_NOTHING;
	if ((flags & CS_RESERVE_NO_WHOLE) && cs_deferred_has_whole(binding, &copy, 0))
		return CS_RESERVE_WHOLE;
	if ((flags & CS_RESERVE_NO_NEW_WHOLE) && seen == CS_ANY_ARRIVAL &&
		cs_deferred_has_whole(binding, &copy, 0))
		return CS_RESERVE_CHANGED;
	fold = may_fold(binding, key, &copy);
	if (!fold && copy.head.nparts >= MANY_PARTS && patient)
		return RESERVE_LATER;
	cs_builder_begin(&builder, binding, &copy);
	for (uint32 i = 0; i < copy.head.nparts; i++)
		if (copy.parts[i]->state == CS_PART_TAKEN ||
			copy.parts[i]->state == CS_PART_INFLIGHT ||
			copy.parts[i]->state == CS_PART_RESERVED)
			cs_builder_keep(&builder, copy.parts[i]);
	keep_committed(&builder, &copy, fold);
	cs_builder_keep(&builder, mine);
	builder.head.arrival = mine->id;
	switch (cs_builder_put(&builder, key, copy.version, (flags & CS_RESERVE_FORCE) != 0))
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

CsReserve
cs_deferred_reserve(CsBinding *binding, const CsKey *key, const CsDelta *delta,
					uint64 id, uint64 stamp, uint64 xid, int flags, uint64 seen)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies deferred entry",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CsReserve	result;
	int			waits = 0;

	do
	{
		CsPart	   *mine;

		MemoryContextReset(context);
		mine = cs_part_new(delta, id, CS_PART_RESERVED);
		mine->stamp = stamp;
		mine->xid = xid;
		result = reserve_once(binding, key, mine, flags, seen,
							  waits < MAX_PATIENCE && (flags & CS_RESERVE_FORCE) == 0);
		if (result == RESERVE_LATER)
		{
			CHECK_FOR_INTERRUPTS();
			pg_usleep(PATIENCE_US);
			waits++;
		}
	} while (result == RESERVE_AGAIN || result == RESERVE_LATER);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

/* ----- flips: nothing here throws or allocates ----- */

CsAlter
cs_part_flip(char *value, Size len, void *arg)
{
	CsFlip	   *flip = arg;
	CsDeferredHead *head = (CsDeferredHead *) value;
	char	   *at = value + sizeof(CsDeferredHead);
	bool		alive = false;

	flip->done = false;
	if (flip->version != 0 && head->version != flip->version)
		return CS_ALTER_NOTHING;
	for (uint32 i = 0; i < head->nparts; i++)
	{
		CsPart	   *part = (CsPart *) at;

		if ((flip->id != 0 ? part->id == flip->id : part->state != CS_PART_RESERVED) &&
			(flip->from == CS_PART_DEAD || part->state == flip->from))
		{
			part->state = flip->to;
			if (flip->stamp != 0)
				part->stamp = flip->stamp;
			if (flip->to == CS_PART_INFLIGHT)
				part->xid = flip->xid;
			flip->done = true;
		}
		alive |= part->state != CS_PART_DEAD;
		at += cs_part_size(part);
	}
	if (!alive)
		return CS_ALTER_REMOVE;
	if (!flip->done)
		return CS_ALTER_NOTHING;
	head->version = cs_deferred_id();
	if (flip->leaves)
		head->gen = cs_deferred_id();
	return CS_ALTER_CHANGED;
}

void
cs_deferred_commit(const CsKey *key, uint64 id, uint64 stamp)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_PART_RESERVED,.to = CS_PART_COMMITTED,.stamp = stamp};

	cs_store_alter(&mine, cs_part_flip, &flip);
}

/* Before the commit: what it cancels can be seen from the commit on. */
void
cs_deferred_set_stamp(const CsKey *key, uint64 id, uint64 stamp)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_PART_RESERVED,.to = CS_PART_RESERVED,.stamp = stamp};

	cs_store_alter(&mine, cs_part_flip, &flip);
}

void
cs_deferred_drop(const CsKey *key, uint64 id)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_PART_RESERVED,.to = CS_PART_DEAD};

	cs_store_alter(&mine, cs_part_flip, &flip);
}

/*
 * Whoever truncates holds a lock that no other transaction with a part here
 * can hold beside it: what is RESERVED is its own.
 */
void
cs_deferred_truncate(int slot)
{
	CsFlip		flip = {.to = CS_PART_DEAD,.leaves = true};

	cs_store_alter_all(slot, cs_part_flip, &flip);
}

void
cs_deferred_flushed(const CsKey *key, uint64 id)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_PART_INFLIGHT,.to = CS_PART_DEAD,.leaves = true};

#ifdef CS_MUTANT_REDIRTY_IGNORED
	flip.id = 0;
	flip.from = CS_PART_DEAD;
#endif
	cs_store_alter(&mine, cs_part_flip, &flip);
}

void
cs_deferred_unwritten(const CsKey *key, uint64 id)
{
	CsKey		mine = cs_deferred_key(key);
	CsFlip		flip = {.id = id,.from = CS_PART_INFLIGHT,.to = CS_PART_TAKEN};

	cs_store_alter(&mine, cs_part_flip, &flip);
}

static CsAlter
note_unwritten(char *value, Size len, void *arg)
{
	const CsDeferredHead *head = (const CsDeferredHead *) value;
	char	   *at = value + sizeof(CsDeferredHead);

	for (uint32 i = 0; i < head->nparts; i++)
	{
		CsPart	   *part = (CsPart *) at;

		if (part->state != CS_PART_DEAD &&
			!(part->state == CS_PART_INFLIGHT &&
			  TransactionIdIsCurrentTransactionId((TransactionId) part->xid)))
			*(bool *) arg = true;
		at += cs_part_size(part);
	}
	return CS_ALTER_NOTHING;
}

bool
cs_deferred_any(int slot)
{
	bool		any = false;

	cs_store_alter_all(slot, note_unwritten, &any);
	return any;
}
