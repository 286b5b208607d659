/*-------------------------------------------------------------------------
 *
 * keyfile.h
 *		The file of saved keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYFILE_H
#define CS_KEYFILE_H

#include "datatype/timestamp.h"
#include "port/pg_crc32c.h"

#include "rowcache/keyformat.h"

#define CS_KEYFILE_NAME	"cache_strategies.keys"

/* A table, and how many keys of it the file has. */
typedef struct CsKeyFileTable
{
	Oid			database;
	Oid			relid;
	uint64		nkeys;
	uint8		digest[CS_KEYFORMAT_LEN];
} CsKeyFileTable;

/* A file that is open for reading or writing. */
typedef struct CsKeyFile
{
	FILE	   *file;
	pg_crc32c	crc;			/* of what was written or read so far */
	uint64		position;		/* likewise, in bytes */
	uint64		size;			/* when reading: without the checksum */
	uint64		nkeys;
	TimestampTz saved;
	uint32		ntables;
	CsKeyFileTable *tables;		/* palloc'd when reading */
	bool		failed;			/* an error of writing has been logged */
} CsKeyFile;

extern bool cs_keyfile_create(CsKeyFile *keyfile);
extern void cs_keyfile_add(CsKeyFile *keyfile, uint32 table, const char *key, uint32 len);
extern bool cs_keyfile_finish(CsKeyFile *keyfile);

extern bool cs_keyfile_check(CsKeyFile *keyfile);
extern bool cs_keyfile_open(CsKeyFile *keyfile, uint64 position);
extern bool cs_keyfile_next(CsKeyFile *keyfile, uint32 *table, char *key, uint32 *len);
extern void cs_keyfile_close(CsKeyFile *keyfile);

#endif							/* CS_KEYFILE_H */
