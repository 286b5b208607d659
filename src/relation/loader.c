/*-------------------------------------------------------------------------
 *
 * loader.c
 *		Loading rows from a table, or through the user's loader function.
 *
 * The table is read through its primary key (fetch.c), or else by plans kept
 * with the binding, with the privileges of the caller, as the caller's own
 * SELECT would. A loader function belongs to the table's owner and runs as the
 * owner in a security-restricted context.  The caller's right to read the
 * table has been checked before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
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
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "compat.h"
#include "relation/fetch.h"
#include "relation/loader.h"
#include "relation/owner.h"

int			cs_loader_reading = 0;

static bool read_temporary;		/* whether the last load, or an earlier one in
								 * the transaction, read a temporary table */

/* Number of times that a load may find another table under the name. */
#define MAX_RENAMES	5

static bool
is_column(TupleDesc tupdesc, const char *name)
{
	for (int i = 0; i < tupdesc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(tupdesc, i)->attname), name) == 0)
			return true;
	return false;
}

/* FROM clause with an alias that is not the name of a column. */
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
 * Whether the caller may see xmin, which requires a privilege on the whole
 * table. Rows loaded without xmin are kept with the snapshot under which they
 * were loaded.
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

/*
 * Append a condition that compares the key with parameters or columns:
 * "alias.a = <prefix>1 AND alias.b = <prefix>2", by the primary key's
 * operators.
 */
void
cs_loader_append_match(StringInfo buf, const CsBinding *binding, const char *alias,
					   const char *prefix)
{
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(buf, "%s%s.%s %s %s%d", i > 0 ? " AND " : "", alias,
						 quote_identifier(NameStr(binding->keys[i].name)),
						 binding->keys[i].eqop, prefix, i + 1);
}

/*
 * Query for one key.
 */
static char *
load_query(const CsBinding *binding, bool with_xmin)
{
	StringInfoData buf;
	char	   *alias;
	char	   *from = cs_loader_from(binding, &alias);

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT %s, %s %s WHERE ", alias,
					 xmin_column(alias, with_xmin), from);
	cs_loader_append_match(&buf, binding, alias, "$");
	return buf.data;
}

/*
 * OID of a function from its signature; InvalidOid if it does not exist.
 * to_regprocedure() then returns NULL.
 */
static Oid
function_of(const char *signature)
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

/*
 * Query for many keys: it takes one array per key column and returns the
 * number of its key with each row.  LIMIT makes each key be looked up
 * individually, because with the planner's costs a join would be a scan of the
 * whole table too early.
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
	cs_loader_append_match(&buf, binding, alias, "k.k");
	appendStringInfoString(&buf, " LIMIT 1) AS l (r, x)");
	return buf.data;
}

/*
 * Prepare one of these queries, as a kept plan.
 */
static SPIPlanPtr
prepare(const CsBinding *binding, const char *query, bool arrays)
{
	Oid			types[INDEX_MAX_KEYS];
	SPIPlanPtr	plan;
	int			options = 0;


	/* a generic plan could show another snapshot the wrong partitions */
	if (binding->tree.detaching)
		options = CURSOR_OPT_CUSTOM_PLAN;
	for (int i = 0; i < binding->nkeys; i++)
		types[i] = arrays ? get_array_type(binding->keys[i].type) : binding->keys[i].type;
	plan = SPI_prepare_cursor(query, binding->nkeys, types, options);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

/*
 * Take the table's row and, if it may be seen, xmin from a result row.  The
 * copy is in 'context'.
 */
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
	ItemPointerSetInvalid(&loaded->row->t_ctid);
	if (table->tupdesc->natts > 1)
	{
		loaded->xmin = DatumGetTransactionId(SPI_getbinval(table->vals[n],
														   table->tupdesc, 2, &isnull));
		loaded->has_xmin = !isnull;
	}
}

/*
 * Whether this plan, which was executed, has read the binding's table.  It
 * contains the table's name, and names can change without a lock on the table,
 * by ALTER SCHEMA RENAME.
 */
bool
cs_loader_reads_table(SPIPlanPtr plan, const CsBinding *binding)
{
	ListCell   *lc;

	foreach(lc, SPI_plan_get_plan_sources(plan))
		if (!list_member_oid(((CachedPlanSource *) lfirst(lc))->relationOids,
							 binding->relid))
		return false;
	return true;
}

