/*-------------------------------------------------------------------------
 *
 * results.c
 *		The functions behind cache.result_stats and cache.result_candidates.
 *
 * A role sees the counts of all statements of the database, and the texts of
 * those of roles that it is a member of; with the privileges of
 * pg_read_all_stats, all texts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "queryresult/tally.h"
#include "shmem.h"
#include "store/clock.h"
#include "store/counters.h"

PG_FUNCTION_INFO_V1(cs_result_counters);
PG_FUNCTION_INFO_V1(cs_result_candidates);

/* Columns of cache.result_counters() */
enum
{
	RESULT_ID,
	RESULT_ROLE,
	RESULT_QUERY,
	RESULT_CALLS,
	RESULT_HITS,
	RESULT_MISSES,
	RESULT_KEPT,
	RESULT_NOT_KEPT,
	RESULT_BYPASSES,
	RESULT_NOT_FOUND,
	RESULT_FALLS,
	RESULT_UNUSED,
	RESULT_WAITS,
	RESULT_WAITS_IN_VAIN,
	RESULT_AHEAD,
	RESULT_BYTES,
	RESULT_SAVED,
	RESULT_SPENT,
	RESULT_STATE,
	RESULT_LEFT_ALONE_FOR,
	RESULT_SINCE,
	N_RESULT
};

/* Columns of cache.candidate_counters() */
enum
{
	CANDIDATE_ID,
	CANDIDATE_ROLE,
	CANDIDATE_QUERY,
	CANDIDATE_TABLES,
	CANDIDATE_CALLS,
	CANDIDATE_TIME,
	CANDIDATE_REPEATED,
	CANDIDATE_SAVING,
	CANDIDATE_SINCE,
	N_CANDIDATE
};

typedef struct CsName
{
	const char *name;
	CsTallyCount what;
} CsName;

static const CsName not_kept[] = {
	{"changed", CS_TALLY_CHANGED},
	{"too_large", CS_TALLY_TOO_LARGE},
	{"unfinished", CS_TALLY_UNFINISHED},
	{"other", CS_TALLY_NOT_KEPT}
};

static const CsName bypasses[] = {
	{"own_changes", CS_TALLY_OWN},
	{"does_not_pay", CS_TALLY_LEFT_ALONE},
	{"other", CS_TALLY_BYPASS}
};

static const CsName not_found[] = {
	{"absent", CS_TALLY_ABSENT},
	{"expired", CS_TALLY_EXPIRED},
	{"other_snapshot", CS_TALLY_OTHER_SNAPSHOT},
	{"value", CS_TALLY_FELL_VALUE},
	{"table", CS_TALLY_FELL_TABLE},
	{"whole", CS_TALLY_FELL_EPOCH}
};

/* A copy of what is in shared memory. */
typedef struct Row
{
	uint64		key;
	Oid			role;
	TimestampTz since;
	uint64		count[CS_N_TALLY];
	uint64		bytes;
	bool		alone;
	int64		skip;
	Oid			table[CS_TALLY_TABLES];
	uint64		falls[CS_TALLY_TABLES][CS_N_FALLS];
	int			len;
	char text[	CS_TALLY_TEXT];
} Row;

static void
copy_falls(CsSharedTally * shared, Row *row)
{
	for (int i = 0; i < CS_TALLY_TABLES; i++)
	{
		row->table[i] = (Oid) pg_atomic_read_u64(&shared->falls[i].relid);
		for (int c = 0; c < CS_N_FALLS; c++)
			row->falls[i][c] = pg_atomic_read_u64(&shared->falls[i].count[c]);
	}
}

