/*-------------------------------------------------------------------------
 *
 * digest.c
 *		Digests of rewritten statements.
 *
 * Two statements have the same digest if their trees are the same but for
 * where in the text something was written.  The digest is a hash of the tree's
 * text under the secret of this server start, 128 bits long, so a role cannot
 * find two statements with one digest.
 *
 * To write a tree as text costs as much as to plan a small join.  So the
 * session remembers digests of statements that it has seen twice, by a hash of
 * their text.  The same text can mean something else under another search
 * path, after DDL, or in another function.  So what is remembered has the
 * tree, and counts for a statement only if the two trees are equal().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/memutils.h"

#include "queryresult/digest.h"
#include "store/keyhash.h"

#define TEXT_TWEAK		UINT64CONST(0x74657874)
#define LOW_TWEAK		UINT64CONST(0x6c6f7720)
#define HIGH_TWEAK		UINT64CONST(0x68696768)

#define N_REMEMBERED	256		/* a power of two */
#define MAX_BYTES		(8 * 1024 * 1024)	/* of all trees */

typedef struct Remembered
{
	uint64 text;				/* hash; 0: none */
	MemoryContext context;		/* of the tree; NULL: seen once */
	Size		bytes;			/* of the context */
	Query	   *query;
	uint8		digest[CS_DIGEST_LENGTH];
} Remembered;

static Remembered remembered[N_REMEMBERED];
static Size total_bytes = 0;
static int	next_to_go = 0;

/* ----- the tree's text ----- */

/* Fields that say where in the text something was written. */
static const char *const places[] = {
	":location", ":stmt_location", ":stmt_len", ":list_start", ":list_end", ":queryId"
};

/* A name may look like one of them, but a number follows none. */
static Size
place_at(const char *text)
{
	if (strchr("lsq", text[1]) == NULL)
		return 0;
	for (int i = 0; i < lengthof(places); i++)
	{
		Size		len = strlen(places[i]);

		if (strncmp(text, places[i], len) == 0 && text[len] == ' ' &&
			(text[len + 1] == '-' || isdigit((unsigned char) text[len + 1])))
			return len;
	}
	return 0;
}

/* A colon in a name or a string follows no space that has no backslash. */
static bool
is_field(const char *tree, const char *colon)
{
	return colon > tree && colon[-1] == ' ' && (colon - 1 == tree || colon[-2] != '\\');
}

static Size
drop_places(char *tree)
{
	char	   *to = tree;
	const char *from = tree;	/* not moved yet */
	const char *colon = tree;

	while ((colon = strchr(colon, ':')) != NULL)
	{
		Size		len = is_field(tree, colon) ? place_at(colon) : 0;

		if (len == 0)
		{
			colon++;
			continue;
		}
		memmove(to, from, colon - from);
		to += colon - from;
		for (colon += len + 1; *colon == '-' || isdigit((unsigned char) *colon);)
			colon++;
		from = colon;
	}
	memmove(to, from, strlen(from) + 1);
	return to - tree + strlen(to);
}

static void
compute(const Query *query, uint8 *digest)
{
	char	   *tree = nodeToString(query);
	Size		len = drop_places(tree);
	uint64		low = cs_keyhash(tree, len, LOW_TWEAK);
	uint64		high = cs_keyhash(tree, len, HIGH_TWEAK);

	memcpy(digest, &low, sizeof(low));
	memcpy(digest + sizeof(low), &high, sizeof(high));
	pfree(tree);
}

/* ----- what is remembered ----- */

static uint64
hash_text(const Query *query, const char *text)
{
	Size		len;

	if (query->stmt_location > 0)
		text	  +=query->stmt_location;

	len = query->stmt_len > 0 ? (Size) query->stmt_len : strlen(text);
	return cs_keyhash(text, len, TEXT_TWEAK);
}

static void
forget(Remembered *entry)
{
	MemoryContext context = entry->context;

	total_bytes -= entry->bytes;
	entry->text = 0;
	entry->bytes = 0;
	entry->context = NULL;
	entry->query = NULL;
	if (context != NULL)
		MemoryContextDelete(context);
}

static void
remember(Remembered *entry, const Query *query, const uint8 *digest)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies digest",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	entry->query = (Query *) copyObjectImpl(query);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	memcpy(entry->digest, digest, CS_DIGEST_LENGTH);
	entry->bytes = MemoryContextMemAllocated(context, true);
	total_bytes += entry->bytes;
	while (total_bytes > MAX_BYTES)
		forget(&remembered[next_to_go++ & (N_REMEMBERED - 1)]);
}

/*
 * The digest of a statement, wherever in a text it was written.  'text' is the
 * text in which this one was.
 */
void
cs_digest_query(const Query *query, const char *text, uint8 *digest)
{
	uint64		hash = text !=NULL ? hash_text(query, text) : 0;
	Remembered *entry = &remembered[hash & (N_REMEMBERED - 1)];

	if (entry->text == hash && entry->context != NULL && equal(entry->query, query))
	{
		memcpy(digest, entry->digest, CS_DIGEST_LENGTH);
		return;
	}
	compute(query, digest);
	if (text == NULL)
		return;
	if (entry->text !=hash || entry->context != NULL)
	{
		forget(entry);
		entry->text = hash;
	}
	else
		remember(entry, query, digest);
}
