/*-------------------------------------------------------------------------
 *
 * tag.c
 *		Tags: a property shared by many values, by which they can be dropped at
 *		once.
 *
 * A tag is an entry whose value is only its version.  A value that carries the
 * tag has a copy of the version, and is valid while the tag exists with this
 * version.  So dropping all these values means removing one entry, and when a
 * tag is evicted its values become invalid.
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
#include "kv/tag.h"
#include "kv/xactkeys.h"
#include "store/staged.h"

/* A tag's key, without separate memory unless the name is long. */
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

/* Current version of a tag as this transaction sees it; 0 if there is none. */
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
 * Get the current version of a tag for a value that will carry it; makes the
 * tag if there is none.
 *
 * The tag is made immediately, even by a transaction that may be rolled back
 * or is read only: without values it has no meaning.  Only if this transaction
 * has invalidated the tag, the new one is made with the transaction.
 */
void
cs_tag_get(const CsSpace *space, char kind, const char *name, Size len, CsKvTag *tag)
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
		cs_change_any(&key.key, how, create, NULL);
	}
}

static bool
is_free(void *arg)
{
	return cs_keylock_is_free((const CsKvKey *) arg);
}

/*
 * Try to make a tag.  Returns false if that failed and another try would fail
 * too.
 */
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

/* Number of tries while another transaction has locked or staged the tag. */
#define MAX_CONFLICTS	3

/*
 * As cs_tag_get(), for a best-effort change: returns false where it would have
 * to wait for another transaction, or fail for lack of room.
 */
bool
cs_tag_try(const CsSpace *space, char kind, const char *name, Size len, CsKvTag *tag)
{
	TagKey		key;

	if (RecoveryInProgress() || space->slot < 0 || len >= CS_MAX_KEY_LEN)
		return false;
	make_key(&key, space, kind, name, len);
	if (cs_xactkeys_find(&key.key) != NULL)
	{
		/* this transaction already has the key's lock */
		cs_tag_get(space, kind, name, len, tag);
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

/*
 * Whether all these tags still have the given versions.
 */
bool
cs_tag_all_hold(const CsSpace *space, const CsKvTag *tags, int ntags)
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

/* Whether this transaction has invalidated one of these tags. */
bool
cs_tag_any_changed(const CsSpace *space, const CsKvTag *tags, int ntags)
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

/*
 * Invalidate a tag, and with it every value that carries it, at commit or
 * immediately.  Returns false if there was no such tag, and so no value that
 * carries it.
 */
bool
cs_tag_invalidate(const CsSpace *space, char kind, const char *name, Size len,
				  bool immediate)
{
	CsKvHow		how = {.immediate = immediate};
	TagKey		key;
	bool		found = false;

	make_key(&key, space, kind, name, len);
	cs_change_key(&key.key, how, invalidate, &found);
	return found;
}