/* False: it is not of this database, or has just been replaced. */
static bool
copy_row(CsSharedTally * shared, Row *row)
{
	Oid			database;

	row->key = pg_atomic_read_u64(&shared->key);
	if (row->key == 0)
		return false;
	pg_read_barrier();
	SpinLockAcquire(&shared->lock);
	database = shared->database;
	row->role = shared->role;
	row->since = shared->since;
	row->len = shared->len;
	memcpy(row->text, shared->text, shared->len);
	SpinLockRelease(&shared->lock);
	for (int i = 0; i < CS_N_TALLY; i++)
		row->count[i] = pg_atomic_read_u64(&shared->count[i]);
	row->bytes = pg_atomic_read_u64(&shared->bytes);
	row->alone = pg_atomic_read_u64(&shared->until) != 0;
	row->skip = (int64) pg_atomic_read_u64(&shared->skip);
	copy_falls(shared, row);
	pg_read_barrier();
	return database == MyDatabaseId && pg_atomic_read_u64(&shared->key) == row->key;
}

static bool
may_read(const Row *row)
{
	return has_privs_of_role(GetUserId(), row->role) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

static bool
is_candidate(const Row *row)
{
	return row->count[CS_TALLY_CALLS] > 0;
}

static Datum
count_datum(const Row *row, CsTallyCount what)
{
	return Int64GetDatum((int64) row->count[what]);
}

static Datum
ms_datum(double nanos)
{
	return Float8GetDatum(nanos / 1000000);
}

/* ----- json ----- */

static void
append_member(StringInfo json, const char *name, uint64 n)
{
	if (n == 0)
		return;
	if (json->len > 1)
		appendStringInfoString(json, ", ");
	escape_json(json, name);
	appendStringInfo(json, ": " UINT64_FORMAT, n);
}

static Datum
jsonb_datum(StringInfo json)
{
	appendStringInfoChar(json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data));
}

/* Of those that are not 0; NULL: all are. */
static Datum
counts_datum(const Row *row, const CsName *names, int n, bool *isnull)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < n; i++)
		append_member(&json, names[i].name, row->count[names[i].what]);
	*isnull = json.len == 1;
	return jsonb_datum(&json);
}

static char *
table_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	return name != NULL && schema != NULL ? quote_qualified_identifier(schema, name) :
		psprintf("%u", relid);
}

static Datum
falls_datum(const Row *row, bool *isnull)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < CS_TALLY_TABLES && OidIsValid(row->table[i]); i++)
	{
		uint64		sum = 0;

		for (int c = 0; c < CS_N_FALLS; c++)
			sum += row->falls[i][c];
		append_member(&json, table_name(row->table[i]), sum);
	}
	*isnull = json.len == 1;
	return jsonb_datum(&json);
}

/* ----- rows ----- */

