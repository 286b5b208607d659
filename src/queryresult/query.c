/*-------------------------------------------------------------------------
 *
 * query.c
 *		Queries whose results may be kept, analysed once per session.
 *
 * A session keeps the analyses of the queries that it has used last, each with
 * a plan.  Invalidations tell whether an analysis is still valid: those of the
 * relations and types that it depends on, and those of any other catalogue row
 * that could change the meaning of the query or the right to ask it.  So a hit
 * checks no privileges: the analysis found that they are there, and a REVOKE
 * outdates it.
 *
 * An analysis that is in use up the call stack is never freed, only removed
 * from the list.  The last user frees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "inval.h"
#include "queryresult/analysis.h"
#include "queryresult/conditions.h"
#include "queryresult/names.h"
#include "queryresult/query.h"

#define MAX_QUERIES		128
#define MAX_TEXTS		(256 * 1024)	/* bytes of text; plans take much more */
#define MAX_TRIES		10		/* number of analyses, if invalidations come
								 * in between */

static dlist_head queries = DLIST_STATIC_INIT(queries);
static dlist_head retired = DLIST_STATIC_INIT(retired); /* in use, but no longer
														 * to be found */
static int	nqueries = 0;
static Size ntexts = 0;

/* ----- invalidations ----- */

/*
 * The last invalidations, for an analysis in progress whose dependencies are
 * not known yet.
 */
#define N_LOGGED	256

typedef enum CsChanged
{
	CS_CHANGED_ALL,
	CS_CHANGED_RELATION,
	CS_CHANGED_TYPE
} CsChanged;

static struct
{
	CsChanged	what;
	uint32		which;			/* OID of the relation, or hash of the type */
}			logged[N_LOGGED];
static uint64 nlogged = 0;

/*
 * Log an invalidation.
 */
static void
log_change(CsChanged what, uint32 which)
{
	logged[nlogged % N_LOGGED].what = what;
	logged[nlogged % N_LOGGED].which = which;
	nlogged++;
}

static bool
is_member(uint32 which, const uint32 *set, int n)
{
	return n > 0 && bsearch(&which, set, n, sizeof(uint32), cs_analysis_compare_oids) != NULL;
}

/*
 * Whether an invalidation concerns what has this footprint.
 */
static bool
concerns_any(const CsFootprint *footprint, CsChanged what, uint32 which)
{
	switch (what)
	{
		case CS_CHANGED_ALL:
			return true;
		case CS_CHANGED_RELATION:
			return is_member(which, footprint->relations, footprint->nrelations);
		case CS_CHANGED_TYPE:
			return is_member(which, footprint->types, footprint->ntypes);
	}
	return true;
}

static bool
concerns(const CsQuery *query, CsChanged what, uint32 which)
{
	CsFootprint footprint = {
		.nrelations = query->nrelations,.relations = query->relations,
		.ntypes = query->ntypes,.types = query->types
	};

	return concerns_any(&footprint, what, which);
}

/*
 * Mark the queries of a list that an invalidation concerns.
 */
static void
outdate(dlist_head *list, CsChanged what, uint32 which)
{
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		CsQuery    *query = dlist_container(CsQuery, node, iter.cur);

		if (query->valid && concerns(query, what, which))
			query->valid = false;
	}
}

/*
 * Process an invalidation.
 */
static void
changed(CsChanged what, uint32 which)
{
	log_change(what, which);
	if (what == CS_CHANGED_ALL)
		cs_names_forget();
	outdate(&queries, what, which);
	outdate(&retired, what, which);
}

static void
relation_changed(Oid relid)
{
	changed(OidIsValid(relid) ? CS_CHANGED_RELATION : CS_CHANGED_ALL, relid);
}

static void
type_changed(uint32 hash)
{
	changed(hash != 0 ? CS_CHANGED_TYPE : CS_CHANGED_ALL, hash);
}

/* An object of a name that may have been noted was created or dropped. */
static void
name_changed(uint32 hash)
{
	if (cs_names_concern(hash))
		changed(CS_CHANGED_ALL, 0);
}

static void
anything_changed(uint32 hash)
{
	changed(CS_CHANGED_ALL, 0);
}

/*
 * Register for invalidations.  This happens at the first use, so that sessions
 * without remembered queries have no cost and use no callback slots.
 */
