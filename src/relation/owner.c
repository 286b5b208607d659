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

#include "guc.h"
#include "relation/owner.h"

/*
 * Change the role; 'how' is added to the security context.
 */
static void
become(CsAsOwner *saved, Oid owner, int how)
{
	saved->nestlevel = NewGUCNestLevel();
	GetUserIdAndSecContext(&saved->role, &saved->security);
	SetUserIdAndSecContext(owner, saved->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | how);
}

/*
 * Set a search_path that no other role can write to.
 */
static void
set_safe_path(void)
{
	cs_guc_set_constant("search_path", "pg_catalog, pg_temp");
}

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
	become(saved, owner, SECURITY_NOFORCE_RLS);
	set_safe_path();
}

/*
 * The same for loading rows: row-level security applies where it is forced on
 * the owner.  A worker may keep its search_path, which is the database's.
 */
void
cs_owner_begin_loading(CsAsOwner *saved, Oid owner, bool keep_path)
{
	become(saved, owner, 0);
	if (!keep_path)
		set_safe_path();
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