static void
put_result(ReturnSetInfo *result, const Row *row)
{
	Datum		values[N_RESULT];
	bool		nulls[N_RESULT] = {0};
	bool		readable = may_read(row);
	int64		calls = row->count[CS_TALLY_HIT] + row->count[CS_TALLY_MISS];

	for (int i = 0; i < lengthof(bypasses); i++)
		calls += row->count[bypasses[i].what];
	values[RESULT_ID] = Int64GetDatum((int64) row->key);
	values[RESULT_ROLE] = ObjectIdGetDatum(row->role);
	values[RESULT_QUERY] = PointerGetDatum(cstring_to_text_with_len(row->text, row->len));
	values[RESULT_CALLS] = Int64GetDatum(calls);
	values[RESULT_HITS] = count_datum(row, CS_TALLY_HIT);
	values[RESULT_MISSES] = count_datum(row, CS_TALLY_MISS);
	values[RESULT_KEPT] = count_datum(row, CS_TALLY_KEPT);
	values[RESULT_NOT_KEPT] = counts_datum(row, not_kept, lengthof(not_kept),
										   &nulls[RESULT_NOT_KEPT]);
	values[RESULT_BYPASSES] = counts_datum(row, bypasses, lengthof(bypasses),
										   &nulls[RESULT_BYPASSES]);
	values[RESULT_NOT_FOUND] = counts_datum(row, not_found, lengthof(not_found),
											&nulls[RESULT_NOT_FOUND]);
	values[RESULT_FALLS] = falls_datum(row, &nulls[RESULT_FALLS]);
	values[RESULT_UNUSED] = count_datum(row, CS_TALLY_UNUSED);
	values[RESULT_WAITS] = count_datum(row, CS_TALLY_WAIT);
	values[RESULT_WAITS_IN_VAIN] = count_datum(row, CS_TALLY_WAITED_IN_VAIN);
	values[RESULT_AHEAD] = count_datum(row, CS_TALLY_AHEAD);
	values[RESULT_BYTES] = Int64GetDatum((int64) row->bytes);
	nulls[RESULT_BYTES] = row->count[CS_TALLY_KEPT] == 0;
	values[RESULT_SAVED] = ms_datum(row->count[CS_TALLY_SAVED]);
	values[RESULT_SPENT] = ms_datum(row->count[CS_TALLY_SPENT]);
	values[RESULT_STATE] = CStringGetTextDatum(row->alone ? "left alone" : "kept");
	values[RESULT_LEFT_ALONE_FOR] = Int64GetDatum(Max(row->skip, 0));
	nulls[RESULT_LEFT_ALONE_FOR] = !row->alone;
	values[RESULT_SINCE] = TimestampTzGetDatum(row->since);
	nulls[RESULT_ID] = nulls[RESULT_QUERY] = !readable;
	nulls[RESULT_FALLS] |= !readable;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
tables_datum(const Row *row)
{
	Datum		tables[CS_TALLY_TABLES];
	int			n = 0;

	for (int i = 0; i < CS_TALLY_TABLES && OidIsValid(row->table[i]); i++)
		if (get_rel_name(row->table[i]) != NULL)
			tables[n++] = ObjectIdGetDatum(row->table[i]);
	return PointerGetDatum(construct_array(tables, n, REGCLASSOID, sizeof(Oid), true,
										   TYPALIGN_INT));
}

static void
put_candidate(ReturnSetInfo *result, const Row *row)
{
	Datum		values[N_CANDIDATE];
	bool		nulls[N_CANDIDATE] = {0};
	double		runs = Max(row->count[CS_TALLY_RUNS], 1);
	double		nanos = row->count[CS_TALLY_RUN] / runs * row->count[CS_TALLY_CALLS];
	double		repeated = (double) row->count[CS_TALLY_REPEATED] /
	Max(row->count[CS_TALLY_SAMPLED], 1);

	values[CANDIDATE_ID] = Int64GetDatum((int64) row->key);
	values[CANDIDATE_ROLE] = ObjectIdGetDatum(row->role);
	values[CANDIDATE_QUERY] = PointerGetDatum(cstring_to_text_with_len(row->text, row->len));
	values[CANDIDATE_TABLES] = tables_datum(row);
	values[CANDIDATE_CALLS] = count_datum(row, CS_TALLY_CALLS);
	values[CANDIDATE_TIME] = ms_datum(nanos);
	values[CANDIDATE_REPEATED] = Float8GetDatum(repeated);
	values[CANDIDATE_SAVING] = ms_datum(nanos * repeated);
	nulls[CANDIDATE_TIME] = nulls[CANDIDATE_SAVING] = row->count[CS_TALLY_RUNS] == 0;
	values[CANDIDATE_SINCE] = TimestampTzGetDatum(row->since);
	nulls[CANDIDATE_ID] = nulls[CANDIDATE_QUERY] = nulls[CANDIDATE_TABLES] = !may_read(row);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_all(FunctionCallInfo fcinfo, bool candidates,
		void (*put) (ReturnSetInfo *result, const Row *row))
{
	Row		   *row = palloc(sizeof(Row));
	CsSharedTally *all;
	int			n;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	cs_counters_flush();
	all = cs_tally_all(&n);
	for (int i = 0; i < n; i++)
		if (copy_row(&all[i], row) && is_candidate(row) == candidates)
			put((ReturnSetInfo *) fcinfo->resultinfo, row);
}

/*
 * cache.result_counters()
 */
Datum
cs_result_counters(PG_FUNCTION_ARGS)
{
	put_all(fcinfo, false, put_result);
	PG_RETURN_NULL();
}

/*
 * cache.candidate_counters()
 */
Datum
cs_result_candidates(PG_FUNCTION_ARGS)
{
	put_all(fcinfo, true, put_candidate);
	PG_RETURN_NULL();
}
