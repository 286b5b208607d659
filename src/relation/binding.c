/*-------------------------------------------------------------------------
 *
 * binding.c
 *		Bindings: a session's knowledge of the cached tables.
 *
 * A session keeps a binding for each cached table that it has met, made from
 * the catalogues and from cache.bindings.  It drops the binding when a
 * relcache invalidation arrives for the table, for one of its partitions or
 * for cache.bindings. The fact that a table has no binding is kept in the same
 * way, since attaching the table sends an invalidation as well.
 *
 * Invalidations are only processed when locks are taken.  So a binding also
 * carries the epoch that its slot had when it was made: every relevant change
 * moves the epoch before it becomes visible, and cs_binding_refresh() then
 * catches up under a lock on the table.
 *
 * A dropped binding may still be in use further up the call stack.  It is
 * retired, and freed after the transaction.  A caller that keeps a pointer
 * across calls finds out by cs_binding_generation that it may be invalid.
 *
 * All of this is local to the session; there is no locking.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "inval.h"
#include "relation/binding.h"
#include "relation/attached.h"
#include "relation/catalog.h"
#include "relation/ddl.h"
#include "relation/rellock.h"
#include "relation/tree.h"
#include "store/keyhash.h"
#include "store/slot.h"
#include "xact/xact.h"

typedef struct Known
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		bare;			/* the relation has no triggers */
	CsBinding  *binding;		/* NULL if not cached */
	dlist_node	node;			/* in "bound", if it has a binding */
	dlist_node	part_node;		/* in "partitioned", if that has partitions */
	bool		told;			/* whether the session was warned that its
								 * writes are not deferred */
	CsTarget   *targets;		/* bindings that changes of this relation
								 * concern */
	int			ntargets;
	uint64		targets_generation; /* cs_binding_generation when they were
									 * determined; 0 if never */
	MemoryContext targets_context;
} Known;

uint64		cs_binding_generation = 1;
void		(*cs_binding_made_hook) (CsBinding *binding) = NULL;

static HTAB *known;
static dlist_head bound = DLIST_STATIC_INIT(bound);
static dlist_head partitioned = DLIST_STATIC_INIT(partitioned);
static CsBinding *retired;		/* retired in this transaction */
static CsBinding *reapable;		/* retired in an earlier one */
static Oid	catalog_relid = InvalidOid;
static bool stale_entries = false;	/* some entries may belong to dropped
									 * tables */
static uint64 slots_known = 0;	/* generation of the slot directory that the
								 * bindings agree with */
static Oid	building = InvalidOid;	/* table that build() is reading */
static bool building_again;		/* it changed while build() was reading it */

/* ----- forgetting ----- */

/*
 * Drop the entry's binding, which may still be in use.
 */
static void
retire(Known *entry)
{
	CsBinding  *binding = entry->binding;

	entry->valid = false;
	if (binding == NULL)
		return;
	entry->binding = NULL;
	dlist_delete(&entry->node);
	if (binding->tree.nparts > 0)
		dlist_delete(&entry->part_node);
	binding->retired = true;
	binding->next_retired = retired;
	retired = binding;
	cs_binding_generation++;
}

/*
 * Mark an entry as outdated by an invalidation.
 */
static void
outdate(Known *entry)
{
	entry->targets_generation = 0;
	entry->bare = false;
	stale_entries = true;
	if (entry->valid)
		retire(entry);
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS scan;
	Known	   *entry;

	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
		outdate(entry);
}

/*
 * Forget what is known of the relation and of the tables that it is a part of.
 * Each command of DDL sends many invalidations, so this does not look at all
 * bindings.
 */
static void
forget(Oid relid)
{
	Known	   *entry = hash_search(known, &relid, HASH_FIND, NULL);
	dlist_mutable_iter iter;

	if (entry != NULL)
		outdate(entry);
	dlist_foreach_modify(iter, &partitioned)
	{
		entry = dlist_container(Known, part_node, iter.cur);
		if (cs_tree_has(&entry->binding->tree, relid))
			outdate(entry);
	}
}

/*
 * Relcache callback.  DDL of this transaction is recognized by its lock: a
 * command that changes how rows are seen or which triggers fire takes at least
 * one of these.
 */