static void
listen(void)
{
	static bool done = false;
	static const int any[] = {
		/* meaning of names, operators, casts and functions */
		PROCOID, OPEROID, NAMESPACEOID, CASTSOURCETARGET, COLLOID, TSCONFIGOID,
		TSCONFIGMAP, TSDICTOID,
		AMPROCNUM, AMOPOPID, ENUMOID,
		/* privileges */
		AUTHOID, AUTHMEMMEMROLE, DATABASEOID
	};

	if (done)
		return;
	done = true;
	cs_inval_on_relation(relation_changed);
	cs_inval_on_syscache(TYPEOID, type_changed);
	cs_inval_on_syscache(RELNAMENSP, name_changed);
	cs_inval_on_syscache(TYPENAMENSP, name_changed);
	for (int i = 0; i < lengthof(any); i++)
		cs_inval_on_syscache(any[i], anything_changed);
}

/*
 * The number of invalidations that this session has processed, of those that
 * can concern a query.  The first call registers for them.
 */
uint64
cs_query_news(void)
{
	listen();
	return nlogged;
}

/*
 * Whether an invalidation concerned what has this footprint since
 * cs_query_news() returned 'since', as far as is known: invalidations too long
 * ago count as such.
 */
bool
cs_query_news_concern(const CsFootprint *footprint, uint64 since)
{
	if (nlogged - since > N_LOGGED)
		return true;
	for (; since < nlogged; since++)
		if (concerns_any(footprint, logged[since % N_LOGGED].what,
						 logged[since % N_LOGGED].which))
			return true;
	return false;
}

/* ----- keeping and forgetting ----- */

static void
discard(CsQuery *query)
{
	SPI_freeplan(query->plan);
	MemoryContextDelete(query->context);
}

/*
 * Remove a query from the list.  It is freed now, or by its last user.
 */
static void
retire(CsQuery *query)
{
	dlist_delete(&query->node);
	nqueries--;
	ntexts -= query->asked.len;
	if (query->users == 0)
	{
		discard(query);
		return;
	}
	query->valid = false;
	query->retired = true;
	dlist_push_tail(&retired, &query->node);
}

/*
 * Add a query to the list.  One that cannot be used again is freed after use.
 */
static void
keep(CsQuery *query)
{
	if (query->fleeting || query->asked.len > MAX_TEXTS)
	{
		query->retired = true;
		dlist_push_tail(&retired, &query->node);
		return;
	}
	while (nqueries >= MAX_QUERIES || ntexts + query->asked.len > MAX_TEXTS)
		retire(dlist_tail_element(CsQuery, node, &queries));
	dlist_push_head(&queries, &query->node);
	nqueries++;
	ntexts += query->asked.len;
}

/*
 * End a use that cs_query_get() began.
 */
void
cs_query_done(CsQuery *query)
{
	Assert(query->users > 0);
	if (--query->users > 0 || !query->retired)
		return;
	dlist_delete(&query->node);
	discard(query);
}

/* ----- analysing ----- */

/*
 * Parse the text, which must be one SELECT.
 */
static RawStmt *
parse(const char *text)
{
	List	   *raw = pg_parse_query(text);
	RawStmt    *statement;

	if (raw == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the query to remember is empty")));
	if (list_length(raw) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("only one query can be remembered at a time")));
	statement = linitial_node(RawStmt, raw);
	if (!IsA(statement->stmt, SelectStmt))
		cs_analysis_refuse(NULL, "It is not a SELECT.");
	for (SelectStmt *select = (SelectStmt *) statement->stmt; select != NULL;
		 select = select->larg)
		if (select->intoClause != NULL)
			cs_analysis_refuse(NULL, "It makes a table (SELECT INTO).");
	return statement;
}

/*
 * Prepare the plan.  The types of the parameters are inferred first.  The plan
 * is then prepared from the text once more, because it keeps what it needs for
 * replanning.
 */
static void
make_plan(CsQuery *query, CsAnalysis *analysis)
{
	CsTextContext context;
	RawStmt    *statement;
	Oid		   *types = NULL;
	int			ntypes = 0;

	cs_analysis_push_text(&context, query->text, NULL);
	statement = parse(query->text);
	analysis->fleeting = cs_names_note(list_make1(statement));
	(void) pg_analyze_and_rewrite_varparams(statement, query->text, &types, &ntypes, NULL);
	cs_analysis_pop_text(&context);

	query->plan = SPI_prepare(query->text, ntypes, types);
	if (query->plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query->text,
			 SPI_result_code_string(SPI_result));
	query->nparams = ntypes;
	query->params = MemoryContextAllocZero(query->context, ntypes * sizeof(CsParam) + 1);
	for (int i = 0; i < ntypes; i++)
	{
		CsParam    *param = &query->params[i];
		Oid			input;

		param->type = types[i];
		getTypeInputInfo(types[i], &input, &param->ioparam);
		get_typlenbyval(types[i], &param->typlen, &param->typbyval);
		fmgr_info_cxt(input, &param->input, query->context);
	}
}

