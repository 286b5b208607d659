/*-------------------------------------------------------------------------
 *
 * result.c
 *		The result of a query to remember: received from the executor, and
 *		returned.
 *
 * The data of an entry (kept.c) are a jsonb array of row objects, as on disk,
 * or heap tuples, each with its length, in the shape of the row type.
 * References to this session or to toast tables are resolved before: values
 * are inlined and rows are flat. Anonymous record types do not occur, since
 * the columns of a row type have types of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "queryresult/analysis.h"
#include "queryresult/result.h"

/* ----- receiving ----- */

typedef struct Receiver
{
	DestReceiver pub;
	CsOutput   *output;
} Receiver;

/*
 * Set up an output for rows of a type, or for jsonb if it is InvalidOid.  The
 * caller sets 'rows'.
 */
void
cs_result_output_begin(CsOutput *output, Oid rowtype)
{
	TupleDesc	columns;

	memset(output, 0, sizeof(*output));
	output->limit = cs_store_max_value();
	output->context = CurrentMemoryContext;
	output->rowtype = rowtype;
	if (!OidIsValid(rowtype))
		return;
	if (type_is_rowtype(rowtype))
	{
		output->rowtype = getBaseType(rowtype);
		if (output->rowtype != rowtype)
			output->domain = rowtype;
		columns = cs_analysis_type_columns(output->rowtype);
		output->tupdesc = CreateTupleDescCopyConstr(columns);
		ReleaseTupleDesc(columns);
	}
	else
	{
		output->tupdesc = CreateTemplateTupleDesc(1);
		TupleDescInitEntry(output->tupdesc, 1, "remember", rowtype, -1, 0);
	}
}

/*
 * Throw 40001 if the row type is not the same as when the output began.
 *
 * A composite type has no lock.  A kept result has the shape that the type had
 * when the key was made, which must be the one of the beginning.
 */
void
cs_result_output_check_shape(const CsOutput *output)
{
	TupleDesc	now;

	if (!OidIsValid(output->rowtype) || !type_is_rowtype(output->rowtype))
		return;
	now = cs_analysis_type_columns(output->rowtype);
	if (!equalTupleDescs(now, output->tupdesc))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("type %s was changed concurrently", format_type_be(output->rowtype)),
				 errhint("Try again.")));
	ReleaseTupleDesc(now);
}

/* Make room for more data.  Returns false if they are too large to be kept. */
static bool
reserve(CsOutput *output, Size more)
{
	if (output->data == NULL && output->len > 0)
		return false;
	if (output->len + more > output->limit)
	{
		if (output->data != NULL)
			pfree(output->data);
		output->data = NULL;
		output->len = Max(output->len, 1);
		return false;
	}
	if (output->data == NULL)
	{
		output->size = Max(more, 1024);
		output->data = MemoryContextAllocHuge(output->context, output->size);
	}
	else if (output->len + more > output->size)
	{
		output->size = Min(Max(output->size * 2, output->len + more), output->limit);
		output->data = repalloc_huge(output->data, output->size);
	}
	return true;
}

/* Head of a tuple, of a size that keeps each tuple aligned. */
#define TUPLE_HEAD	MAXALIGN(sizeof(uint32))

/*
 * Append a tuple to the data.
 */
static void
keep_tuple(CsOutput *output, HeapTuple tuple)
{
	Size		size = TUPLE_HEAD + MAXALIGN(tuple->t_len);
	char	   *place;

	if (!reserve(output, size))
		return;
	place = output->data + output->len;
	memset(place, 0, size);
	memcpy(place, &tuple->t_len, sizeof(uint32));
	memcpy(place + TUPLE_HEAD, tuple->t_data, tuple->t_len);
	output->len += size;
}

/*
 * Inline a toasted value, which may stay compressed, and flatten an expanded
 * one.
 */
