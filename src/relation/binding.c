/*-------------------------------------------------------------------------
 *
 * binding.c
 *		What this session knows of a cached table.
 *
 * A session keeps a binding for each cached table it has met, made from the
 * catalogues and from cache.bindings, and drops it when a relcache
 * invalidation arrives for the table, one of its partitions or cache.bindings.
 * That a table has none is kept in the same way: attaching it sends one, too.
 * Invalidations are only absorbed when locks are taken, so a binding also
 * carries the epoch that its slot had when it was made: any change that
 * matters moves the epoch before anyone can see it, and cs_binding_refresh()
 * catches up under a lock on the table.
 *
 * A dropped binding may still be in use further up the call stack.  It is
 * retired, and freed after the transaction; cs_binding_generation tells who
 * keeps a pointer across calls that it may be one of those.
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
#include "relation/catalog.h"
#include "relation/ddl.h"
#include "store/keyhash.h"
#include "store/slot.h"
#include "xact/xact.h"

/* Columns of cache.bindings. */
enum
{
	Anum_relation = 1,
	Anum_strategy,
	Anum_ttl,
	Anum_ttl_jitter,
	Anum_negative_ttl,
	Anum_max_memory,
	Anum_loader,
	Anum_refresh_ahead,
	Anum_durable,
	Anum_flush_interval,
	Anum_flush_batch,
	Anum_merge,
	Anum_settings,
	Natts_bindings = Anum_settings
};

typedef struct Known
{
	Oid			relid;			/* hash key */
	bool		valid;
	CsBinding  *binding;		/* NULL: not cached */
	dlist_node	node;			/* in "bound", if it has a binding */
	bool		told;			/* that its writes are not deferred */
	CsTarget   *targets;		/* of changes of this relation */
	int			ntargets;
	uint64		targets_generation; /* when they were found out; 0: never */
	MemoryContext targets_context;
} Known;

uint64		cs_binding_generation = 1;
void		(*cs_binding_made_hook) (CsBinding *binding) = NULL;

static HTAB *known;
static dlist_head bound = DLIST_STATIC_INIT(bound);
static CsBinding *retired;		/* in this transaction */
static CsBinding *reapable;		/* in an earlier one */
static Oid	catalog_relid = InvalidOid;
static bool stale_entries = false;	/* some entries may be of tables that are
									 * gone */
static uint64 slots_known = 0;	/* directory of slots that the bindings are of */
static Oid	building = InvalidOid;	/* the table that build() is looking at */
static bool building_again;		/* it changed under build()'s eyes */

/* ----- forgetting ----- */

static void
retire(Known *entry)
{
	CsBinding  *binding = entry->binding;

	entry->valid = false;
	if (binding == NULL)
		return;
	entry->binding = NULL;
	dlist_delete(&entry->node);
	binding->retired = true;
	binding->next_retired = retired;
	retired = binding;
	cs_binding_generation++;
}

static void
outdate(Known *entry)
{
	entry->targets_generation = 0;
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

/* The relation, and the tables of which it is a part. */
static void
forget(Oid relid)
{
	Known	   *entry = hash_search(known, &relid, HASH_FIND, NULL);
	dlist_mutable_iter iter;

	if (entry != NULL)
		outdate(entry);
	dlist_foreach_modify(iter, &bound)
	{
		entry = dlist_container(Known, node, iter.cur);
		if (cs_tree_has(&entry->binding->tree, relid))
			outdate(entry);
	}
}

/*
 * DDL by this very transaction is recognised by its lock: nothing that changes
 * how rows are seen or which triggers fire does with less than these.
 */
static void
relation_changed(Oid relid)
{
	if (OidIsValid(relid) && relid >= FirstNormalObjectId && IsTransactionState() &&
		(cs_relation_is_locked(relid, AccessExclusiveLock) ||	/* most of the time */
		 cs_relation_is_locked(relid, ShareUpdateExclusiveLock)) &&
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

/* A schema was renamed, or its privileges have changed. */
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

/* Roles or memberships have changed. */
static void
roles_changed(uint32 hash)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bound)
		dlist_container(Known, node, iter.cur)->binding->acl_role = InvalidOid;
}

/* Entries that are of no use as they are; nobody up the stack can have them. */
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
	/* who owns the database is a member of pg_database_owner */
	cs_inval_on_syscache(DATABASEOID, roles_changed);
	cs_inval_on_syscache(NAMESPACEOID, schema_changed);
	cs_xact_at_end(at_end);
}