static const CachedPlanSource *
plan_source(SPIPlanPtr plan)
{
	return linitial(SPI_plan_get_plan_sources(plan));
}

/*
 * Add the role's privileges on a table to the fingerprint, because opaque
 * functions may check them and a REVOKE must outdate the result.
 */
static void
fingerprint_privileges(CsAnalysis *analysis, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	int			natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	char		may = pg_class_aclcheck(relid, analysis->role, ACL_SELECT) == ACLCHECK_OK;

	ReleaseSysCache(tuple);
	cs_analysis_value(analysis, may);
	may = cs_namespace_aclcheck(get_rel_namespace(relid), analysis->role,
								ACL_USAGE) == ACLCHECK_OK;
	cs_analysis_value(analysis, may);
	for (AttrNumber i = 1; i <= natts; i++)
	{
		if (!OidIsValid(get_atttype(relid, i)))
			continue;			/* dropped */
		may = pg_attribute_aclcheck(relid, i, analysis->role, ACL_SELECT) == ACLCHECK_OK;
		cs_analysis_value(analysis, may);
	}
}

/*
 * Note the tables that the caller has named.
 */
static void
note_reads(CsAnalysis *analysis, ArrayType *reads)
{
	Datum	   *relids;
	bool	   *nulls;
	int			n;

	deconstruct_array(reads, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT,
					  &relids, &nulls, &n);
	analysis->depth++;
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"reads\" must not contain NULL")));
		LockRelationOid(DatumGetObjectId(relids[i]), AccessShareLock);
		cs_analysis_value(analysis, relids[i]);
		cs_analysis_table(analysis, DatumGetObjectId(relids[i]), true);
		fingerprint_privileges(analysis, DatumGetObjectId(relids[i]));
	}
	analysis->depth--;
}

/* Add to the fingerprint what every result depends on. */
static void
fingerprint_circumstances(CsAnalysis *analysis, const CsQuery *query)
{
	List	   *path = fetch_search_path(false);
	ListCell   *lc;

	char	   *role = GetUserNameFromId(query->role, false);

	cs_analysis_value(analysis, query->role);
	/* because CURRENT_USER is a name */
	cs_analysis_string(analysis, role);
	cs_analysis_value(analysis, query->asked.rowtype);
	cs_settings_fingerprint(&query->settings, &analysis->fingerprint);
	/* the default configuration of to_tsvector() and similar functions */
	cs_analysis_text_search(analysis, getTSCurrentConfig(false));
	foreach(lc, path)
		cs_analysis_value(analysis, lfirst_oid(lc));
}

/*
 * Plan and analyse the query.
 */
static void
analyse(CsQuery *query, CsAnalysis *analysis)
{
	ListCell   *lc;

	fingerprint_circumstances(analysis, query);
	make_plan(query, analysis);
	query->trees = plan_source(query->plan)->query_list;
	foreach(lc, query->trees)
	{
		char	   *tree = nodeToString(lfirst(lc));

		cs_analysis_string(analysis, tree);
		pfree(tree);
		cs_analysis_query(analysis, lfirst_node(Query, lc));
	}
	cs_analysis_type(analysis, query->asked.rowtype, true);
	if (query->asked.reads != NULL)
		note_reads(analysis, query->asked.reads);
}

/*
 * Copy the results of the analysis into the query's own memory.
 */
static void
take_over(CsQuery *query, const CsAnalysis *analysis)
{
	query->tables = cs_analysis_sorted(query->context, analysis->tables, &query->ntables);
	query->views = cs_analysis_sorted(query->context, analysis->views, &query->nviews);
	query->relations = cs_analysis_sorted(query->context, analysis->relations,
										  &query->nrelations);
	query->timely = analysis->timely || analysis->fleeting;
	query->types = cs_analysis_type_hashes(query->context, analysis->types, &query->ntypes);
	query->opaque = analysis->opaque;
	query->fleeting = analysis->fleeting;
	query->secured = analysis->secured;
	query->permitted = cs_analysis_is_permitted(analysis);
	cs_query_digest((StringInfo) &analysis->fingerprint, query->digest);
}

