/*-------------------------------------------------------------------------
 *
 * identity.c
 *		Identity of a table: its name and columns when a statement that names
 *		it by its row type was last analysed in this session.
 *
 * Analysis, and usually planning, make a plan depend on the table, so after a
 * change the statement is analysed again before its next execution.  The notes
 * here are for the time in between, when a plan is already in use as the
 * invalidation arrives.
 *
 * Everything is local to the session.
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

#define MAX_NOTED	1024		/* when there are more, all are forgotten */

typedef struct Noted
{
	Oid			relid;			/* hash key */
	bool		current;		/* no invalidation since */
	uint64		outdated;		/* n_changes at the first invalidation since */
	uint64		changed;		/* n_changes at the last invalidation */
	NameData	name;
	Oid			schema;
	TupleDesc	columns;		/* NULL if none */
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

/* Note the present identity of a relation.  The caller has it locked. */
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

/* Whether two columns agree in what a compiled expression relies on. */
static bool
same_column(Form_pg_attribute a, Form_pg_attribute b)
{
	return a->atttypid == b->atttypid && a->atttypmod == b->atttypmod &&
		a->attcollation == b->attcollation && a->attisdropped == b->attisdropped &&
		strcmp(NameStr(a->attname), NameStr(b->attname)) == 0;
}

/*
 * Whether 'columns' starts with all columns of 'beginning'.
 */
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

/* Compare the relation with what was noted.  The caller has it locked. */
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
	/* opening it may have processed invalidations; 'rel' reflects them */
	entry = find(relid);
	result = entry != NULL ? compare(entry, rel) : CS_IDENTITY_UNKNOWN;
	relation_close(rel, NoLock);
	return result;
}

/* Relation that has the noted name now; InvalidOid if none. */
Oid
cs_identity_successor(Oid relid)
{
	const Noted *entry = find(relid);

	if (entry == NULL)
		return InvalidOid;
	return get_relname_relid(NameStr(entry->name), entry->schema);
}

/*
 * Throw 40001: the table is not what the statement was analysed for.
 */
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
 * Whether a relation can take the place of the other one in an expression that
 * was compiled for that.
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

/*
 * Current time, counted in invalidations that this session has processed.
 */
uint64
cs_identity_time(void)
{
	return n_changes;
}

/*
 * Whether the relation has changed since that time.  A relation that was not
 * noted may have changed with any invalidation.
 */
bool
cs_identity_news_since(Oid relid, uint64 time)
{
	const Noted *entry = find(relid);

	return (entry == NULL ? n_changes : entry->changed) > time;
}

/*
 * Whether the relation is what was noted, and the note was valid at that time.
 */
bool
cs_identity_was_same(Oid relid, uint64 time)
{
	const Noted *entry = find(relid);

	return entry != NULL && (entry->current || entry->outdated > time) &&
		cs_identity_compare(relid) == CS_IDENTITY_SAME;
}

/*
 * Note an invalidation.
 */
static void
news_of(Noted *entry)
{
	if (entry->current)
		entry->outdated = n_changes;
	entry->current = false;
	entry->changed = n_changes;
}

/* Process a relcache invalidation; InvalidOid for all relations. */
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
