/*-------------------------------------------------------------------------
 *
 * kv_value.h
 *		How SQL values become values of keys, and back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KV_VALUE_H
#define CS_KV_VALUE_H

#include "fmgr.h"

#include "compat.h"
#include "kv/kv.h"

/* How values of a type are kept.  Kept in fn_extra. */
typedef struct CsTaker
{
	Oid			type;
	CsKvType	kept;			/* unless it is a number that is none */
	bool		casts;			/* by 'function', else it is the output function */
	FmgrInfo	function;		/* fn_oid 0: it is taken as it is */
} CsTaker;

/* For values of this type, or elements of an array of it. */
extern const CsTaker *cs_kv_value_taker(FunctionCallInfo fcinfo, Oid type);

/* The value, which points into the datum, or into a copy. */
extern void cs_kv_value_take(const CsTaker *taker, Datum datum, CsKvValue *value);

/* The type that compare_and_set() compares such values in. */
extern CsKvType cs_kv_value_compared(const CsTaker *taker);

/* Which of text, jsonb and bytea the function returns, or has as a column. */
extern CsKvType cs_kv_value_type(Oid type);
extern CsKvType cs_kv_value_rettype(FunctionCallInfo fcinfo);

/* A value that a change was told of, as one's own. */
extern void cs_kv_value_copy(const CsKvValue *value, CsKvValue *copy);

/*
 * What a function that returns that type gives for the value, which it uses up:
 * one that was read, or a copy.  Error 42804 if there is no such thing, 22P02 if
 * it is text that is not JSON.
 */
extern Datum cs_kv_value_datum(const CsKvValue *value, CsKvType type, const text *key);

/* A number as it is kept, back as a datum; the first uses the value up as well. */
extern Datum cs_kv_value_numeric(const CsKvValue *value);
extern int64 cs_kv_value_bigint(const CsKvValue *value);

/* 42804: the value of the key is of a type for which this is not made. */
cs_noreturn extern void cs_kv_value_type_error(const text *key, const CsKvValue *value,
											const char *hint);

#endif							/* CS_KV_VALUE_H */