static Datum
inlined(Datum value, Form_pg_attribute att)
{
	if (att->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		return PointerGetDatum(detoast_external_attr((struct varlena *)
													 DatumGetPointer(value)));
	return value;
}

/* Form a tuple in the row type's shape, which may have dropped columns. */
static HeapTuple
form_tuple(CsOutput *output, TupleTableSlot *slot)
{
	int			natts = output->tupdesc->natts;
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	slot_getallattrs(slot);
	for (int i = 0; i < natts; i++)
	{
		int			from = output->map != NULL ? output->map->attrMap->attnums[i] - 1 : i;

		nulls[i] = from < 0 || slot->tts_isnull[from];
		if (!nulls[i])
			values[i] = inlined(slot->tts_values[from], TupleDescAttr(output->tupdesc, i));
	}
	return heap_form_tuple(output->tupdesc, values, nulls);
}

/*
 * Receive one row.
 */
static void
receive_row(CsOutput *output, TupleTableSlot *slot)
{
	HeapTuple	tuple = form_tuple(output, slot);

	if (OidIsValid(output->domain))
		domain_check(HeapTupleHeaderGetDatum(tuple->t_data), false, output->domain,
					 &output->domain_check, output->context);
	tuplestore_puttuple(output->rows, tuple);
	keep_tuple(output, tuple);
}

/*
 * Refuse a cast to json by a function of another role.  to_jsonb() uses such
 * casts, which the owner of a type can create, and would run them as the
 * caller, although the query itself does not.
 */
static void
check_cast(Oid function, Oid type)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		cs_analysis_dropped_error();
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	if (owner != GetUserId() && !superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cast function %s of another role would be run to make json of type %s",
						format_procedure(function), format_type_be(type)),
				 errhint("Cast the column in the query, or give the row type that the query returns.")));
}

/*
 * Check the casts to json of a type and of its components.
 */
static void
check_casts(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);
	Oid			function;

	if (OidIsValid(element))
		check_casts(element);
	else if (get_typtype(base) == TYPTYPE_COMPOSITE)
	{
		TupleDesc	tupdesc = cs_analysis_type_columns(base);

		for (int i = 0; i < tupdesc->natts; i++)
			if (!TupleDescAttr(tupdesc, i)->attisdropped)
				check_casts(TupleDescAttr(tupdesc, i)->atttypid);
		ReleaseTupleDesc(tupdesc);
	}
	else if (base >= FirstNormalObjectId &&
			 find_coercion_pathway(JSONOID, base, COERCION_EXPLICIT, &function) ==
			 COERCION_PATH_FUNC)
		check_cast(function, base);
}

/*
 * Check the casts of the values in a record, whose types are known only at run
 * time.
 */
static void
check_record(Datum value, Oid type)
{
	HeapTupleHeader row;
	HeapTupleData tuple;
	TupleDesc	tupdesc;

	if (type == RECORDARRAYOID)
	{
		ArrayIterator iterator = array_create_iterator(DatumGetArrayTypeP(value), 0, NULL);
		Datum		element;
		bool		isnull;

		while (array_iterate(iterator, &element, &isnull))
			if (!isnull)
				check_record(element, RECORDOID);
		return;
	}
	row = DatumGetHeapTupleHeader(value);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	tupdesc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
									 HeapTupleHeaderGetTypMod(row));
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);
		bool		isnull;
		Datum		column;

		if (att->attisdropped)
			continue;
		column = heap_getattr(&tuple, i + 1, tupdesc, &isnull);
		if (att->atttypid != RECORDOID && att->atttypid != RECORDARRAYOID)
			check_casts(att->atttypid);
		else if (!isnull)
			check_record(column, att->atttypid);
	}
	ReleaseTupleDesc(tupdesc);
}

/*
 * Check the records in a row.
 */
static void
check_records(const CsOutput *output, const TupleTableSlot *slot)
{
	for (int i = 0; i < output->input->natts; i++)
	{
		Oid			type = TupleDescAttr(output->input, i)->atttypid;

		if ((type == RECORDOID || type == RECORDARRAYOID) && !slot->tts_isnull[i])
			check_record(slot->tts_values[i], type);
	}
}

/*
 * Prepare calls of to_jsonb(), which must be told that its argument is a
 * record.
 */
static void
prepare_to_jsonb(CsOutput *output)
{
	List	   *args = list_make1(makeNullConst(RECORDOID, -1, InvalidOid));

	for (int i = 0; i < output->input->natts; i++)
		check_casts(TupleDescAttr(output->input, i)->atttypid);
	fmgr_info_cxt(F_TO_JSONB, &output->to_jsonb, output->context);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, args, InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   &output->to_jsonb);
}

/*
 * Receive one row as json.  The array refers to the row's jsonb until it is
 * complete.
 */
static void
receive_json(CsOutput *output, TupleTableSlot *slot)
{
	HeapTuple	tuple;
	Jsonb	   *object;
	JsonbValue	element;

	slot_getallattrs(slot);
	check_records(output, slot);
	tuple = heap_form_tuple(output->input, slot->tts_values, slot->tts_isnull);
	object = DatumGetJsonbP(FunctionCall1(&output->to_jsonb,
										  HeapTupleHeaderGetDatum(tuple->t_data)));
	MemoryContextSwitchTo(output->context);
	element.type = jbvBinary;
	element.val.binary.len = VARSIZE(object) - VARHDRSZ;
	element.val.binary.data = palloc(element.val.binary.len);
	memcpy(element.val.binary.data, &object->root, element.val.binary.len);
	pushJsonbValue(&output->state, WJB_ELEM, &element);
}

