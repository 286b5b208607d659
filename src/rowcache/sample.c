/*-------------------------------------------------------------------------
 *
 * sample.c
 *		Reporting reads of rows to the store's miniatures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rowcache/sample.h"
#include "store/miniature.h"

/* Report a read of a sampled key. */
static void
report(const CsAccess *access, const CsRowKey *rowkey, const CsAnswer *answer)
{
	CsMeta		meta = {0};

	if (cs_is_hit(answer->reason))
	{
		meta.epoch = access->binding->epoch;
		meta.expires = answer->expires;
		cs_miniature_note_hit(&rowkey->key, &meta, answer->bytes);
	}
	else if (!cs_is_bypass(answer->reason))
		cs_miniature_note_miss(&rowkey->key);
}

/*
 * As cs_access_lookup(), and report the read if the key is sampled.  What is
 * filled after that is reported by the store.
 */
bool
cs_sample_lookup(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer)
{
	bool		hit = cs_access_lookup(access, rowkey, answer);

	if (cs_miniature_sampled(rowkey->key.hash))
		report(access, rowkey, answer);
	return hit;
}
