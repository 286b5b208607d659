/*-------------------------------------------------------------------------
 *
 * owner.c
 *		Doing something as a table's owner.
 *
 * A read, a flush and a dead letter can run code that the owner of the table, or
 * of a type that it uses, has written.  What a plain SELECT or UPDATE of the
 * caller would not run is run as the owner, as core does in maintenance commands.
 * src/README.md has the list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "relation/owner.h"

/*
 * Row-level security has been passed when the write was deferred; FORCE does not
 * apply to its arrival in the table, as it does not to foreign keys.
 */
void
cs_owner_begin(CsAsOwner *saved, Oid owner)
{
	saved->nestlevel = NewGUCNestLevel();
	GetUserIdAndSecContext(&saved->role, &saved->security);
	SetUserIdAndSecContext(owner, saved->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
cs_owner_end(const CsAsOwner *saved)
{
	AtEOXact_GUC(false, saved->nestlevel);
	SetUserIdAndSecContext(saved->role, saved->security);
}
