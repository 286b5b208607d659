/*-------------------------------------------------------------------------
 *
 * kv.h
 *		Keys and values: reading, and changing them at the end of the
 *		transaction or at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KV_H
#define CS_KV_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "kv/space.h"
#include "store/store.h"

/* The first byte of a key in the store. */
#define CS_KV_KEY		'k'		/* what users set */
#define CS_KV_TAG		't'		/* a tag; its value is its version alone */
#define CS_KV_RESULT	'r'		/* what cache.remember() keeps */
#define CS_KV_NAME		'n'		/* a remembered key, as a tag of its results */

typedef enum CsKvType
{
	CS_KV_TEXT,					/* in the database's encoding */
	CS_KV_JSONB,				/* as on disk, without the varlena header */
	CS_KV_BYTEA,
	CS_KV_BIGINT,				/* an int64 */
	CS_KV_NUMERIC,				/* as on disk, without the varlena header */
	CS_KV_NONE					/* a tag: no value */
} CsKvType;

/* A key of a space. */
typedef struct CsKvKey
{
	const CsSpace *space;
	CsKey		key;			/* owner: the space's slot; data: kind, bytes */
} CsKvKey;

/* A tag that a value carries: it holds as long as the tag has this version. */
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
	int64		ttl;			/* as last set, microseconds; 0: none */
	TimestampTz expires;		/* 0: never */
	int			ntags;
	CsKvTag    *tags;
} CsKvValue;

extern void cs_kv_init(void);

/* palloc'd; an error (22023, 54000) if the bytes are too long for a key */
extern void cs_kv_key(CsKvKey *result, const CsSpace *space, char kind,
					  const char *data, Size len);

/*
 * What the key holds for this transaction: what it has changed itself, else
 * what was committed last.  False: nothing, or it has expired, or a tag of it
 * has been invalidated.  Palloc'd.
 */
extern bool cs_kv_read(const CsKvKey *key, CsKvValue *value);

/* The same without a copy of the value, and not counted as a read. */
extern bool cs_kv_exists(const CsKvKey *key);

/*
 * The data of a value that cs_kv_read() returned, as a varlena, made without
 * copying them.
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
	CS_KV_KEEP,					/* leave it as it is */
	CS_KV_PUT,					/* *new is what it holds from now on */
	CS_KV_REMOVE
} CsKvVerdict;

/*
 * What is to become of a key?  'old' is NULL when it holds nothing, or when the
 * caller did not ask for it.  May throw; with 'immediate', may be called more
 * than once.
 */
typedef CsKvVerdict (*CsKvChangeFn) (const CsKvValue *old, CsKvValue *new, void *arg);

typedef struct CsKvHow
{
	bool		immediate;		/* at once, whatever becomes of the
								 * transaction */
	bool		blind;			/* 'old' is of no interest */
	bool		best_effort;	/* rather remove the key than fail for lack of
								 * room */
} CsKvHow;

/*
 * Change a key.  Not immediate: under the key's lock, which is held until the
 * end of the (sub)transaction, so nobody else changes it meanwhile; seen by
 * this transaction now and by others once it has committed.  Errors: 54000 too
 * large, 53200 no room (immediate only; otherwise at commit), 55006 when it is
 * immediate and this transaction has changed the key itself.  Returns false if the
 * value was not put, for lack of room; the key is removed then, so that nobody goes
 * on with an older value.
 */
extern bool cs_kv_change(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg);

/*
 * So many keys of the space are about to be changed, not immediately: if they are
 * too many for locks of their own, the space is locked as a whole.
 */
extern void cs_kv_announce(const CsSpace *space, int64 nkeys);

/*
 * The present version of a tag, which is made if there is none; for values that
 * are to carry it.
 */
extern void cs_kv_tag(const CsSpace *space, char kind, const char *name, Size len,
					  CsKvTag *tag);

/*
 * The same for who can do without: false where it would have to wait for another
 * transaction, or to fail because there is no room.
 */
extern bool cs_kv_tag_try(const CsSpace *space, char kind, const char *name, Size len,
						  CsKvTag *tag);

/* Do all these tags still have the versions given? */
extern bool cs_kv_tags_hold(const CsSpace *space, const CsKvTag *tags, int ntags);

/*
 * Every value of the tag is gone, once this transaction has committed or at once.
 * False: there was no such tag, so no value that had it.
 */
extern bool cs_kv_invalidate_tag(const CsSpace *space, char kind, const char *name,
								 Size len, bool immediate);

/*
 * The user's keys (kind CS_KV_KEY) that begin with these bytes and follow
 * 'after' (NULL: from the first), in the order of their bytes, 'max' at most (0:
 * all), as this transaction sees them.  A list of text *, palloc'd.
 */
extern List *cs_kv_keys(const CsSpace *space, const char *prefix, Size prefix_len,
						const text *after, int64 max);

/*
 * Those that are at some place and those that follow, until there are 'count' or
 * so.  'place' is 0 to begin with, and moved to where to go on; false at the end.
 * A key that is there all the time, from the first call to the last, is in one of
 * the lists at least.
 */
extern bool cs_kv_scan(const CsSpace *space, const char *prefix, Size prefix_len,
					   int64 count, uint64 *place, List **keys);

#endif							/* CS_KV_H */