/*
 * What functions read is an occurrence without a condition; and without any of
 * the others there is nothing to be watched by value.
 */
static void
note_occurrences(CsQuery *query, const CsAnalysis *analysis)
{
	MemoryContext old;
	ListCell   *lc;

	if (!cs_conditions_matter(query->tables, query->ntables))
		return;
	old = MemoryContextSwitchTo(query->context);
	foreach(lc, analysis->opened)
	{
		CsOccurrence *occurrence = palloc0(sizeof(CsOccurrence));

		occurrence->relid = lfirst_oid(lc);
		query->occurrences = lappend(query->occurrences, occurrence);
	}
	MemoryContextSwitchTo(old);
	foreach(lc, query->trees)
	{
		List	   *found = cs_conditions_of_query(lfirst_node(Query, lc), query->text,
												   query->context);

		old = MemoryContextSwitchTo(query->context);
		query->occurrences = list_concat(query->occurrences, found);
		MemoryContextSwitchTo(old);
	}
}

/*
 * A query without its analysis, in a context of its own.
 */
static CsQuery *
make_query(const CsAsked *asked, const CsSettings *settings, uint32 hash)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies query",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CsQuery    *query = palloc0(sizeof(CsQuery));

	query->context = context;
	query->hash = hash;
	query->role = GetUserId();
	query->text = pnstrdup(asked->text, asked->len);
	query->asked = *asked;
	query->asked.text = query->text;
	if (asked->reads != NULL)
	{
		query->asked.reads = palloc(VARSIZE(asked->reads));
		memcpy(query->asked.reads, asked->reads, VARSIZE(asked->reads));
	}
	cs_settings_copy(&query->settings, settings);
	query->path = cs_search_path_get(context);
	MemoryContextSwitchTo(old);
	return query;
}

/* Whether an invalidation has arrived since then that concerns the query. */
static bool
is_spoiled(const CsQuery *query, uint64 since)
{
	CsFootprint footprint = {
		.nrelations = query->nrelations,.relations = query->relations,
		.ntypes = query->ntypes,.types = query->types
	};

	return cs_query_news_concern(&footprint, since);
}

/*
 * One try of the analysis.
 */
static CsQuery *
analyse_once(const CsAsked *asked, const CsSettings *settings, uint32 hash)
{
	CsQuery    *query = make_query(asked, settings, hash);
	CsAnalysis	analysis = {.role = query->role,.reads_given = asked->reads != NULL};
	uint64		since = nlogged;

	/* intermediate memory is freed by SPI_finish() */
	SPI_connect();
	initStringInfo(&analysis.fingerprint);
	analyse(query, &analysis);
	take_over(query, &analysis);
	note_occurrences(query, &analysis);
	query->valid = !is_spoiled(query, since);
	if (SPI_keepplan(query->plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	SPI_finish();
	MemoryContextSetParent(query->context, CacheMemoryContext);
	return query;
}

/*
 * Rethrow the present error.
 *
 * Types, functions and operators can be dropped while they are being analysed,
 * because no query locks them.  So if 'changed', meaning that an invalidation
 * has arrived, an internal error is replaced by 40001.
 */
void
cs_query_changed_error(MemoryContext context, bool changed)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode != ERRCODE_INTERNAL_ERROR || !changed)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("something that the query uses was changed or dropped concurrently"),
			 errdetail_internal("%s.", error->message),
			 errhint("Try again.")));
}

/*
 * As analyse_once(), with internal errors explained by concurrent changes.
 */
static CsQuery *
analyse_watching(const CsAsked *asked, const CsSettings *settings, uint32 hash)
{
	MemoryContext context = CurrentMemoryContext;
	uint64		since = nlogged;
	CsQuery    *volatile query = NULL;

	PG_TRY();
	{
		query = analyse_once(asked, settings, hash);
	}
	PG_CATCH();
	{
		cs_query_changed_error(context, nlogged != since);
	}
	PG_END_TRY();
	return query;
}

/*
 * Analyse until no relevant invalidation comes in between, or MAX_TRIES times.
 */
static CsQuery *
analyse_query(const CsAsked *asked, const CsSettings *settings, uint32 hash)
{
	for (int i = 0;; i++)
	{
		CsQuery    *query = analyse_watching(asked, settings, hash);

		if (query->valid || i == MAX_TRIES)
		{
			keep(query);
			return query;
		}
		discard(query);
	}
}

