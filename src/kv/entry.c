/*-------------------------------------------------------------------------
 *
 * entry.c
 *		Encoding of a value, in the store and in the list of changed keys.
 *
 *		version	8 bytes, as the store requires
 *		type	1
 *		parts	1: which of the optional parts there are
 *		ntags	2
 *		data
 *		ttl		8, optional
 *		tags	optional; each: version 8, kind 1, length 2, name
 *		length	4, of the data; if there are tags
 *
 * A caller that has a copy of its own may overwrite the 12 bytes in front of
 * the data, which then becomes a varlena in place.  A tag's own entry ends
 * after the version.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kv/entry.h"

#define PART_TTL	0x01
#define PART_TAGS	0x02

/* Size of a tag without its name. */
#define TAG_HEAD	11

StaticAssertDecl(CS_ENTRY_HEAD % 4 == 0 && VARHDRSZ == 4,
				 "a varlena must be aligned where it is");

/*
 * The optional parts of a value.
 */
static uint8
parts_of(const CsKvValue *value)
{
	return (value->ttl != 0 ? PART_TTL : 0) | (value->ntags > 0 ? PART_TAGS : 0);
}

/*
 * Number of bytes that cs_entry_encode() writes.
 */
Size
cs_entry_size(const CsKvValue *value)
{
	uint8		parts = parts_of(value);
	Size		size = CS_ENTRY_HEAD + value->len;

	if (value->type == CS_KV_NONE)
		return sizeof(uint64);
	if (parts & PART_TTL)
		size += sizeof(int64);
	if (parts & PART_TAGS)
		size += sizeof(uint32);
	for (int i = 0; i < value->ntags; i++)
		size += TAG_HEAD + value->tags[i].len;
	return size;
}

/*
 * Append bytes; returns the position after them.  get() reads them likewise.
 */
static char *
put(char *at, const void *data, Size len)
{
	if (len > 0)
		memcpy(at, data, len);
	return at + len;
}

static char *
put_tag(char *at, const CsKvTag *tag)
{
	at = put(at, &tag->version, sizeof(uint64));
	*at++ = tag->kind;
	at = put(at, &tag->len, sizeof(uint16));
	return put(at, tag->name, tag->len);
}

/*
 * Encode a value into a buffer of cs_entry_size() bytes.
 */
void
cs_entry_encode(const CsKvValue *value, uint64 version, char *bytes)
{
	uint16		ntags = (uint16) value->ntags;
	uint32		len = (uint32) value->len;
	uint8		parts = parts_of(value);
	char	   *at = put(bytes, &version, sizeof(version));

	if (value->type == CS_KV_NONE)
		return;
	*at++ = (char) value->type;
	*at++ = (char) parts;
	at = put(at, &ntags, sizeof(ntags));
	at = put(at, value->data, value->len);
	if (parts & PART_TTL)
		at = put(at, &value->ttl, sizeof(int64));
	for (int i = 0; i < value->ntags; i++)
		at = put_tag(at, &value->tags[i]);
	if (parts & PART_TAGS)
		(void) put(at, &len, sizeof(len));
}

static const char *
get(const char *at, void *data, Size len)
{
	memcpy(data, at, len);
	return at + len;
}

static const char *
get_tag(const char *at, CsKvTag *tag)
{
	at = get(at, &tag->version, sizeof(uint64));
	tag->kind = *at++;
	at = get(at, &tag->len, sizeof(uint16));
	tag->name = at;
	return at + tag->len;
}

/*
 * Decode a value.  Its data and the names of its tags point into the bytes;
 * the array of tags is palloc'd.  Of a tag's own entry there is only the
 * version.
 */
void
cs_entry_decode(const char *bytes, Size len, TimestampTz expires, CsKvValue *value)
{
	const char *at = bytes + sizeof(uint64);
	uint16		ntags;
	uint8		parts;

	memset(value, 0, sizeof(*value));
	value->expires = expires;
	value->type = CS_KV_NONE;
	if (len == sizeof(uint64))
		return;
	value->type = (CsKvType) *at++;
	parts = (uint8) *at++;
	at = get(at, &ntags, sizeof(ntags));
	value->data = at;
	value->len = len - CS_ENTRY_HEAD;
	if (parts & PART_TAGS)
	{
		uint32		datalen;

		(void) get(bytes + len - sizeof(datalen), &datalen, sizeof(datalen));
		value->len = datalen;
	}
	else if (parts & PART_TTL)
		value->len -= sizeof(int64);
	at += value->len;
	if (parts & PART_TTL)
		at = get(at, &value->ttl, sizeof(int64));
	if (ntags == 0)
		return;
	value->ntags = ntags;
	value->tags = palloc(ntags * sizeof(CsKvTag));
	for (int i = 0; i < ntags; i++)
		at = get_tag(at, &value->tags[i]);
}