static void
relation_changed(Oid relid)
{
	if (OidIsValid(relid) && relid >= FirstNormalObjectId && IsTransactionState() &&
		(cs_rellock_is_held(relid, AccessExclusiveLock) ||	/* the usual case */
		 cs_rellock_is_held(relid, ShareUpdateExclusiveLock)) &&
		!(cs_xact_is_late() && cs_ddl_is_temporary(relid)))
		cs_xact_ddl(relid);

	if (!OidIsValid(relid) || relid == building || relid == catalog_relid)
		building_again = true;
	if (known != NULL && (!OidIsValid(relid) || relid == catalog_relid))
		forget_all();
	else if (known != NULL)
		forget(relid);
	if (!OidIsValid(relid) || relid == catalog_relid)
		catalog_relid = InvalidOid;
}

/* Syscache callback: a schema was renamed, or its privileges have changed. */
static void
schema_changed(uint32 hash)
{
	dlist_mutable_iter iter;

	building_again = true;
	dlist_foreach_modify(iter, &bound)
	{
		Known	   *entry = dlist_container(Known, node, iter.cur);

		if (hash == 0 || hash == entry->binding->schema_hash)
			retire(entry);
	}
}

/* Syscache callback: roles or memberships have changed. */
static void
roles_changed(uint32 hash)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bound)
		dlist_container(Known, node, iter.cur)->binding->acl_role = InvalidOid;
}

/*
 * Remove useless entries, at the end of the transaction, when none can be in
 * use.
 */
static void
forget_stale(void)
{
	HASH_SEQ_STATUS scan;
	Known	   *entry;

	stale_entries = false;
	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->valid || entry->targets_generation != 0)
			continue;
		if (entry->targets_context != NULL)
			MemoryContextDelete(entry->targets_context);
		hash_search(known, &entry->relid, HASH_REMOVE, NULL);
	}
}

/*
 * Transaction callback.
 */
static void
at_end(bool committed)
{
	CsBinding **last = &reapable;

	if (stale_entries && known != NULL)
		forget_stale();
	while (*last != NULL)
		last = &(*last)->next_retired;
	*last = retired;
	retired = NULL;
}

/*
 * Free the bindings retired in earlier transactions.
 */
static void
reap(void)
{
	while (reapable != NULL)
	{
		CsBinding  *binding = reapable;

		reapable = binding->next_retired;
		for (int i = 0; i < 2; i++)
		{
			if (binding->load_plan[i] != NULL)
				SPI_freeplan(binding->load_plan[i]);
			if (binding->many_plan[i] != NULL)
				SPI_freeplan(binding->many_plan[i]);
		}
		for (CsPlan *kept = binding->plans; kept != NULL; kept = kept->next)
			SPI_freeplan(kept->plan);
		MemoryContextDelete(binding->context);
	}
}

void
cs_binding_init(void)
{
	cs_inval_on_relation(relation_changed);
	cs_inval_on_syscache(AUTHOID, roles_changed);
	cs_inval_on_syscache(AUTHMEMMEMROLE, roles_changed);
	/* the owner of the database is a member of pg_database_owner */
	cs_inval_on_syscache(DATABASEOID, roles_changed);
	cs_inval_on_syscache(NAMESPACEOID, schema_changed);
	cs_xact_at_end(at_end);
}

/*
 * OID of cache.binding_store; InvalidOid if the extension does not exist.
 */
Oid
cs_binding_catalog(void)
{
	if (!OidIsValid(catalog_relid) && IsTransactionState())
		catalog_relid = cs_catalog_relid("binding_store");
	return catalog_relid;
}

/* ----- making one ----- */

/*
 * Set the binding's primary key.  Throws if a column's type cannot be hashed.
 */
