/*-------------------------------------------------------------------------
 *
 * audit.c
 *		The auditor: compares cached rows with their tables, round by round.
 *
 * It goes through the places of the store in their order (keyscan.c), and over
 * again, and compares the entries of each as cache.verify() does.  So an entry
 * that stays is compared once each time that the auditor comes round: within
 * the number of the database's entries divided by cache_strategies.audit_rate,
 * in seconds.
 *
 * Each table of a place is a transaction of its own, so an error of one does
 * not concern the others.
 *
 * Results of queries are counted as skipped: their entries have neither the
 * statement nor the role and settings with which it was run, but hashes of
 * them.  Sessions compare those that answer (recompute.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"

#include "bgworker/audit.h"
#include "bgworker/rounds.h"
#include "guc.h"
#include "kv/kv.h"
#include "rowcache/verify.h"
#include "store/slot.h"
#include "xact/attempt.h"

/* Entries of one table in one place. */
typedef struct Batch
{
	Oid			relid;
	int			n;
	CsKeyEntry *entries;
	CsVerified	verified;
} Batch;

static MemoryContext scratch;	/* memory of one place */
static bool said = false;		/* an error has been logged in this round */

static void
verify_batch(void *arg)
{
	Batch	   *batch = arg;

	cs_verify_entries(batch->relid, batch->entries, batch->n, &batch->verified);
}

static void
say_failed(Oid relid, const ErrorData *error)
{
	if (!said)
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not compare cached rows of the table with OID %u with it: %s",
						relid, error->message),
				 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0));
	said = true;
}

/*
 * Compare the entries of one table.
 */
static void
audit_table(Batch *batch)
{
	ErrorData  *error;

	memset(&batch->verified, 0, sizeof(CsVerified));
	error = cs_attempt_make(verify_batch, batch, cs_worker_timeout);
	if (error != NULL)
	{
		int64		known = 0;

		say_failed(batch->relid, error);
		for (int i = 0; i < CS_N_OUTCOMES; i++)
			known += batch->verified.n[i];
		batch->verified.n[CS_OUTCOME_FAILED] += batch->n - known;
	}
	cs_verified_count(&batch->verified);
}

/* ----- one place ----- */

static int
by_owner(const void *a, const void *b)
{
	uint32		x = ((const CsKeyEntry *) a)->key.owner;
	uint32		y = ((const CsKeyEntry *) b)->key.owner;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* Number of the entries that are results of queries. */
static int
count_results(const CsKeyEntry *entries, int n)
{
	int			results = 0;

	for (int i = 0; i < n; i++)
		results += entries[i].key.len > 0 && (entries[i].key.data[0] == CS_KV_STATEMENT ||
											  entries[i].key.data[0] == CS_KV_RESULT);
	return results;
}

/* Entries of one owner.  Returns how many were of this database. */
static int
audit_owner(CsKeyEntry *entries, int n)
{
	CsSlotKind	kind;
	Oid			database;
	Oid			object = cs_slot_name((int) entries[0].key.owner, &database, &kind);

	if (!OidIsValid(object) || database != MyDatabaseId)
		return 0;
	if (kind == CS_SLOT_TABLE)
	{
		Batch		batch = {object, n, entries};

		audit_table(&batch);
		return n;
	}
	else
	{
		CsVerified	verified = {0};

		n = count_results(entries, n);
		verified.n[CS_OUTCOME_RESULT] = n;
		cs_verified_count(&verified);
		return n;
	}
}

/*
 * Compare the entries of a place.  Returns how many there were of this
 * database.
 */
static int
audit_place(uint64 place)
{
	int			size = cs_store_place_size();
	CsKeyEntry *entries = palloc(size * sizeof(CsKeyEntry));
	CsKeyScan	scan;
	int			n = 0;
	int			done = 0;
	int			end;

	cs_store_keys_begin_at(&scan, CS_ALL_OWNERS, NULL, 0, place);
	while (n < size && cs_store_keys_next_entry(&scan, &entries[n]))
		n++;
	qsort(entries, n, sizeof(CsKeyEntry), by_owner);
	for (int i = 0; i < n; i = end)
	{
		end = i + 1;
		while (end < n && entries[end].key.owner == entries[i].key.owner)
			end++;
		done += audit_owner(&entries[i], end - i);
	}
	return done;
}

/* ----- the process ----- */

/*
 * Main function of the auditor: one round.
 */
void
cs_audit_main(Datum arg)
{
	uint64		places = cs_store_places();
	CsRound		round;

	cs_rounds_connect(DatumGetObjectId(arg));
	scratch = AllocSetContextCreate(TopMemoryContext, "cache_strategies auditor",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	pgstat_report_activity(STATE_RUNNING, "comparing cached rows with their tables");
	cs_rounds_begin(&round);
	for (uint64 i = 0; i < places && round.done < round.limit && !cs_rounds_is_over(); i++)
	{
		MemoryContextReset(scratch);
		round.done += audit_place(round.position);
		round.position = (round.position + 1) % places;
		cs_rounds_report(&round);
	}
	pgstat_report_stat(true);
	proc_exit(0);
}
