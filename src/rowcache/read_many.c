/*-------------------------------------------------------------------------
 *
 * read_many.c
 *		SQL function cache.read_many(): the rows of many keys.
 *
 * Each key is answered as cache.read() would.  The keys are processed in
 * batches (batch.c); of each batch, those that miss are loaded with one query,
 * and those that the cache cannot answer with one more, under the caller's
 * snapshot.
 *
 * When the table's shape has changed, which is noticed at the first lock,
 * everything starts again, so that the returned rows are all of one shape.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "relation/loader.h"
#include "rowcache/batch.h"
#include "rowcache/call.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "store/clock.h"
#include "testpoint.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

PG_FUNCTION_INFO_V1(cs_read_many);

#define BATCH_KEYS	1024

/* How an element of the array becomes a key. */
typedef struct KeyReader
{
	MemoryContext context;
	bool		records;		/* an element is a row of the key's values */
	bool		literals;		/* or the text of such a row */
	FmgrInfo	record_in;
	int32		literal_typmod; /* typmod of such a row */
	Oid			rowtype;		/* type of tupdesc */
	int32		rowtypmod;
	TupleDesc	tupdesc;		/* of the last record; NULL if none */
	bool		prepared;		/* attnum and args are set for tupdesc and the
								 * table */
	AttrNumber	attnum[INDEX_MAX_KEYS]; /* of the key's values in the record */
	CsKeyArg	args[INDEX_MAX_KEYS];
} KeyReader;

typedef struct Many
{
	FunctionCallInfo fcinfo;
	Oid			element_type;	/* UNKNOWNOID for the cstrings of a literal */
	Datum	   *elements;
	bool	   *nulls;
	int			nelements;
	Tuplestorestate *rows;
	MemoryContext batch_context;	/* reset after each batch */

	CsAccess	access;
	CsReason	bypass;			/* of the access, before any key */
	bool		singly;			/* the rows cannot be loaded with one query */
	KeyReader	reader;
} Many;

/* ----- making keys ----- */

/*
 * Throw 42804: an element is not a row of key values.
 */
cs_noreturn static void
not_a_row_error(const CsBinding *binding)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("each key of table \"%s\" must be a row of %d values",
					binding->name, binding->nkeys),
			 errdetail("The primary key is (%s).", cs_key_names(binding)),
			 errhint("Write the keys as ARRAY[ROW(...), ROW(...)].")));
}

static bool
is_text(Oid type)
{
	return type == UNKNOWNOID || type == TEXTOID || type == VARCHAROID;
}

/* Prepare for elements that are texts of rows. */
static void
begin_literals(KeyReader *reader, const CsBinding *binding)
{
	TupleDesc	tupdesc = CreateTemplateTupleDesc(binding->nkeys);

	for (int i = 0; i < binding->nkeys; i++)
		TupleDescInitEntry(tupdesc, i + 1, NameStr(binding->keys[i].name),
						   cs_key_literal_type(&binding->keys[i]), -1, 0);
	reader->literal_typmod = BlessTupleDesc(tupdesc)->tdtypmod;
	fmgr_info_cxt(F_RECORD_IN, &reader->record_in, reader->context);
}

/*
 * Determine how elements become keys.
 */
static void
begin_keys(Many *many)
{
	const CsBinding *binding = many->access.binding;
	KeyReader  *reader = &many->reader;

	reader->prepared = false;
	reader->literals = binding->nkeys > 1 && is_text(many->element_type);
	reader->records = reader->literals ||
		(type_is_rowtype(many->element_type) &&
		 !(binding->nkeys == 1 && type_is_rowtype(binding->keys[0].type)));
	if (reader->literals)
		begin_literals(reader, binding);
	if (reader->records)
		return;
	if (binding->nkeys > 1)
		not_a_row_error(binding);
	cs_keyarg_prepare(binding, 0, many->element_type, true, &reader->args[0],
					  reader->context);
}

/*
 * Prepare for records of this type.  Records of one array may differ in type,
 * but rarely do.
 */
