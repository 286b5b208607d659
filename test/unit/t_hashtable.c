/*-------------------------------------------------------------------------
 *
 * t_hashtable.c
 *		Hash tables that cannot grow: they stay as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/memnodes.h"
#include "unit.h"

typedef struct Number
{
	uint32		number;
	uint32		square;
	char		status;			/* of simplehash */
} Number;

#define CS_HASHTABLE	numbers
#define SH_ELEMENT_TYPE Number
#define SH_KEY_TYPE		uint32
#define SH_KEY			number
#define SH_HASH_KEY(tb, key) ((uint32) cs_mix(key))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "hashtable.h"

#define MANY	5000

static MemoryContextData context = {.name = "numbers"};

/* False: there is no memory for it. */
static bool
insert(numbers_hash *table, uint32 number)
{
	sigjmp_buf	here;
	bool		found;
	Number	   *entry;

	if (sigsetjmp(here, 0) != 0)
	{
		complain_to = NULL;
		return false;
	}
	complain_to = &here;
	entry = numbers_insert(table, number, &found);
	complain_to = NULL;
	expect(!found);
	entry->square = number * number;
	return true;
}

/* The numbers below n are there, and no others. */
static void
complete(numbers_hash *table, uint32 n)
{
	numbers_iterator iter;
	uint32		members = 0;

	expect(table->members == n);
	for (uint32 i = 0; i < n; i++)
	{
		Number	   *entry = numbers_lookup(table, i);

		expect(entry != NULL && entry->square == i * i);
	}
	expect(numbers_lookup(table, n) == NULL);
	numbers_start_iterate(table, &iter);
	while (numbers_iterate(table, &iter) != NULL)
		members++;
	expect(members == n);
}

void
test_hashtable(void)
{
	numbers_hash *table = numbers_create(&context, 8, NULL);
	int			failures = 0;

	for (uint32 i = 0; i < MANY; i++)
	{
		uint64		size = table->size;

		shim_no_memory = true;
		if (insert(table, i))
			continue;
		failures++;
		expect(table->size == size);
		complete(table, i);
		expect(!insert(table, i));
		complete(table, i);
		shim_no_memory = false;
		expect(insert(table, i));
		expect(table->size == 2 * size);
		complete(table, i + 1);
	}
	shim_no_memory = false;
	complete(table, MANY);
	expect(failures >= 8);
	numbers_destroy(table);
	unit_ok("hashtable", "could not grow %d times", failures);
}
