/*-------------------------------------------------------------------------
 *
 * key.c
 *		Canonical bytes of a row's key, and key values from arguments.
 *
 * Two values that the primary key holds equal must give the same bytes, or a
 * change made under one spelling would miss the entry kept under another.
 * Types whose btree equality is equality of their image (equalimage, as
 * deduplication uses it) are taken as they are; character(n) without its
 * trailing blanks; others (numeric, citext, floats, text under a
 * nondeterministic collation) by two independent 64-bit hashes from their hash
 * operator class, and whoever reads such an entry asks the type whether the
 * values really are equal.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/tupmacs.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "store/keyhash.h"
#include "table/binding.h"
#include "table/key.h"

/* of 64 bits each, instead of a value without image equality */
#define CS_KEY_HASHES	2

/* ----- what kind of key column is it? ----- */

static bool
is_equalimage(Oid opfamily, Oid opcintype, Oid collation)
{
	Oid			proc = get_opfamily_proc(opfamily, opcintype, opcintype,
										 BTEQUALIMAGE_PROC);

	return OidIsValid(proc) &&
		DatumGetBool(OidFunctionCall1Coll(proc, collation,
										  ObjectIdGetDatum(opcintype)));
}

static char *
operator_name(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

bool
cs_key_describe(CsKeyColumn *column, Oid opfamily, Oid opcintype, Oid collation,
				TupleDesc tupdesc, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(tupdesc, attnum - 1);
	TypeCacheEntry *type;
	Oid			eqop = get_opfamily_member(opfamily, opcintype, opcintype,
										   BTEqualStrategyNumber);

	column->attnum = attnum;
	namestrcpy(&column->name, NameStr(att->attname));
	column->type = getBaseType(att->atttypid);
	column->typlen = att->attlen;
	column->typbyval = att->attbyval;
	column->collation = collation;
	column->eqop = operator_name(eqop);
	fmgr_info_cxt(get_opcode(eqop), &column->eqproc, CurrentMemoryContext);
	getTypeInputInfo(column->type, &column->typinput, &column->typioparam);

	if (is_equalimage(opfamily, opcintype, collation))
		column->class = column->type == BPCHAROID ? CS_KEY_BPCHAR : CS_KEY_IMAGE;
	else
	{
		column->class = CS_KEY_HASHED;
		type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR |
								 TYPECACHE_HASH_EXTENDED_PROC);
		if (!OidIsValid(type->hash_extended_proc))
			return false;
		fmgr_info_cxt(type->hash_extended_proc, &column->hashproc,
					  CurrentMemoryContext);
	}
	return true;
}

char *
cs_key_names(const CsBinding *binding)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "",
						 NameStr(binding->keys[i].name));
	return buf.data;
}

/* ----- bytes ----- */

typedef struct KeyBuffer
{
	char	   *data;
	Size		len;
	Size		size;
	char	   *space;			/* not palloc'd */
} KeyBuffer;

static char *
buffer_extend(KeyBuffer *buf, Size more)
{
	char	   *place;

	if (buf->len + more > buf->size)
	{
		Size		size = Max(buf->size * 2, buf->len + more);
		char	   *bigger = MemoryContextAllocHuge(CurrentMemoryContext, size);

		memcpy(bigger, buf->data, buf->len);
		if (buf->data != buf->space)
			pfree(buf->data);
		buf->data = bigger;
		buf->size = size;
	}
	place = buf->data + buf->len;
	buf->len += more;
	return place;
}

static void
append_bytes(KeyBuffer *buf, const void *bytes, uint32 len)
{
	memcpy(buffer_extend(buf, sizeof(len)), &len, sizeof(len));
	memcpy(buffer_extend(buf, len), bytes, len);
}

static void
append_image(KeyBuffer *buf, const CsKeyColumn *column, Datum value)
{
	if (column->typbyval)
		store_att_byval(buffer_extend(buf, column->typlen), value, column->typlen);
	else if (column->typlen > 0)
		memcpy(buffer_extend(buf, column->typlen), DatumGetPointer(value),
			   column->typlen);
	else
	{
		struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
		uint32		len = VARSIZE_ANY_EXHDR(packed);

		if (column->class == CS_KEY_BPCHAR)
			len = bpchartruelen(VARDATA_ANY(packed), len);
		append_bytes(buf, VARDATA_ANY(packed), len);
		if ((Pointer) packed != DatumGetPointer(value))
			pfree(packed);
	}
}

