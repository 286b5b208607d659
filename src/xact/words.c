/*-------------------------------------------------------------------------
 *
 * words.c
 *		The watch words of values that the current transaction has changed.
 *
 * Private to the backend and to the transaction.  Words are noted with the
 * table's slot, in a set; a table of which more than
 * cache_strategies.bulk_threshold are noted counts as changed as a whole
 * (CsPendingTable.all_values), and its words are left out.  Nothing is taken
 * back, not even by ROLLBACK TO SAVEPOINT.
 *
 * At PRE_COMMIT the words are listed: sorted and without doubles what was
 * known then, after it what came late.  The first 'n' of the list are marked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "guc.h"
#include "store/watchword.h"
#include "xact/pending.h"
#include "xact/words.h"

/* Most transactions change a few rows. */
#define INITIAL_WORDS	8

/* More words than this that come late are one mark of the whole table. */
#define MAX_LATE		1024

typedef struct CsNotedWord
{
	uint64		name;			/* slot, word */
	char		status;			/* of simplehash */
} CsNotedWord;

#define SH_PREFIX		wordset
#define SH_ELEMENT_TYPE CsNotedWord
#define SH_KEY_TYPE		uint64
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static wordset_hash *noted;
static uint64 noted_last;		/* repeating it would change nothing */
static struct
{
	uint32	   *word;
	int			n;				/* marked */
	int			nlisted;
	int			nsorted;
	int			max;
}			list;

static uint64
name_of(int slot, uint32 word)
{
	/* never 0, which is no name */
	return ((uint64) slot + 1) << 32 | word;
}

void
cs_words_note(int slot, uint32 word)
{
	uint64		name = name_of(slot, word);
	CsPendingTable *table;
	bool		found;

	if (name == noted_last)
		return;
	table = cs_pending_table(slot, true);
	if (table->all_values)
		return;
	if (noted == NULL)
		noted = wordset_create(cs_pending_context(), INITIAL_WORDS, NULL);
	(void) wordset_insert(noted, name, &found);
	if (!found && ++table->nwords > cs_bulk_threshold)
		table->all_values = true;
	noted_last = name;
}

/* ----- marks ----- */

static int
compare_words(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

void
cs_words_collect(void)
{
	wordset_iterator iter;
	CsNotedWord *each;
	int			unique = 0;

	if (noted == NULL)
		return;
	list.max = noted->members + 16;
	list.word = MemoryContextAllocHuge(cs_pending_context(), list.max * sizeof(uint32));
	list.nlisted = 0;
	wordset_start_iterate(noted, &iter);
	while ((each = wordset_iterate(noted, &iter)) != NULL)
	{
		const CsPendingTable *table = cs_pending_table((int) (each->name >> 32) - 1, false);

		if (!table->all_values && !table->whole)
			list.word[list.nlisted++] = (uint32) each->name;
	}
	qsort(list.word, list.nlisted, sizeof(uint32), compare_words);
	for (int i = 0; i < list.nlisted; i++)
		if (i == 0 || list.word[i] != list.word[unique - 1])
			list.word[unique++] = list.word[i];
	list.nlisted = list.nsorted = unique;
}

/*
 * A watcher that finds a mark, or that it has come and gone, is to find the
 * xid too.
 */
void
cs_words_mark(uint64 xid)
{
	for (list.n = 0; list.n < list.nlisted; list.n++)
	{
		cs_watchword_raise_last_xid(list.word[list.n], xid);
		cs_watchword_mark(list.word[list.n]);
	}
}

static bool
is_marked(uint32 word)
{
	if (list.nsorted > 0 &&
		bsearch(&word, list.word, list.nsorted, sizeof(uint32), compare_words) != NULL)
		return true;
	for (int i = list.nsorted; i < list.n; i++)
		if (list.word[i] == word)
			return true;
	return false;
}

/* One mark is enough, but it may be older than the xid. */
bool
cs_words_mark_late(uint32 word, uint64 xid)
{
	if (is_marked(word))
	{
		cs_watchword_raise_last_xid(word, xid);
		return true;
	}
	if (list.n - list.nsorted >= MAX_LATE)
		return false;
	if (list.n >= list.max)
	{
		int			max = Max(64, list.max * 2);

		if (list.word == NULL)
			list.word = MemoryContextAllocHuge(cs_pending_context(), max * sizeof(uint32));
		else
			list.word = repalloc_huge(list.word, max * sizeof(uint32));
		list.max = max;
	}
	list.word[list.n] = word;
	cs_watchword_raise_last_xid(word, xid);
	cs_watchword_mark(word);
	list.n++;
	return true;
}

void
cs_words_prepared(uint64 xid)
{
	for (int i = 0; i < list.n; i++)
		cs_watchword_prepared(list.word[i], xid);
}

void
cs_words_unmark(void)
{
	for (int i = 0; i < list.n; i++)
		cs_watchword_unmark(list.word[i]);
	list.n = 0;
}

void
cs_words_forget(void)
{
	noted = NULL;
	noted_last = 0;
	memset(&list, 0, sizeof(list));
}
