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
	Oid			opfamily;		/* the index's */
	Oid			operand;		/* what it compares: the type, or one that it
								 * is binary compatible with */
	Oid			equality;		/* operator */
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

extern bool cs_key_describe(CsKeyColumn *column, Oid opfamily, Oid opcintype,
							Oid collation, TupleDesc tupdesc, AttrNumber attnum);

/*
 * What "column = 'literal'" takes the literal for: the column's type, but text
 * for varchar, as which it is compared, and whatever is an inet for cidr.
 */
extern Oid	cs_key_literal_type(const CsKeyColumn *column);
extern void cs_key_make(const struct CsBinding *binding, CsRowKey *rowkey);
extern bool cs_key_equal(const struct CsBinding *binding, const CsRowKey *rowkey,
						 HeapTupleHeader row);
extern bool cs_key_decode(const struct CsBinding *binding, const char *data,
						  uint32 len, CsRowKey *rowkey);
extern char *cs_key_names(const struct CsBinding *binding);
extern char *cs_key_operator_name(Oid operator);

#endif							/* CS_KEY_H */
