/*-------------------------------------------------------------------------
 *
 * verify.c
 *		Comparing cached rows with their table: what the auditor does, and the
 *		SQL function cache.verify().
 *
 * Entries are compared in batches.  For each batch a fresh snapshot is taken,
 * then the access is begun as for a read (R2 of src/README.md), then each
 * entry is looked up by the rules of a hit (R3, R4), and its row is loaded
 * from the table under the same snapshot.  So an entry that differs is a wrong
 * answer that a reader would have got, and an entry that is not a hit for that
 * snapshot is skipped: a newer one, or one that has expired.
 *
 * The rows are read as the table's owner, in a security-restricted operation.
 * Only images of values are compared, which runs no code of users.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "relation/loader.h"
#include "relation/owner.h"
#include "relation/rowvalue.h"
#include "rowcache/call.h"
#include "rowcache/mismatch.h"
#include "rowcache/progress.h"
#include "rowcache/strategy.h"
#include "rowcache/verify.h"
#include "shmem.h"
#include "store/slot.h"
#include "store/store.h"
#include "testpoint.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_verify);

#define BATCH	100

/* ----- one entry ----- */

/*
 * The key of an entry whose bytes are hashes: its row has the values.
 */
static bool
key_of_row(const CsBinding *binding, const CsKey *key, CsRowKey *rowkey)
{
	CsFound		found;
	CsRowParts	parts;

	return cs_store_peek(key, NULL, NULL, &found) == CS_LOOKUP_HIT &&
		cs_rowvalue_decode(binding, found.meta.flags, found.value, found.len, &parts) &&
		parts.row != NULL && cs_mismatch_is_formed(binding, parts.row, found.len) &&
		cs_call_row_key(binding, parts.row, rowkey);
}

/* The key by which a read would find the entry; false: none does. */
static bool
key_of(const CsBinding *binding, const CsKey *key, CsRowKey *rowkey)
{
	bool		made = binding->hashed ? key_of_row(binding, key, rowkey) :
	cs_key_decode(binding, key->data, key->len, rowkey);

	return made && rowkey->key.hash == key->hash;
}

static CsOutcome
compare(CsAccess *access, const CsRowKey *rowkey, const CsAnswer *answer)
{
	CsLoaded	loaded;
	CsMismatch	mismatch;

	CS_TEST_POINT("verify_looked_up");
	cs_loader_load(access->binding, rowkey, access->snapshot, true, &loaded);
	if (!cs_mismatch_find(access->binding, answer, &loaded, &mismatch))
		return CS_OUTCOME_VERIFIED;
	/* the snapshot shows a partition as it is after TRUNCATE */
	if (cs_slot_epoch(cs_slot_read(access->binding->slot)) != access->binding->epoch)
		return (CsOutcome) CS_MISS_EPOCH;
	cs_mismatch_log(access, rowkey, answer, &loaded, &mismatch);
	(void) cs_store_unlink(rowkey->key.owner, rowkey->key.hash);
	return CS_OUTCOME_MISMATCHED;
}

static CsOutcome
verify_entry(CsAccess *access, const CsKeyEntry *entry)
{
	CsRowKey	rowkey;
	CsAnswer	answer;

	if (entry->flags & CS_ENTRY_DIRTY)
		return CS_OUTCOME_DEFERRED;
	if (entry->epoch != access->binding->epoch)
		return (CsOutcome) CS_MISS_EPOCH;
	if (!key_of(access->binding, &entry->key, &rowkey))
		return (CsOutcome) CS_MISS_COLD;
	access->bypass = CS_HIT;	/* the entry before may have been too new */
	if (!cs_access_peek(access, &rowkey, &answer))
		return (CsOutcome) answer.reason;
	return compare(access, &rowkey, &answer);
}

/* ----- a batch ----- */

/*
 * Begin to read the table as a fresh snapshot shows it, which is registered.
 * A change of the whole table in between is noticed when an entry differs.
 * Returns false, with the outcome of all entries, if the cache cannot be used
 * now.
 */
static bool
begin_batch(CsAccess *access, CsBinding *binding, CsOutcome *outcome)
{
	for (;;)
	{
		Snapshot	fresh = RegisterSnapshot(GetLatestSnapshot());

		CS_TEST_POINT("verify_snapshot");
		cs_access_begin(access, binding, fresh);
		*outcome = (CsOutcome) access->bypass;
		if (access->bypass == CS_HIT && cs_access_lock(access))
			return true;
		UnregisterSnapshot(fresh);
		if (access->bypass != CS_HIT)
			return false;
		binding = cs_binding_get(access->binding->relid);
		if (binding == NULL || binding->nkeys == 0)
		{
			*outcome = CS_OUTCOME_GONE;
			return false;
		}
	}
}

/* As the table's owner. */
static void
verify_batch(CsBinding *binding, const CsKeyEntry *entries, int n, CsVerified *verified)
{
	CsAccess	access;
	CsOutcome	outcome;

	if (!cs_binding_may_select(binding))
		verified->n[CS_OUTCOME_UNREADABLE] += n;
	else if (!begin_batch(&access, binding, &outcome))
		verified->n[outcome] += n;
	else
	{
		for (int i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			verified->n[verify_entry(&access, &entries[i])]++;
		}
		UnregisterSnapshot(access.snapshot);
	}
}

