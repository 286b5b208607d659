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

/* Most transactions change a few rows: these words need no set. */
#define FEW				8

/* More words than this that come late are one mark of the whole table. */
#define MAX_LATE		1024

typedef struct CsNotedWord
{
	uint64		name;			/* slot, word */
	char		status;			/* of simplehash */
} CsNotedWord;

#define CS_HASHTABLE	wordset
#define SH_ELEMENT_TYPE CsNotedWord
#define SH_KEY_TYPE		uint64
#define SH_KEY			name
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "hashtable.h"

static uint64 few[FEW];			/* names; the first ones, before there is a
								 * set */
static int	nfew;
static wordset_hash *noted;		/* all; NULL while they are few */
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

static void
make_set(void)
{
	bool		found;

	noted = wordset_create(cs_pending_context(), 4 * FEW, NULL);
	for (int i = 0; i < nfew; i++)
		(void) wordset_insert(noted, few[i], &found);
}

/* False: it was there. */
static bool
add(uint64 name)
{
	bool		found;

	if (noted == NULL)
	{
		for (int i = 0; i < nfew; i++)
			if (few[i] == name)
				return false;
		if (nfew < FEW)
		{
			few[nfew++] = name;
			return true;
		}
		make_set();
	}
	(void) wordset_insert(noted, name, &found);
	return !found;
}

void
cs_words_note(int slot, uint32 word)
{
	uint64		name = name_of(slot, word);
	CsPendingTable *table;

	if (name == noted_last)
		return;
	table = cs_pending_table(slot, true);
	if (table->all_values)
		return;
	if (add(name) && ++table->nwords > cs_bulk_threshold)
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

/* Unless the whole of its table is marked. */
static void
collect(uint64 name)
{
	const CsPendingTable *table = cs_pending_table((int) (name >> 32) - 1, false);

	if (!table->all_values && !table->whole)
		list.word[list.nlisted++] = (uint32) name;
}

static void
collect_all(void)
{
	wordset_iterator iter;
	CsNotedWord *each;

	if (noted == NULL)
	{
		for (int i = 0; i < nfew; i++)
			collect(few[i]);
		return;
	}
	wordset_start_iterate(noted, &iter);
	while ((each = wordset_iterate(noted, &iter)) != NULL)
		collect(each->name);
}

void
cs_words_collect(void)
{
	int			unique = 0;

	if (nfew == 0)
		return;
	list.max = (noted != NULL ? noted->members : nfew) + 16;
	list.word = MemoryContextAllocHuge(cs_pending_context(), list.max * sizeof(uint32));
	list.nlisted = 0;
	collect_all();
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
	nfew = 0;
	noted_last = 0;
	memset(&list, 0, sizeof(list));
}
