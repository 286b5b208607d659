/*-------------------------------------------------------------------------
 *
 * advise_cost.c
 *		What reading a table by key costs here, and what a cached read would.
 *
 * What can be measured without changing anything is measured, with prepared
 * statements in this session: the SELECT by key of rows that are chosen at
 * random, with their values fetched and decompressed; a row of a catalogue by
 * its key, which stands for a small row in memory; a statement that reads
 * nothing; and copying as many bytes as a row has.  The SELECTs are the
 * caller's own, so the caller must be allowed to read the table.
 *
 * What a hit, a miss and a change cost beside these is a share of what reading
 * the small row costs more than reading nothing.  The shares are those of
 * bench/instructions: a SELECT by key takes 26,900 instructions more than
 * SELECT 1, a hit 19,700, a miss 5,300 more than the SELECT, and a changed row
 * 11,200 more under cache_aside and 13,100 under write_through.  A miss also
 * writes memory that is in no processor's cache, so it is taken to be twice
 * that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "stats/advise_cost.h"

#define SAMPLE_ROWS		32
#define SAMPLE_BLOCKS	16
#define TIMES			4		/* a key is read so often */

#define HIT_SHARE		0.75
#define MISS_SHARE		0.4
#define CHANGE_SHARE	0.4
#define PUBLISH_SHARE	0.5

/* A SELECT by key, and the keys to try it with. */
typedef struct Trial
{
	SPIPlanPtr	plan;
	int			nkeys;
	int			nrows;
	Datum	   *keys;			/* nkeys for each row */
	double		first[SAMPLE_ROWS]; /* microseconds of the first time */
	double		again[SAMPLE_ROWS]; /* of the fastest of the others */
} Trial;

/* A client would be sent the values themselves. */
static void
detoast_result(void)
{
	TupleDesc	desc = SPI_tuptable->tupdesc;

	for (uint64 r = 0; r < SPI_processed; r++)
		for (int i = 0; i < desc->natts; i++)
		{
			bool		isnull;
			Datum		value;

			if (TupleDescAttr(desc, i)->attlen != -1)
				continue;
			value = heap_getattr(SPI_tuptable->vals[r], i + 1, desc, &isnull);
			if (!isnull)
				(void) PG_DETOAST_DATUM(value);
		}
}

static double
execute(const Trial *trial, int row)
{
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	if (SPI_execute_plan(trial->plan, trial->keys + row * trial->nkeys, NULL, true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read a row by its key");
	detoast_result();
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	SPI_freetuptable(SPI_tuptable);
	return INSTR_TIME_GET_DOUBLE(end) * 1e6;
}

static int
by_value(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *values, int n)
{
	qsort(values, n, sizeof(double), by_value);
	return values[n / 2];
}

/*
 * The first pass has what is not in memory read, and the others do not.  The
 * very first execution makes the plan, so it is not timed.
 */
static void
run_trial(Trial *trial)
{
	(void) execute(trial, 0);
	for (int i = 0; i < trial->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		trial->first[i] = execute(trial, i);
		trial->again[i] = execute(trial, i);
		for (int t = 2; t < TIMES; t++)
		{
			double		took = execute(trial, i);

			trial->again[i] = Min(trial->again[i], took);
		}
	}
}

static SPIPlanPtr
prepare(const char *query, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(query, nargs, types);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/* Microseconds of a statement with an OID. */
static double
measure_statement(const char *query, Oid parameter)
{
	Oid			type = OIDOID;
	Trial		trial = {0};

	trial.plan = prepare(query, 1, &type);
	trial.nkeys = 1;
	trial.nrows = SAMPLE_ROWS;
	trial.keys = palloc(SAMPLE_ROWS * sizeof(Datum));
	for (int i = 0; i < SAMPLE_ROWS; i++)
		trial.keys[i] = ObjectIdGetDatum(parameter);
	run_trial(&trial);
	return median(trial.again, trial.nrows);
}

/* Microseconds of copying so many bytes. */
static double
measure_copy(Size bytes)
{
	char	   *from = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	double		best = 0;

	memset(from, 'x', bytes);
	for (int i = 0; i < TIMES; i++)
	{
		instr_time	start;
		instr_time	end;
		double		took;
		char	   *to;

		INSTR_TIME_SET_CURRENT(start);
		to = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
		memcpy(to, from, bytes);
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_SUBTRACT(end, start);
		took = INSTR_TIME_GET_DOUBLE(end) * 1e6;
		best = i == 0 ? took : Min(best, took);
		pfree(to);
	}
	pfree(from);
	return best;
}

/* ----- the table's rows ----- */

/* Bytes of a row with nothing out of line and nothing compressed. */
static double
row_bytes(HeapTuple tuple, TupleDesc desc, int first)
{
	double		bytes = MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(desc->natts));

	for (int i = first; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		value = heap_getattr(tuple, i + 1, desc, &isnull);

		if (isnull)
			continue;
		if (att->attlen == -1)
			bytes += toast_raw_datum_size(value);
		else
			bytes += att->attlen > 0 ? att->attlen : 16;
	}
	return MAXALIGN((Size) bytes);
}

/* The primary key's columns, as in "a, b". */
static char *
key_list(Relation index, Relation rel)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];

		appendStringInfo(&list, "%st.%s", i > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(rel),
																attnum - 1)->attname)));
	}
	return list.data;
}