static void
prepare_record(KeyReader *reader, const CsBinding *binding, Oid rowtype, int32 typmod)
{
	MemoryContext old;
	int			n = 0;
	bool		known = reader->tupdesc != NULL && reader->rowtype == rowtype &&
	reader->rowtypmod == typmod;

	if (known && reader->prepared)
		return;
	/* as it was when the array was read, whatever casts do to the type */
	if (!known)
	{
		old = MemoryContextSwitchTo(reader->context);
		reader->tupdesc = lookup_rowtype_tupdesc_copy(rowtype, typmod);
		MemoryContextSwitchTo(old);
	}
	reader->rowtype = rowtype;
	reader->rowtypmod = typmod;
	for (int i = 0; i < reader->tupdesc->natts; i++)
	{
		if (TupleDescAttr(reader->tupdesc, i)->attisdropped)
			continue;
		if (n < binding->nkeys)
			reader->attnum[n] = i + 1;
		n++;
	}
	if (n != binding->nkeys)
		cs_keyarg_count_error(binding, n);
	for (int i = 0; i < n; i++)
		cs_keyarg_prepare(binding, i,
						  TupleDescAttr(reader->tupdesc, reader->attnum[i] - 1)->atttypid,
						  false, &reader->args[i], reader->context);
	reader->prepared = true;
}

static HeapTupleHeader
take_record(Many *many, Datum element)
{
	KeyReader  *reader = &many->reader;
	char	   *literal;

	if (!reader->literals)
		return DatumGetHeapTupleHeader(element);
	literal = many->element_type == UNKNOWNOID ? DatumGetCString(element) :
		TextDatumGetCString(element);
	if (literal[strspn(literal, " \t\r\n")] != '(')
		not_a_row_error(many->access.binding);
	return DatumGetHeapTupleHeader(InputFunctionCall(&reader->record_in, literal, RECORDOID,
													 reader->literal_typmod));
}

/*
 * Make a key from a record; returns false if no row can have it.
 */
static bool
key_from_record(Many *many, Datum element, CsRowKey *rowkey)
{
	const CsBinding *binding = many->access.binding;
	KeyReader  *reader = &many->reader;
	HeapTupleHeader record = take_record(many, element);
	HeapTupleData tuple;
	Datum		given[INDEX_MAX_KEYS];

	prepare_record(reader, binding, HeapTupleHeaderGetTypeId(record),
				   HeapTupleHeaderGetTypMod(record));
	tuple = cs_row_tuple(record);
	for (int i = 0; i < binding->nkeys; i++)
	{
		bool		isnull;

		given[i] = heap_getattr(&tuple, reader->attnum[i], reader->tupdesc, &isnull);
		if (isnull)
			return false;
	}
	return cs_keyarg_key(binding, reader->args, given, many->access.snapshot, rowkey);
}

/* Make a key; returns false if no row can have it. */
static bool
make_key(Many *many, int element, CsRowKey *rowkey)
{
	Datum		given = many->elements[element];

	if (many->nulls[element])
		return false;
	if (many->reader.records)
		return key_from_record(many, given, rowkey);
	return cs_keyarg_key(many->access.binding, many->reader.args, &given,
						 many->access.snapshot, rowkey);
}

/*
 * Make the keys of a batch.
 */
static CsBatch *
make_batch(Many *many, int first, int n)
{
	CsBatch    *batch = cs_batch_create(n);

	for (int i = 0; i < n; i++)
		if (make_key(many, first + i, &batch->keys[batch->n]))
			batch->n++;
	return batch;
}

/* ----- answering ----- */

/*
 * Load the direct keys under the caller's snapshot.
 */
static void
load_direct(Many *many, CsBatch *batch)
{
	CsRowKey  **keys = palloc(batch->ndirect * sizeof(CsRowKey *));
	CsLoaded   *loaded = palloc(batch->ndirect * sizeof(CsLoaded));
	int64		began = cs_clock_nanos();

	for (int j = 0; j < batch->ndirect; j++)
		keys[j] = &batch->keys[batch->direct[j]];
	cs_loader_load_many(many->access.binding, keys, batch->ndirect, many->access.snapshot,
						loaded);
	cs_access_count_load(many->access.binding, batch->ndirect, began);
	for (int j = 0; j < batch->ndirect; j++)
		batch->answers[batch->direct[j]].row = loaded[j].row;
}

/*
 * Answer a batch with queries for many keys; returns false if the table has
 * changed.
 */
static bool
answer_together(Many *many, CsBatch *batch)
{
	many->access.bypass = many->bypass;
	if (!cs_batch_answer(&many->access, batch))
		return false;
	if (batch->ndirect > 0)
		load_direct(many, batch);
	return true;
}

/*
 * Answer a batch key by key; returns false if the table has changed.
 */
