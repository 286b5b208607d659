/*-------------------------------------------------------------------------
 *
 * query.h
 *		A query whose result may be kept, as asked by one role under one search
 *		path and with the same settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_QUERY_H
#define CS_QUERY_H

#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "utils/array.h"

#include "compat.h"
#include "queryresult/settings.h"

/* What a caller asks for. */
typedef struct CsAsked
{
	const char *text;
	Size		len;
	Oid			rowtype;		/* of the result; InvalidOid for jsonb */
	ArrayType  *reads;			/* NULL if not given */
} CsAsked;

/* How the value of $n is read. */
typedef struct CsParam
{
	Oid			type;
	Oid			ioparam;
	int16		typlen;
	bool		typbyval;
	FmgrInfo	input;
} CsParam;

typedef struct CsQuery
{
	dlist_node	node;			/* in order of use, the latest first */
	MemoryContext context;
	int			users;			/* number of uses up the call stack */
	bool		valid;			/* nothing that it depends on has been
								 * redefined */
	bool		retired;		/* no longer to be found */

	/* for which it was analysed */
	uint32		hash;
	Oid			role;
	char	   *text;
	CsAsked		asked;
	CsSettings	settings;
	CsSearchPath *path;

	/* how it is run */
	SPIPlanPtr	plan;
	const List *trees;			/* the plan's queries that were analysed */
	int			nparams;
	CsParam    *params;

	/* what it depends on */
	int			ntables;
	Oid		   *tables;			/* to be watched; in ascending order, as those
								 * below */
	List	   *occurrences;	/* of CsOccurrence: where tables are read */
	int			nviews;
	Oid		   *views;
	int			nrelations;
	Oid		   *relations;
	int			ntypes;
	uint32	   *types;			/* hash values of the system cache */
	bool		fleeting;		/* its literals depend on the time */
	bool		timely;			/* its result depends on the time */
	bool		opaque;			/* runs code that finds tables by name by
								 * itself */
	bool		secured;		/* subject to row-level security: run it each
								 * time */
	bool		oversized;		/* its last result was too large to be kept */
	int			outrun;			/* results in a row that were not kept because
								 * of a concurrent change */
	bool		permitted;		/* the role has the privileges that it
								 * requires */
	uint8		digest[PG_SHA256_DIGEST_LENGTH];	/* of everything else */
} CsQuery;

/* The catalogue objects whose changes concern a query or statement. */
typedef struct CsFootprint
{
	int			nrelations;
	const Oid  *relations;		/* in ascending order, as are the types */
	int			ntypes;
	const uint32 *types;		/* hash values of the system cache */
} CsFootprint;

extern CsQuery *cs_query_get(const CsAsked *asked);
extern void cs_query_done(CsQuery *query);
extern bool cs_query_lock(CsQuery *query);
extern void cs_query_execute(const CsQuery *query, const Datum *values, const bool *nulls,
							 Snapshot snapshot, DestReceiver *dest);

cs_noreturn extern void cs_query_changed_error(MemoryContext context, bool changed);
extern bool cs_query_stands(const CsQuery *query);
extern uint64 cs_query_news(void);
extern bool cs_query_news_concern(const CsFootprint *footprint, uint64 since);
extern void cs_query_bind(CsQuery *query, ArrayType *texts, Datum *values, bool *nulls);
extern const ParamExternData *cs_query_param(ParamListInfo params, int id, bool guess,
											 ParamExternData *space);
extern ParamListInfo cs_query_params(const CsQuery *query, const Datum *values,
									 const bool *nulls);
extern void cs_query_fingerprint_value(int16 typlen, bool typbyval, Datum value,
									   StringInfo fingerprint);
extern void cs_query_fingerprint(const CsQuery *query, const Datum *values, const bool *nulls,
								 StringInfo fingerprint);
extern void cs_query_digest(const StringInfo fingerprint, uint8 *digest);

/* A longer fingerprint is replaced by its hash. */
#define CS_LONGEST_FINGERPRINT	256
extern void cs_query_shorten(StringInfo fingerprint);

#endif							/* CS_QUERY_H */
