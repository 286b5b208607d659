/*-------------------------------------------------------------------------
 *
 * kv_call.h
 *		What the functions on keys and values have in common: their arguments.
 *
 * A reader's last argument is the space; a writer's last are the space and
 * 'immediate', and if it puts values 'best_effort' besides.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KV_CALL_H
#define CS_KV_CALL_H

#include "fmgr.h"

#include "compat.h"
#include "kv/kv.h"

/* The arguments of a writer that all of them have. */
typedef struct CsVerb
{
	const CsSpace *space;
	CsKvHow		how;
} CsVerb;

/* An array. */
typedef struct CsArray
{
	Oid			type;			/* of the elements */
	int			n;
	Datum	   *items;
	bool	   *isnull;
} CsArray;

/* An array of keys or tags. */
typedef struct CsTexts
{
	int			n;
	text	  **items;			/* NULL for NULL */
} CsTexts;

/* Is the library there, and may the role do that?  An error if not. */
extern const CsSpace *cs_kv_call_reader(FunctionCallInfo fcinfo);

/*
 * The same for a function that changes keys; 'reads': what it returns tells
 * what they hold, so it needs the right to read as well.
 */
extern void cs_kv_call_writer(FunctionCallInfo fcinfo, const char *function, bool reads,
							  CsVerb *verb);

/* The same for a function that puts values. */
extern void cs_kv_call_putter(FunctionCallInfo fcinfo, const char *function, CsVerb *verb);

/* An argument that must not be NULL; 'what' names it in the message. */
extern text *cs_kv_call_text(FunctionCallInfo fcinfo, int arg, const char *what);

/* NULL: an empty list if 'nulls' (and NULL elements stay), else an error. */
extern void cs_kv_call_array(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls,
							 CsArray *result);
extern void cs_kv_call_texts(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls,
							 CsTexts *texts);

/* The user's key of a space. */
extern void cs_kv_call_key(CsKvKey *result, const CsSpace *space, const text *key);

/*
 * A hint for who has found no key, and given a pattern where a prefix is taken by
 * its bytes.
 */
extern void cs_kv_call_no_key(const text *prefix);

/* As cs_kv_change(). */
extern bool cs_kv_call_change(const CsVerb *verb, const text *key, CsKvChangeFn change,
							  void *arg);

/*
 * How long, in microseconds, 0 for ever; NULL: as the space says (with a space
 * of NULL: for ever).  An error if it is not longer than zero.
 */
extern int64 cs_kv_call_ttl(FunctionCallInfo fcinfo, int arg, const CsSpace *space);

/* Gives the value its time to live, from now on. */
extern void cs_kv_call_set_ttl(CsKvValue *value, int64 ttl);

/*
 * The tags named in the argument, into the value; false if one of them cannot be
 * had, for 'best_effort'.
 */
extern bool cs_kv_call_tags(FunctionCallInfo fcinfo, int arg, const CsVerb *verb,
							CsKvValue *value);

#endif							/* CS_KV_CALL_H */