static void
describe_key(CsBinding *binding, Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisprimary && form->indimmediate && form->indisvalid)
		{
			binding->key_index = RelationGetRelid(index);
			binding->nkeys = form->indnkeyatts;
			binding->keys = palloc0(binding->nkeys * sizeof(CsKeyColumn));
			for (int i = 0; i < binding->nkeys; i++)
			{
				if (!cs_key_describe(&binding->keys[i], index->rd_opfamily[i],
									 index->rd_opcintype[i], index->rd_indcollation[i],
									 binding->tupdesc, form->indkey.values[i]))
					ereport(ERROR,
							(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							 errmsg("key column \"%s\" of table \"%s\" has type %s, which cannot be hashed",
									NameStr(binding->keys[i].name), binding->name,
									format_type_be(binding->keys[i].type))));
				if (binding->keys[i].class == CS_KEY_HASHED)
					binding->hashed = true;
			}
		}
		index_close(index, AccessShareLock);
	}
}

/*
 * Fingerprints are seeded, as hashes of keys are.  Rows and keys in shared
 * memory are decoded by them, and the owner of a table determines its columns.
 */
static uint32
fingerprint(const uint32 *words, int n)
{
	uint64		hash = cs_keyhash(words, n * sizeof(uint32), 0);

	return (uint32) (hash ^ (hash >> 32));
}

/* Fingerprint of everything that determines how a row's bytes are read. */
static uint32
shape_of(TupleDesc tupdesc)
{
	uint32	   *words = palloc((1 + 3 * tupdesc->natts) * sizeof(uint32));
	int			n = 0;
	uint32		shape;

	words[n++] = tupdesc->tdtypeid;
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		words[n++] = att->atttypid;
		words[n++] = (uint32) (int32) att->attlen;
		words[n++] = (att->attbyval << 16) | (att->attisdropped << 8) | att->attalign;
	}
	shape = fingerprint(words, n);
	pfree(words);
	return shape;
}

/*
 * Whether the column is part of the primary key.
 */
bool
cs_binding_is_key(const CsBinding *binding, AttrNumber attnum)
{
	for (int i = 0; i < binding->nkeys; i++)
		if (binding->keys[i].attnum == attnum)
			return true;
	return false;
}

/*
 * Fingerprint of the primary key's columns, never 0.
 */
uint32
cs_binding_key_shape(const CsBinding *binding)
{
	uint32		words[2 * INDEX_MAX_KEYS];
	int			n = 0;

	for (int i = 0; i < binding->nkeys; i++)
	{
		words[n++] = binding->keys[i].attnum;
		words[n++] = binding->keys[i].type;
	}
	return fingerprint(words, n) | 1;
}

/*
 * Make a binding in a context of its own, below CacheMemoryContext.
 */
static CsBinding *
make_binding(Relation rel, const CsOptions *options, int slot, uint64 word)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies binding",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CsBinding  *binding = palloc0(sizeof(CsBinding));

	binding->context = context;
	binding->relid = RelationGetRelid(rel);
	binding->rowtype = rel->rd_rel->reltype;
	binding->owner = rel->rd_rel->relowner;
	binding->schema_hash = GetSysCacheHashValue1(NAMESPACEOID,
												 ObjectIdGetDatum(RelationGetNamespace(rel)));
	binding->name = pstrdup(RelationGetRelationName(rel));
	binding->rls = rel->rd_rel->relrowsecurity;
	binding->rules = rel->rd_rules != NULL;
	binding->tupdesc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	binding->shape = shape_of(binding->tupdesc);
	binding->seed = ((uint64) MyDatabaseId << 32) | binding->relid;
	binding->options = *options;
	binding->options.strategy = pstrdup(options->strategy);
	if (options->loader != NULL)
		binding->options.loader = pstrdup(options->loader);
	if (options->merge != NULL)
	{
		binding->options.merge = palloc(VARSIZE(options->merge));
		memcpy(binding->options.merge, options->merge, VARSIZE(options->merge));
	}
	binding->options.settings = NULL;
	binding->pinned = cs_pinned_parse(options->settings);
	describe_key(binding, rel);
	cs_tree_list(&binding->tree, rel);
	binding->slot = slot;
	binding->epoch = slot >= 0 && cs_slot_is(word, CS_SLOT_ACTIVE)
		? cs_slot_epoch(word) : CS_NO_EPOCH;
	binding->refused = PG_UINT64_MAX;	/* a new slot's word is 0 */
	cs_binding_made_hook(binding);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, CacheMemoryContext);
	return binding;
}