static int
run(SPIPlanPtr plan, Datum *values, Snapshot snapshot, long max)
{
	int			rc;

	cs_loader_reading++;
	PG_TRY();
	{
		rc = SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot,
								  true, false, max);
	}
	PG_FINALLY();
	{
		cs_loader_reading--;
	}
	PG_END_TRY();
	return rc;
}

/*
 * Open a cursor for a plan that reads the table.
 */
Portal
cs_loader_open(SPIPlanPtr plan)
{
	Portal		portal;

	cs_loader_reading++;
	PG_TRY();
	{
		portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	}
	PG_FINALLY();
	{
		cs_loader_reading--;
	}
	PG_END_TRY();
	return portal;
}

/*
 * Execute a plan of the binding.  It is made when first needed, and made again
 * while it reads another table.
 */
static void
execute(CsBinding *binding, SPIPlanPtr *plan, bool many, bool with_xmin,
		Datum *values, Snapshot snapshot)
{
	for (int i = 0; i < MAX_RENAMES; i++)
	{
		int			rc;

		if (*plan == NULL)
			*plan = prepare(binding, many ? many_query(binding, with_xmin) :
							load_query(binding, with_xmin), many);
		rc = run(*plan, values, snapshot, many ? 0 : 1);
		if (rc != SPI_OK_SELECT)
			elog(ERROR, "could not load a row: %s", SPI_result_code_string(rc));
		if (cs_loader_reads_table(*plan, binding))
			return;
		SPI_freeplan(*plan);
		*plan = NULL;
	}
	cs_binding_renamed_error(binding);
}

/*
 * Load a row with the caller's privileges.
 */
static void
load_from_table(CsBinding *binding, const CsRowKey *rowkey, Snapshot snapshot,
				CsLoaded *loaded)
{
	MemoryContext context = CurrentMemoryContext;
	bool		xmin = may_see_xmin(binding);

	if (xmin && cs_fetch_rows(binding, &rowkey, 1, snapshot, loaded))
		return;
	SPI_connect();
	execute(binding, &binding->load_plan[xmin], false, xmin,
			(Datum *) rowkey->value, snapshot);
	if (SPI_processed > 0)
		take_row(SPI_tuptable, 0, context, loaded);
	SPI_finish();
}

/* ----- the loader function ----- */

/*
 * The loader function.  It was checked when the table was attached, but may
 * have been replaced, and what runs as the owner must belong to the owner.
 */
static Oid
find_loader(const CsBinding *binding)
{
	Oid			function = function_of(binding->options.loader);
	const char *reason;

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("loader function %s of table \"%s\" does not exist",
						binding->options.loader, binding->name),
				 errhint("Attach the table again with another loader, or without one.")));
	reason = cs_loader_check(binding, function);
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s can no longer be the loader of table \"%s\"",
						binding->options.loader, binding->name),
				 errdetail("%s", reason),
				 errhint("Change the function, or attach the table again with another loader, or without one.")));
	if (cs_proc_aclcheck(function, binding->owner, ACL_EXECUTE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
	return function;
}

/*
 * Whether the function's own search_path finds temporary objects first,
 * because it does not name pg_temp.  Then a domain of the reader could run
 * code of the reader.
 */
static bool
looks_at_temporary_first(HeapTuple tuple)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *setting = TextDatumGetCString(elements[i]);
		const char *name = "search_path=";
		List	   *path;

		if (strncmp(setting, name, strlen(name)) != 0)
			continue;
		return !SplitIdentifierString(setting + strlen(name), ',', &path) ||
			path == NIL || strcmp(llast(path), "pg_temp") != 0;
	}
	return false;
}

/*
 * Reason why a function cannot be the table's loader; NULL if it can.
 */
const char *
cs_loader_check(const CsBinding *binding, Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	const char *reason = NULL;
	bool		fits;

	if (!HeapTupleIsValid(tuple))
		return "It does not exist.";
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	fits = proc->pronargs == binding->nkeys;
	for (int i = 0; fits && i < binding->nkeys; i++)
		fits = getBaseType(proc->proargtypes.values[i]) == binding->keys[i].type;
	if (proc->prokind != PROKIND_FUNCTION || proc->proretset ||
		proc->prorettype != binding->rowtype)
		reason = psprintf("It must return one row of type %s.",
						  format_type_be(binding->rowtype));
	else if (!fits)
		reason = psprintf("It must take the primary key (%s), with the types of its columns.",
						  cs_key_names(binding));
	else if (proc->provolatile == PROVOLATILE_VOLATILE)
		reason = "It must be STABLE or IMMUTABLE.";
	else if (proc->proowner != binding->owner)
		reason = "It must have the same owner as the table, as whom it runs.";
	else if (looks_at_temporary_first(tuple))
		reason = "Its search_path must end with pg_temp; otherwise it would find temporary objects of the reading session first.";
	ReleaseSysCache(tuple);
	return reason;
}

