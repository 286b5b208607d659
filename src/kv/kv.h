/*-------------------------------------------------------------------------
 *
 * kv.h
 *		Keys and values: reading them, and changing them either at the end of
 *		the transaction or immediately.
 *
 * A change is made with the transaction unless CsKvHow says otherwise.  It is
 * then visible to its own transaction at once, and to others after commit.
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

typedef enum CsKvVerdict
{
	CS_KV_KEEP,					/* leave the key unchanged */
	CS_KV_PUT,					/* set the key to *new */
	CS_KV_REMOVE
} CsKvVerdict;

/*
 * Decides what becomes of a key.  'old' is NULL if the key holds nothing, or
 * if the caller did not ask for it.  May throw.  With 'immediate', it may be
 * called more than once.
 */
typedef CsKvVerdict (*CsKvChangeFn) (const CsKvValue *old, CsKvValue *new, void *arg);

typedef struct CsKvHow
{
	bool		immediate;		/* at once, independent of the transaction's
								 * outcome */
	bool		blind;			/* 'old' is not needed */
	bool		best_effort;	/* remove the key rather than fail for lack of
								 * room */
} CsKvHow;

extern bool cs_kv_change(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg);
extern void cs_kv_announce(const CsSpace *space, int64 nkeys);
extern void cs_kv_tag(const CsSpace *space, char kind, const char *name, Size len,
					  CsKvTag *tag);
extern bool cs_kv_tag_try(const CsSpace *space, char kind, const char *name, Size len,
						  CsKvTag *tag);
extern bool cs_kv_tags_hold(const CsSpace *space, const CsKvTag *tags, int ntags);
extern bool cs_kv_invalidate_tag(const CsSpace *space, char kind, const char *name,
								 Size len, bool immediate);
extern List *cs_kv_keys(const CsSpace *space, const char *prefix, Size prefix_len,
						const text *after, int64 max);
extern bool cs_kv_scan(const CsSpace *space, const char *prefix, Size prefix_len,
					   int64 count, uint64 *place, List **keys);

#endif							/* CS_KV_H */