/*
 * Entry of a table, made if necessary.
 */
static Known *
known_entry(Oid relid)
{
	bool		found;
	Known	   *entry;

	if (known == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Known)};

		known = hash_create("cache_strategies bindings", 64, &ctl,
							HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(known, &relid, HASH_ENTER, &found);
	if (!found)
		memset((char *) entry + sizeof(Oid), 0, sizeof(Known) - sizeof(Oid));
	return entry;
}

/* Warn once per session and table that its writes are not deferred. */
static void
say_not_deferred(Known *entry)
{
	const CsBinding *binding = entry->binding;

	if (entry->told)
		return;
	entry->told = true;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("writes of table \"%s\" are not deferred", binding->name),
			 errdetail_internal("%s", cs_slot_denial_detail(binding->denial))));
}

/*
 * Make the table's binding; returns NULL if it is not attached.
 *
 * The slot's word is read before the catalogues.  If it says ACTIVE, all
 * changes up to its epoch have sent their invalidations, and are seen here.
 */
static CsBinding *
build(Oid relid)
{
	CsOptions	options;
	CsBinding  *binding;
	Relation	rel;
	CsSlotDenial denial;
	int			slot;
	uint64		word;

	AcceptInvalidationMessages();
	building_again = false;
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) ||
		!cs_attached_read(relid, &options))
		return NULL;
	slot = cs_ddl_make_slot(relid, &denial);
	word = slot >= 0 ? cs_slot_read(slot) : 0;
	AcceptInvalidationMessages();
	rel = table_open(relid, NoLock);
	if (slot >= 0 && rel->rd_createSubid != InvalidSubTransactionId)
		cs_xact_create_table(slot, MyDatabaseId, relid);
	binding = make_binding(rel, &options, slot, word);
	binding->denial = denial;
	cs_binding_settle_slot(binding);
	table_close(rel, NoLock);
	return binding;
}

/*
 * Get the table's binding; NULL if it is not attached.  Takes AccessShareLock
 * on the table if the binding must be made.
 */
CsBinding *
cs_binding_get(Oid relid)
{
	Known	   *entry = known_entry(relid);
	CsBinding  *binding;

	/* without a binding there is no slot whose epoch would reveal changes */
	if (entry->valid && entry->binding == NULL)
		AcceptInvalidationMessages();
	if (entry->valid)
		return entry->binding;
	reap();
	cs_xact_note_use();
	LockRelationOid(relid, AccessShareLock);
	building = relid;
	for (;;)
	{
		binding = build(relid);
		if (!building_again)
			break;
		if (binding != NULL)
			MemoryContextDelete(binding->context);
	}
	building = InvalidOid;
	retire(entry);
	entry->binding = binding;
	entry->valid = true;
	if (binding != NULL)
		dlist_push_tail(&bound, &entry->node);
	if (binding != NULL && binding->tree.nparts > 0)
		dlist_push_tail(&partitioned, &entry->part_node);
	if (binding != NULL && binding->slot < 0 && binding->needs.settling)
		say_not_deferred(entry);
	return binding;
}

/*
 * Whether a relation that is locked has no triggers, so that it is neither
 * attached nor part of a table that is.  The planner asks for each table of
 * each statement; what is known costs a look into a hash table.
 */
bool
cs_binding_is_bare(Oid relid)
{
	Known	   *entry = known != NULL ? hash_search(known, &relid, HASH_FIND, NULL) : NULL;
	Relation	rel;

	if (entry != NULL && (entry->valid || entry->bare))
		return entry->bare;
	rel = RelationIdGetRelation(relid);
	if (rel == NULL)
		return true;
	entry = known_entry(relid);
	entry->bare = !rel->rd_rel->relhastriggers;
	RelationClose(rel);
	return entry->bare;
}

/*
 * As cs_binding_get(), for the planner: invalidations are not processed.
 */
CsBinding *
cs_binding_peek(Oid relid)
{
	Known	   *entry = known != NULL ? hash_search(known, &relid, HASH_FIND, NULL) : NULL;

	if (entry != NULL && entry->valid)
		return entry->binding;
	return cs_binding_is_bare(relid) ? NULL : cs_binding_get(relid);
}