/* ----- options ----- */

Oid
cs_binding_catalog(void)
{
	if (!OidIsValid(catalog_relid) && IsTransactionState())
		catalog_relid = cs_catalog_relid("binding_store");
	return catalog_relid;
}

static int64
interval_usecs(Datum value)
{
	Interval   *span = DatumGetIntervalP(value);

	return span->time + (span->day + span->month * INT64CONST(30)) * USECS_PER_DAY;
}

static void
options_from_tuple(HeapTuple tuple, TupleDesc desc, CsOptions *options)
{
	Datum		values[Natts_bindings];
	bool		nulls[Natts_bindings];

	heap_deform_tuple(tuple, desc, values, nulls);
	memset(options, 0, sizeof(*options));
	options->strategy = TextDatumGetCString(values[Anum_strategy - 1]);
	if (!nulls[Anum_ttl - 1])
		options->ttl = interval_usecs(values[Anum_ttl - 1]);
	if (!nulls[Anum_ttl_jitter - 1])
		options->ttl_jitter = DatumGetFloat4(values[Anum_ttl_jitter - 1]);
	if (!nulls[Anum_negative_ttl - 1])
		options->negative_ttl = interval_usecs(values[Anum_negative_ttl - 1]);
	if (!nulls[Anum_max_memory - 1])
		options->max_memory = DatumGetInt64(values[Anum_max_memory - 1]);
	if (!nulls[Anum_loader - 1])
		options->loader = TextDatumGetCString(values[Anum_loader - 1]);
	if (!nulls[Anum_refresh_ahead - 1])
		options->refresh_ahead = DatumGetFloat4(values[Anum_refresh_ahead - 1]);
	options->durable = nulls[Anum_durable - 1] || DatumGetBool(values[Anum_durable - 1]);
	options->flush_interval = CS_FLUSH_INTERVAL;
	if (!nulls[Anum_flush_interval - 1])
		options->flush_interval = interval_usecs(values[Anum_flush_interval - 1]);
	options->flush_batch = CS_FLUSH_BATCH;
	if (!nulls[Anum_flush_batch - 1])
		options->flush_batch = DatumGetInt32(values[Anum_flush_batch - 1]);
	if (!nulls[Anum_merge - 1])
		options->merge = DatumGetJsonbPCopy(values[Anum_merge - 1]);
	if (!nulls[Anum_settings - 1])
		options->settings = DatumGetArrayTypePCopy(values[Anum_settings - 1]);
}

/*
 * cache.binding_store is an ordinary table, but it is read like a catalogue: as it
 * is now, whatever snapshot the caller has.
 */
