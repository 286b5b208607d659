/*-------------------------------------------------------------------------
 *
 * keyfile.c
 *		The file of saved keys.
 *
 * It is cache_strategies.keys in the data directory, and consists of
 *
 *		head		magic number, version of the format, system identifier of
 *					the cluster, time, numbers of tables and of keys
 *		tables		database, table, number of keys, digest of the key's
 *					columns
 *		keys		number of the table, length, bytes; hottest first
 *		checksum	CRC-32C of all of that
 *
 * Numbers are in the byte order of the machine, which the magic number tells.
 *
 * A new file is written under another name, synced, and renamed.  So a crash,
 * or a full disk, leaves the file that was there before.  A file that is not
 * as described is logged and ignored.  So is one of another cluster.
 *
 * Keys are values of rows.  The file has the permissions of all files in the
 * data directory, and what is in it is in the table as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "bgworker/keyfile.h"
#include "guc.h"
#include "store/store.h"

#define MAGIC		0x4b435331
#define VERSION		1
#define NEW_NAME	CS_KEYFILE_NAME ".new"

typedef struct Head
{
	uint32		magic;
	uint32		version;
	uint64		system;
	TimestampTz saved;
	uint64		nkeys;
	uint32		ntables;
	uint32		unused;
} Head;

typedef struct KeyHead
{
	uint32		table;
	uint32		len;
} KeyHead;

/* ----- writing ----- */

static void
log_failure(CsKeyFile *keyfile, const char *what)
{
	int			code = errno;

	if (keyfile->failed)
		return;
	keyfile->failed = true;
	errno = code != 0 ? code : ENOSPC;
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not %s file \"%s\": %m", what, NEW_NAME),
			 errdetail("Keys of cached rows are not saved.")));
}

static void
put(CsKeyFile *keyfile, const void *data, Size len)
{
	if (keyfile->failed)
		return;
	COMP_CRC32C(keyfile->crc, data, len);
	errno = 0;
	if (fwrite(data, 1, len, keyfile->file) != len)
		log_failure(keyfile, "write");
}

/*
 * Begin a new file, of which nkeys, ntables and tables have been set.  Returns
 * false if that is not possible, which has been logged.
 */
bool
cs_keyfile_create(CsKeyFile *keyfile)
{
	Head		head = {0};

	head.magic = MAGIC;
	head.version = VERSION;
	head.system = GetSystemIdentifier();
	head.saved = GetCurrentTimestamp();
	head.nkeys = keyfile->nkeys;
	head.ntables = keyfile->ntables;
	keyfile->failed = false;
	INIT_CRC32C(keyfile->crc);
	keyfile->file = AllocateFile(NEW_NAME, PG_BINARY_W);
	if (keyfile->file == NULL)
	{
		log_failure(keyfile, "create");
		return false;
	}
	put(keyfile, &head, sizeof(head));
	put(keyfile, keyfile->tables, keyfile->ntables * sizeof(CsKeyFileTable));
	return true;
}

/*
 * Append a key.  An error is reported by cs_keyfile_finish().
 */
void
cs_keyfile_add(CsKeyFile *keyfile, uint32 table, const char *key, uint32 len)
{
	KeyHead		head = {table, len};

	put(keyfile, &head, sizeof(head));
	put(keyfile, key, len);
}

/*
 * Put the new file in the old one's place.  Returns false if that was not
 * possible, which has been logged.
 */
bool
cs_keyfile_finish(CsKeyFile *keyfile)
{
	pg_crc32c	crc = keyfile->crc;

	FIN_CRC32C(crc);
	put(keyfile, &crc, sizeof(crc));
	errno = 0;
	if (FreeFile(keyfile->file) != 0)
		log_failure(keyfile, "write");
	if (!keyfile->failed && durable_rename(NEW_NAME, CS_KEYFILE_NAME, LOG) == 0)
		return true;
	(void) unlink(NEW_NAME);
	return false;
}

/* ----- reading ----- */

static bool
get(CsKeyFile *keyfile, void *data, Size len)
{
	if (len > keyfile->size - keyfile->position ||
		fread(data, 1, len, keyfile->file) != len)
		return false;
	COMP_CRC32C(keyfile->crc, data, len);
	keyfile->position += len;
	return true;
}

/*
 * Read head and tables.  Returns what is wrong, or NULL.
 */
