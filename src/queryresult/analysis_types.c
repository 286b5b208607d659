/*-------------------------------------------------------------------------
 *
 * analysis_types.c
 *		Analysis of a query: types.
 *
 * The text of a value depends on its type's definition: the labels of an enum,
 * the column names of a composite type, the output function of a user-defined
 * type.  So does the comparison of values.  A domain's constraints decide
 * whether there is a result at all.
 *
 * Types whose values stand for names in the catalogues are refused, because
 * their text changes when an object is renamed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "parser/parse_coerce.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "queryresult/analysis.h"

/*
 * Whether the values of a type are written as names of objects.
 */
bool
cs_analysis_type_is_name(Oid type)
{
	switch (type)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case ACLITEMOID:
			return true;
		default:
			return false;
	}
}

/* Note the labels as enum_out() will find them. */
static void
note_enum(CsAnalysis *analysis, Oid type)
{
	CatCList   *list = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(type));

	for (int i = 0; i < list->n_members; i++)
	{
		Oid			label = ((Form_pg_enum) GETSTRUCT(&list->members[i]->tuple))->oid;
		HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(label));

		if (!HeapTupleIsValid(tuple))
			continue;
		cs_analysis_tuple(analysis, tuple);
		ReleaseSysCache(tuple);
	}
	ReleaseCatCacheList(list);
}

/*
 * Columns of a composite type, to be released with ReleaseTupleDesc().
 *
 * Looking the columns up opens the relation, which waits while another session
 * drops or alters it.  So the relation is locked first, and looked up then.
 * Throws 40001 if it was dropped.
 */
TupleDesc
cs_analysis_type_columns(Oid type)
{
	Oid			relid = get_typ_typrelid(type);
	TupleDesc	tupdesc;

	if (!OidIsValid(relid))
		return lookup_rowtype_tupdesc(type, -1);
	LockRelationOid(relid, AccessShareLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		cs_analysis_dropped_error();
	tupdesc = lookup_rowtype_tupdesc(type, -1);
	UnlockRelationOid(relid, AccessShareLock);
	return tupdesc;
}

/*
 * Note the columns of a composite type.
 */
static void
note_composite(CsAnalysis *analysis, Oid type, bool made)
{
	TupleDesc	tupdesc = cs_analysis_type_columns(type);

	analysis->relations = list_append_unique_oid(analysis->relations, get_typ_typrelid(type));
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		cs_analysis_value(analysis, att->atttypid);
		cs_analysis_value(analysis, att->atttypmod);
		cs_analysis_value(analysis, att->attcollation);
		cs_analysis_value(analysis, att->attisdropped);
		cs_analysis_string(analysis, NameStr(att->attname));
		if (!att->attisdropped)
			cs_analysis_type(analysis, att->atttypid, made);
	}
	ReleaseTupleDesc(tupdesc);
}

/*
 * Note the constraints of a domain.
 */
static void
note_constraints(CsAnalysis *analysis, Oid type, bool made)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies domain",
												  ALLOCSET_SMALL_SIZES);
	DomainConstraintRef *ref = MemoryContextAlloc(context, sizeof(DomainConstraintRef));
	ListCell   *lc;

	InitDomainConstraintRef(type, ref, context, false);
	foreach(lc, ref->constraints)
	{
		DomainConstraintState *constraint = lfirst(lc);
		char	   *tree = nodeToString(constraint->check_expr);

		cs_analysis_value(analysis, constraint->constrainttype);
		cs_analysis_string(analysis, tree);
		pfree(tree);
		if (made)
			cs_analysis_expression(analysis, copyObject((Node *) constraint->check_expr));
	}
	/* releases the constraints */
	MemoryContextDelete(context);
}

/* Note the functions by which ranges of the type are made and compared. */
static void
note_range(CsAnalysis *analysis, Oid type, bool made)
{
	HeapTuple	tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(type));
	TypeCacheEntry *entry;
	Form_pg_range form;

	if (!HeapTupleIsValid(tuple))
		cs_analysis_dropped_error();
	form = (Form_pg_range) GETSTRUCT(tuple);
	cs_analysis_tuple(analysis, tuple);
	cs_analysis_type(analysis, form->rngsubtype, made);
	entry = lookup_type_cache(type, TYPECACHE_RANGE_INFO);
	cs_analysis_function(analysis, entry->rng_cmp_proc_finfo.fn_oid, NULL);
	if (OidIsValid(form->rngcanonical))
		cs_analysis_function(analysis, form->rngcanonical, NULL);
	ReleaseSysCache(tuple);
}

/*
 * Note the functions by which values of a user-defined type are written and
 * compared.
 */
static void
note_support(CsAnalysis *analysis, Oid type, Form_pg_type form)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC |
											  TYPECACHE_HASH_PROC);
	Oid			cast;

	cs_analysis_function(analysis, form->typoutput, NULL);
	if (OidIsValid(entry->eq_opr))
		cs_analysis_function(analysis, get_opcode(entry->eq_opr), NULL);
	if (OidIsValid(entry->cmp_proc))
		cs_analysis_function(analysis, entry->cmp_proc, NULL);
	if (OidIsValid(entry->hash_proc))
		cs_analysis_function(analysis, entry->hash_proc, NULL);
	/* used by to_json() and similar functions */
	if (find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, &cast) == COERCION_PATH_FUNC)
		cs_analysis_function(analysis, cast, NULL);
}

/*
 * Note what the definition of a type refers to.
 */
static void
note_definition(CsAnalysis *analysis, Oid type, bool made)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		cs_analysis_dropped_error();
	form = (Form_pg_type) GETSTRUCT(tuple);
	if (type >= FirstNormalObjectId)
	{
		cs_analysis_tuple(analysis, tuple);
		note_support(analysis, type, form);
	}
	switch (form->typtype)
	{
		case TYPTYPE_ENUM:
			note_enum(analysis, type);
			break;
		case TYPTYPE_COMPOSITE:
			note_composite(analysis, type, made);
			break;
		case TYPTYPE_DOMAIN:
			note_constraints(analysis, type, made);
			cs_analysis_type(analysis, form->typbasetype, made);
			break;
		case TYPTYPE_RANGE:
			note_range(analysis, type, made);
			break;
		case TYPTYPE_MULTIRANGE:
			cs_analysis_type(analysis, get_multirange_range(type), made);
			break;
		default:
			break;
	}
	if (OidIsValid(form->typelem))
		cs_analysis_type(analysis, form->typelem, made);
	ReleaseSysCache(tuple);
}

/*
 * Analyse a type.  'made' if the query makes values of it, so that domain
 * constraints are evaluated.
 */
void
cs_analysis_type(CsAnalysis *analysis, Oid type, bool made)
{
	if (!OidIsValid(type) || list_member_oid(made ? analysis->made : analysis->types, type))
		return;
	check_stack_depth();
	if (cs_analysis_type_is_name(type))
		cs_analysis_refuse(NULL, "It uses the type %s, whose values are written as names that can change.",
						   format_type_be(type));
	analysis->types = list_append_unique_oid(analysis->types, type);
	if (made)
		analysis->made = lappend_oid(analysis->made, type);
	note_definition(analysis, type, made);
}
