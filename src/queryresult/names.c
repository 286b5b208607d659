/*-------------------------------------------------------------------------
 *
 * names.c
 *		What a query's text says that its analysis no longer shows.
 *
 * A name without a schema stands for the first thing of that name along the
 * search path.  Once analysed, the query has what was found, and nothing tells
 * when something of that name comes up in an earlier schema; a temporary table,
 * say.  So the hashes that the system caches would give to such things are
 * noted, as bits of a small set, and an invalidation that hits one outdates all
 * that was analysed.  This way, other tables that come and go cost nothing.
 *
 * And a literal such as 'now' becomes a constant when the query is analysed.
 * Such a query is analysed in each call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "compat.h"
#include "queryresult/names.h"

#define N_BITS	8192			/* a power of two */

static uint64 noted[N_BITS / 64];

typedef struct Search
{
	List	   *schemas;		/* along the search path */
	bool		fleeting;
} Search;

static void
note(uint32 hash)
{
	hash &= N_BITS - 1;
	noted[hash / 64] |= UINT64CONST(1) << (hash % 64);
}

bool
cs_names_concern(uint32 hash)
{
	if (hash == 0)
		return true;
	hash &= N_BITS - 1;
	return (noted[hash / 64] >> (hash % 64)) & 1;
}

void
cs_names_forget(void)
{
	memset(noted, 0, sizeof(noted));
}

/* In each schema, as a relation of the name also brings a type of it. */
static void
note_name(const Search *search, int cacheid, const char *name)
{
	NameData	key;
	ListCell   *lc;

	namestrcpy(&key, name);
	foreach(lc, search->schemas)
		note(GetSysCacheHashValue2(cacheid, NameGetDatum(&key),
								   ObjectIdGetDatum(lfirst_oid(lc))));
}

/* ----- literals that stand for a time ----- */

static bool
has_word(const char *text, const char *word)
{
	Size		len = strlen(word);

	for (const char *p = text; *p != '\0'; p++)
		if (pg_strncasecmp(p, word, len) == 0 &&
			(p == text ||!isalpha((unsigned char) p[-1])) &&
			!isalpha((unsigned char) p[len]))
			return true;
	return false;
}

static bool
is_fleeting(const char *literal)
{
	return has_word(literal, "now") || has_word(literal, "today") ||
		has_word(literal, "tomorrow") || has_word(literal, "yesterday");
}

/* ----- the walk ----- */

static bool
look(Node *node, void *arg)
{
	Search	   *search = arg;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_RangeVar:
			if (((RangeVar *) node)->schemaname == NULL)
				note_name(search, RELNAMENSP, ((RangeVar *) node)->relname);
			break;
		case T_TypeName:
			if (list_length(((TypeName *) node)->names) == 1)
				note_name(search, TYPENAMENSP,
						  strVal(linitial(((TypeName *) node)->names)));
			break;
		case T_RangeTableFuncCol:
			/* the walker leaves it out */
			(void) look((Node *) ((RangeTableFuncCol *) node)->typeName, arg);
			break;
		case T_A_Const:
			if (!((A_Const *) node)->isnull &&
				IsA(&((A_Const *) node)->val, String) &&
				is_fleeting(strVal(&((A_Const *) node)->val)))
				search->fleeting = true;
			return false;
		default:
			break;
	}
	return raw_expression_tree_walker(node, look, arg);
}

/*
 * Note the names in a list of raw parse trees that would stand for something
 * else if it came up in a schema that is searched earlier.  True: literals
 * like 'now' make another query of the same text at another time.
 */
bool
cs_names_note(List *raw)
{
	Search		search = {fetch_search_path(true), false};
	ListCell   *lc;

	foreach(lc, raw)
		(void) look(lfirst_node(RawStmt, lc)->stmt, &search);
	return search.fleeting;
}