/*
 * Rows of some blocks, or if there are none there, any.
 */
static void
sample_rows(Relation rel, const char *keys)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												  RelationGetRelationName(rel));
	BlockNumber blocks = Max(rel->rd_rel->relpages, 1);
	double		percent = Min(100.0 * SAMPLE_BLOCKS / blocks, 100.0);
	char	   *query = psprintf("SELECT %s, t.* FROM %s t TABLESAMPLE SYSTEM (%g) "
								 "ORDER BY pg_catalog.random() LIMIT %d",
								 keys, name, percent, SAMPLE_ROWS);

	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not sample \"%s\"", name);
	if (SPI_processed > 0)
		return;
	query = psprintf("SELECT %s, t.* FROM %s t LIMIT %d", keys, name, SAMPLE_ROWS);
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not sample \"%s\"", name);
}

static SPIPlanPtr
prepare_select(Relation rel, Relation index)
{
	StringInfoData query;
	int			nkeys = index->rd_index->indnkeyatts;
	Oid		   *types = palloc(nkeys * sizeof(Oid));

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT * FROM %s t",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	for (int i = 0; i < nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel),
											  index->rd_index->indkey.values[i] - 1);

		Oid			type = index->rd_opcintype[i];
		char	   *column = psprintf("t.%s", quote_identifier(NameStr(att->attname)));
		Oid			equals = get_opfamily_member(index->rd_opfamily[i], type, type,
												 BTEqualStrategyNumber);

		types[i] = att->atttypid;
		appendStringInfoString(&query, i == 0 ? " WHERE " : " AND ");
		generate_operator_clause(&query, column, att->atttypid, equals,
								 psprintf("$%d", i + 1), att->atttypid);
	}
	return prepare(query.data, nkeys, types);
}

/* Take the sampled rows; returns their average size. */
static double
take_rows(Trial *trial)
{
	double		bytes = 0;

	trial->nrows = (int) SPI_processed;
	trial->keys = palloc(Max(trial->nrows * trial->nkeys, 1) * sizeof(Datum));
	for (int i = 0; i < trial->nrows; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];

		for (int k = 0; k < trial->nkeys; k++)
		{
			bool		isnull;

			trial->keys[i * trial->nkeys + k] =
				heap_getattr(tuple, k + 1, SPI_tuptable->tupdesc, &isnull);
		}
		bytes += row_bytes(tuple, SPI_tuptable->tupdesc, trial->nkeys);
	}
	return trial->nrows > 0 ? bytes / trial->nrows : 0;
}

static double
mean(const double *values, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum / n;
}

/*
 * Fill in the costs of hit, miss and change.
 */
static void
add_shares(CsAdviseCost *cost)
{
	double		nothing = measure_statement("SELECT $1", InvalidOid);
	double		small = measure_statement("SELECT * FROM pg_catalog.pg_namespace"
										  " WHERE oid OPERATOR(pg_catalog.=) $1",
										  PG_CATALOG_NAMESPACE) - nothing;
	double		copy = measure_copy((Size) Max(cost->row_bytes, 1));

	small = Max(small, 0);
	cost->hit = nothing + HIT_SHARE * small + copy;
	cost->miss = cost->direct + MISS_SHARE * small + 2 * copy;
	cost->change = CHANGE_SHARE * small;
	cost->publish = PUBLISH_SHARE * small + 2 * copy;
}

/*
 * Measure the costs of a table, which has a primary key and is not empty;
 * otherwise cost->measured is false.  'disk_share' is the part of its blocks
 * that were not in memory when they were read: of the random keys that are
 * tried, more may be.
 */
void
cs_advise_cost_measure(Oid relid, double disk_share, CsAdviseCost *cost)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	Oid			index_oid;
	Trial		trial = {0};

	memset(cost, 0, sizeof(*cost));
	/* dropped meanwhile */
	if (rel == NULL)
		return;
	index_oid = cs_primary_key_index(rel);
	if (OidIsValid(index_oid))
	{
		Relation	index = index_open(index_oid, AccessShareLock);

		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		trial.nkeys = index->rd_index->indnkeyatts;
		sample_rows(rel, key_list(index, rel));
		cost->row_bytes = take_rows(&trial);
		if (trial.nrows > 0)
		{
			double		warm;

			trial.plan = prepare_select(rel, index);
			run_trial(&trial);
			warm = median(trial.again, trial.nrows);
			cost->direct = warm +
				disk_share * Max(mean(trial.first, trial.nrows) - warm, 0);
			add_shares(cost);
			cost->measured = true;
		}
		PopActiveSnapshot();
		SPI_finish();
		index_close(index, AccessShareLock);
	}
	relation_close(rel, AccessShareLock);
}