/*
 * The first of these tables whose writes are deferred; NULL if there is none.
 */
const CsBinding *
cs_binding_deferring(const Oid *tables, int n)
{
	for (int i = 0; i < n; i++)
	{
		const CsBinding *binding = cs_binding_peek(tables[i]);

		if (binding != NULL && cs_binding_defers(binding))
			return binding;
	}
	return NULL;
}

/*
 * Current qualified and quoted name.  A schema can be renamed without a
 * relcache invalidation, so the name is looked up each time.
 */
char *
cs_binding_qualified_name(const CsBinding *binding)
{
	char	   *name = get_rel_name(binding->relid);
	char	   *schema = get_namespace_name(get_rel_namespace(binding->relid));

	if (name == NULL || schema == NULL)
		cs_binding_renamed_error(binding);
	return quote_qualified_identifier(schema, name);
}

/*
 * Throw 40001: the name of the table belongs to another table now, or to none.
 */
void
cs_binding_renamed_error(const CsBinding *binding)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("table \"%s\" or its schema was renamed or dropped concurrently",
					binding->name),
			 errhint("Try again.")));
}

/*
 * As cs_binding_get(), but throws if the table is not attached or has no
 * usable primary key.
 */
CsBinding *
cs_binding_require(Oid relid)
{
	CsBinding  *binding = cs_binding_get(relid);
	char	   *name;

	if (binding == NULL)
	{
		name = get_rel_name(relid);
		if (name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation with OID %u does not exist", relid)));
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not attached to the cache", name),
				 errhint("Use cache.attach('%s', strategy) first.", name)));
	}
	if (binding->nkeys == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" no longer has a primary key that the cache can use",
						binding->name),
				 errhint("Add a primary key that is not deferrable, or detach the table.")));
	return binding;
}

/*
 * Lock the table until the end of the transaction against DDL by others, as a
 * SELECT does.  Returns false if the table has changed before; the binding is
 * then retired.
 */
bool
cs_binding_lock(CsBinding *binding)
{
	if (!cs_binding_is_locked(binding))
	{
		cs_xact_note_use();
		(void) cs_rellock_hold(binding->relid);
		binding->locked = cs_xact_lock_generation;
	}
	return !binding->retired;
}

/*
 * Drop each binding whose slot is no longer the table's, and each binding
 * without a slot if the directory has moved.
 *
 * A writer with such a binding would mark and unlink in the wrong place.  This
 * is called before each use.  A slot that is made afterwards starts with
 * prepared_xid at the newest xid (see "lost" in slot.c), which covers the
 * writer, because it already has its xid.
 */
void
cs_binding_check_slots(void)
{
	uint64		generation = cs_slot_generation();
	dlist_mutable_iter iter;

	if (generation == slots_known || known == NULL)
		return;
	slots_known = generation;
	dlist_foreach_modify(iter, &bound)
	{
		Known	   *entry = dlist_container(Known, node, iter.cur);

		/* a binding without a slot may get one now */
		if (entry->binding->slot < 0 ||
			entry->binding->slot != cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, entry->relid))
			retire(entry);
	}
}

/* Whether the slot still belongs to the binding's table. */
bool
cs_binding_owns_slot(const CsBinding *binding)
{
	Oid			database;

	return cs_slot_relation(binding->slot, &database) == binding->relid &&
		database == MyDatabaseId;
}

/*
 * If the binding's slot is young, determine whether it must remain so.
 *
 * A writer that looked for the slot in vain had a lock on the table by then,
 * which it holds until it ends.  So if no such lock exists at a moment after
 * the slot became visible, there is no such writer.
 */
void
cs_binding_settle_slot(const CsBinding *binding)
{
	uint64		word;

	if (binding->slot < 0 || cs_slot_young(binding->slot) == 0)
		return;
	word = cs_slot_read(binding->slot);
	if (cs_binding_owns_slot(binding) && !cs_tree_has_writers(&binding->tree) &&
		!binding->retired)
		cs_slot_settle(binding->slot, cs_slot_epoch(word));
}

