/*-------------------------------------------------------------------------
 *
 * identity.c
 *		What a table was called, and which columns it had, when a statement that
 *		names it by its row type was last analysed in this session.
 *
 * Analysis and, mostly, planning make a plan depend on the table, so a change
 * has the statement analysed again before it is executed again.  What is noted
 * here is for the moments in between, when a plan is in use already as the news
 * of the change come in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "relation/identity.h"

#define MAX_NOTED	1024		/* more than that are forgotten */

typedef struct Noted
{
	Oid			relid;			/* hash key */
	bool		current;		/* no invalidation since */
	uint64		outdated;		/* n_changes at the first one since */
	uint64		changed;		/* and at the last one ever */
	NameData	name;
	Oid			schema;
	TupleDesc	columns;		/* NULL: none */
	MemoryContext context;		/* of the columns */
} Noted;

static HTAB *noted = NULL;
static uint64 n_changes = 0;	/* relcache invalidations in this session */

static Noted *
find(Oid relid)
{
	return noted == NULL ? NULL : hash_search(noted, &relid, HASH_FIND, NULL);
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS scan;
	Noted	   *entry;

	hash_seq_init(&scan, noted);
	while ((entry = hash_seq_search(&scan)) != NULL)
		MemoryContextDelete(entry->context);
	hash_destroy(noted);
	noted = NULL;
}

static void
make_table(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Noted)};

	if (noted != NULL && hash_get_num_entries(noted) > MAX_NOTED)
		forget_all();
	if (noted == NULL)
		noted = hash_create("cache_strategies identities", 64, &ctl,
							HASH_ELEM | HASH_BLOBS);
}

static void
forget(Oid relid)
{
	Noted	   *entry = find(relid);

	if (entry == NULL)
		return;
	MemoryContextDelete(entry->context);
	hash_search(noted, &relid, HASH_REMOVE, NULL);
}

/*
 * The relation is locked.  What it is from here on.
 */
void
cs_identity_note(Oid relid)
{
	Noted	   *entry = find(relid);
	uint64		changed = n_changes;
	Relation	rel;
	MemoryContext context;
	MemoryContext old;

	if (entry != NULL && entry->current)
		return;
	if (entry != NULL)
		changed = entry->changed;
	forget(relid);
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return;
	make_table();
	context = AllocSetContextCreate(CacheMemoryContext, "cache_strategies identity",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	entry = hash_search(noted, &relid, HASH_ENTER, NULL);
	entry->context = context;
	entry->current = true;
	entry->changed = changed;
	namestrcpy(&entry->name, RelationGetRelationName(rel));
	entry->schema = RelationGetNamespace(rel);
	entry->columns = CreateTupleDescCopy(RelationGetDescr(rel));
	MemoryContextSwitchTo(old);
	relation_close(rel, NoLock);
}

/* What an expression that has been compiled takes for granted of a column. */
static bool
same_column(Form_pg_attribute a, Form_pg_attribute b)
{
	return a->atttypid == b->atttypid && a->atttypmod == b->atttypmod &&
		a->attcollation == b->attcollation && a->attisdropped == b->attisdropped &&
		strcmp(NameStr(a->attname), NameStr(b->attname)) == 0;
}

static bool
begins_with(TupleDesc columns, TupleDesc beginning)
{
	if (columns->natts < beginning->natts)
		return false;
	for (int i = 0; i < beginning->natts; i++)
		if (!same_column(TupleDescAttr(columns, i), TupleDescAttr(beginning, i)))
			return false;
	return true;
}

static CsIdentity
compare(const Noted *entry, Relation rel)
{
	if (strcmp(NameStr(entry->name), RelationGetRelationName(rel)) != 0 ||
		entry->schema != RelationGetNamespace(rel) ||
		!begins_with(RelationGetDescr(rel), entry->columns))
		return CS_IDENTITY_OTHER;
	return entry->columns->natts == RelationGetDescr(rel)->natts ? CS_IDENTITY_SAME
		: CS_IDENTITY_EXTENDED;
}

/*
 * The relation is locked.  What it is to those who know what was noted.
 */
CsIdentity
cs_identity_compare(Oid relid)
{
	Noted	   *entry = find(relid);
	Relation	rel;
	CsIdentity	result;

	if (entry == NULL)
		return CS_IDENTITY_UNKNOWN;
	if (entry->current)
		return CS_IDENTITY_SAME;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return CS_IDENTITY_OTHER;
	/* opening it may have read invalidations: what they say is in 'rel' */
	entry = find(relid);
	result = entry != NULL ? compare(entry, rel) : CS_IDENTITY_UNKNOWN;
	relation_close(rel, NoLock);
	return result;
}

/*
 * The relation that has the name that was noted; InvalidOid: none.
 */
Oid
cs_identity_successor(Oid relid)
{
	const Noted *entry = find(relid);

	if (entry == NULL)
		return InvalidOid;
	return get_relname_relid(NameStr(entry->name), entry->schema);
}

void
cs_identity_error(Oid relid)
{
	const Noted *entry = find(relid);
	const char *name = entry != NULL ? NameStr(entry->name) : get_rel_name(relid);

	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 name != NULL ? errmsg("table \"%s\" was changed concurrently", name)
			 : errmsg("a table was changed concurrently"),
			 errhint("Try again.")));
}

/*
 * May it stand for the other one, in an expression that was made for that?
 */
bool
cs_identity_is_like(Oid relid, Oid other)
{
	const Noted *entry = find(other);
	Relation	rel;
	bool		result;

	if (entry == NULL)
		return false;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return false;
	entry = find(other);
	result = entry != NULL && begins_with(RelationGetDescr(rel), entry->columns);
	relation_close(rel, NoLock);
	return result;
}

uint64
cs_identity_time(void)
{
	return n_changes;
}

/* Of a relation that has not been noted, anything can be news. */
bool
cs_identity_news_since(Oid relid, uint64 time)
{
	const Noted *entry = find(relid);

	return (entry == NULL ? n_changes : entry->changed) > time;
}

/* Is it what was noted, and was that still so at that time? */
bool
cs_identity_was_same(Oid relid, uint64 time)
{
	const Noted *entry = find(relid);

	return entry != NULL && (entry->current || entry->outdated > time) &&
		cs_identity_compare(relid) == CS_IDENTITY_SAME;
}

static void
news_of(Noted *entry)
{
	if (entry->current)
		entry->outdated = n_changes;
	entry->current = false;
	entry->changed = n_changes;
}

/*
 * From the relcache callback; InvalidOid: all relations.
 */
void
cs_identity_changed(Oid relid)
{
	HASH_SEQ_STATUS scan;
	Noted	   *entry;

	n_changes++;
	if (noted == NULL)
		return;
	if (OidIsValid(relid))
	{
		entry = find(relid);
		if (entry == NULL)
			return;
		news_of(entry);
		return;
	}
	hash_seq_init(&scan, noted);
	while ((entry = hash_seq_search(&scan)) != NULL)
		news_of(entry);
}