static void
append_hashes(KeyBuffer *buf, CsKeyColumn *column, Datum value)
{
	for (int i = 0; i < CS_KEY_HASHES; i++)
	{
		uint64		hash = DatumGetUInt64(FunctionCall2Coll(&column->hashproc,
															column->collation,
															value,
															UInt64GetDatum(cs_keyhash_seed(i))));

		memcpy(buffer_extend(buf, sizeof(hash)), &hash, sizeof(hash));
	}
}

/* From values to bytes and hash. */
void
cs_key_make(const CsBinding *binding, CsRowKey *rowkey)
{
	KeyBuffer	buf = {rowkey->space, 0, sizeof(rowkey->space), rowkey->space};

	for (int i = 0; i < binding->nkeys; i++)
	{
		CsKeyColumn *column = &binding->keys[i];

		if (column->class == CS_KEY_HASHED)
			append_hashes(&buf, column, rowkey->value[i]);
		else
			append_image(&buf, column, rowkey->value[i]);
	}
	rowkey->n = binding->nkeys;
	rowkey->key.data = buf.data;
	rowkey->key.len = (uint32) buf.len;
	rowkey->key.owner = (uint32) binding->slot;
	rowkey->key.hash = cs_keyhash(buf.data, buf.len, binding->seed);
}

/* Does the row really have this key?  Only hashed columns leave a doubt. */
bool
cs_key_equal(const CsBinding *binding, const CsRowKey *rowkey, HeapTupleHeader row)
{
	HeapTupleData tuple;

	if (!binding->hashed)
		return true;
	tuple = cs_row_tuple(row);
	for (int i = 0; i < binding->nkeys; i++)
	{
		CsKeyColumn *column = &binding->keys[i];
		bool		isnull;
		Datum		value;

		if (column->class != CS_KEY_HASHED)
			continue;
		value = heap_getattr(&tuple, column->attnum, binding->tupdesc, &isnull);
		if (isnull ||
			!DatumGetBool(FunctionCall2Coll(&column->eqproc, column->collation,
											value, rowkey->value[i])))
			return false;
	}
	return true;
}

/* From bytes back to values, for keys without hashed columns. */
bool
cs_key_decode(const CsBinding *binding, const char *data, uint32 len,
			  CsRowKey *rowkey)
{
	const char *end = data + len;

	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *column = &binding->keys[i];
		uint32		size = column->typlen;

		if (column->class == CS_KEY_HASHED)
			return false;
		if (column->typlen < 0)
		{
			if (end - data < (ptrdiff_t) sizeof(size))
				return false;
			memcpy(&size, data, sizeof(size));
			data += sizeof(size);
		}
		if (end - data < (ptrdiff_t) size)
			return false;
		if (column->typlen < 0)
			rowkey->value[i] = PointerGetDatum(cstring_to_text_with_len(data, size));
		else
		{
			char	   *copy = palloc(MAXALIGN(size));

			memcpy(copy, data, size);
			rowkey->value[i] = fetch_att(copy, column->typbyval, column->typlen);
		}
		data += size;
	}
	if (data != end)
		return false;
	cs_key_make(binding, rowkey);
	return true;
}

/* ----- arguments ----- */

void
cs_key_count_error(const CsBinding *binding, int given)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("wrong number of key values for table \"%s\"", binding->name),
			 errdetail_plural("The primary key (%s) needs %d value, but %d were given.",
							  "The primary key (%s) needs %d values, but %d were given.",
							  binding->nkeys, cs_key_names(binding),
							  binding->nkeys, given)));
}

