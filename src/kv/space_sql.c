/*-------------------------------------------------------------------------
 *
 * space_sql.c
 *		SQL functions that manage spaces: cache.create_space(), alter_space(),
 *		drop_space(), grant_space(), revoke_space().
 *
 * They write cache.spaces and cache.space_grants as the owner of these tables.
 * Whether the role may do so is checked here.  The tables' triggers notify the
 * sessions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "kv/kv_call.h"
#include "relation/catalog.h"
#include "relation/span.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cs_create_space);
PG_FUNCTION_INFO_V1(cs_alter_space);
PG_FUNCTION_INFO_V1(cs_drop_space);
PG_FUNCTION_INFO_V1(cs_grant_space);
PG_FUNCTION_INFO_V1(cs_revoke_space);

/* ----- the tables ----- */

/*
 * Run a query as the tables' owner.  The caller is connected to SPI, and finds
 * the result in its variables.
 */
static uint64
run(CsCatalogQuery *query)
{
	return cs_catalog_change("spaces", query);
}

static void
check_not_empty(const text *name)
{
	if (VARSIZE_ANY_EXHDR(name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a space cannot be empty")));
}

/*
 * Id of a space whose row is locked until the transaction ends; InvalidOid if
 * there is none.  Throws 42501 if the role lacks the rights of its owner.
 */
static Oid
find_space(const text *name)
{
	CsCatalogQuery query = {
		.text = "SELECT id, owner::pg_catalog.oid FROM cache.spaces "
		"WHERE name OPERATOR(pg_catalog.=) $1 FOR UPDATE"
	};
	HeapTuple	row;
	TupleDesc	tupdesc;
	bool		isnull;

	check_not_empty(name);
	cs_catalog_arg(&query, TEXTOID, PointerGetDatum(name), false);
	if (run(&query) == 0)
		return InvalidOid;
	row = SPI_tuptable->vals[0];
	tupdesc = SPI_tuptable->tupdesc;
	if (!has_privs_of_role(GetUserId(), DatumGetObjectId(SPI_getbinval(row, tupdesc, 2, &isnull))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of space \"%s\"", text_to_cstring(name))));
	return DatumGetObjectId(SPI_getbinval(row, tupdesc, 1, &isnull));
}

/*
 * As find_space(), but throws 42704 if there is none.
 */
static Oid
require_space(const text *name)
{
	Oid			space = find_space(name);

	if (!OidIsValid(space))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("space \"%s\" does not exist", text_to_cstring(name))));
	return space;
}

/* ----- arguments ----- */

static void
begin(const char *function)
{
	cs_shmem_require();
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
}

static void
check_name(const char *name)
{
	if (name[0] == '(')
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("unacceptable name of a space \"%s\"", name),
				 errdetail("Names that begin with \"(\" are reserved.")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of a space must not be longer than %d bytes",
						NAMEDATALEN - 1)));
}

/* Time to live as stored in the table, where NULL means for ever. */
static void
add_ttl(CsCatalogQuery *query, FunctionCallInfo fcinfo, int arg)
{
	bool		forever = cs_kv_call_ttl(fcinfo, arg, NULL) == 0;
	Interval   *ttl = forever ? NULL : cs_span_arg(fcinfo, arg, "ttl");

	cs_catalog_arg(query, INTERVALOID, IntervalPGetDatum(ttl), forever);
}

/*
 * Limit of memory as stored in the table, where NULL means none.
 */
static void
add_max_memory(CsCatalogQuery *query, FunctionCallInfo fcinfo, int arg)
{
	int64		bytes = 0;

	if (!PG_ARGISNULL(arg))
	{
		bytes = DatumGetInt64(DirectFunctionCall1(pg_size_bytes, PG_GETARG_DATUM(arg)));
		if (bytes <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("max_memory must be more than zero")));
	}
	cs_catalog_arg(query, INT8OID, Int64GetDatum(bytes), PG_ARGISNULL(arg));
}

/* Role argument; InvalidOid for PUBLIC. */
static Oid
role_arg(FunctionCallInfo fcinfo, int arg)
{
	char	   *role = text_to_cstring(cs_kv_call_text(fcinfo, arg, "role"));

	return strcmp(role, "public") == 0 ? InvalidOid : get_role_oid(role, false);
}

/*
 * Owner argument.  It may be any role that the current one could make the
 * owner of a schema.
 */
static Oid
owner_arg(FunctionCallInfo fcinfo, int arg)
{
	Oid			owner;

	if (PG_ARGISNULL(arg))
		return GetUserId();
	owner = get_role_oid(text_to_cstring(PG_GETARG_TEXT_PP(arg)), false);
	cs_check_can_set_role(GetUserId(), owner);
	return owner;
}

/* ----- spaces ----- */

/*
 * cache.create_space(name, ttl, max_memory, owner)
 */
