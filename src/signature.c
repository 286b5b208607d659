/*-------------------------------------------------------------------------
 *
 * signature.c
 *		SQL functions that the library does not have as they are declared.
 *
 * The library and the extension's script are installed together, but a
 * database has the script's objects of the version that it was brought to: the
 * library is newer between the restart and ALTER EXTENSION UPDATE, and older
 * between ALTER EXTENSION UPDATE and a restart.  Then functions go on working
 * as long as they are declared with as many arguments and result columns as in
 * the script that the library was built with, and others throw, instead of
 * reading arguments that they were not given.  Of that script the build makes
 * a list, signatures.inc.
 *
 * Executors ask object_access_hook about each function before they look for
 * its C function.  A session compares versions once, and again after a change
 * of functions; where they are equal, no function is looked at.  Trigger
 * functions are not asked about, and have no arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "hooks.h"
#include "inval.h"
#include "signature.h"
#include "signatures.inc"

typedef struct Signature
{
	const char *symbol;
	int			arguments;
	int			columns;
} Signature;

static const Signature signatures[] = {SCRIPT_FUNCTIONS};

/* Whether the database has the objects of the library's script. */
typedef enum Agreement
{
	AGREEMENT_UNKNOWN,
	AGREEMENT_SAME,				/* or there is no extension */
	AGREEMENT_OTHER
} Agreement;

static Agreement agreement = AGREEMENT_UNKNOWN;

/*
 * The version of the extension in this database; NULL if it does not exist.
 * Allocates in the current context.
 */
static char *
database_version(Oid *extension)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("cache_strategies"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(rel), &isnull);

		*extension = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
		version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

/*
 * How many result columns a function is declared with.
 */
static int
result_columns(HeapTuple function)
{
	bool		isnull;
	Datum		modes = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proargmodes, &isnull);
	int			columns = 0;
	ArrayType  *array;

	if (isnull)
		return 0;
	array = DatumGetArrayTypeP(modes);
	for (int i = 0; i < ARR_DIMS(array)[0]; i++)
		columns += ARR_DATA_PTR(array)[i] == PROARGMODE_OUT;
	return columns;
}

/*
 * Whether the library's script declares a C function as this one is.
 */
static bool
is_known(HeapTuple function)
{
	bool		isnull;
	Datum		source = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_prosrc, &isnull);
	char	   *symbol = isnull ? pstrdup("") : TextDatumGetCString(source);
	int			arguments = ((Form_pg_proc) GETSTRUCT(function))->pronargs;
	int			columns = result_columns(function);
	bool		known = false;

	for (int i = 0; i < lengthof(signatures) && !known; i++)
		known = strcmp(signatures[i].symbol, symbol) == 0 &&
			signatures[i].arguments == arguments && signatures[i].columns == columns;
	pfree(symbol);
	return known;
}

/*
 * Whether the first of two versions, numbers with points, is the older one.
 */
static bool
is_older(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0')
	{
		char	   *a_end;
		char	   *b_end;
		long		a_part = strtol(a, &a_end, 10);
		long		b_part = strtol(b, &b_end, 10);

		if (a_part != b_part)
			return a_part < b_part;
		if (a_end == a || b_end == b)
			break;
		a = *a_end == '.' ? a_end + 1 : a_end;
		b = *b_end == '.' ? b_end + 1 : b_end;
	}
	return *a == '\0' && *b != '\0';
}

/*
 * Throw if the function is one of the extension's that the library does not
 * have.
 */
static void
check_function(Oid function)
{
	Oid			extension = InvalidOid;
	char	   *version = database_version(&extension);
	HeapTuple	tuple;
	bool		known;

	agreement = version == NULL || strcmp(version, SCRIPT_VERSION) == 0 ?
		AGREEMENT_SAME : AGREEMENT_OTHER;
	if (agreement == AGREEMENT_SAME ||
		getExtensionOfObject(ProcedureRelationId, function) != extension)
		return;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return;
	known = ((Form_pg_proc) GETSTRUCT(tuple))->prolang != ClanguageId || is_known(tuple);
	ReleaseSysCache(tuple);
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the library of cache_strategies does not have the function %s as it is declared",
						format_procedure(function)),
				 errdetail("The extension in this database is of version %s, and the library is of version %s.",
						   version, SCRIPT_VERSION),
				 is_older(version, SCRIPT_VERSION) ?
				 errhint("Use ALTER EXTENSION cache_strategies UPDATE in this database.") :
				 errhint("Restart the server, for it to load the library that is installed.")));
}

/*
 * Hook of object_access_hook.
 */
static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, Oid auxiliary)
{
	if (agreement != AGREEMENT_SAME && object >= FirstNormalObjectId && IsTransactionState())
		check_function(object);
}

/*
 * Hook of changes of functions, as by CREATE, ALTER and DROP EXTENSION.
 */
static void
functions_changed(uint32 hash)
{
	agreement = AGREEMENT_UNKNOWN;
}

/*
 * To be called while the library is preloaded.
 */
void
cs_signature_init(void)
{
	cs_hooks_on_object(CS_ACCESS(OAT_FUNCTION_EXECUTE), object_access);
	cs_inval_on_syscache(PROCOID, functions_changed);
}