static const char *
read_head(CsKeyFile *keyfile)
{
	Head		head;

	if (!get(keyfile, &head, sizeof(head)))
		return "It is too short.";
	if (head.magic != MAGIC)
		return "It does not begin as such a file does.";
	if (head.version != VERSION)
		return "It has another version of the format.";
	if (head.system != GetSystemIdentifier())
		return "It was written by another database cluster.";
	keyfile->nkeys = head.nkeys;
	keyfile->saved = head.saved;
	keyfile->ntables = head.ntables;
	if (head.ntables > CS_MAX_OWNERS)
		return "It has too many tables.";
	keyfile->tables = palloc(head.ntables * sizeof(CsKeyFileTable) + 1);
	if (!get(keyfile, keyfile->tables, head.ntables * sizeof(CsKeyFileTable)))
		return "It is too short.";
	return NULL;
}

/*
 * Open the file and read its head.  Returns what is wrong, or NULL.
 */
static const char *
open_file(CsKeyFile *keyfile)
{
	struct stat status;

	memset(keyfile, 0, sizeof(*keyfile));
	keyfile->file = AllocateFile(CS_KEYFILE_NAME, PG_BINARY_R);
	if (keyfile->file == NULL)
		return errno == ENOENT ? "" : strerror(errno);
	if (fstat(fileno(keyfile->file), &status) != 0)
		return strerror(errno);
	if (status.st_size < (off_t) sizeof(pg_crc32c))
		return "It is too short.";
	keyfile->size = status.st_size - sizeof(pg_crc32c);
	INIT_CRC32C(keyfile->crc);
	return read_head(keyfile);
}

/* All keys, and the checksum.  Returns what is wrong, or NULL. */
static const char *
read_all(CsKeyFile *keyfile)
{
	char	   *key = palloc(CS_MAX_KEY_LEN);
	uint64		n = 0;
	pg_crc32c	crc;
	uint32		table;
	uint32		len;

	while (cs_keyfile_next(keyfile, &table, key, &len))
		n++;
	pfree(key);
	crc = keyfile->crc;
	FIN_CRC32C(crc);
	if (keyfile->position != keyfile->size || n != keyfile->nkeys)
		return "It is incomplete.";
	keyfile->size += sizeof(pg_crc32c);
	if (!get(keyfile, &table, sizeof(pg_crc32c)) || !EQ_CRC32C(crc, table))
		return "Its checksum is wrong.";
	return NULL;
}

/*
 * Read the whole file, so that what is in the head can be relied on.  Returns
 * false if there is none, or if it is not usable, which is logged.
 */
bool
cs_keyfile_check(CsKeyFile *keyfile)
{
	const char *problem = open_file(keyfile);

	if (problem == NULL)
		problem = read_all(keyfile);
	if (keyfile->file != NULL)
		FreeFile(keyfile->file);
	keyfile->file = NULL;
	if (problem != NULL && *problem != '\0')
		ereport(LOG,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("ignoring file \"%s\" of saved keys", CS_KEYFILE_NAME),
				 errdetail_internal("%s", problem)));
	return problem == NULL;
}

/*
 * Open the file to read keys from this position on; 0: the first.  Returns
 * false if it is gone or is another.
 */
bool
cs_keyfile_open(CsKeyFile *keyfile, uint64 position)
{
	const char *problem = open_file(keyfile);

	if (problem == NULL && position != 0)
	{
		if (position < keyfile->position || position > keyfile->size ||
			fseeko(keyfile->file, (off_t) position, SEEK_SET) != 0)
			problem = "It has another size.";
		keyfile->position = position;
	}
	if (problem != NULL)
		cs_keyfile_close(keyfile);
	return problem == NULL;
}

/*
 * Read the next key into 'key', which has CS_MAX_KEY_LEN bytes.  Returns false
 * at the end, or where the file is damaged.
 */
bool
cs_keyfile_next(CsKeyFile *keyfile, uint32 *table, char *key, uint32 *len)
{
	KeyHead		head;

	if (!get(keyfile, &head, sizeof(head)) || head.table >= keyfile->ntables ||
		head.len > CS_MAX_KEY_LEN || !get(keyfile, key, head.len))
		return false;
	*table = head.table;
	*len = head.len;
	return true;
}

void
cs_keyfile_close(CsKeyFile *keyfile)
{
	if (keyfile->file != NULL)
		FreeFile(keyfile->file);
	keyfile->file = NULL;
}
