/*-------------------------------------------------------------------------
 *
 * space.c
 *		Spaces: the session's knowledge of them, access rights, and their
 *		slots.
 *
 * A session keeps what it has read from cache.spaces and cache.space_grants
 * until a relcache invalidation of cache.spaces reports a change.  For each
 * space it also keeps the rights of the role that used it last, until roles or
 * memberships change.  The role is always the current one, GetUserId().
 *
 * A space's slot is made by the first writer.  Its epoch moves when the slot
 * is freed.  So while the epoch is the known one, slot and space belong
 * together, and entries of another owner cannot be met.  A slot is made under
 * a lock that conflicts with dropping the space: AccessShareLock on the space,
 * or on the role.  It is freed with the space (spacedrop.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "guc.h"
#include "inval.h"
#include "kv/space.h"
#include "kv/spacedrop.h"
#include "locktags.h"
#include "relation/span.h"
#include "store/slot.h"

/* Columns of cache.spaces */
enum
{
	Anum_spaces_id = 1,
	Anum_spaces_name,
	Anum_spaces_owner,
	Anum_spaces_ttl,
	Anum_spaces_max_memory,
	Natts_spaces = Anum_spaces_max_memory
};

/* Columns of cache.space_grants */
enum
{
	Anum_grants_space = 1,
	Anum_grants_role,
	Anum_grants_can_read,
	Anum_grants_can_write,
	Natts_grants = Anum_grants_can_write
};

#define N_RIGHTS	2			/* indexed by CsSpaceRight */

typedef struct Grant
{
	Oid			role;			/* InvalidOid for PUBLIC */
	bool		may[N_RIGHTS];
} Grant;

/* Key of the hash table.  Contains no padding, since it is hashed as bytes. */
typedef struct KnownName
{
	Oid			role;			/* of a role's own space */
	char		name[NAMEDATALEN];	/* of a named space; padded with zeros */
} KnownName;

typedef struct Known
{
	KnownName	name;
	bool		valid;			/* else it must be read again */
	CsSpace		space;
	uint64		refused;		/* generation of slots when it had none */
	Grant	   *grants;
	int			ngrants;
	Oid			acl_role;		/* role that these rights are of; InvalidOid
								 * if unknown */
	bool		may[N_RIGHTS];
} Known;

static HTAB *known;
static Known *last_named;
static Known *last_own;
static uint64 invalidations = 0;
static uint64 acl_changes = 0;
static Oid	catalog_relid = InvalidOid;
static Oid	grants_relid = InvalidOid;

/* ----- forgetting ----- */

/*
 * Relcache callback: forget what was read from the tables.
 */
static void
relation_changed(Oid relid)
{
	HASH_SEQ_STATUS scan;
	Known	   *each;

	if (OidIsValid(relid) && relid != catalog_relid)
		return;
	invalidations++;
	catalog_relid = InvalidOid;
	if (known == NULL)
		return;
	hash_seq_init(&scan, known);
	while ((each = hash_seq_search(&scan)) != NULL)
		each->valid = false;
}

/*
 * Syscache callback: roles, memberships or the owner of the database have
 * changed.
 */
static void
roles_changed(uint32 hash)
{
	HASH_SEQ_STATUS scan;
	Known	   *each;

	acl_changes++;
	if (known == NULL)
		return;
	hash_seq_init(&scan, known);
	while ((each = hash_seq_search(&scan)) != NULL)
		each->acl_role = InvalidOid;
}

/* ----- the tables ----- */

/*
 * OID of the table cache.spaces; InvalidOid if the extension does not exist.
 */
Oid
cs_space_catalog(void)
{
	if (!OidIsValid(catalog_relid) && IsTransactionState() &&
		OidIsValid(get_extension_oid("cache_strategies", true)))
	{
		Oid			schema = get_namespace_oid("cache", true);

		if (OidIsValid(schema))
		{
			grants_relid = get_relname_relid("space_grants", schema);
			catalog_relid = get_relname_relid("spaces", schema);
		}
	}
	return catalog_relid;
}

/* Make all sessions read the tables again, because rows have changed. */
void
cs_space_changed(void)
{
	if (OidIsValid(cs_space_catalog()))
		CacheInvalidateRelcacheByRelid(cs_space_catalog());
}

