/*-------------------------------------------------------------------------
 *
 * testing.c
 *		What tests do besides stopping sessions (testpoint.h).  Part of the
 *		library in builds with -DCS_TEST_POINTS.
 *
 * CREATE FUNCTION kept(query text, tables regclass[],
 *						OUT outcome text, OUT value text)
 *		AS '$libdir/cache_strategies', 'cs_test_kept' LANGUAGE C;
 *
 * A result kept by one session, to test tracking by itself.  The query's one
 * value is kept by the rules of track.h, as long as the same query is asked
 * for.
 *
 * CREATE FUNCTION clock(seconds float8) RETURNS timestamptz
 *		AS '$libdir/cache_strategies', 'cs_test_clock' LANGUAGE C;
 *
 * Stops the clock by which entries expire, so many seconds from where it is,
 * and says where.  NULL: it runs again.
 *
 * CREATE FUNCTION shapes(a text, b text) RETURNS text
 *		AS '$libdir/cache_strategies', 'cs_test_shapes' LANGUAGE C;
 *
 * Whether two statements are of the same shape: "same", "differ", or that
 * they differ but have the same hash.
 *
 * CREATE FUNCTION left_behind() RETURNS text
 *		AS '$libdir/cache_strategies', 'cs_test_left_behind' LANGUAGE C;
 *
 * What is in shared memory that only a transaction, or a load, that is under
 * way can have put there; an empty string when there is nothing.
 *
 * CREATE FUNCTION corrupt(relation regclass, at int) RETURNS int
 *		AS '$libdir/cache_strategies', 'cs_test_corrupt' LANGUAGE C STRICT;
 *
 * Flips the bits of one byte in each cached row of a table: so many bytes from
 * the row's start, or, if negative, from its end.  Returns how many rows there
 * were.
 *
 * CREATE FUNCTION corrupt_results(at int) RETURNS int
 *		AS '$libdir/cache_strategies', 'cs_test_corrupt_results' LANGUAGE C STRICT;
 *
 * The same in each kept result of all databases, from the end of its value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "kv/commitflag.h"
#include "kv/keylock.h"
#include "kv/kv.h"
#include "queryresult/jumble.h"
#include "relation/binding.h"
#include "relation/rowvalue.h"
#include "relation/track.h"
#include "shmem.h"
#include "store/clock.h"
#include "store/flight.h"
#include "store/slot.h"
#include "store/staged.h"
#include "store/stripe.h"
#include "testpoint.h"
#include "writeback/commitepoch.h"
#include "writeback/state.h"
#include "xact/snapshot.h"

/* ----- a result that is kept ----- */

#define MAX_WATCHES		8

typedef struct Kept
{
	char	   *query;			/* NULL: nothing is kept */
	char	   *value;
	CsSeen	   *seen;
	uint64		last_xid;
	int			n;
	CsWatch		watch[MAX_WATCHES];
} Kept;

PG_FUNCTION_INFO_V1(cs_test_kept);

static Kept kept;
static SPIPlanPtr plan;
static char *plan_query;

static bool
all_stand(const Kept *result)
{
	for (int i = 0; i < result->n; i++)
		if (!cs_track_stands(&result->watch[i]))
			return false;
	return true;
}

static bool
is_shown(const Kept *result, Snapshot snapshot)
{
	return cs_snapshot_sees_all(snapshot, result->seen) ||
		result->last_xid < cs_snapshot_widen(snapshot->xmin);
}

/*
 * The plan of the last query is kept, as long as PostgreSQL thinks it valid.
 */
static void
prepare(const char *query)
{
	if (plan != NULL && strcmp(plan_query, query) == 0)
		return;
	if (plan != NULL)
		SPI_freeplan(plan);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\"", query);
	SPI_keepplan(plan);
	plan_query = MemoryContextStrdup(TopMemoryContext, query);
}

/* In the caller's memory, whatever SPI does. */
static char *
run_query(const char *query, Snapshot snapshot)
{
	MemoryContext old = CurrentMemoryContext;
	char	   *value;

	SPI_connect();
	prepare(query);
	SPI_execute_snapshot(plan, NULL, NULL, snapshot, InvalidSnapshot, true, false, 1);
	value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	value = MemoryContextStrdup(old, value != NULL ? value : "");
	SPI_finish();
	return value;
}

