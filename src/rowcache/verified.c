/*-------------------------------------------------------------------------
 *
 * verified.c
 *		Counts of comparisons of cached rows with their tables, and of results
 *		with what is computed, for the view cache.audit_stats.
 *
 * Shared memory holds one counter for each outcome, over all databases since
 * the server's start.  They are atomic; there is no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "rowcache/verified.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_audit_counters);

typedef struct CsSharedVerified
{
	pg_atomic_uint64 n[CS_N_OUTCOMES];	/* atomic, each by itself */
} CsSharedVerified;

static CsSharedVerified *counts;

Size
cs_verified_shmem_size(void)
{
	return sizeof(CsSharedVerified);
}

void
cs_verified_shmem_init(void)
{
	bool		found;

	counts = ShmemInitStruct("cache_strategies verified", cs_verified_shmem_size(), &found);
	for (int i = 0; !found && i < CS_N_OUTCOMES; i++)
		pg_atomic_init_u64(&counts->n[i], 0);
}

/*
 * Add to the shared counts.
 */
void
cs_verified_count(const CsVerified *verified)
{
	for (int i = 0; i < CS_N_OUTCOMES; i++)
		if (verified->n[i] != 0)
			pg_atomic_fetch_add_u64(&counts->n[i], verified->n[i]);
}

/*
 * Add one to the shared counts.
 */
void
cs_verified_note(CsOutcome outcome)
{
	pg_atomic_fetch_add_u64(&counts->n[outcome], 1);
}

static bool
is_skip(CsOutcome outcome)
{
	return outcome != CS_OUTCOME_VERIFIED && outcome != CS_OUTCOME_MISMATCHED &&
		outcome != CS_OUTCOME_RESULT_VERIFIED && outcome != CS_OUTCOME_RESULT_MISMATCHED;
}

/* Why an entry with this outcome was skipped. */
static const char *
reason_text(CsOutcome outcome)
{
	switch (outcome)
	{
		case CS_OUTCOME_DEFERRED:
			return "the write is deferred";
		case CS_OUTCOME_LOADER:
			return "the row is from a loader function";
		case CS_OUTCOME_UNREADABLE:
			return "the owner may not read the table";
		case CS_OUTCOME_GONE:
			return "the table is not attached any more";
		case CS_OUTCOME_FAILED:
			return "the table could not be read";
		case CS_OUTCOME_RESULT:
			return "a result is compared when it answers, not by the auditor";
		case CS_OUTCOME_RESULT_OPEN:
			return "the statement does not determine its result";
		case CS_OUTCOME_RESULT_FORMLESS:
			return "a column's equal values can have different bytes";
		case CS_OUTCOME_RESULT_AGED:
			return "the result may be old";
		case CS_OUTCOME_RESULT_CHANGED:
			return "something was changed meanwhile";
		case CS_OUTCOME_RESULT_FAILED:
			return "the statement could not be run";
		default:
			return cs_access_reason_text((CsReason) outcome);
	}
}

/*
 * Number of entries that were skipped, for whatever reason.
 */
int64
cs_verified_skipped(const CsVerified *verified)
{
	int64		n = 0;

	for (int i = 0; i < CS_N_OUTCOMES; i++)
		if (is_skip(i))
			n += verified->n[i];
	return n;
}

/*
 * Why entries were skipped, and how many for each reason, as a jsonb object.
 */
Datum
cs_verified_reasons(const CsVerified *verified)
{
	StringInfoData buf;
	const char *separator = "";

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < CS_N_OUTCOMES; i++)
	{
		if (!is_skip(i) || verified->n[i] == 0)
			continue;
		appendStringInfoString(&buf, separator);
		escape_json(&buf, reason_text(i));
		appendStringInfo(&buf, ": " INT64_FORMAT, verified->n[i]);
		separator = ", ";
	}
	appendStringInfoChar(&buf, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* Columns of cache.audit_counters() */
enum
{
	Anum_kind,
	Anum_outcome,
	Anum_reason,
	Anum_entries,
	Natts_audit
};

static const char *
outcome_text(CsOutcome outcome)
{
	switch (outcome)
	{
		case CS_OUTCOME_VERIFIED:
		case CS_OUTCOME_RESULT_VERIFIED:
			return "verified";
		case CS_OUTCOME_MISMATCHED:
		case CS_OUTCOME_RESULT_MISMATCHED:
			return "mismatched";
		default:
			return "skipped";
	}
}

static void
put_row(ReturnSetInfo *rsinfo, CsOutcome outcome, int64 n)
{
	Datum		values[Natts_audit] = {0};
	bool		nulls[Natts_audit] = {0};

	values[Anum_kind] = CStringGetTextDatum(outcome >= CS_OUTCOME_RESULT ? "result" : "row");
	values[Anum_outcome] = CStringGetTextDatum(outcome_text(outcome));
	if (is_skip(outcome))
		values[Anum_reason] = CStringGetTextDatum(reason_text(outcome));
	else
		nulls[Anum_reason] = true;
	values[Anum_entries] = Int64GetDatum(n);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * The function behind cache.audit_stats.  Of the reasons only those that there
 * were.
 */
Datum
cs_audit_counters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < CS_N_OUTCOMES; i++)
		if (!is_skip(i))
			put_row(rsinfo, i, (int64) pg_atomic_read_u64(&counts->n[i]));
	for (int i = 0; i < CS_N_OUTCOMES; i++)
	{
		int64		n = (int64) pg_atomic_read_u64(&counts->n[i]);

		if (is_skip(i) && n > 0)
			put_row(rsinfo, i, n);
	}
	return (Datum) 0;
}
