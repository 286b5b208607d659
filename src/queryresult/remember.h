/*-------------------------------------------------------------------------
 *
 * remember.h
 *		Results of queries, kept until a table that they were computed from
 *		changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REMEMBER_H
#define CS_REMEMBER_H

#include "queryresult/query.h"
#include "queryresult/result.h"

/* How a result is to be kept. */
typedef struct CsTerms
{
	const text *key;
	const text *space;			/* NULL: the role's own */
	bool		has_ttl;		/* else the space's */
	int64		ttl;			/* microseconds; 0: for ever */
	int64		grace;			/* how much longer it serves while one session
								 * computes it anew */
	double		beta;			/* how early it may be computed anew; 0: never */
	int			ntags;
	const text **tags;
} CsTerms;

extern void cs_remember(const CsAsked *asked, ArrayType *params, const CsTerms *terms,
						CsOutput *output);
extern bool cs_remember_forget(const text *key, const text *space);

#endif							/* CS_REMEMBER_H */