/*
 * Drop the table's binding.
 */
void
cs_binding_forget(Oid relid)
{
	retire(known_entry(relid));
}

/*
 * Read again what DDL or a whole-table change may have changed, and return the
 * current binding.
 *
 * Called when the slot is ACTIVE in an epoch that the binding does not know.
 * Taking the lock processes the invalidations of the change that has moved it.
 * Returns NULL if the table is not attached any more.
 */
CsBinding *
cs_binding_refresh(CsBinding *binding)
{
	Oid			relid = binding->relid;
	int			slot = binding->slot;
	uint64		word = cs_slot_read(slot);

	LockRelationOid(relid, AccessShareLock);
	AcceptInvalidationMessages();
	if (!cs_binding_owns_slot(binding))
		cs_binding_forget(relid);
	if (binding->retired)
		binding = cs_binding_get(relid);
	if (binding != NULL && binding->slot == slot && cs_slot_is(word, CS_SLOT_ACTIVE))
		binding->epoch = cs_slot_epoch(word);
	return binding;
}

/* ----- which bindings a change concerns ----- */

/*
 * Determine the bindings of a relation and of the partitioned tables above it.
 */
static void
find_targets(Known *entry, Relation rel)
{
	List	   *relids = list_make1_oid(RelationGetRelid(rel));
	ListCell   *lc;
	MemoryContext old;

	if (rel->rd_rel->relispartition)
		relids = list_concat(relids, get_partition_ancestors(RelationGetRelid(rel)));
	/* the old ones may be in use up the stack */
	if (entry->targets_context != NULL)
		MemoryContextSetParent(entry->targets_context, TopTransactionContext);
	entry->targets_context = AllocSetContextCreate(CacheMemoryContext,
												   "cache_strategies targets",
												   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(entry->targets_context);
	entry->targets = palloc0(list_length(relids) * sizeof(CsTarget));
	entry->ntargets = 0;
	foreach(lc, relids)
	{
		CsBinding  *binding = cs_binding_get(lfirst_oid(lc));
		CsTarget   *target = &entry->targets[entry->ntargets];

		if (binding == NULL || binding->nkeys == 0)
			continue;
		target->binding = binding;
		target->map = NULL;
		if (binding->relid != RelationGetRelid(rel))
			target->map = cs_build_attrmap(RelationGetDescr(rel), binding->tupdesc);
		entry->ntargets++;
	}
	MemoryContextSwitchTo(old);
}

/*
 * Bindings that changes of this relation concern.  The array is valid until
 * cs_binding_generation moves.
 */
CsTarget *
cs_binding_targets(Relation rel, int *n)
{
	Known	   *entry = known_entry(RelationGetRelid(rel));

	cs_binding_check_slots();
	while (entry->targets_generation != cs_binding_generation)
	{
		uint64		generation = cs_binding_generation;

		entry->targets_generation = 0;
		find_targets(entry, rel);
		entry = known_entry(RelationGetRelid(rel));
		entry->targets_generation = generation;
	}
	*n = entry->ntargets;
	return entry->targets;
}

/* ----- privileges ----- */

/*
 * Whether the current role has the privileges for "SELECT * FROM table"; kept
 * for one role.
 */
bool
cs_binding_may_select(CsBinding *binding)
{
	Oid			role = GetUserId();

	if (binding->acl_role != role)
	{
		bool		whole = pg_class_aclcheck(binding->relid, role, ACL_SELECT) == ACLCHECK_OK;
		bool		ok;

		ok = cs_namespace_aclcheck(get_rel_namespace(binding->relid), role,
								   ACL_USAGE) == ACLCHECK_OK &&
			(whole || pg_attribute_aclcheck_all(binding->relid, role, ACL_SELECT,
												ACLMASK_ALL) == ACLCHECK_OK);
		binding->acl_role = role;
		binding->acl_ok = ok;
		binding->acl_xmin = ok && whole;
	}
	return binding->acl_ok;
}

/*
 * Throw 42501 unless the current role may read the table.
 */
void
cs_binding_check_select(CsBinding *binding)
{
	if (!cs_binding_may_select(binding))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, binding->name);
}