/*
 * Callback of the executor for one row.
 */
static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	CsOutput   *output = ((Receiver *) self)->output;
	MemoryContext old = MemoryContextSwitchTo(output->row_context);

	if (OidIsValid(output->rowtype))
		receive_row(output, slot);
	else
		receive_json(output, slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(output->row_context);
	return true;
}

/*
 * Callback of the executor at the start.
 */
static void
startup(DestReceiver *self, int operation, TupleDesc input)
{
	CsOutput   *output = ((Receiver *) self)->output;
	MemoryContext old = MemoryContextSwitchTo(output->context);

	output->row_context = AllocSetContextCreate(output->context, "cache_strategies row",
												ALLOCSET_DEFAULT_SIZES);
	if (OidIsValid(output->rowtype))
		output->map = convert_tuples_by_position(input, output->tupdesc,
												 "the columns of the query do not match the row type");
	else
	{
		output->input = BlessTupleDesc(CreateTupleDescCopy(input));
		prepare_to_jsonb(output);
		pushJsonbValue(&output->state, WJB_BEGIN_ARRAY, NULL);
	}
	MemoryContextSwitchTo(old);
}

static void
shutdown(DestReceiver *self)
{
}

static void
destroy(DestReceiver *self)
{
	pfree(self);
}

/*
 * DestReceiver for the rows.  They are complete after cs_result_output_end().
 */
DestReceiver *
cs_result_output_receiver(CsOutput *output)
{
	Receiver   *receiver = palloc0(sizeof(Receiver));

	receiver->pub.receiveSlot = receive;
	receiver->pub.rStartup = startup;
	receiver->pub.rShutdown = shutdown;
	receiver->pub.rDestroy = destroy;
	receiver->pub.mydest = DestTuplestore;
	receiver->output = output;
	return &receiver->pub;
}

/*
 * Complete the output.
 */
void
cs_result_output_end(CsOutput *output)
{
	MemoryContext old = MemoryContextSwitchTo(output->context);

	if (!OidIsValid(output->rowtype))
	{
		output->json = JsonbValueToJsonb(pushJsonbValue(&output->state, WJB_END_ARRAY, NULL));
		if (reserve(output, VARSIZE(output->json)))
		{
			memcpy(output->data, output->json, VARSIZE(output->json));
			output->len = VARSIZE(output->json);
		}
	}
	else
		/* make the data non-NULL even without rows */
		(void) reserve(output, 0);
	MemoryContextDelete(output->row_context);
	MemoryContextSwitchTo(old);
}

/* ----- replaying ----- */

/* Replay a kept result. */
void
cs_result_output_replay(CsOutput *output, const CsKept *kept)
{
	const char *place = kept->data;
	const char *end = kept->data + kept->len;

	if (!OidIsValid(output->rowtype))
	{
		output->json = palloc(kept->len);
		memcpy(output->json, kept->data, kept->len);
		return;
	}
	while (place < end)
	{
		HeapTupleData tuple;

		memcpy(&tuple.t_len, place, sizeof(uint32));
		tuple.t_data = (HeapTupleHeader) (place + TUPLE_HEAD);
		ItemPointerSetInvalid(&tuple.t_self);
		tuple.t_tableOid = InvalidOid;
		tuplestore_puttuple(output->rows, &tuple);
		place += TUPLE_HEAD + MAXALIGN(tuple.t_len);
	}
}

/* ----- comparing ----- */

static bool
list_tuples(const char *data, Size len, CsRowSet *rows)
{
	for (Size place = 0; place < len;)
	{
		uint32		size;

		memcpy(&size, data + place, sizeof(uint32));
		if (len - place < TUPLE_HEAD || size > len - place - TUPLE_HEAD)
			return false;
		cs_rowset_add(rows, data + place + TUPLE_HEAD, size);
		place += TUPLE_HEAD + MAXALIGN(size);
	}
	return true;
}

/*
 * List the rows in the data of a result; false: these are none.
 */
bool
cs_result_output_rows(const CsOutput *output, const char *data, Size len, CsRowSet *rows)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	cs_rowset_begin(rows, OidIsValid(output->rowtype) ? output->tupdesc : NULL);
	if (OidIsValid(output->rowtype))
		return list_tuples(data, len, rows);
	iterator = JsonbIteratorInit(&((Jsonb *) data)->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			cs_rowset_add(rows, (char *) value.val.binary.data, value.val.binary.len);
	return true;
}
