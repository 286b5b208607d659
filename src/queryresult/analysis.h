/*-------------------------------------------------------------------------
 *
 * analysis.h
 *		What a query reads, and whether its result may be kept.  Private to
 *		the remember layer.
 *
 * An analysis walks over everything that takes part in a query and collects
 * what its result depends on.  Tables are watched, relations and types noted,
 * so that it is known when to analyse again, and all the rest goes into a
 * fingerprint: bytes that are the same only if the same query, asked by the
 * same role, gives the same result from the same rows.
 *
 * The fingerprint is made of what this session's caches hold, and so is what
 * the query will be run with.  As long as no invalidation has come in between,
 * the one describes the other, however much the catalogues have changed
 * meanwhile.
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

/* Functions that must be allowed to a role: the current one, or an aggregate's owner. */
typedef struct CsUse
{
	Oid			function;
	Oid			role;
} CsUse;

typedef struct CsAnalysis
{
	Oid			role;			/* whose result it is */
	bool		reads_given;	/* he says what opaque functions read */

	bool		opaque;			/* there are such functions */
	bool		fleeting;		/* its literals depend on the time */
	bool		secured;		/* row-level security is enabled on a table */
	List	   *tables;			/* whose changes matter */
	List	   *views;
	List	   *relations;		/* whose definitions matter: these,
								 * partitions, composite types */
	List	   *types;			/* whose definitions matter */
	List	   *made;			/* of these, those that values are made of */
	List	   *functions;		/* looked at already */
	List	   *bodies;			/* the same, of CsBody */
	List	   *uses;			/* of CsUse */
	List	   *queries;		/* all levels, for their privileges */
	StringInfoData fingerprint;
} CsAnalysis;

/* analysis.c */
extern void cs_analysis_query(CsAnalysis *analysis, Query *query);
extern void cs_analysis_expression(CsAnalysis *analysis, Node *node);
extern void cs_analysis_table(CsAnalysis *analysis, Oid relid, bool children);
extern void cs_analysis_text_search(CsAnalysis *analysis, Oid config);
extern void cs_analysis_tuple(CsAnalysis *analysis, HeapTuple tuple);
extern void cs_analysis_refuse(const char *hint, const char *detail,...)
			pg_attribute_printf(2, 3);

/* For those who do not find what the query has been found to use. */
cs_noreturn extern void cs_analysis_dropped_error(void);

#define cs_analysis_value(analysis, value) \
	appendBinaryStringInfo(&(analysis)->fingerprint, (const char *) &(value), sizeof(value))
#define cs_analysis_string(analysis, string) \
	appendBinaryStringInfo(&(analysis)->fingerprint, (string), strlen(string) + 1)

/* Have errors in a text show where in that text they are. */
typedef struct CsTextContext
{
	ErrorContextCallback callback;
	const char *text;
	const char *function;		/* whose body it is; NULL: a query */
} CsTextContext;

extern void cs_analysis_push_text(CsTextContext *context, const char *text,
								  const char *function);
extern void cs_analysis_pop_text(CsTextContext *context);

/* analysis_functions.c: 'call' is the expression that calls it, or NULL */
extern void cs_analysis_function(CsAnalysis *analysis, Oid function, Node *call);
extern void cs_analysis_aggregate(CsAnalysis *analysis, Oid aggregate);
extern void cs_analysis_use(CsAnalysis *analysis, Oid function, Oid role);

/* analysis_types.c; 'made': values of the type come into being in the query */
extern void cs_analysis_type(CsAnalysis *analysis, Oid type, bool made);
extern bool cs_type_is_name(Oid type);
extern TupleDesc cs_type_columns(Oid type);
extern bool cs_builtin_is_harmless(const char *name);

#endif							/* CS_ANALYSIS_H */
