/*-------------------------------------------------------------------------
 *
 * reload.c
 *		Loading saved keys after a start, round by round.
 *
 * After a start, and after a promotion, the launcher looks for the file of
 * saved keys (keyfile.c) and has the keys loaded from their tables, one
 * database after the other, hottest first, cache_strategies.reload_rate in a
 * second.  A row is loaded by the steps of a miss (F1 to F6 of src/README.md),
 * as the table's owner in a security-restricted operation.  So it does not
 * matter how old the file is: a key whose row is gone loads nothing.  Keys of
 * a table that is gone, or whose primary key is another, are passed over.
 *
 * Loading ends early when rows displace others: then the cache is full.
 *
 * The first half of this file is local to the launcher, the second half to the
 * worker of one round.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "bgworker/keyfile.h"
#include "bgworker/refresh.h"
#include "bgworker/reload.h"
#include "guc.h"
#include "relation/owner.h"
#include "rowcache/progress.h"
#include "rowcache/strategy.h"
#include "store/store.h"
#include "xact/attempt.h"

/*
 * Number of evictions that do not indicate a full store, as partitions differ
 * in use.
 */
#define FEW_EVICTIONS(filled)	((filled) / 16 + 64)

/* Keys that are loaded in one transaction. */
#define BATCH	100

/* ----- in the launcher ----- */

/* A database whose keys are still to be loaded. */
typedef struct Pending
{
	Oid			database;
	int64		nkeys;
} Pending;

static Pending *pending = NULL;
static int	npending = 0;		/* the last one is being loaded */
static uint64 position;			/* in the file, for that one */
static bool begun;				/* its progress is shown */
static int64 filled;			/* over all databases */
static uint64 evictions;		/* at the start */
static bool is_full;			/* loading ends, as the cache is full */

static void
add_pending(const CsKeyFileTable *table)
{
	int			i = 0;

	while (i < npending && pending[i].database != table->database)
		i++;
	if (i == npending)
	{
		pending[i].database = table->database;
		pending[i].nkeys = 0;
		npending++;
	}
	pending[i].nkeys += (int64) table->nkeys;
}

static uint64
count_evictions(void)
{
	CsStoreInfo info;

	cs_store_info(&info);
	return info.usage.evictions;
}

static void
end_progress(int code, Datum arg)
{
	cs_progress_end();
}

/*
 * Look for saved keys, after the start of the server.
 */
void
cs_reload_start(void)
{
	CsKeyFile	keyfile;

	npending = 0;
	if (cs_saved_keys == 0 || !cs_keyfile_check(&keyfile))
		return;
	pending = MemoryContextAlloc(TopMemoryContext, keyfile.ntables * sizeof(Pending) + 1);
	for (uint32 i = 0; i < keyfile.ntables; i++)
		add_pending(&keyfile.tables[i]);
	pfree(keyfile.tables);
	position = 0;
	begun = false;
	is_full = false;
	filled = 0;
	evictions = count_evictions();
	before_shmem_exit(end_progress, (Datum) 0);
	ereport(LOG,
			(errmsg("loading the rows of " UINT64_FORMAT " saved keys into the cache",
					keyfile.nkeys)));
}

/*
 * Whether saved keys remain to be loaded.
 */
bool
cs_reload_is_pending(void)
{
	return npending > 0;
}

/*
 * The database of the next round; InvalidOid if nothing is left.
 */
Oid
cs_reload_next(CsRound *round)
{
	const Pending *p;

	if (npending == 0)
		return InvalidOid;
	p = &pending[npending - 1];
	if (!begun)
		cs_progress_start_in(p->database, InvalidOid, "loading saved keys", p->nkeys);
	begun = true;
	round->position = position;
	return p->database;
}

/*
 * Go on with the next database.
 */
void
cs_reload_skip(void)
{
	cs_progress_end();
	npending--;
	position = 0;
	begun = false;
	if (npending == 0)
		ereport(LOG,
				(errmsg("loaded " INT64_FORMAT " rows of saved keys into the cache", filled),
				 is_full ? errdetail("The cache is full.") : 0));
}

/*
 * Take what a round reports.
 */
void
cs_reload_ended(const CsRound *round)
{
	filled += round->filled;
	cs_progress_advance(round->done, round->filled);
	is_full = count_evictions() - evictions > FEW_EVICTIONS(filled);
	/* a round that got nowhere has failed */
	if (round->finished || round->position == position)
		cs_reload_skip();
	else
		position = round->position;
	while (is_full && npending > 0)
		cs_reload_skip();
}

/* ----- in the worker ----- */

typedef struct Key
{
	uint32		table;
	uint32		len;
	char	   *data;
} Key;

/* Keys that are loaded in one transaction. */
typedef struct Batch
{
	const CsKeyFileTable *tables;
	int			n;
	Key			keys[BATCH];
	int64		filled;
} Batch;

static bool said = false;		/* an error has been logged in this round */