/*
 * Open one of the tables.  It may be gone, if DROP EXTENSION was waited for.
 */
static Relation
open_table(Oid relid)
{
	Relation	rel = OidIsValid(relid) ? try_table_open(relid, AccessShareLock) : NULL;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("extension \"%s\" is not installed in this database",
						"cache_strategies")));
	return rel;
}

static void
space_from_tuple(HeapTuple tuple, TupleDesc desc, CsSpace *space)
{
	Datum		values[Natts_spaces];
	bool		nulls[Natts_spaces];

	heap_deform_tuple(tuple, desc, values, nulls);
	memset(space, 0, sizeof(*space));
	strlcpy(space->name, TextDatumGetCString(values[Anum_spaces_name - 1]), NAMEDATALEN);
	space->id = DatumGetObjectId(values[Anum_spaces_id - 1]);
	space->owner = DatumGetObjectId(values[Anum_spaces_owner - 1]);
	space->slot = -1;
	if (!nulls[Anum_spaces_ttl - 1])
		space->ttl = Max(cs_span_usecs(DatumGetIntervalP(values[Anum_spaces_ttl - 1])), 0);
	if (!nulls[Anum_spaces_max_memory - 1])
		space->max_memory = DatumGetInt64(values[Anum_spaces_max_memory - 1]);
}

/*
 * Read a space's row; returns false if there is none.  The tables are ordinary
 * ones that are read like catalogues, in their latest state, whatever snapshot
 * the caller has.
 */
static bool
read_space(const char *name, CsSpace *space)
{
	Relation	rel = open_table(cs_space_catalog());
	ScanKeyData skey;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&skey, Anum_spaces_name, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &skey);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		space_from_tuple(tuple, RelationGetDescr(rel), space);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

static List *
read_all_spaces(void)
{
	Relation	rel = open_table(cs_space_catalog());
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *all = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CsSpace    *space = palloc(sizeof(CsSpace));

		space_from_tuple(tuple, RelationGetDescr(rel), space);
		all = lappend(all, space);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return all;
}

/*
 * Read a space's grants into the entry, in CacheMemoryContext.
 */
static void
read_grants(Known *entry)
{
	Relation	rel = open_table(grants_relid);
	int			max = 0;
	ScanKeyData skey;
	SysScanDesc scan;
	HeapTuple	tuple;

	entry->ngrants = 0;
	if (entry->grants != NULL)
		pfree(entry->grants);
	entry->grants = NULL;
	ScanKeyInit(&skey, Anum_grants_space, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(entry->space.id));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &skey);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[Natts_grants];
		bool		nulls[Natts_grants];
		Grant	   *grant;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		if (entry->ngrants == max)
		{
			max = Max(8, max * 2);
			entry->grants = entry->grants == NULL ?
				MemoryContextAlloc(CacheMemoryContext, max * sizeof(Grant)) :
				repalloc(entry->grants, max * sizeof(Grant));
		}
		grant = &entry->grants[entry->ngrants++];
		grant->role = DatumGetObjectId(values[Anum_grants_role - 1]);
		grant->may[CS_SPACE_READ] = DatumGetBool(values[Anum_grants_can_read - 1]);
		grant->may[CS_SPACE_WRITE] = DatumGetBool(values[Anum_grants_can_write - 1]);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* ----- what is known ----- */

/*
 * Entry of the hash table for this name, made if necessary.
 */
