/*-------------------------------------------------------------------------
 *
 * owned.c
 *		Tables that a caller names by OID and must own.
 *
 * Taking the lock may wait for a transaction that drops the table, renames it
 * or changes its owner.  So the catalogue is read twice: before the lock, so
 * that a role cannot lock a table that it does not own, and under the lock,
 * because the first result may be outdated.
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

/*
 * Throw 42P01: the table does not exist.
 */
void
cs_owned_missing_error(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", relid)));
}

/*
 * Throw an error unless the current role owns the table.  Returns its name,
 * palloc'd.  pg_class is read once, since the table may be gone the next time.
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

/* Whether the table exists and the current role owns it. */
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
 * Lock the table as CREATE TRIGGER does, and check its owner before and after.
 * Returns its name under the lock.
 */
char *
cs_owned_lock(Oid relid)
{
	char	   *name = cs_owned_check(relid);

	LockRelationOid(relid, ShareRowExclusiveLock);
	pfree(name);
	return cs_owned_check(relid);
}
