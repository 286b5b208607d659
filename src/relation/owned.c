/*-------------------------------------------------------------------------
 *
 * owned.c
 *		Tables that a caller names by their OID, and has to own.
 *
 * The lock may have to wait for a transaction that drops the table, renames it or
 * gives it to another role.  So the catalogues are asked twice: before the lock, so
 * that no role can lock what it does not own, and under it, as what they said
 * before may no longer hold.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "relation/owned.h"

void
cs_owned_missing_error(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", relid)));
}

/*
 * An error if not; returns its name.
 *
 * One look into pg_class: at the next, the table may be gone.
 */
char *
cs_owned_check(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		cs_owned_missing_error(relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	name = pstrdup(NameStr(form->relname));
	if (!has_privs_of_role(GetUserId(), form->relowner))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(form->relkind), name);
	ReleaseSysCache(tuple);
	return name;
}

/*
 * Is it there, and the current role's?
 */
bool
cs_owned_is(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = has_privs_of_role(GetUserId(), ((Form_pg_class) GETSTRUCT(tuple))->relowner);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Lock it as CREATE TRIGGER does; returns its name as of then.
 */
char *
cs_owned_lock(Oid relid)
{
	char	   *name = cs_owned_check(relid);

	LockRelationOid(relid, ShareRowExclusiveLock);
	pfree(name);
	return cs_owned_check(relid);
}