static bool
answer_singly(Many *many, CsBatch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		CsAnswer   *answer = &batch->answers[i];

		many->access.bypass = many->bypass;
		if (!cs_access_read(&many->access, &batch->keys[i], answer))
			return false;
		if (answer->reason == CS_HIT)
			cs_call_refresh_if_due(many->access.binding, &batch->keys[i], answer);
	}
	return true;
}

/* ----- the whole array ----- */

/*
 * Begin, or begin again.
 */
static void
begin_pass(Many *many)
{
	CsCall	   *call = cs_call_begin(many->fcinfo, -1);
	CsAccess   *access = &many->access;

	cs_call_access(call, many->fcinfo, -1, access);
	cs_xact_note_use();
	many->bypass = access->bypass;
	many->singly = (access->binding->options.loader != NULL && !access->plain) ||
		!cs_loader_can_batch(access->binding) ||
		cs_strategy_of(access->binding)->read != NULL;
	begin_keys(many);
}

/*
 * Answer one batch; returns false if the table has changed.
 */
static bool
read_batch(Many *many, int first, int n)
{
	CsBatch    *batch = make_batch(many, first, n);
	CsBinding  *binding = many->access.binding;

	/* casts may have run any code */
	cs_access_begin(&many->access, binding, cs_call_snapshot());
	if (many->access.binding != binding)
		return false;
	many->bypass = many->access.bypass;
	if (!(many->singly ? answer_singly : answer_together) (many, batch))
		return false;
	for (int i = 0; i < batch->n; i++)
	{
		HeapTupleData tuple;

		if (batch->answers[i].row == NULL)
			continue;
		tuple = cs_row_tuple(batch->answers[i].row);
		tuplestore_puttuple(many->rows, &tuple);
	}
	return true;
}

/*
 * Answer all batches; returns false if the table has changed.
 */
static bool
read_all(Many *many)
{
	bool		ok = true;

	begin_pass(many);
	for (int first = 0; ok && first < many->nelements; first += BATCH_KEYS)
	{
		MemoryContext old = MemoryContextSwitchTo(many->batch_context);

		CHECK_FOR_INTERRUPTS();
		ok = read_batch(many, first, Min(BATCH_KEYS, many->nelements - first));
		MemoryContextSwitchTo(old);
		MemoryContextReset(many->batch_context);
	}
	return ok;
}

/* Take the elements of an untyped literal, whose type follows from the key. */
static void
take_literal(Many *many, char *literal)
{
	ArrayType  *array = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, literal,
																TEXTOID, -1));

	many->element_type = UNKNOWNOID;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &many->elements, &many->nulls, &many->nelements);
	for (int i = 0; i < many->nelements; i++)
		if (!many->nulls[i])
			many->elements[i] = CStringGetDatum(TextDatumGetCString(many->elements[i]));
}

/*
 * Take the elements of an array.
 */
static void
take_array(Many *many, Oid type, Datum given)
{
	ArrayType  *array;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	if (!OidIsValid(get_base_element_type(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("keys must be an array, not %s", format_type_be(type)),
				 errhint("Write the keys as ARRAY[...], or use cache.read() for a single one.")));
	array = DatumGetArrayTypeP(given);
	many->element_type = ARR_ELEMTYPE(array);
	get_typlenbyvalalign(many->element_type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, many->element_type, typlen, typbyval, typalign,
					  &many->elements, &many->nulls, &many->nelements);
}

static void
begin_many(Many *many, FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	memset(many, 0, sizeof(*many));
	many->fcinfo = fcinfo;
	many->rows = ((ReturnSetInfo *) fcinfo->resultinfo)->setResult;
	if (type == UNKNOWNOID)
		take_literal(many, DatumGetCString(PG_GETARG_DATUM(1)));
	else
		take_array(many, type, PG_GETARG_DATUM(1));
	many->reader.context = CurrentMemoryContext;
	many->batch_context = AllocSetContextCreate(CurrentMemoryContext,
												"cache_strategies batch",
												ALLOCSET_DEFAULT_SIZES);
}

/*
 * cache.read_many(row type, keys)
 */
Datum
cs_read_many(PG_FUNCTION_ARGS)
{
	Many		many;

	cs_shmem_require();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	begin_many(&many, fcinfo);
	while (!read_all(&many))
		tuplestore_clear(many.rows);
	cs_call_set_shape(fcinfo, many.access.binding->tupdesc);
	MemoryContextDelete(many.batch_context);
	return (Datum) 0;
}
