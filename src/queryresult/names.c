/*-------------------------------------------------------------------------
 *
 * names.c
 *		Properties of a query's text that its analysis no longer shows.
 *
 * A name without a schema stands for the first object of that name along the
 * search path.  The analysed query contains the object that was found, and no
 * invalidation of it arrives when an object of that name, such as a temporary
 * table, is created in an earlier schema.  So the hashes that the system
 * caches would give to such objects are noted, as bits of a small set, and an
 * invalidation that hits one outdates all analyses.  The creation of other
 * tables outdates none.
 *
 * A literal such as 'now' becomes a constant when the query is analysed.  Such
 * a query is analysed again in each call.
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
	List	   *schemas;		/* of the search path */
	bool		fleeting;
} Search;

/*
 * Set the bit of a hash.
 */
static void
note(uint32 hash)
{
	hash &= N_BITS - 1;
	noted[hash / 64] |= UINT64CONST(1) << (hash % 64);
}

/*
 * Whether an invalidation of this hash may be of a relation or type with a
 * noted name.  Hash 0 stands for all.
 */
bool
cs_names_concern(uint32 hash)
{
	if (hash == 0)
		return true;
	hash &= N_BITS - 1;
	return (noted[hash / 64] >> (hash % 64)) & 1;
}

/*
 * Clear the set, when all analyses are outdated.
 */
void
cs_names_forget(void)
{
	memset(noted, 0, sizeof(noted));
}

/*
 * Note the name in each schema.  One system cache suffices, since a relation
 * also has a type of its name.
 */
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

/*
 * Whether the text contains the word, delimited by non-letters.
 */
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

/*
 * Whether a literal may stand for a time.
 */
static bool
is_fleeting(const char *literal)
{
	return has_word(literal, "now") || has_word(literal, "today") ||
		has_word(literal, "tomorrow") || has_word(literal, "yesterday");
}

/* ----- the walk ----- */

/*
 * Raw expression tree walker.
 */
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
			/* the walker leaves this out */
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
 * Note the unqualified names in a list of raw parse trees.  Returns true if
 * there are literals such as 'now', so that the same text is another query at
 * another time.
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