static Known *
known_entry(const KnownName *name)
{
	bool		found;
	Known	   *entry;

	if (known == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(KnownName),.entrysize = sizeof(Known)};

		known = hash_create("cache_strategies spaces", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(known, name, HASH_ENTER, &found);
	if (!found)
		memset((char *) entry + sizeof(KnownName), 0, sizeof(Known) - sizeof(KnownName));
	return entry;
}

/* Remove the entry of a name that does not belong to any space. */
static void
forget_entry(Known *entry)
{
	if (entry->grants != NULL)
		pfree(entry->grants);
	if (last_named == entry)
		last_named = NULL;
	hash_search(known, &entry->name, HASH_REMOVE, NULL);
}

/*
 * Read the entry's rows; returns false if there is no such space.  Reading is
 * repeated if an invalidation arrives meanwhile.
 */
static bool
read_entry(Known *entry)
{
	uint64		before;

	do
	{
		CsSpace		space;

		before = invalidations;
		entry->valid = false;
		if (OidIsValid(entry->name.role))
		{
			memset(&space, 0, sizeof(space));
			space.id = space.owner = entry->name.role;
			space.own = true;
			space.slot = -1;
		}
		else if (!read_space(entry->name.name, &space))
			return false;
		entry->space = space;
		entry->refused = PG_UINT64_MAX;
		entry->acl_role = InvalidOid;
		if (!space.own)
			read_grants(entry);
	} while (invalidations != before);
	entry->valid = true;
	return true;
}

/* Entry of a named space; NULL if there is none. */
static Known *
named_entry(const char *name, Size len)
{
	KnownName	key = {InvalidOid};
	Known	   *entry;

	if (len == 0 || len >= NAMEDATALEN)
		return NULL;
	memcpy(key.name, name, len);
	entry = known_entry(&key);
	if (entry->valid || read_entry(entry))
		return entry;
	forget_entry(entry);
	return NULL;
}

/*
 * Entry of a role's own space.
 */
static Known *
own_entry(Oid role)
{
	KnownName	key = {role};
	Known	   *entry = known_entry(&key);

	if (!entry->valid)
		(void) read_entry(entry);
	return entry;
}

static inline bool
is_named(const Known *entry, const text *name)
{
	Size		len = VARSIZE_ANY_EXHDR(name);

	return len < NAMEDATALEN && memcmp(entry->name.name, VARDATA_ANY(name), len) == 0 &&
		entry->name.name[len] == '\0';
}

/* ----- rights ----- */

/*
 * Determine the rights of a role.  The lookups may process invalidations about
 * roles; the result is then used for this call only.
 */
static void
learn_rights(Known *entry, Oid role)
{
	uint64		before = acl_changes;
	bool		all = entry->space.own ? entry->space.id == role :
	has_privs_of_role(role, entry->space.owner);

	entry->acl_role = InvalidOid;
	entry->may[CS_SPACE_READ] = entry->may[CS_SPACE_WRITE] = all;
	for (int i = 0; i < entry->ngrants && !all; i++)
	{
		const Grant *grant = &entry->grants[i];

		if (OidIsValid(grant->role) && !has_privs_of_role(role, grant->role))
			continue;
		entry->may[CS_SPACE_READ] |= grant->may[CS_SPACE_READ];
		entry->may[CS_SPACE_WRITE] |= grant->may[CS_SPACE_WRITE];
	}
	if (acl_changes == before)
		entry->acl_role = role;
}

/*
 * Whether the current role has this right.
 */
static inline bool
may(Known *entry, CsSpaceRight right)
{
	Oid			role = GetUserId();

	if (entry->acl_role != role)
		learn_rights(entry, role);
	return entry->may[right];
}

/* ----- locks ----- */

/* Lock tag of a key's hash, or of the whole space if that is 0. */
void
cs_space_lock_tag(LOCKTAG *tag, Oid database, bool own, Oid id, uint32 hash)
{
	SET_LOCKTAG_ADVISORY(*tag, database, id, hash, own ? CS_LOCK_ROLE : CS_LOCK_SPACE);
}

/* Take AccessExclusiveLock on the space until the subtransaction ends. */
void
cs_space_lock_whole(Oid database, bool own, Oid id)
{
	ResourceOwner owner = CurrentResourceOwner;
	LOCKTAG		tag;

	cs_space_lock_tag(&tag, database, own, id, 0);
	CurrentResourceOwner = CurTransactionResourceOwner;
	(void) LockAcquire(&tag, AccessExclusiveLock, false, false);
	CurrentResourceOwner = owner;
}

/*
 * Prevent other transactions from changing keys of the space, and from getting
 * a slot for it, until this transaction ends.  For a caller that will delete
 * the space's row.
 */
void
cs_space_lock_exclusive(Oid id)
{
	cs_space_lock_whole(MyDatabaseId, false, id);
}

/* ----- slots ----- */

static CsSlotKind
kind_of(const CsSpace *space)
{
	return space->own ? CS_SLOT_ROLE : CS_SLOT_SPACE;
}

/* Set space->slot to the existing slot, with its epoch, or to -1. */
static void
find_slot(CsSpace *space)
{
	uint64		generation;

	do
	{
		generation = cs_slot_generation();
		space->slot = cs_slot_find(MyDatabaseId, kind_of(space), space->id);
		if (space->slot >= 0)
			space->epoch = cs_slot_epoch(cs_slot_read(space->slot));
		/* if the slot was reassigned meanwhile, so is the epoch */
	} while (cs_slot_generation() != generation);
}

/*
 * Make a slot for a named space.  Returns false if the space has just been
 * changed or dropped: a transaction that drops it sends its invalidations
 * before it releases the lock.  The lock on the table keeps DROP EXTENSION
 * away.
 */
static bool
make_space_slot(Known *entry)
{
	Relation	rel = open_table(cs_space_catalog());
	LOCKTAG		tag;

	cs_space_lock_tag(&tag, MyDatabaseId, false, entry->space.id, 0);
	(void) LockAcquire(&tag, AccessShareLock, false, false);
	AcceptInvalidationMessages();
	if (entry->valid)
		(void) cs_slot_make(MyDatabaseId, CS_SLOT_SPACE, entry->space.id, entry->space.owner,
							!superuser_arg(entry->space.owner), &entry->space.denial);
	LockRelease(&tag, AccessShareLock, false);
	table_close(rel, AccessShareLock);
	return entry->valid;
}

/*
 * Make a slot for a role's own space.
 */
static bool
make_role_slot(Known *entry)
{
	Oid			role = entry->space.id;
	Relation	rel;

	LockSharedObject(AuthIdRelationId, role, 0, AccessShareLock);
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", role)));
	rel = open_table(cs_space_catalog());
	(void) cs_slot_make(MyDatabaseId, CS_SLOT_ROLE, role, role, !superuser_arg(role),
						&entry->space.denial);
	table_close(rel, AccessShareLock);
	UnlockSharedObject(AuthIdRelationId, role, 0, AccessShareLock);
	return true;
}

/*
 * Whether a slot must be made.  A reader needs none: without a slot there is
 * nothing to read.
 */
static inline bool
lacks_slot(const Known *entry, CsSpaceRight right)
{
	return right == CS_SPACE_WRITE && entry->space.slot < 0 && !RecoveryInProgress();
}

/*
 * Find a slot, or make one if that is possible.  Returns false if the entry
 * must be read again.
 */
static bool
find_or_make_slot(Known *entry, CsSpaceRight right)
{
	entry->refused = cs_slot_generation();
	find_slot(&entry->space);
	if (!lacks_slot(entry, right))
		return true;
	if (!(entry->space.own ? make_role_slot(entry) : make_space_slot(entry)))
		return false;
	entry->refused = cs_slot_generation();
	find_slot(&entry->space);
	return true;
}

/*
 * Whether nothing has changed since the entry was read, as far as this session
 * has been notified.
 */
static inline bool
is_current(const Known *entry)
{
	if (!entry->valid)
		return false;
	if (entry->space.slot >= 0)
		return cs_slot_epoch(cs_slot_peek(entry->space.slot)) == entry->space.epoch;
	return RecoveryInProgress() || entry->refused == cs_slot_generation();
}

/* ----- getting one ----- */

static void
undefined_error(const text *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("space \"%s\" does not exist", text_to_cstring(name)),
			 errhint("Use cache.create_space() to create it.")));
}

