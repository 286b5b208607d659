/*-------------------------------------------------------------------------
 *
 * key.h
 *		Canonical bytes of a row's key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEY_H
#define CS_KEY_H

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "compat.h"
#include "fmgr.h"
#include "store/store.h"

typedef enum CsKeyClass
{
	CS_KEY_IMAGE,				/* equal values have equal bytes */
	CS_KEY_BPCHAR,				/* so do these, without trailing blanks */
	CS_KEY_HASHED				/* bytes are two hashes; equality is asked for */
} CsKeyClass;

/* One column of a primary key. */
typedef struct CsKeyColumn
{
	AttrNumber	attnum;
	NameData	name;
	Oid			type;			/* domains looked through */
	int16		typlen;
	bool		typbyval;
	Oid			collation;		/* the index's */
	CsKeyClass	class;
	char	   *eqop;			/* OPERATOR(schema.=), quoted */
	FmgrInfo	eqproc;
	FmgrInfo	hashproc;		/* CS_KEY_HASHED */
	Oid			typinput;
	Oid			typioparam;
} CsKeyColumn;

/* A key's values, and its bytes once they have been made. */
typedef struct CsRowKey
{
	int			n;
	Datum		value[INDEX_MAX_KEYS];
	CsKey		key;
	char		space[64];		/* the bytes, if they fit */
} CsRowKey;

struct CsBinding;

/* A row, as the functions that take tuples want it. */
static inline HeapTupleData
cs_row_tuple(HeapTupleHeader row)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	return tuple;
}

/* Describe a column of the primary key; false if its type cannot be a key. */
extern bool cs_key_describe(CsKeyColumn *column, Oid opfamily, Oid opcintype,
							Oid collation, TupleDesc tupdesc, AttrNumber attnum);
extern void cs_key_make(const struct CsBinding *binding, CsRowKey *rowkey);
extern bool cs_key_equal(const struct CsBinding *binding, const CsRowKey *rowkey,
						 HeapTupleHeader row);
extern bool cs_key_decode(const struct CsBinding *binding, const char *data,
						  uint32 len, CsRowKey *rowkey);

/* How a function argument becomes a key value. */
typedef enum CsCoercion
{
	CS_COERCE_NONE,				/* same type, or binary compatible */
	CS_COERCE_INPUT,			/* unknown literal: the type's input function */
	CS_COERCE_FUNCTION,			/* an implicit cast */
	CS_COERCE_NARROW,			/* a wider integer */
	CS_COERCE_TEXT				/* text for character(n) or name, which SELECT
								 * compares as text */
} CsCoercion;

typedef struct CsKeyArg
{
	Oid			type;
	CsCoercion	coercion;
	FmgrInfo	function;
} CsKeyArg;

extern void cs_key_arg_prepare(const struct CsBinding *binding, int column,
							   Oid argtype, CsKeyArg *arg, MemoryContext context);

/* The column's value; false if no row can have it. */
extern bool cs_key_arg_value(const CsKeyColumn *column, CsKeyArg *arg,
							 Datum given, Datum *value);
cs_noreturn extern void cs_key_count_error(const struct CsBinding *binding, int given);
extern char *cs_key_names(const struct CsBinding *binding);

#endif							/* CS_KEY_H */
