/*-------------------------------------------------------------------------
 *
 * loader.c
 *		Loading a row from its table, or through the user's loader function.
 *
 * Both are plans kept with the binding.  The table is read with the caller's
 * privileges, as his own SELECT would.  A loader function belongs to the
 * table's owner and runs as the owner, in a security-restricted context: the
 * caller's right to read the table has been checked by then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "compat.h"
#include "table/loader.h"

static bool
is_column(TupleDesc tupdesc, const char *name)
{
	for (int i = 0; i < tupdesc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(tupdesc, i)->attname), name) == 0)
			return true;
	return false;
}

char *
cs_loader_from(const CsBinding *binding, char **alias)
{
	char	   *name = pstrdup("r");

	while (is_column(binding->tupdesc, name))
		name = psprintf("%s_", name);
	*alias = name;
	return psprintf("FROM %s AS %s", cs_binding_qualified_name(binding), name);
}

/*
 * Who was granted the columns, but not the table, cannot see xmin.  What he
 * loads is kept with the snapshot it was loaded under.
 */
static bool
may_see_xmin(CsBinding *binding)
{
	return cs_binding_may_select(binding) && binding->acl_xmin;
}

static char *
xmin_column(const char *alias, bool with_xmin)
{
	return with_xmin ? psprintf("%s.xmin", alias) : "CAST(NULL AS pg_catalog.xid)";
}

static char *
load_query(const CsBinding *binding, bool with_xmin)
{
	StringInfoData buf;
	char	   *alias;
	char	   *from = cs_loader_from(binding, &alias);

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT %s, %s %s WHERE ", alias,
					 xmin_column(alias, with_xmin), from);
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&buf, "%s%s.%s %s $%d", i > 0 ? " AND " : "", alias,
						 quote_identifier(NameStr(binding->keys[i].name)),
						 binding->keys[i].eqop, i + 1);
	return buf.data;
}

/* to_regprocedure() gives SQL NULL for what is not there. */
Oid
cs_loader_function(const char *signature)
{
	LOCAL_FCINFO(fcinfo, 1);
	FmgrInfo	flinfo;
	Datum		result;

	fmgr_info(F_TO_REGPROCEDURE, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(signature);
	fcinfo->args[0].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	return fcinfo->isnull ? InvalidOid : DatumGetObjectId(result);
}

static char *
loader_query(const CsBinding *binding)
{
	StringInfoData buf;
	Oid			function = cs_loader_function(binding->options.loader);

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT %s(",
					 quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
												get_func_name(function)));
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&buf, "%s$%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/*
 * One array per key column goes in, and the number of its key comes out with a
 * row.  LIMIT has each key looked up by itself: a plain join looks cheaper as
 * a scan of the whole table, with the planner's costs, long before it is.
 */
static char *
many_query(const CsBinding *binding, bool with_xmin)
{
	StringInfoData buf;
	char	   *alias;
	char	   *from = cs_loader_from(binding, &alias);

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT l.r, l.x, k.n FROM ROWS FROM (");
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&buf, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&buf, ") WITH ORDINALITY AS k (");
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&buf, "k%d, ", i + 1);
	appendStringInfo(&buf, "n), LATERAL (SELECT %s, %s %s WHERE ",
					 alias, xmin_column(alias, with_xmin), from);
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(&buf, "%s%s.%s %s k.k%d", i > 0 ? " AND " : "", alias,
						 quote_identifier(NameStr(binding->keys[i].name)),
						 binding->keys[i].eqop, i + 1);
	appendStringInfoString(&buf, " LIMIT 1) AS l (r, x)");
	return buf.data;
}