/* Why the tables cannot be watched; NULL: they are. */
static const char *
watch_all(Kept *result, const Oid *tables, int n)
{
	static const char *const reasons[] = {NULL, "untracked", "blind", "in flux"};

	result->n = n;
	for (int i = 0; i < n; i++)
	{
		CsTracking	state = cs_track_watch(tables[i], &result->watch[i]);

		if (state != CS_TRACKING_YES)
			return reasons[state];
		result->last_xid = Max(result->last_xid, cs_track_last_xid(&result->watch[i]));
	}
	return NULL;
}

static const char *
keep(const char *query, Kept *result, Snapshot fresh)
{
	MemoryContext old;
	uint64		prepared_xid = 0;

	for (int i = 0; i < result->n; i++)
		prepared_xid = Max(prepared_xid, cs_track_prepared_xid(&result->watch[i]));
	if (!cs_snapshot_may_fill(fresh, prepared_xid))
		return "too early";
	if (!all_stand(result))
		return "changed";
	old = MemoryContextSwitchTo(TopMemoryContext);
	kept = *result;
	kept.query = pstrdup(query);
	kept.value = pstrdup(result->value);
	kept.seen = palloc(cs_seen_size(result->seen->nxip));
	memcpy(kept.seen, result->seen, cs_seen_size(result->seen->nxip));
	MemoryContextSwitchTo(old);
	return "kept";
}

static const char *
answer(const char *query, const Oid *tables, int n, Snapshot snapshot, char **value)
{
	Kept		result = {.n = n};
	const char *outcome;
	Snapshot	fresh;

	if (OidIsValid(cs_track_own(tables, n)))
	{
		*value = run_query(query, snapshot);
		return "own";
	}
	if (kept.query != NULL && strcmp(kept.query, query) == 0 && all_stand(&kept) &&
		is_shown(&kept, snapshot))
	{
		*value = pstrdup(kept.value);
		return "hit";
	}
	outcome = watch_all(&result, tables, n);
	if (outcome != NULL)
	{
		*value = run_query(query, snapshot);
		return outcome;
	}
	CS_TEST_POINT("after_watch");
	cs_snapshot_boot();
	fresh = RegisterSnapshot(GetLatestSnapshot());
	result.seen = cs_snapshot_seen(fresh);
	CS_TEST_POINT("after_snapshot");
	result.value = run_query(query, fresh);
	CS_TEST_POINT("before_keep");
	outcome = keep(query, &result, fresh);
	*value = is_shown(&result, snapshot) && all_stand(&result) ? result.value
		: run_query(query, snapshot);
	UnregisterSnapshot(fresh);
	return outcome;
}

Datum
cs_test_kept(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum	   *tables;
	int			n;
	Oid			relids[MAX_WATCHES];
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false};
	char	   *value;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), REGCLASSOID, sizeof(Oid), true,
					  TYPALIGN_INT, &tables, NULL, &n);
	if (n > MAX_WATCHES || get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "too many tables");
	for (int i = 0; i < n; i++)
		relids[i] = DatumGetObjectId(tables[i]);
	values[0] = CStringGetTextDatum(answer(query, relids, n, GetActiveSnapshot(), &value));
	values[1] = CStringGetTextDatum(value);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ----- the clock ----- */

PG_FUNCTION_INFO_V1(cs_test_clock);

Datum
cs_test_clock(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
	{
		cs_clock_run();
		PG_RETURN_NULL();
	}
	PG_RETURN_TIMESTAMPTZ(cs_clock_stop((int64) (PG_GETARG_FLOAT8(0) * USECS_PER_SEC)));
}

/* ----- scans of keys ----- */

PG_FUNCTION_INFO_V1(cs_test_scanned);

/* Buckets that this session has looked at so far. */
Datum
cs_test_scanned(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) cs_store_scanned);
}

/* ----- shapes of statements ----- */

PG_FUNCTION_INFO_V1(cs_test_shapes);

static Query *
analysed(const text *statement)
{
	char	   *string = text_to_cstring(statement);
	Oid		   *types = NULL;
	int			ntypes = 0;

	return linitial(pg_analyze_and_rewrite_varparams(linitial(pg_parse_query(string)), string,
													 &types, &ntypes, NULL));
}

Datum
cs_test_shapes(PG_FUNCTION_ARGS)
{
	Query	   *a = analysed(PG_GETARG_TEXT_PP(0));
	Query	   *b = analysed(PG_GETARG_TEXT_PP(1));
	bool		hash = cs_jumble_query(a) == cs_jumble_query(b);
	bool		tree = equal(cs_jumble_normalised(a), cs_jumble_normalised(b));

	PG_RETURN_TEXT_P(cstring_to_text(tree ? hash ? "same" : "their hashes differ" :
									 hash ? "only their hash is the same" : "differ"));
}