/* ----- finding ----- */

/*
 * Whether the query is the one asked for, apart from settings.
 */
static bool
is_asked(const CsQuery *query, const CsAsked *asked, uint32 hash, Oid role)
{
	const ArrayType *reads = query->asked.reads;

	if (query->hash != hash || query->role != role ||
		query->asked.rowtype != asked->rowtype || query->asked.len != asked->len ||
		memcmp(query->text, asked->text, asked->len) != 0)
		return false;
	if (reads == NULL || asked->reads == NULL)
		return reads == asked->reads;
	return VARSIZE(reads) == VARSIZE(asked->reads) &&
		memcmp(reads, asked->reads, VARSIZE(reads)) == 0;
}

/*
 * Find a valid analysis.
 */
static CsQuery *
find_query(const CsAsked *asked, const CsSettings *settings, uint32 hash)
{
	Oid			role = GetUserId();
	dlist_iter	iter;

	dlist_foreach(iter, &queries)
	{
		CsQuery    *query = dlist_container(CsQuery, node, iter.cur);

		if (!is_asked(query, asked, hash, role) ||
			!cs_settings_equal(&query->settings, settings))
			continue;
		if (query->valid && cs_search_path_matches(query->path))
		{
			dlist_move_head(&queries, &query->node);
			return query;
		}
		retire(query);
		break;
	}
	return NULL;
}

/*
 * Lock the views.  This is done even for a hit: as in a SELECT, the lock waits
 * for a transaction that is changing a view.  Tables have their watches
 * instead. Returns whether the analysis is still valid.
 */
static bool
lock_views(CsQuery *query)
{
	for (int i = 0; i < query->nviews; i++)
		LockRelationOid(query->views[i], AccessShareLock);
	return query->nviews == 0 || query->valid;
}

/*
 * Get the analysed query.  Throws if its result cannot be kept.  The result
 * stays until cs_query_done().
 */
CsQuery *
cs_query_get(const CsAsked *asked)
{
	CsSettings	settings;
	CsQuery    *query;

	/*
	 * not seeded: the hash only saves comparing texts in this session's list
	 * and selects no place in a table
	 */
	uint32		hash = hash_bytes((const unsigned char *) asked->text, asked->len);

	listen();
	AcceptInvalidationMessages();
	cs_settings_now(&settings);
	do
	{
		query = find_query(asked, &settings, hash);
		if (query == NULL)
		{
			query = analyse_query(asked, &settings, hash);
			break;
		}
	} while (!lock_views(query));
	query->users++;
	return query;
}

/* ----- using ----- */

/*
 * Whether the analysis and its plan are still valid.
 */
bool
cs_query_stands(const CsQuery *query)
{
	return query->valid && plan_source(query->plan)->query_list == query->trees;
}

/*
 * Lock the tables that the query reads, as a SELECT would.  Returns false if
 * it has been redefined; it may then still be run, but its result must not be
 * kept.
 *
 * The plan takes the same locks when it is run.  Taking them here, before the
 * tables are watched, processes the invalidations of redefinitions.
 */
bool
cs_query_lock(CsQuery *query)
{
	for (int i = 0; i < query->ntables; i++)
		LockRelationOid(query->tables[i], AccessShareLock);
	(void) lock_views(query);
	(void) CachedPlanGetTargetList((CachedPlanSource *) plan_source(query->plan), NULL);
	return cs_query_stands(query);
}

/*
 * Run the query as the caller's own SELECT, with the caller's privileges.
 */
void
cs_query_execute(const CsQuery *query, const Datum *values, const bool *nulls,
				 Snapshot snapshot, DestReceiver *dest)
{
	SPIExecuteOptions options = {
		.params = cs_query_params(query, values, nulls),
		.read_only = true,
		.dest = dest
	};
	MemoryContext context = CurrentMemoryContext;
	volatile int rc = 0;

	PushActiveSnapshot(snapshot);
	SPI_connect();
	PG_TRY();
	{
		rc = SPI_execute_plan_extended(query->plan, &options);
	}
	PG_CATCH();
	{
		cs_query_changed_error(context, !cs_query_stands(query));
	}
	PG_END_TRY();
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", query->text, SPI_result_code_string(rc));
	SPI_finish();
	PopActiveSnapshot();
}