static int
integer_width(Oid type)
{
	return type == INT2OID ? 2 : type == INT4OID ? 4 : type == INT8OID ? 8 : 0;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/*
 * The coercion must give what "column = value" would compare with, in a SELECT.
 */
static bool
choose_coercion(const CsKeyColumn *column, Oid given, CsKeyArg *arg, Oid *function)
{
	if (given == UNKNOWNOID)
		arg->coercion = CS_COERCE_INPUT;
	else if (given == column->type)
		arg->coercion = CS_COERCE_NONE;
	else if (column->type == FLOAT4OID)
		return false;			/* compared as float8, which no key could be */
	else if (given == BPCHAROID && (column->type == VARCHAROID || column->type == NAMEOID))
		return false;			/* compared without blanks, or as text */
	else if (integer_width(given) > integer_width(column->type) &&
			 integer_width(column->type) > 0)
		arg->coercion = CS_COERCE_NARROW;
	else
	{
		CoercionPathType path = find_coercion_pathway(column->type, given,
													  COERCION_IMPLICIT, function);

		if (path == COERCION_PATH_FUNC)
			arg->coercion = CS_COERCE_FUNCTION;
		else if (path == COERCION_PATH_RELABELTYPE || IsBinaryCoercible(given, column->type))
			arg->coercion = CS_COERCE_NONE;
		else
			return false;
	}
	if ((column->type == BPCHAROID && given == TEXTOID) ||
		(column->type == NAMEOID && is_text(given)))
		arg->coercion = CS_COERCE_TEXT;
	return true;
}

void
cs_key_arg_prepare(const CsBinding *binding, int i, Oid argtype, CsKeyArg *arg,
				   MemoryContext context)
{
	const CsKeyColumn *column = &binding->keys[i];
	Oid			function = InvalidOid;
	Oid			given;

	arg->type = argtype;
	arg->coercion = CS_COERCE_NONE;
	if (argtype == column->type)
		return;					/* the usual case, and no need for catalogues */
	given = getBaseType(argtype);
	if (!choose_coercion(column, given, arg, &function))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("key column \"%s\" of table \"%s\" is of type %s but the value given is of type %s",
						NameStr(column->name), binding->name,
						format_type_be(column->type), format_type_be(argtype)),
				 errhint("Cast the value to %s.", format_type_be(column->type))));
	if (arg->coercion == CS_COERCE_INPUT)
		fmgr_info_cxt(column->typinput, &arg->function, context);
	else if (OidIsValid(function))
		fmgr_info_cxt(function, &arg->function, context);
}

static bool
narrow_integer(const CsKeyColumn *column, Oid given, Datum value, Datum *result)
{
	int64		wide = getBaseType(given) == INT8OID ? DatumGetInt64(value) : DatumGetInt32(value);

	if (column->type == INT2OID)
	{
		*result = Int16GetDatum((int16) wide);
		return wide >= PG_INT16_MIN && wide <= PG_INT16_MAX;
	}
	*result = Int32GetDatum((int32) wide);
	return wide >= PG_INT32_MIN && wide <= PG_INT32_MAX;
}

/* character(n) equals a text only without blanks at its end; a name is short. */
static bool
coerce_text(const CsKeyColumn *column, CsKeyArg *arg, Datum given, Datum *value)
{
	text	   *string = DatumGetTextPP(given);
	int			len = VARSIZE_ANY_EXHDR(string);

	if (column->type == NAMEOID)
	{
		*value = FunctionCall1(&arg->function, PointerGetDatum(string));
		return len < NAMEDATALEN;
	}
	*value = PointerGetDatum(string);
	return len == 0 || VARDATA_ANY(string)[len - 1] != ' ';
}

bool
cs_key_arg_value(const CsKeyColumn *column, CsKeyArg *arg, Datum given, Datum *value)
{
	switch (arg->coercion)
	{
		case CS_COERCE_NONE:
			*value = given;
			return true;
		case CS_COERCE_INPUT:
			*value = InputFunctionCall(&arg->function, DatumGetCString(given),
									   column->typioparam, -1);
			return true;
		case CS_COERCE_FUNCTION:
			/* casts may take a typmod and an explicitness flag as well */
			*value = FunctionCall3Coll(&arg->function, column->collation, given,
									   Int32GetDatum(-1), BoolGetDatum(false));
			return true;
		case CS_COERCE_NARROW:
			return narrow_integer(column, arg->type, given, value);
		case CS_COERCE_TEXT:
			return coerce_text(column, arg, given, value);
	}
	return false;
}