/* ----- what has been left behind ----- */

PG_FUNCTION_INFO_V1(cs_test_left_behind);

static void
say_left(StringInfo all, const char *what, uint64 n)
{
	if (n != 0)
		appendStringInfo(all, "%s%s: " UINT64_FORMAT, all->len > 0 ? ", " : "", what, n);
}

static uint64
stripes_in_flux(void)
{
	uint64	   *words = palloc(cs_stripes * sizeof(uint64));
	uint64		n = 0;

	cs_stripe_copy(words);
	for (int i = 0; i < cs_stripes; i++)
		n += cs_stripe_writers(words[i]);
	pfree(words);
	return n;
}

Datum
cs_test_left_behind(PG_FUNCTION_ARGS)
{
	StringInfoData all;
	uint64		whole = 0;
	uint64		any = 0;
	uint64		moving = 0;
	char		problem[128];

	cs_shmem_require();
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		whole += cs_slot_writers(cs_slot_read(slot));
		any += cs_stripe_writers(cs_slot_modcount(slot));
		moving += cs_state_moving(slot);
	}
	initStringInfo(&all);
	say_left(&all, "marks of keys", stripes_in_flux());
	say_left(&all, "marks of whole tables", whole);
	say_left(&all, "marks of any changes", any);
	say_left(&all, "flights", cs_flight_count());
	say_left(&all, "commit flags", cs_commitflag_count());
	say_left(&all, "key locks", cs_keylock_count());
	say_left(&all, "writers in a commit epoch", cs_commitepoch_writers());
	say_left(&all, "moving rows", moving);
	if (!cs_store_is_settled(problem, sizeof(problem)))
		appendStringInfo(&all, "%s%s", all.len > 0 ? ", " : "", problem);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(all.data, all.len));
}

/* ----- corruption ----- */

PG_FUNCTION_INFO_V1(cs_test_corrupt);

/* Flip a byte of the row in an entry; returns whether it has a row. */
static bool
corrupt_entry(const CsBinding *binding, const CsKey *key, int at)
{
	CsFound		found;
	CsRowParts	parts;

	if (cs_store_lookup(key, NULL, NULL, &found) != CS_LOOKUP_HIT ||
		!cs_rowvalue_decode(binding, found.meta.flags, found.value, found.len, &parts) ||
		parts.row == NULL)
		return false;
	if (at < 0)
		at += HeapTupleHeaderGetDatumLength(parts.row);
	found.value[at] ^= 0xff;
	return cs_store_install(key, &found.meta, found.value, found.len, 0, NULL, NULL) ==
		CS_INSTALL_DONE;
}

Datum
cs_test_corrupt(PG_FUNCTION_ARGS)
{
	CsBinding  *binding = cs_binding_require(PG_GETARG_OID(0));
	uint64		epoch = cs_slot_epoch(cs_slot_read(binding->slot));
	CsKeyScan	scan;
	CsKeyEntry	entry;
	int			n = 0;

	cs_store_keys_begin(&scan, (uint32) binding->slot, NULL, 0);
	while (cs_store_keys_next_entry(&scan, &entry))
		n += entry.epoch == epoch && corrupt_entry(binding, &entry.key, PG_GETARG_INT32(1));
	PG_RETURN_INT32(n);
}

PG_FUNCTION_INFO_V1(cs_test_corrupt_results);

/* Flip a byte of the value in an entry, from its end. */
static bool
corrupt_value(const CsKey *key, int at)
{
	CsFound		found;

	if (cs_store_lookup(key, NULL, NULL, &found) != CS_LOOKUP_HIT)
		return false;
	found.value[found.len + at] ^= 0xff;
	return cs_store_install(key, &found.meta, found.value, found.len, 0, NULL, NULL) ==
		CS_INSTALL_DONE;
}

Datum
cs_test_corrupt_results(PG_FUNCTION_ARGS)
{
	CsKeyScan	scan;
	CsKeyEntry	entry;
	int			n = 0;

	cs_store_keys_begin(&scan, CS_ALL_OWNERS, NULL, 0);
	while (cs_store_keys_next_entry(&scan, &entry))
		if (entry.key.len > 0 && (entry.key.data[0] == CS_KV_STATEMENT || entry.key.data[0] == CS_KV_RESULT))
			n += corrupt_value(&entry.key, PG_GETARG_INT32(0));
	PG_RETURN_INT32(n);
}
