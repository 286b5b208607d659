/*-------------------------------------------------------------------------
 *
 * owner.c
 *		Executing code as a table's owner.
 *
 * A read, a flush and a dead letter can run code written by the owner of the
 * table, or of a type that it uses.  Code that the caller's plain SELECT or
 * UPDATE would not run is executed as the owner, as core does in maintenance
 * commands. src/README.md has the list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "relation/owner.h"

/*
 * Become the owner, in a security-restricted operation with a search_path that
 * no other role can write to.  An error thrown before cs_owner_end() undoes it
 * with the (sub)transaction.
 *
 * Row-level security was checked when the write was deferred.  FORCE does not
 * apply to writing it to the table, as it does not apply to foreign keys.
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

/*
 * Undo cs_owner_begin().
 */
void
cs_owner_end(const CsAsOwner *saved)
{
	AtEOXact_GUC(false, saved->nestlevel);
	SetUserIdAndSecContext(saved->role, saved->security);
}
