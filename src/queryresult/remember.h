/*-------------------------------------------------------------------------
 *
 * remember.h
 *		Results of queries, kept until a table changes from which they were
 *		computed.
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
	const text *space;			/* NULL for the role's own */
	bool		has_ttl;		/* else the space's default applies */
	int64		ttl;			/* microseconds; 0 for ever */
	int64		grace;			/* time for which a due result may be used
								 * while a session computes it anew */
	double		beta;			/* weight of early computation; 0 for none */
	int			ntags;
	const text **tags;
} CsTerms;

extern void cs_remember(const CsAsked *asked, ArrayType *params, const CsTerms *terms,
						CsOutput *output);
extern int	cs_remember_depends(const CsAsked *asked, ArrayType *params,
								CsDependence **words);
extern bool cs_remember_forget(const text *key, const text *space);

#endif							/* CS_REMEMBER_H */