/*
 * Compare entries of one table, and add the outcomes to 'verified'.
 */
void
cs_verify_entries(Oid relid, const CsKeyEntry *entries, int n, CsVerified *verified)
{
	CsBinding  *binding = cs_binding_get(relid);
	CsAsOwner	saved;

	cs_xact_note_use();
	if (binding == NULL || binding->nkeys == 0 || binding->strategy == NULL)
		verified->n[CS_OUTCOME_GONE] += n;
	else if (binding->options.loader != NULL)
		verified->n[CS_OUTCOME_LOADER] += n;
	else
	{
		cs_owner_begin(&saved, binding->owner);
		verify_batch(binding, entries, n, verified);
		cs_owner_end(&saved);
	}
}

/* ----- a table ----- */

/*
 * Take the next entries of the scan.  Returns how many.
 */
static int
next_entries(CsKeyScan *scan, CsKeyEntry *entries)
{
	int			n = 0;

	while (n < BATCH && cs_store_keys_next_entry(scan, &entries[n]))
		n++;
	return n;
}

static void
verify_all(Oid relid, uint32 slot, CsVerified *verified)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"cache_strategies verify",
												ALLOCSET_DEFAULT_SIZES);
	CsKeyEntry	entries[BATCH];
	CsKeyScan	scan;
	int			n;

	cs_store_keys_begin(&scan, slot, NULL, 0);
	do
	{
		MemoryContext old = MemoryContextSwitchTo(batch);
		int64		before = verified->n[CS_OUTCOME_VERIFIED];

		n = next_entries(&scan, entries);
		if (n > 0)
			cs_verify_entries(relid, entries, n, verified);
		cs_progress_advance(n, verified->n[CS_OUTCOME_VERIFIED] - before);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
	} while (n == BATCH);
	MemoryContextDelete(batch);
}

static void
end_progress(int code, Datum arg)
{
	cs_progress_end();
}

static void
verify_table(CsBinding *binding, CsVerified *verified)
{
	CsUsage		usage;

	cs_store_usage((uint32) binding->slot, &usage);
	PG_ENSURE_ERROR_CLEANUP(end_progress, (Datum) 0);
	{
		cs_progress_start(binding->relid, "comparing entries", (int64) usage.entries);
		verify_all(binding->relid, (uint32) binding->slot, verified);
	}
	PG_END_ENSURE_ERROR_CLEANUP(end_progress, (Datum) 0);
	cs_progress_end();
}

/* ----- entry point ----- */

static void
refuse(const CsBinding *binding, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cached rows of table \"%s\" cannot be compared with it now", binding->name),
			 errdetail("%s", reason)));
}

/*
 * The binding of a table whose cached rows the caller may have compared.
 * Throws if that is not possible in this transaction.
 */
static CsBinding *
require_usable(Oid relid)
{
	CsBinding  *binding = cs_strategy_require(relid);
	CsAccess	access;
	CsAsOwner	saved;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_MONITOR))
		cs_binding_check_select(binding);
	if (binding->options.loader != NULL)
		refuse(binding, "They are results of its loader function, which may read anything.");
	cs_owner_begin(&saved, binding->owner);
	cs_access_begin(&access, binding, cs_call_snapshot());
	cs_owner_end(&saved);
	if (access.bypass != CS_HIT)
		refuse(access.binding, psprintf("The cache is left out: %s.",
										cs_access_reason_text(access.bypass)));
	return access.binding;
}

/* Columns of cache.verify() */
enum
{
	VERIFY_ENTRIES,
	VERIFY_VERIFIED,
	VERIFY_MISMATCHED,
	VERIFY_SKIPPED,
	VERIFY_REASONS,
	N_VERIFY
};

/*
 * cache.verify(relation)
 */
Datum
cs_verify(PG_FUNCTION_ARGS)
{
	Datum		values[N_VERIFY];
	bool		nulls[N_VERIFY] = {0};
	TupleDesc	tupdesc;
	CsVerified	verified = {0};
	int64		entries = 0;

	cs_shmem_require();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the table to compare must not be NULL")));
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	verify_table(require_usable(PG_GETARG_OID(0)), &verified);
	cs_verified_count(&verified);
	for (int i = 0; i < CS_N_OUTCOMES; i++)
		entries += verified.n[i];
	values[VERIFY_ENTRIES] = Int64GetDatum(entries);
	values[VERIFY_VERIFIED] = Int64GetDatum(verified.n[CS_OUTCOME_VERIFIED]);
	values[VERIFY_MISMATCHED] = Int64GetDatum(verified.n[CS_OUTCOME_MISMATCHED]);
	values[VERIFY_SKIPPED] = Int64GetDatum(cs_verified_skipped(&verified));
	values[VERIFY_REASONS] = cs_verified_reasons(&verified);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}
