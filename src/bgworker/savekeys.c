/*-------------------------------------------------------------------------
 *
 * savekeys.c
 *		Saving the keys of cached rows, hottest first.
 *
 * The launcher does that at intervals and when it ends.  It goes once through
 * the store, and collects keys by heat (keyscan.c).  Colder ones are dropped
 * again as soon as there are enough hotter ones, so the memory that it takes
 * is limited by cache_strategies.saved_keys.
 *
 * Saved are keys of rows of tables.  Left out are absences, keys that are
 * hashes under a secret of this server start, and keys of tables whose format
 * is not known for the entry's epoch (keyformat.c).  Keys and values of spaces
 * and results of queries cannot be loaded from tables.
 *
 * Keys are only a hint of what to load, so it does not matter that the store
 * changes meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "bgworker/keyfile.h"
#include "bgworker/savekeys.h"
#include "guc.h"
#include "store/slot.h"
#include "store/staged.h"

/* Keys of one heat, one after the other. */
typedef struct Heap
{
	char	   *data;
	Size		used;
	Size		size;
	int64		n;
} Heap;

typedef struct KeyHead
{
	uint32		slot;
	uint32		len;
} KeyHead;

typedef struct Collection
{
	Heap		heap[CS_HEATS];
	int			coldest;		/* colder ones are not collected any more */
	int64		n;
	CsKeyFormat *formats;		/* of each slot; relid is InvalidOid where the
								 * keys are not to be saved */
	uint32	   *tables;			/* number of each slot's table in the file */
	CsKeyFile	keyfile;
} Collection;

/* ----- collecting ----- */

/* Which keys can be saved: of tables whose format is known. */
static void
find_formats(Collection *c)
{
	c->formats = palloc0(cs_max_tables * sizeof(CsKeyFormat));
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		CsKeyFormat *format = &c->formats[slot];
		Oid			database;

		if (cs_keyformat_get(slot, format) &&
			(cs_slot_relation(slot, &database) != format->relid ||
			 database != format->database))
			format->relid = InvalidOid;
	}
}

static bool
is_wanted(const Collection *c, const CsKeyEntry *entry)
{
	const CsKeyFormat *format = &c->formats[entry->key.owner];

	return entry->heat >= c->coldest &&
		(entry->flags & (CS_ENTRY_ABSENT | CS_ENTRY_DIRTY | CS_ENTRY_PENDING)) == 0 &&
		OidIsValid(format->relid) && format->epoch == entry->epoch;
}

static void
append(Heap *heap, const CsKey *key)
{
	KeyHead		head = {key->owner, key->len};
	Size		size = sizeof(head) + key->len;

	if (heap->used + size > heap->size)
	{
		heap->size = Max(heap->size * 2, heap->used + size + 65536);
		heap->data = heap->data == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext, heap->size) :
			repalloc_huge(heap->data, heap->size);
	}
	memcpy(heap->data + heap->used, &head, sizeof(head));
	memcpy(heap->data + heap->used + sizeof(head), key->data, key->len);
	heap->used += size;
	heap->n++;
}

/* Drop the coldest keys while there are enough without them. */
static void
drop_coldest(Collection *c)
{
	while (c->coldest < CS_HEATS - 1 && c->n - c->heap[c->coldest].n >= cs_saved_keys)
	{
		Heap	   *heap = &c->heap[c->coldest];

		c->n -= heap->n;
		if (heap->data != NULL)
			pfree(heap->data);
		memset(heap, 0, sizeof(*heap));
		c->coldest++;
	}
}

static void
collect(Collection *c)
{
	CsKeyEntry	entry;
	CsKeyScan	scan;

	cs_store_keys_begin(&scan, CS_ALL_OWNERS, NULL, 0);
	while (cs_store_keys_next_entry(&scan, &entry))
	{
		/* of the hottest, no more than will be written */
		if (is_wanted(c, &entry) && c->heap[entry.heat].n < cs_saved_keys)
		{
			append(&c->heap[entry.heat], &entry.key);
			c->n++;
			drop_coldest(c);
		}
		pfree((char *) entry.key.data);
	}
}

/* ----- writing ----- */

typedef void (*TakeKey) (Collection *c, const KeyHead *head, const char *key);

/* The keys to be written, hottest first. */
static void
for_each_key(Collection *c, TakeKey take)
{
	int64		left = cs_saved_keys;

	for (int heat = CS_HEATS - 1; heat >= c->coldest; heat--)
	{
		Heap	   *heap = &c->heap[heat];
		Size		at = 0;

		while (at < heap->used && left > 0)
		{
			KeyHead		head;

			memcpy(&head, heap->data + at, sizeof(head));
			take(c, &head, heap->data + at + sizeof(head));
			at += sizeof(head) + head.len;
			left--;
		}
	}
}

/* Count the key for its table, which gets a number with its first key. */
static void
count_key(Collection *c, const KeyHead *head, const char *key)
{
	CsKeyFile  *keyfile = &c->keyfile;
	CsKeyFileTable *table;

	if (c->tables[head->slot] == 0)
	{
		const CsKeyFormat *format = &c->formats[head->slot];

		table = &keyfile->tables[keyfile->ntables++];
		table->database = format->database;
		table->relid = format->relid;
		memcpy(table->digest, format->digest, CS_KEYFORMAT_LEN);
		c->tables[head->slot] = keyfile->ntables;
	}
	keyfile->tables[c->tables[head->slot] - 1].nkeys++;
	keyfile->nkeys++;
}

static void
write_key(Collection *c, const KeyHead *head, const char *key)
{
	cs_keyfile_add(&c->keyfile, c->tables[head->slot] - 1, key, head->len);
}

/*
 * Write what was collected.  Nothing is written if there is nothing, which is
 * so after a start whose keys were not loaded.
 */
static void
write_file(Collection *c)
{
	c->tables = palloc0(cs_max_tables * sizeof(uint32));
	c->keyfile.tables = palloc0(cs_max_tables * sizeof(CsKeyFileTable));
	for_each_key(c, count_key);
	if (c->keyfile.nkeys == 0 || !cs_keyfile_create(&c->keyfile))
		return;
	for_each_key(c, write_key);
	if (cs_keyfile_finish(&c->keyfile))
		ereport(DEBUG1,
				(errmsg_internal("saved " UINT64_FORMAT " keys of cached rows",
								 c->keyfile.nkeys)));
}

/*
 * Save the keys.  Errors of the file are logged.
 */
void
cs_savekeys_run(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "cache_strategies saved keys",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Collection *c = palloc0(sizeof(Collection));

	find_formats(c);
	collect(c);
	write_file(c);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
