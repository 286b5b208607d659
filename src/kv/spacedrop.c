/*-------------------------------------------------------------------------
 *
 * spacedrop.c
 *		Releasing the slots of spaces that are dropped.
 *
 * A slot is released at COMMIT of the transaction that has dropped the space,
 * the role or the database, or at ABORT of the transaction that has created
 * the space.  A prepared transaction ends without a callback, so its slots are
 * released at PREPARE, whatever its outcome; its locks prevent other backends
 * from creating new ones, and losing the keys of a space is safe.
 *
 * The transaction that drops a space waits for all transactions that have
 * changed keys.  So no backend stages a change in a slot that has been
 * reassigned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "guc.h"
#include "hooks.h"
#include "kv/space.h"
#include "kv/spacedrop.h"
#include "store/slot.h"
#include "xact/participant.h"
#include "xact/subxact_stack.h"

/* A space whose slot is released when the transaction commits or aborts. */
typedef struct Ending
{
	CsSubxactItem item;
	bool		created;		/* release at ABORT; otherwise at COMMIT */
	Oid			database;		/* InvalidOid: all databases */
	Oid			object;			/* InvalidOid: all objects */
	bool		roles;			/* private spaces */
	bool		spaces;
} Ending;

static CsSubxactStack endings;
static bool preparing = false;


/* ----- creating and dropping ----- */

/*
 * Add an element for the current subtransaction.
 */
static Ending *
add_ending(Oid database, Oid object)
{
	Ending	   *ending = MemoryContextAllocZero(TopTransactionContext, sizeof(Ending));

	ending->database = database;
	ending->object = object;
	cs_subxact_add(&endings, &ending->item, NULL);
	return ending;
}

/*
 * Whether the slot with this name is to be released.
 */
static bool
concerns(const Ending *ending, CsSlotKind kind, Oid database, Oid object)
{
	return OidIsValid(object) &&
		(kind == CS_SLOT_SPACE ? ending->spaces : kind == CS_SLOT_ROLE && ending->roles) &&
		(!OidIsValid(ending->database) || ending->database == database) &&
		(!OidIsValid(ending->object) || ending->object == object);
}

/* Release the slots.  May be called by COMMIT and ABORT callbacks. */
static void
release_slots(const Ending *ending)
{
	if (OidIsValid(ending->object) && OidIsValid(ending->database))
	{
		CsSlotKind	kind = ending->roles ? CS_SLOT_ROLE : CS_SLOT_SPACE;
		int			slot = cs_slot_find(ending->database, kind, ending->object);

		if (slot >= 0)
			cs_slot_release(slot, ending->database, kind, ending->object);
		return;
	}
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		CsSlotKind	kind;
		Oid			database;
		Oid			object = cs_slot_name(slot, &database, &kind);

		if (concerns(ending, kind, database, object))
			cs_slot_release(slot, database, kind, object);
	}
}

/* Wait for all transactions that are changing keys in the slots concerned. */
static void
lock_slots(const Ending *ending)
{
	for (int slot = 0; slot < cs_max_tables; slot++)
	{
		CsSlotKind	kind;
		Oid			database;
		Oid			object = cs_slot_name(slot, &database, &kind);

		if (concerns(ending, kind, database, object))
			cs_space_lock_whole(database, kind == CS_SLOT_ROLE, object);
	}
}

/*
 * Have the space's slot released if this transaction aborts.
 */
void
cs_spacedrop_created(Oid id)
{
	Ending	   *ending = add_ending(MyDatabaseId, id);

	ending->spaces = true;
	ending->created = true;
}

/*
 * Have the slot of the space, or of all spaces of the database (InvalidOid),
 * released when this transaction commits.  Waits for transactions that have
 * changed keys.
 */
void
cs_spacedrop_dropped(Oid id)
{
	Ending	   *ending = add_ending(MyDatabaseId, id);

	ending->spaces = true;
	if (OidIsValid(id))
		cs_space_lock_exclusive(id);
	else
		lock_slots(ending);
}

/*
 * A role is dropped.  The lock also prevents other backends from acquiring a
 * new slot for the role.
 */
static void
role_dropped(Oid role)
{
	Ending	   *ending = add_ending(InvalidOid, role);

	ending->roles = true;
	LockSharedObject(AuthIdRelationId, role, 0, AccessExclusiveLock);
	lock_slots(ending);
}

/*
 * The catalog of spaces, and so the extension, is dropped.
 */
static void
catalog_dropped(void)
{
	Ending	   *ending = add_ending(MyDatabaseId, InvalidOid);

	ending->roles = true;
	ending->spaces = true;
	lock_slots(ending);
}

/* A database is dropped.  No backend is connected to it when that commits. */
static void
database_dropped(Oid database)
{
	Ending	   *ending = add_ending(database, InvalidOid);

	ending->roles = true;
	ending->spaces = true;
}

/*
 * Whether the relation is the catalog of spaces.
 */
static bool
is_catalog(Oid relid)
{
	char	   *name = get_rel_name(relid);

	return name != NULL && strcmp(name, "spaces") == 0 && relid == cs_space_catalog();
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, Oid auxiliary)
{
	if (sub != 0)
		return;
	if (class == AuthIdRelationId)
		role_dropped(object);
	else if (class == DatabaseRelationId)
		database_dropped(object);
	else if (class == RelationRelationId && is_catalog(object))
		catalog_dropped();
}

/* ----- end of transaction ----- */

static void
prepare(void)
{
	preparing = true;
}

/*
 * Release the slots whose condition is met.
 */
static void
end(bool committed)
{
	Ending	   *ending;

	while ((ending = (Ending *) cs_subxact_pop(&endings)) != NULL)
		if (preparing || ending->created != committed)
			release_slots(ending);
	preparing = false;
}

static void
committed(void)
{
	end(true);
}

static void
aborted(void)
{
	end(false);
}

/*
 * A subtransaction aborts: release the slots of spaces that it created.
 */
static void
discard(CsSubxactItem *item)
{
	Ending	   *ending = (Ending *) item;

	if (ending->created)
		release_slots(ending);
	pfree(ending);
}

static const CsSubxactOps ending_ops = {NULL, discard};

static const CsParticipant participant = {
	.prepare = prepare,
	.committed = committed,
	.aborted = aborted
};

void
cs_spacedrop_init(void)
{
	cs_subxact_join(&endings, &ending_ops);
	cs_xact_join(&participant);
	cs_hooks_on_object(CS_ACCESS(OAT_DROP), object_access);
}
