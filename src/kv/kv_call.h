/*-------------------------------------------------------------------------
 *
 * kv_call.h
 *		Arguments of the SQL functions on keys and values.
 *
 * The last argument of a reader is the space.  The last arguments of a writer
 * are the space and 'immediate', followed by 'best_effort' if it puts values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KV_CALL_H
#define CS_KV_CALL_H

#include "fmgr.h"

#include "compat.h"
#include "kv/change.h"

/* Arguments common to all writers. */
typedef struct CsVerb
{
	const CsSpace *space;
	CsKvHow		how;
} CsVerb;

/* Array argument. */
typedef struct CsArray
{
	Oid			type;			/* of the elements */
	int			n;
	Datum	   *items;
	bool	   *isnull;
} CsArray;

/* Array of keys or tags. */
typedef struct CsTexts
{
	int			n;
	text	  **items;			/* NULL for a NULL element */
} CsTexts;

extern const CsSpace *cs_kv_call_reader(FunctionCallInfo fcinfo);
extern void cs_kv_call_writer(FunctionCallInfo fcinfo, const char *function, bool reads,
							  CsVerb *verb);
extern void cs_kv_call_putter(FunctionCallInfo fcinfo, const char *function, CsVerb *verb);
extern text *cs_kv_call_text(FunctionCallInfo fcinfo, int arg, const char *what);

extern void cs_kv_call_array(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls,
							 CsArray *result);
extern void cs_kv_call_texts(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls,
							 CsTexts *texts);
extern void cs_kv_call_key(CsKvKey *result, const CsSpace *space, const text *key);
extern void cs_kv_call_no_key(const text *prefix);
extern bool cs_kv_call_change(const CsVerb *verb, const text *key, CsKvChangeFn change,
							  void *arg);
extern int64 cs_kv_call_ttl(FunctionCallInfo fcinfo, int arg, const CsSpace *space);
extern void cs_kv_call_set_ttl(CsKvValue *value, int64 ttl);
extern bool cs_kv_call_tags(FunctionCallInfo fcinfo, int arg, const CsVerb *verb,
							CsKvValue *value);

#endif							/* CS_KV_CALL_H */
