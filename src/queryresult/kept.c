/*-------------------------------------------------------------------------
 *
 * kept.c
 *		Entries of the store that are results of queries.
 *
 * An entry's value consists of a head, the watches, the snapshot, the tags and
 * the data.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "queryresult/kept.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/miniature.h"

typedef struct Head
{
	TimestampTz due;
	TimestampTz asof;
	int64		cost;
	uint64		newest;
	uint64		len;			/* of the data */
	uint32		data;			/* offset of the data */
	uint32		nwatches;
	uint32		nxip;
	uint32		ntags;
} Head;

typedef struct TagHead
{
	uint64		version;
	uint16		len;
	char		kind;
} TagHead;

/*
 * Size of the encoded tags.
 */
static Size
tags_size(const CsKept *kept)
{
	Size		size = 0;

	for (int i = 0; i < kept->ntags; i++)
		size += sizeof(TagHead) + kept->tags[i].len;
	return size;
}

/*
 * Value of an entry, palloc'd.
 */
static char *
encode(const CsKept *kept, Size *len)
{
	Size		watches = kept->depends.nwatches * sizeof(CsWatch);
	Size		seen = MAXALIGN(cs_seen_size(kept->seen->nxip));
	Head		head = {
		.due = kept->due,.asof = kept->asof,.cost = kept->cost,
		.newest = kept->depends.newest,.len = kept->len,
		.nwatches = kept->depends.nwatches,.nxip = kept->seen->nxip,.ntags = kept->ntags
	};
	char	   *value;
	char	   *place;

	head.data = MAXALIGN(sizeof(Head) + watches + seen + tags_size(kept));
	*len = head.data + kept->len;
	value = place = MemoryContextAllocHuge(CurrentMemoryContext, *len);
	memcpy(place, &head, sizeof(Head));
	place += sizeof(Head);
	if (watches > 0)
		memcpy(place, kept->depends.watches, watches);
	place += watches;
	memcpy(place, kept->seen, cs_seen_size(kept->seen->nxip));
	place += seen;
	for (int i = 0; i < kept->ntags; i++)
	{
		const CsKvTag *tag = &kept->tags[i];
		TagHead		tag_head = {tag->version, tag->len, tag->kind};

		memcpy(place, &tag_head, sizeof(TagHead));
		memcpy(place + sizeof(TagHead), tag->name, tag->len);
		place += sizeof(TagHead) + tag->len;
	}
	if (kept->len > 0)
		memcpy(value + head.data, kept->data, kept->len);
	return value;
}

/*
 * Decode an entry's value, into which the result points.
 */
static void
decode(char *value, CsKept *kept)
{
	const Head *head = (const Head *) value;
	char	   *place = value + sizeof(Head);

	kept->due = head->due;
	kept->asof = head->asof;
	kept->cost = head->cost;
	kept->depends.newest = head->newest;
	kept->depends.nwatches = head->nwatches;
	kept->depends.watches = (CsWatch *) place;
	place += head->nwatches * sizeof(CsWatch);
	kept->seen = (CsSeen *) place;
	place += MAXALIGN(cs_seen_size(head->nxip));
	kept->ntags = head->ntags;
	kept->tags = palloc(head->ntags * sizeof(CsKvTag) + 1);
	for (int i = 0; i < kept->ntags; i++)
	{
		TagHead		tag_head;

		memcpy(&tag_head, place, sizeof(TagHead));
		kept->tags[i].version = tag_head.version;
		kept->tags[i].kind = tag_head.kind;
		kept->tags[i].len = tag_head.len;
		kept->tags[i].name = place + sizeof(TagHead);
		place += sizeof(TagHead) + tag_head.len;
	}
	kept->data = value + head->data;
	kept->len = head->len;
}

/*
 * Callback of cs_store_lookup(): an entry of the space as it is, that has not
 * expired.
 */
static bool
accept_entry(const CsMeta *meta, void *arg)
{
	const CsSpace *space = arg;

	return meta->epoch == space->epoch && meta->wxid == 0 &&
		(meta->expires == 0 || meta->expires > cs_clock_now());
}

/*
 * Look for an entry.  The caller decides whether it may be used.  It is
 * palloc'd.
 */
bool
cs_kept_find(const CsKvKey *key, const CsSpace *space, CsKept *kept)
{
	CsFound		found;
	CsLookup	result = cs_store_lookup(&key->key, accept_entry, (void *) space, &found);

	kept->expired = result == CS_LOOKUP_REFUSED && found.meta.epoch == space->epoch;
	if (result != CS_LOOKUP_HIT)
		return false;
	decode(found.value, kept);
	kept->expires = found.meta.expires;
	return true;
}

/*
 * Report to the store's miniatures a run that a result has answered, if its
 * key is sampled.
 */
void
cs_kept_sample_hit(const CsKvKey *key, const CsSpace *space, Size len, TimestampTz expires)
{
	CsMeta		meta = {0};

	if (!cs_miniature_sampled(key->key.hash))
		return;
	meta.epoch = space->epoch;
	meta.expires = expires;
	cs_miniature_note_hit(&key->key, &meta, len);
}

/*
 * Report a run that found no result, or one that does not hold any more.
 */
void
cs_kept_sample_miss(const CsKvKey *key, bool fallen)
{
	if (!cs_miniature_sampled(key->key.hash))
		return;
	if (fallen)
		cs_miniature_note_removal(key->key.owner, key->key.hash);
	cs_miniature_note_miss(&key->key);
}

/*
 * Count what became of a result that was to be kept.
 */
void
cs_kept_count(const CsSpace *space, CsInstall installed)
{
	static const CsCount counts[] = {
		[CS_INSTALL_DONE] = CS_COUNT_PUBLISH,
		[CS_INSTALL_REFUSED] = CS_COUNT_REFUSED_CHANGED,
		[CS_INSTALL_TOO_LARGE] = CS_COUNT_NO_ROOM_LARGE,
		[CS_INSTALL_FULL] = CS_COUNT_NO_ROOM_FULL
	};

	cs_counters_add(space->slot, counts[installed], 1);
}

/*
 * Keep a result, if 'check' allows it under the partition lock, and count
 * that.  'expires' is 0 for never.
 */
CsInstall
cs_kept_install(const CsKvKey *key, const CsSpace *space, const CsKept *kept,
				TimestampTz expires, CsCheck check, void *arg)
{
	CsMeta		meta = {.epoch = space->epoch,.expires = expires};
	Size		len;
	char	   *value = encode(kept, &len);
	CsInstall	installed = cs_store_install(&key->key, &meta, value, len,
											 (Size) space->max_memory, check, arg);

	pfree(value);
	cs_kept_count(space, installed);
	return installed;
}
