/*-------------------------------------------------------------------------
 *
 * recompute.h
 *		Comparing a kept result that answers with what its statement returns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RECOMPUTE_H
#define CS_RECOMPUTE_H

#include "utils/snapshot.h"

#include "guc.h"
#include "queryresult/kept.h"
#include "queryresult/rowset.h"
#include "rowcache/verified.h"

typedef struct CsRecompute CsRecompute;

struct CsRecompute
{
	const char *text;			/* of the statement */
	const CsKvKey *key;			/* of the entry */
	const CsSpace *space;
	Snapshot	snapshot;		/* for which it answers */
	const CsDetermined *determined;
	CsRowSet	kept;
	bool		malformed;		/* the kept bytes are no rows */
	CsRowSet	computed;

	/* Run the statement under the snapshot, into 'computed'.  May throw. */
	void		(*run) (CsRecompute *recompute);

	/* Would the same result still answer? */
	bool		(*stands) (CsRecompute *recompute);

	/* Append what it depends on, with values.  May throw. */
	void		(*describe) (CsRecompute *recompute, StringInfo buf);
	void	   *arg;
};

extern bool cs_recompute_chosen(void);
extern bool cs_recompute_is_right(CsRecompute *recompute);

/* Is this hit to be compared? */
static inline bool
cs_recompute_wants(void)
{
	return unlikely(cs_audit_results > 0) && cs_recompute_chosen();
}

#endif							/* CS_RECOMPUTE_H */
