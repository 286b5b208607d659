/*-------------------------------------------------------------------------
 *
 * key.c
 *		Canonical bytes of a row's key.
 *
 * Two values that the primary key considers equal must have the same bytes, or
 * a change made under one spelling would miss the entry kept under another.
 * Types whose btree equality is equality of their image (equalimage, as used
 * by deduplication) are used unchanged, character(n) without trailing blanks.
 * Values of other types (numeric, citext, floats, text under a
 * nondeterministic collation) are represented by two independent 64-bit hashes
 * from their hash operator class; a reader of such an entry then checks by the
 * type's operator that the values are equal.
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
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "relation/binding.h"
#include "relation/key.h"
#include "store/keyhash.h"

/* number of 64-bit hashes for a value without image equality */
#define CS_KEY_HASHES	CS_KEYHASH_SEEDS

/* ----- description of key columns ----- */

/*
 * Whether btree equality is equality of images.
 */
bool
cs_key_is_equalimage(Oid opfamily, Oid opcintype, Oid collation)
{
	Oid			proc = get_opfamily_proc(opfamily, opcintype, opcintype,
										 BTEQUALIMAGE_PROC);

	return OidIsValid(proc) &&
		DatumGetBool(OidFunctionCall1Coll(proc, collation,
										  ObjectIdGetDatum(opcintype)));
}

/*
 * Operator as OPERATOR(schema.name), quoted.
 */
char *
cs_key_operator_name(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("operator with OID %u does not exist", operator),
				 errdetail("It was dropped while keys were compared with it.")));
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

/*
 * Type as which the literal in "column = 'literal'" is read: the column's
 * type, except that it is text for varchar, which is compared as text, and
 * inet for cidr.
 */
Oid
cs_key_literal_type(const CsKeyColumn *column)
{
	return column->type == VARCHAROID ? TEXTOID :
		column->type == CIDROID ? INETOID : column->type;
}

/*
 * Describe a column of the primary key; returns false if its type cannot be a
 * key. Function infos are in the current context.
 */
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
	column->opfamily = opfamily;
	column->operand = IsPolymorphicType(opcintype) || opcintype == RECORDOID ?
		column->type : opcintype;
	column->equality = eqop;
	column->eqop = cs_key_operator_name(eqop);
	fmgr_info_cxt(get_opcode(eqop), &column->eqproc, CurrentMemoryContext);
	getTypeInputInfo(cs_key_literal_type(column), &column->typinput, &column->typioparam);

	if (cs_key_is_equalimage(opfamily, opcintype, collation))
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

/*
 * Names of the key columns, for messages.
 */
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
	char	   *space;			/* the caller's, not palloc'd */
} KeyBuffer;

/*
 * Append space; returns its address.
 */
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

/*
 * Append bytes with their length.
 */
static void
append_bytes(KeyBuffer *buf, const void *bytes, uint32 len)
{
	memcpy(buffer_extend(buf, sizeof(len)), &len, sizeof(len));
	memcpy(buffer_extend(buf, len), bytes, len);
}

/* Append a value passed by value.  The buffer is not aligned. */
static void
append_byval(KeyBuffer *buf, const CsKeyColumn *column, Datum value)
{
	Datum		aligned = 0;

	store_att_byval(&aligned, value, column->typlen);
	memcpy(buffer_extend(buf, column->typlen), &aligned, column->typlen);
}

/*
 * Append a value's image.  Before 15.7, 16.3 and 17 an index-only scan returns
 * names as the index has them, without the zeros behind them.
 */
static void
append_image(KeyBuffer *buf, const CsKeyColumn *column, Datum value)
{
	if (column->typbyval)
		append_byval(buf, column, value);
	else if (column->type == NAMEOID)
		strncpy(buffer_extend(buf, NAMEDATALEN), NameStr(*DatumGetName(value)), NAMEDATALEN);
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

/*
 * Append a value's hashes.
 */
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

/*
 * Set the key's bytes and hash from its values.  May call hash functions of
 * user-defined types.
 */
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

/*
 * Make the key of a row of the binding's own table; false if a column of it is
 * NULL.
 */
bool
cs_key_of_slot(const CsBinding *binding, TupleTableSlot *slot, CsRowKey *rowkey)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		bool		isnull;

		rowkey->value[i] = slot_getattr(slot, binding->keys[i].attnum, &isnull);
		if (isnull)
			return false;
	}
	cs_key_make(binding, rowkey);
	return true;
}

/*
 * Whether the row really has this key.  For keys without hashed columns it
 * always has.
 */
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

/*
 * Set the key's values from its bytes; returns false if it has hashed columns
 * or the bytes do not fit.
 */
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
