/*-------------------------------------------------------------------------
 *
 * analysis_text_search.c
 *		Analysis of a query: text search configurations and dictionaries.
 *
 * What a text becomes depends on the definition of the configuration, on its
 * mappings, and on the dictionaries that these name.  A dictionary may refer
 * to another one: a thesaurus reads its phrases by it.  Which one that is says
 * an option of the name "dictionary".  The files that dictionaries read are
 * read when a session first uses them, and are not looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_ts_dict.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "queryresult/analysis.h"

/* The dictionary that an option names, if it does. */
static Oid
named_by(const DefElem * option)
{
	if (pg_strcasecmp(option->defname, "dictionary") != 0)
		return InvalidOid;
	return get_ts_dict_oid(textToQualifiedNameList(cstring_to_text(defGetString((DefElem *) option))),
						   true);
}

/*
 * Add a dictionary to the fingerprint, with those that it refers to.
 */
void
cs_analysis_dictionary(CsAnalysis *analysis, Oid dictionary)
{
	HeapTuple	tuple = SearchSysCache1(TSDICTOID, ObjectIdGetDatum(dictionary));
	Datum		options;
	bool		isnull;
	ListCell   *lc;

	check_stack_depth();
	if (!HeapTupleIsValid(tuple))
		return;
	cs_analysis_tuple(analysis, tuple);
	options = SysCacheGetAttr(TSDICTOID, tuple, Anum_pg_ts_dict_dictinitoption, &isnull);
	foreach(lc, isnull ? NIL : deserialize_deflist(options))
	{
		Oid			named = named_by(lfirst_node(DefElem, lc));

		if (OidIsValid(named) && named != dictionary)
			cs_analysis_dictionary(analysis, named);
	}
	ReleaseSysCache(tuple);
}

/*
 * Add a configuration to the fingerprint, with its mappings and the
 * dictionaries that they name.
 */
void
cs_analysis_text_search(CsAnalysis *analysis, Oid config)
{
	HeapTuple	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	CatCList   *list;

	if (HeapTupleIsValid(tuple))
	{
		cs_analysis_tuple(analysis, tuple);
		ReleaseSysCache(tuple);
	}
	list = SearchSysCacheList1(TSCONFIGMAP, ObjectIdGetDatum(config));
	for (int i = 0; i < list->n_members; i++)
	{
		HeapTuple	mapping = &list->members[i]->tuple;

		cs_analysis_tuple(analysis, mapping);
		cs_analysis_dictionary(analysis, ((Form_pg_ts_config_map) GETSTRUCT(mapping))->mapdict);
	}
	ReleaseCatCacheList(list);
}