Datum
cs_create_space(PG_FUNCTION_ARGS)
{
	CsCatalogQuery query = {
		.text = "INSERT INTO cache.spaces (name, ttl, max_memory, owner) "
		"VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING"
	};
	text	   *name;
	AclResult	result;

	begin("cache.create_space()");
	name = cs_kv_call_text(fcinfo, 0, "name");
	check_not_empty(name);
	check_name(text_to_cstring(name));
	result = cs_database_aclcheck(MyDatabaseId, GetUserId(), ACL_CREATE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_DATABASE, get_database_name(MyDatabaseId));
	cs_catalog_arg(&query, TEXTOID, PointerGetDatum(name), false);
	add_ttl(&query, fcinfo, 1);
	add_max_memory(&query, fcinfo, 2);
	cs_catalog_arg(&query, OIDOID, ObjectIdGetDatum(owner_arg(fcinfo, 3)), false);
	SPI_connect();
	if (run(&query) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("space \"%s\" already exists", text_to_cstring(name))));
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * cache.alter_space(name, ttl, max_memory, owner)
 */
Datum
cs_alter_space(PG_FUNCTION_ARGS)
{
	CsCatalogQuery query = {
		.text = "UPDATE cache.spaces SET ttl = $2, max_memory = $3, "
		"owner = coalesce($4::pg_catalog.oid::pg_catalog.regrole, owner) "
		"WHERE id OPERATOR(pg_catalog.=) $1"
	};

	begin("cache.alter_space()");
	SPI_connect();
	cs_catalog_arg(&query, OIDOID,
				   ObjectIdGetDatum(require_space(cs_kv_call_text(fcinfo, 0, "name"))), false);
	add_ttl(&query, fcinfo, 1);
	add_max_memory(&query, fcinfo, 2);
	cs_catalog_arg(&query, OIDOID,
				   PG_ARGISNULL(3) ? (Datum) 0 : ObjectIdGetDatum(owner_arg(fcinfo, 3)),
				   PG_ARGISNULL(3));
	run(&query);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * cache.drop_space(name, if_exists)
 */
Datum
cs_drop_space(PG_FUNCTION_ARGS)
{
	CsCatalogQuery query = {
		.text = "DELETE FROM cache.spaces WHERE id OPERATOR(pg_catalog.=) $1"
	};
	text	   *name;
	Oid			space;

	begin("cache.drop_space()");
	name = cs_kv_call_text(fcinfo, 0, "name");
	SPI_connect();
	if (!PG_ARGISNULL(1) && PG_GETARG_BOOL(1))
	{
		space = find_space(name);
		if (!OidIsValid(space))
			ereport(NOTICE,
					(errmsg("space \"%s\" does not exist, skipping", text_to_cstring(name))));
	}
	else
		space = require_space(name);
	if (OidIsValid(space))
	{
		cs_space_lock_exclusive(space);
		cs_catalog_arg(&query, OIDOID, ObjectIdGetDatum(space), false);
		run(&query);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* ----- rights ----- */

/*
 * cache.grant_space(name, role, read, write)
 */
Datum
cs_grant_space(PG_FUNCTION_ARGS)
{
	CsCatalogQuery query = {
		.text = "INSERT INTO cache.space_grants (space, role, can_read, can_write) "
		"VALUES ($1, $2, $3, $4) ON CONFLICT (space, role) "
		"DO UPDATE SET can_read = EXCLUDED.can_read, can_write = EXCLUDED.can_write"
	};
	bool		read = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	bool		write = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);

	begin("cache.grant_space()");
	if (!read && !write)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("neither read nor write is to be granted"),
				 errhint("To take rights away, use cache.revoke_space().")));
	SPI_connect();
	cs_catalog_arg(&query, OIDOID,
				   ObjectIdGetDatum(require_space(cs_kv_call_text(fcinfo, 0, "name"))), false);
	cs_catalog_arg(&query, OIDOID, ObjectIdGetDatum(role_arg(fcinfo, 1)), false);
	cs_catalog_arg(&query, BOOLOID, BoolGetDatum(read), false);
	cs_catalog_arg(&query, BOOLOID, BoolGetDatum(write), false);
	run(&query);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * cache.revoke_space(name, role)
 */
Datum
cs_revoke_space(PG_FUNCTION_ARGS)
{
	CsCatalogQuery query = {
		.text = "DELETE FROM cache.space_grants WHERE space OPERATOR(pg_catalog.=) $1 "
		"AND role::pg_catalog.oid OPERATOR(pg_catalog.=) $2"
	};

	begin("cache.revoke_space()");
	SPI_connect();
	cs_catalog_arg(&query, OIDOID,
				   ObjectIdGetDatum(require_space(cs_kv_call_text(fcinfo, 0, "name"))), false);
	cs_catalog_arg(&query, OIDOID, ObjectIdGetDatum(role_arg(fcinfo, 1)), false);
	run(&query);
	SPI_finish();
	PG_RETURN_VOID();
}
