/*-------------------------------------------------------------------------
 *
 * kv_value.h
 *		Conversion between SQL values and values of keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KV_VALUE_H
#define CS_KV_VALUE_H

#include "fmgr.h"

#include "compat.h"
#include "kv/kv.h"

/* How values of an SQL type are kept.  Lives in fn_extra. */
typedef struct CsTaker
{
	Oid			type;
	CsKvType	kept;			/* as which type of value */
	bool		casts;			/* 'function' is a cast; otherwise the output
								 * function */
	FmgrInfo	function;		/* fn_oid is 0 if the datum is used unchanged */
} CsTaker;

extern const CsTaker *cs_kv_value_taker(FunctionCallInfo fcinfo, Oid type);
extern void cs_kv_value_take(const CsTaker *taker, Datum datum, CsKvValue *value);
extern CsKvType cs_kv_value_compared(const CsTaker *taker);

extern CsKvType cs_kv_value_type(Oid type);
extern CsKvType cs_kv_value_rettype(FunctionCallInfo fcinfo);
extern void cs_kv_value_copy(const CsKvValue *value, CsKvValue *copy);
extern Datum cs_kv_value_datum(const CsKvValue *value, CsKvType type, const text *key);

extern Datum cs_kv_value_numeric(const CsKvValue *value);
extern int64 cs_kv_value_bigint(const CsKvValue *value);

cs_noreturn extern void cs_kv_value_type_error(const text *key, const CsKvValue *value,
											   const char *hint);

#endif							/* CS_KV_VALUE_H */