/* Load one row, unless a session has done so.  Returns whether it was kept. */
static bool
load_key(CsAccess *access, const Key *key)
{
	CsRowKey	rowkey;
	CsAnswer	answer;

	if (!cs_key_decode(access->binding, key->data, key->len, &rowkey))
		return false;
	access->bypass = CS_HIT;	/* of the key before */
	if (cs_access_peek(access, &rowkey, &answer))
		return false;
	access->bypass = CS_HIT;
	memset(&answer, 0, sizeof(answer));
	cs_access_load(access, &rowkey, true, &answer);
	return answer.fill == CS_FILL_DONE && answer.row != NULL;
}

static bool
has_format(const CsBinding *binding, const CsKeyFileTable *table)
{
	uint8		digest[CS_KEYFORMAT_LEN];

	return !binding->hashed && cs_keyformat_digest(binding, digest) &&
		memcmp(digest, table->digest, CS_KEYFORMAT_LEN) == 0;
}

/* As the table's owner. */
static int64
load_as_owner(CsBinding *binding, const CsKeyFileTable *table, const Key *keys, int n)
{
	CsAccess	access;
	int64		loaded = 0;

	if (!cs_binding_may_select(binding) || !cs_refresh_begin_access(&access, binding) ||
		!has_format(access.binding, table))
		return 0;
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		loaded += load_key(&access, &keys[i]);
	}
	return loaded;
}

/* Keys of one table.  Returns how many rows were kept. */
static int64
load_of_table(const CsKeyFileTable *table, const Key *keys, int n)
{
	CsBinding  *binding = cs_binding_get(table->relid);
	CsAsOwner	saved;
	int64		loaded;

	if (binding == NULL || binding->nkeys == 0 || binding->strategy == NULL)
		return 0;
	cs_owner_begin_loading(&saved, binding->owner, true);
	loaded = load_as_owner(binding, table, keys, n);
	cs_owner_end(&saved);
	return loaded;
}

static int
by_table(const void *a, const void *b)
{
	uint32		x = ((const Key *) a)->table;
	uint32		y = ((const Key *) b)->table;

	return x < y ? -1 : x > y ? 1 : 0;
}

static void
load_batch(void *arg)
{
	Batch	   *batch = arg;
	int			end;

	qsort(batch->keys, batch->n, sizeof(Key), by_table);
	for (int i = 0; i < batch->n; i = end)
	{
		end = i + 1;
		while (end < batch->n && batch->keys[end].table == batch->keys[i].table)
			end++;
		batch->filled += load_of_table(&batch->tables[batch->keys[i].table],
									   &batch->keys[i], end - i);
	}
}

/* Load the keys in a transaction.  If that fails, they are passed over. */
static void
try_batch(Batch *batch)
{
	ErrorData  *error = cs_attempt_make(load_batch, batch, cs_worker_timeout);

	if (error != NULL && !said)
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not load rows of saved keys: %s", error->message),
				 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
				 error->context != NULL ? errcontext_msg("%s", error->context) : 0));
	said |= error != NULL;
}

/* Read the database's next keys.  Returns false at the end of the file. */
static bool
read_keys(CsKeyFile *keyfile, Batch *batch, int64 most)
{
	char	   *key = palloc(CS_MAX_KEY_LEN);
	uint32		table;
	uint32		len;

	while (batch->n < Min(BATCH, most))
	{
		Key		   *to = &batch->keys[batch->n];

		CHECK_FOR_INTERRUPTS();
		if (!cs_keyfile_next(keyfile, &table, key, &len))
			return false;
		if (keyfile->tables[table].database != MyDatabaseId)
			continue;
		to->table = table;
		to->len = len;
		to->data = palloc(len + 1);
		memcpy(to->data, key, len);
		batch->n++;
	}
	return true;
}

/*
 * Read the next keys from the round's position on.  The file is closed before
 * there is a transaction, which would close it.
 */
static void
read_batch(CsRound *round, Batch *batch)
{
	CsKeyFile	keyfile;

	batch->n = 0;
	batch->filled = 0;
	round->finished = true;
	if (!cs_keyfile_open(&keyfile, round->position))
		return;
	round->finished = !read_keys(&keyfile, batch, round->limit - round->done);
	round->position = keyfile.position;
	batch->tables = keyfile.tables;
	cs_keyfile_close(&keyfile);
}

/*
 * Main function of a round.
 */
void
cs_reload_main(Datum arg)
{
	MemoryContext scratch;
	CsRound		round;
	Batch		batch;

	cs_rounds_connect(DatumGetObjectId(arg));
	cs_rounds_begin(&round);
	scratch = AllocSetContextCreate(TopMemoryContext, "cache_strategies reload",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	pgstat_report_activity(STATE_RUNNING, "loading rows of saved keys");
	while (!round.finished && round.done < round.limit && !cs_rounds_is_over())
	{
		MemoryContextReset(scratch);
		read_batch(&round, &batch);
		if (batch.n > 0)
			try_batch(&batch);
		round.done += batch.n;
		round.filled += batch.filled;
		cs_rounds_report(&round);
	}
	pgstat_report_stat(true);
	proc_exit(0);
}
