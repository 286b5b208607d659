/*-------------------------------------------------------------------------
 *
 * keyformat.c
 *		How the bytes of a table's keys are to be read, in a form that outlives
 *		the server.
 *
 * The launcher, which saves keys (savekeys.c), is connected to no database,
 * and when the keys are loaded their table may have another primary key.
 * Bytes of another type must not be taken for a value, so a digest of the
 * key's columns is saved with the keys.
 *
 * Shared memory holds one record for each slot, written by the sessions that
 * make bindings.  Its fields are protected by the record's spinlock.  A record
 * is for the entries of one epoch of the slot.  A session sets it before it
 * fills an entry of that epoch, and a binding of an earlier epoch does not
 * replace it.  So if an entry has the record's epoch, its key has this format.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "guc.h"
#include "rowcache/keyformat.h"
#include "sha256.h"

typedef struct CsSharedKeyFormat
{
	slock_t		mutex;			/* protects the following */
	CsKeyFormat format;			/* spinlock; relid is InvalidOid if not known */
} CsSharedKeyFormat;

static CsSharedKeyFormat *formats;

Size
cs_keyformat_shmem_size(void)
{
	return mul_size(cs_max_tables, sizeof(CsSharedKeyFormat));
}

void
cs_keyformat_shmem_init(void)
{
	bool		found;

	formats = ShmemInitStruct("cache_strategies key formats", cs_keyformat_shmem_size(),
							  &found);
	if (found)
		return;
	memset(formats, 0, cs_keyformat_shmem_size());
	for (int i = 0; i < cs_max_tables; i++)
		SpinLockInit(&formats[i].mutex);
}

/*
 * Digest of what determines how the key's bytes are read; returns false if it
 * could not be computed.
 */
bool
cs_keyformat_digest(const CsBinding *binding, uint8 *digest)
{
	uint32		words[3 * INDEX_MAX_KEYS];
	uint8		sha[PG_SHA256_DIGEST_LENGTH];
	int			n = 0;

	for (int i = 0; i < binding->nkeys; i++)
	{
		words[n++] = binding->keys[i].attnum;
		words[n++] = binding->keys[i].type;
		words[n++] = binding->keys[i].class;
	}
	if (!cs_sha256(words, n * sizeof(uint32), sha))
		return false;
	memcpy(digest, sha, CS_KEYFORMAT_LEN);
	return true;
}

/*
 * Note the format of a binding's keys, before the binding is used in a new
 * epoch.  Keys that are hashes, under a secret of this server start, are not
 * to be saved, nor are those without a digest.
 */
void
cs_keyformat_note(const CsBinding *binding)
{
	CsKeyFormat format = {MyDatabaseId, binding->relid, binding->epoch};
	CsSharedKeyFormat *place;

	if (binding->slot < 0 || binding->nkeys == 0 || binding->hashed ||
		binding->epoch == CS_NO_EPOCH ||
		!cs_keyformat_digest(binding, format.digest))
		return;
	place = &formats[binding->slot];
	SpinLockAcquire(&place->mutex);
	if (!OidIsValid(place->format.relid) || place->format.epoch <= format.epoch)
		place->format = format;
	SpinLockRelease(&place->mutex);
}

/*
 * Format of the keys of a slot; returns false if it is not known.
 */
bool
cs_keyformat_get(int slot, CsKeyFormat *format)
{
	CsSharedKeyFormat *place = &formats[slot];

	SpinLockAcquire(&place->mutex);
	*format = place->format;
	SpinLockRelease(&place->mutex);
	return OidIsValid(format->relid);
}
