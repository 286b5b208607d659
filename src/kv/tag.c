/*-------------------------------------------------------------------------
 *
 * tag.c
 *		Tags: what many values have in common, so that they can be dropped at
 *		once.
 *
 * A tag is an entry whose value is its version alone.  A value that carries the
 * tag has a copy of the version and holds as long as there is a tag with it.  So
 * to drop all of them is to remove one entry, and a tag that has been evicted
 * takes its values along.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"

#include "kv/change.h"
#include "kv/commitflag.h"
#include "kv/entry.h"
#include "kv/keylock.h"
#include "kv/kv.h"
#include "kv/xactkeys.h"
#include "store/staged.h"

/* A tag's key, without memory of its own if the name is not long. */
typedef struct TagKey
{
	CsKvKey		key;
	char		bytes[256];
} TagKey;

static void
make_key(TagKey *result, const CsSpace *space, char kind, const char *name, Size len)
{
	if (len < sizeof(result->bytes))
		cs_kv_key_in(&result->key, space, kind, name, len, result->bytes);
	else
		cs_kv_key(&result->key, space, kind, name, len);
}

/* Its present version; 0: there is none. */
static uint64
version_of(const CsKvKey *key)
{
	const CsXactKeyKey *own = cs_xactkeys_find(key);
	CsLook		look = {.epoch = key->space->epoch,.value = true};
	uint64		version;
	CsFound		found;

	if (own != NULL)
		return own->top->bytes == NULL ? 0 : cs_entry_version(own->top->bytes);
	if (key->space->slot < 0 ||
		cs_commitflag_lookup(&key->key, &look, false, &found) != CS_LOOKUP_HIT)
		return 0;
	version = cs_entry_version(found.value);
	pfree(found.value);
	return version;
}

static CsKvVerdict
create(const CsKvValue *old, CsKvValue *new, void *arg)
{
	new->type = CS_KV_NONE;
	return old == NULL ? CS_KV_PUT : CS_KV_KEEP;
}

static CsKvVerdict
invalidate(const CsKvValue *old, CsKvValue *new, void *arg)
{
	*(bool *) arg = old != NULL;
	return CS_KV_REMOVE;
}

/*
 * Made at once even by a transaction that may yet be rolled back, or that must not
 * write: without values it means nothing.  Only where this transaction has
 * invalidated the tag, the new one is its own too.
 */
void
cs_kv_tag(const CsSpace *space, char kind, const char *name, Size len, CsKvTag *tag)
{
	TagKey		key;

	PreventCommandDuringRecovery("cache.set()");
	cs_space_check_slot(space);
	make_key(&key, space, kind, name, len);
	tag->name = name;
	tag->len = (uint16) len;
	tag->kind = kind;
	while ((tag->version = version_of(&key.key)) == 0)
	{
		CsKvHow		how = {.immediate = cs_xactkeys_find(&key.key) == NULL};

		CHECK_FOR_INTERRUPTS();
		cs_kv_change_any(&key.key, how, create, NULL);
	}
}

static bool
is_free(void *arg)
{
	return cs_keylock_is_free((const CsKvKey *) arg);
}

/* False: it was not put, and trying again is of no use. */
static bool
put_now(const CsKvKey *key)
{
	CsKvValue	none = {.type = CS_KV_NONE};
	CsMeta		meta = {.epoch = key->space->epoch};
	Size		size = cs_entry_size(&none);
	char	   *bytes = palloc(size);
	CsStage		result;

	cs_entry_encode(&none, cs_commitflag_version(), bytes);
	result = cs_store_replace(&key->key, &meta, bytes, size, key->space->max_memory, 0,
							  is_free, (void *) key);
	pfree(bytes);
	return result == CS_STAGE_DONE || result == CS_STAGE_CONFLICT;
}

/* Somebody has locked the key, or has invalidated it and not committed yet. */
#define MAX_CONFLICTS	3

bool
cs_kv_tag_try(const CsSpace *space, char kind, const char *name, Size len, CsKvTag *tag)
{
	TagKey		key;

	if (RecoveryInProgress() || space->slot < 0 || len >= CS_MAX_KEY_LEN)
		return false;
	make_key(&key, space, kind, name, len);
	if (cs_xactkeys_find(&key.key) != NULL)
	{
		/* this transaction has the key's lock */
		cs_kv_tag(space, kind, name, len, tag);
		return true;
	}
	*tag = (CsKvTag)
	{
		.name = name,.len = (uint16) len,.kind = kind
	};
	for (int i = 0; i < MAX_CONFLICTS; i++)
	{
		tag->version = version_of(&key.key);
		if (tag->version != 0)
			return true;
		if (!put_now(&key.key))
			return false;
	}
	return false;
}

bool
cs_kv_tags_hold(const CsSpace *space, const CsKvTag *tags, int ntags)
{
	for (int i = 0; i < ntags; i++)
	{
		TagKey		key;

		make_key(&key, space, tags[i].kind, tags[i].name, tags[i].len);
		if (version_of(&key.key) != tags[i].version)
			return false;
	}
	return true;
}

bool
cs_kv_tags_changed(const CsSpace *space, const CsKvTag *tags, int ntags)
{
	for (int i = 0; i < ntags; i++)
	{
		TagKey		key;

		make_key(&key, space, tags[i].kind, tags[i].name, tags[i].len);
		if (cs_xactkeys_find(&key.key) != NULL)
			return true;
	}
	return false;
}

bool
cs_kv_invalidate_tag(const CsSpace *space, char kind, const char *name, Size len,
					 bool immediate)
{
	CsKvHow		how = {.immediate = immediate};
	TagKey		key;
	bool		found = false;

	make_key(&key, space, kind, name, len);
	cs_kv_change(&key.key, how, invalidate, &found);
	return found;
}