void
cs_space_dropped_error(const CsSpace *space)
{
	if (space->own)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role's own space has been dropped concurrently")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("space \"%s\" has been dropped concurrently", space->name)));
}

/*
 * Throw an error if the space has no slot.
 */
void
cs_space_check_slot(const CsSpace *space)
{
	if (space->slot < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many tables and spaces are in the cache"),
				 errdetail_internal("%s", cs_slot_denial_detail(space->denial)),
				 space->denial == CS_SLOT_SHARE_USED ?
				 errhint("Raise cache_strategies.max_tables_per_role, or detach tables.") :
				 errhint("Raise cache_strategies.max_tables, or detach tables.")));
}

static void
check_right(Known *entry, CsSpaceRight right)
{
	if (!may(entry, right))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for space \"%s\"", entry->space.name)));
}

/*
 * cs_space_get() if the entry is not known or not current.
 */
static Known *
get_slowly(const text *name, CsSpaceRight right)
{
	Known	   *entry;

	if (name != NULL && VARSIZE_ANY_EXHDR(name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a space cannot be empty")));
	do
	{
		entry = name == NULL ? own_entry(GetUserId()) :
			named_entry(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		if (entry == NULL)
			undefined_error(name);
	} while ((!is_current(entry) || lacks_slot(entry, right)) &&
			 !find_or_make_slot(entry, right));
	return entry;
}

/*
 * Get the space of this name, or the current role's own if it is NULL.
 *
 * Throws 42704 if there is no such space, 42501 if the current role lacks the
 * right, 53400 if the space is to be written and has no slot.  The result is
 * valid until the next call or the end of the transaction.
 */
const CsSpace *
cs_space_get(const text *name, CsSpaceRight right)
{
	Known	  **last = name == NULL ? &last_own : &last_named;
	Known	   *entry = *last;

	if (entry == NULL || !is_current(entry) || lacks_slot(entry, right) ||
		!(name == NULL ? entry->name.role == GetUserId() : is_named(entry, name)))
		entry = *last = get_slowly(name, right);
	check_right(entry, right);
	if (right == CS_SPACE_WRITE && !RecoveryInProgress())
		cs_space_check_slot(&entry->space);
	return &entry->space;
}

/*
 * Whether the current role has a right on a space.  Throws 42704 if there is
 * no such space.
 */
bool
cs_space_may(const text *name, CsSpaceRight right)
{
	return may(get_slowly(name, right), right);
}

/*
 * The same as cs_space_get() for reading.  A caller that may write gets the
 * space a slot.
 */
const CsSpace *
cs_space_get_with_slot(const text *name)
{
	const CsSpace *space = cs_space_get(name, CS_SPACE_READ);

	if (space->slot < 0 && cs_space_may(name, CS_SPACE_WRITE))
		space = cs_space_get(name, CS_SPACE_READ);
	return space;
}

/* Append the roles' own spaces that have a slot. */
static List *
add_private(List *spaces)
{
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		CsSlotKind	kind;
		Oid			database;
		Oid			object = cs_slot_name(slot, &database, &kind);
		CsSpace    *space;

		if (!OidIsValid(object) || kind != CS_SLOT_ROLE || database != MyDatabaseId)
			continue;
		space = palloc0(sizeof(CsSpace));
		space->id = space->owner = object;
		space->own = true;
		space->slot = slot;
		spaces = lappend(spaces, space);
	}
	return spaces;
}

/*
 * List the spaces that the current role may read, and its own; or all spaces.
 * Elements are CsSpace *, palloc'd, with their slots.
 */
List *
cs_space_list(bool all)
{
	List	   *spaces = NIL;
	ListCell   *lc;

	foreach(lc, read_all_spaces())
	{
		CsSpace    *space = lfirst(lc);
		Known	   *entry;

		if (!all)
		{
			entry = named_entry(space->name, strlen(space->name));
			if (entry == NULL || !may(entry, CS_SPACE_READ))
				continue;
		}
		find_slot(space);
		spaces = lappend(spaces, space);
	}
	if (all)
		return add_private(spaces);
	spaces = lappend(spaces, palloc(sizeof(CsSpace)));
	*(CsSpace *) llast(spaces) = own_entry(GetUserId())->space;
	find_slot(llast(spaces));
	return spaces;
}

/* ----- setting up ----- */

void
cs_space_init(void)
{
	cs_inval_on_relation(relation_changed);
	cs_inval_on_syscache(AUTHOID, roles_changed);
	cs_inval_on_syscache(AUTHMEMMEMROLE, roles_changed);
	/* the owner of the database is a member of pg_database_owner */
	cs_inval_on_syscache(DATABASEOID, roles_changed);
	cs_spacedrop_init();
}
