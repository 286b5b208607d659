/*-------------------------------------------------------------------------
 *
 * spacedrop.c
 *		Slots go with their spaces.
 *
 * At COMMIT of who has dropped the space, the role or the database, or at ABORT of
 * who has created the space.  A transaction that is prepared ends without a
 * callback, so then they go at PREPARE, whatever becomes of it; its locks keep
 * others from making new ones, and to lose the keys of a space is safe.
 *
 * Who drops waits for all who have changed keys, so that nobody is going to stage
 * something in a slot that is another's by then.
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
#include "store/slot.h"
#include "xact/participant.h"
#include "xact/subxact_stack.h"

/* A space whose slot goes when the transaction ends in one way or the other. */
typedef struct Ending
{
	CsSubxactItem item;
	bool		created;		/* goes at ABORT; else at COMMIT */
	Oid			database;		/* InvalidOid: all */
	Oid			object;			/* InvalidOid: all */
	bool		roles;			/* private spaces */
	bool		spaces;
} Ending;

static CsSubxactStack endings;
static bool preparing = false;


/* ----- created and dropped ----- */

static Ending *
add_ending(Oid database, Oid object)
{
	Ending	   *ending = MemoryContextAllocZero(TopTransactionContext, sizeof(Ending));

	ending->database = database;
	ending->object = object;
	cs_subxact_add(&endings, &ending->item, NULL);
	return ending;
}

static bool
concerns(const Ending *ending, CsSlotKind kind, Oid database, Oid object)
{
	return OidIsValid(object) &&
		(kind == CS_SLOT_SPACE ? ending->spaces : kind == CS_SLOT_ROLE && ending->roles) &&
		(!OidIsValid(ending->database) || ending->database == database) &&
		(!OidIsValid(ending->object) || ending->object == object);
}

/* May run in COMMIT and ABORT callbacks. */
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

/* Wait until nobody is changing keys of those that have slots. */
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

void
cs_space_created(Oid id)
{
	Ending	   *ending = add_ending(MyDatabaseId, id);

	ending->spaces = true;
	ending->created = true;
}

void
cs_space_dropped(Oid id)
{
	Ending	   *ending = add_ending(MyDatabaseId, id);

	ending->spaces = true;
	if (OidIsValid(id))
		cs_space_lock_exclusive(id);
	else
		lock_slots(ending);
}

/* Nobody gets a new slot for the role, either. */
static void
role_dropped(Oid role)
{
	Ending	   *ending = add_ending(InvalidOid, role);

	ending->roles = true;
	LockSharedObject(AuthIdRelationId, role, 0, AccessExclusiveLock);
	lock_slots(ending);
}

static void
catalog_dropped(void)
{
	Ending	   *ending = add_ending(MyDatabaseId, InvalidOid);

	ending->roles = true;
	ending->spaces = true;
	lock_slots(ending);
}

/* When it commits nobody is connected to the database any more. */
static void
database_dropped(Oid database)
{
	Ending	   *ending = add_ending(database, InvalidOid);

	ending->roles = true;
	ending->spaces = true;
}

static bool
is_catalog(Oid relid)
{
	char	   *name = get_rel_name(relid);

	return name != NULL && strcmp(name, "spaces") == 0 && relid == cs_space_catalog();
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub)
{
	if (access != OAT_DROP || sub != 0)
		return;
	if (class == AuthIdRelationId)
		role_dropped(object);
	else if (class == DatabaseRelationId)
		database_dropped(object);
	else if (class == RelationRelationId && is_catalog(object))
		catalog_dropped();
}

/* ----- the end ----- */

static void
prepare(void)
{
	preparing = true;
}

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
cs_space_drop_init(void)
{
	cs_subxact_join(&endings, &ending_ops);
	cs_xact_join(&participant);
	cs_hooks_on_object(object_access);
}