bool
cs_binding_read_options(Oid relid, CsOptions *options)
{
	Relation	rel;
	ScanKeyData skey;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			catalog = cs_binding_catalog();

	if (!OidIsValid(catalog))
		return false;
	/* DROP EXTENSION may have been waited for */
	rel = try_table_open(catalog, AccessShareLock);
	if (rel == NULL)
		return false;
	ScanKeyInit(&skey, Anum_relation, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	list_free(RelationGetIndexList(rel));	/* finds out which the primary key
											 * is */
	scan = systable_beginscan(rel, rel->rd_pkindex, OidIsValid(rel->rd_pkindex), NULL, 1, &skey);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		options_from_tuple(tuple, RelationGetDescr(rel), options);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

/* ----- making one ----- */

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
 * Fingerprints are seeded, as those of keys are: rows and keys in shared memory are
 * taken apart by them, and the owner of a table decides which columns it has.
 */
static uint32
fingerprint(const uint32 *words, int n)
{
	uint64		hash = cs_keyhash(words, n * sizeof(uint32), 0);

	return (uint32) (hash ^ (hash >> 32));
}

/* Of everything that decides how a row's bytes are read. */
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
 * Is the column part of the primary key?
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
 * A fingerprint of the primary key's columns, never 0.
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

/* Once for each session that meets the table: its writes are plain writes. */
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
 * The slot's word is read before the catalogues: if it says ACTIVE, all that
 * happened up to its epoch has been broadcast and will be seen here.
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
		!cs_binding_read_options(relid, &options))
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
 * The table's binding, NULL if it has none.  Takes AccessShareLock on the
 * table when it has to be made anew.
 */
CsBinding *
cs_binding_get(Oid relid)
{
	Known	   *entry = known_entry(relid);
	CsBinding  *binding;

	/*
	 * a reader without a binding does not look at a slot, which tells of
	 * changes
	 */
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
	if (binding != NULL && binding->slot < 0 && binding->needs.settling)
		say_not_deferred(entry);
	return binding;
}

/* As it is now: a schema can be renamed without anybody noticing. */
char *
cs_binding_qualified_name(const CsBinding *binding)
{
	char	   *name = get_rel_name(binding->relid);
	char	   *schema = get_namespace_name(get_rel_namespace(binding->relid));

	if (name == NULL || schema == NULL)
		cs_binding_renamed_error(binding);
	return quote_qualified_identifier(schema, name);
}

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
 * The same, or an error that says how to attach.
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
 * Hold DDL by others off until the end of the transaction, as SELECT does.
 * False: the table has changed before that, and the binding is retired.
 */
bool
cs_binding_lock(CsBinding *binding)
{
	if (!cs_binding_is_locked(binding))
	{
		cs_xact_note_use();
		(void) cs_relation_hold(binding->relid);
		binding->locked = cs_xact_lock_generation;
	}
	return !binding->retired;
}

/*
 * Have no binding with a slot that is no longer the table's, or without one
 * though the table has one now.  A writer would mark and unlink in the wrong
 * place.  Asked before each use; a slot that is made after that begins with
 * prepared_xid at the newest xid ("lost", in slot.c), and the writer has its
 * xid already.
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

		/* one without a slot may get one now */
		if (entry->binding->slot < 0 ||
			entry->binding->slot != cs_slot_find(MyDatabaseId, CS_SLOT_TABLE, entry->relid))
			retire(entry);
	}
}

/* The slot has not been given to another table since. */
bool
cs_binding_owns_slot(const CsBinding *binding)
{
	Oid			database;

	return cs_slot_relation(binding->slot, &database) == binding->relid &&
		database == MyDatabaseId;
}

/*
 * If its slot is young, find out whether it need be.
 *
 * Whoever has looked for the slot in vain had a lock on the table by then, and
 * has it until it ends.  So there is no such writer if nobody has one at a
 * moment after the slot could be found.
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

void
cs_binding_forget(Oid relid)
{
	retire(known_entry(relid));
}

/*
 * Read anew what DDL or a whole-table change may have changed.
 *
 * Called when the slot is ACTIVE in an epoch that the binding does not know.
 * The lock absorbs the invalidations of whatever moved it.
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
		binding = cs_binding_require(relid);
	if (binding->slot == slot && cs_slot_is(word, CS_SLOT_ACTIVE))
		binding->epoch = cs_slot_epoch(word);
	return binding;
}

/* ----- whose changes concern which binding ----- */

static void
find_targets(Known *entry, Relation rel)
{
	List	   *relids = list_make1_oid(RelationGetRelid(rel));
	ListCell   *lc;
	MemoryContext old;

	if (rel->rd_rel->relispartition)
		relids = list_concat(relids, get_partition_ancestors(RelationGetRelid(rel)));
	/* somebody up the stack may be using the old ones */
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
 * The bindings that see changes of this relation.
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

/* What "SELECT * FROM table" would need, remembered for one role. */
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

void
cs_binding_check_select(CsBinding *binding)
{
	if (!cs_binding_may_select(binding))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, binding->name);
}