/*
 * Call the loader function.
 */
static void
call_loader(CsBinding *binding, const CsRowKey *rowkey, CsLoaded *loaded)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	FmgrInfo	flinfo;
	Datum		result;

	fmgr_info(find_loader(binding), &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, binding->nkeys, DEFAULT_COLLATION_OID,
							 NULL, NULL);
	for (int i = 0; i < binding->nkeys; i++)
	{
		fcinfo->args[i].value = rowkey->value[i];
		fcinfo->args[i].isnull = false;
	}
	result = FunctionCallInvoke(fcinfo);
	if (fcinfo->isnull)
		return;
	loaded->row = (HeapTupleHeader) pg_detoast_datum_copy((struct varlena *)
														  DatumGetPointer(result));
	ItemPointerSetInvalid(&loaded->row->t_ctid);
	if (HeapTupleHeaderGetTypeId(loaded->row) != binding->rowtype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("loader function %s returned a row of type %s instead of %s",
						binding->options.loader,
						format_type_be(HeapTupleHeaderGetTypeId(loaded->row)),
						format_type_be(binding->rowtype)),
				 errhint("Change the function, or attach the table again with another loader, or without one.")));
}

/*
 * Load a row by the loader function, as the owner, with a search_path that no
 * other role can write to and with the settings pinned by attach.  The result
 * must not depend on the reader, since it is kept for all.
 */
static void
load_by_function(CsBinding *binding, const CsRowKey *rowkey, Snapshot snapshot,
				 CsLoaded *loaded)
{
	/* kept open, so that the function cannot alter its row type */
	Relation	rel = table_open(binding->relid, AccessShareLock);
	CsAsOwner	saved;

	cs_owner_begin_loading(&saved, binding->owner, false);
	cs_pinned_apply(binding->pinned, binding->name);
	PushActiveSnapshot(snapshot);
	call_loader(binding, rowkey, loaded);
	PopActiveSnapshot();
	read_temporary = (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0;
	cs_owner_end(&saved);
	table_close(rel, NoLock);
}

/*
 * Whether the last load may have read a temporary table, so that the result is
 * valid for this session only.
 */
bool
cs_loader_read_temporary(void)
{
	return read_temporary;
}

/*
 * Load the row of a key as the snapshot shows it, into the current context.
 * 'plain': from the table even if there is a loader function.
 */
void
cs_loader_load(CsBinding *binding, const CsRowKey *rowkey, Snapshot snapshot,
			   bool plain, CsLoaded *loaded)
{
	memset(loaded, 0, sizeof(*loaded));
	read_temporary = false;
	if (binding->options.loader != NULL && !plain)
		load_by_function(binding, rowkey, snapshot, loaded);
	else
		load_from_table(binding, rowkey, snapshot, loaded);
}

/* ----- many keys ----- */

/*
 * Whether cs_loader_load_many() can be used: an array type has no array type,
 * and unnest() expands rows.
 */
bool
cs_loader_can_batch(const CsBinding *binding)
{
	for (int i = 0; i < binding->nkeys; i++)
		if (!OidIsValid(get_array_type(binding->keys[i].type)) ||
			type_is_rowtype(binding->keys[i].type))
			return false;
	return true;
}

/*
 * Array of the keys' values in one column.
 */
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

/*
 * As cs_loader_load() for many keys with one query, always from the table.
 * loaded[i] is for keys[i].
 */
void
cs_loader_load_many(CsBinding *binding, CsRowKey *const *keys, int n,
					Snapshot snapshot, CsLoaded *loaded)
{
	MemoryContext context = CurrentMemoryContext;
	bool		xmin = may_see_xmin(binding);
	Datum		arrays[INDEX_MAX_KEYS];

	memset(loaded, 0, n * sizeof(CsLoaded));
	if (xmin && cs_fetch_rows(binding, (const CsRowKey *const *) keys, n, snapshot, loaded))
		return;
	SPI_connect();
	for (int i = 0; i < binding->nkeys; i++)
		arrays[i] = column_array(binding, i, keys, n);
	execute(binding, &binding->many_plan[xmin], true, xmin, arrays, snapshot);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		key = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
													  SPI_tuptable->tupdesc, 3, &isnull));

		take_row(SPI_tuptable, i, context, &loaded[key - 1]);
	}
	SPI_finish();
}
