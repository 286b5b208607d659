/*-------------------------------------------------------------------------
 *
 * kept.h
 *		Entries of the store that are results of queries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEPT_H
#define CS_KEPT_H

#include "kv/kv.h"
#include "queryresult/depends.h"
#include "xact/snapshot.h"

/* A result, with what decides whether it is still valid. */
typedef struct CsKept
{
	TimestampTz due;			/* time at which to compute it anew, 0 for
								 * never; the entry expires later if there is
								 * a grace period */
	TimestampTz asof;			/* it is not older; plain statements only */
	int64		cost;			/* time of the computation, in microseconds */
	CsDepends	depends;		/* as of then */
	CsSeen	   *seen;			/* what the snapshot saw under which it was
								 * computed */
	int			ntags;
	CsKvTag    *tags;
	const char *data;
	Size		len;
	TimestampTz expires;		/* of the entry that was found; 0: never */
	bool		expired;		/* not found, as its time is over */
} CsKept;

extern bool cs_kept_find(const CsKvKey *key, const CsSpace *space, CsKept *kept);
extern CsInstall cs_kept_install(const CsKvKey *key, const CsSpace *space,
								 const CsKept *kept, TimestampTz expires,
								 CsCheck check, void *arg);
extern void cs_kept_sample_hit(const CsKvKey *key, const CsSpace *space, Size len,
							   TimestampTz expires);
extern void cs_kept_sample_miss(const CsKvKey *key, bool fallen);
extern void cs_kept_count(const CsSpace *space, CsInstall installed);

#endif							/* CS_KEPT_H */
