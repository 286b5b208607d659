/*-------------------------------------------------------------------------
 *
 * kv_call.h
 *		What the functions on keys and values have in common: their arguments,
 *		and how values become datums.
 *
 * A writer's last two arguments are always the space and 'immediate'; a
 * reader's last one is the space.
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

/* An array of keys, tags or values. */
typedef struct CsTexts
{
	int			n;
	text	  **items;			/* or jsonb, or bytea; NULL for NULL */
} CsTexts;

/* Is the library there, and may the role do that?  An error if not. */
extern const CsSpace *cs_verb_reader(FunctionCallInfo fcinfo);

/*
 * The same for a function that changes keys; 'reads': what it returns tells
 * what they hold, so it needs the right to read as well.
 */
extern void cs_verb_writer(FunctionCallInfo fcinfo, const char *function, bool reads,
						   CsVerb *verb);

/* An argument that must not be NULL; 'what' names it in the message. */
extern text *cs_verb_text(FunctionCallInfo fcinfo, int arg, const char *what);

/* NULL: an empty list if 'nulls' (and NULL elements stay), else an error. */
extern void cs_verb_texts(FunctionCallInfo fcinfo, int arg, const char *what, bool nulls,
						  CsTexts *texts);

/* The user's key of a space. */
extern void cs_verb_key(CsKvKey *result, const CsSpace *space, const text *key);

extern void cs_verb_change(const CsVerb *verb, const text *key, CsKvChangeFn change,
						   void *arg);

/*
 * How long, in microseconds, 0 for ever; NULL: as the space says (with a space
 * of NULL: for ever).  An error if it is not longer than zero.
 */
extern int64 cs_verb_ttl(FunctionCallInfo fcinfo, int arg, const CsSpace *space);

/* Gives the value its time to live, from now on. */
extern void cs_verb_set_ttl(CsKvValue *value, int64 ttl);

/* The tags named in the argument, into the value. */
extern void cs_verb_tags(FunctionCallInfo fcinfo, int arg, const CsSpace *space,
						 CsKvValue *value);

/* The type of an argument, of which there may be several. */
extern Oid	cs_verb_declared(FunctionCallInfo fcinfo, int arg);

/*
 * Which of text, jsonb and bytea the function takes or returns: there is one C
 * function for the three.
 */
extern CsKvType cs_verb_type(Oid type);
extern CsKvType cs_verb_argtype(FunctionCallInfo fcinfo, int arg);
extern CsKvType cs_verb_rettype(FunctionCallInfo fcinfo);

/* The value, which points into the datum, or into a copy that is not compressed. */
extern void cs_verb_value(CsKvType type, Datum datum, CsKvValue *value);

/* A value that a change was told of, as one's own. */
extern void cs_verb_copy(const CsKvValue *value, CsKvValue *copy);

/*
 * What a function that returns that type gives for the value, which it uses up:
 * one that was read, or a copy.  Error 42804 if there is no such thing, 22P02 if
 * it is text that is not JSON.
 */
extern Datum cs_verb_datum(const CsKvValue *value, CsKvType type, const text *key);

/* A number as it is kept, back as a datum; the first uses the value up as well. */
extern Datum cs_verb_numeric(const CsKvValue *value);
extern int64 cs_verb_bigint(const CsKvValue *value);

/* 42804: the value of the key is of a type for which this is not made. */
cs_noreturn extern void cs_verb_type_error(const text *key, const CsKvValue *value,
										   const char *hint);

#endif							/* CS_KV_CALL_H */
