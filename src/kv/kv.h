/*-------------------------------------------------------------------------
 *
 * kv.h
 *		Keys and values: what they are, and reading them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KV_H
#define CS_KV_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "kv/space.h"
#include "store/store.h"

/* Kinds: the first byte of a key in the store */
#define CS_KV_KEY		'k'		/* a key set by users */
#define CS_KV_TAG		't'		/* a tag; its value is only its version */
#define CS_KV_RESULT	'r'		/* a result kept by cache.remember() */
#define CS_KV_STATEMENT	's'		/* the result of a plain statement */
#define CS_KV_NAME		'n'		/* a remembered key, as a tag of its results */

typedef enum CsKvType
{
	CS_KV_TEXT,					/* in the database's encoding */
	CS_KV_JSONB,				/* as on disk, without the varlena header; so
								 * is numeric */
	CS_KV_BYTEA,
	CS_KV_BIGINT,				/* an int64 */
	CS_KV_NUMERIC,				/* see jsonb */
	CS_KV_NONE					/* a tag, which has no value */
} CsKvType;

/* A key in a space. */
typedef struct CsKvKey
{
	const CsSpace *space;
	CsKey		key;			/* owner is the space's slot; data is the
								 * kind, then the bytes */
} CsKvKey;

/*
 * A tag carried by a value.  The value is valid while the tag has this
 * version.
 */
typedef struct CsKvTag
{
	const char *name;
	uint16		len;
	char		kind;			/* CS_KV_TAG or CS_KV_NAME */
	uint64		version;
} CsKvTag;

typedef struct CsKvValue
{
	CsKvType	type;
	const char *data;
	Size		len;
	int64		ttl;			/* as last set, in microseconds; 0 if none */
	TimestampTz expires;		/* 0 if never */
	int			ntags;
	CsKvTag    *tags;
} CsKvValue;

extern void cs_kv_init(void);
extern void cs_kv_key(CsKvKey *result, const CsSpace *space, char kind,
					  const char *data, Size len);
extern void cs_kv_trace(const CsKvKey *key, const char *operation, const char *outcome,
						const char *reason, int64 nanos);
extern bool cs_kv_read(const CsKvKey *key, CsKvValue *value);
extern bool cs_kv_exists(const CsKvKey *key);

/*
 * The data of a value returned by cs_kv_read(), as a varlena, without a copy.
 * Overwrites the bytes in front of the data.
 */
static inline struct varlena *
cs_kv_varlena(const CsKvValue *value)
{
	struct varlena *result = (struct varlena *) (value->data - VARHDRSZ);

	SET_VARSIZE(result, value->len + VARHDRSZ);
	return result;
}

/* for the files of this folder */

struct CsXactKeyState;

extern void cs_kv_key_in(CsKvKey *result, const CsSpace *space, char kind,
						 const char *data, Size len, char *bytes);
extern bool cs_kv_holds(const CsKvKey *key, const CsKvValue *value);
extern bool cs_kv_peek_own(const CsKvKey *key, const struct CsXactKeyState *state,
						   CsKvValue *value);
extern bool cs_kv_read_store(const CsKvKey *key, bool pass, CsKvValue *value);

#endif							/* CS_KV_H */
