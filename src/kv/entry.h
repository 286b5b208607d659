/*-------------------------------------------------------------------------
 *
 * entry.h
 *		The bytes of a key's value in the store and in the list of changed keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ENTRY_H
#define CS_ENTRY_H

#include "kv/kv.h"

/* In front of the data; as long as it is, a varlena header fits before them. */
#define CS_ENTRY_HEAD	12

/* In the flags of the store: the value carries tags. */
#define CS_ENTRY_TAGGED	0x20

/* Length of the bytes. */
extern Size cs_entry_size(const CsKvValue *value);
extern void cs_entry_encode(const CsKvValue *value, uint64 version, char *bytes);

/*
 * The value's data are in the bytes, its tags' names too; the array of the tags
 * is palloc'd.  Of a tag's entry there is the version only.
 */
extern void cs_entry_decode(const char *bytes, Size len, TimestampTz expires,
							CsKvValue *value);

static inline uint64
cs_entry_version(const char *bytes)
{
	uint64		version;

	memcpy(&version, bytes, sizeof(version));
	return version;
}

static inline void
cs_entry_set_version(char *bytes, uint64 version)
{
	memcpy(bytes, &version, sizeof(version));
}

static inline uint8
cs_entry_flags(const CsKvValue *value)
{
	return value->ntags > 0 ? CS_ENTRY_TAGGED : 0;
}

#endif							/* CS_ENTRY_H */
