/*-------------------------------------------------------------------------
 *
 * analysis.h
 *		Analysis of a query: what its result depends on, and whether it may be
 *		kept. Private to this folder.
 *
 * An analysis walks over everything that takes part in a query and collects
 * what its result depends on.  Tables will be watched.  Relations and types
 * are noted, so that an invalidation causes a new analysis.  Everything else
 * goes into a fingerprint: bytes that are equal only if the same query, asked
 * by the same role, gives the same result from the same rows.
 *
 * The fingerprint is computed from what this session's caches contain, and so
 * is the plan with which the query will be run.  Unless an invalidation comes
 * in between, the fingerprint describes the plan, however much the catalogues
 * have changed meanwhile.
 *
 * All functions here may throw.  What they allocate is in the current context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ANALYSIS_H
#define CS_ANALYSIS_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"

#include "compat.h"

/*
 * A function that a role must be allowed to execute: the current role, or the
 * owner of an aggregate.
 */
typedef struct CsUse
{
	Oid			function;
	Oid			role;
} CsUse;

typedef struct CsAnalysis
{
	Oid			role;			/* that asks the query */
	bool		reads_given;	/* the caller has named the tables that opaque
								 * functions read */
	bool		plain;			/* a statement of its own: the key includes
								 * what it may ask of the session */

	bool		opaque;			/* there are opaque functions */
	bool		fleeting;		/* its literals depend on the time */
	bool		secured;		/* row-level security is enabled on a table */
	bool		timely;			/* its result depends on the time */
	bool		sensitive;		/* it may depend on settings while it is run */
	List	   *options;		/* names (char *) of the settings that a plain
								 * statement asks for */
	List	   *tables;			/* to be watched */
	List	   *opened;			/* tables among them that functions read */
	int			depth;			/* of functions, while their bodies are
								 * visited */
	List	   *views;
	List	   *relations;		/* with relevant definitions: tables, views,
								 * partitions, composite types */
	List	   *types;			/* with relevant definitions */
	List	   *made;			/* the types among them of which the query
								 * makes values */
	List	   *functions;		/* already visited */
	List	   *bodies;			/* already visited, of CsBody */
	List	   *uses;			/* of CsUse */
	List	   *queries;		/* of all levels, for checking privileges */
	StringInfoData fingerprint;
} CsAnalysis;

/* in analysis.c */
extern void cs_analysis_query(CsAnalysis *analysis, Query *query);
extern void cs_analysis_expression(CsAnalysis *analysis, Node *node);
extern void cs_analysis_table(CsAnalysis *analysis, Oid relid, bool children);
extern void cs_analysis_tuple(CsAnalysis *analysis, HeapTuple tuple);
extern void cs_analysis_refuse(const char *hint, const char *detail,...)
			pg_attribute_printf(2, 3);

cs_noreturn extern void cs_analysis_dropped_error(void);

#define cs_analysis_value(analysis, value) \
	appendBinaryStringInfo(&(analysis)->fingerprint, (const char *) &(value), sizeof(value))
#define cs_analysis_string(analysis, string) \
	appendBinaryStringInfo(&(analysis)->fingerprint, (string), strlen(string) + 1)

typedef struct CsTextContext
{
	ErrorContextCallback callback;
	const char *text;
	const char *function;		/* whose body it is; NULL for a query */
} CsTextContext;

extern void cs_analysis_push_text(CsTextContext *context, const char *text,
								  const char *function);
extern void cs_analysis_pop_text(CsTextContext *context);

/* in analysis_functions.c; 'call' is the calling expression, or NULL */
extern void cs_analysis_function(CsAnalysis *analysis, Oid function, Node *call);
extern void cs_analysis_use(CsAnalysis *analysis, Oid function, Oid role);
extern bool cs_analysis_may_read(const Query *query);

/* in analysis_types.c; 'made' if the query makes values of the type */
extern void cs_analysis_type(CsAnalysis *analysis, Oid type, bool made);
extern bool cs_analysis_type_is_name(Oid type);
extern TupleDesc cs_analysis_type_columns(Oid type);

/* in analysis_text_search.c */
extern void cs_analysis_text_search(CsAnalysis *analysis, Oid config);
extern void cs_analysis_dictionary(CsAnalysis *analysis, Oid dictionary);

/* in analysis_session.c */
extern bool cs_analysis_session_function(CsAnalysis *analysis, const char *name, Node *call);

/* in analysis_outcome.c */
extern bool cs_analysis_is_permitted(const CsAnalysis *analysis);
extern int	cs_analysis_compare_oids(const void *a, const void *b);
extern Oid *cs_analysis_sorted(MemoryContext context, const List *list, int *n);
extern uint32 *cs_analysis_type_hashes(MemoryContext context, const List *types, int *n);

#endif							/* CS_ANALYSIS_H */
