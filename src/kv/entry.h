/*-------------------------------------------------------------------------
 *
 * entry.h
 *		Encoding of a value, in the store and in the list of changed keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ENTRY_H
#define CS_ENTRY_H

#include "kv/kv.h"

/* Bytes in front of the data; enough room for a varlena header before them. */
#define CS_ENTRY_HEAD	12

/* Flag of the store's metadata: the value carries tags. */
#define CS_ENTRY_TAGGED	0x20

extern Size cs_entry_size(const CsKvValue *value);
extern void cs_entry_encode(const CsKvValue *value, uint64 version, char *bytes);
extern void cs_entry_decode(const char *bytes, Size len, TimestampTz expires,
							CsKvValue *value);

static inline uint64
cs_entry_version(const char *bytes)
{
	uint64		version;

	memcpy(&version, bytes, sizeof(version));
	return version;
}

static inline uint8
cs_entry_flags(const CsKvValue *value)
{
	return value->ntags > 0 ? CS_ENTRY_TAGGED : 0;
}

#endif							/* CS_ENTRY_H */