static SPIPlanPtr
prepare(const CsBinding *binding, const char *query, bool arrays)
{
	Oid			types[INDEX_MAX_KEYS];
	SPIPlanPtr	plan;

	for (int i = 0; i < binding->nkeys; i++)
		types[i] = arrays ? get_array_type(binding->keys[i].type) : binding->keys[i].type;
	plan = SPI_prepare(query, binding->nkeys, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

/* Take a result row apart: the table's row and, unless a loader made it, xmin. */
static void
take_row(SPITupleTable *table, uint64 n, MemoryContext context, CsLoaded *loaded)
{
	bool		isnull;
	Datum		value = SPI_getbinval(table->vals[n], table->tupdesc, 1, &isnull);
	MemoryContext old;

	if (isnull)
		return;
	old = MemoryContextSwitchTo(context);
	loaded->row = (HeapTupleHeader) pg_detoast_datum_copy((struct varlena *)
														  DatumGetPointer(value));
	MemoryContextSwitchTo(old);
	if (table->tupdesc->natts > 1)
	{
		loaded->xmin = DatumGetTransactionId(SPI_getbinval(table->vals[n],
														   table->tupdesc, 2, &isnull));
		loaded->has_xmin = !isnull;
	}
}

static void
execute(SPIPlanPtr plan, Datum *values, Snapshot snapshot, long limit)
{
	int			rc = SPI_execute_snapshot(plan, values, NULL, snapshot,
										  InvalidSnapshot, true, false, limit);

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not load a row: %s", SPI_result_code_string(rc));
}

static void
run(SPIPlanPtr plan, const CsRowKey *rowkey, Snapshot snapshot,
	MemoryContext context, CsLoaded *loaded)
{
	execute(plan, (Datum *) rowkey->value, snapshot, 1);
	if (SPI_processed > 0)
		take_row(SPI_tuptable, 0, context, loaded);
}

static void
run_loader(CsBinding *binding, const CsRowKey *rowkey, Snapshot snapshot,
		   MemoryContext context, CsLoaded *loaded)
{
	Oid			role;
	int			security;
	int			nestlevel = NewGUCNestLevel();

	GetUserIdAndSecContext(&role, &security);
	SetUserIdAndSecContext(binding->owner, security |
						   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	if (binding->loader_plan == NULL)
	{
		if (!OidIsValid(cs_loader_function(binding->options.loader)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("loader function %s of table \"%s\" does not exist",
							binding->options.loader, binding->name),
					 errhint("Attach the table again with another loader, or without one.")));
		binding->loader_plan = prepare(binding, loader_query(binding), false);
	}
	run(binding->loader_plan, rowkey, snapshot, context, loaded);
	AtEOXact_GUC(false, nestlevel);
	SetUserIdAndSecContext(role, security);
}

void
cs_loader_load(CsBinding *binding, const CsRowKey *rowkey, Snapshot snapshot,
			   bool plain, CsLoaded *loaded)
{
	MemoryContext context = CurrentMemoryContext;

	memset(loaded, 0, sizeof(*loaded));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (binding->options.loader != NULL && !plain)
		run_loader(binding, rowkey, snapshot, context, loaded);
	else
	{
		bool		xmin = may_see_xmin(binding);

		if (binding->load_plan[xmin] == NULL)
			binding->load_plan[xmin] = prepare(binding, load_query(binding, xmin), false);
		run(binding->load_plan[xmin], rowkey, snapshot, context, loaded);
	}
	SPI_finish();
}

/* ----- many at once ----- */

/* An array type has no array type, and unnest() takes rows apart. */
bool
cs_loader_can_batch(const CsBinding *binding)
{
	for (int i = 0; i < binding->nkeys; i++)
		if (!OidIsValid(get_array_type(binding->keys[i].type)) ||
			type_is_rowtype(binding->keys[i].type))
			return false;
	return true;
}

static Datum
column_array(const CsBinding *binding, int column, CsRowKey *const *keys, int n)
{
	Oid			type = binding->keys[column].type;
	Datum	   *values = palloc(n * sizeof(Datum));
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	for (int i = 0; i < n; i++)
		values[i] = keys[i]->value[column];
	return PointerGetDatum(construct_array(values, n, type, typlen, typbyval, typalign));
}

void
cs_loader_load_many(CsBinding *binding, CsRowKey *const *keys, int n,
					Snapshot snapshot, CsLoaded *loaded)
{
	MemoryContext context = CurrentMemoryContext;
	bool		xmin = may_see_xmin(binding);
	Datum		arrays[INDEX_MAX_KEYS];

	memset(loaded, 0, n * sizeof(CsLoaded));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (binding->many_plan[xmin] == NULL)
		binding->many_plan[xmin] = prepare(binding, many_query(binding, xmin), true);
	for (int i = 0; i < binding->nkeys; i++)
		arrays[i] = column_array(binding, i, keys, n);
	execute(binding->many_plan[xmin], arrays, snapshot, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		key = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
													  SPI_tuptable->tupdesc, 3, &isnull));

		take_row(SPI_tuptable, i, context, &loaded[key - 1]);
	}
	SPI_finish();
}
