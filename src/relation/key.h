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
#include "executor/tuptable.h"
#include "fmgr.h"
#include "store/store.h"

typedef enum CsKeyClass
{
	CS_KEY_IMAGE,				/* equal values have equal bytes */
	CS_KEY_BPCHAR,				/* so do these, without trailing blanks */
	CS_KEY_HASHED				/* the bytes are two hashes; equality must be
								 * checked */
} CsKeyClass;

/* One column of a primary key. */
typedef struct CsKeyColumn
{
	AttrNumber	attnum;
	NameData	name;
	Oid			type;			/* base type of a domain */
	int16		typlen;
	bool		typbyval;
	Oid			collation;		/* of the index */
	CsKeyClass	class;
	Oid			opfamily;		/* of the index */
	Oid			operand;		/* operand type of the index: the type, or one
								 * that it is binary compatible with */
	Oid			equality;		/* operator */
	char	   *eqop;			/* OPERATOR(schema.=), quoted */
	FmgrInfo	eqproc;
	FmgrInfo	hashproc;		/* for CS_KEY_HASHED */
	Oid			typinput;
	Oid			typioparam;
} CsKeyColumn;

/* The values of a key, and its bytes after cs_key_make(). */
typedef struct CsRowKey
{
	int			n;
	Datum		value[INDEX_MAX_KEYS];
	CsKey		key;
	char		space[64];		/* for the bytes, if they fit */
} CsRowKey;

struct CsBinding;

/* A row as a HeapTupleData. */
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

extern Oid	cs_key_literal_type(const CsKeyColumn *column);
extern void cs_key_make(const struct CsBinding *binding, CsRowKey *rowkey);
extern bool cs_key_of_slot(const struct CsBinding *binding, TupleTableSlot *slot,
						   CsRowKey *rowkey);
extern bool cs_key_equal(const struct CsBinding *binding, const CsRowKey *rowkey,
						 HeapTupleHeader row);
extern bool cs_key_decode(const struct CsBinding *binding, const char *data,
						  uint32 len, CsRowKey *rowkey);
extern char *cs_key_names(const struct CsBinding *binding);
extern bool cs_key_is_equalimage(Oid opfamily, Oid opcintype, Oid collation);
extern char *cs_key_operator_name(Oid operator);

#endif							/* CS_KEY_H */
