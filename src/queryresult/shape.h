/*-------------------------------------------------------------------------
 *
 * shape.h
 *		Plain statements whose results may be kept, as one role runs them with
 *		the same settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SHAPE_H
#define CS_SHAPE_H

#include "common/sha2.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"

#include "queryresult/digest.h"
#include "queryresult/query.h"
#include "queryresult/settings.h"

/* A parameter that the statement uses. */
typedef struct CsShapeParam
{
	int			id;				/* $n */
	Oid			type;
	int16		typlen;
	bool		typbyval;
} CsShapeParam;

typedef struct CsShape
{
	dlist_node	node;			/* the latest used first */
	MemoryContext context;
	uint64		number;			/* of no other shape of this session */

	/* what it was analysed for */
	uint8		tree[CS_DIGEST_LENGTH]; /* cs_digest_query() */
	Oid			role;
	Oid			session_user;
	bool		row_security;
	CsSettings	settings;
	CsSearchPath *path;

	/* it has been so from one change in the catalogues to another */
	uint64		since;
	uint64		checked;
	CsFootprint footprint;

	/* the outcome; of one that is refused, only the reason */
	char	   *refused;		/* a sentence; NULL: its result may be kept */
	char	   *hint;			/* or NULL */
	int			ntables;
	Oid		   *tables;			/* to be watched; in ascending order */
	int			nopened;
	Oid		   *opened;			/* those of them that functions read */
	int			nviews;
	Oid		   *views;
	int			nparams;
	CsShapeParam *params;
	List	   *options;		/* names of settings whose values are in the
								 * key */
	bool		timely;			/* depends on the time */
	bool		sensitive;		/* may depend on settings while it is run */
	bool		permitted;		/* the role may do all that it does */
	uint8		digest[PG_SHA256_DIGEST_LENGTH];	/* not of parameters, nor
													 * of options */
} CsShape;

/*
 * The statement as it would be executed now.  NULL if 'query' was made before
 * a change of the catalogs that concerns it, or that is no longer recorded.
 * 'news' is the value of cs_query_news() at that time.  Not in parallel mode.
 * Valid until the next call.
 */
extern CsShape *cs_shape_get(const Query *query, const uint8 *digest, uint64 news);

/* The shape of this number, if what it says still holds; or NULL. */
extern CsShape *cs_shape_find(uint64 number);

/* Is it still analysed for this session as it is? */
extern bool cs_shape_fits(const CsShape *shape);

/*
 * Bytes that are the same only for statements with the same result; false: the
 * parameters cannot be had.
 */
extern void cs_shape_options(const CsShape *shape, StringInfo fingerprint);
extern bool cs_shape_fingerprint(const CsShape *shape, ParamListInfo params,
								 StringInfo fingerprint);

#endif							/* CS_SHAPE_H */
