/*-------------------------------------------------------------------------
 *
 * keys.c
 *		Which keys are asked for, and what is known of their rows.
 *
 * The body of a row is a piece of a pool of random text; where it begins follows
 * from the key.  So a row can be compared with what it must be without having
 * been kept.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

/* As in bench/headline. */
#define BODY_LENGTH		950
#define BODY_STEP		7919

Key		   *keys;
long		nkeys;

static Zipf zipf;
static char *pool;
static int	pool_length;

long
keys_pick(uint64_t *random)
{
	return zipf_pick(&zipf, random);
}

/* Rows begin with v = 0; later runs begin where the last one ended. */
void
keys_init(long n, const char *state_file)
{
	FILE	   *file = fopen(state_file, "r");

	nkeys = n;
	zipf_init(&zipf, n);
	keys = calloc(n + 1, sizeof(Key));
	if (keys == NULL)
		fail("no memory for %ld keys", n);
	if (file == NULL && errno == ENOENT)
		return;
	for (long id = 1; id <= n; id++)
	{
		long		v;

		if (file == NULL || fread(&v, sizeof(v), 1, file) != 1)
			fail("cannot read %s", state_file);
		keys[id].issued = keys[id].committed = keys[id].acknowledged = v;
	}
	fclose(file);
}

void
keys_save(const char *state_file)
{
	FILE	   *file = fopen(state_file, "w");

	for (long id = 1; id <= nkeys; id++)
	{
		long		v = keys[id].issued;

		if (file == NULL || fwrite(&v, sizeof(v), 1, file) != 1)
			fail("cannot write %s", state_file);
	}
	if (fclose(file) != 0)
		fail("cannot write %s", state_file);
}

void
keys_set_pool(const char *text, int length)
{
	pool = strndup(text, length);
	pool_length = length;
	if (pool == NULL || length <= BODY_LENGTH)
		fail("no pool of text");
}

/* Whole, of the right key, and not from the future. */
void
keys_check_row(long id, const Row *row)
{
	long		issued = keys[id].issued;

	if (row->id != id)
		fail("asked for row %ld and got row %ld", id, row->id);
	if (row->body_length != BODY_LENGTH ||
		memcmp(row->body, pool + id * BODY_STEP % (pool_length - BODY_LENGTH), BODY_LENGTH) != 0)
		fail("row %ld has a body of some other row", id);
	if (row->v > issued)
		fail("row %ld has v = %ld, and no more than %ld has been written", id, row->v, issued);
}
